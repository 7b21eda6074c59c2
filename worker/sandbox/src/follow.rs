//! Reads a file of a work directory while the program still writes it.
//!
//! It is opened as `collect` opens the files of a dead box, through the descriptor of its tmpfs: neither a link nor a
//! folder that is exchanged meanwhile leads outside. Nothing is kept open between two looks, and nothing that a verdict
//! depends on is read here: what counts is collected when nothing lives any more.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{FileType, SeekFrom, fstat, seek};

use crate::collect::open;
use crate::pump::CHUNK;
use crate::spec::Follow;

/// Shortest time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Most bytes of one look: the watch of limits waits for it.
const LOOK_MAX: u64 = 256 << 10;

/// A file that is being followed.
#[derive(Debug)]
pub(crate) struct Following<'a> {
    follow: &'a Follow,
    /// Which file it was, and how far it was read.
    seen: Option<(u64, u64)>,
    at: u64,
    /// What may still be read.
    left: u64,
    next: Duration,
}

impl<'a> Following<'a> {
    pub(crate) fn new(follow: &'a Follow) -> Self {
        follow.to.begin();
        Self { follow, seen: None, at: 0, left: follow.max_bytes, next: LOOK_EVERY }
    }

    /// Hands on what was appended, if it is time for a look `now`, which counts from the start of the program.
    pub(crate) fn tick(&mut self, stage: &OwnedFd, now: Duration) {
        if now >= self.next {
            self.next = now + LOOK_EVERY;
            self.look(stage);
        }
    }

    fn look(&mut self, stage: &OwnedFd) {
        // Absent, a link, a FIFO, several names: whoever collects it says so.
        let Ok(file) = open(stage, "w").and_then(|work| open(&work, self.follow.path.as_str())) else {
            return;
        };
        let Ok(stat) = fstat(&file) else { return };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
            return;
        }
        let this = (stat.st_dev, stat.st_ino);
        if self.seen != Some(this) || (stat.st_size as u64) < self.at {
            if self.seen.is_some() {
                self.follow.to.begin();
            }
            (self.seen, self.at) = (Some(this), 0);
        }
        if seek(&file, SeekFrom::Start(self.at)).is_err() {
            return;
        }
        let mut rest = std::fs::File::from(file).take(LOOK_MAX.min(self.left));
        let mut piece = vec![0; CHUNK];
        while let Ok(n @ 1..) = rest.read(&mut piece) {
            self.at += n as u64;
            self.left -= n as u64;
            self.follow.to.take(&piece[..n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Follower;
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    #[derive(Debug, Default)]
    struct Heard(Mutex<(u32, Vec<u8>)>);

    impl Follower for Heard {
        fn begin(&self) {
            let mut heard = self.0.lock().unwrap();
            *heard = (heard.0 + 1, Vec::new());
        }

        fn take(&self, bytes: &[u8]) {
            self.0.lock().unwrap().1.extend_from_slice(bytes);
        }
    }

    impl Heard {
        /// How many files began.
        fn files(&self) -> u32 {
            self.0.lock().unwrap().0
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().1.clone()).unwrap()
        }
    }

    fn append(path: &Path, text: &str) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn what_is_appended_is_heard_once_and_another_file_from_its_begin() {
        let dir = tempfile::tempdir().unwrap();
        let w = dir.path().join("w/r");
        fs::create_dir_all(&w).unwrap();
        let stage: OwnedFd = fs::File::open(dir.path()).unwrap().into();
        let heard = Arc::new(Heard::default());
        let follow = Follow { path: "r/lines".into(), max_bytes: 40, to: heard.clone() };
        let mut following = Following::new(&follow);
        let file = w.join("lines");
        following.look(&stage);
        for (text, all) in [("one", "one"), ("", "one"), ("two", "onetwo")] {
            append(&file, text);
            following.look(&stage);
            assert_eq!(heard.text(), all);
        }
        fs::write(w.join("new"), "three").unwrap();
        fs::rename(w.join("new"), &file).unwrap();
        following.look(&stage);
        assert_eq!((heard.files(), heard.text()), (2, "three".to_owned()));
        fs::write(&file, "cut").unwrap();
        following.look(&stage);
        assert_eq!((heard.files(), heard.text()), (3, "cut".to_owned()));
        // However often it is exchanged, no more is read than may be.
        for n in 0..40 {
            fs::write(w.join("new"), format!("{n:10}")).unwrap();
            fs::rename(w.join("new"), &file).unwrap();
            following.look(&stage);
        }
        assert_eq!(following.left, 0);
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_heard_whole_and_no_byte_twice() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("w")).unwrap();
        let stage: OwnedFd = fs::File::open(dir.path()).unwrap().into();
        let heard = Arc::new(Heard::default());
        let follow = Follow { path: "lines".into(), max_bytes: 1 << 30, to: heard.clone() };
        let mut following = Following::new(&follow);
        let file = dir.path().join("w/lines");
        let all = (0..20_000).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        std::thread::scope(|threads| {
            let writing = threads.spawn(|| {
                all.as_bytes().chunks(97).for_each(|piece| {
                    append(&file, std::str::from_utf8(piece).unwrap());
                });
            });
            while !writing.is_finished() {
                following.look(&stage);
            }
        });
        following.look(&stage);
        assert!(heard.text() == all, "{} of {}", heard.text().len(), all.len());
        assert_eq!(heard.files(), 1, "it is one file");
    }

    #[test]
    fn no_link_fifo_folder_or_second_name_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let w = dir.path().join("w");
        fs::create_dir_all(w.join("folder")).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        let stage: OwnedFd = fs::File::open(dir.path()).unwrap().into();
        symlink("../secret", w.join("link")).unwrap();
        symlink("..", w.join("up")).unwrap();
        fs::write(w.join("twice"), "t").unwrap();
        fs::hard_link(w.join("twice"), w.join("again")).unwrap();
        nix::unistd::mkfifo(&w.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in ["link", "up/secret", "../secret", "twice", "fifo", "folder", "absent"] {
            let heard = Arc::new(Heard::default());
            let follow = Follow { path: path.into(), max_bytes: 99, to: heard.clone() };
            Following::new(&follow).look(&stage);
            assert_eq!(heard.text(), "", "{path}");
        }
    }
}
