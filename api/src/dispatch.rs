//! Moves waiting jobs to the broker, and finds what got lost on the way.
//!
//! The broker is a conveyor, not a store: only a bounded window of judgements is in it at a time, so that an
//! urgent submission does not queue behind a thousand others there. A row is leased, published, confirmed by
//! the broker and then stamped; a crash in between publishes it twice, and the second claim is refused.

use std::sync::Arc;
use std::time::Duration;

use queue::{JobSink, QueueError, Route};

use crate::app::App;
use crate::store::{LeasedJob, StoreError};
use crate::time::now_ms;

/// How often the tables are looked at when no bell rings.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a row stays with the dispatcher; longer than the broker may take to confirm.
const LEASE_MS: i64 = 30_000;
/// Publishes waiting for their confirm at the same time.
const IN_FLIGHT: usize = 16;
/// After the broker failed, doubled up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How often lost attempts are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// What the broker holds unclaimed for this long while a slot is free is published again.
const UNCLAIMED_MS: i64 = 60_000;
/// Publishes of one judgement nobody claims before it becomes a visible SE.
const DELIVERIES_MAX: i64 = 5;

/// Publishes until the service stops.
pub(crate) async fn publish(app: Arc<App>, sink: Arc<dyn JobSink>, window: u32) {
    let mut pause = PAUSE;
    loop {
        match publish_some(&app, &*sink, window).await {
            Ok(()) => pause = PAUSE,
            Err(e) => {
                tracing::warn!(error = %e, retry_in_ms = pause.as_millis() as u64, "jobs wait: they could not be published");
                tokio::select! {
                    () = app.shutdown.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE_MAX);
                continue;
            }
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = app.wake.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Publishes as much as the window has room for. Many slots widen it: each may have one job and one more
/// waiting.
async fn publish_some(app: &App, sink: &dyn JobSink, window: u32) -> Result<(), PublishError> {
    loop {
        let slots = app.store.slots_alive(now_ms()).await?;
        let room = i64::from(window).max(2 * slots) - app.store.published_count().await?;
        if room <= 0 {
            return Ok(());
        }
        let count = (room as u32).min(IN_FLIGHT as u32);
        let rows = app.store.lease_jobs(None, count, LEASE_MS, now_ms()).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut publishing = Vec::with_capacity(rows.len());
        for row in &rows {
            publishing.push(publish_one(app, sink, row));
        }
        let results = futures::future::join_all(publishing).await;
        app.broker_reached(results.iter().all(|r| !matches!(r, Err(PublishError::Queue(_)))));
        results.into_iter().collect::<Result<(), _>>()?;
    }
}

async fn publish_one(app: &App, sink: &dyn JobSink, row: &LeasedJob) -> Result<(), PublishError> {
    let Some(job) = app.store.job(row.judgement).await? else {
        return Ok(app.store.drop_job(row.judgement, &row.lease).await?);
    };
    let route = Route { priority: job.priority, capability: row.capability.clone() };
    match sink.publish(&route, &job).await {
        Ok(()) => Ok(app.store.mark_published(row.judgement, &row.lease, now_ms()).await?),
        Err(QueueError::Malformed { cause, .. }) => {
            let cause = format!("the job could not be sent: {cause}");
            if let Some(id) = app.store.abandon(row.judgement, &cause, now_ms()).await? {
                tracing::error!(submission.id = %id, cause, "gave up");
                app.metrics.given_up();
                app.hub.finished(id);
            }
            Ok(())
        }
        Err(e) => {
            app.store.release_job(row.judgement, &row.lease).await?;
            Err(e.into())
        }
    }
}

/// Looks for lost attempts, and in broker mode for lost messages, until the service stops.
pub(crate) async fn sweep(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
        if let Err(e) = sweep_once(&app, now_ms()).await {
            tracing::error!(error = %e, "lost attempts could not be looked for");
        }
        app.hub.prune();
    }
}

/// One look.
pub(crate) async fn sweep_once(app: &App, now: i64) -> Result<(), StoreError> {
    app.store.forget_old_keys(now).await?;
    app.store.forget_old_uploads(now).await?;
    let held = app.store.settle_holds(now).await?;
    app.touched(&held);
    let rejudged = app.store.settle_rejudges(now).await?;
    app.touched(&rejudged);
    let lost = app.store.sweep(now).await?;
    for id in &lost {
        tracing::warn!(submission.id = %id, "its worker was lost");
    }
    app.metrics.attempts_lost(lost.len());
    app.touched(&lost);
    if app.brokered && has_free_slot(app, now).await? {
        let hopeless = app.store.unpublish_unclaimed(now - UNCLAIMED_MS, DELIVERIES_MAX).await?;
        for judgement in hopeless {
            let cause = format!("the broker took the job {DELIVERIES_MAX} times and no worker claimed it");
            if let Some(id) = app.store.abandon(judgement, &cause, now).await? {
                tracing::error!(submission.id = %id, cause, "gave up");
                app.metrics.given_up();
                app.hub.finished(id);
            }
        }
    }
    Ok(())
}

/// Whether a living worker has nothing to do, so that an unclaimed job is a lost one and not a waiting one.
async fn has_free_slot(app: &App, now: i64) -> Result<bool, StoreError> {
    let slots = app.store.slots_alive(now).await?;
    let running: i64 = app.store.queue_counts().await?.iter().map(|c| c.running).sum();
    Ok(slots > running)
}
