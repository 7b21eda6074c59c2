//! What of us is on the host: processes, control groups, run directories, locks, mounts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

/// How long the kernel may take to end what was killed, on a loaded machine.
const SETTLE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// `argv[0]`.
    pub(crate) name: String,
    exe: Option<PathBuf>,
    groups: String,
}

/// Every process of this host that is not a zombie.
pub(crate) fn processes() -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let stat = read("stat");
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        let mut fields = fields.split_whitespace();
        if matches!(fields.next(), None | Some("Z" | "X")) {
            continue;
        }
        found.push(Process {
            pid,
            parent: fields.next().and_then(|p| p.parse().ok()).unwrap_or(0),
            name: read("cmdline").split('\0').next().unwrap_or_default().to_owned(),
            exe: std::fs::read_link(entry.path().join("exe")).ok(),
            groups: read("cgroup"),
        });
    }
    Ok(found)
}

/// The box servers of worker `pid`.
pub(crate) fn box_servers(pid: u32) -> Result<Vec<Process>> {
    let all = processes()?.into_iter();
    Ok(all.filter(|p| p.parent == pid as i32 && p.name == "tribunal-box-server").collect())
}

/// Processes that worker `pid`, now dead, left: in its groups, or executing this test.
fn left_by(pid: u32) -> Result<Vec<Process>> {
    let this = std::env::current_exe()?;
    let prefix = format!("/tribunal-{pid}-");
    let mut found = processes()?;
    found.retain(|p| {
        p.pid != std::process::id() as i32 && (p.groups.contains(&prefix) || p.exe.as_ref() == Some(&this))
    });
    Ok(found)
}

/// Waits until no process of the dead worker `pid` lives.
pub(crate) fn processes_end(pid: u32) -> Result<()> {
    until(|| Ok(left_by(pid)?.is_empty()))?;
    let left = left_by(pid)?;
    ensure!(left.is_empty(), "processes outlived their worker: {left:?}");
    Ok(())
}

/// Waits until `done`, without judging: the caller looks again.
pub(crate) fn until(done: impl Fn() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + SETTLE;
    while !done()? && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Control groups of worker `pid` and its boxes, in every hierarchy.
pub(crate) fn groups(pid: u32) -> Vec<PathBuf> {
    let prefix = format!("tribunal-{pid}-");
    let mut open = vec![(PathBuf::from("/sys/fs/cgroup"), false)];
    let mut found = Vec::new();
    while let Some((dir, inside)) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                let ours = inside || entry.file_name().to_string_lossy().starts_with(&prefix);
                if ours {
                    found.push(entry.path());
                }
                open.push((entry.path(), ours));
            }
        }
    }
    found
}

/// Entries of a run directory that belong to worker `pid`.
pub(crate) fn run_files(run_dir: &Path, pid: u32) -> Result<Vec<PathBuf>> {
    let prefix = format!("run-{pid}-");
    let entries = std::fs::read_dir(run_dir).context("the run directory")?.flatten();
    Ok(entries.filter(|e| e.file_name().to_string_lossy().starts_with(&prefix)).map(|e| e.path()).collect())
}

/// Id ranges that somebody holds.
pub(crate) fn locked_ids(run_dir: &Path) -> Result<usize> {
    let mut held = 0;
    for entry in std::fs::read_dir(run_dir.join("ids")).context("the id leases")?.flatten() {
        let file = std::fs::File::open(entry.path())?;
        held += usize::from(Flock::lock(file, FlockArg::LockSharedNonblock).is_err());
    }
    Ok(held)
}

/// Mounts of this mount namespace at or below `dir`.
pub(crate) fn mounts(dir: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string("/proc/self/mountinfo")?;
    let dir = dir.to_str().context("a UTF-8 path")?;
    Ok(text.lines().filter(|l| l.contains(dir)).map(str::to_owned).collect())
}

/// Resident memory of a process, bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}

/// Open descriptors of a process.
pub(crate) fn descriptors(pid: u32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
