//! Scored problems through the engine, over prepared facts: what is run, what is left out, what it is worth.

use std::sync::Arc;

use problem::Problem;
use proto::facts::Exit;
use proto::job::SourceFile;
use proto::report::Judgement;
use proto::verdict::Verdict;

use super::{Against, Submission};
use crate::testing::{FakeRunner, compiled, engine, is_compile, ran, stdin_of};

use Verdict::{AC, CE, PA, SK, WA};

/// Group `a` (20, all or nothing), `b` (60, a share for each of three, needs `a`), `c` (20, the worst of two).
/// A case is right when its input is `right`; the program gives its input back.
fn problem(cases: [&str; 7]) -> (tempfile::TempDir, Problem) {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put(
        "problem.yaml",
        "problem_format_version: 2025-09\nname: S\nuuid: u\ntype: scoring\nlimits: {time_limit: 1}\n",
    );
    put("data/secret/a/test_group.yaml", "max_score: 20\n");
    put("data/secret/b/test_group.yaml", "max_score: 60\nscore_aggregation: sum\nrequire_pass: secret/a\n");
    put("data/secret/c/test_group.yaml", "max_score: 20\nscore_aggregation: min\n");
    let names = ["a/1", "a/2", "b/1", "b/2", "b/3", "c/1", "c/2"];
    for (name, input) in names.iter().zip(cases) {
        put(&format!("data/secret/{name}.in"), input);
        put(&format!("data/secret/{name}.ans"), "right");
    }
    let loaded = problem::read_dir(folder.path()).unwrap_or_else(|e| panic!("{e}"));
    (folder, loaded.problem)
}

async fn judge(cases: [&str; 7], all: bool, only: &[&str]) -> (Judgement, usize) {
    let (_folder, problem) = problem(cases);
    let runner = FakeRunner::new(|spec| {
        Ok(if is_compile(spec) { compiled() } else { ran(Exit::Code(0), &stdin_of(spec)) })
    });
    let submission = Submission {
        language: "cpp".to_owned(),
        files: vec![SourceFile { name: "a.cpp".to_owned(), content: b"int main() {}".to_vec() }],
        all,
        only: only.iter().map(|name| (*name).to_owned()).collect(),
    };
    let against = Against::Problem(Arc::new(problem));
    let judged = engine(Arc::clone(&runner) as _)
        .with_parallel_cases(if all { 3 } else { 1 })
        .judge(&submission, &against, &mut |_| {})
        .await
        .unwrap();
    (judged, runner.commands().len() - 1)
}

fn verdicts(judgement: &Judgement) -> Vec<Verdict> {
    judgement.tests.iter().map(|t| t.verdict).collect()
}

const R: &str = "right";
const W: &str = "wrong";

#[tokio::test]
async fn a_right_program_has_the_whole_score() {
    let (judged, runs) = judge([R; 7], false, &[]).await;
    assert_eq!((judged.verdict, judged.score.as_deref(), runs), (AC, Some("100"), 7));
    assert_eq!(judged.max_score.as_deref(), Some("100"));
    let scores: Vec<_> = judged.tests.iter().map(|t| t.score.as_deref().unwrap_or("-")).collect();
    assert_eq!(scores, ["-", "-", "20", "20", "20", "20", "20"]);
    let groups: Vec<_> =
        judged.groups.iter().map(|g| (g.name.as_str(), g.score.as_deref(), g.max_score.as_deref())).collect();
    assert_eq!(
        groups,
        [
            ("secret", Some("100"), Some("100")),
            ("secret/a", Some("20"), Some("20")),
            ("secret/b", Some("60"), Some("60")),
            ("secret/c", Some("20"), Some("20")),
        ]
    );
}

#[tokio::test]
async fn a_group_with_nothing_to_lose_ends_and_the_others_go_on() {
    let (judged, runs) = judge([R, R, W, R, R, W, R], false, &[]).await;
    assert_eq!((judged.verdict, judged.score.as_deref()), (PA, Some("60")));
    assert_eq!((verdicts(&judged), runs), (vec![AC, AC, WA, AC, AC, WA, SK], 6));
    assert_eq!(judged.tests[6].reason.as_deref(), Some("secret/c/1 decided its group"));
}

#[tokio::test]
async fn a_group_that_requires_a_failed_one_is_never_run() {
    let (judged, runs) = judge([W, R, R, R, R, R, R], false, &[]).await;
    assert_eq!((judged.verdict, judged.score.as_deref()), (PA, Some("20")));
    assert_eq!((verdicts(&judged), runs), (vec![WA, SK, SK, SK, SK, AC, AC], 3));
    assert_eq!(judged.tests[2].reason.as_deref(), Some("secret/a had to pass first"));
    let (judged, _) = judge([W, R, R, R, R, R, R], true, &[]).await;
    assert_eq!(verdicts(&judged), [WA, AC, SK, SK, SK, AC, AC], "`all` does not run what must not be run");
    assert_eq!(judged.score.as_deref(), Some("20"));
}

#[tokio::test]
async fn cases_left_out_by_name_are_worth_nothing() {
    let (judged, runs) = judge([R; 7], false, &["secret/c"]).await;
    assert_eq!((judged.verdict, judged.score.as_deref(), runs), (PA, Some("20"), 2));
}

#[tokio::test]
async fn a_compile_error_has_no_points() {
    let (_folder, problem) = problem([R; 7]);
    let runner = FakeRunner::new(|_| Ok(ran(Exit::Code(1), "no")));
    let submission = Submission {
        language: "cpp".to_owned(),
        files: vec![SourceFile { name: "a.cpp".to_owned(), content: Vec::new() }],
        all: false,
        only: Vec::new(),
    };
    let against = Against::Problem(Arc::new(problem));
    let judged = engine(runner as _).judge(&submission, &against, &mut |_| {}).await.unwrap();
    assert_eq!((judged.verdict, judged.score.as_deref()), (CE, Some("0")));
}
