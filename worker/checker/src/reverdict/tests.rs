//! Stored facts in, the same facts under other rules out.

use std::time::Duration;

use proto::facts::{Accounting, Exit, LimitEvent, RunFacts};

use super::*;

use Verdict::{AC, CE, MLE, RTE, SK, TLE, WA};

fn facts(ms: u64) -> RunFacts {
    RunFacts {
        exit: Some(Exit::Code(0)),
        cpu_time: Duration::from_millis(ms),
        cpu_user: None,
        wall_time: Duration::from_millis(ms),
        memory_bytes: Some(10 << 20),
        memory_peak_raw: None,
        stdout_bytes: 2,
        stderr_bytes: 0,
        written_bytes: None,
        limit_events: Vec::new(),
        oom_kills: 0,
        process_limit_hits: 0,
        violation: None,
        accounting: Accounting::Exact,
    }
}

/// A run that was killed at 1.25 s under a limit of 1 s.
fn killed() -> RunFacts {
    let bound = 1_250_000_000;
    let event = LimitEvent { limit: LimitHit::CpuTime, observed_ns: bound, value: bound, bound };
    RunFacts { exit: Some(Exit::Signal(9)), limit_events: vec![event], ..facts(1250) }
}

fn limits(ms: u64) -> Limits {
    let cpu_time = Duration::from_millis(ms);
    Limits { cpu_time, wall_time: Limits::wall_for(cpu_time), ..Limits::run_defaults() }
}

fn judged(tests: &[(Verdict, Option<RunFacts>)]) -> Judgement {
    let mut judgement = Judgement::system_error("cpp", String::new());
    judgement.limits = Some(limits(1000));
    judgement.reason = None;
    for (at, (verdict, facts)) in tests.iter().enumerate() {
        let mut test = TestReport::not_run(&format!("secret/{at}"), "secret", *verdict, None);
        test.facts.clone_from(facts);
        judgement.tests.push(test);
    }
    judgement.verdict = fold(&judgement.tests, Policy::Icpc).verdict;
    judgement
}

fn again(stored: &Judgement, limits: &Limits, policy: Policy) -> Reverdict {
    re_verdict(stored, None, limits, policy, &Grades::new()).unwrap()
}

fn words(got: &Reverdict) -> (Option<Verdict>, Vec<Verdict>) {
    let tests = got.judgement.iter().flat_map(|j| j.tests.iter().map(|t| t.verdict)).collect();
    (got.judgement.as_ref().map(|j| j.verdict), tests)
}

#[test]
fn the_same_rules_change_nothing() {
    let stored = judged(&[(AC, Some(facts(10))), (WA, Some(facts(10))), (SK, None)]);
    let got = again(&stored, &limits(1000), Policy::Icpc);
    assert_eq!(words(&got), (Some(WA), vec![AC, WA, SK]));
    assert!(got.changes.is_empty() && got.needs_run.is_empty());
}

#[test]
fn a_lower_time_limit_makes_slow_runs_too_slow_and_says_which() {
    let stored = judged(&[(AC, Some(facts(300))), (AC, Some(facts(800)))]);
    let got = again(&stored, &limits(500), Policy::Icpc);
    assert_eq!(words(&got), (Some(TLE), vec![AC, TLE]));
    let changes: Vec<_> = got.changes.iter().map(|c| (c.test.as_deref(), c.from, c.to)).collect();
    assert_eq!(changes, [(Some("secret/1"), AC, TLE), (None, AC, TLE)]);
    assert!(got.judgement.unwrap().tests[1].reason.as_deref().unwrap().contains("cpu time limit"));
}

#[test]
fn what_a_higher_limit_leaves_open_needs_a_run_and_is_never_guessed() {
    for (run, verdict, limit, decided) in [
        (killed(), TLE, 1200, Some(TLE)),
        (killed(), TLE, 1250, Some(TLE)),
        (killed(), TLE, 1300, None),
        // It ended by itself and its output was never compared.
        (facts(1100), TLE, 1200, None),
        (facts(1100), TLE, 1050, Some(TLE)),
    ] {
        let stored = judged(&[(verdict, Some(run))]);
        let got = again(&stored, &limits(limit), Policy::Icpc);
        assert_eq!(words(&got).0, decided, "{limit} ms");
        assert_eq!(got.needs_run.len(), usize::from(decided.is_none()));
    }
}

#[test]
fn memory_is_decided_again_only_where_the_kernel_said_so() {
    let oom = RunFacts { oom_kills: 1, exit: Some(Exit::Signal(9)), ..facts(10) };
    let with = |mib| Limits { memory: proto::units::Bytes::mib(mib), ..limits(1000) };
    let stored = judged(&[(MLE, Some(oom))]);
    assert_eq!(words(&again(&stored, &with(256), Policy::Icpc)).0, Some(MLE));
    assert_eq!(words(&again(&stored, &with(512), Policy::Icpc)).0, None);
    let stored = judged(&[(AC, Some(facts(10)))]);
    assert_eq!(words(&again(&stored, &with(20), Policy::Icpc)).0, Some(AC));
    assert_eq!(words(&again(&stored, &with(5), Policy::Icpc)).0, None, "a peak is no evidence");
}

#[test]
fn another_policy_needs_the_cases_it_would_have_run() {
    let crash = RunFacts { exit: Some(Exit::Code(1)), ..facts(10) };
    let all = judged(&[(AC, Some(facts(10))), (WA, Some(facts(10))), (RTE, Some(crash))]);
    assert_eq!(words(&again(&all, &limits(1000), Policy::Worst)).0, Some(RTE));
    assert_eq!(words(&again(&all, &limits(1000), Policy::Icpc)).0, Some(WA));
    let lazy = judged(&[(AC, Some(facts(10))), (WA, Some(facts(10))), (SK, None)]);
    let got = again(&lazy, &limits(1000), Policy::Worst);
    assert_eq!((words(&got).0, &got.needs_run[..]), (None, &["secret/2".to_owned()][..]));
}

#[test]
fn after_a_failure_that_still_decides_nothing_has_to_be_known() {
    let stored = judged(&[(WA, Some(facts(10))), (TLE, Some(killed()))]);
    let got = again(&stored, &limits(5000), Policy::Icpc);
    assert_eq!((words(&got).0, got.needs_run.len()), (Some(WA), 1));
    let stored = judged(&[(TLE, Some(killed())), (WA, Some(facts(10)))]);
    assert_eq!(words(&again(&stored, &limits(5000), Policy::Icpc)).0, None);
}

#[test]
fn a_compile_error_stays_one() {
    let mut stored = judged(&[(SK, None)]);
    stored.verdict = CE;
    let got = again(&stored, &limits(1), Policy::Worst);
    assert_eq!((words(&got).0, got.changes.len()), (Some(CE), 0));
}

#[test]
fn cases_that_came_later_need_a_run_and_those_that_went_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("problem.yaml", "problem_format_version: 2025-09\nname: T\nuuid: u\nlimits: {time_limit: 1}\n");
    let problem = |cases: &[u32]| {
        let _ = std::fs::remove_dir_all(folder.path().join("data"));
        for case in cases {
            put(&format!("data/secret/{case}.in"), "");
            put(&format!("data/secret/{case}.ans"), "");
        }
        problem::read_dir(folder.path()).unwrap().problem
    };
    let again = |stored: &Judgement, problem: &Problem| {
        re_verdict(stored, Some(problem), &limits(1000), Policy::Icpc, &Grades::new()).unwrap()
    };
    let right = judged(&[(AC, Some(facts(1))), (AC, Some(facts(1)))]);
    let same = again(&right, &problem(&[0, 1]));
    assert_eq!((words(&same), same.changes.len()), ((Some(AC), vec![AC, AC]), 0));
    let more = again(&right, &problem(&[0, 1, 2]));
    assert_eq!((words(&more).0, &more.needs_run[..]), (None, &["secret/2".to_owned()][..]));

    let wrong = judged(&[(AC, Some(facts(1))), (WA, Some(facts(1))), (SK, None)]);
    let first = again(&wrong, &problem(&[1, 2, 3]));
    assert_eq!(words(&first), (Some(WA), vec![WA, SK, SK]), "the first failure still decides");
    let gone = again(&wrong, &problem(&[0]));
    assert_eq!(words(&gone), (Some(AC), vec![AC]));
    assert_eq!(gone.changes, [Change { test: None, from: WA, to: AC }]);
}
