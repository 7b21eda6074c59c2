//! What this host offers to a box: each mechanism probed in a real box or by a real call, never guessed from a version.
//!
//! ```text
//!  table.rs   every probe: name, whether it is required, what is lost without it, how to get it
//!  in_box.rs  what programs in a box see          warm.rs  a box that waits, seen from outside
//!  calls.rs   system calls the worker itself needs host.rs  files of the host: repeatable times, safe settings
//!  mode.rs    which kind of host this is, and what that kind can promise
//! ```
//! Nothing here changes the host. `deploy/HOST.md` tells operators the same; a test holds the two together.

mod calls;
mod host;
mod in_box;
mod mode;
mod table;
mod warm;

use serde::Serialize;

use crate::error::SandboxError;
use crate::keeper::BoxServer;
use crate::spec::RootSpec;
pub use host::HostFiles;
pub use mode::HostMode;
use table::row;

/// One mechanism.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Short name, a row of `table.rs`.
    pub name: &'static str,
    /// Whether it works here.
    pub present: bool,
    /// Whether boxes cannot be trusted without it, in this mode of host.
    pub required: bool,
    /// What was seen.
    pub seen: String,
    /// What is lost without it.
    pub lost: &'static str,
    /// How to get it.
    pub how: &'static str,
}

/// All that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Findings {
    /// Whether every required mechanism is there.
    pub ok: bool,
    /// The kind of host; `None` when no box server could be started.
    pub mode: Option<HostMode>,
    /// One by one.
    pub probes: Vec<Probe>,
}

/// Probes this host. `root` is what the probing boxes see and needs `/usr/bin/cat` and `/usr/bin/readlink`; the `host`
/// image has them. `files` is where the host's `/proc` and `/sys` lie.
pub fn probe(server: Result<&BoxServer, &SandboxError>, root: &RootSpec, files: &HostFiles) -> Findings {
    let mut probes = Vec::new();
    let mut mode = None;
    match server {
        Ok(server) => {
            mode = Some(HostMode::of(nix::unistd::geteuid().is_root(), server.cgroup_layout()));
            probes.push(row("box server", true, "started"));
            probes.push(row("control groups", server.cgroup_layout() != "none", server.cgroup_layout()));
            probes.extend(warm::probe(server, root));
            probes.extend(in_box::probe(server, root));
        }
        Err(e) => probes.push(row("box server", false, e.to_string())),
    }
    probes.extend(calls::probe());
    probes.extend(host::probe(files));
    Findings { ok: probes.iter().all(|p| p.present || !p.required), mode, probes }
}
