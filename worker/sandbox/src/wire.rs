//! What the worker tells the box server and the program process: plans, made in the worker, walked in the
//! child. JSON, because both sides are the same executable and messages are small.

use serde::{Deserialize, Serialize};

use crate::spec::Profile;

/// What a worker asks of the box server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Make a box. Comes with the init's end of its line, then what [`BoxPlan::enters`] says.
    Make(BoxPlan),
    /// There is time to make what the next box will need; its first host id, unless rootless. A descriptor that
    /// comes along is answered when that is done.
    Ahead(Option<u32>),
}

/// Everything the init needs to build a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BoxPlan {
    /// Layers of the root, topmost first, at least two (overlayfs needs two when there is no upper).
    pub(crate) lower: Vec<String>,
    /// Further read-only trees: layers, topmost first, and the directory below the root.
    pub(crate) binds: Vec<(Vec<String>, String)>,
    /// Directory in which the server may mount: holds `root` and `stage`.
    pub(crate) base: String,
    /// Bytes of /w, /tmp and /dev/shm together.
    pub(crate) disk_bytes: u64,
    /// Files in them together.
    pub(crate) inodes: u32,
    /// Whether the program owns /w.
    pub(crate) writable: bool,
    /// Host uid and gid behind the box's 0; its program is this + 1000. `None` when rootless.
    pub(crate) host_id: Option<u32>,
    /// Which filter it gets, and whether its loopback interface is up.
    pub(crate) profile: Profile,
    /// Whether the descriptor after the line is the cgroup2 group to be cloned into. All others are `tasks`
    /// files of v1 groups to join.
    pub(crate) enters: bool,
}

/// Everything the program needs to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartPlan {
    /// Paths to try, in order; the first that is not absent wins.
    pub(crate) candidates: Vec<String>,
    /// Arguments.
    pub(crate) argv: Vec<String>,
    /// `K=V`.
    pub(crate) env: Vec<String>,
    /// (resource, soft and hard limit).
    pub(crate) rlimits: Vec<(u32, u64)>,
    /// Whether the init keeps no standard output of its own, so that its end is there when the program closes it, and not
    /// when the program's end was told.
    #[serde(default)]
    pub(crate) lets_go: bool,
}

/// User and group of the program in its box.
pub(crate) const PROGRAM_ID: u32 = 1000;

/// Work directory of the program in its box.
pub(crate) const WORK_DIR: &str = "/w";
