//! The group of one box: made fresh, limited, read, killed, removed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Layout;
use super::file;

/// One box's group in every hierarchy. Its files are opened when it is made, so that none is looked up by name
/// while a program waits or runs.
#[derive(Debug)]
pub(crate) struct BoxGroup {
    version: Version,
    /// The directory whose descriptor CLONE_INTO_CGROUP takes.
    entry: Option<File>,
    /// `tasks` files of the v1 groups.
    tasks: Vec<File>,
    cpu: File,
    kill: Option<File>,
    memory_limit: File,
    /// Absent where swap accounting is off: then there is no swap file to limit.
    swap_limit: Option<File>,
    memory_stat: File,
    memory_events: File,
    /// Absent on v2 before Linux 5.19.
    memory_peak: Option<File>,
    pids_limit: File,
    pids_events: File,
    // Last: removed when nothing of it is open any more.
    dirs: Dirs,
}

/// Directories of groups, removed when dropped.
#[derive(Debug, Default)]
struct Dirs(Vec<PathBuf>);

impl Dirs {
    fn make(&mut self, dir: PathBuf) -> io::Result<()> {
        std::fs::create_dir(&dir)?;
        self.0.push(dir);
        Ok(())
    }

    fn remove(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        for dir in std::mem::take(&mut self.0) {
            if let Err(e) = file::remove_dir(&dir) {
                result = Err(e);
            }
        }
        result
    }
}

impl Drop for Dirs {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// How far below its limit a v1 group can be when the kernel kills for it: an allocation of order 3, the largest
/// that may (PAGE_ALLOC_COSTLY_ORDER), and what cpus hold charged ahead (MEMCG_CHARGE_BATCH), rounded up.
const OOM_SLACK: u64 = 512 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// cpu.stat of cgroup2 beside v1 memory.
    Hybrid,
    V1,
    V2,
}

/// Memory in use now, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MemoryNow {
    /// Anonymous and shared memory (tmpfs included), bytes.
    pub(crate) used: u64,
}

impl BoxGroup {
    pub(super) fn create(layout: &Layout, name: &Path) -> io::Result<Self> {
        // Where cpu time is, where memory is, where tasks are.
        let (c, m, p, version) = match layout {
            Layout::Hybrid { unified, memory, pids } => {
                (unified.join(name), memory.join(name), pids.join(name), Version::Hybrid)
            }
            Layout::V1 { memory, pids, cpuacct } => {
                (cpuacct.join(name), memory.join(name), pids.join(name), Version::V1)
            }
            Layout::V2 { own } => (own.join(name), own.join(name), own.join(name), Version::V2),
        };
        let mut dirs = Dirs::default();
        dirs.make(c.clone())?;
        if version != Version::V2 {
            dirs.make(m.clone())?;
            dirs.make(p.clone())?;
        }
        Self::open(version, [&c, &m, &p], dirs)
    }

    /// Opens the files of a group that was made: of cpu time, memory and tasks.
    fn open(version: Version, [c, m, p]: [&Path; 3], dirs: Dirs) -> io::Result<Self> {
        let joined = match version {
            Version::V1 => &dirs.0[..],
            Version::Hybrid => &dirs.0[1..],
            Version::V2 => &[],
        };
        let tasks = joined.iter().map(|dir| file::writable(&dir.join("tasks")));
        let (limit, swap, events, peak) = match version {
            Version::V2 => ("memory.max", "memory.swap.max", "memory.events", "memory.peak"),
            Version::V1 | Version::Hybrid => (
                "memory.limit_in_bytes",
                "memory.memsw.limit_in_bytes",
                "memory.oom_control",
                "memory.max_usage_in_bytes",
            ),
        };
        let (cpu, entry, kill) = match version {
            Version::V1 => ("cpuacct.usage", None, None),
            Version::Hybrid | Version::V2 => {
                ("cpu.stat", Some(File::open(c)?), file::if_there(file::writable(&c.join("cgroup.kill")))?)
            }
        };
        if version == Version::V2 {
            // Otherwise an OOM kill takes the init along and the exit facts with it (corrections 19).
            file::write(&m.join("memory.oom.group"), "0")?;
        }
        Ok(Self {
            version,
            entry,
            tasks: tasks.collect::<io::Result<_>>()?,
            cpu: File::open(c.join(cpu))?,
            kill,
            memory_limit: file::writable(&m.join(limit))?,
            swap_limit: file::if_there(file::writable(&m.join(swap)))?,
            memory_stat: File::open(m.join("memory.stat"))?,
            memory_events: File::open(m.join(events))?,
            memory_peak: file::if_there(File::open(m.join(peak)))?,
            pids_limit: file::writable(&p.join("pids.max"))?,
            pids_events: File::open(p.join("pids.events"))?,
            dirs,
        })
    }

    /// The cgroup2 directory into which the init is cloned; `None` where there is none.
    pub(crate) fn entry(&self) -> Option<BorrowedFd<'_>> {
        self.entry.as_ref().map(AsFd::as_fd)
    }

    /// The v1 groups the init has to join by itself: their `tasks` files, open for writing. A process that
    /// writes `0` there moves only itself, for which the kernel does not take the lock over all forks and
    /// exits (`cgroup_procs_write_start` in kernel/cgroup/cgroup.c): that lock costs milliseconds on a host
    /// that was quiet (performance.md 2).
    pub(crate) fn tasks(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.tasks.iter().map(AsFd::as_fd)
    }

    /// Sets the bounds: bytes for the whole tree without swap, and tasks.
    pub(crate) fn limit(&self, memory: u64, tasks: u32) -> io::Result<()> {
        let memory = memory.to_string();
        // v1 wants memory before memory and swap together when both go down, and a fresh group is unlimited.
        file::rewrite(&self.memory_limit, &memory)?;
        if let Some(swap) = &self.swap_limit {
            file::rewrite(swap, if self.version == Version::V2 { "0" } else { &memory })?;
        }
        file::rewrite(&self.pids_limit, &tasks.to_string())
    }

    /// CPU time of the whole tree since the group was made.
    pub(crate) fn cpu_time(&self) -> io::Result<CpuTime> {
        let text = file::reread(&self.cpu)?;
        if self.version == Version::V1 {
            return Ok(CpuTime { total: Duration::from_nanos(file::number(&text)?), user: None });
        }
        Ok(CpuTime {
            total: Duration::from_micros(file::keyed(&text, "usage_usec")?),
            user: Some(Duration::from_micros(file::keyed(&text, "user_usec")?)),
        })
    }

    /// OOM kills in the group so far.
    pub(crate) fn oom_kills(&self) -> io::Result<u64> {
        file::keyed(&file::reread(&self.memory_events)?, "oom_kill")
    }

    /// Whether memory was ever refused because of this group's own limit. An OOM kill without that came from a
    /// limit above us or from the whole host: the program is not to blame.
    pub(crate) fn reached_own_limit(&self) -> io::Result<bool> {
        // Looked up by name: this is rare, and the program is dead.
        let memory = &self.dirs.0[usize::from(self.version != Version::V2)];
        if self.version == Version::V2 {
            // Without `.local` the events of children count too, and a box has none.
            let local = file::read(&memory.join("memory.events.local"));
            let text = local.or_else(|_| file::read(&memory.join("memory.events")))?;
            return Ok(file::keyed(&text, "max")? > 0);
        }
        // v1 counts no failures when memory and memory+swap have one limit (sandbox.md M6), but its peak is exact.
        let figure = |name: &str| file::number(&file::read(&memory.join(name))?);
        let (peak, limit) = (figure("memory.max_usage_in_bytes")?, figure("memory.limit_in_bytes")?);
        Ok(peak.saturating_add(OOM_SLACK) >= limit)
    }

    /// How often the task limit refused a fork.
    pub(crate) fn process_limit_hits(&self) -> io::Result<u64> {
        file::keyed(&file::reread(&self.pids_events)?, "max")
    }

    /// Memory in use now.
    pub(crate) fn memory_now(&self) -> io::Result<MemoryNow> {
        let text = file::reread(&self.memory_stat)?;
        let (anon, shmem) = match self.version {
            Version::V2 => ("anon", "shmem"),
            Version::V1 | Version::Hybrid => ("total_rss", "total_shmem"),
        };
        Ok(MemoryNow { used: file::keyed(&text, anon)? + file::keyed(&text, shmem)? })
    }

    /// The kernel's raw peak, page cache included; `None` where the kernel does not keep one (v2 before 5.19).
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        file::number(&file::reread(self.memory_peak.as_ref()?).ok()?).ok()
    }

    /// Whether the kernel can hold the group to its memory limit where there is swap.
    pub(crate) fn limits_swap(&self) -> bool {
        self.swap_limit.is_some()
    }

    /// Whether [`BoxGroup::kill`] can.
    pub(crate) fn can_kill(&self) -> bool {
        self.kill.is_some()
    }

    /// SIGKILLs every process of the tree at once, where the kernel can (cgroup.kill, Linux 5.14).
    /// Returns whether it could.
    pub(crate) fn kill(&self) -> bool {
        self.kill.as_ref().is_some_and(|kill| file::rewrite(kill, "1").is_ok())
    }

    /// Removes the group everywhere. The tree must be dead.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.dirs.remove()
    }

    /// Leaves the group where it is: something in it may live. It goes with the worker's.
    pub(crate) fn abandon(mut self) {
        self.dirs.0.clear();
    }
}

/// CPU time so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// All of it.
    pub(crate) total: Duration,
    /// The part in user mode, when the kernel tells.
    pub(crate) user: Option<Duration>,
}

#[cfg(test)]
mod tests;
