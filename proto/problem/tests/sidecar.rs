//! `tribunal.yaml`: what it adds to a package, and that a package without it is as before.

use std::fs;
use std::path::Path;

use problem::model::{Grading, Protocol, Sidecar, Validator};
use problem::read_dir;

fn package(root: &Path, files: &[(&str, &str)]) {
    let base = [
        (
            "problem.yaml",
            "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits: {time_limit: 1}\nallow_file_writing: true\n",
        ),
        ("data/secret/1.in", "1\n"),
        ("data/secret/1.ans", "1\n"),
    ];
    for (path, text) in base.iter().chain(files) {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }
}

fn sidecar(files: &[(&str, &str)]) -> Sidecar {
    let dir = tempfile::tempdir().unwrap();
    package(dir.path(), files);
    read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}")).problem.sidecar
}

#[test]
fn a_package_without_it_is_judged_by_the_format_alone() {
    assert_eq!(sidecar(&[]), Sidecar::default());
    assert_eq!(sidecar(&[("tribunal.yaml", "")]), Sidecar::default());
}

#[test]
fn every_key_reaches_the_model() {
    let files = sidecar(&[("tribunal.yaml", "checker: lines\ninput_file: a.in\noutput_file: a.out\n")]);
    assert_eq!(files.checker.as_deref(), Some("lines"));
    assert_eq!((files.input_file.as_deref(), files.output_file.as_deref()), (Some("a.in"), Some("a.out")));
    let testlib = sidecar(&[
        ("tribunal.yaml", "validator_protocol: testlib\n"),
        ("output_validator/check.cpp", "int main() {}\n"),
    ]);
    assert_eq!(testlib.protocol, Protocol::Testlib);
}

#[test]
fn an_interactor_and_its_checker_are_two_programs_that_share_headers() {
    let dir = tempfile::tempdir().unwrap();
    let talks = (
        "problem.yaml",
        "problem_format_version: 2025-09\nname: B\nuuid: u\ntype: interactive\nlimits: {time_limit: 1}\n",
    );
    let sources = [
        ("output_validator/talk.cpp", ""),
        ("output_validator/check.cpp", ""),
        ("output_validator/testlib.h", ""),
    ];
    let named = ("tribunal.yaml", "validator_protocol: testlib\ninteractor: talk.cpp\n");
    package(dir.path(), &[&[talks, named][..], &sources].concat());
    let problem = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}")).problem;
    let Validator::Custom(programs) = problem.validator else { panic!() };
    let names = |at: usize| programs[at].files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!((names(0), names(1)), (vec!["talk.cpp", "testlib.h"], vec!["check.cpp", "testlib.h"]));
    std::fs::remove_file(dir.path().join("output_validator/check.cpp")).unwrap();
    let problem = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}")).problem;
    assert!(matches!(problem.validator, Validator::Custom(only) if only.len() == 1));
    for (files, words) in [
        (
            &[talks, sources[0], ("tribunal.yaml", "validator_protocol: testlib\ninteractor: none.cpp\n")][..],
            "a source file",
        ),
        (
            &[talks, sources[0], ("tribunal.yaml", "interactor: talk.cpp\n")],
            "with `validator_protocol: testlib`",
        ),
        (&[sources[0], named], "for an `interactive` problem"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        package(dir.path(), files);
        let refused = read_dir(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("tribunal.yaml:") && refused.contains(words), "{refused}");
    }
}

#[test]
fn a_point_of_max_score_is_worth_a_score_unit() {
    let scoring = (
        "problem.yaml",
        "problem_format_version: 2025-09\nname: B\nuuid: u\ntype: scoring\nlimits: {time_limit: 1}\n",
    );
    let group = ("data/secret/test_group.yaml", "max_score: 1125\n");
    for (unit, max) in [("0.1", "112.5"), ("0.001", "1.125"), ("1e-9", "0.000001125")] {
        let dir = tempfile::tempdir().unwrap();
        package(dir.path(), &[scoring, group, ("tribunal.yaml", &format!("score_unit: {unit}\n"))]);
        let problem = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}")).problem;
        let Grading::Aggregate { max: Some(found), .. } = problem.groups[0].grading else { panic!() };
        assert_eq!(found.to_string(), max, "{unit}");
    }
    for (files, words) in [
        (&[scoring, ("tribunal.yaml", "score_unit: 0.5\n")][..], "`score_unit` is `0.5`; 0.1, 0.01"),
        (&[scoring, ("tribunal.yaml", "score_unit: 1\n")], "`score_unit` is `1`"),
        (&[scoring, ("tribunal.yaml", "score_unit: tenth\n")], "`score_unit` is `tenth`"),
        (&[("tribunal.yaml", "score_unit: 0.1\n")], "pass-fail or legacy"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        package(dir.path(), files);
        let refused = read_dir(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("tribunal.yaml:1") && refused.contains(words), "{refused}");
    }
}

#[test]
fn two_checkers_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    package(
        dir.path(),
        &[("tribunal.yaml", "checker: exact\n"), ("output_validator/check.cpp", "int main() {}\n")],
    );
    assert!(read_dir(dir.path()).unwrap_err().to_string().contains("tribunal.yaml:1"));
}

#[test]
fn it_is_part_of_the_digest() {
    let dir = tempfile::tempdir().unwrap();
    package(dir.path(), &[]);
    let before = problem::digest_dir(dir.path()).unwrap();
    fs::write(dir.path().join("tribunal.yaml"), "checker: exact\n").unwrap();
    assert_ne!(before, problem::digest_dir(dir.path()).unwrap());
}
