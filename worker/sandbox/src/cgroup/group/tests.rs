//! The fault model's F17: a group whose files are absent, unreadable or say nothing. Faked by a folder.

use super::*;

/// A file of a group, by the part it stands in (0 cpu, 1 memory, 2 tasks), with what a kernel writes there.
type Row = (usize, &'static str, &'static str, Need);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Without it there is no box.
    Required,
    /// Without it something is slower or null, and [`lost`] says what.
    Optional,
}
use Need::{Optional, Required};

const V2: &[Row] = &[
    (0, "cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n", Required),
    (0, "cgroup.kill", "", Optional),
    (1, "memory.oom.group", "0\n", Required),
    (1, "memory.max", "max\n", Required),
    (1, "memory.swap.max", "max\n", Optional),
    (1, "memory.stat", "anon 4096\nshmem 8192\n", Required),
    (1, "memory.events", "low 0\nmax 3\noom 1\noom_kill 1\n", Required),
    (1, "memory.peak", "16384\n", Optional),
    (2, "pids.max", "max\n", Required),
    (2, "pids.events", "max 2\n", Required),
];

const V1_MEMORY_AND_PIDS: &[Row] = &[
    (1, "tasks", "", Required),
    (1, "memory.limit_in_bytes", "20000\n", Required),
    (1, "memory.memsw.limit_in_bytes", "20000\n", Optional),
    (1, "memory.stat", "total_rss 4096\ntotal_shmem 8192\n", Required),
    (1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", Required),
    (1, "memory.max_usage_in_bytes", "16384\n", Optional),
    (2, "tasks", "", Required),
    (2, "pids.max", "max\n", Required),
    (2, "pids.events", "max 2\n", Required),
];

fn rows(version: Version) -> Vec<Row> {
    match version {
        Version::V2 => V2.to_vec(),
        Version::Hybrid => [&V2[..2], V1_MEMORY_AND_PIDS].concat(),
        Version::V1 => {
            let cpu = [(0, "tasks", "", Required), (0, "cpuacct.usage", "1500000\n", Required)];
            [&cpu, V1_MEMORY_AND_PIDS].concat()
        }
    }
}

/// A made group with these files; `spoil` is given each path before it is written, and says whether it did it.
fn group(version: Version, spoil: impl Fn(&Row, &Path) -> bool) -> (tempfile::TempDir, io::Result<BoxGroup>) {
    let host = tempfile::tempdir().unwrap();
    let part = |n: usize| match version {
        Version::V2 => host.path().join("own"),
        Version::Hybrid | Version::V1 => host.path().join(["cpu", "memory", "pids"][n]),
    };
    let parts: Vec<PathBuf> = (0..3).map(part).collect();
    let mut dirs = Dirs(parts.clone());
    dirs.0.dedup();
    for dir in &dirs.0 {
        std::fs::create_dir(dir).unwrap();
    }
    for row in rows(version) {
        let path = parts[row.0].join(row.1);
        if !spoil(&row, &path) {
            std::fs::write(&path, row.2).unwrap();
        }
    }
    let opened = BoxGroup::open(version, [&parts[0], &parts[1], &parts[2]], dirs);
    (host, opened)
}

const VERSIONS: [Version; 3] = [Version::V2, Version::Hybrid, Version::V1];

/// Everything a verdict is made of; an error when one figure cannot be had.
fn figures(group: &BoxGroup) -> io::Result<(Duration, u64, u64, u64, bool)> {
    let (cpu, kills) = (group.cpu_time()?.total, group.oom_kills()?);
    Ok((cpu, kills, group.process_limit_hits()?, group.memory_now()?.used, group.reached_own_limit()?))
}

/// What is known to be lost: swap, peak, the quick kill.
fn lost(group: &BoxGroup) -> [bool; 3] {
    [!group.limits_swap(), group.memory_peak().is_none(), !group.can_kill()]
}

#[test]
fn a_whole_group_gives_every_figure() {
    for version in VERSIONS {
        let (_host, group) = group(version, |_, _| false);
        let group = group.unwrap();
        let expected = (Duration::from_micros(1500), 1, 2, 12288, true);
        assert_eq!(figures(&group).unwrap(), expected, "{version:?}");
        assert_eq!(lost(&group), [false, false, version == Version::V1], "{version:?}");
    }
}

#[test]
fn an_absent_file_is_no_box_or_a_loss_that_is_told() {
    for version in VERSIONS {
        let whole = lost(&group(version, |_, _| false).1.unwrap());
        for absent in rows(version) {
            let (_host, without) = group(version, |row, _| (row.0, row.1) == (absent.0, absent.1));
            match (absent.3, without) {
                (Required, Err(e)) => assert_eq!(e.kind(), io::ErrorKind::NotFound, "{version:?} {absent:?}"),
                // What v1 tells its peak by also tells whose limit it was; without it that is an error, not a guess.
                (Optional, Ok(group)) if absent.1 == "memory.max_usage_in_bytes" => {
                    assert!(group.reached_own_limit().is_err() && group.memory_peak().is_none());
                }
                (Optional, Ok(group)) => {
                    assert!(figures(&group).is_ok() && lost(&group) != whole, "{version:?} {absent:?}");
                }
                (need, other) => panic!("{version:?} {absent:?}: {need:?} and {other:?}"),
            }
        }
    }
}

#[test]
fn an_unreadable_file_or_one_without_its_figure_is_never_a_zero() {
    for version in VERSIONS {
        for spoiled in rows(version).into_iter().filter(|row| row.3 == Required && !row.2.is_empty()) {
            let is = |row: &Row| (row.0, row.1) == (spoiled.0, spoiled.1);
            let written_only = ["memory.max", "memory.oom.group", "memory.limit_in_bytes", "pids.max"];
            // A folder in its place can be neither read nor written.
            let (_host, unreadable) =
                group(version, |row, path| is(row) && std::fs::create_dir(path).is_ok());
            let read = unreadable.and_then(|group| figures(&group));
            assert!(read.is_err(), "{version:?} {spoiled:?} unreadable: {read:?}");
            let (_host, silent) = group(version, |row, path| is(row) && std::fs::write(path, "").is_ok());
            let read = silent.and_then(|group| figures(&group));
            let only_written = written_only.contains(&spoiled.1) && spoiled.1 != "memory.limit_in_bytes";
            assert_eq!(read.is_err(), !only_written, "{version:?} {spoiled:?} silent: {read:?}");
        }
    }
}

#[test]
fn what_happened_to_others_below_the_same_limit_is_not_held_against_a_group_of_v2() {
    let (host, group) = group(Version::V2, |_, _| false);
    let group = group.unwrap();
    assert!(group.reached_own_limit().unwrap(), "without a file of its own events");
    let local = host.path().join("own/memory.events.local");
    std::fs::write(&local, "low 0\nmax 0\noom 0\noom_kill 1\n").unwrap();
    assert!(!group.reached_own_limit().unwrap());
    std::fs::write(&local, "low 0\nmax 1\n").unwrap();
    assert!(group.reached_own_limit().unwrap());
    std::fs::write(&local, "").unwrap();
    assert!(group.reached_own_limit().is_err());
}
