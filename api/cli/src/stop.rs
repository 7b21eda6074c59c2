//! Signals that ask this process to end: for a service a token that is cancelled at the first of them, for a command
//! that does one thing the end of that thing.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::context::runtime;
use crate::output::{Failure, note};

/// What ends a command that does one thing, and which nobody catches otherwise (signal(7)).
const ENDING: [SignalKind; 3] = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];

/// Runs `work` to its end, or drops it at the first signal that would end the process: its boxes die with it and the
/// folders it made are removed, which nobody would do after a sudden end. Folders have to be made in `work`. Call only
/// after the box server was started.
///
/// # Errors
/// `Stopped` for such a signal, else as `work`.
pub(crate) fn unless_stopped<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    runtime()?.block_on(async {
        let ignored = ignored();
        let heard = ENDING.into_iter().filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0);
        let listening: Result<Vec<(SignalKind, Signal)>, _> =
            heard.map(|kind| signal(kind).map(|signal| (kind, signal))).collect();
        let mut listening =
            listening.map_err(|e| Failure::ours(format!("could not listen for signals: {e}")))?;
        let mut coming: FuturesUnordered<_> = listening
            .iter_mut()
            .map(|(kind, signal)| async move {
                signal.recv().await;
                kind.as_raw_value()
            })
            .collect();
        tokio::select! {
            biased;
            Some(number) = coming.next() => Err(Failure::Stopped(number)),
            done = work => done,
        }
    })
}

/// `work`, which blocks its thread, as what [`unless_stopped`] runs: when that drops it, `stop` is set, and the command
/// ends only when `work` has, so that nothing is made while its folders are removed.
///
/// # Errors
/// When `work` panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    stop: Arc<AtomicBool>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    struct Told(Arc<AtomicBool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    // Dropped with this future, before the runtime, which waits for the thread.
    let _told = Told(stop);
    tokio::task::spawn_blocking(work).await.map_err(|e| Failure::ours(format!("a thread ended early: {e}")))
}

/// Signals this process was started to ignore, as `nohup` does, one bit for each number (proc_pid_status(5)). They stay
/// ignored: who listens for a signal is no longer deaf to it.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

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
