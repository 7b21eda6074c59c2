//! Other API processes over the same database: tells them which submissions changed here, and hears which changed
//! there, so that who watches a submission need not wait until somebody looks.
//!
//! Notices are hints. They are sent after the change is in the database, many at once when there are many, and one that
//! gets lost costs a watcher [`crate::events::LOOK_EVERY`]. SQLite has one process, and nothing is sent.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::id::SubmissionId;
use tokio::sync::Notify;

use crate::app::App;
use crate::store::{PULSE, StoreError};

/// After the database failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Changes that wait to be told; far more than change between two notices. What is beyond is found by looking.
const WAITING_MAX: usize = 10_000;

/// What changed here and was not told yet.
#[derive(Debug, Default)]
pub(crate) struct News {
    waiting: Mutex<BTreeSet<SubmissionId>>,
    bell: Notify,
}

impl News {
    /// A submission changed.
    pub(crate) fn put(&self, submission: SubmissionId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.insert(submission);
        }
        drop(waiting);
        self.bell.notify_one();
    }

    fn take(&self) -> Vec<SubmissionId> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_iter().collect()
    }
}

/// Tells and hears until the service stops.
pub(crate) async fn talk(app: Arc<App>) {
    let Some(news) = app.hub.news() else { return };
    loop {
        let talked = tokio::select! {
            () = app.shutdown.cancelled() => return,
            talked = talk_once(&app, news) => talked,
        };
        if let Err(e) = talked {
            tracing::warn!(error = %e, "no notices between API processes for now: changes are found by looking");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Until the database fails.
async fn talk_once(app: &App, news: &News) -> Result<(), StoreError> {
    let (teller, mut notices) = app.store.notices().await?;
    let tell = async {
        loop {
            match tokio::time::timeout(PULSE, news.bell.notified()).await {
                Ok(()) => teller.tell(&news.take()).await?,
                Err(_) => teller.pulse().await?,
            }
            // A steady flow of news is a pulse, too: this process hears its own.
        }
    };
    let hear = async {
        loop {
            app.hub.heard(&notices.next().await?);
        }
    };
    tokio::select! {
        ended = tell => ended,
        ended = hear => ended,
    }
}
