//! Control groups that a container shows read-only, made writable for this process alone.
//!
//! A container engine mounts `/sys/fs/cgroup` read-only unless it is told `--privileged`. The flag is one of the mount,
//! not of the hierarchy (mount(2), `MS_REMOUNT | MS_BIND`): whoever has CAP_SYS_ADMIN over the mount namespace can take
//! it off, and everything below the container's own group is then the worker's to make. It is taken off in a mount
//! namespace of this process, so that neither the container's other processes nor a host that set it on purpose see a
//! change.

use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::file;

/// Controllers whose v1 hierarchies boxes need.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpuacct"];

/// Makes the control groups this process is in writable, in a mount namespace of its own. Does nothing where none is
/// read-only, and in a process that has threads already: they would keep the old namespace.
///
/// # Errors
/// What the kernel said, such as EPERM without CAP_SYS_ADMIN.
pub(crate) fn make_writable() -> io::Result<()> {
    let points = read_only(&file::read(Path::new("/proc/self/mountinfo"))?);
    if points.is_empty() || std::fs::read_dir("/proc/self/task")?.count() > 1 {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    // Mounts made outside later still arrive here; none made here leave.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    for point in points {
        let kept = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(none, &point, none, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | kept, none)?;
        tracing::debug!(mount = %point.display(), "control groups are mounted read-only; writable for this process now");
    }
    Ok(())
}

/// Mount points of the hierarchies that matter which are mounted read-only, per `/proc/self/mountinfo` (proc(5)).
fn read_only(mounts: &str) -> Vec<PathBuf> {
    let of_ours = |right: &str| {
        let mut words = right.split(' ');
        let (kind, options) = (words.next().unwrap_or(""), words.nth(1).unwrap_or(""));
        kind == "cgroup2" || (kind == "cgroup" && options.split(',').any(|o| CONTROLLERS.contains(&o)))
    };
    mounts
        .lines()
        .filter_map(|line| line.split_once(" - "))
        .filter(|(_, right)| of_ours(right))
        .filter_map(|(left, _)| {
            let mut words = left.split(' ').skip(4);
            let (point, options) = (words.next()?, words.next()?);
            options.split(',').any(|o| o == "ro").then(|| PathBuf::from(point))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hierarchies_of_ours_whose_mount_is_read_only_are_touched() {
        let mounts = "203 196 0:58 / /sys ro,nosuid - sysfs sysfs ro\n\
                      209 207 0:30 /docker/a /sys/fs/cgroup/cpuacct ro,nosuid,nodev - cgroup cgroup rw,cpuacct\n\
                      211 207 0:32 /docker/a /sys/fs/cgroup/memory ro,nosuid master:7 - cgroup cgroup rw,memory\n\
                      212 207 0:33 /docker/a /sys/fs/cgroup/devices ro,nosuid - cgroup cgroup rw,devices\n\
                      215 207 0:36 /docker/a /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids\n\
                      216 207 0:28 / /sys/fs/cgroup/unified ro,nosuid - cgroup2 cgroup2 rw\n";
        let found: Vec<String> = read_only(mounts).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(found, ["/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"]);
    }
}
