//! What a custom output validator said: exit 42 accepts, 43 rejects, everything else is the package's fault.
//!
//! The validator runs in a box of its own, and only when the submission ran clean; this module reads the
//! facts of that run and the files it left in its feedback directory.

use proto::facts::{Exit, RunFacts};
use proto::limits::Limits;
use proto::verdict::Verdict;

use crate::classify::classify;
use crate::excerpt::message;

/// Most bytes of one feedback file that reach a report.
pub const FEEDBACK_MAX: usize = 4096;

/// Name of the file for judges.
pub const JUDGE_MESSAGE: &str = "judgemessage.txt";
/// Name of the file for contestants.
pub const TEAM_MESSAGE: &str = "teammessage.txt";

/// What a validator left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Content of `judgemessage.txt`.
    pub judge: Option<String>,
    /// Content of `teammessage.txt`.
    pub team: Option<String>,
}

impl Feedback {
    /// Picks the known files out of those collected from the feedback directory; names are relative to it.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut feedback = Self::default();
        for (name, bytes) in files {
            match name {
                JUDGE_MESSAGE => feedback.judge = message(bytes, FEEDBACK_MAX),
                TEAM_MESSAGE => feedback.team = message(bytes, FEEDBACK_MAX),
                _ => {}
            }
        }
        feedback
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
}

/// Reads one validator run. `name` is the validator's path, for messages; `stderr` is quoted when it failed.
pub fn interpret(name: &str, facts: &RunFacts, limits: &Limits, feedback: Feedback, stderr: &[u8]) -> Judged {
    let ran = classify(facts, limits);
    let Feedback { judge, team } = feedback;
    let fault = match (ran.verdict, facts.exit) {
        // Exit 42 and 43 are RTE to `classify`; anything else there is a limit or a violation.
        (Some(Verdict::RTE), Some(Exit::Code(42))) => {
            return Judged { verdict: Verdict::AC, reason: judge, feedback: team };
        }
        (Some(Verdict::RTE), Some(Exit::Code(43))) => {
            return Judged { verdict: Verdict::WA, reason: judge, feedback: team };
        }
        (None | Some(Verdict::RTE), Some(Exit::Code(n))) => {
            format!("exit status {n}; 42 (accept) or 43 (wrong answer) is needed")
        }
        // Not the validator's doing: the box failed, and ours to retry.
        (Some(Verdict::SE), _) => {
            let why = ran.reason.unwrap_or_default();
            return Judged {
                verdict: Verdict::SE,
                reason: Some(format!("output validator {name}: {why}")),
                feedback: None,
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
        reason: Some(format!("output validator {name}: {fault}{said}")),
        feedback: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::facts::{Accounting, LimitEvent, LimitHit};

    use super::*;

    fn facts(exit: Exit) -> RunFacts {
        RunFacts {
            exit: Some(exit),
            cpu_time: Duration::from_millis(1),
            cpu_user: None,
            wall_time: Duration::from_millis(1),
            memory_bytes: None,
            memory_peak_raw: None,
            stdout_bytes: 0,
            stderr_bytes: 0,
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
            assert!(got.reason.unwrap().contains("output_validator/v.py") && got.feedback.is_none());
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
        let feedback = Feedback::read([(JUDGE_MESSAGE, &long[..]), ("score.txt", b"1")]);
        assert!(feedback.judge.unwrap().len() < FEEDBACK_MAX + 50 && feedback.team.is_none());
    }
}
