//! What is known live of submissions that are being judged, kept in memory for those who watch.
//!
//! Parts of the current attempt are kept until the judgement is done, so a watcher who comes late sees all of
//! them; afterwards the stored judgement tells the same story. A part's place is fixed by what it is (the
//! third test is always the third test), so its event id is the same in every API process, live and replayed.
//!
//! All who watch one submission in this process share one [`Story`] and one reader of the store ([`crate::watch`]),
//! which is rung here. What changed here is put down for the other API processes too ([`crate::neighbours`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proto::event::{EventKind, EventMessage};
use proto::http::JudgementView;
use proto::id::{Attempt, Fence, JudgementId, SubmissionId};
use tokio::sync::{Notify, watch};

use crate::neighbours::News;
use crate::store::SubmissionRow;
use crate::story::Story;

/// An entry nobody touched for this long is forgotten; the store still has the truth.
const FORGET_AFTER: Duration = Duration::from_mins(10);
/// Parts of one attempt: far more than any package has cases.
const PARTS_MAX: usize = 100_000;
/// A watched submission is read this often when nothing tells of a change: notices of other API processes can get
/// lost with a connection, or not be there at all.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

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

    /// Of a case, counted from 0; whatever a worker says, it ends before the next places.
    pub(crate) fn test(index: u32) -> u32 {
        FIRST_TEST + index.min(super::PARTS_MAX as u32)
    }

    /// The attempt ended without an answer, another one will be made.
    pub(crate) const QUEUED_AGAIN: u32 = 998_999;
    /// Held before its next attempt; released is the place after it, and each further hold takes the next two.
    pub(crate) const HELD: u32 = 999_000;
    /// Holds that are told of one attempt: their places end before the next one.
    pub(crate) const HOLDS_MAX: u32 = 499;
    /// Taken back.
    pub(crate) const CANCELLED: u32 = 999_998;
    /// The answer.
    pub(crate) const DONE: u32 = 999_999;
}

/// The id of an event: increasing within a submission, the same wherever it is computed.
pub(crate) fn event_id(judgement_number: u32, attempt: Attempt, place: u32) -> i64 {
    i64::from(judgement_number) * 1_000_000_000 + i64::from(attempt) * 1_000_000 + i64::from(place)
}

/// Those who watch one submission, and the reader that works for them.
#[derive(Debug)]
struct Watched {
    story: watch::Sender<Story>,
    /// Wakes the reader.
    bell: Arc<Notify>,
    stale: bool,
    /// Places of parts the reader has not taken.
    fresh: BTreeSet<u32>,
    /// The end of a judgement, stored by this process, that the reader has not taken.
    ended: Option<Box<JudgementView>>,
}

#[derive(Debug)]
struct Entry {
    /// The newest judgement anybody spoke of; ids of later ones are greater.
    judgement: Option<JudgementId>,
    attempt: Attempt,
    fence: Fence,
    parts: BTreeMap<u32, Arc<EventKind>>,
    watched: Option<Watched>,
    touched: Instant,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            judgement: None,
            attempt: 0,
            fence: 0,
            parts: BTreeMap::new(),
            watched: None,
            touched: Instant::now(),
        }
    }
}

impl Entry {
    /// Rings the reader; with `stale` it reads the store.
    fn ring(&mut self, stale: bool) {
        self.touched = Instant::now();
        if let Some(watched) = &mut self.watched {
            watched.stale |= stale;
            watched.bell.notify_one();
        }
    }

    fn forget_parts(&mut self) {
        self.parts.clear();
        if let Some(watched) = &mut self.watched {
            watched.fresh.clear();
        }
    }

    /// Starts a new attempt's story when it is newer (`Some(true)`); `None` when it is older than what is shown.
    fn advance(&mut self, judgement: JudgementId, attempt: Attempt, fence: Fence) -> Option<bool> {
        let (said, shown) = ((Some(judgement), fence), (self.judgement, self.fence));
        let newer = said > shown;
        if newer {
            self.judgement = Some(judgement);
            self.attempt = attempt;
            self.fence = fence;
            self.forget_parts();
        }
        (said >= shown).then_some(newer)
    }

    fn is_told_by(&self, story: &watch::Sender<Story>) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.story.same_channel(story))
    }
}

/// All live stories.
#[derive(Debug)]
pub(crate) struct Hub {
    entries: Mutex<HashMap<SubmissionId, Entry>>,
    /// What the other API processes are to hear; none where there can be no other.
    news: Option<News>,
    /// [`LOOK_EVERY`], but for tests.
    pub(crate) look_every: Duration,
}

impl Hub {
    /// `news`: what changes is put down here for other API processes.
    pub(crate) fn new(news: Option<News>, look_every: Duration) -> Self {
        Self { entries: Mutex::default(), news, look_every }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<SubmissionId, Entry>) -> T) -> T {
        work(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the other API processes are to hear.
    pub(crate) fn news(&self) -> Option<&News> {
        self.news.as_ref()
    }

    fn put_down(&self, submission: SubmissionId) {
        if let Some(news) = &self.news {
            news.put(submission);
        }
    }

    /// Takes an event from a worker. One of an older fence is dropped, and so is `done`: only the store
    /// says that.
    pub(crate) fn event(&self, message: EventMessage) {
        let place = match &message.event {
            EventKind::State { tests_total: Some(_), .. } => place::TOTAL,
            EventKind::State { .. } => place::RUNNING,
            EventKind::Compile { .. } => place::COMPILE,
            EventKind::Test { index, .. } => place::test(*index),
            EventKind::Graded { judges, .. } => place::test(judges.nth),
            EventKind::Done { .. } => return,
        };
        self.with(|entries| {
            let entry = entries.entry(message.submission_id).or_default();
            let Some(newer) = entry.advance(message.judgement_id, message.attempt, message.fence) else {
                return;
            };
            if entry.parts.len() >= PARTS_MAX {
                return;
            }
            entry.parts.insert(place, Arc::new(message.event));
            if let Some(watched) = &mut entry.watched {
                watched.fresh.insert(place);
            }
            // What a worker tells of an attempt that is known changed nothing in the store.
            entry.ring(newer);
        });
    }

    /// A claim was granted here.
    pub(crate) fn running(
        &self,
        submission: SubmissionId,
        judgement: JudgementId,
        attempt: Attempt,
        fence: Fence,
    ) {
        self.with(|entries| {
            let entry = entries.entry(submission).or_default();
            if entry.advance(judgement, attempt, fence).is_some() {
                entry.ring(true);
            }
        });
        self.put_down(submission);
    }

    /// Something about it was changed in the store, here.
    pub(crate) fn changed(&self, submission: SubmissionId) {
        self.heard(&[submission]);
        self.put_down(submission);
    }

    /// Something about these may have been changed in the store, by another API process.
    pub(crate) fn heard(&self, submissions: &[SubmissionId]) {
        self.with(|entries| {
            for submission in submissions {
                if let Some(entry) = entries.get_mut(submission) {
                    entry.ring(true);
                }
            }
        });
    }

    /// It was made final, here: what its attempt told is in the store now.
    pub(crate) fn finished(&self, submission: SubmissionId) {
        self.end_parts(submission, |entry| entry.ring(true));
    }

    /// The same, with what the store has now: the reader need not read it again.
    pub(crate) fn judged(&self, submission: SubmissionId, judgement: Box<JudgementView>) {
        self.end_parts(submission, |entry| {
            if let Some(watched) = &mut entry.watched {
                watched.ended = Some(judgement);
            }
            entry.ring(false);
        });
    }

    fn end_parts(&self, submission: SubmissionId, tell: impl FnOnce(&mut Entry)) {
        self.with(|entries| {
            let Some(entry) = entries.get_mut(&submission) else { return };
            if entry.watched.is_none() {
                entries.remove(&submission);
                return;
            }
            entry.forget_parts();
            tell(entry);
        });
        self.put_down(submission);
    }

    /// The story of a submission, as it is told from now on. `read` is called with what a reader needs when there is
    /// none yet, and has to start one.
    pub(crate) fn story(
        &self,
        submission: SubmissionId,
        read: impl FnOnce(watch::Sender<Story>, Arc<Notify>),
    ) -> watch::Receiver<Story> {
        self.with(|entries| {
            let entry = entries.entry(submission).or_default();
            if let Some(watched) = &entry.watched {
                return watched.story.subscribe();
            }
            let (story, receiver) = watch::channel(Story::default());
            let bell = Arc::new(Notify::new());
            read(story.clone(), bell.clone());
            let fresh = entry.parts.keys().copied().collect();
            entry.watched = Some(Watched { story, bell, stale: true, fresh, ended: None });
            receiver
        })
    }

    /// Whether the reader should read the store; asked before it does, so that what changes meanwhile is seen next.
    pub(crate) fn take_stale(&self, submission: SubmissionId) -> bool {
        self.with(|entries| {
            let watched = entries.get_mut(&submission).and_then(|entry| entry.watched.as_mut());
            watched.is_some_and(|watched| std::mem::take(&mut watched.stale))
        })
    }

    /// The end that this row's judgement came to, where this process stored it after the row was read and nothing else
    /// was told of since; asked before [`take_stale`](Self::take_stale). Of another judgement it sends the reader to
    /// the store.
    pub(crate) fn take_end(
        &self,
        submission: SubmissionId,
        row: Option<&SubmissionRow>,
    ) -> Option<Box<JudgementView>> {
        self.with(|entries| {
            let watched = entries.get_mut(&submission)?.watched.as_mut()?;
            let ended = watched.ended.take()?;
            let of_row = row.is_some_and(|row| row.judgement == ended.id && !row.view.state.is_final());
            watched.stale |= !of_row;
            (!watched.stale).then_some(ended)
        })
    }

    /// What the reader has not taken yet of the newest attempt at this judgement, and that attempt; 0 when nobody
    /// spoke of one.
    pub(crate) fn take_parts(
        &self,
        submission: SubmissionId,
        judgement: JudgementId,
    ) -> (Attempt, Vec<(u32, Arc<EventKind>)>) {
        self.with(|entries| {
            let entry = entries.get_mut(&submission).filter(|entry| entry.judgement == Some(judgement));
            let Some(entry) = entry else { return (0, Vec::new()) };
            let fresh = entry.watched.as_mut().map(|w| std::mem::take(&mut w.fresh)).unwrap_or_default();
            let part = |place| entry.parts.get(&place).map(|part| (place, part.clone()));
            (entry.attempt, fresh.into_iter().filter_map(part).collect())
        })
    }

    /// The reader found the end: whoever comes from now on gets a reader of his own, and nothing is kept for him.
    pub(crate) fn end(&self, submission: SubmissionId, story: &watch::Sender<Story>) {
        self.with(|entries| {
            if entries.get(&submission).is_some_and(|entry| entry.is_told_by(story)) {
                entries.remove(&submission);
            }
        });
    }

    /// The reader leaves if nobody listens; false when somebody does.
    pub(crate) fn leave(&self, submission: SubmissionId, story: &watch::Sender<Story>) -> bool {
        self.with(|entries| {
            let alone = story.receiver_count() == 0;
            if alone {
                Self::unwatch(entries, submission, story);
            }
            alone
        })
    }

    /// The reader is gone, whoever listens.
    pub(crate) fn gone(&self, submission: SubmissionId, story: &watch::Sender<Story>) {
        self.with(|entries| Self::unwatch(entries, submission, story));
    }

    fn unwatch(
        entries: &mut HashMap<SubmissionId, Entry>,
        submission: SubmissionId,
        story: &watch::Sender<Story>,
    ) {
        if let Some(entry) = entries.get_mut(&submission)
            && entry.is_told_by(story)
        {
            entry.watched = None;
            entry.touched = Instant::now();
            if entry.fence == 0 {
                entries.remove(&submission);
            }
        }
    }

    /// Forgets what nobody watches and nothing happened to for long.
    pub(crate) fn prune(&self) {
        self.with(|entries| {
            entries.retain(|_, e| e.watched.is_some() || e.touched.elapsed() < FORGET_AFTER);
        });
    }

    /// How many watch it.
    #[cfg(test)]
    pub(crate) fn watchers(&self, submission: SubmissionId) -> usize {
        self.with(|entries| {
            let watched = entries.get(&submission).and_then(|entry| entry.watched.as_ref());
            watched.map_or(0, |watched| watched.story.receiver_count())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::event::State;

    fn hub() -> Hub {
        Hub::new(Some(News::default()), LOOK_EVERY)
    }

    fn message(
        submission: SubmissionId,
        judgement: JudgementId,
        fence: Fence,
        total: Option<u32>,
    ) -> EventMessage {
        EventMessage {
            schema: proto::skew::PROTOCOL,
            judgement_id: judgement,
            submission_id: submission,
            attempt: fence as u32,
            fence,
            seq: 0,
            event: EventKind::State { state: State::Running, tests_total: total },
        }
    }

    #[test]
    fn a_new_attempt_drops_what_the_old_one_showed_and_the_old_one_is_not_heard_again() {
        let (hub, id, judgement) = (hub(), SubmissionId::new(), JudgementId::new());
        let _watcher = hub.story(id, |_, _| {});
        hub.event(message(id, judgement, 1, None));
        hub.event(message(id, judgement, 1, Some(3)));
        assert_eq!(hub.take_parts(id, judgement).1.len(), 2);
        hub.event(message(id, judgement, 2, None));
        hub.event(message(id, judgement, 1, Some(3)));
        let (attempt, parts) = hub.take_parts(id, judgement);
        assert_eq!((attempt, parts.len()), (2, 1));
        // Each judgement counts its fences from the first.
        let next = JudgementId::new();
        hub.event(message(id, next, 1, Some(3)));
        hub.event(message(id, judgement, 3, None));
        assert_eq!(hub.take_parts(id, judgement).0, 0);
        assert_eq!(hub.take_parts(id, next).1.len(), 1);
    }

    #[test]
    fn parts_of_a_known_attempt_do_not_send_the_reader_to_the_store() {
        let (hub, id, judgement) = (hub(), SubmissionId::new(), JudgementId::new());
        let _watcher = hub.story(id, |_, _| {});
        assert!(hub.take_stale(id), "nothing was read yet");
        hub.event(message(id, judgement, 1, None));
        assert!(hub.take_stale(id), "an attempt began");
        hub.event(message(id, judgement, 1, Some(3)));
        assert!(!hub.take_stale(id));
        for change in [Hub::changed, Hub::finished, |hub: &Hub, id| hub.heard(&[id])] {
            change(&hub, id);
            assert!(hub.take_stale(id));
        }
    }

    #[test]
    fn ids_increase_through_attempts_and_judgements() {
        let ids = [
            event_id(1, 0, 0),
            event_id(1, 1, place::RUNNING),
            event_id(1, 1, place::FIRST_TEST + 5),
            event_id(1, 1, place::QUEUED_AGAIN),
            event_id(1, 1, place::HELD),
            event_id(1, 1, place::HELD + 2 * place::HOLDS_MAX - 1),
            event_id(1, 1, place::CANCELLED),
            event_id(1, 2, place::COMPILE),
            event_id(1, 2, place::DONE),
            event_id(2, 0, 0),
        ];
        assert!(ids.is_sorted());
    }

    #[test]
    fn one_reader_works_for_all_and_leaves_with_the_last_of_them() {
        let (hub, id) = (hub(), SubmissionId::new());
        let mut reader = None;
        let first = hub.story(id, |story, _| reader = Some(story));
        let story = reader.unwrap();
        let second = hub.story(id, |_, _| panic!("there is a reader"));
        drop(first);
        assert!(!hub.leave(id, &story), "somebody listens");
        drop(second);
        assert!(hub.leave(id, &story));
        let mut another = false;
        let _third = hub.story(id, |_, _| another = true);
        assert!(another);
    }
}
