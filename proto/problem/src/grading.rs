//! How cases make the result of a group, and groups that of the problem: the two models of the format.
//!
//! 2025-09 aggregates towards a maximum; legacy asks a grader, built in or the package's own. Both stand
//! here as data. `checker` computes with them.

use crate::score::Score;

/// How a group of 2025-09 adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// All of the maximum when every case passes, else nothing.
    PassFail,
    /// The sum of what is inside.
    Sum,
    /// The least of what is inside.
    Min,
}

/// The static validator's part in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticCheck {
    /// Most it can give; `None` when it only passes or fails.
    pub score: Option<Score>,
    /// Arguments of the validator.
    pub args: Vec<String>,
}

/// Which verdict a legacy grader gives to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GraderVerdict {
    /// The worst inside, in the order JE RTE MLE TLE OLE WA AC.
    WorstError,
    /// The first inside that is not AC.
    FirstError,
    /// AC whatever is inside.
    AlwaysAccept,
}

/// Which score a legacy grader gives to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GraderScore {
    /// The sum of the scores inside.
    Sum,
    /// Their mean.
    Avg,
    /// The least of them.
    Min,
    /// The greatest of them.
    Max,
}

/// A legacy group's grader with its settings, inherited ones filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grader {
    /// How verdicts combine.
    pub verdict: GraderVerdict,
    /// How scores combine.
    pub score: GraderScore,
    /// Whether samples are left out; obeyed at the top only.
    pub ignore_sample: bool,
    /// Whether one AC inside makes the group AC.
    pub accept_if_any_accepted: bool,
    /// Score of an accepted case whose validator gave none.
    pub accept_score: Score,
    /// Score of a case that was not accepted.
    pub reject_score: Score,
    /// Least score the group may have.
    pub least: Option<Score>,
    /// Greatest score the group may have.
    pub most: Option<Score>,
    /// Whether the first rejected case ends the group.
    pub stop_on_reject: bool,
    /// Whether a program under `graders/` decides instead of the built-in one.
    pub custom: bool,
    /// Its arguments, as `grader_flags` has them.
    pub flags: Vec<String>,
}

impl Default for Grader {
    fn default() -> Self {
        Self {
            verdict: GraderVerdict::WorstError,
            score: GraderScore::Sum,
            ignore_sample: false,
            accept_if_any_accepted: false,
            accept_score: Score::ONE,
            reject_score: Score::ZERO,
            least: None,
            most: None,
            stop_on_reject: true,
            custom: false,
            flags: Vec::new(),
        }
    }
}

/// A group's way to its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grading {
    /// 2025-09 and its drafts.
    Aggregate {
        /// How.
        how: Aggregation,
        /// Most that can be had; `None` is unbounded.
        max: Option<Score>,
    },
    /// Legacy.
    Grader(Grader),
}
