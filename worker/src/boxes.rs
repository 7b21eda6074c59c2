//! The real [`Runner`]: the box server, called where blocking is allowed.

use std::sync::Arc;

use async_trait::async_trait;
use sandbox::spec::{PairOutcome, PairSpec, RunOutcome, RunSpec, Side};
use sandbox::{BoxServer, Cancel, RETIRED_MAX, SandboxError};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::runner::{PairRunError, RunError, Runner};

/// Runs in boxes of this machine.
#[derive(Debug, Clone)]
pub struct BoxRunner {
    server: BoxServer,
    /// A permit for each run that may go on at once; `None` when whoever asks sees to that.
    permits: Option<Arc<Semaphore>>,
}

impl BoxRunner {
    /// Will ask `server` for boxes, as many at once as it is asked for.
    pub fn new(server: BoxServer) -> Self {
        Self { server, permits: None }
    }

    /// The same with at most `runs` at once, at least one; others wait in the order in which they came.
    #[must_use]
    pub fn with_at_most(mut self, runs: usize) -> Self {
        self.permits = Some(Arc::new(Semaphore::new(runs.clamp(1, Semaphore::MAX_PERMITS))));
        self
    }

    /// Waits for the turn of one more run.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        match &self.permits {
            None => None,
            // It is never closed; if it were, running without a permit would only be slower.
            Some(permits) => permits.acquire().await.ok(),
        }
    }

    /// The box server behind it.
    pub fn server(&self) -> &BoxServer {
        &self.server
    }
}

/// Kills the box when the future that waits for it is dropped.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[async_trait]
impl Runner for BoxRunner {
    async fn run(&self, spec: RunSpec) -> Result<RunOutcome, RunError> {
        let _permit = self.permit().await;
        let server = self.server.clone();
        let guard = CancelOnDrop(Cancel::new());
        let cancel = guard.0.clone();
        let done = tokio::task::spawn_blocking(move || server.run(&spec, &cancel)).await;
        // Only now: a finished run has nothing to cancel.
        drop(guard);
        done.map_err(|e| RunError::Box(format!("the thread of a run ended early: {e}")))?.map_err(run_error)
    }

    async fn run_pair(&self, spec: PairSpec) -> Result<PairOutcome, PairRunError> {
        // One for both: they take turns.
        let _permit = self.permit().await;
        let server = self.server.clone();
        let guard = CancelOnDrop(Cancel::new());
        let cancel = guard.0.clone();
        let done = tokio::task::spawn_blocking(move || server.run_pair(&spec, &cancel)).await;
        drop(guard);
        match done {
            Ok(outcome) => outcome.map_err(|e| PairRunError { side: e.side, error: run_error(e.source) }),
            Err(e) => {
                let error = RunError::Box(format!("the thread of a pair ended early: {e}"));
                Err(PairRunError { side: Side::Program, error })
            }
        }
    }

    fn unfit(&self) -> Option<String> {
        let retired = self.server.retired();
        (retired >= RETIRED_MAX).then(|| {
            format!(
                "{retired} boxes could not be killed; look for processes in state D below the box server, then \
                 start the worker again"
            )
        })
    }
}

fn run_error(error: SandboxError) -> RunError {
    match error {
        SandboxError::Exec { program, source } => RunError::Exec { program, cause: source.to_string() },
        SandboxError::BadSpec(what) => RunError::BadSpec(what),
        SandboxError::Unavailable { what, how } => RunError::Unavailable { what, how },
        SandboxError::Setup { .. }
        | SandboxError::Lost { .. }
        | SandboxError::Host { .. }
        | SandboxError::Cancelled => RunError::Box(error.to_string()),
    }
}
