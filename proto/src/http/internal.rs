//! `/internal/v1`: what workers tell the API, and what it answers.

use serde::{Deserialize, Serialize};

use crate::facts::Accounting;
use crate::id::{Attempt, Digest, Fence, JudgementId, WorkerId};
use crate::language::LanguageInfo;

/// `POST /internal/v1/workers`: what a worker says of itself before it takes jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WorkerRegistration {
    /// This start of the worker.
    pub id: WorkerId,
    /// Host name.
    pub name: String,
    /// Its `tribunal` version.
    pub version: String,
    /// How many jobs at once.
    pub slots: u32,
    /// How far its figures can be trusted.
    pub accounting: Accounting,
    /// Machine architecture, such as `x86_64`.
    pub arch: String,
    /// What it can judge.
    pub languages: Vec<LanguageInfo>,
    /// The protocol it speaks ([`crate::skew`]).
    #[serde(default = "crate::skew::unnamed")]
    pub protocol: u32,
    /// The queues it takes jobs from: one name for all workers that can do the same. Without it, those of its
    /// architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// How fast a core of it is beside the reference: 2 is twice as fast. Told, never used on a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Why it may not be trusted with timed work now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
    /// What it could take of packages now. A worker that leaves it out is given every package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomLeft>,
    /// Whether it grades against harnesses; a release that knows none does not say so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub harnesses: bool,
}

/// What a worker's data directory could take of problem packages, were everything gone that it need not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RoomLeft {
    /// Bytes on disk that one package may have, by what the file system has left.
    pub free_bytes: u64,
    /// Bytes on disk that one package may have, by the operator's `--packages-cap`.
    pub cap_bytes: u64,
}

impl RoomLeft {
    /// The largest package it takes, in bytes on disk.
    pub fn most(self) -> u64 {
        self.free_bytes.min(self.cap_bytes)
    }

    /// Whether its figures are within the OpenAPI document's `int64`.
    pub fn is_sound(self) -> bool {
        i64::try_from(self.free_bytes).is_ok() && i64::try_from(self.cap_bytes).is_ok()
    }
}

impl WorkerRegistration {
    /// The queues it takes jobs from.
    pub fn class(&self) -> &str {
        self.class.as_deref().unwrap_or(&self.arch)
    }

    /// The name of the queues for whoever can do just this: architecture, accounting, `harness` for who grades, and
    /// what stands for the set of languages. Few workers differ, so these are few.
    pub fn class_of(
        arch: &str,
        accounting: Accounting,
        harnesses: bool,
        languages: &[LanguageInfo],
    ) -> String {
        let mut ids: Vec<&str> = languages.iter().filter(|l| l.usable).map(|l| l.id.as_str()).collect();
        ids.sort_unstable();
        let accounting = match accounting {
            Accounting::Exact => "exact",
            Accounting::Sampled => "sampled",
        };
        let grades = if harnesses { ".harness" } else { "" };
        format!("{arch}.{accounting}{grades}.{}", Digest::of(ids.join("\n").as_bytes()).short())
    }
}

/// `POST /internal/v1/workers/{id}/heartbeat`, every 5 s; also renews the leases of the running claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Heartbeat {
    /// Claims it is working on.
    pub running: Vec<RunningClaim>,
    /// Takes no more jobs.
    #[serde(default)]
    pub draining: bool,
    /// Why it may not be trusted with timed work now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
    /// What it counted since it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<WorkerCounts>,
    /// What it could take of packages now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomLeft>,
}

/// What a worker counted since it started; every figure but the first two only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct WorkerCounts {
    /// Boxes that wait for a program.
    pub boxes_ready: u64,
    /// Boxes with a program.
    pub boxes_taken: u64,
    /// Boxes made.
    pub boxes_made: u64,
    /// Boxes destroyed.
    pub boxes_destroyed: u64,
    /// Boxes that could not be killed and are never used again.
    pub boxes_quarantined: u64,
    /// Runs that were recalled and not made.
    pub runs_recalled: u64,
    /// Runs that were made.
    pub runs_made: u64,
    /// Problem packages that were there.
    pub packages_found: u64,
    /// Problem packages that were fetched.
    pub packages_fetched: u64,
    /// Time of runs beside the program's own, by upper bound: one more figure than there are [`OVERHEAD_US`], for what
    /// is above the last.
    #[schema(max_items = 9)]
    pub overhead: Vec<u64>,
    /// The same, summed up in microseconds.
    pub overhead_us: u64,
}

impl WorkerCounts {
    /// Whether every figure fits where they are added up, and there are no more kinds of overhead than bounds.
    pub fn is_sound(&self) -> bool {
        let figures = [
            self.boxes_ready,
            self.boxes_taken,
            self.boxes_made,
            self.boxes_destroyed,
            self.boxes_quarantined,
            self.runs_recalled,
            self.runs_made,
            self.packages_found,
            self.packages_fetched,
            self.overhead_us,
        ];
        let fits = |n: &u64| i64::try_from(*n).is_ok();
        figures.iter().all(fits)
            && self.overhead.iter().all(fits)
            && self.overhead.len() <= OVERHEAD_US.len() + 1
    }
}

/// Upper bounds of [`WorkerCounts::overhead`] in microseconds.
pub const OVERHEAD_US: [u64; 8] = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 64_000, 256_000];

/// One claim a worker is working on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunningClaim {
    /// The judgement.
    pub judgement_id: JudgementId,
    /// The claim's fencing token.
    pub fence: Fence,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeartbeatReply {
    /// Whether the store knows this worker; when not, it registers again.
    pub known: bool,
    /// Claims to stop: cancelled, or granted to somebody else.
    pub stop: Vec<JudgementId>,
    /// What the operator wants of it.
    #[serde(default)]
    pub order: Order,
}

/// What an operator wants of a worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Take jobs.
    #[default]
    Work,
    /// Take no new jobs and stay.
    Cordon,
    /// Take no new jobs, finish those in hand, and end.
    Drain,
}

impl Order {
    /// Every order.
    pub const ALL: [Order; 3] = [Order::Work, Order::Cordon, Order::Drain];

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Order::Work => "work",
            Order::Cordon => "cordon",
            Order::Drain => "drain",
        }
    }
}

/// `POST /internal/v1/judgements/{id}/claim`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClaimRequest {
    /// Who asks.
    pub worker_id: WorkerId,
    /// Whether the broker said this message was delivered before.
    #[serde(default)]
    pub redelivered: bool,
    /// The job's trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// What the store answers to a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum ClaimReply {
    /// Go ahead.
    Granted {
        /// Number of this attempt, from 1.
        attempt: Attempt,
        /// Its fencing token.
        fence: Fence,
        /// Milliseconds since the submission was accepted.
        queued_ms: f64,
    },
    /// Nothing to do: done, cancelled, or another worker holds a live claim. Acknowledge and forget.
    Refused {
        /// Why.
        reason: String,
    },
    /// This worker already failed at it and another one could do it. The store has it dispatched again;
    /// acknowledge and forget.
    TryElsewhere,
}
