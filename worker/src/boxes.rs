//! The real [`Runner`]: the box server, called where blocking is allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use proto::http::{OVERHEAD_US, WorkerCounts};
use sandbox::spec::{BoxTimes, PairOutcome, PairSpec, RunOutcome, RunSpec, Side};
use sandbox::{BoxServer, Cancel, RETIRED_MAX, SandboxError};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::runner::{PairRunError, RunError, Runner};

/// Runs in boxes of this machine.
#[derive(Debug, Clone)]
pub struct BoxRunner {
    server: BoxServer,
    /// A permit for each run that may go on at once; `None` when whoever asks sees to that.
    permits: Option<Arc<Semaphore>>,
    runs: Arc<Runs>,
}

/// What was run.
#[derive(Debug, Default)]
struct Runs {
    taken: AtomicU64,
    made: AtomicU64,
    /// By upper bound of [`OVERHEAD_US`], and one for what is above the last.
    overhead: [AtomicU64; OVERHEAD_US.len() + 1],
    overhead_us: AtomicU64,
}

impl Runs {
    /// Counts a box that is taken, until the guard is dropped.
    fn take(self: &Arc<Self>) -> Taken {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Taken(Arc::clone(self))
    }

    fn ended(&self, times: &BoxTimes) {
        let us = (times.setup + times.teardown).as_micros() as u64;
        let kind = OVERHEAD_US.iter().position(|bound| us <= *bound).unwrap_or(OVERHEAD_US.len());
        self.overhead[kind].fetch_add(1, Ordering::Relaxed);
        self.overhead_us.fetch_add(us, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
    }
}

struct Taken(Arc<Runs>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl BoxRunner {
    /// Will ask `server` for boxes, as many at once as it is asked for.
    pub fn new(server: BoxServer) -> Self {
        Self { server, permits: None, runs: Arc::default() }
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
pub(crate) struct CancelOnDrop(pub(crate) Cancel);

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
        let taken = self.runs.take();
        // The thread is another one: what the box logs there belongs to the same trace.
        let span = tracing::error_span!("run", program = spec.argv.first());
        let done = tokio::task::spawn_blocking(move || span.in_scope(|| server.run(&spec, &cancel))).await;
        // Only now: a finished run has nothing to cancel.
        drop((guard, taken));
        let outcome = done
            .map_err(|e| RunError::Box(format!("the thread of a run ended early: {e}")))?
            .map_err(run_error)?;
        self.runs.ended(&outcome.times);
        Ok(outcome)
    }

    async fn run_pair(&self, spec: PairSpec) -> Result<PairOutcome, PairRunError> {
        // One for both: they take turns.
        let _permit = self.permit().await;
        let server = self.server.clone();
        let guard = CancelOnDrop(Cancel::new());
        let cancel = guard.0.clone();
        let taken = [self.runs.take(), self.runs.take()];
        let span = tracing::error_span!("run", program = spec.program.argv.first());
        let done =
            tokio::task::spawn_blocking(move || span.in_scope(|| server.run_pair(&spec, &cancel))).await;
        drop((guard, taken));
        match done {
            Ok(Ok(outcome)) => {
                self.runs.ended(&outcome.program.times);
                self.runs.ended(&outcome.partner.times);
                Ok(outcome)
            }
            Ok(Err(e)) => Err(PairRunError { side: e.side, error: run_error(e.source) }),
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

    fn counts(&self) -> WorkerCounts {
        let pool = self.server.pool();
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WorkerCounts {
            boxes_ready: pool.ready,
            boxes_taken: of(&self.runs.taken),
            boxes_made: pool.made,
            boxes_destroyed: pool.destroyed,
            boxes_quarantined: u64::from(self.server.retired()),
            runs_made: of(&self.runs.made),
            overhead: self.runs.overhead.iter().map(of).collect(),
            overhead_us: of(&self.runs.overhead_us),
            ..WorkerCounts::default()
        }
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
