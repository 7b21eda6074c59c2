//! What a testlib-style checker or interactor said: its exit status, and the first words on stderr.
//!
//! Status 0 accepts, 1 and 2 and 4 and 8 are wrong, 3 is the checker's own failure, 7 gives points. A
//! partial answer exits with its own percentage, so that 1 % looks like a wrong answer by status: the text
//! decides wherever it speaks.

use problem::score::Score;
use proto::facts::{Exit, RunFacts};
use proto::limits::Limits;
use proto::verdict::Verdict;

use crate::classify::classify;
use crate::excerpt::message;
use crate::external::{FEEDBACK_MAX, Judged};
use crate::scoring::Given;

/// What came of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The word, with what it told the judges.
    pub judged: Judged,
    /// Points given, or a part of one hundred for a partial answer; `None` when neither.
    pub points: Option<Score>,
    /// Whether `points` are parts of one hundred of the maximum.
    pub percent: bool,
}

/// How a text begins, what it means; first match counts.
const WORDS: [(&str, Meaning); 8] = [
    ("FAIL", Meaning::Fault),
    ("ok", Meaning::Accepted),
    ("wrong answer", Meaning::Wrong),
    ("wrong output format", Meaning::Wrong),
    ("unexpected eof", Meaning::Wrong),
    ("dirt", Meaning::Wrong),
    ("points", Meaning::Points),
    ("partially correct", Meaning::Partial),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Accepted,
    Wrong,
    Fault,
    Points,
    Partial,
}

/// Reads one run of a checker. `name` is its path, for messages; `points` is whether the case can have some.
/// Where it can not, a part of the answer is a wrong one, and points are a judge error: nobody knows how many
/// there are.
pub fn interpret(name: &str, facts: &RunFacts, limits: &Limits, stderr: &[u8], points: bool) -> Judged {
    let ran = classify(facts, limits);
    let failed = |verdict, why: &str| Judged {
        verdict,
        reason: Some(format!("checker {name}: {why}")),
        feedback: None,
        given: Ok(Given::Nothing),
    };
    let why = ran.reason.unwrap_or_else(|| "no exit status".to_owned());
    match (ran.verdict, facts.exit) {
        (None | Some(Verdict::RTE), Some(Exit::Code(status))) => {
            let said = read(name, status, stderr);
            let reason = said.judged.reason.clone().unwrap_or_default();
            match said.points {
                None => said.judged,
                Some(part) if said.percent && part == Score::whole(100) => said.judged,
                Some(part) if part == Score::ZERO || (said.percent && !points) => {
                    Judged { verdict: Verdict::WA, ..said.judged }
                }
                Some(part) if said.percent => {
                    let given = part.shared(100).map(Given::Multiplier);
                    Judged {
                        given: given.ok_or_else(|| format!("{part} % cannot be kept exactly")),
                        ..said.judged
                    }
                }
                Some(score) if points => Judged { given: Ok(Given::Score(score)), ..said.judged },
                Some(_) => failed(
                    Verdict::JE,
                    &format!("gave points ({reason}), which only a case of a `sum` or `min` group can have"),
                ),
            }
        }
        (Some(Verdict::SE), _) => failed(Verdict::SE, &why),
        _ => failed(Verdict::JE, &why),
    }
}

/// Reads exit status and stderr of a checker that ended by itself. `name` is its path, for messages.
pub fn read(name: &str, status: i32, stderr: &[u8]) -> Said {
    let text = message(stderr, FEEDBACK_MAX).unwrap_or_default();
    let spoken = WORDS.iter().find(|(word, _)| text.starts_with(word)).map(|(_, meaning)| *meaning);
    let meaning = match (status, spoken) {
        // A failure stays one whatever the text says, and the other way round.
        (3, _) | (_, Some(Meaning::Fault)) => Meaning::Fault,
        (0, None | Some(Meaning::Accepted)) => Meaning::Accepted,
        (7, _) | (0, Some(Meaning::Points)) => Meaning::Points,
        (_, Some(Meaning::Partial)) | (16..=116, None) => Meaning::Partial,
        (1 | 2 | 4 | 8, _) => Meaning::Wrong,
        _ => Meaning::Fault,
    };
    let reason = (!text.is_empty()).then(|| text.clone());
    let said = |verdict, points, percent| Said {
        judged: Judged { verdict, reason: reason.clone(), feedback: None, given: Ok(Given::Nothing) },
        points,
        percent,
    };
    let partial = |points: Option<Score>, percent| match points {
        Some(p) if !p.is_negative() => Some(said(Verdict::AC, Some(p), percent)),
        _ => None,
    };
    let known = match meaning {
        Meaning::Accepted => Some(said(Verdict::AC, None, false)),
        Meaning::Wrong => Some(said(Verdict::WA, None, false)),
        Meaning::Points => partial(text.split_whitespace().nth(1).and_then(Score::parse), false),
        Meaning::Partial => partial(bracketed(&text).or_else(|| offset(status)), true),
        Meaning::Fault => None,
    };
    known.unwrap_or_else(|| Said {
        judged: Judged {
            verdict: Verdict::JE,
            reason: Some(
                format!("checker {name}: exit status {status}; {text}").trim_end_matches("; ").to_owned(),
            ),
            feedback: None,
            given: Ok(Given::Nothing),
        },
        points: None,
        percent: false,
    })
}

/// The number in `partially correct (N)`, from 0 to 100.
fn bracketed(text: &str) -> Option<Score> {
    let inside = text.split_once('(')?.1.split_once(')')?.0;
    Score::parse(inside.trim()).filter(|p| *p <= Score::whole(100))
}

/// Partial answers without a text: status 16 is nothing, 116 is all, with the base some builds use.
fn offset(status: i32) -> Option<Score> {
    u32::try_from(status - 16).ok().filter(|n| *n <= 100).map(Score::whole)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use Verdict::{AC, JE, WA};

    use super::*;
    use crate::external::tests::facts;

    #[test]
    fn status_and_text_are_read_together() {
        #[rustfmt::skip]
        let rows: &[(i32, &str, Verdict, Option<&str>)] = &[
            (0, "ok 3 numbers\n", AC, None),
            (0, "", AC, None),
            (1, "wrong answer 1st differs", WA, None),
            (2, "wrong output format Extra information", WA, None),
            (4, "dirt", WA, None),
            (8, "unexpected eof", WA, None),
            (3, "FAIL answer file is bad", JE, None),
            (3, "ok", JE, None),
            (3, "points 5", JE, None),
            (3, "partially correct (50)", JE, None),
            (1, "FAIL answer file is bad", JE, None),
            (7, "FAIL 5", JE, None),
            (0, "FAIL", JE, None),
            (7, "points 7.5 nearly", AC, Some("7.5")),
            (0, "points 3", AC, Some("3")),
            (7, "points lots", JE, None),
            (7, "points -1", JE, None),
            (7, "", JE, None),
            (1, "partially correct (1) poor", AC, Some("1")),
            (50, "partially correct (50)", AC, Some("50")),
            (50, "partially correct (500)", AC, Some("34")),
            (66, "", AC, Some("50")),
            (5, "", JE, None),
            (-1, "", JE, None),
            (200, "", JE, None),
        ];
        for (status, stderr, verdict, points) in rows {
            let got = read("checker.cpp", *status, stderr.as_bytes());
            let shown = got.points.map(|p| p.to_string());
            assert_eq!((got.judged.verdict, shown.as_deref()), (*verdict, *points), "{status} {stderr}");
            let percent = points.is_some() && !stderr.starts_with("points");
            assert_eq!(got.percent, percent, "{status} {stderr}");
        }
        assert_eq!(read("checker.cpp", 0, b" \n").judged.reason, None);
        assert_eq!(read("checker.cpp", 0, b"ok fine\n").judged.reason.as_deref(), Some("ok fine"));
        let fault = read("checker.cpp", 9, b"segfault?").judged.reason.unwrap();
        assert_eq!(fault, "checker checker.cpp: exit status 9; segfault?");
    }

    #[test]
    fn points_and_parts_count_where_a_case_can_have_them_and_nowhere_else() {
        let score = |text| Given::Score(Score::parse(text).unwrap());
        let part = |text| Given::Multiplier(Score::parse(text).unwrap());
        let (whole, none) = (Given::Nothing, Given::Nothing);
        // Status and text; verdict and score where the case can have points, then where it cannot.
        type Row<'a> = (i32, &'a str, (Verdict, Given), (Verdict, Given));
        #[rustfmt::skip]
        let rows: &[Row<'_>] = &[
            (0, "ok", (AC, whole), (AC, whole)),
            (1, "wrong answer", (WA, none), (WA, none)),
            (3, "FAIL", (JE, none), (JE, none)),
            (116, "", (AC, whole), (AC, whole)),
            (100, "partially correct (100)", (AC, whole), (AC, whole)),
            (66, "", (AC, part("0.5")), (WA, none)),
            (50, "partially correct (50)", (AC, part("0.5")), (WA, none)),
            (16, "", (WA, none), (WA, none)),
            (7, "points 0", (WA, none), (WA, none)),
            (7, "points 7.5", (AC, score("7.5")), (JE, none)),
            (7, "points 100", (AC, score("100")), (JE, none)),
        ];
        for (status, stderr, with, without) in rows {
            for (points, want) in [(true, with), (false, without)] {
                let ran = facts(Exit::Code(*status));
                let got = interpret("check.cpp", &ran, &Limits::run_defaults(), stderr.as_bytes(), points);
                assert_eq!((got.verdict, got.given), (want.0, Ok(want.1)), "{status} {stderr:?} {points}");
            }
        }
        let refused = facts(Exit::Code(7));
        let refused = interpret("check.cpp", &refused, &Limits::run_defaults(), b"points 7", false);
        assert!(refused.reason.unwrap().starts_with("checker check.cpp: gave points (points 7), which only"));
    }

    #[test]
    fn a_checker_that_does_not_end_by_itself_is_at_fault_and_a_box_that_failed_is_ours() {
        let slow = |status| RunFacts { cpu_time: Duration::from_secs(100), ..facts(Exit::Code(status)) };
        for (ran, verdict, why) in [
            (slow(0), JE, "cpu time limit"),
            (slow(1), JE, "cpu time limit"),
            (facts(Exit::Signal(11)), JE, "SIGSEGV"),
            (RunFacts { exit: None, ..facts(Exit::Code(0)) }, Verdict::SE, "the box ended"),
        ] {
            let got = interpret("check.cpp", &ran, &Limits::run_defaults(), b"ok", true);
            let reason = got.reason.unwrap();
            assert_eq!((got.verdict, got.feedback), (verdict, None), "{reason}");
            assert!(reason.starts_with("checker check.cpp: ") && reason.contains(why), "{reason}");
        }
    }
}
