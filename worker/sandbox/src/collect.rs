//! Getting files out of a dead box.
//!
//! Nothing lives in the box any more, and everything is opened through the descriptor of its tmpfs with
//! openat2(BENEATH, NO_SYMLINKS, NO_XDEV, NO_MAGICLINKS), so neither a planted symlink nor a race can lead
//! outside (sandbox.md R5, M22). Only regular files with one link are taken. A long one can be handed out open: nobody is
//! left who could change it.

use std::collections::HashSet;
use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use proto::limits::Limits;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2, statat};

use crate::spec::{Collect, Collected, OpenFile, Opened};
use crate::steps::mounts::OWN_INODES;

/// Deepest directory that is looked into, and most entries over all.
const DEPTH_MAX: usize = 32;
const ENTRIES_MAX: usize = 65_536;

/// Bytes in a unit of `st_blocks` (stat(2)).
const STAT_BLOCK: u64 = 512;

/// What was brought back.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<Collected>,
    pub(crate) opened: Vec<Opened>,
    pub(crate) empty: Vec<Vec<u8>>,
    pub(crate) refused: Vec<(String, String)>,
}

/// Brings back what `wanted` names from `/w` behind `stage`.
pub(crate) fn collect(stage: &OwnedFd, wanted: &[Collect], limits: &Limits) -> Found {
    let mut found = Found::default();
    for want in wanted {
        let mut walk = Walk {
            left: want.max_bytes,
            open_above: want.open_above,
            entries: ENTRIES_MAX.min(limits.inodes as usize + 1),
            found: &mut found,
        };
        match open(stage, "w") {
            Ok(work) => walk.path(&work, want.path.as_bytes(), 0),
            Err(e) => found.refused.push((want.path.clone(), e.to_string())),
        }
    }
    found
}

/// Size of a file of the work directory that reached `limit`, if one did.
pub(crate) fn file_at_limit(stage: &OwnedFd, limit: u64) -> Option<u64> {
    ["w", "tmp", "shm"]
        .into_iter()
        .find_map(|top| largest(&open(stage, top).ok()?, 0).filter(|s| *s >= limit))
}

fn largest(dir: &OwnedFd, depth: usize) -> Option<u64> {
    let mut most = None;
    visit(dir, depth, &mut |stat| most = most.max(u64::try_from(stat.st_size).ok()));
    most
}

/// Shows every regular file below `dir` to `see`; false when there is more than could be looked at.
fn visit(dir: &OwnedFd, depth: usize, see: &mut impl FnMut(&Stat)) -> bool {
    let Ok(names) = names(dir) else { return false };
    if depth > DEPTH_MAX {
        return names.is_empty();
    }
    let mut all = names.len() <= ENTRIES_MAX;
    for name in names.into_iter().take(ENTRIES_MAX) {
        let Ok(stat) = statat(dir, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) else {
            all = false;
            continue;
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => see(&stat),
            FileType::Directory => {
                all &= open(dir, name.as_c_str()).is_ok_and(|below| visit(&below, depth + 1, see));
            }
            _ => {}
        }
    }
    all
}

/// Bytes in the regular files of `/w` and `/tmp` beyond the `given` that were put there. A hole counts for nothing, a
/// file with several names once. Where not everything can be looked at, what the tmpfs holds in pages stands for it.
pub(crate) fn written(stage: &OwnedFd, given: u64) -> u64 {
    let mut sum: u64 = 0;
    let mut linked = HashSet::new();
    let mut see = |stat: &Stat| {
        if stat.st_nlink == 1 || linked.insert(stat.st_ino) {
            let held = stat.st_blocks.unsigned_abs().saturating_mul(STAT_BLOCK);
            sum = sum.saturating_add(stat.st_size.unsigned_abs().min(held));
        }
    };
    let all = ["w", "tmp"].into_iter().all(|top| open(stage, top).is_ok_and(|dir| visit(&dir, 0, &mut see)));
    if all {
        sum.saturating_sub(given)
    } else {
        used(stage).map_or(u64::MAX, |used| used.bytes).saturating_sub(given)
    }
}

/// What the writable directories hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    /// Bytes, in whole pages.
    pub(crate) bytes: u64,
    /// Files and directories, ours not counted.
    pub(crate) inodes: u64,
    /// Whether the next byte would be refused.
    pub(crate) no_bytes_left: bool,
    /// Whether the next file would be refused.
    pub(crate) no_inodes_left: bool,
}

/// Asks the tmpfs behind `stage`.
pub(crate) fn used(stage: &OwnedFd) -> rustix::io::Result<Used> {
    let stat = rustix::fs::fstatvfs(stage)?;
    Ok(Used {
        bytes: (stat.f_blocks - stat.f_bfree).saturating_mul(stat.f_frsize),
        inodes: (stat.f_files - stat.f_ffree).saturating_sub(OWN_INODES),
        no_bytes_left: stat.f_bavail == 0,
        no_inodes_left: stat.f_favail == 0,
    })
}

/// Opens what lies below `dir`, for reading, wherever links would lead.
pub(crate) fn open(dir: impl AsFd, path: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    openat2(
        dir,
        path,
        // NONBLOCK: a FIFO opens without a writer and is then refused by its type.
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY,
        Mode::empty(),
        ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_XDEV
            | ResolveFlags::NO_MAGICLINKS,
    )
}

fn names(dir: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    let mut out = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.as_bytes(), b"." | b"..") {
            out.push(name);
        }
        if out.len() > ENTRIES_MAX {
            break;
        }
    }
    out.sort();
    Ok(out)
}

struct Walk<'a> {
    left: u64,
    open_above: Option<u64>,
    entries: usize,
    found: &'a mut Found,
}

impl Walk<'_> {
    fn refuse(&mut self, path: &[u8], why: impl Into<String>) {
        self.found.refused.push((printable(path), why.into()));
    }

    fn path(&mut self, work: &OwnedFd, path: &[u8], depth: usize) {
        if self.entries == 0 {
            return self.refuse(path, "too many files");
        }
        self.entries -= 1;
        let fd = match open(work, path) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::LOOP) => return self.refuse(path, "is a symbolic link"),
            Err(rustix::io::Errno::NOENT) => return self.refuse(path, "does not exist"),
            Err(e) => return self.refuse(path, e.to_string()),
        };
        let stat = match fstat(&fd) {
            Ok(stat) => stat,
            Err(e) => return self.refuse(path, e.to_string()),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory if self.open_above.is_none() => self.directory(work, &fd, path, depth),
            FileType::RegularFile if stat.st_nlink != 1 => {
                self.refuse(path, "has several names (hard links)");
            }
            FileType::RegularFile if stat.st_size.unsigned_abs() > self.left => {
                self.refuse(path, "is too large");
            }
            FileType::RegularFile if self.open_above.is_some_and(|m| stat.st_size.unsigned_abs() > m) => {
                self.hand_out(fd, path);
            }
            FileType::RegularFile => self.file(fd, path, stat.st_mode & 0o100 != 0),
            other => self.refuse(path, format!("is no regular file but {other:?}")),
        }
    }

    fn directory(&mut self, work: &OwnedFd, fd: &OwnedFd, path: &[u8], depth: usize) {
        if depth >= DEPTH_MAX {
            return self.refuse(path, "is nested too deeply");
        }
        let names = match names(fd) {
            Ok(names) => names,
            Err(e) => return self.refuse(path, e.to_string()),
        };
        if names.is_empty() {
            self.found.empty.push(path.to_vec());
        }
        for name in names {
            let below = match path {
                b"." => name.into_bytes(),
                path => [path, b"/", name.as_bytes()].concat(),
            };
            self.path(work, &below, depth + 1);
        }
    }

    fn hand_out(&mut self, fd: OwnedFd, path: &[u8]) {
        match OpenFile::try_from(fd) {
            Ok(file) => {
                self.left -= file.len();
                self.found.opened.push(Opened { path: path.to_vec(), file });
            }
            Err(e) => self.refuse(path, e.to_string()),
        }
    }

    fn file(&mut self, fd: OwnedFd, path: &[u8], executable: bool) {
        let mut bytes = Vec::new();
        match std::fs::File::from(fd).take(self.left + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > self.left => self.refuse(path, "is too large"),
            Ok(_) => {
                self.left -= bytes.len() as u64;
                self.found.files.push(Collected { path: path.to_vec(), executable, bytes });
            }
            Err(e) => self.refuse(path, e.to_string()),
        }
    }
}

/// A name for logs and terminals, which a program chose: what moves a cursor, starts a line or turns the
/// direction of writing is escaped (sandbox.md R24).
fn printable(path: &[u8]) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = String::from_utf8_lossy(path);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn stage() -> (tempfile::TempDir, OwnedFd) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("w")).unwrap();
        let fd = std::fs::File::open(dir.path()).unwrap().into();
        (dir, fd)
    }

    fn want(path: &str, max_bytes: u64) -> [Collect; 1] {
        [Collect::read(path, max_bytes)]
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_gives_no_more_than_was_wanted() {
        use std::io::Write as _;
        use std::sync::atomic::{AtomicBool, Ordering};
        let (dir, fd) = stage();
        let path = dir.path().join("w/grows");
        std::fs::write(&path, "").unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
                let most = 64 << 20;
                while !stop.load(Ordering::Relaxed) && file.metadata().unwrap().len() < most {
                    file.write_all(&[b'x'; 4096]).unwrap();
                }
            });
            for round in 0..50 {
                let most = 20_000 * round;
                let Found { files, refused, .. } =
                    collect(&fd, &want("grows", most), &Limits::run_defaults());
                let read = files.first().map(|file| file.bytes.len() as u64);
                assert!(read.is_none_or(|read| read <= most), "{read:?} of {most}");
                assert!(read.is_some() || refused[0].1 == "is too large", "{refused:?}");
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn symlinks_fifos_hard_links_and_oversize_are_refused_with_the_reason() {
        let (dir, fd) = stage();
        let w = dir.path().join("w");
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        symlink("../secret", w.join("link")).unwrap();
        symlink("..", w.join("up")).unwrap();
        std::fs::write(w.join("twice"), "t").unwrap();
        std::fs::hard_link(w.join("twice"), w.join("again")).unwrap();
        nix::unistd::mkfifo(&w.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(w.join("big"), [0; 100]).unwrap();
        for (path, why) in [
            ("link", "symbolic"),
            ("up/secret", "symbolic"),
            ("../secret", "cross-device"),
            ("twice", "several"),
            ("fifo", "no regular"),
            ("big", "too large"),
            ("none", "not exist"),
        ] {
            let Found { files, refused, .. } = collect(&fd, &want(path, 99), &Limits::run_defaults());
            assert!(files.is_empty(), "{path}");
            assert!(refused[0].1.to_lowercase().contains(why), "{path}: {}", refused[0].1);
        }
    }

    #[test]
    fn a_refused_name_cannot_speak_to_a_terminal() {
        let (dir, fd) = stage();
        for name in ["\x1b]0;title\x07", "new\nline", "\u{202e}txt.exe", "naïve file"] {
            symlink("x", dir.path().join("w").join(name)).unwrap();
        }
        let Found { refused, .. } = collect(&fd, &want(".", 99), &Limits::run_defaults());
        let names: Vec<_> = refused.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["\\u{1b}]0;title\\u{7}", "naïve file", "new\\nline", "\\u{202e}txt.exe"]);
    }

    #[test]
    fn what_a_run_wrote_is_what_lies_there_less_what_was_given() {
        let (dir, fd) = stage();
        for top in ["tmp", "shm"] {
            std::fs::create_dir(dir.path().join(top)).unwrap();
        }
        let put =
            |path: &str, bytes: usize| std::fs::write(dir.path().join(path), vec![b'x'; bytes]).unwrap();
        put("w/program", 1000);
        assert_eq!(written(&fd, 1000), 0);
        put("shm/segment", 100_000);
        assert_eq!(written(&fd, 1000), 0, "shared memory is no file");
        std::fs::create_dir_all(dir.path().join("w/a/b")).unwrap();
        put("w/a/b/left", 1);
        put("tmp/there", 20_000);
        put("w/program", 1010);
        assert_eq!(written(&fd, 1000), 20_011);
        // One file of two names, and one that is a hole.
        std::fs::hard_link(dir.path().join("tmp/there"), dir.path().join("w/again")).unwrap();
        symlink("../tmp/there", dir.path().join("w/link")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("w/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(written(&fd, 1000), 20_011);
        std::fs::File::create(dir.path().join("w/hole")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(written(&fd, 1000), 20_011);
        put("w/program", 10);
        assert_eq!(written(&fd, 1_000_000), 0, "less than was given");
    }

    #[test]
    fn what_lies_too_deep_to_be_looked_at_is_counted_in_pages() {
        let (dir, fd) = stage();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        let deep = |levels: usize| dir.path().join("w").join("d/".repeat(levels));
        std::fs::create_dir_all(deep(DEPTH_MAX + 1)).unwrap();
        assert_eq!(written(&fd, 0), 0, "an empty one at the bound");
        std::fs::create_dir_all(deep(DEPTH_MAX + 2)).unwrap();
        std::fs::write(deep(DEPTH_MAX + 2).join("hidden"), [b'x'; 100]).unwrap();
        assert!(written(&fd, 0) >= 4096, "{}", written(&fd, 0));
    }

    #[test]
    fn a_long_file_is_handed_out_open_and_still_has_its_bound() {
        let (dir, fd) = stage();
        let path = dir.path().join("w/out");
        let wanted = [Collect { open_above: Some(10), ..Collect::read("out", 100) }];
        for (bytes, read, opened) in
            [(0, 1, 0), (10, 1, 0), (11, 0, 1), (100, 0, 1), (101, 0, 0), (1 << 40, 0, 0)]
        {
            // Holes are bytes like any others.
            std::fs::File::create(&path).unwrap().set_len(bytes).unwrap();
            let found = collect(&fd, &wanted, &Limits::run_defaults());
            assert_eq!((found.files.len(), found.opened.len()), (read, opened), "{bytes}");
            assert_eq!(found.opened.iter().map(|o| o.file.len()).sum::<u64>(), bytes * opened as u64);
            let why: Vec<_> = found.refused.iter().map(|(_, why)| why.as_str()).collect();
            assert_eq!(why, vec!["is too large"; 1 - read - opened], "{bytes}");
        }
    }

    #[test]
    fn what_is_no_plain_file_is_not_handed_out_open_either() {
        let (dir, fd) = stage();
        let w = dir.path().join("w");
        std::fs::write(dir.path().join("secret"), [0; 50]).unwrap();
        symlink("../secret", w.join("link")).unwrap();
        std::fs::write(w.join("twice"), [0; 50]).unwrap();
        std::fs::hard_link(w.join("twice"), w.join("again")).unwrap();
        nix::unistd::mkfifo(&w.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::create_dir(w.join("folder")).unwrap();
        std::fs::write(w.join("folder/file"), [0; 50]).unwrap();
        for path in ["link", "../secret", "twice", "fifo", "folder", "none"] {
            let wanted = [Collect { open_above: Some(0), ..Collect::read(path, 99) }];
            let found = collect(&fd, &wanted, &Limits::run_defaults());
            assert_eq!((found.files.len(), found.opened.len(), found.refused.len()), (0, 0, 1), "{path}");
        }
    }

    #[test]
    fn a_whole_directory_comes_back_sorted_and_within_its_cap() {
        let (dir, fd) = stage();
        let w = dir.path().join("w");
        std::fs::create_dir(w.join("d")).unwrap();
        std::fs::write(w.join("d/b"), "2").unwrap();
        std::fs::write(w.join("a"), "1").unwrap();
        let Found { files, refused, .. } = collect(&fd, &want(".", 10), &Limits::run_defaults());
        let paths: Vec<_> = files.iter().map(|f| f.path.as_slice()).collect();
        assert_eq!((paths, refused.len()), (vec![&b"a"[..], &b"d/b"[..]], 0));
        let Found { files, refused, .. } = collect(&fd, &want(".", 1), &Limits::run_defaults());
        assert_eq!((files.len(), refused.len()), (1, 1));
    }

    #[test]
    fn a_directory_with_nothing_in_it_is_told() {
        let (dir, fd) = stage();
        std::fs::create_dir_all(dir.path().join("w/f/score.txt")).unwrap();
        let found = collect(&fd, &want("f", 10), &Limits::run_defaults());
        assert_eq!((found.files.len(), found.refused.len()), (0, 0));
        assert_eq!(found.empty, [b"f/score.txt"]);
        std::fs::write(dir.path().join("w/f/score.txt/x"), "1").unwrap();
        assert!(collect(&fd, &want("f", 10), &Limits::run_defaults()).empty.is_empty());
    }
}
