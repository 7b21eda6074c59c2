//! The story of one submission as those who watch it hear it: which events, in which order, with which ids.
//!
//! Made from the stored row and from what workers told; each event is made once, and put into words once for judges
//! and once for contestants, however many listen. Reads nothing and waits for nothing.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use proto::event::{EventKind, State};
use proto::http::{JudgementView, SubmissionView};
use proto::id::Attempt;
use proto::report::TestReport;
use serde::Serialize;
use serde_json::{Value, json};

use crate::events::{event_id, place};
use crate::store::SubmissionRow;

/// The view a caller may have of a submission (decision 12).
pub(crate) fn view_for(mut view: SubmissionView, judge: bool) -> SubmissionView {
    view.judgement = view.judgement.map(|judgement| judgement_for(judgement, judge));
    if let Some(judgement) = view.judgement.as_ref().filter(|j| j.result.graded.is_some()) {
        // The total may be out of sight.
        view.score.clone_from(&judgement.result.score);
    }
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

/// What an event says.
#[derive(Debug)]
enum Said {
    State {
        state: State,
        attempt: Attempt,
        total: Option<u32>,
    },
    /// As the worker told it, or as the stored judgement has it.
    Part(Arc<EventKind>),
    Done(Arc<SubmissionRow>),
}

/// One event.
#[derive(Debug)]
pub(crate) struct Told {
    id: i64,
    /// For contestants: the ids of what they do not hear of would tell how much that is. `None` when they do not hear
    /// of this.
    shown: Option<i64>,
    /// `state`, `compile`, `test` or `done`.
    pub(crate) event: &'static str,
    /// Its place in the order in which events of this story were told.
    turn: u64,
    said: Said,
    /// JSON, once somebody asked for it: for contestants, and for judges.
    texts: [OnceLock<String>; 2],
}

impl Told {
    /// Its id, for a judge or a contestant; `None` when this one does not hear of it.
    pub(crate) fn id(&self, judge: bool) -> Option<i64> {
        if judge { Some(self.id) } else { self.shown }
    }

    /// Its data, a JSON object, in the view of a judge or of a contestant.
    pub(crate) fn data(&self, judge: bool) -> &str {
        let [contestants, judges] = &self.texts;
        let text = if judge { judges } else { contestants };
        text.get_or_init(|| self.said.value(judge).to_string())
    }
}

impl Said {
    fn value(&self, judge: bool) -> Value {
        match self {
            Said::State { state, attempt, total } => {
                let mut data = json!({"state": state, "attempt": attempt});
                if let Some(total) = total {
                    data["tests_total"] = (*total).into();
                }
                data
            }
            Said::Part(part) => match &**part {
                EventKind::Compile { compile } => value(compile),
                EventKind::Test { index, total, test } => tested(*index, *total, test, judge),
                EventKind::Graded { judges, contestants, test } => {
                    let place = if judge { Some(*judges) } else { *contestants };
                    let Some(place) = place else { return Value::Null };
                    tested(place.index, place.total, test, judge)
                }
                // Told as states, and from the store only.
                EventKind::State { .. } | EventKind::Done { .. } => Value::Null,
            },
            Said::Done(row) => value(&view_for(row.view.clone(), judge)),
        }
    }
}

fn tested(index: u32, total: u32, test: &TestReport, judge: bool) -> Value {
    let test = if judge { test.clone() } else { test.clone().for_contestant() };
    let mut data = json!({"index": index, "total": total});
    if let (Value::Object(data), Value::Object(test)) = (&mut data, value(&test)) {
        data.extend(test);
    }
    data
}

fn value<T: Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

/// How a story ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The row is final.
    Final,
    /// There is no such submission, or not any more.
    Missing,
    /// The store could not be read.
    Failed,
}

/// What is told of one submission so far.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// As it was read last; none before the first time.
    pub(crate) row: Option<Arc<SubmissionRow>>,
    /// By turn; those of attempts before the current one are dropped.
    told: Vec<Arc<Told>>,
    pub(crate) end: Option<End>,
}

impl Story {
    /// Whether `tenant` may know of it; anybody's with `None`. False before it was read.
    pub(crate) fn is_seen_by(&self, tenant: Option<&str>) -> bool {
        self.row.as_ref().is_some_and(|row| tenant.is_none_or(|tenant| row.tenant == tenant))
    }

    /// What was told since `turn`, which moves on.
    pub(crate) fn since(&self, turn: &mut u64) -> Vec<Arc<Told>> {
        let new = &self.told[self.told.partition_point(|told| told.turn < *turn)..];
        if let Some(last) = new.last() {
            *turn = last.turn + 1;
        }
        new.to_vec()
    }
}

/// Tells one story: knows what it told, and tells nothing twice.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    /// Ids.
    told: HashSet<i64>,
    turn: u64,
    /// Judgement number and attempt.
    at: (u32, Attempt),
    /// Holds since that attempt, and whether one lasts.
    holds: u32,
    held: bool,
}

impl Teller {
    /// What is known of a submission that is being judged: the row as it was read last, the newest attempt a worker
    /// told of, and parts of that attempt. True when there was something new.
    pub(crate) fn live(
        &mut self,
        story: &mut Story,
        row: &SubmissionRow,
        told_of: Attempt,
        parts: &[(u32, Arc<EventKind>)],
    ) -> bool {
        let before = self.turn;
        let number = row.number;
        let attempt = if row.attempt == 0 { 0 } else { told_of.max(row.attempt) };
        self.begin(story, number, attempt);
        let accepted = event_id(number, 0, place::RUNNING);
        if attempt == 0 && row.view.state == State::Held {
            self.told.insert(accepted); // it was held from the start, or before anybody came
        }
        self.state(story, accepted, State::Queued, 0, None);
        if attempt > 0 {
            self.state(story, event_id(number, attempt, place::RUNNING), State::Running, attempt, None);
            if told_of == attempt {
                for (at, part) in parts {
                    self.part(story, event_id(number, attempt, *at), attempt, part);
                }
            }
            if row.view.state == State::Queued && attempt == row.attempt {
                let at = event_id(number, attempt, place::QUEUED_AGAIN);
                self.state(story, at, State::Queued, attempt, None);
            }
        }
        self.hold(story, row, attempt);
        self.turn > before
    }

    /// Holds and their ends since the attempt, as they are seen.
    fn hold(&mut self, story: &mut Story, row: &SubmissionRow, attempt: Attempt) {
        let at = event_id(row.number, attempt, place::HELD + 2 * self.holds);
        match row.view.state {
            State::Held if !self.held && self.holds < place::HOLDS_MAX => {
                self.held = true;
                self.state(story, at, State::Held, attempt, None);
            }
            State::Queued if self.held => {
                (self.held, self.holds) = (false, self.holds + 1);
                self.state(story, at + 1, State::Queued, attempt, None);
            }
            _ => {}
        }
    }

    /// The whole story of a submission that is final; what was told already is not told again.
    pub(crate) fn end(&mut self, story: &mut Story, row: &Arc<SubmissionRow>) {
        let (number, attempt) = (row.number, row.attempt);
        self.begin(story, number, attempt);
        self.state(story, event_id(number, 0, place::RUNNING), State::Queued, 0, None);
        if row.view.state == State::Cancelled {
            let at = event_id(number, attempt, place::CANCELLED);
            return self.state(story, at, State::Cancelled, attempt, None);
        }
        if attempt > 0 {
            self.state(story, event_id(number, attempt, place::RUNNING), State::Running, attempt, None);
        }
        if let Some(judgement) = &row.view.judgement {
            let result = &judgement.result;
            if let Some(compile) = &result.compile {
                let id = event_id(number, attempt, place::COMPILE);
                self.tell(story, id, "compile", || {
                    Said::Part(Arc::new(EventKind::Compile { compile: compile.clone() }))
                });
            }
            // Which tests of a course's autograder a contestant may see stands in the whole judgement, and `done` goes by
            // that: none is told by itself, but for those that it reported while it worked.
            let tests = if result.graded.is_some() { &[][..] } else { &result.tests[..] };
            let total = tests.len() as u32;
            for (index, test) in (0..).zip(tests) {
                let id = event_id(number, attempt, place::FIRST_TEST + index);
                self.tell(story, id, "test", || {
                    Said::Part(Arc::new(EventKind::Test { index, total, test: Box::new(test.clone()) }))
                });
            }
        }
        self.tell(story, event_id(number, attempt, place::DONE), "done", || Said::Done(row.clone()));
    }

    /// Those who come now do not hear of attempts before this one; those who were here drop them by its `state`.
    fn begin(&mut self, story: &mut Story, number: u32, attempt: Attempt) {
        if self.at != (number, attempt) {
            (self.at, self.holds, self.held) = ((number, attempt), 0, false);
            let (sent, began) =
                (event_id(number, 0, place::RUNNING), event_id(number, attempt, place::RUNNING));
            story.told.retain(|told| told.id == sent || told.id >= began);
        }
    }

    fn part(&mut self, story: &mut Story, id: i64, attempt: Attempt, part: &Arc<EventKind>) {
        match &**part {
            EventKind::State { state, tests_total } => self.state(story, id, *state, attempt, *tests_total),
            EventKind::Compile { .. } => self.tell(story, id, "compile", || Said::Part(part.clone())),
            EventKind::Test { .. } => self.tell(story, id, "test", || Said::Part(part.clone())),
            EventKind::Graded { contestants, .. } => {
                let shown = contestants.map(|shown| event_id(self.at.0, attempt, place::test(shown.nth)));
                self.tell_some(story, (id, shown), "test", || Said::Part(part.clone()));
            }
            EventKind::Done { .. } => {} // made from the store only
        }
    }

    fn state(&mut self, story: &mut Story, id: i64, state: State, attempt: Attempt, total: Option<u32>) {
        self.tell(story, id, "state", || Said::State { state, attempt, total });
    }

    fn tell(&mut self, story: &mut Story, id: i64, event: &'static str, said: impl FnOnce() -> Said) {
        self.tell_some(story, (id, Some(id)), event, said);
    }

    /// Tells judges, and contestants when there is an id for them.
    fn tell_some(
        &mut self,
        story: &mut Story,
        (id, shown): (i64, Option<i64>),
        event: &'static str,
        said: impl FnOnce() -> Said,
    ) {
        if self.told.insert(id) {
            let turn = self.turn;
            self.turn += 1;
            story.told.push(Arc::new(Told {
                id,
                shown,
                event,
                turn,
                said: said(),
                texts: Default::default(),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{new_row, stores};
    use crate::time::now_ms;
    use proto::event::GradedPlace;
    use proto::graded::{Graded, Shown};
    use proto::job::Priority;

    #[tokio::test]
    async fn a_hold_is_told_as_one_each_time_and_so_is_its_end() {
        let (_, store, _folder) = stores().await.remove(0);
        let id = store.submit(&new_row(Priority::Normal), now_ms()).await.unwrap();
        let mut row = store.submission(id, None).await.unwrap().unwrap();
        let (mut story, mut teller, mut turn) = (Story::default(), Teller::default(), 0);
        let mut told = Vec::new();
        let states = [State::Held, State::Held, State::Queued, State::Queued, State::Held, State::Queued];
        for (state, attempt) in states.map(|state| (state, 0)).into_iter().chain([(State::Held, 1)]) {
            (row.view.state, row.attempt) = (state, attempt);
            teller.live(&mut story, &row, attempt, &[]);
            told.extend(story.since(&mut turn));
        }
        row.view.state = State::Cancelled;
        teller.end(&mut story, &Arc::new(row));
        told.extend(story.since(&mut turn));
        assert!(told.is_sorted_by_key(|told| told.id(true)), "ids increase");
        let said = |state: &str, attempt| json!({"state": state, "attempt": attempt}).to_string();
        let first = ["held", "queued", "held", "queued"].map(|state| said(state, 0));
        let then = [said("running", 1), said("held", 1), said("cancelled", 1)];
        let texts: Vec<_> = told.iter().map(|told| told.data(false)).collect();
        assert_eq!(texts, [&first[..], &then[..]].concat());
    }

    fn running(total: u32) -> Arc<EventKind> {
        Arc::new(EventKind::State { state: State::Running, tests_total: Some(total) })
    }

    #[tokio::test]
    async fn who_comes_late_hears_the_attempt_that_runs_and_who_was_there_hears_nothing_twice() {
        let (_, store, _folder) = stores().await.remove(0);
        let id = store.submit(&new_row(Priority::Normal), now_ms()).await.unwrap();
        let mut row = store.submission(id, None).await.unwrap().unwrap();
        let (mut story, mut teller, mut turn) = (Story::default(), Teller::default(), 0);
        let ids = |told: Vec<Arc<Told>>| told.iter().map(|told| told.id).collect::<Vec<_>>();
        let first = |attempt| event_id(1, attempt, place::RUNNING);
        assert!(teller.live(&mut story, &row, 0, &[]));
        assert_eq!(ids(story.since(&mut turn)), [first(0)]);
        row.view.state = State::Running;
        row.attempt = 1;
        assert!(teller.live(&mut story, &row, 1, &[(place::TOTAL, running(3))]));
        assert!(!teller.live(&mut story, &row, 1, &[(place::TOTAL, running(3))]), "nothing new");
        assert_eq!(ids(story.since(&mut turn)), [first(1), event_id(1, 1, place::TOTAL)]);
        row.view.state = State::Queued;
        teller.live(&mut story, &row, 1, &[]);
        row.view.state = State::Running;
        row.attempt = 2;
        teller.live(&mut story, &row, 2, &[]);
        assert_eq!(ids(story.since(&mut turn)), [first(2)], "of what was missed, only what still holds");
        assert_eq!(ids(story.since(&mut 0)), [first(0), first(2)]);
        teller.end(&mut story, &Arc::new(row));
        assert_eq!(ids(story.since(&mut turn)), [event_id(1, 2, place::DONE)]);
        assert_eq!(ids(story.since(&mut turn)), [] as [i64; 0]);
    }

    /// A graded submission, of which contestants see the total or nothing at all.
    fn graded(total: bool) -> SubmissionView {
        let mut result = crate::testing::judgement();
        result.score = Some("7".into());
        for test in &mut result.tests {
            test.name = "SECRET".into();
        }
        let graded = json!({"format": "gradescope", "separate": true, "status": "graded", "feedback": null,
            "output": null, "output_format": null, "stdout": "", "stdout_truncated": false, "cpu_time_ms": null,
            "wall_time_ms": null, "memory_bytes": null});
        let mut graded: Graded = serde_json::from_value(graded).unwrap();
        graded.shown = Some(Shown { total, ..Shown::default() });
        result.graded = Some(Box::new(graded));
        let mut judgement = value(&result);
        let id = proto::id::JudgementId::new();
        for (key, of) in [("id", json!(id)), ("number", json!(1)), ("cause", json!("submitted"))] {
            judgement[key] = of;
        }
        (judgement["problem"], judgement["attempt"]) = (Value::Null, json!(1));
        let view = json!({"id": proto::id::SubmissionId::new(), "state": "done", "created_at": "",
            "problem": "calc", "language": "host", "priority": "normal", "verdict": "OK", "score": "7",
            "judgement": judgement});
        serde_json::from_value(view).unwrap()
    }

    /// What somebody hears, from the begin.
    fn texts(story: &Story, judge: bool) -> Vec<String> {
        let all = story.since(&mut 0);
        all.iter().filter(|told| told.id(judge).is_some()).map(|told| told.data(judge).to_owned()).collect()
    }

    #[tokio::test]
    async fn of_tests_reported_meanwhile_a_contestant_hears_those_that_are_shown_and_counts_no_other() {
        let (_, store, _folder) = stores().await.remove(0);
        let id = store.submit(&new_row(Priority::Normal), now_ms()).await.unwrap();
        let mut row = store.submission(id, None).await.unwrap().unwrap();
        (row.view.state, row.attempt) = (State::Running, 1);
        let part = |nth: u32, name: &str, shown: Option<(u32, u32)>| {
            let mut test = crate::testing::judgement().tests.remove(0);
            (test.name, test.reason) = (name.to_owned(), Some("SECRET".to_owned()));
            let judges = GradedPlace { nth, index: nth + 10, total: 40 };
            let contestants = shown.map(|(nth, index)| GradedPlace { nth, index, total: 2 });
            (place::test(nth), Arc::new(EventKind::Graded { judges, contestants, test: Box::new(test) }))
        };
        let parts = [
            part(0, "SECRET a", None),
            part(1, "open", Some((0, 1))),
            part(2, "SECRET b", None),
            part(3, "also", Some((1, 0))),
        ];
        let (mut story, mut teller) = (Story::default(), Teller::default());
        teller.live(&mut story, &row, 1, &parts);
        teller.live(&mut story, &row, 1, &parts);
        assert_eq!(texts(&story, true).len(), 2 + 4, "once each");
        let heard = texts(&story, false);
        assert!(!heard.concat().contains("SECRET") && heard.len() == 2 + 2, "{heard:?}");
        let tests: Vec<Value> = heard[2..].iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(
            (&tests[0]["name"], &tests[0]["index"], &tests[0]["total"]),
            (&json!("open"), &json!(1), &json!(2))
        );
        // Their ids follow each other, whatever lies between: a gap would tell how much is hidden.
        let ids: Vec<_> = story.since(&mut 0).iter().filter_map(|told| told.id(false)).collect();
        assert_eq!(ids[2..], [event_id(1, 1, place::test(0)), event_id(1, 1, place::test(1))]);
    }

    #[tokio::test]
    async fn no_event_tells_a_contestant_of_a_test_that_a_harness_hides() {
        let (_, store, _folder) = stores().await.remove(0);
        let id = store.submit(&new_row(Priority::Normal), now_ms()).await.unwrap();
        let mut row = store.submission(id, None).await.unwrap().unwrap();
        (row.view, row.attempt) = (graded(false), 1);
        let (mut story, mut teller) = (Story::default(), Teller::default());
        teller.end(&mut story, &Arc::new(row));
        let told = |judge| texts(&story, judge).concat();
        assert!(told(true).contains("SECRET"), "{}", told(true));
        assert!(!told(false).contains("SECRET"), "{}", told(false));
    }

    #[test]
    fn a_total_that_a_harness_hides_is_hidden_at_the_top_of_the_submission_too() {
        let view = graded;
        let score = |view, judge| view_for(view, judge).score;
        assert_eq!(score(view(false), false), None);
        assert_eq!(score(view(false), true).as_deref(), Some("7"));
        assert_eq!(score(view(true), false).as_deref(), Some("7"));
    }
}
