//! The box: runs one untrusted program in fresh namespaces and says what happened.
//!
//! ```text
//!  worker (any number of threads)                 never clones
//!    └─ box server (one thread)                   server.rs: clones on request
//!         └─ box init, pid 1 of its namespace     init.rs: builds the box, reaps
//!              └─ program, uid 1000               program.rs: from the fork to execve
//! ```
//! [`BoxServer`] (keeper.rs) asks for boxes and keeps warm ones, chores.rs takes dead ones down; a run (run.rs) places files and
//! starts the program, watch.rs holds it to its limits, kills the tree and makes the facts. Two runs that talk with each
//! other are one loop (pair.rs). What a box may do is data: `policy/seccomp.toml`.
//!
//! Invariants by absence: no verdict, queue, image or problem is known here; nothing is opened by path below
//! a directory that a program could write; unsafe code stands in `sys.rs` alone.

pub mod bench;
mod birth;
mod cgroup;
mod channel;
mod chores;
mod collect;
pub mod content;
pub mod doctor;
mod error;
mod files;
mod follow;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod held_dir;
mod ids;
mod init;
mod keeper;
mod outlet;
mod pair;
mod policy;
mod program;
mod pump;
mod run;
mod sampled;
mod server;
pub mod spec;
mod start;
mod steps;
mod supervisor;
mod sys;
mod syscalls;
mod wall;
mod watch;
mod wire;

pub use error::{SandboxError, Step};
pub use held_dir::HeldDir;
pub use ids::host_ids;
pub use keeper::{BoxServer, PoolCounts, RETIRED_MAX, ServerConfig};
pub use pair::PairError;
pub use run::{Cancel, MEMORY_OVERHEAD};

/// Whether this process was executed to be the box server. First question of `main`.
pub fn is_box_server() -> bool {
    std::env::args_os().next().is_some_and(|name| name == server::NAME)
}

/// Serves boxes until the worker is gone. First statement of `main` when [`is_box_server`].
pub fn box_server_main() -> ! {
    server::main()
}
