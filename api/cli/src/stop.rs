//! SIGTERM and SIGINT, as one token that is cancelled at the first of them.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::output::{Failure, note};

/// A token that is cancelled when the process is asked to stop. Call inside the runtime.
pub(crate) fn on_signal() -> Result<CancellationToken, Failure> {
    let failed = |e: std::io::Error| Failure::ours(format!("could not listen for signals: {e}"));
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        note("stopping: running jobs finish first");
        stop.cancel();
    });
    Ok(token)
}
