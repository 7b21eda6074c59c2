//! The files of a layout or archive by name: in a directory as they lie there, or staged from an archive.
//!
//! Names come from strangers' documents. In a directory they are opened beneath it, whatever they say; staged ones are
//! only keys.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use proto::id::Digest;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::blobs::{Blobs, JSON_BYTES_MAX};
use crate::error::{Doing, ImageError, Result};
use crate::import::bad;

/// A file of an archive, copied out.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// The files.
#[derive(Debug)]
pub(super) struct Files {
    /// What was asked for, for messages.
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(OwnedFd),
    Archive { files: HashMap<String, Staged>, links: HashMap<String, String>, _staging: tempfile::TempDir },
}

impl Files {
    pub(super) fn directory(path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, path, flags, Mode::empty()).doing("open", path)?;
        Ok(Self { path: path.to_path_buf(), place: Place::Directory(dir) })
    }

    pub(super) fn archive(
        path: &Path,
        files: HashMap<String, Staged>,
        links: HashMap<String, String>,
        staging: tempfile::TempDir,
    ) -> Self {
        Self { path: path.to_path_buf(), place: Place::Archive { files, links, _staging: staging } }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.open(name).is_ok_and(|file| file.is_some())
    }

    /// Opens a file; `None` when there is none of that name.
    pub(super) fn open(&self, name: &str) -> Result<Option<File>> {
        match &self.place {
            Place::Directory(dir) => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
                let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
                match rustix::fs::openat2(dir, name, flags, Mode::empty(), beneath) {
                    Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
                    Err(error) => Err(self.bad(name, std::io::Error::from(error).to_string())),
                    Ok(fd) => {
                        let file = File::from(fd);
                        let meta = file.metadata().doing("look at", self.path.join(name))?;
                        if meta.is_file() { Ok(Some(file)) } else { Err(self.bad(name, "it is not a file")) }
                    }
                }
            }
            Place::Archive { .. } => match self.staged(name) {
                Some(staged) => File::open(&staged.path).doing("open", &staged.path).map(Some),
                None => Ok(None),
            },
        }
    }

    /// A file that must be there.
    pub(super) fn need(&self, name: &str) -> Result<File> {
        self.open(name)?.ok_or_else(|| self.bad(name, "it is missing"))
    }

    /// A small file that must be there.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.need(name)?
            .take(JSON_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .doing("read", self.path.join(name))?;
        if bytes.len() as u64 > JSON_BYTES_MAX {
            return Err(
                self.bad(name, format!("it has more than {JSON_BYTES_MAX} bytes, too many for a document"))
            );
        }
        Ok(bytes)
    }

    /// A small blob of a layout, its digest checked.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let name = blob_name(digest);
        let bytes = self.read(&name)?;
        let found = Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(self.bad(&name, format!("it has the digest {found}"))) }
    }

    /// Moves or copies a file into the store under `digest`, which it has to have.
    pub(super) fn store(
        &self,
        name: &str,
        digest: &Digest,
        blobs: &Blobs,
        tell: &mut dyn FnMut(u64),
    ) -> Result<()> {
        if let Place::Archive { .. } = self.place {
            let staged = self.staged(name).ok_or_else(|| self.bad(name, "it is missing"))?;
            if staged.digest != *digest {
                return Err(self.bad(
                    name,
                    format!("it has the digest {}, and {digest} is what it should be", staged.digest),
                ));
            }
            // One file may be a layer of several images.
            return if blobs.has(digest, staged.size) { Ok(()) } else { blobs.take(&staged.path, digest) };
        }
        let mut file = self.need(name)?;
        let mut writer = blobs.writer()?;
        let mut done = 0;
        let mut buffer = vec![0; 1 << 17];
        loop {
            let n = file.read(&mut buffer).doing("read", self.path.join(name))?;
            if n == 0 {
                break;
            }
            std::io::Write::write_all(&mut writer, &buffer[..n]).doing("write in", blobs.folder())?;
            done += n as u64;
            tell(done);
        }
        match writer.finish_as(digest, "a blob") {
            Err(ImageError::DigestMismatch { found, expected, .. }) => {
                Err(self.bad(name, format!("it has the digest {found}, and {expected} is what it should be")))
            }
            other => other.map(drop),
        }
    }

    /// Digest and length of a file; a directory's file is read for it.
    pub(super) fn identify(&self, name: &str) -> Result<(Digest, u64)> {
        if let Some(staged) = self.staged(name) {
            return Ok((staged.digest.clone(), staged.size));
        }
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        let mut file = self.need(name)?;
        let size = std::io::copy(&mut file, &mut crate::blobs::HashInto(&mut hash))
            .doing("read", self.path.join(name))?;
        Ok((Digest::from_raw(&hash.finalize()), size))
    }

    fn staged(&self, name: &str) -> Option<&Staged> {
        let Place::Archive { files, links, .. } = &self.place else { return None };
        let name = name.strip_prefix("./").unwrap_or(name);
        // One hop: `docker save` of old links a layer to the image that had it first.
        files.get(name).or_else(|| files.get(links.get(name)?))
    }

    pub(super) fn bad(&self, entry: &str, problem: impl Into<String>) -> ImageError {
        let shown: String = entry.chars().take(120).flat_map(char::escape_debug).collect();
        bad(&self.path, shown, problem)
    }
}

/// Where a blob lies in a layout.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
