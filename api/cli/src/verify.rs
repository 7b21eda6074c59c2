//! `tribunal verify`: the package against its own word. Every example submission is judged on all cases.

use std::sync::Arc;
use std::time::Duration;

use checker::policy::Policy;
use futures::stream::{self, StreamExt as _};
use problem::model::{ExampleSubmission, Problem, Rule};
use problem::rules::Seen;
use problem::score::Score;
use problem::{Diagnostic, Severity};
use proto::limits::Limits;
use proto::report::{CompileStatus, Judgement};
use proto::units::round_ms;
use proto::verdict::Verdict;
use serde_json::{Value, json};
use worker::engine::{Engine, TimeBounds, example_submission};
use worker::{Against, JudgeError};

use crate::args::VerifyArgs;
use crate::context::{Settings, runtime, scratch, tell_host_image};
use crate::output::{Failure, note, print_json, print_line};
use crate::report;

/// What came of one example submission.
struct Verified {
    path: String,
    language: Option<String>,
    expected: Value,
    words: String,
    verdict: Option<Verdict>,
    ok: bool,
    score: Option<String>,
    slowest_ms: Option<f64>,
    reason: Option<String>,
    bounds: TimeBounds,
}

pub(crate) fn main(args: &VerifyArgs, settings: &Settings) -> Result<u8, Failure> {
    if !args.problem.exists() {
        return Err(Failure::usage(format!("there is no package at {}", args.problem.display())));
    }
    let scratch = scratch()?;
    let mut loaded = match problem::open(&args.problem, scratch.path()) {
        Ok(loaded) => loaded,
        Err(refused) => return refuse(args, &refused),
    };
    if let Err(refused) = loaded.problem.judgeable() {
        return refuse(args, &refused);
    }
    let boxes = Settings::boxes(0)?;
    let store = settings.store()?;
    for language in language::all() {
        let uses = |s: &ExampleSubmission| s.program.files.iter().any(|(name, _)| language.is_source(name));
        if loaded.problem.submissions.iter().any(uses) {
            tell_host_image(&store, language);
        }
    }
    let engine = settings.without_cache(args.no_cache).engine(boxes, &store);
    let problem = Arc::new(loaded.problem);
    let (verified, limit) = runtime()?.block_on(async {
        let verified = verify_all(&engine, &problem, args.jobs as usize).await;
        let limit = time_limit(&engine, &problem, &verified).await;
        (verified, limit)
    });
    if let Err(why) = &limit {
        let path = "problem.yaml".to_owned();
        let message = format!("no time limit can be inferred: {why}");
        loaded.diagnostics.push(Diagnostic { severity: Severity::Error, path, line: None, message });
    }

    let ok = limit.is_ok() && verified.iter().all(|v| v.ok);
    let time_limit = limit.unwrap_or(Limits::run_defaults().cpu_time);
    if args.json {
        print_json(&json!({
            "ok": ok,
            "time_limit_ms": round_ms(time_limit),
            "diagnostics": diagnostics(&loaded.diagnostics),
            "submissions": verified.iter().map(document).collect::<Vec<_>>(),
        }))?;
    } else {
        for diagnostic in &loaded.diagnostics {
            print_line(&diagnostic.to_string())?;
        }
        print_line(&table(&verified))?;
        print_line(if ok { "all expectations hold" } else { "some expectations do not hold" })?;
    }
    Ok(status(ok, &verified))
}

/// The package's time limit: its own, else the one its submissions lead to, the slow ones looked at as well.
async fn time_limit(
    engine: &Engine,
    problem: &Arc<Problem>,
    verified: &[Verified],
) -> Result<Duration, String> {
    if problem.submit_answer {
        return Ok(Limits::run_defaults().cpu_time);
    }
    let limit = engine.time_limit(problem).await.map_err(|e| e.to_string())??;
    let too_slow = verified.iter().filter_map(|v| v.bounds.too_slow).min();
    match too_slow.filter(|_| problem.limits.cpu_time.is_none()) {
        None => Ok(limit),
        Some(slow) => problem.limits.time_rule.leaves(limit, slow).map(|()| limit).map_err(|e| e.to_string()),
    }
}

/// A system error of ours is no answer about the package.
fn status(ok: bool, verified: &[Verified]) -> u8 {
    match (ok, verified.iter().any(|v| v.verdict == Some(Verdict::SE))) {
        (_, true) => 3,
        (true, false) => 0,
        (false, false) => 1,
    }
}

fn refuse(args: &VerifyArgs, refused: &problem::PackageError) -> Result<u8, Failure> {
    if args.json {
        print_json(&json!({
            "ok": false,
            "time_limit_ms": null,
            "diagnostics": diagnostics(&refused.diagnostics),
            "submissions": [],
        }))?;
    } else {
        print_line(&refused.to_string())?;
    }
    Ok(1)
}

fn diagnostics(list: &[problem::Diagnostic]) -> Vec<Value> {
    list.iter()
        .map(|d| {
            let severity = match d.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            json!({ "severity": severity, "path": d.path, "line": d.line, "message": d.message })
        })
        .collect()
}

/// In the package's order, up to `jobs` at once.
async fn verify_all(engine: &Engine, problem: &Arc<Problem>, jobs: usize) -> Vec<Verified> {
    stream::iter(&problem.submissions)
        .map(|example| async move {
            let verified = verify_one(engine, problem, example).await;
            let mark = if verified.ok { "ok" } else { "NOT AS EXPECTED" };
            let verdict = verified.verdict.map_or("-", Verdict::code);
            note(&format!("{}: {verdict} {mark}", verified.path));
            verified
        })
        .buffered(jobs)
        .collect()
        .await
}

async fn verify_one(engine: &Engine, problem: &Arc<Problem>, example: &ExampleSubmission) -> Verified {
    let expected = &example.expected;
    let mut verified = Verified {
        path: example.program.path.clone(),
        language: None,
        expected: json!({
            "permitted": expected.permitted, "required": expected.required, "score": null, "groups": {},
        }),
        words: words(&expected.permitted, &expected.required),
        verdict: None,
        ok: false,
        score: None,
        slowest_ms: None,
        reason: None,
        bounds: TimeBounds::default(),
    };
    let submission = match example_submission(problem, example) {
        Ok(submission) => submission,
        Err(why) => {
            verified.reason = Some(why);
            return verified;
        }
    };
    verified.language = Some(submission.language.clone());
    let against = Against::Problem(Arc::clone(problem));
    let judged = engine.judge_under(Policy::Analyst, &submission, &against, &mut |_| {}).await;
    match judged {
        Ok(judgement) => {
            verified.slowest_ms = slowest(&judgement);
            verified.bounds.take(problem.version, &example.rules, &judgement);
            verified.verdict = Some(judgement.verdict);
            verified.score.clone_from(&judgement.score);
            verified.reason = unexpected(&judgement, &example.rules);
            verified.ok = verified.reason.is_none();
        }
        Err(JudgeError::Rejected(why)) => verified.reason = Some(why.to_string()),
        Err(JudgeError::Failed { cause, .. }) => {
            verified.verdict = Some(Verdict::SE);
            verified.reason = Some(cause);
        }
    }
    verified
}

fn slowest(judgement: &Judgement) -> Option<f64> {
    judgement.tests.iter().filter_map(|t| t.cpu_time_ms).reduce(f64::max)
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
    let score = |group: Option<&str>| {
        let text = match group {
            None => judgement.score.as_deref(),
            Some(name) => judgement.groups.iter().find(|g| g.name == name)?.score.as_deref(),
        };
        text.and_then(Score::parse)
    };
    rules.iter().find_map(|rule| rule.broken_by(&seen, score))
}

fn words(permitted: &[Verdict], required: &[Verdict]) -> String {
    let list = if required.is_empty() { permitted } else { required };
    if list.is_empty() {
        return "anything".to_owned();
    }
    list.iter().map(|v| v.code()).collect::<Vec<_>>().join(" or ")
}

fn document(v: &Verified) -> Value {
    json!({
        "path": v.path, "language": v.language, "expected": v.expected, "verdict": v.verdict,
        "score": v.score, "ok": v.ok, "slowest_ms": v.slowest_ms, "reason": v.reason,
    })
}

fn table(verified: &[Verified]) -> String {
    let mut table = report::table(["submission", "expected", "verdict", "slowest ms", ""]);
    for v in verified {
        table.add_row([
            v.path.clone(),
            v.words.clone(),
            v.verdict.map_or("-", Verdict::code).to_owned(),
            v.slowest_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}")),
            v.reason.clone().unwrap_or_else(|| "ok".to_owned()),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use proto::report::TestReport;

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
