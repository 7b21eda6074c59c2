//! The one way from this crate into a box: [`Runner`], implemented by the box server and, in tests, by a
//! table of prepared facts.
//!
//! Everything that decides something takes a `&dyn Runner`, so the decisions are tested without root, and
//! nothing here can start a process on its own. Dropping the future of a run kills its box: a cancelled
//! job needs no other signal.

use std::sync::Arc;

use async_trait::async_trait;
use proto::http::WorkerCounts;
use sandbox::spec::{PairOutcome, PairSpec, RunOutcome, RunSpec, Side};

use crate::cache::Keep;

/// Why there are no facts. Never a verdict: whether one follows is decided in `engine`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The box was ready, but the program is not there or not executable.
    #[error("`{program}` could not be started: {cause}")]
    Exec {
        /// `argv[0]`.
        program: String,
        /// What the kernel said.
        cause: String,
    },
    /// The box could not be made or broke. Trying again can help.
    #[error("the box failed: {0}")]
    Box(String),
    /// This machine cannot run boxes at all.
    #[error("boxes cannot run here: {what}; {how}")]
    Unavailable {
        /// What is missing.
        what: String,
        /// How to get it.
        how: String,
    },
    /// The run was described wrongly: a defect of ours, or a file name nobody can place.
    #[error("the box refused the description of the run: {0}")]
    BadSpec(String),
}

impl RunError {
    /// Whether the same run may work a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            RunError::Box(_) => true,
            RunError::Exec { .. } | RunError::Unavailable { .. } | RunError::BadSpec(_) => false,
        }
    }
}

/// Why there are no facts of a pair, and at whose box it failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct PairRunError {
    /// Whose box.
    pub side: Side,
    /// What happened.
    pub error: RunError,
}

/// Runs one program in one fresh box, or two that talk with each other.
#[async_trait]
pub trait Runner: Send + Sync {
    /// Returns once the box is gone. Dropping the future kills the box.
    ///
    /// # Errors
    /// See [`RunError`]; a program that ran, however badly, is never an error.
    async fn run(&self, spec: RunSpec) -> Result<RunOutcome, RunError>;

    /// The same, or what an equal run left earlier where that may be used again; the flag tells which. Only a
    /// runner with a memory recalls anything.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    async fn run_or_recall(&self, spec: RunSpec, keep: Keep) -> Result<(RunOutcome, bool), RunError> {
        let _ = keep;
        Ok((self.run(spec).await?, false))
    }

    /// Runs two programs that talk with each other, each in a box of its own. Returns once both are gone. Dropping
    /// the future kills both.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    async fn run_pair(&self, spec: PairSpec) -> Result<PairOutcome, PairRunError>;

    /// Why this machine should take no more jobs, when it should not.
    fn unfit(&self) -> Option<String> {
        None
    }
    /// What was counted since the start, as far as this runner knows.
    fn counts(&self) -> WorkerCounts {
        WorkerCounts::default()
    }
}

/// Runs `spec`, once more when the box itself failed.
///
/// # Errors
/// The second failure, or the first when trying again cannot help.
pub async fn run_twice(runner: &dyn Runner, spec: RunSpec) -> Result<RunOutcome, RunError> {
    match runner.run(spec.clone()).await {
        Err(first) if first.is_transient() => {
            tracing::warn!(error = %first, "a box failed; trying once more");
            runner.run(spec).await
        }
        other => other,
    }
}

/// Runs `spec` or recalls an equal run, once more when the box itself failed.
///
/// # Errors
/// As [`run_twice`].
pub async fn run_or_recall_twice(
    runner: &dyn Runner,
    spec: RunSpec,
    keep: Keep,
) -> Result<(RunOutcome, bool), RunError> {
    match runner.run_or_recall(spec.clone(), keep).await {
        Err(first) if first.is_transient() => {
            tracing::warn!(error = %first, "a box failed; trying once more");
            Ok((runner.run(spec).await?, false))
        }
        other => other,
    }
}

/// The same for a pair.
///
/// # Errors
/// As [`run_twice`].
pub async fn run_pair_twice(runner: &dyn Runner, spec: PairSpec) -> Result<PairOutcome, PairRunError> {
    match runner.run_pair(spec.clone()).await {
        Err(first) if first.error.is_transient() => {
            tracing::warn!(error = %first, "a box of a pair failed; trying once more");
            runner.run_pair(spec).await
        }
        other => other,
    }
}

#[async_trait]
impl<R: Runner + ?Sized> Runner for Arc<R> {
    async fn run(&self, spec: RunSpec) -> Result<RunOutcome, RunError> {
        (**self).run(spec).await
    }

    async fn run_or_recall(&self, spec: RunSpec, keep: Keep) -> Result<(RunOutcome, bool), RunError> {
        (**self).run_or_recall(spec, keep).await
    }

    async fn run_pair(&self, spec: PairSpec) -> Result<PairOutcome, PairRunError> {
        (**self).run_pair(spec).await
    }

    fn unfit(&self) -> Option<String> {
        (**self).unfit()
    }
    fn counts(&self) -> WorkerCounts {
        (**self).counts()
    }
}
