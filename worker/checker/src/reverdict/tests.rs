//! Stored facts in, the same facts under other rules out.

use std::path::Path;
use std::time::Duration;

use proto::facts::{Accounting, Exit, LimitEvent, RunFacts};
use proto::report::PassRecord;

use super::*;

use Verdict::{AC, CE, JE, MLE, PA, RTE, SE, SK, TLE, WA};

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

/// A package of these files beside its manifest; `.in` brings its `.ans`.
fn package(folder: &Path, kind: &str, files: &[(&str, &str)]) -> Problem {
    let put = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let _ = std::fs::remove_dir_all(folder.join("data"));
    let manifest = "problem_format_version: 2025-09\nname: T\nuuid: u\nlimits: {time_limit: 1}\n";
    put("problem.yaml", &format!("{manifest}type: {kind}\n"));
    for (path, text) in files {
        put(path, text);
        if let Some(stem) = path.strip_suffix(".in") {
            put(&format!("{stem}.ans"), "");
        }
    }
    problem::read_dir(folder).unwrap().problem
}

/// A judgement of these cases, by name, each in the group it lies in.
fn of_cases(verdict: Verdict, cases: &[(&str, Verdict, Option<RunFacts>)]) -> Judgement {
    let mut judgement = judged(&[]);
    judgement.verdict = verdict;
    for (name, verdict, facts) in cases {
        let mut test = TestReport::not_run(name, name.rsplit_once('/').unwrap().0, *verdict, None);
        test.facts.clone_from(facts);
        judgement.tests.push(test);
    }
    judgement
}

#[test]
fn another_policy_needs_what_it_would_have_run_and_nothing_else() {
    type Row<'a> = (Policy, &'a [(&'a str, Verdict)], Result<Verdict, &'a [&'a str]>);
    #[rustfmt::skip]
    let rows: &[Row<'_>] = &[
        (Policy::Icpc, &[("a/1", WA), ("a/2", SK), ("b/1", SK)], Ok(WA)),
        (Policy::Icpc, &[("a/1", SK), ("b/1", AC), ("b/2", WA), ("b/3", SK)], Err(&["a/1"])),
        (Policy::Oi, &[("a/1", WA), ("a/2", SK), ("b/1", AC)], Ok(WA)),
        (Policy::Oi, &[("a/1", WA), ("a/2", SK), ("b/1", SK), ("b/2", SK)], Err(&["b/1", "b/2"])),
        (Policy::Oi, &[("a/1", AC), ("b/1", WA), ("b/2", SK), ("a/2", SK)], Err(&["a/2"])),
        (Policy::Oi, &[("a/1", SE), ("a/2", SK), ("b/1", SK)], Ok(SE)),
        (Policy::All, &[("a/1", WA), ("a/2", SK), ("b/1", AC)], Err(&["a/2"])),
        (Policy::Worst, &[("a/1", WA), ("a/2", AC), ("b/1", SK)], Err(&["b/1"])),
        (Policy::Analyst, &[("a/1", WA), ("a/2", AC), ("b/1", RTE)], Ok(WA)),
        (Policy::Icpc, &[("a/1", AC), ("a/2", SK)], Err(&["a/2"])),
    ];
    for (policy, cases, want) in rows {
        let cases: Vec<_> = cases.iter().map(|(name, verdict)| (*name, *verdict, None)).collect();
        let got = again(&of_cases(WA, &cases), &limits(1000), *policy);
        let (word, open) = (words(&got).0, got.needs_run.iter().map(String::as_str).collect::<Vec<_>>());
        match want {
            Ok(verdict) => assert_eq!((word, open), (Some(*verdict), vec![]), "{policy} {cases:?}"),
            Err(names) => assert_eq!((word, &open[..]), (None, *names), "{policy} {cases:?}"),
        }
    }
}

#[test]
fn a_scored_judgement_is_made_again_only_where_every_case_that_counts_was_run() {
    let folder = tempfile::tempdir().unwrap();
    let problem = package(
        folder.path(),
        "scoring",
        &[
            ("data/secret/a/1.in", ""),
            ("data/secret/a/2.in", ""),
            ("data/secret/a/test_group.yaml", "max_score: 60\nscore_aggregation: sum\n"),
            ("data/secret/b/1.in", ""),
            ("data/secret/b/2.in", ""),
            ("data/secret/b/test_group.yaml", "max_score: 30\nscore_aggregation: min\n"),
            ("data/secret/c/1.in", ""),
            ("data/secret/c/test_group.yaml", "max_score: 10\n"),
            ("data/secret/d/1.in", ""),
            ("data/secret/d/test_group.yaml", "max_score: 0\nrequire_pass: secret/c\n"),
        ],
    );
    let names = ["secret/a/1", "secret/a/2", "secret/b/1", "secret/b/2", "secret/c/1", "secret/d/1"];
    let late = |verdict| (verdict == TLE).then(killed);
    type Scores<'a> = (Verdict, &'a str, [&'a str; 4]);
    type Row<'a> = ([Verdict; 6], Policy, Result<Scores<'a>, &'a [&'a str]>);
    #[rustfmt::skip]
    let rows: &[Row<'_>] = &[
        ([AC; 6], Policy::Icpc, Ok((AC, "100", ["30", "30", "30", "30"]))),
        ([AC, WA, AC, AC, AC, AC], Policy::Icpc, Ok((PA, "70", ["30", "0", "30", "30"]))),
        ([AC, AC, WA, SK, AC, AC], Policy::Icpc, Ok((PA, "70", ["30", "30", "0", "-"]))),
        // What has nothing to lose is left out, by whatever it was ended; and so is what had to wait for another.
        ([AC, AC, WA, TLE, AC, AC], Policy::Icpc, Ok((PA, "70", ["30", "30", "0", "-"]))),
        ([AC, AC, AC, AC, WA, SK], Policy::Icpc, Ok((PA, "90", ["30", "30", "30", "30"]))),
        ([AC, AC, AC, AC, WA, SK], Policy::All, Ok((PA, "90", ["30", "30", "30", "30"]))),
        ([JE, SK, SK, SK, SK, SK], Policy::Icpc, Ok((JE, "-", ["-", "-", "-", "-"]))),
        ([AC, SK, AC, AC, AC, AC], Policy::Icpc, Err(&["secret/a/2"])),
        ([WA, SK, AC, AC, AC, AC], Policy::Icpc, Err(&["secret/a/2"])),
        ([TLE, AC, AC, AC, AC, AC], Policy::Icpc, Err(&["secret/a/1"])),
        ([AC, AC, AC, AC, AC, SK], Policy::Icpc, Err(&["secret/d/1"])),
        ([AC, AC, SK, WA, AC, AC], Policy::Icpc, Err(&["secret/b/1"])),
        ([AC, AC, WA, SK, AC, AC], Policy::All, Err(&["secret/b/2"])),
        // A validator that could not be built has said nothing of any of them; what waits for another may never run.
        ([SK; 6], Policy::Icpc, Err(&["secret/a/1", "secret/a/2", "secret/b/1", "secret/b/2", "secret/c/1"])),
    ];
    for (verdicts, policy, want) in rows {
        let cases: Vec<_> = names.into_iter().zip(*verdicts).map(|(name, v)| (name, v, late(v))).collect();
        let stored = of_cases(if verdicts.contains(&JE) { JE } else { SE }, &cases);
        let got = re_verdict(&stored, Some(&problem), &limits(5000), *policy, &Grades::new()).unwrap();
        match (&got.judgement, want) {
            (Some(judgement), Ok((verdict, score, scores))) => {
                let whole = judgement.score.as_deref().unwrap_or("-");
                assert_eq!((judgement.verdict, whole), (*verdict, *score), "{verdicts:?}");
                let given = judgement.tests.iter().map(|test| test.score.as_deref().unwrap_or("-"));
                assert_eq!(given.take(4).collect::<Vec<_>>(), scores, "{verdicts:?}");
            }
            (None, Err(open)) => assert_eq!(got.needs_run, *open, "{verdicts:?}"),
            (got, want) => panic!("{verdicts:?} {policy}: {got:?}, not {want:?}"),
        }
    }
}

#[test]
fn what_came_later_stands_where_judging_puts_it() {
    let folder = tempfile::tempdir().unwrap();
    let group = |max: u32, part: u32| {
        format!("max_score: {max}\nscore_aggregation: sum\nstatic_validation_score: {part}\n")
    };
    let (first, second) = (group(60, 10), group(40, 5));
    let problem = package(
        folder.path(),
        "scoring",
        &[
            ("static_validator/v.py", ""),
            ("data/sample/1.in", ""),
            ("data/secret/a/1.in", ""),
            ("data/secret/a/2.in", ""),
            ("data/secret/a/3.in", ""),
            ("data/secret/a/test_group.yaml", &first),
            ("data/secret/b/1.in", ""),
            ("data/secret/b/2.in", ""),
            ("data/secret/b/test_group.yaml", &second),
        ],
    );
    let all = [
        "sample/1",
        "secret/a/static_validation",
        "secret/a/1",
        "secret/a/2",
        "secret/a/3",
        "secret/b/static_validation",
        "secret/b/1",
        "secret/b/2",
    ];
    for had in [&all[..], &["secret/a/1", "secret/a/3", "secret/b/1"], &["secret/b/2", "secret/c/1"], &[]] {
        let cases: Vec<_> = had.iter().map(|name| (*name, SK, None)).collect();
        let stored = of_cases(CE, &cases);
        let got = re_verdict(&stored, Some(&problem), &limits(1000), Policy::Icpc, &Grades::new()).unwrap();
        let judgement = got.judgement.expect("what does not compile is not run");
        let names: Vec<_> = judgement.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, all, "{had:?}");
        let groups = judgement.tests.iter().all(|test| test.name.rsplit_once('/').unwrap().0 == test.group);
        assert!(groups && judgement.verdict == CE && judgement.reason.is_none(), "{judgement:?}");
        if had.len() < all.len() {
            let of_sample = |test: &TestReport| test.sample == (test.name == "sample/1");
            assert!(judgement.tests.iter().all(of_sample), "{had:?}");
            let later = judgement.tests.iter().filter(|test| !had.contains(&test.name.as_str()));
            let mut why = later.map(|test| test.reason.as_deref().unwrap_or_default());
            assert!(why.all(|why| why == "the judgement is from before this case"), "{had:?}");
        }
    }
    let cases: Vec<_> = all.iter().map(|name| (*name, AC, None)).collect();
    let stored = of_cases(AC, &cases);
    let got = re_verdict(&stored, Some(&problem), &limits(1000), Policy::Icpc, &Grades::new()).unwrap();
    let judgement = got.judgement.unwrap();
    let most: Vec<_> = judgement.tests.iter().map(|test| test.max_score.as_deref().unwrap_or("-")).collect();
    assert_eq!(most, ["-", "10", "16.666666667", "16.666666667", "16.666666667", "5", "17.5", "17.5"]);
    assert_eq!(judgement.score.as_deref(), Some("100"));
}

#[test]
fn a_sample_that_needs_a_run_stays_one() {
    let mut stored = judged(&[(WA, Some(facts(1))), (TLE, Some(killed())), (SK, None)]);
    stored.tests[1].sample = true;
    stored.tests[1].reason = Some("too slow".to_owned());
    let got = again(&stored, &limits(5000), Policy::Icpc);
    let tests = got.judgement.unwrap().tests;
    assert_eq!(tests.iter().map(|test| test.sample).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!((tests[1].verdict, tests[1].reason.as_deref()), (SK, None));
}

#[test]
fn where_more_than_one_run_had_a_say_the_word_stands_only_as_long_as_all_of_them_say_it() {
    let pass = PassRecord {
        verdict: AC,
        cpu_time_ms: Some(800.0),
        wall_time_ms: None,
        memory_bytes: None,
        output_bytes: None,
        exit_code: None,
        signal: None,
    };
    for (verdict, run, slowest, limit, known) in [
        (AC, facts(300), 800.0, 1000, true),
        (AC, facts(300), 800.0, 900, true),
        (AC, facts(300), 800.0, 800, true),
        (AC, facts(300), 800.0, 799, false),
        (AC, facts(300), 800.0, 299, false),
        (TLE, facts(1100), 1100.0, 1050, true),
        (TLE, facts(1100), 1100.0, 1100, false),
        // An earlier pass was too slow, the last one was not.
        (TLE, facts(300), 1100.0, 1050, true),
        (TLE, facts(300), 1100.0, 1100, false),
    ] {
        let mut stored = judged(&[(verdict, Some(run))]);
        stored.tests[0].passes = vec![pass.clone()];
        stored.tests[0].cpu_time_ms = Some(slowest);
        let mut new = limits(limit);
        new.wall_time = limits(1000).wall_time;
        let got = again(&stored, &new, Policy::Icpc);
        assert_eq!(words(&got).0, known.then_some(verdict), "{slowest} ms, {limit} ms");
        assert!(got.changes.is_empty());
    }
}

#[test]
fn a_word_that_does_not_change_keeps_its_reason_and_a_new_one_has_its_own() {
    let mut stored = judged(&[(TLE, Some(killed()))]);
    stored.tests[0].reason = Some("as it was told".to_owned());
    stored.tests[0].notes = vec!["kept".to_owned()];
    let got = again(&stored, &limits(1100), Policy::Icpc).judgement.unwrap();
    assert_eq!(got.tests[0].reason.as_deref(), Some("as it was told"));
    assert_eq!((&got.tests[0].notes[..], got.tests[0].limit_hit), (&["kept".to_owned()][..], None));

    let crash = RunFacts { exit: Some(Exit::Code(1)), ..facts(1100) };
    let mut stored = judged(&[(TLE, Some(crash))]);
    stored.tests[0].limit_hit = Some(LimitHit::CpuTime);
    let got = again(&stored, &limits(2000), Policy::Icpc);
    assert_eq!(got.changes[0], Change { test: Some("secret/0".to_owned()), from: TLE, to: RTE });
    let test = &got.judgement.unwrap().tests[0];
    assert_eq!((test.reason.as_deref(), test.limit_hit), (Some("exit status 1"), None));
    assert_eq!(test.feedback.as_deref(), Some("exit status 1"));
}

#[test]
fn a_run_that_another_limit_would_have_ended_elsewhere_needs_a_run() {
    let mib = |n: u64| n << 20;
    let event = |limit, bound| LimitEvent { limit, observed_ns: 1, value: bound, bound };
    let ended = |event| RunFacts { exit: Some(Exit::Signal(9)), limit_events: vec![event], ..facts(10) };
    let with = |change: &dyn Fn(&mut Limits)| {
        let mut limits = limits(1000);
        change(&mut limits);
        limits
    };
    let bytes = proto::units::Bytes;
    let slow_clock = RunFacts { wall_time: Duration::from_secs(3), ..facts(10) };
    let busy = RunFacts { wall_time: Duration::from_secs(3), ..facts(900) };
    let wall = |ms| move |l: &mut Limits| l.wall_time = Duration::from_millis(ms);
    use LimitHit::{Disk, FileSize, Idle, Inodes, Output, Processes, WallTime};
    #[rustfmt::skip]
    let rows: Vec<(RunFacts, Limits, bool)> = vec![
        (ended(event(WallTime, 4_000_000_000)), with(&wall(4000)), true),
        (ended(event(WallTime, 4_000_000_000)), with(&wall(4001)), false),
        (ended(event(Idle, 4_000_000_000)), with(&wall(4001)), false),
        (ended(event(Output, mib(8))), with(&|l| l.output = bytes(mib(8))), true),
        (ended(event(Output, mib(8))), with(&|l| l.output = bytes(mib(8) + 1)), false),
        (ended(event(FileSize, mib(64))), with(&|l| l.file_size = bytes(mib(64) + 1)), false),
        (ended(event(Disk, mib(64))), with(&|l| l.disk = bytes(mib(64) + 1)), false),
        (ended(event(Inodes, 4096)), with(&|l| l.inodes = 4097), false),
        (ended(event(Processes, 64)), with(&|l| l.processes = 65), false),
        // More memory than a run used, or exactly that, changes nothing.
        (facts(10), with(&|l| l.memory = bytes(mib(512))), true),
        (facts(10), with(&|l| l.memory = bytes(mib(10))), true),
        (facts(10), with(&|l| l.memory = bytes(mib(10) - 1)), false),
        // The clock would have ended it, unless the processor time was over whatever the clock said.
        (slow_clock.clone(), with(&wall(3000)), true),
        (slow_clock.clone(), with(&wall(2999)), false),
        (slow_clock.clone(), with(&wall(9000)), true),
        (busy.clone(), with(&|l| { wall(2000)(l); l.cpu_time = Duration::from_millis(899); }), true),
        (busy, with(&|l| { wall(2000)(l); l.cpu_time = Duration::from_millis(900); }), false),
        (RunFacts { wall_time: Duration::from_secs(5), ..slow_clock }, with(&wall(4000)), true),
    ];
    for (run, limits, known) in rows {
        let stored = judged(&[(WA, Some(run.clone()))]);
        let got = again(&stored, &limits, Policy::Icpc);
        assert_eq!(got.needs_run.is_empty(), known, "{run:?} under {limits:?}");
    }
}

#[test]
fn cases_that_came_later_need_a_run_and_those_that_went_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |cases: &[u32]| {
        let cases: Vec<_> = cases.iter().map(|case| format!("data/secret/{case}.in")).collect();
        let files: Vec<_> = cases.iter().map(|path| (path.as_str(), "")).collect();
        package(folder.path(), "pass-fail", &files)
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
