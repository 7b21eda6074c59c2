//! The group of one box: made fresh, limited, read, killed, removed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Layout;
use super::file;

/// One box's group in every hierarchy.
#[derive(Debug)]
pub(crate) struct BoxGroup {
    /// Directories to remove, all of them.
    dirs: Vec<PathBuf>,
    /// The directory whose descriptor CLONE_INTO_CGROUP takes.
    entry: Option<File>,
    /// `tasks` files of the v1 groups.
    tasks: Vec<File>,
    memory: PathBuf,
    pids: PathBuf,
    version: Version,
    cpu: File,
    kill: Option<PathBuf>,
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
        // The first directory holds the cpu time of the tree and, on cgroup2, the kill switch.
        let (dirs, memory, pids, version) = match layout {
            Layout::Hybrid { unified, memory, pids } => {
                let (m, p) = (memory.join(name), pids.join(name));
                (vec![unified.join(name), m.clone(), p.clone()], m, p, Version::Hybrid)
            }
            Layout::V1 { memory, pids, cpuacct } => {
                let (m, p) = (memory.join(name), pids.join(name));
                (vec![cpuacct.join(name), m.clone(), p.clone()], m, p, Version::V1)
            }
            Layout::V2 { own } => {
                let dir = own.join(name);
                (vec![dir.clone()], dir.clone(), dir, Version::V2)
            }
        };
        for (i, dir) in dirs.iter().enumerate() {
            if let Err(e) = std::fs::create_dir(dir) {
                for made in &dirs[..i] {
                    let _ = std::fs::remove_dir(made);
                }
                return Err(e);
            }
        }
        let cpu = match version {
            Version::V1 => dirs[0].join("cpuacct.usage"),
            Version::Hybrid | Version::V2 => dirs[0].join("cpu.stat"),
        };
        let kill = Some(dirs[0].join("cgroup.kill")).filter(|p| version != Version::V1 && p.exists());
        let entry = match version {
            Version::V1 => None,
            Version::Hybrid | Version::V2 => Some(File::open(&dirs[0])?),
        };
        let joined = match version {
            Version::V1 => &dirs[..],
            Version::Hybrid => &dirs[1..],
            Version::V2 => &[],
        };
        let tasks = joined.iter().map(|dir| OpenOptions::new().write(true).open(dir.join("tasks")));
        let group = Self {
            cpu: File::open(cpu)?,
            entry,
            tasks: tasks.collect::<io::Result<_>>()?,
            dirs,
            memory,
            pids,
            version,
            kill,
        };
        if version == Version::V2 {
            // Otherwise an OOM kill takes the init along and the exit facts with it (corrections 19).
            file::write(&group.memory.join("memory.oom.group"), "0")?;
        }
        Ok(group)
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
        if self.version == Version::V2 {
            file::write(&self.memory.join("memory.max"), &memory)?;
            absent_is_fine(file::write(&self.memory.join("memory.swap.max"), "0"))?;
        } else {
            // Raising: memsw first; lowering: memory first. A fresh group is unlimited, so lower.
            file::write(&self.memory.join("memory.limit_in_bytes"), &memory)?;
            absent_is_fine(file::write(&self.memory.join("memory.memsw.limit_in_bytes"), &memory))?;
        }
        file::write(&self.pids.join("pids.max"), &tasks.to_string())
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
        match self.version {
            Version::V2 => file::keyed(&file::read(&self.memory.join("memory.events"))?, "oom_kill"),
            _ => file::keyed(&file::read(&self.memory.join("memory.oom_control"))?, "oom_kill"),
        }
    }

    /// Whether memory was ever refused because of this group's own limit. An OOM kill without that came from a
    /// limit above us or from the whole host: the program is not to blame.
    pub(crate) fn reached_own_limit(&self) -> io::Result<bool> {
        if self.version == Version::V2 {
            // Without `.local` the events of children count too, and a box has none.
            let local = file::read(&self.memory.join("memory.events.local"));
            let text = local.or_else(|_| file::read(&self.memory.join("memory.events")))?;
            return Ok(file::keyed(&text, "max")? > 0);
        }
        // v1 counts no failures when memory and memory+swap have one limit (sandbox.md M6), but its peak is exact.
        let figure = |name: &str| file::number(&file::read(&self.memory.join(name))?);
        let (peak, limit) = (figure("memory.max_usage_in_bytes")?, figure("memory.limit_in_bytes")?);
        Ok(peak.saturating_add(OOM_SLACK) >= limit)
    }

    /// How often the task limit refused a fork.
    pub(crate) fn process_limit_hits(&self) -> io::Result<u64> {
        file::keyed(&file::read(&self.pids.join("pids.events"))?, "max")
    }

    /// Memory in use now.
    pub(crate) fn memory_now(&self) -> io::Result<MemoryNow> {
        let text = file::read(&self.memory.join("memory.stat"))?;
        let (anon, shmem) = match self.version {
            Version::V2 => ("anon", "shmem"),
            _ => ("total_rss", "total_shmem"),
        };
        Ok(MemoryNow { used: file::keyed(&text, anon)? + file::keyed(&text, shmem)? })
    }

    /// The kernel's raw peak, page cache included; `None` where the kernel does not keep one (v2 before 5.19).
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        let name = if self.version == Version::V2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
        file::number(&file::read(&self.memory.join(name)).ok()?).ok()
    }

    /// SIGKILLs every process of the tree at once, where the kernel can (cgroup.kill, Linux 5.14).
    /// Returns whether it could.
    pub(crate) fn kill(&self) -> bool {
        self.kill.as_ref().is_some_and(|p| file::write(p, "1").is_ok())
    }

    /// Removes the group everywhere. The tree must be dead.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.remove_dirs()
    }

    /// Leaves the group where it is: something in it may live. It goes with the worker's.
    pub(crate) fn abandon(mut self) {
        self.dirs.clear();
    }

    fn remove_dirs(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        for dir in std::mem::take(&mut self.dirs) {
            if let Err(e) = file::remove_dir(&dir) {
                result = Err(e);
            }
        }
        result
    }
}

impl Drop for BoxGroup {
    fn drop(&mut self) {
        let _ = self.remove_dirs();
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

/// Swap accounting is a boot option; where it is off there is no swap file to limit.
fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
