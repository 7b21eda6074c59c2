//! Follows one submission to its end: for server-sent events and for `?wait`.
//!
//! A watcher first hears what is known already and then what comes; the story is the same for those who come early,
//! late, or again with `Last-Event-ID`. All who watch one submission in this process share one reader: it reads the
//! store once for each change, however many they are, and once in a while, because another API process may have stored
//! the report and its notice may have got lost. It lives as long as somebody listens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use proto::id::SubmissionId;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::app::App;
use crate::store::{StoreError, SubmissionRow};
use crate::story::{End, Story, Teller, Told};

/// Waits until the submission is final or the time is over; returns it as it is then.
pub(crate) async fn wait(
    app: &Arc<App>,
    id: SubmissionId,
    tenant: Option<&str>,
    patience: Duration,
) -> Result<Option<SubmissionRow>, StoreError> {
    let deadline = Instant::now() + patience;
    let mut story = story(app, id);
    let row = loop {
        let (row, end) = {
            let story = story.borrow_and_update();
            let row = story.row.clone().filter(|_| story.is_seen_by(tenant));
            if story.row.is_some() && row.is_none() {
                return Ok(None);
            }
            (row, story.end)
        };
        match end {
            None => {}
            Some(End::Missing) => return Ok(None),
            Some(End::Final) => break row,
            Some(End::Failed) => break None,
        }
        tokio::select! {
            // The reader is gone when the service stops.
            changed = story.changed() => if changed.is_err() { break row },
            () = tokio::time::sleep_until(deadline) => break row,
        }
    };
    match row {
        Some(row) => Ok(Some(SubmissionRow::clone(&row))),
        // Nothing was read, so the store has the word, or the reason why it has none.
        None => app.store.submission(id, tenant).await,
    }
}

/// Starts to follow a submission, as a judge or as a contestant; `None` when there is no such one for this tenant. Only
/// events after `after` are told, which is an id of theirs.
/// The stream ends after `done`, after a cancellation, when the store fails, and when the service stops.
pub(crate) async fn follow(
    app: &Arc<App>,
    id: SubmissionId,
    tenant: Option<&str>,
    judge: bool,
    after: i64,
) -> Result<Option<impl Stream<Item = Arc<Told>> + Send + use<>>, StoreError> {
    let mut story = story(app, id);
    let known = story.wait_for(|story| story.row.is_some() || story.end.is_some()).await;
    let seen = known.is_ok_and(|story| story.is_seen_by(tenant));
    // Nothing was read, so the store has the word, or the reason why it has none.
    if !seen && app.store.submission(id, tenant).await?.is_none() {
        return Ok(None);
    }
    let listener = Listener { story, judge, after, turn: 0, ready: VecDeque::new() };
    Ok(Some(futures::stream::unfold(listener, async |mut listener| {
        let told = listener.next().await?;
        Some((told, listener))
    })))
}

/// One who follows.
struct Listener {
    story: watch::Receiver<Story>,
    judge: bool,
    after: i64,
    turn: u64,
    ready: VecDeque<Arc<Told>>,
}

impl Listener {
    async fn next(&mut self) -> Option<Arc<Told>> {
        loop {
            if let Some(told) = self.ready.pop_front() {
                return Some(told);
            }
            let over = {
                let story = self.story.borrow_and_update();
                let new = story.since(&mut self.turn).into_iter();
                let heard = |told: &Arc<Told>| told.id(self.judge).is_some_and(|id| id > self.after);
                self.ready.extend(new.filter(heard));
                story.end.is_some()
            };
            if self.ready.is_empty() && (over || self.story.changed().await.is_err()) {
                return None;
            }
        }
    }
}

/// The story of a submission; starts a reader when nobody else watches it.
fn story(app: &Arc<App>, id: SubmissionId) -> watch::Receiver<Story> {
    app.hub.story(id, |story, bell| {
        let reader = Reader { app: app.clone(), id, story, bell, teller: Teller::default() };
        tokio::spawn(reader.run());
    })
}

/// Reads for all who watch one submission.
struct Reader {
    app: Arc<App>,
    id: SubmissionId,
    story: watch::Sender<Story>,
    bell: Arc<Notify>,
    teller: Teller,
}

impl Drop for Reader {
    /// However it ends, those who listen are not left waiting for it.
    fn drop(&mut self) {
        self.app.hub.gone(self.id, &self.story);
    }
}

impl Reader {
    async fn run(mut self) {
        let every = self.app.hub.look_every;
        let mut row: Option<Arc<SubmissionRow>> = None;
        let mut look = Instant::now();
        loop {
            let now = Instant::now();
            if let Some(ended) = self.app.hub.take_end(self.id, row.as_deref())
                && let Some(row) = &row
            {
                return self.end(Some(row.done(*ended)), End::Final);
            }
            if self.app.hub.take_stale(self.id) || now >= look {
                look = now + every;
                match self.app.store.submission(self.id, None).await {
                    Ok(Some(read)) if read.view.state.is_final() => return self.end(Some(read), End::Final),
                    Ok(Some(read)) => row = Some(Arc::new(read)),
                    Ok(None) => return self.end(None, End::Missing),
                    Err(e) => {
                        tracing::error!(error = %e, submission.id = %self.id, "its events end early: the store failed");
                        return self.end(None, End::Failed);
                    }
                }
            }
            if let Some(row) = &row {
                self.tell(row);
            }
            tokio::select! {
                () = self.bell.notified() => {}
                () = tokio::time::sleep_until(look) => {}
                () = self.story.closed() => if self.app.hub.leave(self.id, &self.story) { return },
                () = self.app.shutdown.cancelled() => return,
            }
        }
    }

    fn tell(&mut self, row: &Arc<SubmissionRow>) {
        let (attempt, parts) = match row.attempt {
            0 => (0, Vec::new()), // what was told of one that was read too early is taken when it is read again
            _ => self.app.hub.take_parts(self.id, row.judgement),
        };
        self.story.send_if_modified(|story| {
            let first = story.row.is_none();
            story.row = Some(row.clone());
            self.teller.live(story, row, attempt, &parts) || first
        });
    }

    fn end(&mut self, row: Option<SubmissionRow>, end: End) {
        match end {
            End::Final | End::Missing => self.app.hub.end(self.id, &self.story),
            End::Failed => self.app.hub.gone(self.id, &self.story),
        }
        self.story.send_modify(|story| {
            if let Some(row) = row.map(Arc::new) {
                self.teller.end(story, &row);
                story.row = Some(row);
            }
            story.end = Some(end);
        });
    }
}
