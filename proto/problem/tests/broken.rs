//! Broken packages, one kind a row: each is refused with a finding that names the place, and nothing panics.
//!
//! A row is a whole package with a few files changed. Kinds that a table cannot hold (links, names that are
//! no text, crowds) are functions below it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use problem::{PackageError, read_dir};

/// Which sound package a row spoils.
#[derive(Clone, Copy, Debug)]
enum Base {
    /// 2025-09, pass-fail.
    New,
    /// 2025-09, scoring: groups `a` (min, 40) and `b` (sum, 60).
    Scored,
    /// Legacy, pass-fail.
    Old,
    /// Legacy, scoring, with a grader of its own in reach.
    OldScored,
}
use Base::{New, Old, OldScored, Scored};

/// Content that takes the file away.
const GONE: &str = "\0gone";
const HEAD: &str = "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits: {time_limit: 1}\n";
const CASE: [(&str, &str); 3] =
    [("data/secret/1.in", "1\n"), ("data/secret/1.ans", "1\n"), ("submissions/accepted/a.py", "print(1)\n")];
const SCORED: [(&str, &str); 9] = [
    ("data/secret/a/1.in", "1\n"),
    ("data/secret/a/1.ans", "1\n"),
    ("data/secret/a/test_group.yaml", "max_score: 40\n"),
    ("data/secret/b/1.in", "1\n"),
    ("data/secret/b/1.ans", "1\n"),
    ("data/secret/b/test_group.yaml", "max_score: 60\nscore_aggregation: sum\nrequire_pass: secret/a\n"),
    ("data/sample/1.in", "1\n"),
    ("data/sample/1.ans", "1\n"),
    ("submissions/accepted/a.py", "print(1)\n"),
];

impl Base {
    fn write(self, root: &Path) {
        let manifest = match self {
            New => HEAD.to_owned(),
            Scored => format!("{HEAD}type: scoring\n"),
            Old => "name: B\n".to_owned(),
            OldScored => "name: B\ntype: scoring\n".to_owned(),
        };
        put(root, "problem.yaml", &manifest);
        let files = if matches!(self, Scored) { &SCORED[..] } else { &CASE[..] };
        for (path, text) in files {
            put(root, path, text);
        }
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let at = root.join(path);
    if text == GONE {
        fs::remove_file(&at).unwrap();
        return;
    }
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
}

type Row = (Base, &'static str, &'static str, (&'static str, Option<u32>, &'static str));

/// Base, file to change, its new content (`+` in front: added to the end), and where the finding must be.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // problem.yaml, every key wrong in its own way
    (New, "problem.yaml", GONE, ("problem.yaml", None, "missing")),
    (New, "problem.yaml", "a: [", ("problem.yaml", Some(1), "not valid YAML")),
    (New, "problem.yaml", "- a\n", ("problem.yaml", Some(1), "a list; a mapping")),
    (New, "problem.yaml", "+name: C\n", ("problem.yaml", Some(5), "is there before in the same mapping")),
    (New, "problem.yaml", "+colour: red\n", ("problem.yaml", Some(5), "unknown key `colour`")),
    (New, "problem.yaml", "problem_format_version: 2031-01\nname: x\n", ("problem.yaml", Some(1), "no format version")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nuuid: u\n", ("problem.yaml", None, "`name` is missing")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nuuid: u\nname: [a]\n", ("problem.yaml", Some(3), "`name` is not a text")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nuuid: u\nname: {en: [x]}\n", ("problem.yaml", Some(3), "holds no text")),
    (New, "problem.yaml", "+type: guessing\n", ("problem.yaml", Some(5), "`type` is `guessing`")),
    (New, "problem.yaml", "+type: [pass-fail, scoring]\n", ("problem.yaml", Some(5), "only one")),
    (New, "problem.yaml", "+type: []\n", ("problem.yaml", Some(5), "names nothing")),
    (New, "problem.yaml", "+type: [submit-answer, interactive]\n", ("problem.yaml", None, "cannot be `interactive`")),
    (New, "problem.yaml", "+type: interactive\n", ("output_validator", None, "needs an output validator")),
    (New, "problem.yaml", "+type: [pass-fail, multi-pass]\n", ("output_validator", None, "needs an output validator")),
    (New, "problem.yaml", "+type: {a: b}\n", ("problem.yaml", Some(5), "`type` is a mapping")),
    (New, "problem.yaml", "+uuid: [x]\n", ("problem.yaml", Some(5), "is there before in the same mapping")),
    (New, "tribunal.yaml", "validator_protocol: testlib\n", ("tribunal.yaml", Some(1), "has no output validator")),
    (New, "tribunal.yaml", "# x\nvalidator_protocol: polygon\n", ("tribunal.yaml", Some(2), "`testlib` or `default`")),
    (New, "tribunal.yaml", "input_file: a\nchecker: 1\n", ("tribunal.yaml", Some(2), "one of default, exact")),
    (New, "tribunal.yaml", "checker: best\n", ("tribunal.yaml", Some(1), "one of default, exact")),
    (New, "tribunal.yaml", "input: a\n", ("tribunal.yaml", Some(1), "unknown key `input`")),
    (New, "tribunal.yaml", "input_file: ../a\n", ("tribunal.yaml", Some(1), "a plain file name")),
    (New, "tribunal.yaml", "input_file: .a\n", ("tribunal.yaml", Some(1), "a plain file name")),
    (New, "tribunal.yaml", "output_file: a\n", ("tribunal.yaml", Some(1), "`allow_file_writing: true`")),
    (Old, "tribunal.yaml", "input_file: a\noutput_file: a\n", ("tribunal.yaml", Some(1), "the same file")),
    (New, "problem.yaml", "+languages: []\n", ("problem.yaml", Some(5), "allows none")),
    (New, "problem.yaml", "+languages: {a: b}\n", ("problem.yaml", Some(5), "`languages` is a mapping")),
    (New, "problem.yaml", "+allow_file_writing: maybe\n", ("problem.yaml", Some(5), "`true` or `false`")),
    (New, "problem.yaml", "+embargo_until: tomorrow\n", ("problem.yaml", Some(5), "`embargo_until` is `tomorrow`")),
    (New, "problem.yaml", "+embargo_until: 2026-13-01\n", ("problem.yaml", Some(5), "YYYY-MM-DD")),
    (New, "problem.yaml", "+constants: [a]\n", ("problem.yaml", Some(5), "`constants` is a list")),
    (New, "problem.yaml", "+constants:\n  n-max: 3\n", ("problem.yaml", Some(6), "`constants.n-max` is no name")),
    (New, "problem.yaml", "+constants:\n  n: [1]\n", ("problem.yaml", Some(6), "`constants.n` is not a text")),
    // limits
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits: 3\n", ("problem.yaml", Some(4), "`limits` is `3`; a mapping")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  time_limit: 0\n", ("problem.yaml", Some(5), "`limits.time_limit` is `0`")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  time_limit: 1e-9\n", ("problem.yaml", Some(5), "cannot be kept")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  time_resolution: -1\n", ("problem.yaml", Some(5), "cannot be kept")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  time_multipliers: {ac_to_time_limit: 0.5}\n", ("problem.yaml", Some(5), "a factor of at least 1")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  time_multipliers: {ac: 2}\n", ("problem.yaml", Some(5), "unknown key `limits.time_multipliers.ac`")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  memory: 1.5\n", ("problem.yaml", Some(5), "`limits.memory` is `1.5`")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  output: lots\n", ("problem.yaml", Some(5), "`limits.output` is `lots`")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  code: -1\n", ("problem.yaml", Some(5), "`limits.code` is `-1`")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  validation_passes: 1\n", ("problem.yaml", Some(5), "at least 2")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  wall: 1\n", ("problem.yaml", Some(5), "unknown key `limits.wall`")),
    (Old, "problem.yaml", "+validation: strict\n", ("problem.yaml", Some(2), "`validation` is `strict`")),
    (Old, "problem.yaml", "+validation: custom fancy\n", ("problem.yaml", Some(2), "means nothing")),
    (Old, "problem.yaml", "+validation: custom\n", ("output_validators", None, "at least one program")),
    (Old, "problem.yaml", "+validator_flags: case_sensitve\n", ("problem.yaml", Some(2), "is not a flag")),
    (Old, "problem.yaml", "+grading: {objective: most}\n", ("problem.yaml", Some(2), "`grading.objective` is `most`")),
    (Old, ".timelimit", "soon\n", (".timelimit", Some(1), "`soon` is no time limit")),
    (Old, "domjudge-problem.ini", "\ntimelimit = 'x'\n", ("domjudge-problem.ini", Some(2), "`x` is no time limit")),
    // data
    (New, "data/secret/1.in", GONE, ("data", None, "no test cases")),
    (New, "data/secret/1.ans", GONE, ("data/secret/1.ans", None, "missing")),
    (New, "data/secret/1/x.txt", "", ("data/secret/1.in", None, "share a name")),
    (New, "data/secret/test_group.in", "", ("data/secret/test_group.ans", None, "missing")),
    (New, "data/secret/test_group.in", "", ("data/secret/test_group.in", None, "no case may be called `test_group`")),
    (New, "data/secret/1.yaml", "verdict: AC\n", ("data/secret/1.yaml", Some(1), "unknown key `verdict`")),
    (New, "data/secret/1.yaml", "hint: [x]\n", ("data/secret/1.yaml", Some(1), "`hint` is a list")),
    (New, "data/secret/1.yaml", "args: [[x]]\n", ("data/secret/1.yaml", Some(1), "a list of words")),
    (New, "data/secret/1.yaml", "input_validator_args: {v: {a: b}}\n", ("data/secret/1.yaml", Some(1), "`input_validator_args.v`")),
    (New, "data/secret/1.yaml", "output_validator_args: [float_tolerance]\n", ("data/secret/1.yaml", Some(1), "needs a number")),
    (New, "data/secret/1.yaml", "full_feedback: 1\n", ("data/secret/1.yaml", Some(1), "`true` or `false`")),
    (New, "data/secret/testdata.yaml", "", ("data/secret/testdata.yaml", None, "`test_group.yaml`")),
    (New, "data/test_group.yaml", "", ("data/test_group.yaml", None, "test groups are")),
    (New, "data/secret/g/test_group.yaml", "", ("data/secret/g", None, "no test case")),
    (New, "data/invalid_output/1.in", "", ("data/invalid_output/1.out", None, "missing")),
    (New, "data/valid_output/x/1.in", "", ("data/valid_output/x/1.ans", None, "missing")),
    (Old, "data/test_group.yaml", "", ("data/test_group.yaml", None, "`testdata.yaml`")),
    (Old, "data/secret/testdata.yaml", "on_reject: stop\n", ("data/secret/testdata.yaml", Some(1), "`break` or `continue`")),
    (Old, "data/secret/testdata.yaml", "grading: mine\n", ("data/secret/testdata.yaml", Some(1), "`default` or `custom`")),
    // scoring
    (Scored, "data/secret/test_group.yaml", "max_score: -1\n", ("data/secret/test_group.yaml", Some(1), "`max_score` is `-1`")),
    (Scored, "data/secret/test_group.yaml", "max_score: 2.5\n", ("data/secret/test_group.yaml", Some(1), "`max_score` is `2.5`")),
    (Scored, "data/secret/test_group.yaml", "max_score: endless\n", ("data/secret/test_group.yaml", Some(1), "`max_score` is `endless`")),
    (Scored, "data/secret/test_group.yaml", "score_aggregation: avg\n", ("data/secret/test_group.yaml", Some(1), "`score_aggregation` is `avg`")),
    (Scored, "data/secret/test_group.yaml", "score_aggregation: pass-fail\n", ("data/secret/b/test_group.yaml", Some(1), "must be `pass-fail`")),
    (Scored, "data/secret/test_group.yaml", "max_score: unbounded\nscore_aggregation: pass-fail\n", ("data/secret/test_group.yaml", Some(1), "bounded `max_score`")),
    (Scored, "data/secret/test_group.yaml", "require_pass: secret/a\n", ("data/secret/test_group.yaml", Some(1), "must come earlier")),
    (Scored, "data/secret/a/test_group.yaml", "score_aggregation: min\n", ("data/secret/a/test_group.yaml", None, "is unbounded")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nrequire_pass: secret/b\n", ("data/secret/a/test_group.yaml", Some(2), "must come earlier")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nscore_aggregation: min\n", ("data/secret/b/test_group.yaml", Some(3), "must have `score_aggregation: pass-fail`")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nrequire_pass: [sample, x]\n", ("data/secret/a/test_group.yaml", Some(2), "names `x`")),
    (Scored, "data/sample/test_group.yaml", "max_score: 3\n", ("data/sample/test_group.yaml", Some(1), "not permitted here")),
    (Scored, "data/secret/b/c/test_group.yaml", "", ("data/secret/b/c/test_group.yaml", None, "test groups are")),
    (Scored, "data/secret/9.in", "", ("data/secret/9.in", None, "data/secret has groups")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nstatic_validation_score: pass-fail\n", ("data/secret/a/test_group.yaml", Some(2), "needs a program in static_validator")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nstatic_validator_args: [x]\n", ("data/secret/a/test_group.yaml", Some(2), "means nothing without")),
    (OldScored, "data/secret/testdata.yaml", "accept_score: much\n", ("data/secret/testdata.yaml", Some(1), "`accept_score` must be a number")),
    (OldScored, "data/secret/testdata.yaml", "range: 5\n", ("data/secret/testdata.yaml", Some(1), "`range` must be two numbers")),
    (OldScored, "data/secret/testdata.yaml", "range: 9 3\n", ("data/secret/testdata.yaml", Some(1), "the smaller first")),
    (OldScored, "data/testdata.yaml", "grading: custom\n", ("data/testdata.yaml", Some(1), "needs a program in graders/")),
    // programs and submissions
    (New, "output_validators/v.py", "", ("output_validators", None, "folder of legacy packages")),
    (New, "include/driver.py", "", ("include/driver.py", None, "named after a language code")),
    (New, "submissions/submissions.yaml", "accepted: 3\n", ("submissions/submissions.yaml", Some(1), "a mapping with keys")),
    (New, "submissions/submissions.yaml", "accepted:\n  permitted: [FINE]\n", ("submissions/submissions.yaml", Some(2), "is not a verdict")),
    (New, "submissions/submissions.yaml", "accepted/*:\n  permitted: [WA]\n", ("submissions/submissions.yaml", Some(2), "no verdict is left")),
    (New, "submissions/submissions.yaml", "'*/*':\n  use_for_time_limit: often\n", ("submissions/submissions.yaml", Some(2), "`use_for_time_limit`")),
    (Scored, "submissions/submissions.yaml", "accepted:\n  score: [9, 3]\n", ("submissions/submissions.yaml", Some(2), "`score` must be")),
    (New, "submissions/submissions.yaml", "accepted:\n  secret/*:\n    required: [NO]\n", ("submissions/submissions.yaml", Some(3), "is not a verdict")),
    // texts that are no YAML, or not the YAML that is meant
    (New, "problem.yaml", "name: B\nlimits:\n\ttime_limit: 1\n", ("problem.yaml", Some(3), "not valid YAML")),
    (New, "problem.yaml", "+---\nname: C\n", ("problem.yaml", Some(5), "a second YAML document")),
    (New, "problem.yaml", "+1: x\n", ("problem.yaml", Some(5), "unknown key `1`")),
    (New, "problem.yaml", "+? [a]\n: b\n", ("problem.yaml", Some(5), "not valid YAML")),
    (New, "problem.yaml", "+<<: *nobody\n", ("problem.yaml", Some(5), "not valid YAML")),
    (New, "problem.yaml", "problem_format_version: [2025-09]\n", ("problem.yaml", Some(1), "`problem_format_version` is a list")),
    (New, "problem.yaml", "problem_format_version: 2025-9\nname: x\n", ("problem.yaml", Some(1), "no format version")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nuuid: u\nname: '  '\n", ("problem.yaml", Some(3), "`name` is not a text")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nuuid: u\nname: {}\n", ("problem.yaml", Some(3), "holds no text")),
    (New, "problem.yaml", "+type: 5\n", ("problem.yaml", Some(5), "`type` is `5`")),
    (New, "problem.yaml", "+languages: [[cpp]]\n", ("problem.yaml", Some(5), "a list of words")),
    (New, "problem.yaml", "+embargo_until: 2026-02-28T25:00:00Z\n", ("problem.yaml", Some(5), "`embargo_until`")),
    (New, "problem.yaml", "+constants: {n: {variants: {a: b}}}\n", ("problem.yaml", Some(5), "`constants.n` has no `value`")),
    (New, "problem.yaml", "+constants: {n: {value: 1, b: [2]}}\n", ("problem.yaml", Some(5), "`constants.n` is not a text")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  time_limit: .nan\n", ("problem.yaml", Some(5), "is not a finite number")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  time_limit: 1e400\n", ("problem.yaml", Some(5), "is not a finite number")),
    (New, "problem.yaml", "problem_format_version: 2025-09\nname: B\nuuid: u\nlimits:\n  memory: 99999999999\n", ("problem.yaml", Some(5), "`limits.memory` is")),
    (New, "data/secret/1.yaml", "args: {a: b}\n", ("data/secret/1.yaml", Some(1), "`args` is a mapping")),
    (New, "data/secret/1.yaml", "x: &x [*x]\n", ("data/secret/1.yaml", Some(1), "not valid YAML")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 1e10\n", ("data/secret/a/test_group.yaml", Some(1), "`max_score` is `1e10`")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nrequire_pass: {a: b}\n", ("data/secret/a/test_group.yaml", Some(2), "`require_pass` is a mapping")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nstatic_validation_score: -1\n", ("data/secret/a/test_group.yaml", Some(2), "not negative")),
    (Scored, "data/secret/a/test_group.yaml", "max_score: 40\nhint: x\n", ("data/secret/a/test_group.yaml", Some(2), "unknown key `hint`")),
    (New, "submissions/submissions.yaml", "accepted: [a]\n", ("submissions/submissions.yaml", Some(1), "a mapping with keys")),
    (New, "submissions/submissions.yaml", "accepted:\n  model_solution: 3\n", ("submissions/submissions.yaml", Some(2), "`true` or `false`")),
    (New, "submissions/submissions.yaml", "accepted:\n  entrypoint: [x]\n", ("submissions/submissions.yaml", Some(2), "`accepted.entrypoint` is a list")),
    (New, "submissions/submissions.yaml", "accepted:\n  use_for_time_limit: upper\n", ("submissions/submissions.yaml", Some(2), "no rule permits it")),
    (Scored, "submissions/submissions.yaml", "accepted:\n  score: [1, 2, 3]\n", ("submissions/submissions.yaml", Some(2), "`score` must be")),
    (New, "tribunal.yaml", "- a\n", ("tribunal.yaml", Some(1), "a list; a mapping")),
    (Scored, "tribunal.yaml", "score_unit: 0.5\n", ("tribunal.yaml", Some(1), "`score_unit` is `0.5`")),
    (New, "tribunal.yaml", "interactor: a.cpp\n", ("tribunal.yaml", Some(1), "`interactor` is for an `interactive` problem")),
    (Old, "problem.yaml", "+validator_flags: {a: b}\n", ("problem.yaml", Some(2), "`validator_flags` is a mapping")),
    (Old, "problem.yaml", "+grading: 5\n", ("problem.yaml", Some(2), "`grading` is `5`; a mapping")),
    (Old, "domjudge-problem.ini", "timelimit = nan\n", ("domjudge-problem.ini", Some(1), "`nan` is no time limit")),
    (Old, "domjudge-problem.ini", "timelimit=-1\n", ("domjudge-problem.ini", Some(1), "cannot be kept")),
    (Old, ".timelimit", "", (".timelimit", Some(1), "`` is no time limit")),
    (OldScored, "data/secret/testdata.yaml", "accept_score: [1]\n", ("data/secret/testdata.yaml", Some(1), "`accept_score` is a list")),
    (OldScored, "data/secret/testdata.yaml", "on_reject: [x]\n", ("data/secret/testdata.yaml", Some(1), "`on_reject` is a list")),
];

#[test]
fn every_kind_of_broken_package_is_refused_at_its_place() {
    assert!(ROWS.len() >= 60, "only {} kinds", ROWS.len());
    let mut wrong = Vec::new();
    for (base, file, content, (path, line, words)) in ROWS {
        let dir = tempfile::Builder::new().prefix("broken").tempdir().unwrap();
        base.write(dir.path());
        let added = content.strip_prefix('+').map(|more| {
            let before = fs::read_to_string(dir.path().join(file)).unwrap();
            format!("{before}{more}")
        });
        put(dir.path(), file, added.as_deref().unwrap_or(content));
        match read_dir(dir.path()) {
            Ok(_) => wrong.push(format!("{base:?} {file} {content:?}: accepted")),
            Err(error) if names(&error, path, *line, words) => {}
            Err(error) => wrong.push(format!("{base:?} {file} {content:?}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

/// Kinds of a case's files that contradict each other, and folders in place of files and the other way round.
#[test]
fn two_files_for_one_thing_and_folders_for_files_are_refused_at_their_place() {
    for (gone, files, (path, words)) in [
        (
            "",
            &["data/sample/1.out", "data/sample/1.ans.statement"][..],
            ("data/sample/1.ans.statement", "only one"),
        ),
        ("", &["data/sample/1.interaction", "data/sample/1.out"], ("data/sample/1.out", "only one")),
        (
            "",
            &["data/sample/1.interaction", "data/sample/1.in.statement"],
            ("data/sample/1.in.statement", "only one"),
        ),
        ("problem.yaml", &["problem.yaml/x"], ("problem.yaml", "missing")),
        ("data", &["data"], ("data", "no test cases")),
        ("data/secret/1.ans", &["data/secret/1.ans/x"], ("data/secret/1.ans", "missing")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        New.write(dir.path());
        put(dir.path(), "data/sample/1.in", "1\n");
        put(dir.path(), "data/sample/1.ans", "1\n");
        let gone = dir.path().join(gone);
        if gone.is_file() {
            fs::remove_file(&gone).unwrap();
        } else if gone != dir.path().join("") {
            fs::remove_dir_all(&gone).unwrap();
        }
        for file in files {
            put(dir.path(), file, "");
        }
        let error = read_dir(dir.path()).expect_err(path);
        assert!(names(&error, path, None, words), "{files:?}: {error}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Any text of a package spoiled in any place: no panic, and a refusal names a file of the package.
    #[test]
    fn spoiled_texts_never_panic_and_refusals_have_a_place(
        base in 0usize..4,
        which in proptest::prelude::any::<proptest::sample::Index>(),
        spoils in proptest::collection::vec(
            (proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<proptest::sample::Index>(), 0usize..4), 1..6),
    ) {
        const PIECES: [&str; 28] = [
            ":", " ", "\n", "\t", "[", "]", "{", "}", "-", "&a ", "*a", "!!str ", "|\n", "'", "\"", "#", "~", ".inf", "0x1",
            "1e999", "<<: ", "? ", "---\n", "\u{feff}", "{{n}}", "max_score: ", "unbounded", "\u{0}",
        ];
        let dir = tempfile::Builder::new().prefix("spoiled").tempdir().unwrap();
        let base = [New, Scored, Old, OldScored][base];
        base.write(dir.path());
        put(dir.path(), "tribunal.yaml", "checker: lines\n");
        put(dir.path(), "data/secret/1.yaml", "args: [a]\nhint: b\n");
        put(dir.path(), "data/testdata.yaml", "grader_flags: sum\nrange: 0 10\n");
        put(dir.path(), "submissions/submissions.yaml", "accepted/*:\n  permitted: [AC]\n  secret/{a,b}: {score: [1, 2]}\n");
        let files = ["problem.yaml", "tribunal.yaml", "data/secret/1.yaml", "data/testdata.yaml", "submissions/submissions.yaml"];
        let file = files[which.index(files.len())];
        let mut text = fs::read_to_string(dir.path().join(file)).unwrap();
        for (at, piece, how) in spoils {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let at = places[at.index(places.len())];
            let end = places.iter().copied().find(|end| *end > at).unwrap_or(at);
            match how {
                0 => text.insert_str(at, PIECES[piece.index(PIECES.len())]),
                1 => text.replace_range(at..end, ""),
                2 => text.replace_range(at..end, PIECES[piece.index(PIECES.len())]),
                _ => {
                    let line = text.lines().nth(piece.index(text.lines().count().max(1))).unwrap_or_default().to_owned();
                    text.push_str(&format!("{line}\n"));
                }
            }
        }
        fs::write(dir.path().join(file), &text).unwrap();
        if let Err(error) = read_dir(dir.path()) {
            proptest::prop_assert!(error.errors().count() > 0);
            for d in error.errors() {
                proptest::prop_assert!(!d.path.is_empty() && !d.message.is_empty(), "{error}");
                let line = d.line.unwrap_or(1);
                proptest::prop_assert!(line >= 1 && line as usize <= text.lines().count() + 2, "{error} in {text:?}");
            }
        }
    }
}

fn names(error: &PackageError, path: &str, line: Option<u32>, words: &str) -> bool {
    error.errors().any(|d| d.path == path && d.line == line && d.message.contains(words))
}

#[test]
fn the_packages_that_rows_spoil_are_sound() {
    for base in [New, Scored, Old, OldScored] {
        let dir = tempfile::tempdir().unwrap();
        base.write(dir.path());
        let loaded = read_dir(dir.path()).unwrap_or_else(|e| panic!("{base:?}: {e}"));
        assert!(!loaded.problem.cases.is_empty());
    }
}

#[test]
fn cycles_escapes_and_names_that_are_no_text_are_refused_at_their_place() {
    for (make, path, words) in [
        (
            (|root| symlink("..", root.join("data/secret/up")).unwrap()) as fn(&Path),
            "data/secret/up",
            "above it",
        ),
        (
            |root| symlink("../../../etc/passwd", root.join("data/secret/2.in")).unwrap(),
            "data/secret/2.in",
            "",
        ),
        (|root| symlink("/etc", root.join("attachments")).unwrap(), "attachments", "leads out"),
        (|root| symlink("me", root.join("me")).unwrap(), "me", ""),
        (
            |root| fs::write(root.join(OsStr::from_bytes(b"data/secret/\xff.in")), "").unwrap(),
            "data/secret/\u{fffd}.in",
            "not UTF-8",
        ),
        (|root| fs::write(root.join("problem.yaml"), b"name: \xff\n").unwrap(), "problem.yaml", "not UTF-8"),
        (
            |root| fs::write(root.join("problem.yaml"), vec![b'#'; 300 << 10]).unwrap(),
            "problem.yaml",
            "at most",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        Old.write(dir.path());
        make(dir.path());
        let error = read_dir(dir.path()).expect_err(path);
        let hit = error.errors().any(|d| d.path == path && d.message.contains(words));
        assert!(hit, "{path}: {error}");
    }
}

#[test]
fn more_cases_than_can_be_judged_are_refused_at_data() {
    let dir = tempfile::tempdir().unwrap();
    Old.write(dir.path());
    let empty = dir.path().join("data/secret/1.in");
    for i in 0..=10_000 {
        fs::hard_link(&empty, dir.path().join(format!("data/secret/x{i}.in"))).unwrap();
    }
    let error = read_dir(dir.path()).unwrap_err();
    assert!(names(&error, "data", None, "the maximum is 10000"), "{error}");
}
