//! Whether the data directory has room: packages are unpacked there, images and cached runs lie there.
//!
//! A worker without room would fail every job that brings a package, and use up its attempts within seconds; so it
//! takes none until there is room again, and says so. What a run itself writes lies in memory; a long output that is put
//! aside for its validator needs as much of the room as the problem's output limit.

use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

/// Less free space than this is none: enough for what a worker writes between two looks at the disk.
const FREE_MIN: u64 = 64 << 20;
/// Of a small file system this part is enough, in percent.
const FREE_PERCENT: u64 = 5;
/// Fewer free files than this are none, where the file system counts them.
const FILES_MIN: u64 = 64;

/// The data directory of a worker.
#[derive(Debug, Clone)]
pub struct Room(PathBuf);

/// What a file system says of itself.
#[derive(Debug, Clone, Copy)]
struct Space {
    free: u64,
    size: u64,
    files_free: u64,
    files: u64,
}

impl Room {
    /// The room that `data` has.
    pub fn of(data: &Path) -> Self {
        Self(data.to_owned())
    }

    /// The bytes that may still be written there without its lacking room afterwards; `None` when it cannot be asked.
    pub(crate) fn left(&self) -> Option<u64> {
        self.space().map(left)
    }

    fn space(&self) -> Option<Space> {
        let stat = statvfs(&self.0).ok()?;
        let unit = stat.fragment_size();
        Some(Space {
            free: stat.blocks_available().saturating_mul(unit),
            size: stat.blocks().saturating_mul(unit),
            files_free: stat.files_available(),
            files: stat.files(),
        })
    }

    /// What it lacks, in words that name the directory. `was` is whether it lacked it before: then it has to have twice as
    /// much. What cannot be asked lacks nothing: whoever writes there will say what is wrong.
    pub(crate) fn lacks(&self, was: bool) -> Option<String> {
        lacks(self.space()?, was).map(|what| format!("the data directory {} {what}", self.0.display()))
    }
}

/// What of the free space may be used up: a worker that was without room has to have this much more before it works again.
fn left(space: Space) -> u64 {
    space.free.saturating_sub(2 * bound(space))
}

fn bound(space: Space) -> u64 {
    FREE_MIN.min(space.size / 100 * FREE_PERCENT)
}

fn lacks(space: Space, was: bool) -> Option<String> {
    let times = if was { 2 } else { 1 };
    let needed = times * bound(space);
    if space.free < needed {
        let (free, needed) = (space.free >> 20, needed.div_ceil(1 << 20));
        return Some(format!(
            "has {free} MiB left; {needed} MiB are needed: free some, or give it a larger disk"
        ));
    }
    // Some file systems make files as they are needed and count none.
    let needed = times * FILES_MIN.min(space.files / 100 * FREE_PERCENT);
    (space.files > 0 && space.files_free < needed).then(|| {
        let left = space.files_free;
        format!("has room for {left} more files; room for {needed} is needed: remove some on its file system")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_lacking_below_its_bound_and_until_there_is_twice_as_much() {
        let of =
            |free: u64, size: u64| Space { free: free << 20, size: size << 20, files_free: 900, files: 1000 };
        assert_eq!(lacks(of(65, 100_000), false), None);
        let said = lacks(of(63, 100_000), false).unwrap();
        assert!(said.contains("63 MiB") && said.contains("64 MiB"), "{said}");
        assert!(lacks(of(127, 100_000), true).is_some(), "it was full, and this is not much");
        assert_eq!(lacks(of(129, 100_000), true), None);
        assert_eq!(
            (left(of(129, 100_000)), left(of(100, 100_000))),
            (1 << 20, 0),
            "what is used up leaves room"
        );
        assert_eq!(lacks(of(6, 100), false), None, "a small disk needs less");
        assert!(lacks(of(4, 100), false).is_some());
        let files = |files_free, files| Space { files_free, files, ..of(500, 1000) };
        assert!(lacks(files(3, 100_000), false).unwrap().contains("3 more files"));
        assert_eq!(lacks(files(0, 0), false), None, "files are not counted there");
    }

    #[test]
    fn a_directory_that_is_not_there_lacks_no_room() {
        assert_eq!(Room::of(Path::new("/nowhere/at/all")).lacks(false), None);
    }
}
