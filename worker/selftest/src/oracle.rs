//! The host before and after an attack: what must be the same, and what must be gone (H1 to H12 of the design; what
//! is left out and why stands in `tests/hostile/README.md`).
//!
//! Everything counted is this process's own: its boxes' groups, the id ranges it leased, its descriptors. Other work
//! on the host changes none of it, so a difference is an attack's doing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::canary::{Listeners, Tree};
use crate::kernel_log::KernelLog;
use crate::leftovers::Leftovers;
use crate::processes::{descendants, field};

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
    memory: AtomicU64,
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

impl Oracle {
    /// Plants canaries below `dir` and takes the quiet host as it is now: no box may be alive.
    ///
    /// # Errors
    /// When something cannot be read or opened.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let tree = Tree::plant(&dir.join("canary"))?;
        let listeners = Listeners::open(dir)?;
        Ok(Self {
            tree,
            listeners,
            log: KernelLog::open(),
            quiet: Leftovers::look()?,
            memory: AtomicU64::new(resident()?),
        })
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
        let (before, now) = (self.memory.load(Ordering::Relaxed), resident().map_err(unreadable)?);
        if now > before + GROWTH_MAX {
            return Err(format!("the worker grew from {before} to {now} bytes"));
        }
        Ok(())
    }

    /// Takes the worker's memory as it is now for what later rounds are held against. The allocator keeps what each
    /// thread once used, so the first round of a process is allowed its own growth.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn warmed(&self) -> io::Result<()> {
        self.memory.store(resident()?, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumped_is_a_changed_host_and_a_slow_one_is_not() {
        assert!(Seconds(1000.0) == Seconds(1001.0));
        assert!(Seconds(1000.0) != Seconds(4600.0));
    }
}
