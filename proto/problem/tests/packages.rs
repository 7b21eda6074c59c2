//! Our own packages under `tests/problems/` are read as meant, and each broken one is refused with a
//! diagnostic that names the file, and in YAML the line.

#![allow(clippy::case_sensitive_file_extension_comparisons)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use problem::model::{FormatVersion, Validator};
use problem::{Severity, digest_dir, open, open_zip, pack_zip, read_dir};
use proto::units::Bytes;
use proto::verdict::Verdict::{self, AC, CE, ILE, MLE, OLE, RTE, TLE, WA};

fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/problems")
}

const OWN: [&str; 14] = [
    "anypair", "aplusb", "bigio", "bisect", "divisor", "doubling", "floats", "guesses", "lookup", "memory",
    "parity", "rounds", "subsets", "twoway",
];

#[test]
fn every_broken_package_is_refused_where_it_is_broken() {
    #[rustfmt::skip]
    let expected: &[(&str, &str, Option<u32>, &str)] = &[
        ("bad_expectation", "submissions/submissions.yaml", Some(2), "`FINE` is not a verdict"),
        ("bad_flag", "data/secret/test_group.yaml", Some(2), "`float_tolerence` is not a flag"),
        ("bad_flag_legacy", "problem.yaml", Some(2), "cannot stand beside"),
        ("bad_time_file", "domjudge-problem.ini", Some(2), "`soon` is no time limit"),
        ("bad_yaml", "problem.yaml", Some(1), "not valid YAML"),
        ("duplicate_key", "problem.yaml", Some(2), "`name` is there before"),
        ("missing_answer", "data/secret/2.ans", None, "missing"),
        ("mixed_groups", "data/secret/1.in", None, "groups"),
        ("negative_time", "problem.yaml", Some(5), "`limits.time_limit` is `-1`; a positive number of seconds"),
        ("no_cases", "data", None, "no test cases"),
        ("no_manifest", "problem.yaml", None, "missing"),
        ("no_validator", "output_validators", None, "at least one program"),
        ("not_text", "problem.yaml", Some(2), "UTF-8"),
        ("old_folder", "output_validators", None, "legacy"),
        ("two_interactors", "output_validators", None, "has one output validator; here are several"),
        ("unknown_case_key", "data/secret/1.yaml", Some(2), "unknown key `verdict`"),
        ("unknown_key", "problem.yaml", Some(6), "unknown key `validator_flags`"),
        ("unknown_limit", "problem.yaml", Some(6), "unknown key `limits.wall`"),
        ("unknown_version", "problem.yaml", Some(1), "`1999-01` is no format version"),
        ("wrong_type", "problem.yaml", Some(5), "`limits` is a list; a mapping is needed"),
        ("zero_limit", "problem.yaml", Some(5), "`limits.memory` is `0`; a whole positive number of MiB"),
    ];
    let mut kinds: Vec<_> = fs::read_dir(packages().join("broken"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        expected.iter().map(|row| row.0).collect::<Vec<_>>(),
        "one row for each broken package"
    );
    for (kind, path, line, words) in expected {
        let read = read_dir(&packages().join("broken").join(kind));
        let error = read.expect_err(kind);
        let hit = error.errors().find(|d| d.path == *path && d.line == *line && d.message.contains(words));
        assert!(hit.is_some(), "{kind}: no error at {path}:{line:?} with `{words}` in {error}");
        assert!(
            error.to_string().contains(&format!("{path}{}", line.map_or(String::new(), |l| format!(":{l}"))))
        );
        assert_eq!(error.package, *kind);
    }
}

/// A copy of `aplusb` to spoil.
fn copy_of(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let loaded = open_zip(&pack_zip(&packages().join(name)).unwrap(), "x", dir.path()).unwrap();
    let input = loaded.problem.cases[0].input.clone();
    let root = input.ancestors().nth(3).unwrap().to_owned();
    (dir, root)
}

#[test]
fn a_link_out_of_the_package_is_refused_and_one_inside_is_followed() {
    let (_dir, root) = copy_of("aplusb");
    symlink("1.in", root.join("data/secret/06-link.in")).unwrap();
    symlink("../sample/1.ans", root.join("data/secret/06-link.ans")).unwrap();
    let error = read_dir(&root).unwrap_err();
    assert!(error.errors().any(|d| d.path == "data/secret/06-link.in"), "a dangling link: {error}");
    fs::remove_file(root.join("data/secret/06-link.in")).unwrap();
    symlink("../sample/1.in", root.join("data/secret/06-link.in")).unwrap();
    assert_eq!(read_dir(&root).unwrap().problem.cases.len(), 8);
    symlink("/etc/hostname", root.join("data/secret/07.in")).unwrap();
    let error = read_dir(&root).unwrap_err();
    assert!(
        error.errors().any(|d| d.path == "data/secret/07.in" && d.message.contains("leads out")),
        "{error}"
    );
}

#[test]
fn own_packages_are_read_without_warnings_and_cover_all_verdicts_in_both_languages() {
    let mut seen = Vec::new();
    for name in OWN {
        let loaded = read_dir(&packages().join(name)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.diagnostics, [], "{name}");
        let problem = loaded.problem;
        assert_eq!(problem.name, name);
        assert!(problem.limits.cpu_time.is_some() && problem.statement.is_some(), "{name}");
        assert!(problem.samples().count() > 0 && problem.samples().count() < problem.cases.len(), "{name}");
        assert_eq!(problem.groups.iter().flat_map(|g| &g.cases).count(), problem.cases.len(), "{name}");
        for submission in &problem.submissions {
            let python = submission.program.files.iter().any(|(file, _)| file.ends_with(".py"));
            seen.push((submission.verdict.unwrap(), python));
        }
        for verdict in [Verdict::AC, Verdict::WA] {
            for python in [true, false] {
                let here = problem.submissions.iter().any(|s| {
                    s.verdict == Some(verdict)
                        && s.program.files.iter().any(|(f, _)| f.ends_with(".py")) == python
                });
                assert!(here, "{name} has no {verdict} with python={python}");
            }
        }
    }
    for verdict in [AC, WA, TLE, ILE, MLE, OLE, RTE, CE] {
        assert!(seen.contains(&(verdict, true)) && seen.contains(&(verdict, false)), "{verdict}");
    }
}

#[test]
fn a_legacy_package_is_read_as_meant() {
    let problem = read_dir(&packages().join("aplusb")).unwrap().problem;
    assert_eq!((problem.version, problem.title.as_str()), (FormatVersion::Legacy, "A plus B"));
    assert_eq!(problem.limits.cpu_time, Some(Duration::from_secs(1)));
    assert_eq!((problem.limits.memory, problem.limits.output), (Bytes::mib(128), Bytes::mib(1)));
    assert_eq!(problem.validator, Validator::Default);
    let names: Vec<_> = problem.cases.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names[..3], ["sample/1", "sample/2", "secret/01-small"]);
    assert_eq!(problem.groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["sample", "secret"]);
    assert!(problem.allow_file_writing);
    let spread = problem.submissions.iter().find(|s| s.program.path.ends_with("spread")).unwrap();
    let files: Vec<_> = spread.program.files.iter().map(|(f, _)| f.as_str()).collect();
    assert_eq!(files, ["main.cpp", "sum.cpp", "sum.h"]);
    assert!(problem.statement.unwrap().starts_with("# A plus B"));
}

#[test]
fn custom_validators_are_found_in_either_version() {
    for (name, path, args) in
        [("divisor", "output_validators/proper", &["proper"][..]), ("anypair", "output_validator", &[])]
    {
        let problem = read_dir(&packages().join(name)).unwrap().problem;
        let Validator::Custom(programs) = &problem.validator else { panic!("{name}") };
        assert_eq!((programs.len(), programs[0].path.as_str()), (1, path));
        assert!(problem.cases.iter().all(|c| c.validator_args == args), "{name}");
    }
    let floats = read_dir(&packages().join("floats")).unwrap().problem;
    assert!(floats.cases.iter().all(|c| c.validator_args == ["float_tolerance", "1e-6"]));
    assert!(!floats.allow_file_writing);
}

#[test]
fn a_legacy_package_may_talk_and_take_several_passes() {
    for (name, interactive, multi_pass, warnings) in [
        ("parity", true, false, 0),
        ("whispers", true, true, 1),
        ("rounds", true, true, 0),
        ("twoway", false, true, 0),
    ] {
        let loaded = read_dir(&packages().join(name)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.diagnostics.len(), warnings, "{name}: {:?}", loaded.diagnostics);
        let problem = loaded.problem;
        assert_eq!((problem.interactive, problem.multi_pass), (interactive, multi_pass), "{name}");
        if name == "whispers" {
            assert_eq!(problem.limits.validation_passes, 3);
        }
    }
}

#[test]
fn a_zip_gives_the_same_package_as_its_folder() {
    for name in OWN {
        let folder = packages().join(name);
        let scratch = tempfile::tempdir().unwrap();
        let zip = pack_zip(&folder).unwrap();
        assert_eq!(zip, pack_zip(&folder).unwrap(), "packing is deterministic");
        let path = scratch.path().join("upload.zip");
        fs::write(&path, &zip).unwrap();
        let unpacked = open(&path, scratch.path()).unwrap().problem;
        let read = open(&folder, scratch.path()).unwrap().problem;
        assert_eq!((&unpacked.name, &unpacked.digest), (&read.name, &read.digest));
        assert_eq!(read.digest, digest_dir(&folder).unwrap());
        assert_eq!(unpacked.cases.len(), read.cases.len());
    }
}

#[test]
fn a_refused_zip_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let zip = pack_zip(&packages().join("broken/zero_limit")).unwrap();
    assert!(open_zip(&zip, "x", scratch.path()).is_err());
    assert!(open_zip(b"not a zip", "x", scratch.path()).is_err());
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_package_is_said_so() {
    let scratch = tempfile::tempdir().unwrap();
    for (path, words) in [("nowhere", "there is no package"), ("aplusb/problem.yaml", "not a zip archive")] {
        let error = open(&packages().join(path), scratch.path()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let told = |path: &Path| open(path, scratch.path()).unwrap_err().to_string();
    assert!(told(Path::new("/dev/null")).contains("a package is a folder or a .zip file"));
    let huge = scratch.path().join("huge.zip");
    fs::File::create(&huge).unwrap().set_len(problem::MAX_ZIP_BYTES + 1).unwrap();
    assert!(told(&huge).contains("the file has 536870913 bytes; an archive has at most 536870912"));
}

/// A 2025-09 package made of `files`, beside a manifest and one case.
fn package(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("made").tempdir().unwrap();
    let base = [
        ("problem.yaml", "problem_format_version: 2025-09\nname: Made\nuuid: u\nlimits: {time_limit: 1}\n"),
        ("submissions/accepted/a.py", "print()\n"),
    ];
    for (path, text) in base.iter().chain(files) {
        let at = dir.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }
    dir
}

#[test]
fn settings_are_inherited_and_the_nearest_wins() {
    let dir = package(&[
        ("data/secret/test_group.yaml", "output_validator_args: [case_sensitive]\n"),
        ("data/secret/b/test_group.yaml", "args: [x]\n"),
        ("data/secret/a/test_group.yaml", "output_validator_args: [float_tolerance, 1e-9]\n"),
        ("data/secret/b/1.in", ""),
        ("data/secret/b/1.ans", ""),
        ("data/secret/a/2.in", ""),
        ("data/secret/a/2.ans", ""),
        ("data/secret/a/10.in", ""),
        ("data/secret/a/10.ans", ""),
        ("data/secret/a/10.yaml", "output_validator_args: []\nhint: look\n"),
        ("data/secret/a/10.files/table.txt", "7\n"),
    ]);
    let problem = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}")).problem;
    let view: Vec<_> = problem
        .cases
        .iter()
        .map(|c| (c.name.as_str(), c.group.as_str(), c.validator_args.join(" ")))
        .collect();
    assert_eq!(
        view,
        [
            ("secret/a/10", "secret/a", String::new()),
            ("secret/a/2", "secret/a", "float_tolerance 1e-9".to_owned()),
            ("secret/b/1", "secret/b", "case_sensitive".to_owned()),
        ]
    );
    assert_eq!(problem.cases[0].hint.as_deref(), Some("look"));
    assert!(problem.cases[0].files.as_ref().unwrap().join("table.txt").is_file());
    assert_eq!((problem.cases[1].files.as_ref(), &problem.cases[2].args[..]), (None, &["x".to_owned()][..]));
}

#[test]
fn cases_are_ordered_by_bytes_within_each_component() {
    let names = ["a-1", "a/2", "a/B", "a/b", "B"];
    let files: Vec<_> = names
        .iter()
        .flat_map(|n| [(format!("data/secret/{n}.in"), ""), (format!("data/secret/{n}.ans"), "")])
        .collect();
    let files: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), *t)).collect();
    let problem = read_dir(package(&files).path()).unwrap().problem;
    let order: Vec<_> = problem.cases.iter().map(|c| c.name.trim_start_matches("secret/")).collect();
    assert_eq!(order, ["B", "a/2", "a/B", "a/b", "a-1"]);
}

#[test]
fn a_submission_of_which_nothing_is_expected_is_told_and_no_other() {
    let dir = package(&[
        ("data/secret/1.in", ""),
        ("data/secret/1.ans", ""),
        ("submissions/mine/glob.py", ""),
        ("submissions/mine/message.py", ""),
        ("submissions/mine/tag.py", "# @EXPECTED_RESULTS@: CORRECT\n"),
        ("submissions/mine/nothing.py", ""),
        ("submissions/partially_accepted/points.py", ""),
        (
            "submissions/submissions.yaml",
            "mine/gl*.py: {permitted: [WA]}\nmine/message.py: {message: no}\nmine/nothing.py: {model_solution: false}\n",
        ),
    ]);
    let loaded = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    let of_submissions = loaded.diagnostics.iter().filter(|d| d.path.starts_with("submissions/"));
    let told: Vec<_> = of_submissions.map(|d| (d.path.as_str(), d.message.as_str())).collect();
    assert!(
        matches!(told[..], [("submissions/mine/nothing.py", message)] if message.starts_with("nothing is expected")),
        "{told:?}"
    );
}

#[test]
fn submissions_yaml_replaces_by_folder_and_adds_by_glob() {
    let dir = package(&[
        ("data/secret/1.in", ""),
        ("data/secret/1.ans", ""),
        ("submissions/brute_force/x.cpp", ""),
        ("submissions/own/y.py", "# @EXPECTED_RESULTS@: RUN-ERROR\n"),
        ("submissions/own/z.py", ""),
        ("statement/problem.en.md", ""),
        (
            "submissions/submissions.yaml",
            "brute_force/*:\n  required: [TLE]\nown:\n  permitted: [AC, ILE]\n  required: [ILE]\n  language: python3\nnothing/*: {}\n",
        ),
    ]);
    let loaded = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    let warned: Vec<_> = loaded.diagnostics.iter().map(|d| (d.path.as_str(), d.line, d.severity)).collect();
    let yaml = "submissions/submissions.yaml";
    assert_eq!(warned, [(yaml, Some(7), Severity::Warning)], "what submissions.yaml expects is expected");
    let view: Vec<_> = loaded
        .problem
        .submissions
        .iter()
        .map(|s| (s.program.path.as_str(), &s.expected.permitted[..], &s.expected.required[..], s.verdict))
        .collect();
    assert_eq!(view[1], ("submissions/brute_force/x.cpp", &[AC, TLE, RTE][..], &[TLE][..], Some(TLE)));
    assert_eq!(view[2], ("submissions/own/y.py", &[AC, ILE][..], &[ILE][..], Some(ILE)));
    assert_eq!(loaded.problem.submissions[2].program.language.as_deref(), Some("python3"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn a_spoiled_zip_never_panics_and_writes_nothing_outside(
        spoils in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 0u8..), 1..8),
    ) {
        let mut zip = pack_zip(&packages().join("broken/unknown_limit")).unwrap();
        for (at, byte) in spoils {
            let at = at.index(zip.len());
            zip[at] = byte;
        }
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        fs::create_dir(&scratch).unwrap();
        let _ = open_zip(&zip, "x", &scratch);
        proptest::prop_assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_spoiled_manifest_never_panics_and_refusals_name_it(
        lines in proptest::collection::vec(
            "(problem_format_version|type|name|uuid|limits|languages|constants|validation|x)?:? ?[-a-z0-9:{}\\[\\],.\"'&*!|>#% \t]{0,20}", 0..6),
        version: bool,
    ) {
        let dir = package(&[("data/secret/1.in", ""), ("data/secret/1.ans", "")]);
        let head = if version { "problem_format_version: 2025-09\n" } else { "" };
        fs::write(dir.path().join("problem.yaml"), format!("{head}{}", lines.join("\n"))).unwrap();
        if let Err(error) = read_dir(dir.path()) {
            proptest::prop_assert!(error.errors().count() > 0);
            let known = ["problem.yaml", "output_validators"];
            proptest::prop_assert!(error.errors().all(|d| known.contains(&d.path.as_str())), "{}", error);
        }
    }
}
