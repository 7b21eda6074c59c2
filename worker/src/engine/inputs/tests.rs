//! What comes of a package's own data, over prepared facts.

use std::sync::Arc;

use problem::Problem;
use proto::facts::{Exit, LimitHit};

use super::*;
use crate::testing::{FakeRunner, compiled, engine, is_compile, ran, stdin_of, too_slow};

/// A package with these files beside a sound core whose inputs start with `ok`.
fn package(files: &[(&str, &str)]) -> (tempfile::TempDir, Problem) {
    let folder = tempfile::tempdir().unwrap();
    let core = [
        ("problem.yaml", "problem_format_version: 2025-09\nname: V\nuuid: u\nlimits: {time_limit: 1}\n"),
        ("data/sample/1.in", "ok 1"),
        ("data/sample/1.ans", "right"),
        ("data/secret/1.in", "ok 2"),
        ("data/secret/1.ans", "right"),
    ];
    for (path, text) in core.iter().chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let loaded = problem::read_dir(folder.path()).unwrap_or_else(|e| panic!("{e}"));
    (folder, loaded.problem)
}

/// Input validators accept what starts with `ok`, spin on `spin` and end by a signal on `die`. The output
/// validator accepts what starts with `right`, and breaks on `break`.
async fn validate(problem: &Problem) -> Vec<String> {
    let runner = FakeRunner::new(|spec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        if let Some((status, said)) = specification::played(spec) {
            return Ok(ran(Exit::Code(status), &said));
        }
        let said = stdin_of(spec);
        let status = match said.split(' ').next().unwrap_or_default() {
            "ok" | "right" => 42,
            "spin" => return Ok(too_slow(spec)),
            "die" => return Ok(ran(Exit::Signal(11), "")),
            "break" => 1,
            _ => 43,
        };
        Ok(ran(Exit::Code(status), "first line\nodd byte\n"))
    });
    let mut asked = 0;
    let found = engine(Arc::clone(&runner) as _).validate(problem, 3, |done, _| asked = done).await.unwrap();
    assert!(asked > 0 || problem.probes.is_empty() && problem.input_validators.is_empty());
    found.iter().map(ToString::to_string).collect()
}

const CHECKED: (&str, &str) = ("input_validators/check.cpp", "int main() {}");
const CUSTOM: (&str, &str) = ("output_validator/v.cpp", "int main() {}");

#[tokio::test]
async fn a_sound_package_has_no_finding() {
    let files = [
        CHECKED,
        CUSTOM,
        ("data/invalid_input/a.in", "bad"),
        ("data/invalid_output/a.in", "ok"),
        ("data/invalid_output/a.ans", "right"),
        ("data/invalid_output/a.out", "wrong"),
        ("data/valid_output/a.in", "ok"),
        ("data/valid_output/a.ans", "right"),
        ("data/valid_output/a.out", "right too"),
    ];
    let (_folder, problem) = package(&files);
    assert_eq!(validate(&problem).await, [""; 0]);
}

#[tokio::test]
async fn every_input_must_pass_and_what_must_be_rejected_is() {
    for (path, text, want) in [
        (
            "data/secret/1.in",
            "bad",
            "error: data/secret/1.in: input_validators/check.cpp does not accept it: exit status 43: odd byte",
        ),
        ("data/sample/1.in", "die", "error: data/sample/1.in: input_validators/check.cpp broke on it"),
        ("data/secret/1.in", "spin", "input_validators/check.cpp broke on it"),
        ("data/invalid_input/a.in", "ok", "error: data/invalid_input/a.in: no input validator rejects it"),
        (
            "data/invalid_input/a.in",
            "die",
            "error: data/invalid_input/a.in: input_validators/check.cpp broke on it",
        ),
    ] {
        let (_folder, problem) = package(&[CHECKED, (path, text)]);
        let found = validate(&problem).await;
        assert!(found.len() == 1 && found[0].contains(want), "{path} {text}: {found:?}");
    }
}

#[tokio::test]
async fn one_of_several_input_validators_is_enough_to_reject_and_all_must_accept() {
    let second = ("input_validators/second.cpp", "int main() {}");
    let (_folder, problem) =
        package(&[CHECKED, second, ("data/secret/1.in", "bad"), ("data/invalid_input/a.in", "no")]);
    let found = validate(&problem).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|f| f.contains("data/secret/1.in")), "{found:?}");
}

#[tokio::test]
async fn outputs_come_out_as_their_folder_says() {
    let wrong = [
        ("data/invalid_output/a.in", "ok"),
        ("data/invalid_output/a.ans", "right"),
        ("data/invalid_output/a.out", "right"),
        ("data/valid_output/b.in", "ok"),
        ("data/valid_output/b.ans", "right"),
        ("data/valid_output/b.out", "wrong"),
        ("data/valid_output/c.in", "ok"),
        ("data/valid_output/c.ans", "right"),
        ("data/valid_output/c.out", "break"),
    ];
    let (_folder, problem) = package(&[&[CHECKED, CUSTOM][..], &wrong].concat());
    let found = validate(&problem).await;
    for (at, want) in [
        "data/invalid_output/a.out: the output validator has to reject it",
        "data/valid_output/b.out: the output validator has to accept it",
        "data/valid_output/c.out: the output validator broke on it",
    ]
    .iter()
    .enumerate()
    {
        assert!(found.get(at).is_some_and(|f| f.contains(want)), "{want}: {found:?}");
    }
    assert_eq!(found.len(), 3, "{found:?}");
    // The default validator is asked the same way, without a box.
    let (_folder, problem) = package(&[&[CHECKED][..], &wrong[..6]].concat());
    assert_eq!(validate(&problem).await.len(), 2);
}

#[tokio::test]
async fn answers_are_tried_as_outputs_and_must_pass_where_they_are_shown() {
    for (files, want) in [
        (vec![("data/secret/1.ans", "odd")], "warning: data/secret/1.ans"),
        (vec![("data/secret/1.ans", "break")], "error: data/secret/1.ans"),
        (vec![("data/sample/1.ans", "odd")], "error: data/sample/1.ans"),
        (vec![("data/sample/1.out", "odd")], "error: data/sample/1.out"),
        (vec![("data/sample/1.ans", "odd"), ("data/sample/1.out", "right")], ""),
        (vec![("data/sample/1.ans", "odd"), ("data/sample/1.ans.statement", "x")], ""),
    ] {
        let (_folder, problem) = package(&[&[CHECKED, CUSTOM][..], &files].concat());
        let found = validate(&problem).await;
        let right =
            if want.is_empty() { found.is_empty() } else { found.len() == 1 && found[0].starts_with(want) };
        assert!(right, "{files:?}: {found:?}");
    }
}

#[tokio::test]
async fn a_package_without_input_validators_is_told_and_its_invalid_inputs_are_errors() {
    let (_folder, problem) = package(&[("data/invalid_input/a.in", "bad")]);
    let found = validate(&problem).await;
    assert!(found[0].starts_with("warning: input_validators: "), "{found:?}");
    assert!(found[1].starts_with("error: data/invalid_input/a.in: "), "{found:?}");
}

#[tokio::test]
async fn a_validator_that_cannot_be_used_is_named() {
    let (_folder, problem) = package(&[("input_validators/check.xyz", "?")]);
    let found = validate(&problem).await;
    assert!(found.len() == 1 && found[0].contains("error: input_validators/check.xyz"), "{found:?}");
}

const SPECIFIED: (&str, &str) =
    ("input_validators/check.ctd", "STRING(\"ok \") INT(1,9,n)\nIF(n > 8) INT(0,\"x\") END");

#[tokio::test]
async fn a_checktestdata_specification_accepts_and_rejects_beside_programs() {
    let (_folder, problem) = package(&[CHECKED, SPECIFIED, ("data/invalid_input/a.in", "ok 10")]);
    assert_eq!(validate(&problem).await, [""; 0]);
    for (path, text, want) in [
        (
            "data/secret/1.in",
            "ok 0",
            "error: data/secret/1.in: input_validators/check.ctd does not accept it: line 1, column 4: 0 is out of \
             range; an integer from 1 to 9 is asked for (specification 1:15)",
        ),
        ("data/invalid_input/a.in", "ok 7", "data/invalid_input/a.in: no input validator rejects it"),
        (
            "data/sample/1.in",
            "ok 9",
            "data/sample/1.in: input_validators/check.ctd broke on it: 2:17: an integer is needed",
        ),
    ] {
        let (_folder, problem) = package(&[SPECIFIED, (path, text)]);
        let found = validate(&problem).await;
        assert!(found.len() == 1 && found[0].contains(want), "{path} {text}: {found:?}");
    }
}

#[tokio::test]
async fn a_specification_is_asked_in_a_box_of_its_own_for_each_input_and_nowhere_else() {
    // One that rejects everything; its box, which accepts everything, has the word.
    let (_folder, problem) = package(&[("input_validators/check.ctd", "STRING(\"never\")")]);
    // As a judge that was killed leaves it.
    let left = tempfile::Builder::new().prefix("tribunal-own-").tempdir().unwrap().keep();
    let runner = FakeRunner::new(|spec| {
        assert!(specification::played(spec).is_some(), "{:?}", spec.argv);
        Ok(ran(Exit::Code(42), ""))
    });
    let found = engine(Arc::clone(&runner) as _).validate(&problem, 3, |_, _| ()).await.unwrap();
    assert_eq!(found, []);
    assert!(!left.exists(), "what was left takes room");
    let runs = runner.runs.lock().unwrap();
    assert_eq!(runs.len(), 2, "one for each input");
    for spec in runs.iter() {
        let [own] = &spec.root.lower[..] else { panic!("{:?}", spec.root) };
        assert!(spec.root.binds.is_empty() && !own.exists(), "the tree goes with the engine");
        assert_eq!((spec.profile, spec.writable, spec.env.len()), (sandbox::spec::Profile::Strict, false, 0));
        assert_eq!(spec.limits.cpu_time, problem.limits.validation_time);
        assert_eq!(spec.limits.memory, problem.limits.validation_memory);
    }
}

#[tokio::test]
async fn nothing_asked_of_a_package_runs_beside_a_run_that_must_be_alone() {
    use futures::FutureExt as _;
    let everything = ("input_validators/all.ctd", "REGEX(\".*\")");
    let (_folder, problem) = package(&[CHECKED, CUSTOM, everything]);
    let floor = Arc::new(std::sync::OnceLock::<Arc<crate::floor::Floor>>::new());
    let seen = Arc::clone(&floor);
    let runner = FakeRunner::new(move |spec| {
        let alone = seen.get().unwrap().alone().now_or_never();
        assert!(alone.is_none(), "{:?} has no place on the floor", spec.argv);
        Ok(if is_compile(spec) { compiled() } else { ran(Exit::Code(42), "") })
    });
    let engine = engine(Arc::clone(&runner) as _);
    floor.set(Arc::clone(engine.floor())).unwrap();
    assert_eq!(engine.validate(&problem, 1, |_, _| ()).await.unwrap(), []);
    assert!(runner.commands().len() > 5, "two compilers, two validators of two inputs, one of answers");
    assert!(engine.floor().alone().now_or_never().is_some(), "every place was given back");
}

#[tokio::test]
async fn a_specification_whose_box_ends_otherwise_is_at_fault_by_name_and_what_we_failed_at_is_ours() {
    let (_folder, problem) = package(&[SPECIFIED]);
    type Played = fn(&sandbox::spec::RunSpec) -> sandbox::spec::RunOutcome;
    let ends: [(Played, &str); 4] = [
        (too_slow, "cpu time"),
        (|_| ran(Exit::Signal(11), ""), "signal 11"),
        (|_| ran(Exit::Code(0), ""), "ended without an answer"),
        (|_| ran(Exit::Code(101), ""), "101"),
    ];
    for (end, want) in ends {
        let ending = engine(FakeRunner::new(move |spec| Ok(end(spec))) as _);
        let found = ending.validate(&problem, 1, |_, _| ()).await.unwrap();
        let first = found[0].to_string();
        let by_name = "error: data/sample/1.in: input_validators/check.ctd broke on it: ";
        assert!(first.starts_with(by_name) && first.contains(want), "{want}: {first}");
    }
    let unread = engine(FakeRunner::new(|_| Ok(ran(Exit::Code(45), "gone"))) as _);
    let error = unread.validate(&problem, 1, |_, _| ()).await.unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}

#[tokio::test]
async fn a_specification_that_is_not_of_the_language_is_told_with_its_line() {
    let wrong = ("input_validators/check.ctd", "INT(1,9)\nINT(2,)");
    let (_folder, problem) = package(&[CHECKED, wrong]);
    let want = "error: input_validators/check.ctd:2: column 7: a value is needed here, not `)`";
    assert_eq!(validate(&problem).await, [want]);
}

#[tokio::test]
async fn constants_of_the_package_stand_in_specifications_too() {
    let (_folder, problem) = package(&[
        (
            "problem.yaml",
            "problem_format_version: 2025-09\nname: V\nuuid: u\nconstants: {most: 2}\nlimits: {time_limit: 1}\n",
        ),
        ("input_validators/check.ctd", "STRING(\"ok \") INT(1,{{most}})"),
        ("data/invalid_input/a.in", "ok 3"),
    ]);
    assert_eq!(validate(&problem).await, [""; 0]);
}

#[test]
fn a_named_validator_gets_its_own_words_and_others_get_none() {
    let named = InputArgs::Named([("check".to_owned(), vec!["a".to_owned()])].into());
    assert_eq!(args_of(&named, "input_validators/check.py"), ["a"]);
    assert!(args_of(&named, "input_validators/other.py").is_empty());
    assert_eq!(args_of(&InputArgs::All(vec!["b".to_owned()]), "input_validators/x"), ["b"]);
}

#[test]
fn a_run_without_evidence_is_our_failure() {
    let mut outcome = ran(Exit::Code(42), "");
    outcome.facts.exit = None;
    assert!(said(&outcome, &Limits::compile_defaults()).is_err());
    assert_eq!(said(&ran(Exit::Code(42), ""), &Limits::compile_defaults()), Ok(Said::Accepts));
    let mut over = ran(Exit::Code(42), "");
    over.facts.limit_events =
        vec![proto::facts::LimitEvent { limit: LimitHit::Output, observed_ns: 1, value: 2, bound: 1 }];
    assert!(matches!(said(&over, &Limits::compile_defaults()), Ok(Said::Fault(_))));
}
