//! What a policy runs, and when a near miss is run again, over prepared facts.

use std::sync::Arc;
use std::time::Duration;

use checker::policy::Policy;
use proto::facts::{Exit, LimitHit};
use proto::job::SourceFile;
use proto::report::Judgement;
use proto::verdict::Verdict;
use sandbox::spec::{RunOutcome, RunSpec};

use super::{Against, Submission};
use crate::testing::{
    Counts, FakeRunner, compiled, engine, engine_with, is_compile, problem, ran, stdin_of, too_slow,
    with_own_heap,
};

use Verdict::{AC, RTE, SK, TLE, WA};

fn submission() -> Submission {
    Submission {
        language: "cpp".to_owned(),
        files: vec![SourceFile { name: "a.cpp".to_owned(), content: b"int main() {}".to_vec() }],
        all: false,
        only: Vec::new(),
    }
}

async fn judge(runner: &Arc<FakeRunner>, policy: Policy, cases: &[(&str, &str)]) -> Judgement {
    let (_folder, problem) = problem(cases, None);
    let against = Against::Problem(Arc::new(problem));
    let engine = engine(Arc::clone(runner) as _);
    engine.judge_under(policy, &submission(), &against, &mut |_| {}).await.unwrap()
}

fn by_word(spec: &RunSpec) -> RunOutcome {
    match stdin_of(spec).as_str() {
        _ if is_compile(spec) => compiled(),
        "slow" => too_slow(spec),
        "fail" => ran(Exit::Code(1), ""),
        "wrong" => ran(Exit::Code(0), "wrong"),
        _ => ran(Exit::Code(0), "right"),
    }
}

#[tokio::test]
async fn each_policy_runs_what_it_says_and_its_case_decides() {
    let cases = [("x", "right"), ("wrong", "right"), ("slow", "right"), ("fail", "right")];
    for (policy, verdict, want) in [
        (Policy::Icpc, WA, [AC, WA, SK, SK]),
        (Policy::All, WA, [AC, WA, TLE, RTE]),
        (Policy::Worst, RTE, [AC, WA, TLE, RTE]),
        (Policy::Oi, WA, [AC, WA, SK, SK]),
        (Policy::Analyst, WA, [AC, WA, TLE, RTE]),
    ] {
        let judgement = judge(&FakeRunner::new(|spec| Ok(by_word(spec))), policy, &cases).await;
        let verdicts: Vec<_> = judgement.tests.iter().map(|t| t.verdict).collect();
        assert_eq!((judgement.verdict, &verdicts[..]), (verdict, &want[..]), "{policy}");
        assert_eq!(judgement.policy, Some(policy.to_string()));
    }
}

#[tokio::test]
async fn a_box_gets_a_quarter_more_than_the_time_limit_and_an_analysts_what_the_package_asks_for() {
    for (policy, want) in [(Policy::Icpc, 1250), (Policy::Analyst, 1500)] {
        let runner = FakeRunner::new(|spec| Ok(by_word(spec)));
        let judgement = judge(&runner, policy, &[("x", "right")]).await;
        assert_eq!(judgement.limits.unwrap().cpu_time, Duration::from_secs(1), "what is told is the limit");
        let runs = runner.runs.lock().unwrap();
        assert_eq!(runs[1].limits.cpu_time, Duration::from_millis(want), "{policy}");
        assert_eq!(
            runs[1].limits.wall_time,
            Duration::from_secs(4),
            "{policy}: who sleeps past it does so for all"
        );
    }
}

/// A program that takes so many milliseconds, one after the other, then the last again and again.
fn takes(times: &'static [u64]) -> Arc<FakeRunner> {
    let counts = Counts::default();
    FakeRunner::new(move |spec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        let nth = counts.add("run").min(times.len() - 1);
        let mut outcome = ran(Exit::Code(0), "right");
        outcome.facts.cpu_time = Duration::from_millis(times[nth]);
        Ok(outcome)
    })
}

#[tokio::test]
async fn a_near_miss_is_run_again_and_the_least_time_counts() {
    for (times, verdict, counted, runs) in [
        (&[900][..], AC, 900.0, 0),
        (&[1000], AC, 1000.0, 0),
        (&[1100, 950], AC, 950.0, 2),
        (&[1100, 1200, 990], AC, 990.0, 3),
        (&[1100, 1200, 1050], TLE, 1050.0, 3),
        (&[1100, 1400], TLE, 1100.0, 2),
        (&[1300], TLE, 1300.0, 0),
    ] {
        let judgement = judge(&takes(times), Policy::Icpc, &[("x", "right")]).await;
        let test = &judgement.tests[0];
        assert_eq!((test.verdict, test.cpu_time_ms, test.runs.len()), (verdict, Some(counted), runs));
        let seen: Vec<f64> = test.runs.iter().map(|run| run.cpu_time_ms).collect();
        let made: Vec<f64> = times.iter().take(runs).map(|ms| *ms as f64).collect();
        assert_eq!(seen, made, "every run is recorded");
    }
}

#[tokio::test]
async fn what_the_runs_of_a_judging_took_is_told_as_their_sum() {
    let runner = FakeRunner::slow(Duration::from_millis(20), |spec| Ok(by_word(spec)));
    let cases = [("x", "right"), ("y", "right"), ("z", "right")];
    let timing = judge(&runner, Policy::Icpc, &cases).await.timing;
    assert!(timing.run_ms >= 60.0, "three runs of 20 ms: {timing:?}");
    assert!(timing.check_ms >= 0.0 && timing.check_ms.is_finite(), "{timing:?}");
}

#[tokio::test]
async fn a_program_killed_at_its_hard_limit_is_run_once() {
    let runner = FakeRunner::new(|spec| {
        let mut outcome = by_word(spec);
        if !is_compile(spec) {
            outcome.facts.cpu_time = spec.limits.cpu_time;
        }
        Ok(outcome)
    });
    let judgement = judge(&runner, Policy::Icpc, &[("slow", "right")]).await;
    assert_eq!((judgement.verdict, judgement.tests[0].runs.len()), (TLE, 0));
    assert_eq!(judgement.tests[0].limit_hit, Some(LimitHit::CpuTime));
    assert!(judgement.tests[0].reason.as_deref().unwrap().contains("against a bound of 1 s"));
    assert_eq!(runner.commands().len(), 2, "one compile run and one case");
}

#[tokio::test]
async fn a_judgement_made_again_has_the_limits_that_its_language_was_judged_under() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let problem = Arc::new(problem);
    let slow = language::Language {
        memory_overhead: Some(proto::units::Bytes::mib(64)),
        processes_overhead: 8,
        ..with_own_heap(2.0)
    };
    for (times, verdict) in [(&[1900][..], AC), (&[2600], TLE)] {
        let engine = engine_with(takes(times) as _, [slow.clone()]);
        let against = Against::Problem(Arc::clone(&problem));
        let judged = engine.judge(&submission(), &against, &mut |_| {}).await.unwrap();
        assert_eq!(judged.verdict, verdict, "{times:?} ms under twice a second");
        let again = engine.re_verdict(&judged, &problem, Policy::Icpc).await.unwrap();
        assert_eq!((again.changes, again.needs_run), (Vec::new(), Vec::new()), "{times:?} ms");
        assert_eq!(again.judgement.unwrap().limits, judged.limits);
    }
}

#[tokio::test]
async fn near_misses_of_many_submissions_at_once_all_come_to_an_end() {
    let counts = Counts::default();
    let runner = FakeRunner::slow(Duration::from_millis(1), move |spec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        let mut outcome = ran(Exit::Code(0), "right");
        let late = counts.add("run") % 3 == 0;
        outcome.facts.cpu_time = Duration::from_millis(if late { 1100 } else { 10 });
        Ok(outcome)
    });
    let cases: Vec<(String, String)> = (0..10).map(|i| (format!("{i}"), "right".to_owned())).collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(i, a)| (i.as_str(), a.as_str())).collect();
    let (_folder, problem) = problem(&cases, None);
    let against = Against::Problem(Arc::new(problem));
    let engine = engine(Arc::clone(&runner) as _).with_parallel_cases(4);
    let judged =
        (0..8).map(|_| async { engine.judge(&submission(), &against, &mut |_| {}).await.unwrap().verdict });
    let all = futures::future::join_all(judged);
    let verdicts = tokio::time::timeout(Duration::from_mins(2), all).await.expect("nobody waits for ever");
    assert_eq!(verdicts.len(), 8);
    let ended = verdicts.iter().all(|v| matches!(v, AC | TLE));
    assert!(ended, "{verdicts:?}");
}
