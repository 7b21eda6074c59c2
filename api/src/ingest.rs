//! Takes reports and events from the queue into the store and to those who watch.
//!
//! A report is acknowledged only after the store has it. When the store cannot take it now, the delivery goes
//! back to the queue after a pause; nothing is dropped.

use std::sync::Arc;
use std::time::Duration;

use proto::report::{Outcome, ReportMessage};
use proto::skew;
use queue::{EventSource, QueueError, ReportSource};
use tracing::Instrument as _;

use crate::app::App;
use crate::store::{Ingest, StoreError};
use crate::time::now_ms;
use crate::trace;

/// After a failure of the queue or the store.
const PAUSE: Duration = Duration::from_secs(1);

/// Stores one report and tells those who watch.
pub(crate) async fn take(app: &App, report: &ReportMessage) -> Result<(), StoreError> {
    let span = trace::span("report", report.traceparent.as_deref());
    take_traced(app, report).instrument(span).await
}

async fn take_traced(app: &App, report: &ReportMessage) -> Result<(), StoreError> {
    let id = report.submission_id;
    let cause = match &report.outcome {
        Outcome::Failed { cause, .. } => cause.as_str(),
        Outcome::Judged { .. } => "",
    };
    match app.store.report(report, now_ms()).await? {
        Ingest::Stored(judgement) => {
            app.metrics.judged(&judgement.result);
            let verdict = judgement.result.verdict;
            // Those who wait have their answer before anything else is done.
            app.hub.judged(id, judgement);
            app.metrics.reported("stored");
            tracing::info!(submission.id = %id, attempt = report.attempt, %verdict, "judged");
        }
        Ingest::GivenUp(judgement) => {
            tracing::error!(submission.id = %id, attempt = report.attempt, cause = judgement.result.reason, "gave up");
            app.metrics.reported("given_up");
            app.metrics.given_up();
            app.metrics.judged(&judgement.result);
            app.hub.judged(id, judgement);
        }
        Ingest::Waits => {
            tracing::warn!(submission.id = %id, worker.id = %report.worker_id, cause, "it waits for room");
            app.metrics.reported("no_room");
            app.hub.changed(id);
        }
        Ingest::Again => {
            tracing::warn!(submission.id = %id, attempt = report.attempt, cause, "an attempt failed; there will be another");
            app.metrics.reported("again");
            app.hub.changed(id);
        }
        Ingest::Ignored(why) => {
            tracing::info!(submission.id = %id, attempt = report.attempt, why, "a report changed nothing");
            app.metrics.reported("ignored");
        }
    }
    app.hooks.notify_one();
    // A finished judgement makes room in the broker's window.
    app.wake.notify_one();
    Ok(())
}

/// Takes reports until the service stops.
pub(crate) async fn reports(app: Arc<App>, mut source: Box<dyn ReportSource>) {
    loop {
        let delivery = tokio::select! {
            () = app.shutdown.cancelled() => return,
            next = source.next() => match next {
                Ok(delivery) => delivery,
                Err(QueueError::Closed) => return,
                Err(e) => {
                    tracing::warn!(error = %e, "no report could be taken");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        if let Err(skew) = skew::understood(delivery.message.schema) {
            let reason = format!("a report of worker {}: {skew}", delivery.message.worker_id);
            if let Err(e) = delivery.reject(&reason).await {
                tracing::warn!(error = %e, "a report could not be rejected; it will come again");
            }
            continue;
        }
        let settled = match take(&app, &delivery.message).await {
            Ok(()) => delivery.ack().await,
            Err(e) => {
                tracing::error!(error = %e, "a report could not be stored; it is tried again");
                tokio::time::sleep(PAUSE).await;
                delivery.retry().await
            }
        };
        if let Err(e) = settled {
            tracing::warn!(error = %e, "a report could not be settled; it will come again");
        }
    }
}

/// Takes events until the service stops.
pub(crate) async fn events(app: Arc<App>, mut source: Box<dyn EventSource>) {
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            next = source.next() => match next {
                Ok(event) => app.hub.event(event),
                Err(QueueError::Closed) => return,
                Err(e) => {
                    tracing::debug!(error = %e, "no event could be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
}
