//! Moves waiting jobs to the broker, and finds what got lost on the way.
//!
//! The broker is a conveyor, not a store: only a bounded window of judgements is in it at a time, so that an
//! urgent submission does not queue behind a thousand others there. Each class of workers has a window of its own and
//! gets what it can do; what no ready worker can do stays in the store. A row is leased, published, confirmed by
//! the broker and then stamped; a crash in between publishes it twice, and the second claim is refused.

use std::sync::Arc;
use std::time::Duration;

use queue::{JobSink, QueueError, Route};
use tracing::Instrument as _;

use crate::app::App;
use crate::routing::{self, Class};
use crate::store::{LeasedJob, StoreError, WorkerRow};
use crate::time::now_ms;
use crate::trace;

/// How often the tables are looked at when no bell rings.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a row stays with the dispatcher; longer than the broker may take to confirm.
const LEASE_MS: i64 = 30_000;
/// Publishes waiting for their confirm at the same time.
const IN_FLIGHT: i64 = 16;
/// After the broker failed, doubled up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How often lost attempts are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// How often what an API of the release before left undone is looked for.
const MEND_EVERY: Duration = Duration::from_secs(5);
/// How far such a look goes back, but for the first one: clocks may differ by less.
const MEND_BACK_MS: i64 = 600_000;
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

/// Publishes as much as the windows have room for, to the class with the most room first.
async fn publish_some(app: &App, sink: &dyn JobSink, window: u32) -> Result<(), PublishError> {
    loop {
        let now = now_ms();
        let classes = routing::classes(&app.store.workers().await?, now);
        let published = app.store.published_counts().await?;
        let room = |class: &Class| {
            // Many slots widen the window: each may have one job and one more waiting.
            i64::from(window).max(2 * class.slots) - published.get(&class.route).copied().unwrap_or(0)
        };
        let mut open: Vec<(i64, &Class)> =
            classes.iter().map(|c| (room(c), c)).filter(|(n, _)| *n > 0).collect();
        open.sort_by_key(|(room, _)| std::cmp::Reverse(*room));
        let mut any = false;
        for (room, class) in open {
            any |= publish_to(app, sink, class, room.min(IN_FLIGHT) as u32).await?;
        }
        if !any {
            return Ok(());
        }
    }
}

/// Publishes up to `count` jobs to one class; whether there was one.
async fn publish_to(app: &App, sink: &dyn JobSink, class: &Class, count: u32) -> Result<bool, PublishError> {
    let rows = app.store.lease_jobs(Some(class), count, LEASE_MS, now_ms()).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let mut publishing = Vec::with_capacity(rows.len());
    for row in &rows {
        publishing.push(publish_one(app, sink, row, &class.route));
    }
    let results = futures::future::join_all(publishing).await;
    app.broker_reached(results.iter().all(|r| !matches!(r, Err(PublishError::Queue(_)))));
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(true)
}

async fn publish_one(
    app: &App,
    sink: &dyn JobSink,
    row: &LeasedJob,
    class: &str,
) -> Result<(), PublishError> {
    let Some(job) = app.store.job(row.judgement).await? else {
        return Ok(app.store.drop_job(row.judgement, &row.lease).await?);
    };
    let route = Route { priority: job.priority, capability: class.to_owned() };
    let span = trace::span("publish", job.traceparent.as_deref());
    match sink.publish(&route, &job).instrument(span.clone()).await {
        Ok(()) => Ok(app.store.mark_published(row.judgement, &row.lease, class, now_ms()).await?),
        Err(QueueError::Malformed { cause, .. }) => {
            let cause = format!("the job could not be sent: {cause}");
            if let Some(id) = app.store.abandon(row.judgement, &cause, now_ms()).await? {
                span.in_scope(|| tracing::error!(submission.id = %id, cause, "gave up"));
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
    let (mut mend_at, mut since) = (tokio::time::Instant::now(), None);
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
        if let Err(e) = sweep_once(&app, now_ms()).await {
            tracing::error!(error = %e, "lost attempts could not be looked for");
        }
        if tokio::time::Instant::now() >= mend_at {
            let began = now_ms();
            match app.store.mend(since).await {
                Ok(mended) if mended.more => {}
                Ok(_) => {
                    (mend_at, since) = (tokio::time::Instant::now() + MEND_EVERY, Some(began - MEND_BACK_MS));
                }
                Err(e) => tracing::error!(error = %e, "what an older API wrote could not be looked at"),
            }
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
        let span = app.span_of("sweep", *id).await;
        span.in_scope(|| tracing::warn!(submission.id = %id, "its worker was lost"));
    }
    app.metrics.attempts_lost(lost.len());
    app.touched(&lost);
    if app.brokered {
        let workers = app.store.workers().await?;
        let classes = routing::classes(&workers, now);
        if app.store.unpublish_unserved(&classes).await? > 0 {
            app.wake.notify_one();
        }
        let free = free_classes(app, &workers, &classes).await?;
        let hopeless = app.store.unpublish_unclaimed(&free, now - UNCLAIMED_MS, DELIVERIES_MAX).await?;
        for judgement in hopeless {
            let cause = format!("the broker took the job {DELIVERIES_MAX} times and no worker claimed it");
            if let Some(id) = app.store.abandon(judgement, &cause, now).await? {
                let span = app.span_of("sweep", id).await;
                span.in_scope(|| tracing::error!(submission.id = %id, cause, "gave up"));
                app.metrics.given_up();
                app.hub.finished(id);
            }
        }
    }
    Ok(())
}

/// The classes with a worker that has nothing to do, so that a job nobody claimed is a lost one and not a waiting one.
async fn free_classes<'a>(
    app: &App,
    workers: &[WorkerRow],
    classes: &'a [Class],
) -> Result<Vec<&'a str>, StoreError> {
    let running = app.store.running_by_worker().await?;
    let mut busy = std::collections::BTreeMap::<&str, i64>::new();
    for worker in workers {
        let own = running.get(&worker.registration.id).copied().unwrap_or(0);
        *busy.entry(worker.registration.class()).or_default() += own;
    }
    let free = classes.iter().filter(|c| c.slots > busy.get(c.route.as_str()).copied().unwrap_or(0));
    Ok(free.map(|c| c.route.as_str()).collect())
}
