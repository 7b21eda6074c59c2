//! Control groups: one fresh group per box, limits, and the figures a verdict depends on.
//!
//! Groups stand below the worker's own group in each hierarchy, `<own>/tribunal-<pid>-<start>/<box>`, so they
//! cannot escape a limit set on the worker. cgroups-rs makes and removes the worker's group; everything a
//! verdict depends on is read here, and a missing file is an error, never a zero (dependencies.md 1a).
//!
//! Three layouts are known: `Hybrid` (v1 memory and pids beside a controller-less cgroup2 tree that gives
//! cgroup.kill and whole-tree cpu time), `V1` (without that tree: cpuacct), `V2`.

mod detect;
mod file;
mod group;
mod writable;

use std::io;
use std::path::{Path, PathBuf};

use cgroups_rs::fs::{Cgroup, hierarchies};

pub(crate) use detect::{Layout, detect};
pub(crate) use group::{BoxGroup, CpuTime};
pub(crate) use writable::make_writable;

/// The worker's groups, parents of all its boxes.
#[derive(Debug)]
pub(crate) struct WorkerGroups {
    layout: Layout,
    name: String,
}

/// Prefix of every group this project makes.
const PREFIX: &str = "tribunal-";

impl WorkerGroups {
    /// Makes the worker's group in every hierarchy of `layout`, after removing what dead workers left.
    pub(crate) fn create(layout: Layout) -> io::Result<Self> {
        let layout = above_our_leaf(layout);
        for dir in layout.own_dirs() {
            sweep(dir);
        }
        let pid = std::process::id();
        let name = format!("{PREFIX}{pid}-{}", start_time(pid).unwrap_or(0));
        let groups = Self { layout, name };
        groups.make()?;
        Ok(groups)
    }

    fn make(&self) -> io::Result<()> {
        match &self.layout {
            Layout::Hybrid { unified, memory, pids } => {
                make_v1("memory", memory, &self.name)?;
                make_v1("pids", pids, &self.name)?;
                std::fs::create_dir(unified.join(&self.name))
            }
            Layout::V1 { memory, pids, cpuacct } => {
                make_v1("memory", memory, &self.name)?;
                make_v1("pids", pids, &self.name)?;
                make_v1("cpuacct", cpuacct, &self.name)
            }
            Layout::V2 { own } => make_v2(own, &self.name),
        }
    }

    /// Makes the group of one box.
    pub(crate) fn create_box(&self, name: &str) -> io::Result<BoxGroup> {
        BoxGroup::create(&self.layout, &Path::new(&self.name).join(name))
    }

    /// The layout in use.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl Drop for WorkerGroups {
    fn drop(&mut self) {
        for dir in self.layout.own_dirs() {
            remove_tree(&dir.join(&self.name));
        }
        // The worker's own leaf of v2 stays: the worker is in it, and ending what is in it would end the worker. Its
        // successor, or whoever made the group, removes it.
    }
}

/// A v1 group through cgroups-rs, under our own path of that hierarchy (its paths count from the root of the
/// hierarchy, so ours is put in front).
fn make_v1(controller: &str, own: &Path, name: &str) -> io::Result<()> {
    let mount = Path::new("/sys/fs/cgroup").join(controller);
    let below = own.strip_prefix(&mount).unwrap_or(Path::new("")).join(name);
    let group = Cgroup::new_with_specified_controllers(
        hierarchies::auto(),
        &below,
        Some(vec![controller.to_owned()]),
    )
    .map_err(io::Error::other)?;
    // cgroups-rs answers Ok for a controller it does not find.
    if group.subsystems().is_empty() || !own.join(name).is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("no v1 controller `{controller}`")));
    }
    Ok(())
}

fn leaf_name() -> String {
    format!("{PREFIX}self-{}", std::process::id())
}

/// The layout a worker was given: one that already moved into its leaf finds itself there when it starts a box server
/// again.
fn above_our_leaf(layout: Layout) -> Layout {
    match layout {
        Layout::V2 { own } if own.ends_with(leaf_name()) => {
            Layout::V2 { own: own.parent().map_or(own.clone(), Path::to_owned) }
        }
        Layout::Hybrid { .. } | Layout::V1 { .. } | Layout::V2 { .. } => layout,
    }
}

/// On v2 a group with children must hold no processes, so the worker moves itself into a leaf first. The root of the
/// hierarchy alone is exempt; the root that a cgroup namespace shows is not that one, and has a type
/// (Documentation/admin-guide/cgroup-v2.rst, "cgroup.type").
fn make_v2(own: &Path, name: &str) -> io::Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    if own != root || own.join("cgroup.type").exists() {
        let leaf = own.join(leaf_name());
        match std::fs::create_dir(&leaf) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        file::write(&leaf.join("cgroup.procs"), &std::process::id().to_string())?;
    }
    let below = own.strip_prefix(root).unwrap_or(Path::new("")).join(name);
    Cgroup::new_with_specified_controllers(
        hierarchies::auto(),
        &below,
        Some(vec!["memory".into(), "pids".into(), "cpu".into()]),
    )
    .map_err(io::Error::other)?;
    let group = own.join(name);
    file::write(&group.join("cgroup.subtree_control"), "+memory +pids")?;
    let enabled = file::read(&group.join("cgroup.subtree_control"))?;
    if !(enabled.contains("memory") && enabled.contains("pids")) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the memory and pids controllers are not delegated to this group",
        ));
    }
    Ok(())
}

/// Start time of a process in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)).
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Removes groups of workers that no longer live.
fn sweep(own: &Path) {
    let Ok(entries) = std::fs::read_dir(own) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|n| n.strip_prefix(PREFIX)) else { continue };
        let mut parts = rest.splitn(2, '-');
        let (first, second) = (parts.next(), parts.next());
        let alive = match (first, second) {
            (Some("self"), Some(pid)) => pid.parse().is_ok_and(|p: u32| start_time(p).is_some()),
            (Some(pid), Some(start)) => {
                pid.parse().ok().and_then(start_time).is_some_and(|t| t.to_string() == start)
            }
            _ => true,
        };
        if !alive {
            tracing::info!(group = %entry.path().display(), "removing a control group left by a dead worker");
            remove_tree(&entry.path());
        }
    }
}

/// Kills what is in a group of ours and its children and removes them, children first.
fn remove_tree(dir: &Path) {
    let children: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .map(|e| e.path())
        .collect();
    for child in children {
        remove_tree(&child);
    }
    let _ = file::write(&dir.join("cgroup.kill"), "1");
    if let Err(e) = file::remove_dir(dir)
        && e.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(group = %dir.display(), error = %e, "could not remove a control group");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_starts_again_makes_its_groups_beside_its_leaf_and_not_in_it() {
        let v2 = |own: &str| Layout::V2 { own: own.into() };
        let given = v2("/sys/fs/cgroup/service");
        let moved = v2(&format!("/sys/fs/cgroup/service/{}", leaf_name()));
        assert_eq!(above_our_leaf(moved), given);
        assert_eq!(above_our_leaf(given.clone()), given);
        let another = v2("/sys/fs/cgroup/tribunal-self-0");
        assert_eq!(above_our_leaf(another.clone()), another);
    }
}
