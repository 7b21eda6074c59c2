//! The real [`Runner`]: the box server, called where blocking is allowed.

use async_trait::async_trait;
use sandbox::spec::{RunOutcome, RunSpec};
use sandbox::{BoxServer, Cancel, RETIRED_MAX, SandboxError};

use crate::runner::{RunError, Runner};

/// Runs in boxes of this machine.
#[derive(Debug, Clone)]
pub struct BoxRunner {
    server: BoxServer,
}

impl BoxRunner {
    /// Will ask `server` for boxes.
    pub fn new(server: BoxServer) -> Self {
        Self { server }
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
    async fn run(&self, mut spec: RunSpec) -> Result<RunOutcome, RunError> {
        let memory = spec.limits.memory;
        let env = spec.env.iter_mut().map(|(_, value)| value);
        for word in spec.argv.iter_mut().chain(env) {
            *word = language::fill_memory(word, memory);
        }
        let server = self.server.clone();
        let guard = CancelOnDrop(Cancel::new());
        let cancel = guard.0.clone();
        let done = tokio::task::spawn_blocking(move || server.run(&spec, &cancel)).await;
        // Only now: a finished run has nothing to cancel.
        drop(guard);
        done.map_err(|e| RunError::Box(format!("the thread of a run ended early: {e}")))?.map_err(run_error)
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
