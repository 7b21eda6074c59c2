//! A box that waits for its program, looked at from outside: its control group, its namespaces' owner, its listener.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use proto::limits::Limits;

use super::Probe;
use super::in_box::spec;
use super::table::row;
use crate::cgroup::BoxGroup;
use crate::keeper::{BoxKind, BoxServer, WarmBox};
use crate::spec::RootSpec;
use crate::sys;

pub(super) fn probe(server: &BoxServer, root: &RootSpec) -> Vec<Probe> {
    let kind = BoxKind::of(&spec(root, Vec::new()));
    let warm = match server.take(&kind, &Limits::run_defaults()) {
        Ok(warm) => warm,
        Err(e) => return vec![row("a box", false, e.to_string())],
    };
    let mut probes = vec![row("a box", true, "made and bounded")];
    probes.extend(look(&warm));
    if let Err(e) = server.destroy(warm, kind) {
        probes.push(row("a box", false, e.to_string()));
    }
    probes
}

fn look(warm: &WarmBox) -> Vec<Probe> {
    let mut probes = vec![row("seccomp user notification", true, "the filter has its listener")];
    probes.push(match owned_by_us(warm.mounts.as_fd()) {
        Ok(true) => row("user namespace last", true, "mounts belong to the worker's own user namespace"),
        Ok(false) => row("user namespace last", false, "mounts belong to the box's user namespace"),
        Err(e) => row("user namespace last", false, e.to_string()),
    });
    probes.push(match &warm.lease {
        Some(lease) => row("id range lock", true, format!("ids from {} are locked", lease.base())),
        None => row("id range lock", false, "boxes have the worker's own user"),
    });
    probes.extend(warm.group.iter().flat_map(group));
    probes
}

fn group(group: &BoxGroup) -> Vec<Probe> {
    let read = |name, result: io::Result<String>| match result {
        Ok(seen) => row(name, true, seen),
        Err(e) => row(name, false, e.to_string()),
    };
    let has = |name, there: bool| row(name, there, if there { "there" } else { "absent" });
    vec![
        read(
            "cpu accounting",
            group.cpu_time().map(|t| format!("{} µs of the waiting box", t.total.as_micros())),
        ),
        read("oom_kill counter", group.oom_kills().map(|n| n.to_string())),
        read("process limit counter", group.process_limit_hits().map(|n| n.to_string())),
        has("swap limit of a group", group.limits_swap()),
        has("raw memory peak", group.memory_peak().is_some()),
        has("clone into cgroup", group.entry().is_some()),
        has("cgroup.kill", group.can_kill()),
    ]
}

/// Whether the user namespace that owns `namespace` is our own.
fn owned_by_us(namespace: BorrowedFd<'_>) -> io::Result<bool> {
    let owner = rustix::fs::fstat(sys::owner_of_namespace(namespace)?)?;
    let own = rustix::fs::stat("/proc/self/ns/user")?;
    Ok((owner.st_dev, owner.st_ino) == (own.st_dev, own.st_ino))
}
