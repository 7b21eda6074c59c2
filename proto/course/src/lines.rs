//! The lines a harness appends while it works, so that a run that dies leaves what it had found out.
//!
//! One JSON object a line, in `results.jsonl` beside `results.json`:
//! ```text
//! {"plan": [{"name": "adds", "max_score": 5}, …], "visibility": "hidden"}   once, first; both keys optional
//! {"test": {"name": "adds", "score": 5, "max_score": 5}}                     after each test
//! {"done": true}                                                              last, instead of results.json
//! ```
//! A test is written as in the harness's own format. The last line of a name counts; a line without its end was
//! being written when the run died, and counts nothing.

use problem::score::Score;
use serde_json::{Map, Value};

use crate::findings::Findings;
use crate::manifest::Schema;
use crate::prairielearn;
use crate::report::{TestResult, Visibility};
use crate::results::{Reader, TESTS_MAX, object};

/// Longest line, and most of them.
pub(crate) const LINE_MAX: usize = 256 << 10;
pub(crate) const LINES_MAX: usize = 20_000;

/// A test that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name, under which results are looked for.
    pub name: String,
    /// The most points it may count.
    pub max_score: Option<Score>,
    /// Who may see it at the earliest.
    pub visibility: Visibility,
}

/// What all lines say together.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lines {
    pub(crate) plan: Option<Vec<Planned>>,
    pub(crate) tests: Vec<TestResult>,
    pub(crate) visibility: Visibility,
    pub(crate) done: bool,
}

/// Reads the file.
pub(crate) fn read(bytes: &[u8], schema: Schema, findings: &mut Findings) -> Lines {
    let mut lines = Lines::default();
    let whole = match bytes.iter().rposition(|b| *b == b'\n') {
        Some(end) => &bytes[..end],
        None => &[],
    };
    if whole.len() + 1 < bytes.len() {
        findings.add("results.jsonl", "the last line has no end; it is left out");
    }
    for (n, line) in whole.split(|b| *b == b'\n').enumerate() {
        let place = format!("results.jsonl: line {}", n + 1);
        if n >= LINES_MAX {
            findings.add(place, format!("only the first {LINES_MAX} lines are read"));
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if line.len() > LINE_MAX {
            findings.add(place, format!("has {} bytes, more than {LINE_MAX}; it is left out", line.len()));
            continue;
        }
        if let Some(map) = object(line, &place, findings) {
            lines.take(&map, &place, schema, findings);
        }
    }
    lines
}

impl Lines {
    fn take(&mut self, map: &Map<String, Value>, place: &str, schema: Schema, findings: &mut Findings) {
        let mut read = Reader::new(place, findings);
        if let Some(plan) = map.get("plan") {
            if self.plan.is_some() {
                read.add("plan", "is the second one; the first counts");
                return;
            }
            if let Some(visibility) = read.visibility(map, "visibility") {
                self.visibility = visibility;
            }
            let list = plan.as_array().map(Vec::as_slice).unwrap_or_default();
            let planned = list.iter().take(TESTS_MAX).filter_map(Value::as_object).enumerate();
            self.plan = Some(planned.map(|(n, t)| planned_test(&mut read, n, t, self.visibility)).collect());
        } else if let Some(test) = map.get("test").and_then(Value::as_object) {
            let n = self.tests.len();
            let result = result(&mut read, n, test, schema, self.visibility);
            self.tests.retain(|other| other.name != result.name);
            if self.tests.len() < TESTS_MAX {
                self.tests.push(result);
            }
        } else if map.get("done") == Some(&Value::Bool(true)) {
            self.done = true;
        } else {
            read.add("", "has none of plan, test and done; it is left out");
        }
    }
}

/// Test `n` of a line; one without a word on that is seen as `default` says.
pub(crate) fn result(
    read: &mut Reader<'_>,
    n: usize,
    test: &Map<String, Value>,
    schema: Schema,
    default: Visibility,
) -> TestResult {
    match schema {
        Schema::Gradescope => read.gradescope_test(n, test, default),
        Schema::PrairieLearn => TestResult { visibility: default, ..prairielearn::test(read, n, test) },
    }
}

fn planned_test(read: &mut Reader<'_>, n: usize, test: &Map<String, Value>, default: Visibility) -> Planned {
    Planned {
        name: read.name(test, n),
        max_score: read.most(test, "max_score").or_else(|| read.most(test, "max_points")),
        visibility: read.visibility(test, "visibility").unwrap_or(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Lines, usize) {
        let mut findings = Findings::default();
        let lines = read(text.as_bytes(), Schema::Gradescope, &mut findings);
        (lines, findings.into_list().len())
    }

    #[test]
    fn a_line_has_so_many_bytes_and_a_longer_one_is_left_out() {
        let test = r#"{"test": {"name": "a", "score": 1}}"#;
        let of = |len: usize| format!("{test}{}\n", " ".repeat(len - test.len()));
        for (len, tests, findings) in [(LINE_MAX, 1, 0), (LINE_MAX + 1, 0, 1)] {
            let (lines, found) = read_text(&of(len));
            assert_eq!((lines.tests.len(), found), (tests, findings), "{len}");
        }
    }

    #[test]
    fn a_test_without_a_word_on_it_is_seen_as_the_plan_says() {
        let text = "{\"plan\": [], \"visibility\": \"hidden\"}\n{\"test\": {\"name\": \"a\", \"score\": 1}}\n\
                    {\"test\": {\"name\": \"b\", \"score\": 1, \"visibility\": \"visible\"}}\n";
        let (lines, _) = read_text(text);
        let seen: Vec<_> = lines.tests.iter().map(|test| test.visibility).collect();
        assert_eq!(seen, [Visibility::Hidden, Visibility::Visible]);
    }

    #[test]
    fn whole_lines_count_and_the_one_being_written_does_not() {
        let (lines, findings) = read_text(
            "{\"plan\": [{\"name\": \"a\", \"max_score\": 2}, {\"name\": \"b\"}], \"visibility\": \"hidden\"}\n\
             {\"test\": {\"name\": \"a\", \"score\": 1}}\n\n{\"test\": {\"name\": \"a\", \"score\": 2}}\n\
             {\"test\": {\"name\": \"b\", \"score\": 9",
        );
        assert_eq!((lines.plan.as_ref().unwrap().len(), lines.tests.len(), findings), (2, 1, 1));
        assert_eq!(lines.tests[0].score, Some(Score::whole(2)), "the last line of a name counts");
        assert_eq!(lines.tests[0].visibility, Visibility::Hidden);
        assert!(!lines.done);
    }

    #[test]
    fn lines_that_say_nothing_known_are_named() {
        let (lines, findings) = read_text("nonsense\n[1]\n{\"score\": 1}\n{\"done\": 1}\n{\"done\": true}\n");
        assert!(lines.done && lines.tests.is_empty());
        assert_eq!(findings, 4);
        let (lines, findings) = read_text(&"{\"done\": true}\n".repeat(LINES_MAX + 5));
        assert!(lines.done && findings == 1);
    }
}
