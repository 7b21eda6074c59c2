use std::time::Duration;

use proto::facts::{Accounting, Exit, LimitEvent, LimitHit, RunFacts};
use proto::limits::Limits;

use super::*;

fn facts(exit: Exit, limit: Option<LimitHit>) -> RunFacts {
    let event =
        |limit| LimitEvent { limit, observed_ns: 1_000_000, value: 7_000_000_000, bound: 7_000_000_000 };
    RunFacts {
        exit: Some(exit),
        cpu_time: Duration::from_millis(5),
        cpu_user: None,
        wall_time: Duration::from_millis(9),
        memory_bytes: Some(1),
        memory_peak_raw: None,
        stdout_bytes: 0,
        stderr_bytes: 0,
        written_bytes: None,
        limit_events: limit.into_iter().map(event).collect(),
        oom_kills: 0,
        process_limit_hits: 0,
        violation: None,
        accounting: Accounting::Exact,
    }
}

fn left(text: Option<&str>) -> Left {
    text.map_or(Left::Absent, |text| Left::Bytes(text.as_bytes().to_vec()))
}

fn settled(facts: &RunFacts, results: Option<&str>, lines: Option<&str>, plan: Option<&[Planned]>) -> Report {
    let ended = checker::classify(facts, &Limits::run_defaults());
    let left = Leavings { results: left(results), lines: left(lines), facts, ended: &ended };
    settle(&left, Schema::Gradescope, plan)
}

fn ended(code: i32) -> RunFacts {
    facts(Exit::Code(code), None)
}

fn out_of_time() -> RunFacts {
    facts(Exit::Signal(9), Some(LimitHit::WallTime))
}

fn plan(tests: &[(&str, u32)]) -> Vec<Planned> {
    let planned = |(name, most): &(&str, u32)| Planned {
        name: (*name).to_owned(),
        max_score: Some(Score::whole(*most)),
        visibility: Visibility::Visible,
    };
    tests.iter().map(planned).collect()
}

fn shown(score: Option<Score>) -> String {
    score.map_or_else(|| "-".to_owned(), |s| s.to_string())
}

const TWO: &str =
    r#"{"tests": [{"name": "a", "score": 2, "max_score": 2}, {"name": "b", "score": 0.5, "max_score": 3}]}"#;

#[test]
fn a_finished_harness_has_the_last_word_whatever_its_exit_status() {
    for code in [0, 1] {
        let report = settled(&ended(code), Some(TWO), None, None);
        assert_eq!((report.status, report.exit_code), (Status::Graded, Some(code)));
        assert_eq!((shown(report.score), shown(report.max_score)), ("2.5".into(), "5".into()));
        assert!(report.reason.is_none() && report.diagnostics.is_empty());
    }
    let total =
        settled(&ended(0), Some(r#"{"score": 44, "tests": [{"score": 1, "max_score": 2}]}"#), None, None);
    assert_eq!(shown(total.score), "44", "a named total wins over the sum");
}

#[test]
fn a_full_disk_that_the_harness_survived_takes_nothing_away() {
    let report = settled(&facts(Exit::Code(1), Some(LimitHit::Disk)), Some(TWO), None, None);
    assert_eq!((report.status, shown(report.score)), (Status::Graded, "2.5".into()));
    // Whereas over the time limit it has no final word, even when it got to the end.
    let late = settled(&facts(Exit::Code(0), Some(LimitHit::CpuTime)), Some(TWO), None, None);
    assert_eq!((late.status, late.max_score), (Status::Partial, None));
}

#[test]
fn what_was_reported_before_the_time_was_over_counts_and_the_rest_has_failed_with_the_reason() {
    let lines = "{\"plan\": [{\"name\": \"a\", \"max_score\": 2}, {\"name\": \"b\", \"max_score\": 3}]}\n\
                 {\"test\": {\"name\": \"a\", \"score\": 2, \"max_score\": 2}}\n";
    let report = settled(&out_of_time(), None, Some(lines), None);
    assert_eq!(report.status, Status::Partial);
    assert_eq!((shown(report.score), shown(report.max_score)), ("2".into(), "5".into()));
    let missing = &report.tests[1];
    assert_eq!((missing.name.as_str(), missing.status.as_deref()), ("b", Some("failed")));
    assert!(missing.not_reported.as_ref().unwrap().contains("wall time limit"), "{missing:?}");
    assert!(report.reason.unwrap().contains("wall time limit"));
}

#[test]
fn a_run_that_died_never_has_full_marks() {
    // Nobody planned, so nobody knows what is missing.
    let report = settled(&out_of_time(), Some(TWO), None, None);
    assert_eq!((report.status, report.max_score), (Status::Partial, None));
    // A total written ahead is not taken.
    let ahead = settled(&out_of_time(), Some(r#"{"score": 100}"#), None, None);
    assert_eq!((ahead.status, shown(ahead.score), ahead.max_score), (Status::Failed, "0".into(), None));
    let ahead = settled(&out_of_time(), Some(r#"{"score": 100}"#), None, Some(&plan(&[("a", 2), ("b", 3)])));
    assert_eq!(
        (ahead.status, shown(ahead.score), shown(ahead.max_score)),
        (Status::Failed, "0".into(), "5".into())
    );
    // Half of results.json was written.
    let cut = settled(&out_of_time(), Some(&TWO[..40]), None, Some(&plan(&[("a", 2)])));
    assert_eq!((cut.status, shown(cut.score)), (Status::Failed, "0".into()));
    assert!(cut.diagnostics[0].message.contains("no JSON"));
    let done = "{\"test\": {\"name\": \"a\", \"score\": 2, \"max_score\": 2}}\n{\"done\": true}\n";
    assert_eq!(settled(&out_of_time(), None, Some(done), None).status, Status::Partial);
}

#[test]
fn no_results_is_a_failure_with_its_reason_and_zero() {
    for (facts, results, why) in [
        (ended(0), None, "status 0 and left no results"),
        (ended(127), None, "status 127 and left no results"),
        (ended(0), Some("nonsense"), "left results that cannot be read"),
        (facts(Exit::Signal(11), None), None, "SIGSEGV"),
    ] {
        let report = settled(&facts, results, None, None);
        assert_eq!((report.status, shown(report.score)), (Status::Failed, "0".into()));
        assert!(report.reason.as_ref().unwrap().contains(why), "{:?}", report.reason);
    }
    let facts = ended(0);
    let ended = checker::classify(&facts, &Limits::run_defaults());
    let link = Left::Refused("is a symbolic link".into());
    let left = Leavings { results: link, lines: Left::Absent, facts: &facts, ended: &ended };
    let report = settle(&left, Schema::Gradescope, None);
    assert_eq!(report.status, Status::Failed);
    assert!(report.diagnostics[0].message.contains("symbolic link"));
}

#[test]
fn lines_and_done_are_enough_and_without_done_they_are_not() {
    let lines = "{\"test\": {\"name\": \"a\", \"score\": 2, \"max_score\": 2}}\n";
    assert_eq!(settled(&ended(0), None, Some(lines), None).status, Status::Partial);
    let report = settled(&ended(0), None, Some(&format!("{lines}{{\"done\": true}}\n")), None);
    assert_eq!((report.status, shown(report.max_score)), (Status::Graded, "2".into()));
}

#[test]
fn a_plan_of_the_harness_bounds_what_results_may_claim() {
    let claims = r#"{"score": 1000, "tests": [
        {"name": "a", "score": 50, "max_score": 50, "visibility": "visible"},
        {"name": "b", "score": 3, "max_score": 300}, {"name": "b", "score": 3},
        {"name": "gift", "score": 99, "max_score": 1}]}"#;
    let mut plan = plan(&[("a", 2), ("b", 3), ("c", 5)]);
    plan[1].visibility = Visibility::Hidden;
    let report = settled(&ended(0), Some(claims), None, Some(&plan));
    assert_eq!((shown(report.score), shown(report.max_score)), ("3".into(), "10".into()));
    assert_eq!(report.tests.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(report.tests[1].visibility, Visibility::Hidden, "never shown earlier than planned");
    assert_eq!(report.diagnostics.len(), 4, "{:?}", report.diagnostics);
}

#[test]
fn prairielearn_scores_are_parts_of_one() {
    let facts = ended(0);
    let classified = checker::classify(&facts, &Limits::run_defaults());
    let score = |results: &str, facts: &RunFacts, ended: &Classified, plan: Option<&[Planned]>| {
        let left = Leavings { results: left(Some(results)), lines: Left::Absent, facts, ended };
        let report = settle(&left, Schema::PrairieLearn, plan);
        (report.status, shown(report.score), shown(report.max_score))
    };
    let tests = r#"{"tests": [{"name": "a", "points": 1, "max_points": 1}]}"#;
    assert_eq!(
        score(r#"{"score": 0.5}"#, &facts, &classified, None),
        (Status::Graded, "0.5".into(), "1".into())
    );
    let ungradable = score(r#"{"gradable": false}"#, &facts, &classified, None);
    assert_eq!(ungradable, (Status::Ungradable, "-".into(), "-".into()));
    let facts = out_of_time();
    let classified = checker::classify(&facts, &Limits::run_defaults());
    assert_eq!(score(tests, &facts, &classified, None), (Status::Partial, "0".into(), "1".into()));
    let four = plan(&[("a", 1), ("b", 3)]);
    assert_eq!(score(tests, &facts, &classified, Some(&four)), (Status::Partial, "0.25".into(), "1".into()));
}

#[test]
fn what_had_no_word_of_its_own_is_shown_no_earlier_than_all_of_it() {
    // The harness died after results.json, which hides all; what lines and plans say nothing of follows that.
    let results = r#"{"visibility": "after_due_date", "tests": [
        {"name": "compiles", "score": 1, "visibility": "visible"}, {"name": "a", "score": 1}]}"#;
    let lines = "{\"test\": {\"name\": \"b\", \"score\": 1}}\n";
    let planned = plan(&[("compiles", 1), ("a", 1), ("b", 1), ("c", 1)]);
    let report = settled(&out_of_time(), Some(results), Some(lines), Some(&planned));
    let seen: Vec<_> = report.tests.iter().map(|t| (t.name.as_str(), t.visibility)).collect();
    use Visibility::{AfterDueDate, Visible};
    assert_eq!(seen, [("compiles", Visible), ("a", AfterDueDate), ("b", AfterDueDate), ("c", AfterDueDate)],);
    // In PrairieLearn's format a test cannot say it; the line of the plan does for all.
    let facts = ended(0);
    let classified = checker::classify(&facts, &Limits::run_defaults());
    let lines = "{\"plan\": [], \"visibility\": \"hidden\"}\n\
                 {\"test\": {\"name\": \"a\", \"points\": 1, \"max_points\": 1}}\n{\"done\": true}\n";
    let left =
        Leavings { results: Left::Absent, lines: left(Some(lines)), facts: &facts, ended: &classified };
    let report = settle(&left, Schema::PrairieLearn, None);
    assert_eq!((report.tests.len(), report.tests[0].visibility), (1, Visibility::Hidden));
}
