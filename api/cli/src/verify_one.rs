//! One example submission: judged on all cases, and held against what the package expects of it.

use std::sync::Arc;

use checker::policy::Policy;
use problem::model::{ExampleSubmission, Problem};
use problem::rules::{Rule, Scores, Seen};
use problem::score::Score;
use proto::report::{CompileStatus, Judgement, TestReport};
use proto::verdict::Verdict;
use worker::engine::{Engine, TimeBounds, example_submission};
use worker::{Against, JudgeError, Progress};

/// What came of one example submission.
pub(crate) struct Verified {
    /// Its path below the package.
    pub(crate) path: String,
    pub(crate) language: Option<String>,
    /// All that is expected of it.
    pub(crate) rules: Vec<Rule>,
    pub(crate) permitted: Vec<Verdict>,
    pub(crate) required: Vec<Verdict>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) ok: bool,
    pub(crate) score: Option<String>,
    pub(crate) max_score: Option<String>,
    /// Its cases, in judging order; empty when it was never run.
    pub(crate) tests: Vec<TestReport>,
    /// Processor time it takes where it is too slow, measured beyond the limit.
    pub(crate) too_slow: Option<TooSlow>,
    /// How it bounds a time limit that the package does not name.
    pub(crate) bounds: TimeBounds,
    /// Why it is not ok.
    pub(crate) reason: Option<String>,
}

/// How slow a submission is where it is too slow.
pub(crate) struct TooSlow {
    pub(crate) case: String,
    pub(crate) cpu_time_ms: f64,
    /// Whether it was stopped there, and takes longer still.
    pub(crate) at_least: bool,
}

impl Verified {
    /// The slowest case.
    pub(crate) fn slowest(&self) -> Option<(&str, f64)> {
        let timed = self.tests.iter().filter_map(|t| Some((t.name.as_str(), t.cpu_time_ms?)));
        timed.reduce(|a, b| if b.1 > a.1 { b } else { a })
    }

    /// Whether every case must be accepted.
    pub(crate) fn must_pass(&self) -> bool {
        self.permitted == [Verdict::AC]
    }

    /// Whether some case must fail.
    pub(crate) fn must_fail(&self) -> bool {
        !self.required.is_empty()
            && !self.required.contains(&Verdict::AC)
            && !self.required.contains(&Verdict::CE)
    }

    /// Names of the cases it fails, in judging order.
    pub(crate) fn killed_by(&self) -> impl Iterator<Item = &str> {
        let failed = |t: &&TestReport| {
            !t.verdict.passes() && !matches!(t.verdict, Verdict::SK | Verdict::JE | Verdict::SE)
        };
        self.tests.iter().filter(failed).map(|t| t.name.as_str())
    }
}

/// Judges `example`; `tested` hears of each decided case.
pub(crate) async fn verify(
    engine: &Engine,
    problem: &Arc<Problem>,
    example: &ExampleSubmission,
    mut tested: impl FnMut() + Send,
) -> Verified {
    let mut verified = Verified {
        path: example.program.path.clone(),
        language: None,
        rules: example.rules.clone(),
        permitted: example.expected.permitted.clone(),
        required: example.expected.required.clone(),
        verdict: None,
        ok: false,
        score: None,
        max_score: None,
        tests: Vec::new(),
        too_slow: None,
        bounds: TimeBounds::default(),
        reason: None,
    };
    let submission = match example_submission(problem, example) {
        Ok(submission) => submission,
        Err(why) => {
            verified.reason = Some(why);
            return verified;
        }
    };
    verified.language = Some(submission.language.clone());
    let mut on_progress = |progress: Progress| {
        if matches!(progress, Progress::Tested { .. }) {
            tested();
        }
    };
    let against = Against::Problem(Arc::clone(problem));
    let judged = engine
        .judge_from(example.entrypoint.as_deref(), Policy::Analyst, &submission, &against, &mut on_progress)
        .await;
    match judged {
        Ok(judgement) => {
            verified.verdict = Some(judgement.verdict);
            verified.bounds.take(problem.version, &example.rules, &judgement);
            verified.reason = unexpected(&judgement, &example.rules);
            verified.ok = verified.reason.is_none();
            if example.rules.iter().any(|rule| rule.bounds().1) {
                verified.too_slow = too_slow(problem, &judgement);
            }
            verified.score = judgement.score;
            verified.max_score = judgement.max_score;
            verified.tests = judgement.tests;
        }
        Err(JudgeError::Rejected(why)) => verified.reason = Some(why.to_string()),
        Err(JudgeError::Failed { cause, .. } | JudgeError::NoRoom { cause, .. }) => {
            verified.verdict = Some(Verdict::SE);
            verified.reason = Some(cause);
        }
    }
    verified
}

/// The case that takes longest of those the submission is too slow for. Examples are judged with as much time as
/// the package's margin asks, so what was stopped there is slow enough.
fn too_slow(problem: &Problem, judgement: &Judgement) -> Option<TooSlow> {
    let limit = judgement.limits.as_ref()?.cpu_time.as_secs_f64() * 1e3;
    let margin: f64 = problem.limits.time_rule.limit_to_tle.to_string().parse().ok()?;
    let slow = judgement.tests.iter().filter(|t| t.verdict == Verdict::TLE);
    let timed = slow.filter_map(|t| {
        let cpu_time_ms = t.cpu_time_ms?;
        // A box is stopped at its limit to within a hundredth.
        Some(TooSlow { case: t.name.clone(), cpu_time_ms, at_least: cpu_time_ms >= 0.99 * limit * margin })
    });
    timed.reduce(|a, b| if b.cpu_time_ms > a.cpu_time_ms { b } else { a })
}

/// Why a judgement is not what the package's rules expect; `None` when it is. Rules are about the set of
/// verdicts over all cases that were run; a compile error is the only verdict of a program that has it.
fn unexpected(judgement: &Judgement, rules: &[Rule]) -> Option<String> {
    let refused = judgement.compile.as_ref().is_some_and(|c| c.status == CompileStatus::Error);
    let seen: Vec<Seen<'_>> = if refused {
        vec![Seen { name: "compile", verdict: Verdict::CE, message: None }]
    } else if judgement.verdict == Verdict::JE && judgement.tests.iter().all(|t| t.verdict == Verdict::SK) {
        return Some(judgement.reason.clone().unwrap_or_else(|| "judge error".to_owned()));
    } else {
        let run = judgement.tests.iter().filter(|t| t.verdict != Verdict::SK);
        run.map(|t| Seen { name: &t.name, verdict: t.verdict, message: t.reason.as_deref() }).collect()
    };
    if let Some(fault) = seen.iter().find(|s| matches!(s.verdict, Verdict::JE | Verdict::SE)) {
        let why = fault.message.map(|w| format!(" ({w})")).unwrap_or_default();
        return Some(format!("{} is {}{why}", fault.name, fault.verdict));
    }
    if matches!(judgement.verdict, Verdict::JE | Verdict::SE) && !refused {
        return Some(judgement.reason.clone().unwrap_or_else(|| judgement.verdict.title().to_owned()));
    }
    let score = |text: &Option<String>| text.as_deref().and_then(Score::parse);
    let scores = Scores {
        whole: score(&judgement.score),
        groups: judgement.groups.iter().map(|g| (g.name.as_str(), score(&g.score))).collect(),
    };
    rules.iter().find_map(|rule| rule.broken_by(&seen, &scores))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{AC, CE, ILE, JE, MLE, RTE, SE, TLE, WA};

    fn judged(verdicts: &[Verdict]) -> Judgement {
        let mut judgement = Judgement::system_error("cpp", String::new());
        judgement.verdict = AC;
        judgement.tests = verdicts
            .iter()
            .enumerate()
            .map(|(i, v)| TestReport::not_run(&format!("secret/{i}"), "secret", *v, None))
            .collect();
        judgement
    }

    fn rules(permitted: &[Verdict], required: &[Verdict]) -> Vec<Rule> {
        vec![Rule { permitted: permitted.to_vec(), required: required.to_vec(), ..Rule::default() }]
    }

    #[test]
    fn expectations_are_about_the_set_of_verdicts() {
        for (seen, permitted, required, holds) in [
            (&[AC, WA, AC][..], &[AC, WA][..], &[WA][..], true),
            (&[AC, AC], &[AC, WA], &[WA], false),
            (&[WA, TLE], &[AC, WA], &[WA], false),
            (&[AC, ILE], &[AC, TLE], &[TLE], true),
            (&[AC, MLE], &[AC, RTE], &[RTE], true),
            (&[AC, RTE], &[AC, MLE], &[MLE], false),
            (&[AC, WA], &[], &[], true),
            (&[AC, JE], &[], &[], false),
            (&[SE], &[], &[], false),
        ] {
            assert_eq!(unexpected(&judged(seen), &rules(permitted, required)).is_none(), holds, "{seen:?}");
        }
    }

    #[test]
    fn a_compile_error_is_the_only_verdict_of_its_program() {
        let mut judgement = judged(&[Verdict::SK]);
        judgement.verdict = CE;
        judgement.compile = Some(proto::report::CompileReport {
            status: CompileStatus::Error,
            log: String::new(),
            cpu_time: std::time::Duration::ZERO,
            wall_time: std::time::Duration::ZERO,
            limit_hit: None,
            cached: false,
        });
        assert!(unexpected(&judgement, &rules(&[CE], &[CE])).is_none());
        assert!(unexpected(&judgement, &rules(&[AC, WA], &[WA])).is_some());
    }
}
