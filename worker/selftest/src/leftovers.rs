//! What a box could leave behind, looked for by owner: ids this process leased, groups and files with its name, its
//! descriptors.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::processes::{descendants, processes};

/// What a box could leave behind.
#[derive(Debug, PartialEq)]
pub(crate) struct Leftovers {
    /// With a user id of our leases, or in a pid namespace below our server.
    pub(crate) processes: Vec<String>,
    /// In which processes live.
    pub(crate) groups: Vec<PathBuf>,
    /// With and without processes: one may be ready for the next box.
    group_count: usize,
    /// Open in this process, leases aside.
    descriptors: usize,
    /// Below our own run directory.
    files: usize,
    /// In /dev/shm and System V IPC, owned by our leases.
    shared: Vec<String>,
    /// Users of our leases that hold keys.
    keys: Vec<String>,
}

impl Leftovers {
    /// What is there now.
    pub(crate) fn look() -> io::Result<Self> {
        let (ranges, descriptors) = leased()?;
        let ours = |id: u32| ranges.iter().any(|range| range.contains(&id));
        let mut groups = groups();
        let group_count = groups.len();
        groups.retain(|group| fs::read(group.join("cgroup.procs")).is_ok_and(|procs| !procs.is_empty()));
        Ok(Self {
            processes: boxed_processes(&ours)?,
            groups,
            group_count,
            descriptors,
            files: own_run_files(),
            shared: shared(&ours),
            keys: key_holders(&ours),
        })
    }

    /// What came, for people.
    pub(crate) fn difference(&self, now: &Self) -> String {
        let new = |was: &[String], is: &[String]| -> Vec<String> {
            is.iter().filter(|x| !was.contains(x)).cloned().collect()
        };
        format!(
            "processes {:?}, groups {:?} ({} -> {}), shared memory {:?}, keys {:?}, descriptors {} -> {}, files {} -> {}",
            new(&self.processes, &now.processes),
            now.groups.iter().filter(|group| !self.groups.contains(group)).collect::<Vec<_>>(),
            self.group_count,
            now.group_count,
            new(&self.shared, &now.shared),
            new(&self.keys, &now.keys),
            self.descriptors,
            now.descriptors,
            self.files,
            now.files
        )
    }
}

/// The host ids this process leased: each lease is a file it holds open below a folder `ids`. And how many other
/// descriptors it has: leases are kept for the next box.
fn leased() -> io::Result<(Vec<Range<u32>>, usize)> {
    let (mut ranges, mut others) = (Vec::new(), 0);
    for entry in fs::read_dir("/proc/self/fd")?.flatten() {
        let lease = fs::read_link(entry.path()).ok().and_then(|path| {
            let number = path.file_name()?.to_str()?.parse().ok()?;
            path.parent()?.ends_with("tribunal/ids").then_some(number)
        });
        match lease {
            Some(number) => ranges.push(sandbox::host_ids(number)),
            None => others += 1,
        }
    }
    if others == 0 {
        return Err(io::Error::other("this process has no descriptors"));
    }
    Ok((ranges, others))
}

/// Living processes of boxes: with a user id of ours wherever they hang, or below our box server in another pid
/// namespace (the server's own helpers come and go in ours).
fn boxed_processes(ours: &dyn Fn(u32) -> bool) -> io::Result<Vec<String>> {
    let below: Vec<u32> = descendants().iter().filter(|p| p.nested).map(|p| p.pid).collect();
    let all = processes();
    if all.is_empty() {
        return Err(io::Error::other("/proc has no process"));
    }
    let boxed = all.iter().filter(|p| ours(p.uid) || below.contains(&p.pid));
    Ok(boxed.map(|p| format!("{} {} uid {}", p.pid, p.name, p.uid)).collect())
}

/// Groups of boxes below this process's own, in every hierarchy.
fn groups() -> Vec<PathBuf> {
    let prefix = format!("tribunal-{}-", std::process::id());
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    let mut found = Vec::new();
    while let Some(dir) = open.pop() {
        let own = dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(own.then(|| entry.path()));
                open.push(entry.path());
            }
        }
    }
    found
}

/// Files below the folder the box server of this process made for itself.
fn own_run_files() -> usize {
    let prefix = format!("run-{}-", std::process::id());
    let folders = fs::read_dir("/run/tribunal").into_iter().flatten().flatten();
    let mut open: Vec<PathBuf> = folders
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    let mut count = 0;
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            count += 1;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    count
}

/// POSIX and System V shared memory, queues and semaphores of the host that belong to our ids.
fn shared(ours: &dyn Fn(u32) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        if entry.metadata().is_ok_and(|meta| ours(meta.uid())) {
            found.push(entry.path().display().to_string());
        }
    }
    for table in ["shm", "msg", "sem"] {
        let text = fs::read_to_string(format!("/proc/sysvipc/{table}")).unwrap_or_default();
        let mut lines = text.lines();
        let Some(at) = lines.next().and_then(|head| head.split_whitespace().position(|name| name == "uid"))
        else {
            continue;
        };
        let uid = |line: &str| line.split_whitespace().nth(at)?.parse().ok();
        found.extend(lines.filter(|line| uid(line).is_some_and(ours)).map(|line| format!("{table} {line}")));
    }
    found
}

/// Users of ours in `/proc/key-users`: `uid: usage keys/instantiated quota-keys quota-bytes`.
fn key_holders(ours: &dyn Fn(u32) -> bool) -> Vec<String> {
    let text = fs::read_to_string("/proc/key-users").unwrap_or_default();
    let holds = |line: &&str| {
        let uid = line.split(':').next().and_then(|uid| uid.trim().parse().ok());
        uid.is_some_and(ours) && !line.split_whitespace().nth(2).is_some_and(|keys| keys.starts_with("0/"))
    };
    text.lines().filter(holds).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_a_leased_user_is_seen_wherever_it_hangs() {
        let me = nix::unistd::getuid().as_raw();
        let found = boxed_processes(&|uid| uid == me).unwrap();
        let own = format!("{} ", std::process::id());
        assert!(found.iter().any(|row| row.starts_with(&own)), "{found:?}");
        assert!(boxed_processes(&|_| false).unwrap().is_empty());
    }

    #[test]
    fn shared_memory_of_a_leased_user_is_seen() {
        let me = nix::unistd::getuid().as_raw();
        let Ok(file) = tempfile::NamedTempFile::new_in("/dev/shm") else {
            println!("skipped: /dev/shm cannot be written here");
            return;
        };
        let path = file.path().display().to_string();
        assert!(shared(&|uid| uid == me).contains(&path));
        assert!(shared(&|_| false).is_empty());
    }
}
