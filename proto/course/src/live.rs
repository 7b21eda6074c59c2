//! The tests of `results.jsonl`, one by one, while the harness still writes it.
//!
//! Hints for those who watch: the report is made of the whole file when the run is over. A contestant hears of a test
//! only what its own line, or the line of the plan, has said in so many words to be `visible`: a harness may still put
//! `hidden` into the `results.json` that it writes at its end, and nothing that was told can be taken back.

use std::collections::BTreeSet;

use proto::event::GradedPlace;
use proto::report::TestReport;
use proto::verdict::Verdict;
use serde_json::Value;

use crate::findings::Findings;
use crate::judgement::{Room, test};
use crate::lines::{LINE_MAX, LINES_MAX, Planned, result};
use crate::manifest::Schema;
use crate::report::Visibility;
use crate::results::{Reader, TESTS_MAX, object};
use crate::settle::bound;

/// One test, as it was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Its place for judges.
    pub judges: GradedPlace,
    /// Its place for contestants; `None` when they do not hear of it.
    pub contestants: Option<GradedPlace>,
    /// Its result.
    pub test: TestReport,
}

/// What was heard of one submission.
#[derive(Debug)]
pub struct Live {
    schema: Schema,
    /// The harness's own.
    plan: Option<Vec<Planned>>,
    /// A line whose end has not come.
    rest: Vec<u8>,
    /// Whether that line is too long already.
    skips: bool,
    lines: usize,
    /// What the line of the plan says of all tests; `None` before there was one, or when it says nothing.
    default: Option<Visibility>,
    planned: bool,
    /// Names that were told: the first line of a name is, though the last one counts.
    names: BTreeSet<String>,
    shown: u32,
    room: Room,
}

impl Live {
    /// Nothing was heard yet. `plan` is the harness's own: what is not in it is not told.
    pub fn new(schema: Schema, plan: Option<&[Planned]>) -> Self {
        Self {
            schema,
            plan: plan.map(<[Planned]>::to_vec),
            rest: Vec::new(),
            skips: false,
            lines: 0,
            default: None,
            planned: false,
            names: BTreeSet::new(),
            shown: 0,
            room: Room::new(),
        }
    }

    /// The file begins again: what was told stays told.
    pub fn begin(&mut self) {
        (self.rest, self.skips) = (Vec::new(), false);
    }

    /// Takes what was appended, in any pieces. Returns the tests that these complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.skips |= self.rest.len() + piece.len() > LINE_MAX + 1;
            if !self.skips {
                self.rest.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                if !std::mem::take(&mut self.skips) {
                    heard.extend(self.line(&line));
                }
            }
        }
        heard
    }

    fn line(&mut self, line: &[u8]) -> Option<Heard> {
        self.lines += 1;
        if self.lines > LINES_MAX || self.names.len() >= TESTS_MAX {
            return None;
        }
        // What is wrong is said in the report.
        let mut findings = Findings::default();
        let map = object(line, "", &mut findings)?;
        let mut read = Reader::new("", &mut findings);
        if map.contains_key("plan") {
            if !std::mem::replace(&mut self.planned, true) {
                self.default = read.visibility(&map, "visibility");
            }
            return None;
        }
        let said = map.get("test").and_then(Value::as_object)?;
        let own = said.get("visibility").filter(|word| !word.is_null() && self.schema == Schema::Gradescope);
        let in_words = own.is_some() || self.default.is_some();
        let default = self.default.unwrap_or_default();
        let mut found = result(&mut read, self.names.len(), said, self.schema, default);
        let mut index = None;
        if let Some(plan) = &self.plan {
            let at = plan.iter().position(|planned| planned.name == found.name)?;
            bound(&mut found, &plan[at]);
            index = Some(at);
        }
        if !self.names.insert(found.name.clone()) {
            return None;
        }
        let contestants = (in_words && found.visibility == Visibility::Visible).then(|| {
            self.shown += 1;
            self.place(self.shown - 1, index, |planned| planned.visibility == Visibility::Visible)
        });
        let judges = self.place(self.names.len() as u32 - 1, index, |_| true);
        Some(Heard { judges, contestants, test: test(&found, None, Verdict::OK, &mut self.room) })
    }

    /// The place of the `nth` that was told, at `index` of the plan, among those that a reader hears of.
    fn place(&self, nth: u32, index: Option<usize>, heard: impl Fn(&Planned) -> bool) -> GradedPlace {
        let count = |plan: &[Planned]| plan.iter().filter(|planned| heard(planned)).count() as u32;
        match self.plan.as_deref().zip(index) {
            Some((plan, at)) => GradedPlace { nth, index: count(&plan[..at]), total: count(plan) },
            None => GradedPlace { nth, index: nth, total: nth + 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(heard: &[Heard]) -> Vec<(&str, Option<u32>)> {
        heard.iter().map(|h| (h.test.name.as_str(), h.contestants.map(|place| place.index))).collect()
    }

    fn line(name: &str, more: &str) -> String {
        format!("{{\"test\": {{\"name\": \"{name}\", \"score\": 1, \"max_score\": 2{more}}}}}\n")
    }

    #[test]
    fn tests_are_heard_one_by_one_however_their_lines_are_cut() {
        let text =
            line("a", "") + "nonsense\n\n[1]\n{\"done\": true}\n" + &line("b", "") + &line("a", "") + "{\"te";
        for cut in 0..text.len() {
            let mut live = Live::new(Schema::Gradescope, None);
            let mut heard = live.take(&text.as_bytes()[..cut]);
            heard.extend(live.take(&text.as_bytes()[cut..]));
            assert_eq!(names(&heard), [("a", None), ("b", None)], "cut at {cut}");
            assert_eq!(heard[1].judges, GradedPlace { nth: 1, index: 1, total: 2 });
            assert_eq!(
                (heard[0].test.score.as_deref(), heard[0].test.max_score.as_deref()),
                (Some("1"), Some("2"))
            );
        }
    }

    #[test]
    fn a_line_has_so_many_bytes_and_a_longer_one_spoils_no_other() {
        let padded = |name: &str, len: usize| {
            let line = line(name, "");
            let text = line.trim_end();
            format!("{text}{}\n", " ".repeat(len - text.len()))
        };
        for (len, heard_of) in [(LINE_MAX, &["a", "b"][..]), (LINE_MAX + 1, &["b"])] {
            let text = padded("a", len) + &line("b", "");
            for piece in [1000, LINE_MAX - 1, LINE_MAX, LINE_MAX + 1, text.len()] {
                let mut live = Live::new(Schema::Gradescope, None);
                let heard: Vec<_> = text.as_bytes().chunks(piece).flat_map(|part| live.take(part)).collect();
                let got: Vec<_> = heard.iter().map(|h| h.test.name.as_str()).collect();
                assert_eq!(got, heard_of, "{len} bytes in pieces of {piece}");
            }
        }
    }

    #[test]
    fn after_so_many_lines_nothing_is_heard_any_more() {
        let mut live = Live::new(Schema::Gradescope, None);
        assert!(live.take("x\n".repeat(LINES_MAX - 1).as_bytes()).is_empty());
        assert_eq!(names(&live.take(line("last", "").as_bytes())), [("last", None)]);
        assert!(live.take(line("late", "").as_bytes()).is_empty());
    }

    #[test]
    fn a_contestant_hears_of_what_was_said_to_be_visible_and_not_even_the_number_of_the_rest() {
        let visible = ", \"visibility\": \"visible\"";
        let text = [
            line("silent", ""),
            line("seen", visible),
            line("hidden", ", \"visibility\": \"hidden\""),
            line("later", ", \"visibility\": \"after_due_date\""),
            line("odd", ", \"visibility\": 7"),
            line("also", visible),
        ]
        .concat();
        let mut live = Live::new(Schema::Gradescope, None);
        let heard = live.take(text.as_bytes());
        assert_eq!(heard.len(), 6);
        let shown: Vec<_> =
            heard.iter().filter_map(|h| h.contestants.map(|p| (h.test.name.clone(), p))).collect();
        let place = |nth| GradedPlace { nth, index: nth, total: nth + 1 };
        assert_eq!(shown, [("seen".to_owned(), place(0)), ("also".to_owned(), place(1))]);
        // The line of the plan may say it of all, once; a test's own word is nearer.
        for (word, seen) in [("visible", Some(0)), ("hidden", None)] {
            let mut live = Live::new(Schema::Gradescope, None);
            live.take(format!("{{\"plan\": [], \"visibility\": \"{word}\"}}\n{{\"plan\": []}}\n").as_bytes());
            assert_eq!(names(&live.take(line("x", "").as_bytes())), [("x", seen)]);
            let own = live.take(line("y", ", \"visibility\": \"hidden\"").as_bytes());
            assert_eq!(names(&own), [("y", None)]);
        }
        // In PrairieLearn's format no test says it itself.
        let mut live = Live::new(Schema::PrairieLearn, None);
        assert_eq!(names(&live.take(line("x", visible).as_bytes())), [("x", None)]);
    }

    #[test]
    fn the_harness_own_plan_bounds_what_is_heard_and_gives_the_places() {
        let planned = |name: &str, visibility| Planned {
            name: name.to_owned(),
            max_score: Some(problem::score::Score::ONE),
            visibility,
        };
        use Visibility::{Hidden, Visible};
        let plan = [planned("a", Hidden), planned("b", Visible), planned("c", Hidden), planned("d", Visible)];
        let visible = ", \"visibility\": \"visible\"";
        let mut live = Live::new(Schema::Gradescope, Some(&plan));
        let text = line("d", visible) + &line("gift", visible) + &line("a", visible) + &line("b", "");
        let heard = live.take(text.as_bytes());
        assert_eq!(names(&heard), [("d", Some(1)), ("a", None), ("b", None)]);
        assert_eq!(heard[0].judges, GradedPlace { nth: 0, index: 3, total: 4 });
        assert_eq!(heard[0].contestants, Some(GradedPlace { nth: 0, index: 1, total: 2 }));
        let claim =
            &Live::new(Schema::Gradescope, Some(&plan)).take(line("d", "").replace('1', "9").as_bytes())[0];
        assert_eq!((claim.test.score.as_deref(), claim.test.verdict), (Some("0"), Verdict::WA), "9 of 1");
    }

    #[test]
    fn floods_are_cut_and_what_comes_after_is_heard() {
        let mut live = Live::new(Schema::Gradescope, None);
        for _ in 0..40 {
            assert!(live.take(&vec![b'x'; 64 << 10]).is_empty());
        }
        assert!(live.rest.len() <= LINE_MAX + 1);
        assert_eq!(live.take(("\n".to_owned() + &line("a", "")).as_bytes()).len(), 1);
        let long = format!(", \"output\": \"{}\"", "o".repeat(60_000));
        let heard: Vec<_> =
            (0..100).flat_map(|n| live.take(line(&n.to_string(), &long).as_bytes())).collect();
        let texts: usize = heard.iter().filter_map(|h| h.test.feedback.as_ref()).map(String::len).sum();
        assert!(heard.len() == 100 && texts <= 1 << 20, "{texts}");
        let many: String = (0..TESTS_MAX + 50).map(|n| line(&format!("t{n}"), "")).collect();
        assert_eq!(live.take(many.as_bytes()).len(), TESTS_MAX - 101);
        // Another file of that name: the rest of a line of the one before is no part of it.
        let mut live = Live::new(Schema::Gradescope, None);
        live.take(b"{\"test\": ");
        live.begin();
        assert_eq!(live.take(line("a", "").as_bytes()).len(), 1);
    }
}
