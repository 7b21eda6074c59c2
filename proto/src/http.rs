//! Bodies of the HTTP API; those of its internal part, which workers use, stand in `internal`. Requests refuse keys
//! they do not know.

mod internal;

use serde::{Deserialize, Serialize};

use crate::event::State;
use crate::facts::Accounting;
use crate::graded::Visibility;
use crate::id::{Attempt, Digest, JudgementId, SubmissionId, WorkerId};
use crate::job::Priority;
use crate::limits::LimitsRequest;
use crate::report::Judgement;
use crate::verdict::Verdict;

pub use internal::{
    ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, OVERHEAD_US, Order, RoomLeft, RunningClaim,
    WorkerCounts, WorkerRegistration,
};

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
