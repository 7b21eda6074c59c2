//! The files of a package: found, bounded, and known to lie inside it.
//!
//! Everything else reads through a [`Tree`], so nothing outside the package directory is ever opened: links
//! are followed only while they stay inside, and a loop, a device or a name that is not UTF-8 refuses the
//! package. The digest is made of the same list.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proto::id::Digest;
use sha2::Digest as _;

use crate::diagnostic::Findings;

/// Most files in a package.
pub const MAX_FILES: usize = 50_000;
/// Largest file of a package; a test input of half a GiB is already a day of work for somebody.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
/// Most bytes in a package.
pub const MAX_TOTAL_BYTES: u64 = 2 << 30;
/// Deepest folder.
const MAX_DEPTH: usize = 24;

/// One file of the package.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where its bytes are, links resolved.
    pub disk: PathBuf,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Its length in bytes.
    pub size: u64,
}

/// Every file of a package by its path below it, `/` between components, in byte order.
#[derive(Debug)]
pub struct Tree {
    /// The package's folder, links resolved.
    pub root: PathBuf,
    pub files: BTreeMap<String, Entry>,
}

impl Tree {
    /// Lists the package at `root`. What does not belong there is reported and left out. A folder named
    /// `.git` is no part of a package.
    pub fn list(root: &Path, findings: &mut Findings) -> Self {
        let mut tree = Self { root: root.to_owned(), files: BTreeMap::new() };
        match root.canonicalize() {
            Ok(real) => {
                let mut walk =
                    Walk { root: real.clone(), above: Vec::new(), total: 0, findings, full: false };
                walk.folder(&real, "", &mut tree.files);
                tree.root = real;
            }
            Err(e) => findings.error(".", None, format!("the folder cannot be opened: {e}")),
        }
        tree
    }

    /// The files under `folder/`, as (path below it, entry), in byte order.
    pub fn under<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let prefix = format!("{folder}/");
        let len = prefix.len();
        self.files
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(move |(path, entry)| (&path[len..], entry))
    }

    /// Whether there is a file under `folder/`.
    pub fn has_folder(&self, folder: &str) -> bool {
        self.under(folder).next().is_some()
    }

    /// Reads a text file of at most `max` bytes; reports what is wrong. `None` when absent or wrong.
    pub fn text(&self, path: &str, max: u64, findings: &mut Findings) -> Option<String> {
        let entry = self.files.get(path)?;
        if entry.size > max {
            findings.error(path, None, format!("the file has {} bytes; at most {max} are read", entry.size));
            return None;
        }
        match fs::read(&entry.disk).map(String::from_utf8) {
            Ok(Ok(text)) => Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
            Ok(Err(e)) => {
                let line = e.as_bytes()[..e.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
                findings.error(path, Some(line as u32), "the file is not UTF-8 text");
                None
            }
            Err(e) => {
                findings.error(path, None, format!("the file cannot be read: {e}"));
                None
            }
        }
    }

    /// The package's digest: SHA-256 over `path NUL x|- NUL hex-sha256-of-content LF` for each file, in byte
    /// order of the paths.
    pub(crate) fn digest(&self) -> io::Result<Digest> {
        let mut all = sha2::Sha256::new();
        for (path, entry) in &self.files {
            all.update(path.as_bytes());
            all.update(if entry.executable { b"\0x\0" } else { b"\0-\0" });
            all.update(content_digest(&entry.disk)?.hex().as_bytes());
            all.update(b"\n");
        }
        Ok(Digest::from_raw(&all.finalize()))
    }
}

fn content_digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (sha2::Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_raw(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

struct Walk<'a> {
    root: PathBuf,
    /// Real paths of the folders we are inside of.
    above: Vec<PathBuf>,
    total: u64,
    findings: &'a mut Findings,
    full: bool,
}

impl Walk<'_> {
    fn folder(&mut self, real: &Path, rel: &str, files: &mut BTreeMap<String, Entry>) {
        let shown = if rel.is_empty() { "." } else { rel };
        if self.above.len() >= MAX_DEPTH {
            return self.findings.error(shown, None, format!("folders are nested deeper than {MAX_DEPTH}"));
        }
        if self.above.iter().any(|a| a == real) {
            return self.findings.error(shown, None, "the link leads back to a folder above it");
        }
        self.above.push(real.to_owned());
        match fs::read_dir(real).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(mut entries) => {
                entries.sort_by_key(fs::DirEntry::file_name);
                for entry in entries {
                    self.entry(&entry.path(), rel, files);
                }
            }
            Err(e) => self.findings.error(shown, None, format!("the folder cannot be read: {e}")),
        }
        self.above.pop();
    }

    fn entry(&mut self, disk: &Path, folder: &str, files: &mut BTreeMap<String, Entry>) {
        let name = disk.file_name().unwrap_or_default();
        let Some(text) = name.to_str() else {
            let lossy = format!("{folder}/{}", name.to_string_lossy());
            return self.findings.error(lossy.trim_start_matches('/'), None, "the name is not UTF-8");
        };
        let rel = if folder.is_empty() { text.to_owned() } else { format!("{folder}/{text}") };
        if text == ".git" || self.full {
            return;
        }
        if text.contains('\\') {
            let message = "the name has a backslash, which no archive of a package may have; rename it";
            return self.findings.error(&rel, None, message);
        }
        let real = match disk.canonicalize() {
            Ok(real) if real.starts_with(&self.root) => real,
            Ok(_) => {
                return self.findings.error(
                    &rel,
                    None,
                    "the link leads out of the package; put a copy of the file there",
                );
            }
            Err(e) => {
                return self.findings.error(
                    &rel,
                    None,
                    format!("the file or what it links to cannot be opened: {e}"),
                );
            }
        };
        let meta = match fs::metadata(&real) {
            Ok(meta) => meta,
            Err(e) => return self.findings.error(&rel, None, format!("the file cannot be opened: {e}")),
        };
        if meta.is_dir() {
            return self.folder(&real, &rel, files);
        }
        if !meta.is_file() {
            return self.findings.error(&rel, None, "this is neither a file nor a folder; remove it");
        }
        self.total += meta.len();
        if meta.len() > MAX_FILE_BYTES {
            self.findings.error(
                &rel,
                None,
                format!("the file has {} bytes; the maximum is {MAX_FILE_BYTES}", meta.len()),
            );
        } else if files.len() >= MAX_FILES || self.total > MAX_TOTAL_BYTES {
            self.full = true;
            let message = format!(
                "the package is too large: at most {MAX_FILES} files of together {MAX_TOTAL_BYTES} bytes"
            );
            self.findings.error(&rel, None, message);
        } else {
            let executable = meta.permissions().mode() & 0o100 != 0;
            files.insert(rel, Entry { disk: real, executable, size: meta.len() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn listed(build: impl Fn(&Path)) -> (Tree, Findings, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::write(dir.path().join("data/a"), "x").unwrap();
        build(dir.path());
        let mut findings = Findings::default();
        (Tree::list(dir.path(), &mut findings), findings, dir)
    }

    #[test]
    fn a_name_that_no_archive_may_have_is_refused_in_a_folder_too() {
        let (tree, findings, _dir) = listed(|d| fs::write(d.join("data/a\\b"), "").unwrap());
        assert_eq!((findings.list.len(), findings.list[0].path.as_str()), (1, "data/a\\b"));
        assert_eq!(tree.files.len(), 1);
    }

    #[test]
    fn files_and_all_of_them_together_have_what_a_package_may_have_and_no_more() {
        let sparse = |path: PathBuf, len: u64| fs::File::create(path).unwrap().set_len(len).unwrap();
        for (len, refused) in [(MAX_FILE_BYTES, false), (MAX_FILE_BYTES + 1, true)] {
            let (tree, findings, _dir) = listed(|d| sparse(d.join("big"), len));
            assert_eq!((findings.failed(), tree.files.len()), (refused, 2 - usize::from(refused)), "{len}");
            let words = format!("the maximum is {MAX_FILE_BYTES}");
            assert!(findings.list.iter().all(|d| d.path == "big" && d.message.contains(&words)));
        }
        // One byte is in `data/a` already.
        let full = MAX_TOTAL_BYTES / MAX_FILE_BYTES;
        for (rest, refused) in [(MAX_FILE_BYTES - 1, false), (MAX_FILE_BYTES, true)] {
            let (_, findings, _dir) = listed(|d| {
                (1..full).for_each(|at| sparse(d.join(format!("part{at}")), MAX_FILE_BYTES));
                sparse(d.join("rest"), rest);
                fs::write(d.join("z1"), "").unwrap();
                fs::write(d.join("z2"), "").unwrap();
            });
            let told: Vec<_> = findings.list.iter().map(|d| d.path.as_str()).collect();
            assert_eq!(told, if refused { &["rest"][..] } else { &[] }, "it is told once");
        }
    }

    #[test]
    fn a_text_has_so_many_bytes_and_is_utf8_to_its_end() {
        let (tree, _, _dir) = listed(|d| {
            fs::write(d.join("text"), "abcde").unwrap();
            fs::write(d.join("latin"), b"a\nb\n\xe4\n").unwrap();
            fs::write(d.join("marked"), "\u{feff}x").unwrap();
        });
        let read = |path: &str, max| {
            let mut findings = Findings::default();
            let text = tree.text(path, max, &mut findings);
            (text, findings.list.first().map(|found| (found.line, found.message.clone())))
        };
        assert_eq!(read("text", 5), (Some("abcde".to_owned()), None));
        assert_eq!(
            read("text", 4),
            (None, Some((None, "the file has 5 bytes; at most 4 are read".to_owned())))
        );
        assert_eq!(read("latin", 9).1.unwrap().0, Some(3));
        assert_eq!(read("marked", 9).0.as_deref(), Some("x"));
        assert_eq!(read("nowhere", 9), (None, None));
    }

    #[test]
    fn links_inside_are_followed_and_links_outside_refused() {
        let (tree, findings, _dir) = listed(|d| {
            symlink("data/a", d.join("b")).unwrap();
            symlink("data", d.join("folder")).unwrap();
        });
        assert!(!findings.failed(), "{:?}", findings.list);
        assert_eq!(tree.files.keys().collect::<Vec<_>>(), ["b", "data/a", "folder/a"]);
        for target in ["/etc/passwd", "../..", "/etc", "nowhere", "."] {
            let (tree, findings, _dir) = listed(|d| symlink(target, d.join("data/link")).unwrap());
            assert!(findings.failed(), "{target}");
            assert!(findings.list[0].path.starts_with("data/link"), "{target}");
            assert_eq!(tree.files.len(), 1);
        }
    }

    #[test]
    fn the_digest_depends_on_path_bit_and_content_only() {
        let digest = |build: fn(&Path)| {
            let (tree, _, _dir) = listed(build);
            tree.digest().unwrap()
        };
        let plain = digest(|_| {});
        assert_eq!(plain, digest(|d| fs::create_dir(d.join("empty")).unwrap()));
        assert_ne!(plain, digest(|d| fs::write(d.join("data/a"), "y").unwrap()));
        assert_ne!(plain, digest(|d| fs::write(d.join("data/b"), "x").unwrap()));
        let executable =
            |d: &Path| fs::set_permissions(d.join("data/a"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(plain, digest(executable));
        assert_eq!(plain, digest(|d| fs::create_dir(d.join(".git")).unwrap()));
    }
}
