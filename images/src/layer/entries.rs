//! A tar stream as plain entries.
//!
//! Parsers disagree about extended headers, and attacks live in the gap: a size in a PAX header that one
//! reader honours and another does not smuggles a second archive into a file's content. So the raw records
//! are read here one by one, extension records are small or refused, and a PAX size that differs from the
//! header's is refused rather than interpreted. Sparse files, which no image builder writes, are refused.

use std::io::{self, Read};

use crate::error::{ImageError, Result};

/// Longest extension record; a name has at most 4096 bytes, so this is generous.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;
/// Longest path as a whole, as the kernel has it.
const PATH_BYTES_MAX: usize = 4096;
/// Longest path component, as every Linux file system has it.
const NAME_BYTES_MAX: usize = 255;
/// Deepest nesting of directories.
const DEPTH_MAX: usize = 64;

/// A path below the root: no empty component, no `.`, no `..`, no NUL. The root itself has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct EntryPath(Vec<Vec<u8>>);

impl EntryPath {
    /// Checks a name from an archive.
    pub(crate) fn parse(name: &[u8]) -> std::result::Result<Self, &'static str> {
        if name.is_empty() {
            return Err("the name is empty");
        }
        if name.len() > PATH_BYTES_MAX {
            return Err("the name is longer than 4096 bytes");
        }
        if name.contains(&0) {
            return Err("the name has a NUL byte");
        }
        if name[0] == b'/' {
            return Err("the name is absolute; names in a layer are relative to its root");
        }
        let mut parts = Vec::new();
        for part in name.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => return Err("the name has a `..` component"),
                part if part.len() > NAME_BYTES_MAX => {
                    return Err("a name component is longer than 255 bytes");
                }
                part => parts.push(part.to_vec()),
            }
        }
        if parts.len() > DEPTH_MAX {
            return Err("it is nested deeper than 64 directories");
        }
        Ok(Self(parts))
    }

    pub(crate) fn split_last(&self) -> Option<(&[u8], &[Vec<u8>])> {
        self.0.split_last().map(|(last, parents)| (last.as_slice(), parents))
    }

    pub(crate) fn parts(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// The same directory with another last component.
    pub(crate) fn with_name(&self, name: &[u8]) -> Self {
        let mut parts = self.0.clone();
        parts.pop();
        parts.push(name.to_vec());
        Self(parts)
    }

    pub(crate) fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, parents)| Self(parents.to_vec()))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.join(&b'/')
    }

    /// Printable, for messages.
    pub(crate) fn display(&self) -> String {
        printable(&self.bytes())
    }
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Dir,
    File,
    /// A symbolic link; its text is never followed outside of a box.
    Symlink(Vec<u8>),
    /// Another name of an earlier file of the same layer.
    Hardlink(EntryPath),
    /// A device node, FIFO or socket: never made.
    Special,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub path: EntryPath,
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky: `0o7777` at most.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Length of the content in bytes; 0 unless a file.
    pub size: u64,
}

/// Calls `each` for every entry with a reader of its content, in order of the archive.
///
/// # Errors
/// [`ImageError::HostileLayer`] and [`ImageError::BrokenLayer`]; whatever `each` returns.
pub(crate) fn for_each<R: Read>(
    stream: R,
    mut each: impl FnMut(&Entry, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut archive = tar::Archive::new(stream);
    let raw = archive.entries().map_err(broken)?.raw(true);
    let mut pending = Pending::default();
    for record in raw {
        let mut record = record.map_err(broken)?;
        let header = record.header().clone();
        let size = record.size();
        let kind = header.entry_type();
        if kind.is_pax_global_extensions() {
            // Comments of git-archive and the like; nothing in them is about a file.
            read_extension(&mut record, size)?;
        } else if kind.is_pax_local_extensions() {
            pending.take_pax(&read_extension(&mut record, size)?)?;
        } else if kind.is_gnu_longname() {
            pending.path = Some(without_nul(read_extension(&mut record, size)?));
        } else if kind.is_gnu_longlink() {
            pending.link = Some(without_nul(read_extension(&mut record, size)?));
        } else {
            let entry = std::mem::take(&mut pending).into_entry(&header, size)?;
            each(&entry, &mut record)?;
        }
    }
    Ok(())
}

pub(crate) fn broken(source: io::Error) -> ImageError {
    ImageError::BrokenLayer { source }
}

pub(crate) fn hostile(entry: &[u8], problem: impl Into<String>) -> ImageError {
    ImageError::HostileLayer { entry: printable(entry), problem: problem.into() }
}

/// What extension records said about the next entry.
#[derive(Default)]
struct Pending {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Pending {
    fn take_pax(&mut self, records: &[u8]) -> Result<()> {
        for record in tar::PaxExtensions::new(records) {
            let record = record.map_err(broken)?;
            // An empty value is legal and takes a global one back; we heed no global ones.
            let value = Some(record.value_bytes().to_vec()).filter(|value| !value.is_empty());
            match record.key_bytes() {
                b"path" => self.path = value,
                b"linkpath" => self.link = value,
                b"size" => {
                    self.size = value
                        .map(|digits| {
                            std::str::from_utf8(&digits)
                                .ok()
                                .and_then(|text| text.parse().ok())
                                .ok_or_else(|| hostile(b"(PAX header)", "its size is not a number"))
                        })
                        .transpose()?;
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                // Extended attributes, owners by name and finer times are dropped.
                _ => {}
            }
        }
        Ok(())
    }

    fn into_entry(self, header: &tar::Header, size: u64) -> Result<Entry> {
        let name = self.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let refuse = |problem: &str| hostile(&name, problem);
        let path = EntryPath::parse(&name).map_err(refuse)?;
        if self.size.is_some_and(|pax| pax != size) {
            return Err(refuse("its PAX header and its tar header disagree about the size"));
        }
        let link = || {
            self.link
                .clone()
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
                .filter(|link| !link.is_empty())
                .ok_or_else(|| refuse("it is a link without a target"))
        };
        let kind = match header.entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous if self.sparse => {
                return Err(refuse("it is a sparse file, which images do not have"));
            }
            // Old archives mark directories by a slash alone.
            tar::EntryType::Regular if name.ends_with(b"/") => Kind::Dir,
            tar::EntryType::Regular | tar::EntryType::Continuous => Kind::File,
            tar::EntryType::Directory => Kind::Dir,
            tar::EntryType::Symlink => {
                let target = link()?;
                if target.len() >= PATH_BYTES_MAX || target.contains(&0) {
                    return Err(refuse("the target of the symbolic link is too long or has a NUL byte"));
                }
                Kind::Symlink(target)
            }
            tar::EntryType::Link => {
                let target = EntryPath::parse(&link()?)
                    .map_err(|problem| refuse(&format!("the hard link's target is refused: {problem}")))?;
                Kind::Hardlink(target)
            }
            tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo => Kind::Special,
            other => return Err(refuse(&format!("its type {:?} is not known", other.as_byte() as char))),
        };
        if path.parts().is_empty() && kind != Kind::Dir {
            return Err(refuse("the root of a layer must be a directory"));
        }
        Ok(Entry {
            size: if kind == Kind::File { size } else { 0 },
            path,
            kind,
            mode: header.mode().map_err(broken)? & 0o7777,
            // Blank in archives of some writers; unpacking gives everything to root anyway.
            uid: header.uid().unwrap_or(0),
            gid: header.gid().unwrap_or(0),
            mtime: header.mtime().unwrap_or(0),
        })
    }
}

fn read_extension(record: &mut impl Read, size: u64) -> Result<Vec<u8>> {
    if size > EXTENSION_BYTES_MAX {
        return Err(hostile(b"(extended header)", format!("it has {size} bytes; at most 64 KiB are read")));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    record.read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 != size {
        return Err(broken(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

fn without_nul(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

/// At most 120 characters, control characters escaped.
fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut short: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    if text.chars().count() > 120 {
        short.push('…');
    }
    short
}
