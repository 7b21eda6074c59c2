//! What the box observed of one run. Facts only; verdicts are made from them by `checker`.
//!
//! `sandbox` fills these in, the store keeps them beside the verdict, and a changed rule needs no new run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{ms, opt_ms};

/// How trustworthy cpu time and memory are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Accounting {
    /// Kernel accounting over the whole tree, from cgroups.
    Exact,
    /// Sampled from `/proc` because no cgroup was writable. Memory verdicts are never claimed from it.
    Sampled,
}

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It called exit with this status, 0 to 255.
    Code(i32),
    /// It died of this signal number.
    Signal(i32),
}

/// A limit that can fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitHit {
    /// CPU time of the whole tree.
    CpuTime,
    /// Wall-clock time, with the cpu busy at least 10 % of it.
    WallTime,
    /// Wall-clock time, with the cpu busy under 10 % of it.
    Idle,
    /// Memory of the whole tree: the kernel's OOM killer ran. Where figures are sampled: one process was seen beyond it.
    Memory,
    /// Bytes written to stdout and stderr together; where a package bounds it, to files as well.
    Output,
    /// One file grew to its size limit; with SIGXFSZ, that ended the program.
    FileSize,
    /// The work directory was full: no byte more.
    Disk,
    /// The work directory was full: no file more.
    Inodes,
    /// Processes and threads.
    Processes,
}

/// One limit that fired, stamped outside the box before anything was killed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LimitEvent {
    /// Which limit.
    pub limit: LimitHit,
    /// When it was observed, in nanoseconds since the start of the run (CLOCK_MONOTONIC).
    pub observed_ns: u64,
    /// The measured value, in the limit's own unit (nanoseconds, bytes or a count).
    pub value: u64,
    /// The bound it was held against, same unit.
    pub bound: u64,
}

/// A system call of the kill class, recorded by the supervisor before the box was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Violation {
    /// The number on the run's architecture.
    pub syscall: i64,
    /// Its name, when it has one in the policy.
    pub name: Option<String>,
}

/// Everything observed of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunFacts {
    /// How the main program ended; `None` when the box was killed before it did.
    pub exit: Option<Exit>,
    /// CPU time summed over all threads and processes of the run, 1 µs grain.
    #[serde(rename = "cpu_time_ms", with = "ms")]
    #[schema(value_type = f64)]
    pub cpu_time: Duration,
    /// The part of it spent in user mode, when known.
    #[serde(rename = "cpu_user_ms", with = "opt_ms", default)]
    #[schema(value_type = Option<f64>)]
    pub cpu_user: Option<Duration>,
    /// Wall-clock time from the start byte to the end of the main program (CLOCK_MONOTONIC).
    #[serde(rename = "wall_time_ms", with = "ms")]
    #[schema(value_type = f64)]
    pub wall_time: Duration,
    /// Peak memory of the run in bytes: the larger of sampled anonymous + shared memory and the largest
    /// resident set; page cache is not counted. `None` when nothing could be measured.
    pub memory_bytes: Option<u64>,
    /// The kernel's raw peak of the group, page cache included.
    #[serde(default)]
    pub memory_peak_raw: Option<u64>,
    /// Bytes the program wrote to stdout, as counted by the pump. Together with stderr at most one more than
    /// the output limit: nothing is read beyond the byte that proves it was passed.
    pub stdout_bytes: u64,
    /// Bytes the program wrote to stderr.
    pub stderr_bytes: u64,
    /// Bytes in the regular files that the run left in its work directory and `/tmp`, what was put there for it taken
    /// off. A hole in a file counts for nothing; `/dev/shm` is memory and does not count. Looked at
    /// where [`Limits::output_and_files`](crate::limits::Limits::output_and_files) bounds it, else `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
    /// Limits that fired, in the order they were observed.
    #[serde(default)]
    pub limit_events: Vec<LimitEvent>,
    /// OOM kills in the run's group: the only proof of a memory limit.
    #[serde(default)]
    pub oom_kills: u64,
    /// How often a fork or clone was refused by the process limit.
    #[serde(default)]
    pub process_limit_hits: u64,
    /// The forbidden system call that ended the run.
    #[serde(default)]
    pub violation: Option<Violation>,
    /// How far the figures can be trusted.
    pub accounting: Accounting,
}

impl RunFacts {
    /// Bytes written to stdout and stderr together.
    pub fn output_bytes(&self) -> u64 {
        self.stdout_bytes + self.stderr_bytes
    }

    /// Those and the bytes in files.
    pub fn output_and_files(&self) -> u64 {
        self.output_bytes().saturating_add(self.written_bytes.unwrap_or(0))
    }
}
