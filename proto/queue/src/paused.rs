//! Whether a source takes jobs: told by whoever waits for them, asked by the task that fetches them.

use std::sync::Arc;

use tokio::sync::watch;

/// The switch. Clones share it.
#[derive(Debug, Clone)]
pub struct Paused(Arc<watch::Sender<bool>>);

impl Paused {
    /// One that is off: jobs are taken.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Turns it.
    pub fn set(&self, paused: bool) {
        self.0.send_replace(paused);
    }

    /// Returns once it is off.
    pub async fn off(&self) {
        // The sender lives in here, so this never fails.
        let _ = self.0.subscribe().wait_for(|paused| !paused).await;
    }
}
