//! Bodies of the HTTP API, native and internal. Requests refuse keys they do not know.

use serde::{Deserialize, Serialize};

use crate::event::State;
use crate::facts::Accounting;
use crate::graded::Visibility;
use crate::id::{Attempt, Digest, Fence, JudgementId, SubmissionId, WorkerId};
use crate::job::Priority;
use crate::language::LanguageInfo;
use crate::limits::LimitsRequest;
use crate::report::Judgement;
use crate::verdict::Verdict;

/// One source file as sent: exactly one of `content`, `content_base64` and `content_blob`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileBody {
    /// Plain file name or relative path.
    pub name: String,
    /// UTF-8 content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Any bytes, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_base64: Option<String>,
    /// What was uploaded with `PUT /api/v1/blobs/{digest}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_blob: Option<Digest>,
}

/// One test as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    /// What the program reads, UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// The same as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin_base64: Option<String>,
    /// The same as an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin_blob: Option<Digest>,
    /// What it should write; without it the verdict is `OK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_output: Option<String>,
    /// The same as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_output_base64: Option<String>,
    /// The same as an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_output_blob: Option<Digest>,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
}

/// `POST /api/v1/submissions`: exactly one of `problem`, `harness` and `tests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubmission {
    /// A problem's short name (its active revision) or `name@sha256:…` (a fixed one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// A course's autograder by its short name (its active revision) or `name@sha256:…` (a fixed one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harness: Option<String>,
    /// The language's id; with `harness` left out, as the harness names the image that everything runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The sources.
    pub files: Vec<FileBody>,
    /// Tests of the request, when there is no problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Vec<TestBody>>,
    /// Limits, held against the operator's maxima.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsRequest>,
    /// Class, capped by the token's scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Where to report when it is done or cancelled: a POST signed with the tenant's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// The sender's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Who sent it, in the sender's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How exact the figures have to be: `exact` waits for a worker with control groups; `sampled`, the default, is
    /// content with any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounting: Option<Accounting>,
    /// Run every case even after a failure.
    #[serde(default)]
    pub all: bool,
    /// What a failed case stops and which case decides: `icpc`, `all`, `worst`, `oi` or `analyst`; by default
    /// `icpc`, or `all` where that is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// A judgement as the API shows it: its identity and, once there is one, its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JudgementView {
    /// Its id.
    pub id: JudgementId,
    /// 1 for the first, counting up with each rejudge.
    pub number: u32,
    /// Why it was made: `submitted`, `rejudge`.
    pub cause: String,
    /// `name@sha256:…`, or null for tests of the request.
    pub problem: Option<String>,
    /// The granted claim that produced it.
    pub attempt: Attempt,
    /// The worker that produced it.
    #[serde(default)]
    pub worker: Option<WorkerId>,
    /// The answer.
    #[serde(flatten)]
    pub result: Judgement,
}

/// A submission as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubmissionView {
    /// Its id.
    pub id: SubmissionId,
    /// Where it is.
    pub state: State,
    /// RFC 3339, UTC, milliseconds.
    pub created_at: String,
    /// Short name of the problem or harness, or null.
    pub problem: Option<String>,
    /// The language's id.
    pub language: String,
    /// Its class.
    pub priority: Priority,
    /// The sender's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The verdict of the current judgement.
    pub verdict: Option<Verdict>,
    /// Its score.
    pub score: Option<String>,
    /// What ties the log lines about it together: the trace of the request that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// When its sources were erased because they were kept long enough, RFC 3339; it cannot be judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources_erased_at: Option<String>,
    /// When the outputs of its judgements were, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_erased_at: Option<String>,
    /// Where it stands while it waits; only when it is asked for alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueuePlace>,
    /// The current judgement once done, else null.
    pub judgement: Option<JudgementView>,
}

/// Where a waiting submission stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueuePlace {
    /// How many are handed out before it, those being judged among them; 10,000 are counted at most.
    pub ahead: u64,
    /// How long until it is done, at the pace of the last judgements; null when nothing tells.
    pub estimate_ms: Option<u64>,
    /// What no worker has now, so that nobody can judge it: `worker` (none is alive), `architecture:NAME`,
    /// `language:ID`, `harness_worker` (those that could are of a release that knows no harnesses),
    /// `accounting:exact`, `fit_worker` (those that could are unfit for timed work), `uncordoned_worker` (they are
    /// cordoned or drained) or `room:WORDS` (the package or the image does not fit on the disk of any of them; the words
    /// say what needs how much, and how much there is). Null while somebody can.
    #[serde(default)]
    pub waiting_for: Option<String>,
}

/// A judgement in the history of its submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PastJudgementView {
    /// Whether it is the one that counts.
    pub current: bool,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub done_at: Option<String>,
    /// The judgement.
    #[serde(flatten)]
    pub judgement: JudgementView,
}

/// One installed problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProblemView {
    /// Short name.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Active revision.
    pub digest: Digest,
    /// When that revision came, RFC 3339.
    pub created_at: String,
    /// `pass-fail`, `scoring`, or `harness` for a course's autograder.
    #[serde(rename = "type")]
    pub kind: String,
    /// Number of test cases; of a course's autograder, of those in its plan.
    pub tests: u32,
    /// CPU time limit in milliseconds.
    pub cpu_time_ms: f64,
    /// Memory limit in bytes.
    pub memory_bytes: u64,
    /// Statement as plain text or Markdown, when the package has one.
    #[serde(default)]
    pub statement: Option<String>,
    /// Sample cases: (input, answer).
    #[serde(default)]
    pub samples: Vec<SampleView>,
    /// What only a course's autograder has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harness: Option<HarnessView>,
}

/// A course's autograder, beside what problems have too. Its limits are those of a whole submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HarnessView {
    /// `gradescope`, `prairielearn` or `command`.
    pub format: String,
    /// The image it runs in: the id of a language, or `host`.
    pub image: String,
    /// Whether the submission runs in boxes of its own.
    pub separate: bool,
    /// Wall-clock time limit in milliseconds.
    pub wall_time_ms: f64,
    /// What its author should know; for those who judge or install packages.
    pub notes: Vec<String>,
    /// The tests it names ahead of running; who neither judges nor installs packages sees those that are visible at
    /// once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlannedTest>,
}

/// A test that a course's autograder names ahead of running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlannedTest {
    /// Its name, at most 200 characters.
    pub name: String,
    /// The most points it counts, a decimal string; null when the plan does not say.
    pub max_score: Option<String>,
    /// Who may see it, and when.
    pub visibility: Visibility,
}

impl ProblemView {
    /// The same without what only its author and judges may know. Of problems nothing is secret here.
    #[must_use]
    pub fn for_contestant(mut self) -> Self {
        if let Some(harness) = &mut self.harness {
            // Notes say how its results could be forged.
            harness.notes.clear();
            harness.plan.retain(|test| test.visibility == Visibility::Visible);
            self.tests = harness.plan.len() as u32;
        }
        self
    }
}

/// One sample case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SampleView {
    /// Its input, lossy UTF-8, at most 4 KiB.
    pub input: String,
    /// Its answer, lossy UTF-8, at most 4 KiB.
    pub answer: String,
}

/// RFC 9457 problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong and what would be right.
    pub detail: String,
    /// Stable code for programs, such as `unknown_problem`.
    pub code: String,
}

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
