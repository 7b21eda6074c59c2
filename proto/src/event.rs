//! What happens to a submission, as it happens. Events are hints for watchers: the report is the truth.

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, Fence, JudgementId, SubmissionId};
use crate::report::{CompileReport, Judgement, TestReport};

/// The states of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Stored; waits for a worker.
    Queued,
    /// A worker holds a claim on it.
    Running,
    /// Its problem or language is held by an operator.
    Held,
    /// It has a judgement.
    Done,
    /// Taken back by its owner.
    Cancelled,
}

impl State {
    /// The name as it stands in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Held => "held",
            State::Done => "done",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, State::Done | State::Cancelled)
    }
}

/// One part of a submission's story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The state changed. A new attempt starts with one: watchers drop what an earlier attempt showed.
    State {
        /// The new state.
        state: State,
        /// How many cases there are, once known.
        #[serde(default)]
        tests_total: Option<u32>,
    },
    /// The compile run ended.
    Compile {
        /// What it said.
        compile: CompileReport,
    },
    /// A test case was decided.
    Test {
        /// Its place in judging order, from 0.
        index: u32,
        /// How many cases there are.
        total: u32,
        /// Its result.
        test: Box<TestReport>,
    },
    /// A course's autograder told a test while it works. A hint: what it says in the end may be another thing. A kind of
    /// its own, so that an API of a release that would show it to everybody drops it.
    Graded {
        /// Its place for judges.
        judges: GradedPlace,
        /// Its place for contestants, of the tests that they hear of; `None` when this one is none of them.
        #[serde(default)]
        contestants: Option<GradedPlace>,
        /// Its result.
        test: Box<TestReport>,
    },
    /// The judgement is complete. Made by the API when it stored the report, never by a worker.
    Done {
        /// The whole answer.
        judgement: Box<Judgement>,
    },
}

/// Where a test stands that a course's autograder told while it works, among those that one kind of reader hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradedPlace {
    /// The how manieth it is of those that were told, from 0.
    pub nth: u32,
    /// Its place among those that are to come, from 0; as [`nth`](Self::nth) when nobody planned.
    pub index: u32,
    /// How many are to come; so far, when nobody planned.
    pub total: u32,
}

/// Queue message: one event (`application/vnd.tribunal.event.v1+json`), keyed (judgement, attempt, seq).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventMessage {
    /// Protocol of whoever made it ([`crate::skew`]).
    pub schema: u32,
    /// The judgement it is about.
    pub judgement_id: JudgementId,
    /// Its submission.
    pub submission_id: SubmissionId,
    /// The granted claim.
    pub attempt: Attempt,
    /// Its fencing token; older ones are dropped.
    pub fence: Fence,
    /// Place in this attempt's story, from 0.
    pub seq: u32,
    /// What happened.
    pub event: EventKind,
}
