//! The judge's own executable as a root file system: for work of ours over somebody else's text, done in a box.
//!
//! The tree holds a copy of the executable and of the shared libraries it is loaded with, and nothing else: no shell,
//! no file of the host, no image. So a worker without any image has it, and whoever broke our own code in there would
//! find nothing to go on with. Where it lies is the caller's to give and to take away.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Doing, ImageError, Result};
use crate::layers::open_to_all;

/// Folder of the shared libraries in the tree.
const LIBRARIES: &str = "lib";

/// Most bytes of `/proc/self/maps` that are read; a process of ours has some hundred lines of a hundred bytes.
const MAPS_BYTES_MAX: u64 = 4 << 20;

/// The key in the auxiliary vector under which the kernel says where the loader lies; 0 without one (getauxval(3)).
const AT_BASE: u64 = 7;

/// A tree that holds the executable, under a name, and what loads it.
#[derive(Debug)]
pub struct OwnTree {
    folder: PathBuf,
    command: Vec<String>,
}

impl OwnTree {
    /// Makes the tree in `folder`, which is empty, with the executable in it as `/name`: it sees that as its `argv[0]`.
    /// Blocks while some tens of megabytes are copied.
    ///
    /// # Errors
    /// [`ImageError::Io`] when a file cannot be read, or the folder not be written.
    pub fn make(folder: &Path, name: &str) -> Result<Self> {
        // What a box sees of it is read by another user.
        open_to_all(folder)?;
        let executable = Path::new("/proc/self/exe");
        copy(executable, &folder.join(name))?;
        let libraries = folder.join(LIBRARIES);
        std::fs::create_dir(&libraries).doing("create", &libraries)?;
        open_to_all(&libraries)?;
        let own = std::fs::metadata(executable).doing("look at", executable)?;
        let mapped = mapped()?;
        let base = loader_address()?;
        let mut loader = None;
        for file in &mapped {
            let found = std::fs::metadata(&file.path).doing("look at", &file.path)?;
            if (found.dev(), found.ino()) == (own.dev(), own.ino()) {
                continue;
            }
            for name in names_of(&file.path)? {
                copy(&file.path, &libraries.join(name))?;
            }
            if file.start == base {
                loader = file.path.file_name().map(|name| name.to_string_lossy().into_owned());
            }
        }
        let program = format!("/{name}");
        let command = match loader {
            Some(loader) => vec![
                format!("/{LIBRARIES}/{loader}"),
                "--library-path".to_owned(),
                format!("/{LIBRARIES}"),
                program,
            ],
            None if base == 0 => vec![program],
            None => {
                return Err(ImageError::Damaged {
                    what: "/proc/self/maps".to_owned(),
                    problem: "does not show what loaded this executable".to_owned(),
                });
            }
        };
        Ok(Self { folder: folder.to_owned(), command })
    }

    /// Where it lies: one layer, without anything to be mounted over it.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// What starts the executable in it; its arguments follow.
    pub fn command(&self) -> &[String] {
        &self.command
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).doing("copy", from)?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o755)).doing("set the mode of", to)
}

/// A file of which code of ours runs.
#[derive(Debug, PartialEq, Eq)]
struct Mapped {
    /// Where its first byte lies.
    start: u64,
    path: PathBuf,
}

/// Every file of which this process has code (proc_pid_maps(5)), but for our own executable where it was replaced
/// meanwhile.
fn mapped() -> Result<Vec<Mapped>> {
    let path = Path::new("/proc/self/maps");
    let mut text = String::new();
    File::open(path).and_then(|f| f.take(MAPS_BYTES_MAX).read_to_string(&mut text)).doing("read", path)?;
    Ok(files_of(&text))
}

fn files_of(maps: &str) -> Vec<Mapped> {
    let mut first: Vec<(Mapped, bool)> = Vec::new();
    for line in maps.lines() {
        // start-end perms offset device inode path
        let mut words = line.splitn(6, ' ');
        let (Some(range), Some(perms), Some(path)) = (words.next(), words.next(), words.nth(3)) else {
            continue;
        };
        let path = path.trim_start();
        let start = range.split('-').next().and_then(|at| u64::from_str_radix(at, 16).ok());
        let (Some(start), true) = (start, path.starts_with('/') && !path.ends_with(" (deleted)")) else {
            continue;
        };
        let code = perms.contains('x');
        match first.iter_mut().find(|(mapped, _)| mapped.path == Path::new(path)) {
            Some((_, has_code)) => *has_code |= code,
            None => first.push((Mapped { start, path: path.into() }, code)),
        }
    }
    first.into_iter().filter(|(_, code)| *code).map(|(mapped, _)| mapped).collect()
}

/// Where the loader lies; 0 when nothing was loaded.
fn loader_address() -> Result<u64> {
    let path = Path::new("/proc/self/auxv");
    let bytes = std::fs::read(path).doing("read", path)?;
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).unwrap_or_default();
    let mut pairs = bytes.chunks_exact(16).map(|pair| (word(&pair[..8]), word(&pair[8..])));
    Ok(pairs.find(|(key, _)| *key == AT_BASE).map_or(0, |(_, value)| value))
}

/// The names of a library: its own, and those of links to it beside it. A program asks for one of these
/// (`libm.so.6`), while the file may have another (`libm-2.31.so`).
fn names_of(library: &Path) -> Result<Vec<String>> {
    let own = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = own.split(['.', '-']).next().unwrap_or_default().to_owned();
    let mut names = vec![own];
    let folder = library.parent().unwrap_or(Path::new("/"));
    for entry in std::fs::read_dir(folder).doing("list", folder)? {
        let entry = entry.doing("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if link && name.starts_with(&stem) && entry.path().canonicalize().is_ok_and(|to| to == library) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_code_count_and_each_once_from_its_first_byte() {
        let maps = "\
55d0-55d1 r--p 00000000 fe:00 11 /usr/bin/tribunal
55d1-55d2 r-xp 00001000 fe:00 11 /usr/bin/tribunal
6000-6001 rw-p 00000000 00:00 0          [heap]
7000-7001 r--p 00000000 fe:00 12 /usr/lib/libc.so.6
7001-7002 r-xp 00001000 fe:00 12 /usr/lib/libc.so.6
7100-7101 r--p 00000000 fe:00 13 /usr/lib/locale/locale archive
7200-7201 r-xp 00000000 fe:00 14 /usr/lib/odd name.so
7300-7301 r-xp 00000000 fe:00 15 /usr/bin/old (deleted)
7400-7401 rwxp 00000000 00:00 0
7fff-8000 r-xp 00000000 00:00 0          [vdso]
";
        let found: Vec<(u64, String)> =
            files_of(maps).into_iter().map(|m| (m.start, m.path.display().to_string())).collect();
        let wanted =
            [(0x55d0, "/usr/bin/tribunal"), (0x7000, "/usr/lib/libc.so.6"), (0x7200, "/usr/lib/odd name.so")];
        assert_eq!(found, wanted.map(|(at, path)| (at, path.to_owned())));
    }

    #[test]
    fn the_tree_has_the_executable_its_libraries_and_nothing_else_and_starts_it() {
        let folder = tempfile::tempdir().unwrap();
        let tree = OwnTree::make(folder.path(), "own").unwrap();
        let mut names: Vec<String> = std::fs::read_dir(tree.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["lib", "own"]);
        // The loader and its arguments as the box sees them, seen from outside.
        let at = |word: &String| match word.strip_prefix('/') {
            Some(below) => tree.path().join(below),
            None => PathBuf::from(word),
        };
        let (program, words) = tree.command().split_first().unwrap();
        let listed = std::process::Command::new(at(program))
            .args(words.iter().map(at))
            .args(["--list", "own::tests::the_tree_has"])
            .env_clear()
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&listed.stdout);
        assert!(listed.status.success() && said.contains("the_tree_has_the_executable"), "{listed:?}");
    }
}
