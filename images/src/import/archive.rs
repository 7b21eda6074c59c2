//! An archive as files: read once from front to back, each of its files copied out beside the store, where it will be
//! renamed into place or dropped. It may be a pipe's content or packed; nothing is sought.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, Write as _};
use std::path::Path;

use proto::id::Digest;
use sha2::{Digest as _, Sha256};

use crate::error::{Doing, ImageError, Result};
use crate::import::bad;
use crate::import::files::{Files, Staged};
use crate::layer::entries::{self, Kind};
use crate::layer::unpack::Packing;

/// Entries of an archive: three per layer and a few for each image.
const ENTRIES_MAX: u64 = 100_000;
/// Plain bytes of an archive.
const BYTES_MAX: u64 = 64 << 30;

/// How a file begins, as far as packing goes.
pub(super) fn packing_of(head: &[u8]) -> Packing {
    match head {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        _ => Packing::Plain,
    }
}

/// The first bytes of a file, which is at its start again.
pub(super) fn packing(file: &mut File) -> std::io::Result<Packing> {
    let mut head = Vec::new();
    Read::take(&mut *file, 4).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(packing_of(&head))
}

/// Copies the files of the archive into `staging`.
pub(super) fn read(path: &Path, staging: tempfile::TempDir, tell: &dyn Fn(u64)) -> Result<Files> {
    let mut file = File::open(path).doing("open", path)?;
    let packing = packing(&mut file).doing("read", path)?;
    let counted = BufReader::with_capacity(1 << 17, Counted { file, done: 0, tell });
    let plain: Box<dyn Read + '_> = match packing {
        Packing::Plain => Box::new(counted),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(counted)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(counted).doing("read", path)?),
    };
    let mut reading = Reading {
        path,
        staging: staging.path(),
        files: HashMap::new(),
        links: HashMap::new(),
        bytes: 0,
        count: 0,
    };
    let mut last = "(its first entry)".to_owned();
    entries::for_each(plain, |entry, content| {
        last = entry.path.display();
        reading.take(entry, content)
    })
    .map_err(|error| match error {
        ImageError::HostileLayer { entry, problem } => bad(path, entry, problem),
        ImageError::BrokenLayer { source } => bad(
            path,
            format!("after {last}"),
            format!("it cannot be read as a tar archive ({source}); it may have been cut short"),
        ),
        other => other,
    })?;
    let Reading { files, links, .. } = reading;
    Ok(Files::archive(path, files, links, staging))
}

struct Reading<'a> {
    path: &'a Path,
    staging: &'a Path,
    files: HashMap<String, Staged>,
    links: HashMap<String, String>,
    bytes: u64,
    count: u64,
}

impl Reading<'_> {
    fn take(&mut self, entry: &entries::Entry, content: &mut dyn Read) -> Result<()> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(entry.size);
        if self.count > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let problem = format!("the archive has more than {ENTRIES_MAX} entries or {BYTES_MAX} bytes");
            return Err(bad(self.path, entry.path.display(), problem));
        }
        let Ok(name) = String::from_utf8(entry.path.bytes()) else {
            return Err(bad(self.path, entry.path.display(), "its name is not UTF-8"));
        };
        match &entry.kind {
            Kind::File => {
                let staged = self.stage(&name, entry.size, content)?;
                self.check_name(&name, &staged)?;
                self.files.insert(name, staged);
            }
            Kind::Symlink(target) => {
                if let Some(target) = beside(&name, target) {
                    self.links.insert(name, target);
                }
            }
            Kind::Hardlink(target) => {
                self.links.insert(name, String::from_utf8_lossy(&target.bytes()).into_owned());
            }
            Kind::Dir | Kind::Special => {}
        }
        Ok(())
    }

    fn stage(&self, name: &str, size: u64, content: &mut dyn Read) -> Result<Staged> {
        let path = self.staging.join(self.count.to_string());
        let mut file = File::options().create_new(true).write(true).open(&path).doing("create", &path)?;
        let (mut hash, mut copied) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 17];
        loop {
            let n = content.read(&mut buffer).map_err(entries::broken)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            file.write_all(&buffer[..n]).doing("write", &path)?;
            copied += n as u64;
        }
        if copied != size {
            return Err(bad(
                self.path,
                name,
                format!("it ends after {copied} of {size} bytes: the archive was cut short"),
            ));
        }
        Ok(Staged { path, digest: Digest::from_raw(&hash.finalize()), size })
    }

    /// A blob is called by its digest.
    fn check_name(&self, name: &str, staged: &Staged) -> Result<()> {
        match name.strip_prefix("blobs/sha256/") {
            Some(hex) if hex != staged.digest.hex() => Err(bad(
                self.path,
                name,
                format!("it has the digest {}: it was changed or cut short", staged.digest),
            )),
            _ => Ok(()),
        }
    }
}

/// What a symbolic link of the archive names, when that is beneath the archive's root.
fn beside(name: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok().filter(|target| !target.starts_with('/'))?;
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

struct Counted<'a> {
    file: File,
    done: u64,
    tell: &'a dyn Fn(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.done += n as u64;
        (self.tell)(self.done);
        Ok(n)
    }
}
