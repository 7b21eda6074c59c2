//! The host before and after an attack: what must be the same, and what must be gone (H1 to H12 of the design; what
//! is left out and why stands in `tests/hostile/README.md`).
//!
//! Everything counted is this process's own: its boxes' groups, the id ranges it leased, its descriptors. Other work
//! on the host changes none of it, so a difference is an attack's doing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::canary::{Listeners, Tree};
use crate::kernel_log::KernelLog;

/// How long what a box leaves may take to be gone: 2 s by the design, more on a loaded host.
const GONE: Duration = Duration::from_secs(10);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Most the worker's resident set may grow over a round, bytes: its allocator keeps what threads once used.
const GROWTH_MAX: u64 = 64 << 20;
/// Most the host's clock may jump against its uptime, seconds.
const CLOCK_JUMP_MAX: f64 = 5.0;

/// Settings of the host an attack would want to change.
const SETTINGS: [&str; 20] = [
    "fs/protected_hardlinks",
    "fs/protected_symlinks",
    "fs/suid_dumpable",
    "kernel/core_pattern",
    "kernel/dmesg_restrict",
    "kernel/domainname",
    "kernel/hostname",
    "kernel/kptr_restrict",
    "kernel/modprobe",
    "kernel/perf_event_paranoid",
    "kernel/pid_max",
    "kernel/randomize_va_space",
    "kernel/sysrq",
    "kernel/threads-max",
    "net/ipv4/ip_forward",
    "user/max_net_namespaces",
    "user/max_user_namespaces",
    "vm/mmap_min_addr",
    "vm/overcommit_memory",
    "vm/swappiness",
];

/// Watches the host for one suite.
#[derive(Debug)]
pub struct Oracle {
    tree: Tree,
    listeners: Listeners,
    log: KernelLog,
    /// What is there with no box alive.
    quiet: Leftovers,
    memory: u64,
}

fn unreadable(e: impl Into<io::Error>) -> String {
    format!("the host cannot be looked at: {}", e.into())
}

/// What must be the same after an attack as before, whatever else runs.
#[derive(Debug, PartialEq)]
pub struct Host {
    mounts: Vec<String>,
    canary: BTreeMap<PathBuf, (u64, u32, u32, u32, i64, u64)>,
    settings: Vec<(&'static str, String)>,
    /// Processors and OOM preference of this process and of its box server, and the server's id.
    worker: Vec<String>,
    /// Seconds at which the host's clock read 0 at boot; compared with a tolerance.
    booted: Seconds,
}

#[derive(Debug)]
struct Seconds(f64);

impl PartialEq for Seconds {
    fn eq(&self, other: &Self) -> bool {
        (self.0 - other.0).abs() < CLOCK_JUMP_MAX
    }
}

/// What a box could leave behind.
#[derive(Debug, PartialEq)]
struct Leftovers {
    /// With a user id of our leases, or in a pid namespace below our server.
    processes: Vec<String>,
    /// In which processes live.
    groups: Vec<PathBuf>,
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

impl Oracle {
    /// Plants canaries below `dir` and takes the quiet host as it is now: no box may be alive.
    ///
    /// # Errors
    /// When something cannot be read or opened.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let tree = Tree::plant(&dir.join("canary"))?;
        let listeners = Listeners::open(dir)?;
        Ok(Self { tree, listeners, log: KernelLog::open(), quiet: Leftovers::look()?, memory: resident()? })
    }

    /// What stands for the canaries' names in an `expect.toml`.
    ///
    /// # Errors
    /// When a socket does not know its own address.
    pub fn names(&self) -> io::Result<Vec<(&'static str, String)>> {
        self.listeners.names()
    }

    /// What of the design this host does not let us see.
    pub fn blind_spots(&self) -> Vec<&'static str> {
        if self.log.readable() { Vec::new() } else { vec!["the kernel's log may not be read"] }
    }

    /// The host as it is.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn look(&self) -> io::Result<Host> {
        let setting = |name: &&'static str| {
            Some((*name, fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?.trim().to_owned()))
        };
        Ok(Host {
            mounts: fs::read_to_string("/proc/self/mountinfo")?.lines().map(str::to_owned).collect(),
            canary: self.tree.look()?,
            settings: SETTINGS.iter().filter_map(setting).collect(),
            worker: worker()?,
            booted: booted()?,
        })
    }

    /// Fails when the host is not as it was, or a canary was reached, or the kernel complained.
    ///
    /// # Errors
    /// What changed.
    pub fn unchanged(&self, before: &Host) -> Result<(), String> {
        let after = self.look().map_err(unreadable)?;
        if *before != after {
            return Err(format!("the host changed: {}", before.difference(&after)));
        }
        let reached = self.listeners.reached();
        if !reached.is_empty() {
            return Err(format!("somebody reached the host's canary listeners: {reached:?}"));
        }
        let complaints = self.log.complaints();
        if !complaints.is_empty() {
            return Err(format!("the kernel complained: {complaints:?}"));
        }
        Ok(())
    }

    /// Waits until something of a box is seen: its processes, and its groups where there are any.
    ///
    /// # Errors
    /// What is not seen after [`GONE`].
    pub fn sees_a_box(&self, groups: bool) -> Result<(), String> {
        let until = Instant::now() + GONE;
        loop {
            let now = Leftovers::look().map_err(unreadable)?;
            let seen = (
                now.processes.len() > self.quiet.processes.len(),
                now.groups.len() > self.quiet.groups.len(),
            );
            match seen {
                (true, true) => return Ok(()),
                (true, false) if !groups => return Ok(()),
                (processes, groups) if Instant::now() > until => {
                    return Err(format!(
                        "of a living box, processes are seen: {processes}, groups: {groups}"
                    ));
                }
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    /// Waits until everything boxes made is gone.
    ///
    /// # Errors
    /// What is still there after [`GONE`].
    pub fn nothing_left(&self) -> Result<(), String> {
        let until = Instant::now() + GONE;
        loop {
            let now = Leftovers::look().map_err(unreadable)?;
            if now == self.quiet {
                break;
            }
            if Instant::now() > until {
                return Err(format!("left behind after {GONE:?}: {}", self.quiet.difference(&now)));
            }
            std::thread::sleep(LOOK);
        }
        let memory = resident().map_err(unreadable)?;
        if memory > self.memory + GROWTH_MAX {
            return Err(format!("the worker grew from {} to {memory} bytes", self.memory));
        }
        Ok(())
    }
}

impl Host {
    /// What is only in one of both, for people.
    fn difference(&self, after: &Host) -> String {
        let gone: Vec<_> = self.mounts.iter().filter(|m| !after.mounts.contains(m)).collect();
        let come: Vec<_> = after.mounts.iter().filter(|m| !self.mounts.contains(m)).collect();
        let canary: Vec<_> =
            after.canary.iter().filter(|(path, now)| self.canary.get(*path) != Some(now)).collect();
        let settings: Vec<_> = after.settings.iter().filter(|s| !self.settings.contains(s)).collect();
        format!(
            "mounts gone {gone:?}, mounts come {come:?}, canary {canary:?} ({} files, {} before), settings {settings:?}, \
             worker {:?} -> {:?}, clock {:?} -> {:?}",
            after.canary.len(),
            self.canary.len(),
            self.worker,
            after.worker,
            self.booted,
            after.booted
        )
    }
}

impl Leftovers {
    fn look() -> io::Result<Self> {
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

    fn difference(&self, now: &Self) -> String {
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

/// Realtime at boot: changes only when somebody sets a clock.
fn booted() -> io::Result<Seconds> {
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime: f64 = uptime
        .split(' ')
        .next()
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/uptime is no number"))?;
    Ok(Seconds(
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64() - uptime,
    ))
}

/// Bytes resident now.
fn resident() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib: u64 = field(&status, "VmRSS:")
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/self/status has no VmRSS"))?;
    Ok(kib << 10)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn worker() -> io::Result<Vec<String>> {
    let mut rows = Vec::new();
    let server = descendants().into_iter().find(|p| p.parent == std::process::id());
    for pid in std::iter::once(std::process::id()).chain(server.map(|p| p.pid)) {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let score = fs::read_to_string(format!("/proc/{pid}/oom_score_adj"))?;
        let cpus = field(&status, "Cpus_allowed_list:").unwrap_or_default();
        rows.push(format!("{pid}: cpus {cpus}, oom_score_adj {}", score.trim()));
    }
    if rows.len() != 2 {
        return Err(io::Error::other("the box server is gone"));
    }
    Ok(rows)
}

/// One living process.
struct Process {
    pid: u32,
    parent: u32,
    name: String,
    uid: u32,
    /// Whether it is in a pid namespace below ours.
    nested: bool,
}

fn processes() -> Vec<Process> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let number =
            |name| field(&status, name).and_then(|text| text.split_whitespace().next()?.parse().ok());
        let (Some(pid), Some(parent), Some(uid)) = (number("Pid:"), number("PPid:"), number("Uid:")) else {
            continue;
        };
        let nested = field(&status, "NSpid:").is_some_and(|ids| ids.split_whitespace().count() > 1);
        let name = field(&status, "Name:").unwrap_or_default().to_owned();
        found.push(Process { pid, parent, name, uid, nested });
    }
    found
}

/// Living processes below this one.
fn descendants() -> Vec<Process> {
    let all = processes();
    let parents: BTreeMap<u32, u32> = all.iter().map(|p| (p.pid, p.parent)).collect();
    let ours = |pid: u32| {
        let up = std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
        up.skip(1).take(parents.len()).any(|pid| pid == std::process::id())
    };
    all.into_iter().filter(|p| ours(p.pid)).collect()
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
    let prefix = format!("box-{}-", std::process::id());
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

    #[test]
    fn a_clock_that_jumped_is_a_changed_host_and_a_slow_one_is_not() {
        assert!(Seconds(1000.0) == Seconds(1001.0));
        assert!(Seconds(1000.0) != Seconds(4600.0));
    }
}
