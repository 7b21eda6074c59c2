//! Which control groups this host offers to this process: probed, never guessed.

use std::path::{Path, PathBuf};

use super::file;

/// The directories of our own group in each hierarchy that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// v1 memory and pids, and a cgroup2 tree without controllers.
    Hybrid {
        /// Our group in the cgroup2 tree.
        unified: PathBuf,
        /// Our group in the memory hierarchy.
        memory: PathBuf,
        /// Our group in the pids hierarchy.
        pids: PathBuf,
    },
    /// v1 alone.
    V1 {
        /// Our group in the memory hierarchy.
        memory: PathBuf,
        /// Our group in the pids hierarchy.
        pids: PathBuf,
        /// Our group in the cpuacct hierarchy.
        cpuacct: PathBuf,
    },
    /// cgroup2 alone.
    V2 {
        /// Our group.
        own: PathBuf,
    },
}

impl Layout {
    /// The directories in which the worker's group stands.
    pub(super) fn own_dirs(&self) -> Vec<&Path> {
        match self {
            Layout::Hybrid { unified, memory, pids } => vec![unified, memory, pids],
            Layout::V1 { memory, pids, cpuacct } => vec![memory, pids, cpuacct],
            Layout::V2 { own } => vec![own],
        }
    }

    /// The word for doctor and logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Layout::Hybrid { .. } => "v1-hybrid",
            Layout::V1 { .. } => "v1",
            Layout::V2 { .. } => "v2",
        }
    }
}

/// Finds the layout, or says what is missing.
pub(crate) fn detect() -> Result<Layout, String> {
    let own = file::read(Path::new("/proc/self/cgroup")).map_err(|e| format!("/proc/self/cgroup: {e}"))?;
    let mounts =
        file::read(Path::new("/proc/self/mountinfo")).map_err(|e| format!("/proc/self/mountinfo: {e}"))?;
    layout(&own, &mounts)
}

fn layout(own: &str, mounts: &str) -> Result<Layout, String> {
    let memory = v1_dir(own, mounts, "memory");
    let pids = v1_dir(own, mounts, "pids");
    let unified = v2_dir(own, mounts);
    match (memory, pids, unified) {
        (Some(memory), Some(pids), Some(unified)) => Ok(Layout::Hybrid { unified, memory, pids }),
        (Some(memory), Some(pids), None) => {
            let cpuacct =
                v1_dir(own, mounts, "cpuacct").ok_or("the v1 controller `cpuacct` is not mounted")?;
            Ok(Layout::V1 { memory, pids, cpuacct })
        }
        (None, None, Some(own)) => Ok(Layout::V2 { own }),
        (None, _, _) => Err("no memory controller is mounted".into()),
        (_, None, _) => Err("no pids controller is mounted".into()),
    }
}

/// (mount point, root inside the hierarchy) of mounts of `kind` for which `wanted` holds on the super options.
fn mount_of(mounts: &str, kind: &str, wanted: impl Fn(&str) -> bool) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        if right.next()? != kind || !wanted(right.nth(1)?) {
            return None;
        }
        let mut left = left.split(' ').skip(3);
        let root = PathBuf::from(left.next()?);
        Some((PathBuf::from(left.next()?), root))
    })
}

fn v1_dir(own: &str, mounts: &str, controller: &str) -> Option<PathBuf> {
    let (mount, root) = mount_of(mounts, "cgroup", |o| o.split(',').any(|x| x == controller))?;
    let path = own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let names = parts.nth(1)?;
        names.split(',').any(|n| n == controller).then(|| parts.next())?
    })?;
    Some(below(&mount, &root, path))
}

fn v2_dir(own: &str, mounts: &str) -> Option<PathBuf> {
    let (mount, root) = mount_of(mounts, "cgroup2", |_| true)?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(below(&mount, &root, path))
}

/// Where the group `path` of a hierarchy appears, when its `root` is mounted at `mount`.
fn below(mount: &Path, root: &Path, path: &str) -> PathBuf {
    let path = Path::new(path);
    let inner = path.strip_prefix(root).or_else(|_| path.strip_prefix("/")).unwrap_or(Path::new(""));
    if inner.as_os_str().is_empty() { mount.to_owned() } else { mount.join(inner) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      31 25 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
    const UNIFIED: &str = "32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_three_layouts_are_told_apart_by_what_is_mounted() {
        let own = "4:memory:/a/b\n8:pids:/\n2:cpu,cpuacct:/c\n0::/\n";
        assert_eq!(
            layout(own, &format!("{V1}{UNIFIED}")).unwrap(),
            Layout::Hybrid {
                unified: "/sys/fs/cgroup/unified".into(),
                memory: "/sys/fs/cgroup/memory/a/b".into(),
                pids: "/sys/fs/cgroup/pids".into(),
            }
        );
        let v1 = layout(own, V1).unwrap();
        assert!(matches!(v1, Layout::V1 { cpuacct, .. } if cpuacct.ends_with("cpu,cpuacct/c")));
        let v2 = layout("0::/system.slice/t.service\n", "9 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(v2.unwrap(), Layout::V2 { own: "/sys/fs/cgroup/system.slice/t.service".into() });
        assert!(layout("0::/\n", "").is_err());
    }

    #[test]
    fn an_absent_controller_is_named_and_no_layout_is_guessed() {
        let own = "4:memory:/a\n8:pids:/\n2:cpu,cpuacct:/c\n0::/\n";
        let without = |gone: &str| {
            let mounts: Vec<&str> = V1.lines().filter(|line| !line.ends_with(gone)).collect();
            mounts.join("\n") + "\n"
        };
        for gone in ["memory", "pids", "cpuacct"] {
            assert!(layout(own, &without(gone)).unwrap_err().contains(gone), "{gone}");
            // Half of v1 beside a cgroup2 tree is not cgroup v2: that tree has no controllers.
            let beside = layout(own, &(without(gone) + UNIFIED));
            assert_eq!(beside.is_err(), gone != "cpuacct", "{gone}: {beside:?}");
        }
        assert!(layout("", &format!("{V1}{UNIFIED}")).is_err(), "a process in no group");
    }

    #[test]
    fn a_container_that_sees_only_its_own_subtree_is_understood() {
        let mounts = "9 1 0:2 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let own = layout("0::/docker/abc/x\n", mounts).unwrap();
        assert_eq!(own, Layout::V2 { own: "/sys/fs/cgroup/x".into() });
    }
}
