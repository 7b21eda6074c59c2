//! What a custom output validator said: exit 42 accepts, 43 rejects, everything else is the package's fault.
//!
//! The validator runs in a box of its own, and only when the submission ran clean; this module reads the
//! facts of that run and the files it left in its feedback directory.

use proto::facts::{Exit, RunFacts};
use proto::limits::Limits;
use proto::verdict::Verdict;

use crate::classify::classify;
use problem::score::Score;

use crate::excerpt::message;
use crate::scoring::Given;

/// Most bytes of one feedback file that reach a report.
pub const FEEDBACK_MAX: usize = 4096;

/// Name of the file for judges.
pub const JUDGE_MESSAGE: &str = "judgemessage.txt";
/// Name of the file with a score.
pub const SCORE: &str = "score.txt";
/// Name of the file with a part of the maximum.
pub const MULTIPLIER: &str = "score_multiplier.txt";
/// Longest content of those two files; a number needs no more.
const NUMBER_MAX: usize = 256;
/// Name of the file for contestants.
pub const TEAM_MESSAGE: &str = "teammessage.txt";

/// What a validator left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Content of `judgemessage.txt`.
    pub judge: Option<String>,
    /// Content of `teammessage.txt`.
    pub team: Option<String>,
    /// Content of `score.txt`.
    pub score: Option<String>,
    /// Content of `score_multiplier.txt`.
    pub multiplier: Option<String>,
    /// What of the directory may have held a score and could not be read, and why.
    pub lost: Option<String>,
}

impl Feedback {
    /// Picks the known files out of those collected from the feedback directory; names are relative to it.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut feedback = Self::default();
        for (name, bytes) in files {
            match name {
                JUDGE_MESSAGE => feedback.judge = message(bytes, FEEDBACK_MAX),
                TEAM_MESSAGE => feedback.team = message(bytes, FEEDBACK_MAX),
                SCORE => feedback.score = Some(number_text(bytes)),
                MULTIPLIER => feedback.multiplier = Some(number_text(bytes)),
                _ if lies_in(name, SCORE) => feedback.lost = Some(format!("{SCORE} is a directory")),
                _ if lies_in(name, MULTIPLIER) => {
                    feedback.lost = Some(format!("{MULTIPLIER} is a directory"));
                }
                _ => {}
            }
        }
        feedback
    }

    /// The same, of a directory from which these could not be brought back, by name relative to it (empty for the
    /// directory itself) and why. A score that nobody can read is not the same as none, which gives everything.
    #[must_use]
    pub fn without<'a>(mut self, refused: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let could_hold_score = |name: &str| {
            name.is_empty() || [SCORE, MULTIPLIER].into_iter().any(|file| name == file || lies_in(name, file))
        };
        let lost = refused.into_iter().find(|(name, _)| could_hold_score(name));
        if let Some((name, why)) = lost {
            let name = if name.is_empty() { "the feedback directory" } else { name };
            self.lost = Some(format!("{name} {why}"));
        }
        self
    }
}

/// Whether `name` is of something in a directory `folder`.
fn lies_in(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The text of a file that holds one number; whatever else it holds makes it no number.
fn number_text(bytes: &[u8]) -> String {
    let text = bytes.trim_ascii();
    // One byte too many stays one: what is cut off may be another number.
    String::from_utf8_lossy(&text[..text.len().min(NUMBER_MAX + 1)]).into_owned()
}

/// The score in a validator's feedback.
fn given(score: Option<&str>, multiplier: Option<&str>, lost: Option<String>) -> Result<Given, String> {
    if let Some(lost) = lost {
        return Err(format!("{lost}; a score is read from a regular file of one name"));
    }
    let number = |file: &str, text: &str| {
        let shown: String = text.chars().take(60).collect();
        let parsed = if text.len() <= NUMBER_MAX { Score::parse(text) } else { None };
        parsed.ok_or_else(|| format!("{file} holds `{shown}`; one decimal number is needed"))
    };
    match (score, multiplier) {
        (None, None) => Ok(Given::Nothing),
        (Some(text), None) => number(SCORE, text).map(Given::Score),
        (None, Some(text)) => number(MULTIPLIER, text).map(Given::Multiplier),
        (Some(_), Some(_)) => Err(format!("the validator wrote both {SCORE} and {MULTIPLIER}")),
    }
}

/// The checker's word on one test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// AC, WA, or JE when the checker is at fault.
    pub verdict: Verdict,
    /// Why, for judges; may quote test data.
    pub reason: Option<String>,
    /// What the contestant may see.
    pub feedback: Option<String>,
    /// The score it gave, or what is wrong with it; without meaning in a pass-fail problem.
    pub given: Result<Given, String>,
}

/// Reads one validator run. `name` says which, for messages, such as `output validator v.py`; `stderr` is quoted when it failed.
pub fn interpret(name: &str, facts: &RunFacts, limits: &Limits, feedback: Feedback, stderr: &[u8]) -> Judged {
    let ran = classify(facts, limits);
    let Feedback { judge, team, score, multiplier, lost } = feedback;
    let given = given(score.as_deref(), multiplier.as_deref(), lost);
    let fault = match (ran.verdict, facts.exit) {
        // Exit 42 and 43 are RTE to `classify`; anything else there is a limit or a violation.
        (Some(Verdict::RTE), Some(Exit::Code(42))) => {
            return Judged { verdict: Verdict::AC, reason: judge, feedback: team, given };
        }
        (Some(Verdict::RTE), Some(Exit::Code(43))) => {
            return Judged { verdict: Verdict::WA, reason: judge, feedback: team, given };
        }
        (None | Some(Verdict::RTE), Some(Exit::Code(n))) => {
            format!("exit status {n}; 42 (accept) or 43 (wrong answer) is needed")
        }
        // Not the validator's doing: the box failed, and ours to retry.
        (Some(Verdict::SE), _) => {
            let why = ran.reason.unwrap_or_default();
            return Judged {
                verdict: Verdict::SE,
                reason: Some(format!("{name}: {why}")),
                feedback: None,
                given: Ok(Given::Nothing),
            };
        }
        _ => ran.reason.unwrap_or_else(|| "no exit status".to_owned()),
    };
    let said = [judge, message(stderr, 1024)].into_iter().flatten().fold(String::new(), |all, t| {
        all + "
" + &t
    });
    Judged {
        verdict: Verdict::JE,
        reason: Some(format!("{name}: {fault}{said}")),
        feedback: None,
        given: Ok(Given::Nothing),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use proto::facts::{Accounting, LimitEvent, LimitHit};

    use super::*;

    /// What was observed of a program that ended so, without anything else to tell.
    pub(crate) fn facts(exit: Exit) -> RunFacts {
        RunFacts {
            exit: Some(exit),
            cpu_time: Duration::from_millis(1),
            cpu_user: None,
            wall_time: Duration::from_millis(1),
            memory_bytes: None,
            memory_peak_raw: None,
            stdout_bytes: 0,
            stderr_bytes: 0,
            written_bytes: None,
            limit_events: Vec::new(),
            oom_kills: 0,
            process_limit_hits: 0,
            violation: None,
            accounting: Accounting::Exact,
        }
    }

    fn verdict(facts: &RunFacts) -> Judged {
        let feedback = Feedback::read([(JUDGE_MESSAGE, &b"for judges"[..]), (TEAM_MESSAGE, b"for the team")]);
        interpret("output_validator/v.py", facts, &Limits::run_defaults(), feedback, b"oops")
    }

    #[test]
    fn only_42_accepts_and_only_43_rejects() {
        assert_eq!(verdict(&facts(Exit::Code(42))).verdict, Verdict::AC);
        let wrong = verdict(&facts(Exit::Code(43)));
        assert_eq!((wrong.verdict, wrong.reason.as_deref()), (Verdict::WA, Some("for judges")));
        assert_eq!(wrong.feedback.as_deref(), Some("for the team"));
        for exit in
            [Exit::Code(0), Exit::Code(1), Exit::Code(41), Exit::Code(255), Exit::Signal(11), Exit::Signal(9)]
        {
            let got = verdict(&facts(exit));
            assert_eq!(got.verdict, Verdict::JE, "{exit:?}");
            let reason = got.reason.unwrap();
            assert!(reason.contains("output_validator/v.py") && got.feedback.is_none());
            let told = matches!(exit, Exit::Code(_));
            assert_eq!(reason.contains("42 (accept) or 43 (wrong answer) is needed"), told, "{reason}");
        }
    }

    #[test]
    fn a_validator_over_a_limit_is_a_judge_error_even_with_exit_42() {
        let event = LimitEvent { limit: LimitHit::Output, observed_ns: 1, value: 2, bound: 1 };
        let over = RunFacts { limit_events: vec![event], ..facts(Exit::Code(42)) };
        assert_eq!(verdict(&over).verdict, Verdict::JE);
        let slow = RunFacts { cpu_time: Duration::from_secs(100), ..facts(Exit::Code(42)) };
        assert_eq!(verdict(&slow).verdict, Verdict::JE);
        assert_eq!(verdict(&RunFacts { exit: None, ..facts(Exit::Code(0)) }).verdict, Verdict::SE);
    }

    #[test]
    fn feedback_is_capped() {
        let long = vec![b'x'; 1 << 20];
        let feedback = Feedback::read([(JUDGE_MESSAGE, &long[..]), ("other.txt", b"1")]);
        assert!(feedback.judge.unwrap().len() < FEEDBACK_MAX + 50 && feedback.team.is_none());
    }

    #[test]
    fn a_score_that_cannot_be_read_is_not_a_score_that_was_not_given() {
        let given =
            |feedback| interpret("v", &facts(Exit::Code(42)), &Limits::run_defaults(), feedback, b"").given;
        for (name, why) in [
            (SCORE, "is a symbolic link"),
            (MULTIPLIER, "has several names (hard links)"),
            (SCORE, "is too large"),
            ("score.txt/x", "too many files"),
            ("", "does not exist"),
        ] {
            let got = given(Feedback::read([]).without([("judgemessage.txt", "is too large"), (name, why)]));
            let told = got.expect_err(name);
            assert!(
                told.contains(why) && told.contains(if name.is_empty() { "directory" } else { name }),
                "{told}"
            );
        }
        assert!(given(Feedback::read([("score.txt/x", &b"1"[..])])).is_err());
        assert!(given(Feedback::read([("score_multiplier.txt/x/y", &b"1"[..])])).is_err());
        // What else was lost holds no score.
        for name in ["judgemessage.txt", "a/score.txt", "score.txt.bak"] {
            let feedback = Feedback::read([(name, &b"1"[..])]).without([(name, "is a symbolic link")]);
            assert_eq!(given(feedback), Ok(Given::Nothing), "{name}");
        }
    }

    #[test]
    fn a_score_is_one_number_in_one_file() {
        let long = "1".repeat(300);
        let (digits, padded) = (format!("1.{}", "0".repeat(300)), format!("{0}7{0}", " ".repeat(300)));
        let (apart, most) = (format!("7{}8", " ".repeat(256)), format!("1.{}", "0".repeat(NUMBER_MAX - 2)));
        for (files, want) in [
            (&[][..], Ok(Given::Nothing)),
            (&[(SCORE, " 7.50\n")], Ok(Given::Score(Score::parse("7.5").unwrap()))),
            (&[(MULTIPLIER, "0.25")], Ok(Given::Multiplier(Score::parse("0.25").unwrap()))),
            (&[(SCORE, "")], Err("one decimal number")),
            (&[(SCORE, "1 2")], Err("one decimal number")),
            (&[(SCORE, "nan")], Err("one decimal number")),
            (&[(SCORE, long.as_str())], Err("one decimal number")),
            (&[(SCORE, digits.as_str())], Err("one decimal number")),
            (&[(SCORE, apart.as_str())], Err("one decimal number")),
            (&[(SCORE, padded.as_str())], Ok(Given::Score(Score::whole(7)))),
            (&[(SCORE, most.as_str())], Ok(Given::Score(Score::ONE))),
            (&[(SCORE, "1"), (MULTIPLIER, "1")], Err("both")),
        ] {
            let feedback = Feedback::read(files.iter().map(|(name, text)| (*name, text.as_bytes())));
            let got = interpret("v", &facts(Exit::Code(42)), &Limits::run_defaults(), feedback, b"").given;
            match (got, want) {
                (Err(got), Err(want)) => assert!(got.contains(want), "{files:?}: {got}"),
                (got, want) => assert_eq!(got, want.map_err(str::to_owned), "{files:?}"),
            }
        }
    }
}
