//! Follows one submission to its end: for server-sent events and for `?wait`.
//!
//! A watcher first hears what is known already and then what comes; the story is the same for those who come
//! early, late, or again with `Last-Event-ID`. The store is asked at least every second, because with several
//! API processes another one may have stored the report.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use proto::event::{EventKind, State};
use proto::http::{JudgementView, SubmissionView};
use proto::id::SubmissionId;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::app::App;
use crate::events::{event_id, place};
use crate::store::{StoreError, SubmissionRow};

/// The store is asked this often when nothing else wakes the watcher.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events on the way to one client.
const WAITING: usize = 64;

/// One event as it goes out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) id: i64,
    pub(crate) event: &'static str,
    pub(crate) data: Value,
}

/// The view a caller may have of a submission (decision 12).
pub(crate) fn view_for(mut view: SubmissionView, judge: bool) -> SubmissionView {
    view.judgement = view.judgement.map(|judgement| judgement_for(judgement, judge));
    view
}

/// The view a caller may have of a judgement (decision 12).
pub(crate) fn judgement_for(judgement: JudgementView, judge: bool) -> JudgementView {
    if judge {
        return judgement;
    }
    let result = judgement.result.clone().for_contestant();
    JudgementView { result, ..judgement }
}

/// Waits until the submission is final or the time is over; returns it as it is then.
pub(crate) async fn wait(
    app: &App,
    id: SubmissionId,
    tenant: Option<&str>,
    patience: Duration,
) -> Result<Option<SubmissionRow>, StoreError> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let mut wake = app.hub.subscribe(id);
        let Some(row) = app.store.submission(id, tenant).await? else {
            app.hub.finished(id);
            return Ok(None);
        };
        if row.view.state.is_final() {
            app.hub.finished(id);
            return Ok(Some(row));
        }
        tokio::select! {
            _ = wake.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = tokio::time::sleep_until(deadline) => return Ok(Some(row)),
            () = app.shutdown.cancelled() => return Ok(Some(row)),
        }
    }
}

/// Starts to follow a submission. The stream ends after `done`, after a cancellation, when nobody listens any
/// more, and when the service stops.
pub(crate) fn follow(
    app: Arc<App>,
    id: SubmissionId,
    tenant: Option<String>,
    judge: bool,
    after: i64,
) -> mpsc::Receiver<Sent> {
    let (out, events) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut watcher = Watcher { judge, after, sent: HashSet::new(), out };
        if let Err(e) = watcher.run(&app, id, tenant.as_deref()).await {
            tracing::error!(error = %e, submission.id = %id, "its events end early: the store failed");
        }
    });
    events
}

struct Watcher {
    judge: bool,
    after: i64,
    sent: HashSet<i64>,
    out: mpsc::Sender<Sent>,
}

/// Nobody listens any more.
struct Gone;

impl Watcher {
    async fn run(&mut self, app: &App, id: SubmissionId, tenant: Option<&str>) -> Result<(), StoreError> {
        loop {
            let mut wake = app.hub.subscribe(id);
            let Some(row) = app.store.submission(id, tenant).await? else {
                app.hub.finished(id);
                return Ok(());
            };
            let over = row.view.state.is_final();
            let told = if over {
                app.hub.finished(id);
                self.tell_end(row).await
            } else {
                self.tell_live(app, id, &row).await
            };
            if over || told.is_err() {
                return Ok(());
            }
            tokio::select! {
                _ = wake.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.out.closed() => return Ok(()),
                () = app.shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// What is known of a submission that is being judged.
    async fn tell_live(&mut self, app: &App, id: SubmissionId, row: &SubmissionRow) -> Result<(), Gone> {
        let number = row.number;
        self.state(event_id(number, 0, place::RUNNING), State::Queued, 0, None).await?;
        if row.attempt == 0 {
            return Ok(());
        }
        let live = app.hub.live(id);
        let attempt = live.attempt.max(row.attempt);
        self.state(event_id(number, attempt, place::RUNNING), State::Running, attempt, None).await?;
        if live.attempt == attempt {
            for (at, part) in live.parts {
                self.part(event_id(number, attempt, at), attempt, &part).await?;
            }
        }
        if row.view.state == State::Queued && attempt == row.attempt {
            let at = event_id(number, attempt, place::QUEUED_AGAIN);
            self.state(at, State::Queued, attempt, None).await?;
        }
        Ok(())
    }

    /// The whole story of a submission that is final; what was told already is not told again.
    async fn tell_end(&mut self, row: SubmissionRow) -> Result<(), Gone> {
        let (number, attempt) = (row.number, row.attempt);
        self.state(event_id(number, 0, place::RUNNING), State::Queued, 0, None).await?;
        if row.view.state == State::Cancelled {
            let at = event_id(number, attempt, place::CANCELLED);
            return self.state(at, State::Cancelled, attempt, None).await;
        }
        if attempt > 0 {
            let at = event_id(number, attempt, place::RUNNING);
            self.state(at, State::Running, attempt, None).await?;
        }
        if let Some(judgement) = &row.view.judgement {
            let result = &judgement.result;
            if let Some(compile) = &result.compile {
                let part = EventKind::Compile { compile: compile.clone() };
                self.part(event_id(number, attempt, place::COMPILE), attempt, &part).await?;
            }
            let total = result.tests.len() as u32;
            for (index, test) in (0..).zip(&result.tests) {
                let part = EventKind::Test { index, total, test: Box::new(test.clone()) };
                self.part(event_id(number, attempt, place::FIRST_TEST + index), attempt, &part).await?;
            }
        }
        let data = serde_json::to_value(view_for(row.view, self.judge)).unwrap_or(Value::Null);
        self.tell(event_id(number, attempt, place::DONE), "done", data).await
    }

    async fn part(&mut self, id: i64, attempt: u32, part: &EventKind) -> Result<(), Gone> {
        match part {
            EventKind::State { state, tests_total } => self.state(id, *state, attempt, *tests_total).await,
            EventKind::Compile { compile } => {
                self.tell(id, "compile", serde_json::to_value(compile).unwrap_or(Value::Null)).await
            }
            EventKind::Test { index, total, test } => {
                let test = test.as_ref().clone();
                let test = if self.judge { test } else { test.for_contestant() };
                let mut data = json!({"index": index, "total": total});
                if let (Value::Object(data), Ok(Value::Object(test))) =
                    (&mut data, serde_json::to_value(test))
                {
                    data.extend(test);
                }
                self.tell(id, "test", data).await
            }
            EventKind::Done { .. } => Ok(()), // made from the store only
        }
    }

    async fn state(&mut self, id: i64, state: State, attempt: u32, total: Option<u32>) -> Result<(), Gone> {
        let mut data = json!({"state": state, "attempt": attempt});
        if let Some(total) = total {
            data["tests_total"] = total.into();
        }
        self.tell(id, "state", data).await
    }

    async fn tell(&mut self, id: i64, event: &'static str, data: Value) -> Result<(), Gone> {
        if id <= self.after || !self.sent.insert(id) {
            return Ok(());
        }
        self.out.send(Sent { id, event, data }).await.map_err(|_| Gone)
    }
}
