//! What is known live of submissions that are being judged, kept in memory for those who watch.
//!
//! Parts of the current attempt are kept until the judgement is done, so a watcher who comes late sees all of
//! them; afterwards the stored judgement tells the same story. A part's place is fixed by what it is (the
//! third test is always the third test), so its event id is the same in every API process, live and replayed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proto::event::{EventKind, EventMessage};
use proto::id::{Attempt, Fence, SubmissionId};
use tokio::sync::watch;

/// An entry nobody touched for this long is forgotten; the store still has the truth.
const FORGET_AFTER: Duration = Duration::from_mins(10);
/// Parts of one attempt: far more than any package has cases.
const PARTS_MAX: usize = 100_000;

/// Places of parts within an attempt.
pub(crate) mod place {
    /// The attempt began.
    pub(crate) const RUNNING: u32 = 0;
    /// The number of cases became known.
    pub(crate) const TOTAL: u32 = 1;
    /// The compile run ended.
    pub(crate) const COMPILE: u32 = 2;
    /// The first case; the others follow.
    pub(crate) const FIRST_TEST: u32 = 3;
    /// The attempt ended without an answer, another one will be made.
    pub(crate) const QUEUED_AGAIN: u32 = 999_997;
    /// Taken back.
    pub(crate) const CANCELLED: u32 = 999_998;
    /// The answer.
    pub(crate) const DONE: u32 = 999_999;
}

/// The id of an event: increasing within a submission, the same wherever it is computed.
pub(crate) fn event_id(judgement_number: u32, attempt: Attempt, place: u32) -> i64 {
    i64::from(judgement_number) * 1_000_000_000 + i64::from(attempt) * 1_000_000 + i64::from(place)
}

/// Parts of one attempt so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    pub(crate) attempt: Attempt,
    pub(crate) parts: Vec<(u32, Arc<EventKind>)>,
}

#[derive(Debug)]
struct Entry {
    attempt: Attempt,
    fence: Fence,
    parts: BTreeMap<u32, Arc<EventKind>>,
    version: watch::Sender<u64>,
    touched: Instant,
}

impl Entry {
    fn new() -> Self {
        let version = watch::Sender::new(0);
        Self { attempt: 0, fence: 0, parts: BTreeMap::new(), version, touched: Instant::now() }
    }

    fn bump(&mut self) {
        self.touched = Instant::now();
        self.version.send_modify(|v| *v += 1);
    }

    /// Starts a new attempt's story when `fence` is newer; false when it is older than what is shown.
    fn advance(&mut self, attempt: Attempt, fence: Fence) -> bool {
        if fence > self.fence {
            self.attempt = attempt;
            self.fence = fence;
            self.parts.clear();
        }
        fence == self.fence
    }
}

/// All live stories.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    entries: Mutex<HashMap<SubmissionId, Entry>>,
}

impl Hub {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<SubmissionId, Entry>) -> T) -> T {
        work(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes an event from a worker. One of an older fence is dropped, and so is `done`: only the store
    /// says that.
    pub(crate) fn event(&self, message: EventMessage) {
        let place = match &message.event {
            EventKind::State { tests_total: Some(_), .. } => place::TOTAL,
            EventKind::State { .. } => place::RUNNING,
            EventKind::Compile { .. } => place::COMPILE,
            EventKind::Test { index, .. } => place::FIRST_TEST + (*index).min(PARTS_MAX as u32),
            EventKind::Done { .. } => return,
        };
        self.with(|entries| {
            let entry = entries.entry(message.submission_id).or_insert_with(Entry::new);
            if !entry.advance(message.attempt, message.fence) || entry.parts.len() >= PARTS_MAX {
                return;
            }
            entry.parts.insert(place, Arc::new(message.event));
            entry.bump();
        });
    }

    /// A claim was granted.
    pub(crate) fn running(&self, submission: SubmissionId, attempt: Attempt, fence: Fence) {
        self.with(|entries| {
            let entry = entries.entry(submission).or_insert_with(Entry::new);
            if entry.advance(attempt, fence) {
                entry.bump();
            }
        });
    }

    /// Something about it changed in the store.
    pub(crate) fn changed(&self, submission: SubmissionId) {
        self.with(|entries| {
            if let Some(entry) = entries.get_mut(&submission) {
                entry.bump();
            }
        });
    }

    /// It is final: whoever watches reads the store once more.
    pub(crate) fn finished(&self, submission: SubmissionId) {
        // Dropping the sender wakes every watcher.
        self.with(|entries| entries.remove(&submission));
    }

    /// Wakes at every change from now on; closed when it is final.
    pub(crate) fn subscribe(&self, submission: SubmissionId) -> watch::Receiver<u64> {
        self.with(|entries| entries.entry(submission).or_insert_with(Entry::new).version.subscribe())
    }

    /// What is known of the current attempt.
    pub(crate) fn live(&self, submission: SubmissionId) -> Live {
        self.with(|entries| match entries.get(&submission) {
            None => Live::default(),
            Some(entry) => Live {
                attempt: entry.attempt,
                parts: entry.parts.iter().map(|(place, part)| (*place, part.clone())).collect(),
            },
        })
    }

    /// Forgets what nobody watches and nothing happened to for long.
    pub(crate) fn prune(&self) {
        self.with(|entries| {
            entries.retain(|_, e| e.version.receiver_count() > 0 || e.touched.elapsed() < FORGET_AFTER);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::event::State;
    use proto::id::JudgementId;

    fn message(submission: SubmissionId, fence: Fence, total: Option<u32>) -> EventMessage {
        EventMessage {
            schema: proto::skew::PROTOCOL,
            judgement_id: JudgementId::new(),
            submission_id: submission,
            attempt: fence as u32,
            fence,
            seq: 0,
            event: EventKind::State { state: State::Running, tests_total: total },
        }
    }

    #[test]
    fn a_new_attempt_drops_what_the_old_one_showed_and_the_old_one_is_not_heard_again() {
        let (hub, id) = (Hub::default(), SubmissionId::new());
        hub.event(message(id, 1, None));
        hub.event(message(id, 1, Some(3)));
        assert_eq!(hub.live(id).parts.len(), 2);
        hub.event(message(id, 2, None));
        hub.event(message(id, 1, Some(3)));
        let live = hub.live(id);
        assert_eq!((live.attempt, live.parts.len()), (2, 1));
    }

    #[test]
    fn ids_increase_through_attempts_and_judgements() {
        let ids = [
            event_id(1, 0, 0),
            event_id(1, 1, place::RUNNING),
            event_id(1, 1, place::FIRST_TEST + 5),
            event_id(1, 1, place::QUEUED_AGAIN),
            event_id(1, 2, place::COMPILE),
            event_id(1, 2, place::DONE),
            event_id(2, 0, 0),
        ];
        assert!(ids.is_sorted());
    }

    #[tokio::test]
    async fn watchers_wake_when_it_is_final() {
        let (hub, id) = (Hub::default(), SubmissionId::new());
        let mut wake = hub.subscribe(id);
        hub.finished(id);
        assert!(wake.changed().await.is_err());
    }
}
