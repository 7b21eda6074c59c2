//! What the readers make of sound packages: groups, scores, drafts, probes, rules, and what is not judged yet.

use std::fs;
use std::path::Path;
use std::time::Duration;

use problem::model::{
    Aggregation, FormatVersion, GraderScore, GraderVerdict, Grading, InputArgs, ProbeKind, ProblemKind,
    TimeUse,
};
use problem::score::Score;
use problem::{Loaded, read_dir};
use proto::limits::Limits;
use proto::verdict::Verdict::{AC, RTE, TLE, WA};

fn package(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("made").tempdir().unwrap();
    for (path, text) in files {
        let at = dir.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
        if let Some(input) = path.strip_suffix(".in") {
            fs::write(dir.path().join(format!("{input}.ans")), "").unwrap();
        }
    }
    dir
}

fn read(dir: &Path) -> Loaded {
    read_dir(dir).unwrap_or_else(|e| panic!("{e}"))
}

const HEAD: &str = "problem_format_version: 2025-09\nname: M\nuuid: u\nlimits: {time_limit: 1}\n";

#[test]
fn groups_of_2025_know_their_maximum_their_aggregation_and_what_they_require() {
    let manifest = format!("{HEAD}type: scoring\n");
    let dir = package(&[
        ("problem.yaml", &manifest),
        ("submissions/accepted/a.py", ""),
        ("data/sample/1.in", ""),
        ("data/secret/test_group.yaml", "max_score: 100\n"),
        ("data/secret/a/1.in", ""),
        ("data/secret/a/test_group.yaml", "max_score: 30\nrequire_pass: sample\n"),
        ("data/secret/b/deeper/1.in", ""),
        ("data/secret/b/2.in", ""),
        (
            "data/secret/b/test_group.yaml",
            "max_score: 70\nscore_aggregation: min\nrequire_pass: [sample, secret/a]\n",
        ),
    ]);
    let problem = read(dir.path()).problem;
    assert_eq!(problem.kind, ProblemKind::Scoring);
    let view: Vec<_> = problem
        .groups
        .iter()
        .map(|g| {
            let Grading::Aggregate { how, max } = g.grading else { panic!() };
            (g.name.as_str(), g.parent, g.cases.len(), how, max, &g.require_pass[..])
        })
        .collect();
    let max = |n| Some(Score::whole(n));
    assert_eq!(
        view,
        [
            ("sample", None, 1, Aggregation::PassFail, None, &[][..]),
            ("secret", None, 0, Aggregation::Sum, max(100), &[]),
            ("secret/a", Some(1), 1, Aggregation::PassFail, max(30), &[0]),
            ("secret/b", Some(1), 2, Aggregation::Min, max(70), &[0, 2]),
        ]
    );
    assert!(problem.cases[0].full_feedback && !problem.cases[1].full_feedback);
}

#[test]
fn legacy_groups_nest_and_inherit_their_grader() {
    let dir = package(&[
        ("problem.yaml", "name: M\ntype: scoring\nvalidation: custom score\ngrading: {objective: min}\n"),
        ("output_validators/v/v.py", ""),
        ("submissions/accepted/a.py", ""),
        ("data/testdata.yaml", "grader_flags: ignore_sample\non_reject: continue\n"),
        ("data/sample/1.in", ""),
        ("data/secret/testdata.yaml", "grader_flags: min first_error\naccept_score: 2.50\nrange: 0 +inf\n"),
        ("data/secret/g1/deep/1.in", ""),
        ("data/secret/g1/deep/testdata.yaml", "grader_flags: avg accept_if_any_accepted\non_reject: break\n"),
    ]);
    let problem = read(dir.path()).problem;
    assert!(problem.minimise && problem.validator_scores);
    let root = problem.root.clone().unwrap();
    assert!(root.ignore_sample && !root.stop_on_reject);
    let names: Vec<_> = problem.groups.iter().map(|g| (g.name.as_str(), g.parent)).collect();
    assert_eq!(
        names,
        [("sample", None), ("secret", None), ("secret/g1", Some(1)), ("secret/g1/deep", Some(2)),]
    );
    let grader = |at: usize| match &problem.groups[at].grading {
        Grading::Grader(grader) => grader.clone(),
        Grading::Aggregate { .. } => panic!(),
    };
    for at in [1, 2] {
        let g = grader(at);
        assert_eq!((g.score, g.verdict), (GraderScore::Min, GraderVerdict::FirstError));
        assert_eq!(
            (g.accept_score.to_string(), g.least, g.most),
            ("2.5".to_owned(), Some(Score::ZERO), None)
        );
        assert!(!g.stop_on_reject);
    }
    let deep = grader(3);
    assert_eq!((deep.score, deep.accept_if_any_accepted), (GraderScore::Avg, true));
    assert_eq!(deep.verdict, GraderVerdict::WorstError, "flags of its own take the place of all above");
    assert!(!grader(1).ignore_sample);
    assert!(deep.stop_on_reject);
}

#[test]
fn a_draft_is_read_as_2025_with_its_older_names_and_a_warning_for_each() {
    let dir = package(&[
        (
            "problem.yaml",
            "problem_format_version: 2023-07-draft\nname: M\nuuid: u\ntype: pass-fail multi-pass\nvalidator_flags: case_sensitive\nvalidation: custom\nold: 1\nlimits: {time_limit: 1}\n",
        ),
        ("output_validators/v/v.py", ""),
        ("submissions/accepted/a.py", ""),
        (
            "data/secret/testdata.yaml",
            "output_validator_flags: x y\nscoring: {score: 10, aggregation: sum}\n",
        ),
        ("data/secret/a/b/1.in", ""),
    ]);
    let Loaded { problem, diagnostics } = read(dir.path());
    assert_eq!(problem.version, FormatVersion::Draft2023_07);
    assert!(problem.multi_pass && problem.allow_file_writing);
    assert_eq!(problem.cases[0].validator_args, ["x", "y"]);
    assert_eq!(
        problem.groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(),
        ["secret", "secret/a", "secret/a/b"]
    );
    for words in [
        "became 2025-09",
        "several types",
        "`validator_flags` is an older",
        "unknown key `old`",
        "newer name of this folder",
        "newer name of this file",
        "`scoring` is of an older",
        "`output_validator_flags` is an older",
    ] {
        assert!(diagnostics.iter().any(|d| d.message.contains(words)), "{words}: {diagnostics:?}");
    }
}

#[test]
fn a_draft_with_the_keys_of_legacy_is_graded_as_legacy() {
    let head = "problem_format_version: 2023-07-draft\nname: M\nuuid: u\ntype: scoring\n";
    let files = [
        ("submissions/accepted/a.py", ""),
        ("data/sample/1.in", ""),
        ("data/secret/a/1.in", ""),
        ("data/secret/b/1.in", ""),
        ("data/testdata.yaml", "on_reject: continue\ngrader_flags: ignore_sample\n"),
        (
            "data/secret/a/testdata.yaml",
            "grader_flags: min\naccept_score: 40\nargs: [x]\ninput_validator_flags: n=5\n",
        ),
        ("data/secret/b/test_group.yaml", "accept_score: 60\n"),
    ];
    let manifest = format!("{head}limits: {{time_limit: 1}}\n");
    let dir = package(&[&[("problem.yaml", manifest.as_str())], &files[..]].concat());
    let Loaded { problem, diagnostics } = read(dir.path());
    let scores: Vec<_> = problem
        .groups
        .iter()
        .map(|group| match &group.grading {
            Grading::Grader(grader) => (group.name.as_str(), grader.accept_score.to_string(), grader.score),
            Grading::Aggregate { .. } => panic!("{}", group.name),
        })
        .collect();
    assert_eq!(
        scores,
        [
            ("sample", "1".to_owned(), GraderScore::Sum),
            ("secret", "1".to_owned(), GraderScore::Sum),
            ("secret/a", "40".to_owned(), GraderScore::Min),
            ("secret/b", "60".to_owned(), GraderScore::Sum),
        ]
    );
    assert!(problem.root.as_ref().is_some_and(|root| root.ignore_sample && !root.stop_on_reject));
    assert_eq!(problem.cases[1].args, ["x"]);
    let told: Vec<_> = diagnostics.iter().filter(|d| d.message.contains("keys of legacy")).collect();
    assert!(
        told.len() == 1 && told[0].path == "data/secret/a/testdata.yaml" && told[0].line == Some(1),
        "{told:?}"
    );
}

#[test]
fn validation_and_grading_of_legacy_count_in_a_draft() {
    let manifest = "problem_format_version: draft\nname: M\nuuid: u\nlimits: {time_limit: 1}\nvalidation: custom interactive\ngrading: {objective: min}\n";
    let dir = package(&[
        ("problem.yaml", manifest),
        ("submissions/accepted/a.py", ""),
        ("output_validator/v.py", ""),
        ("data/secret/1.in", ""),
    ]);
    let Loaded { problem, diagnostics } = read(dir.path());
    assert!(problem.interactive && problem.minimise);
    for (line, words) in [(5, "`validation` is of legacy"), (6, "`grading` is of legacy")] {
        assert!(
            diagnostics.iter().any(|d| d.line == Some(line) && d.message.contains(words)),
            "{diagnostics:?}"
        );
    }
}

#[test]
fn keys_of_submissions_yaml_count_in_any_order() {
    let dir = package(&[
        ("problem.yaml", HEAD),
        ("submissions/accepted/a.py", ""),
        ("data/secret/1.in", ""),
        (
            "submissions/submissions.yaml",
            "accepted/a.py:\n  permitted: [WA]\naccepted:\n  permitted: [WA]\n  required: [WA]\n",
        ),
    ]);
    let submission = &read(dir.path()).problem.submissions[0];
    assert_eq!((&submission.expected.permitted[..], submission.verdict), (&[WA][..], Some(WA)));
}

#[test]
fn probes_includes_constants_and_input_arguments_are_read() {
    let manifest = format!("{HEAD}constants: {{n: 10, m: {{value: 7, variants: {{tex: '7^1'}}}}}}\n");
    let dir = package(&[
        ("problem.yaml", &manifest),
        ("submissions/accepted/a.py", ""),
        ("statement/problem.en.md", "At most {{n}} and {{m.tex}}, not {{k}}."),
        ("data/secret/1.in", ""),
        ("data/secret/test_group.yaml", "args: ['{{n}}']\ninput_validator_args: {check: [a, b]}\n"),
        ("data/invalid_input/x.in", ""),
        ("data/invalid_output/y.in", ""),
        ("data/invalid_output/y.out", ""),
        ("data/valid_output/z.in", ""),
        ("data/valid_output/z.out", ""),
        ("input_validators/check.ctd", ""),
        ("include/default/h.txt", ""),
        ("include/cpp/grader.h", ""),
    ]);
    let problem = read(dir.path()).problem;
    assert_eq!(problem.statement.as_deref(), Some("At most 10 and 7^1, not {{k}}."));
    assert_eq!(problem.cases[0].args, ["10"]);
    let InputArgs::Named(named) = &problem.cases[0].input_args else { panic!() };
    assert_eq!(named["check"], ["a", "b"]);
    let probes: Vec<_> =
        problem.probes.iter().map(|p| (p.kind, p.name.as_str(), p.checked.is_some())).collect();
    assert_eq!(
        probes,
        [
            (ProbeKind::InvalidInput, "invalid_input/x", false),
            (ProbeKind::InvalidOutput, "invalid_output/y", true),
            (ProbeKind::ValidOutput, "valid_output/z", true),
        ]
    );
    assert_eq!(problem.includes.keys().collect::<Vec<_>>(), ["cpp", "default"]);
    assert_eq!(problem.input_validators.len(), 1);
}

#[test]
fn rules_of_submissions_yaml_add_up_and_reach_into_groups() {
    let manifest = format!("{HEAD}type: scoring\n");
    let dir = package(&[
        ("problem.yaml", &manifest),
        ("data/secret/1.in", ""),
        ("submissions/accepted/a.py", ""),
        ("submissions/brute_force/b.cpp", ""),
        ("submissions/mixed/c.py", ""),
        (
            "submissions/submissions.yaml",
            "mixed:\n  permitted: [AC, WA, TLE]\n  score: [10, 20.5]\n  secret/*-easy: {permitted: [AC]}\n  sample: {message: fine, use_for_time_limit: false}\n\
          '*/{c,x}.py':\n  required: [TLE]\n  entrypoint: main\n  model_solution: true\nbrute_force/*:\n  use_for_time_limit: upper\n",
        ),
    ]);
    let problem = read(dir.path()).problem;
    let [_, brute, mixed] = &problem.submissions[..] else { panic!() };
    // `upper` is as good as a `required` of TLE, which stands in a rule of its own.
    let uses: Vec<_> = brute.rules.iter().map(|r| (r.time_use, r.required.len())).collect();
    assert_eq!(uses, [(TimeUse::Never, 2), (TimeUse::Upper, 0), (TimeUse::Never, 1)]);
    assert_eq!(
        (&brute.expected.permitted[..], &brute.expected.required[..]),
        (&[AC, TLE, RTE][..], &[TLE][..])
    );
    assert_eq!((mixed.entrypoint.as_deref(), mixed.model_solution), (Some("main"), true));
    assert_eq!(
        (&mixed.expected.permitted[..], &mixed.expected.required[..]),
        (&[AC, WA, TLE][..], &[TLE][..])
    );
    let rules: Vec<_> =
        mixed.rules.iter().map(|r| (r.cases.as_deref(), r.permitted.len(), r.required.len())).collect();
    assert_eq!(rules, [(None, 3, 0), (Some("secret/*-easy"), 1, 0), (Some("sample"), 0, 0), (None, 0, 1)]);
    let (least, most) = mixed.rules[0].score.unwrap();
    assert_eq!((least.to_string(), most.to_string()), ("10".to_owned(), "20.5".to_owned()));
    assert!(mixed.rules[1].covers("secret/1-easy") && !mixed.rules[1].covers("secret/1-hard"));
}

#[test]
fn limits_that_cannot_be_honoured_are_named() {
    let dir = package(&[
        (
            "problem.yaml",
            "problem_format_version: 2025-09\nname: M\nuuid: u\nlimits: {time_limit: 1000, memory: 99999, validation_passes: 5, time_resolution: 0.1}\n",
        ),
        ("submissions/accepted/a.py", ""),
        ("data/secret/1.in", ""),
    ]);
    let problem = read(dir.path()).problem;
    assert_eq!(
        (problem.limits.cpu_time, problem.limits.validation_passes),
        (Some(Duration::from_secs(1000)), 5)
    );
    let refused = problem.honourable(&Limits::default_maxima()).unwrap_err().to_string();
    assert!(
        refused.contains("`limits.time_limit` asks for 1000 s") && refused.contains("`limits.memory`"),
        "{refused}"
    );
    let enough = Limits {
        cpu_time: Duration::from_secs(1000),
        memory: proto::units::Bytes::gib(100),
        ..Limits::default_maxima()
    };
    assert_eq!(problem.honourable(&enough), Ok(()));
}

#[test]
fn a_legacy_case_has_its_hint_beside_it_and_may_be_called_as_it_likes() {
    let dir = package(&[
        ("problem.yaml", "name: M\n"),
        ("data/secret/1.in", ""),
        ("data/secret/1.hint", "Zero is a number.\n"),
        ("data/secret/test_group.in", ""),
    ]);
    let cases = read(dir.path()).problem.cases;
    let hints: Vec<_> = cases.iter().map(|case| (case.name.as_str(), case.hint.as_deref())).collect();
    assert_eq!(hints, [("secret/1", Some("Zero is a number.\n")), ("secret/test_group", None)]);
}

#[test]
fn a_folder_of_secret_without_a_case_is_a_group_only_where_the_static_validator_looks_at_it() {
    let manifest = format!("{HEAD}type: scoring\n");
    let with = |files: &[(&str, &str)]| {
        let sound = [
            ("problem.yaml", manifest.as_str()),
            ("static_validator/v.py", ""),
            ("data/secret/a/1.in", ""),
            ("data/secret/a/test_group.yaml", "max_score: 70\n"),
        ];
        let dir = package(&[&sound, files].concat());
        read_dir(dir.path()).map(|loaded| loaded.problem.groups.iter().map(|g| g.name.clone()).collect())
    };
    let group = |settings| ("data/secret/b/test_group.yaml", settings);
    let all: Vec<String> = with(&[group("max_score: 30\nstatic_validation_score: pass-fail\n")]).unwrap();
    assert_eq!(all, ["secret", "secret/a", "secret/b"]);
    let refused = with(&[group("max_score: 30\n")]).unwrap_err();
    assert!(refused.to_string().contains("the group has no test case, and no static validation either"));
    let all: Vec<String> = with(&[("data/secret/b/notes.txt", "")]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(all, ["secret", "secret/a"], "a folder of something else is no group");
}

#[test]
fn a_static_validation_is_worth_what_its_group_says() {
    let manifest = format!("{HEAD}type: scoring\n");
    let with = |score: &str| {
        let settings = format!("max_score: 100\nscore_aggregation: sum\nstatic_validation_score: {score}\n");
        let dir = package(&[
            ("problem.yaml", &manifest),
            ("static_validator/v.py", ""),
            ("data/secret/a/1.in", ""),
            ("data/secret/a/test_group.yaml", &settings),
        ]);
        read_dir(dir.path()).map(|loaded| {
            let check = loaded.problem.groups.into_iter().find_map(|group| group.static_check);
            check.expect("a static validation").score.map(|score| score.to_string())
        })
    };
    for (text, worth) in [("30", Some("30")), ("0", Some("0")), ("100", Some("100"))] {
        assert_eq!(with(text).unwrap().as_deref(), worth, "{text}");
    }
    let told = with("101").unwrap_err().to_string();
    assert!(told.contains("`static_validation_score` is above `max_score`"), "{told}");
    for text in ["-1", "2.5", "half", "1e300"] {
        let told = with(text).unwrap_err().to_string();
        assert!(told.contains("must be a whole number that is not negative, or `pass-fail`"), "{told}");
    }
}

#[test]
fn a_legacy_group_has_the_scores_it_names_and_is_told_that_going_on_decides_nothing() {
    let with = |kind: &str, settings: &str| {
        let manifest = format!("name: M\ntype: {kind}\n");
        let files = [
            ("problem.yaml", manifest.as_str()),
            ("data/secret/1.in", ""),
            ("data/secret/testdata.yaml", settings),
        ];
        let dir = package(&files);
        let Loaded { problem, diagnostics } = read(dir.path());
        let Grading::Grader(grader) = problem.groups[0].grading.clone() else { panic!("legacy") };
        let told = diagnostics.iter().any(|found| found.message.contains("decides all the same"));
        (grader.accept_score.to_string(), grader.reject_score.to_string(), grader.stop_on_reject, told)
    };
    let row = |accept: &str, reject: &str, stops, told| (accept.to_owned(), reject.to_owned(), stops, told);
    assert_eq!(with("scoring", "accept_score: 7\n"), row("7", "0", true, false));
    assert_eq!(with("scoring", "reject_score: 2\n"), row("1", "2", true, false));
    assert_eq!(with("scoring", "reject_score: 2\naccept_score: 9\n"), row("9", "2", true, false));
    assert_eq!(with("scoring", "on_reject: continue\n"), row("1", "0", false, false));
    assert_eq!(with("pass-fail", "on_reject: continue\n"), row("1", "0", false, true));
    assert_eq!(with("pass-fail", "on_reject: break\n"), row("1", "0", true, false));
}

#[test]
fn a_static_validation_passes_or_fails_where_its_group_does_and_has_a_number_elsewhere() {
    let sum = "max_score: 100\nscore_aggregation: sum\n";
    for (kind, group, settings, score, sound) in [
        ("scoring", "secret/a", sum, "30", true),
        ("scoring", "secret/a", sum, "pass-fail", false),
        ("scoring", "secret/a", "max_score: 100\n", "pass-fail", true),
        ("scoring", "secret/a", "max_score: 100\n", "30", false),
        ("scoring", "sample", "", "pass-fail", true),
        ("scoring", "sample", "", "30", false),
        ("pass-fail", "secret", "", "pass-fail", true),
        ("pass-fail", "secret", "", "30", false),
    ] {
        let manifest = format!("{HEAD}type: {kind}\n");
        let settings = format!("{settings}static_validation_score: {score}\n");
        let file = format!("data/{group}/test_group.yaml");
        let case = if kind == "scoring" { "data/secret/a/1.in" } else { "data/secret/1.in" };
        let mut files = vec![
            ("problem.yaml", manifest.as_str()),
            ("static_validator/v.py", ""),
            ("data/sample/1.in", ""),
            (case, ""),
        ];
        if kind == "scoring" {
            files.push(("data/secret/a/test_group.yaml", "max_score: 100\n"));
        }
        files.push((&file, &settings));
        let dir = package(&files);
        let told = read_dir(dir.path()).err().map(|e| e.to_string());
        let words = "`static_validation_score` is `pass-fail` in a pass-fail group and a number in any other";
        assert_eq!(told.is_none(), sound, "{kind} {group} {settings}: {told:?}");
        assert!(told.is_none_or(|told| told.contains(words)), "{kind} {group} {settings}");
    }
}

#[test]
fn all_of_secret_may_wait_for_the_samples() {
    let manifest = format!("{HEAD}type: scoring\n");
    let dir = package(&[
        ("problem.yaml", &manifest),
        ("data/sample/1.in", ""),
        ("data/secret/1.in", ""),
        ("data/secret/test_group.yaml", "require_pass: sample\n"),
    ]);
    let problem = read(dir.path()).problem;
    let required: Vec<_> = problem.groups.iter().map(|g| (g.name.as_str(), &g.require_pass[..])).collect();
    assert_eq!(required, [("sample", &[][..]), ("secret", &[0])]);
}

#[test]
fn limits_are_taken_up_to_their_bounds_and_refused_beyond_them() {
    for (line, sound) in [
        ("time_multipliers: {ac_to_time_limit: 1}", true),
        ("time_multipliers: {ac_to_time_limit: 0.99}", false),
        ("time_multipliers: {time_limit_to_tle: 1000}", true),
        ("time_multipliers: {time_limit_to_tle: 1e9}", false),
        ("time_resolution: 0.1", true),
        ("time_resolution: 0", false),
        ("time_resolution: 1e9", false),
        ("validation_passes: 2", true),
        ("validation_passes: 1", false),
        ("time_limit: 0.25", true),
        ("time_limit: 0", false),
        ("time_limit: 1e9", false),
    ] {
        let manifest = format!(
            "problem_format_version: 2025-09\nname: M\nuuid: u\ntype: multi-pass\nlimits: {{{line}{}}}\n",
            if line.starts_with("time_limit:") { "" } else { ", time_limit: 1" }
        );
        let dir =
            package(&[("problem.yaml", &manifest), ("data/secret/1.in", ""), ("output_validator/v.py", "")]);
        let told = read_dir(dir.path()).err().map(|e| e.to_string());
        assert_eq!(told.is_none(), sound, "{line}: {told:?}");
        assert!(told.is_none_or(|told| told.contains("error: problem.yaml:5: ")), "{line}");
    }
}

#[test]
fn who_may_give_scores_is_said_in_legacy_and_follows_from_the_kind_later() {
    let draft = "problem_format_version: 2023-07-draft\nname: M\nuuid: u\nlimits: {time_limit: 1}\n";
    for (manifest, may) in [
        ("name: M\n".to_owned(), false),
        ("name: M\ntype: scoring\n".to_owned(), false),
        ("name: M\ntype: scoring\nvalidation: custom\n".to_owned(), false),
        ("name: M\ntype: scoring\nvalidation: custom score\n".to_owned(), true),
        (HEAD.to_owned(), false),
        (format!("{HEAD}type: scoring\n"), true),
        (format!("{draft}type: scoring\n"), true),
        (draft.to_owned(), false),
    ] {
        let dir = package(&[
            ("problem.yaml", &manifest),
            ("data/secret/1.in", ""),
            (if manifest.contains("uuid") { "output_validator/v.py" } else { "output_validators/v.py" }, ""),
        ]);
        assert_eq!(read(dir.path()).problem.validator_scores, may, "{manifest}");
    }
}

#[test]
fn a_time_limit_that_is_inferred_and_passes_of_nothing_are_told() {
    let told = |manifest: &str, words: &str| {
        let dir =
            package(&[("problem.yaml", manifest), ("data/secret/1.in", ""), ("output_validator/v.py", "")]);
        read(dir.path()).diagnostics.iter().any(|found| found.message.contains(words))
    };
    let head = "problem_format_version: 2025-09\nname: M\nuuid: u\n";
    let with = |rest: &str| format!("{head}{rest}\n");
    for (rest, inferred) in [
        ("", true),
        ("limits: {memory: 64}", true),
        ("limits: {time_limit: 1}", false),
        ("type: submit-answer", false),
    ] {
        assert_eq!(told(&with(rest), "no time limit is given"), inferred, "{rest}");
    }
    for (rest, told_so) in [
        ("limits: {time_limit: 1}", false),
        ("limits: {time_limit: 1, validation_passes: 3}", true),
        ("limits: {time_limit: 1, validation_passes: 2}", false),
        ("type: multi-pass\nlimits: {time_limit: 1, validation_passes: 3}", false),
    ] {
        assert_eq!(told(&with(rest), "`limits.validation_passes` has no effect"), told_so, "{rest}");
    }
}

#[test]
fn words_of_the_manifest_are_taken_as_they_are_meant() {
    let read_of = |manifest: &str| {
        let dir = package(&[("problem.yaml", manifest), ("data/secret/1.in", "")]);
        read_dir(dir.path()).map(|loaded| loaded.problem).map_err(|e| e.to_string())
    };
    for (name, title) in [
        ("name: {en: English, sv: Svenska}", "English"),
        ("name: {sv: Svenska, en: English}", "English"),
        ("name: {sv: Svenska, de: Deutsch}", "Svenska"),
        ("name: 7", "7"),
        ("name: '  Spaced '", "Spaced"),
    ] {
        let manifest = HEAD.replace("name: M", name);
        assert_eq!(read_of(&manifest).unwrap().title, title, "{name}");
    }
    for (languages, want) in [
        ("all", None),
        ("[all]", None),
        ("[cpp, all]", None),
        ("cpp", Some(vec!["cpp"])),
        ("[cpp, java]", Some(vec!["cpp", "java"])),
    ] {
        let problem = read_of(&format!("{HEAD}languages: {languages}\n")).unwrap();
        let codes = problem.languages.as_deref().map(|all| all.iter().map(String::as_str).collect());
        assert_eq!(codes, want, "{languages}");
    }
    for (rest, minimise) in [("max", Some(false)), ("min", Some(true)), ("best", None)] {
        let got = read_of(&format!("name: M\ntype: scoring\ngrading: {{objective: {rest}}}\n"));
        assert_eq!(got.ok().map(|problem| problem.minimise), minimise, "{rest}");
    }
    for (rest, sound) in [("default", true), ("default score", false), ("other", false)] {
        let got = read_of(&format!("name: M\nvalidation: {rest}\n"));
        assert!(got.is_ok() == sound, "{rest}");
        assert!(got.err().is_none_or(|told| told.contains("`default` or `custom` is needed")), "{rest}");
    }
    assert_eq!([ProblemKind::PassFail.name(), ProblemKind::Scoring.name()], ["pass-fail", "scoring"]);
}

#[test]
fn a_submission_is_named_by_its_path_or_a_folder_it_is_in() {
    let dir =
        package(&[("problem.yaml", HEAD), ("data/secret/1.in", ""), ("submissions/wrong_answer/a.py", "")]);
    let submission = &read(dir.path()).problem.submissions[0];
    for (glob, named) in [
        ("wrong_answer/a.py", true),
        ("submissions/wrong_answer/a.py", true),
        ("wrong_answer", true),
        ("wrong_answer/*", true),
        ("*/a.py", true),
        ("accepted/*", false),
        ("a.py", false),
        ("submissions/accepted", false),
    ] {
        assert_eq!(submission.is_named_by(glob), named, "{glob}");
    }
}

#[test]
fn what_samples_show_is_tried_where_an_answer_is_an_output() {
    let probes = |kind: &str, files: &[(&str, &str)]| {
        let manifest = format!("{HEAD}type: {kind}\n");
        let sound = [
            ("problem.yaml", manifest.as_str()),
            ("data/sample/1.in", ""),
            ("data/secret/1.in", ""),
            ("data/secret/1.out", ""),
            ("output_validator/v.py", ""),
        ];
        let dir = package(&[&sound, files].concat());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let problem = read(dir.path()).problem;
        let all = problem.probes.iter().map(|p| (p.name.clone(), p.checked.as_ref().map(|(_, o)| name(o))));
        all.collect::<Vec<_>>()
    };
    let of = |output: &str| vec![("sample/1".to_owned(), Some(output.to_owned()))];
    assert_eq!(probes("pass-fail", &[]), of("1.ans"));
    assert_eq!(probes("pass-fail", &[("data/sample/1.out", "")]), of("1.out"));
    assert_eq!(probes("pass-fail", &[("data/sample/1.ans.statement", "")]), vec![]);
    assert_eq!(probes("interactive", &[]), vec![]);
    assert_eq!(probes("multi-pass", &[]), vec![]);
    let invalid = [
        ("data/invalid_input/1.in", ""),
        ("data/invalid_output/1.in", ""),
        ("data/invalid_output/1.out", ""),
    ];
    let names = |kind| probes(kind, &invalid).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("pass-fail"), ["invalid_input/1", "invalid_output/1", "sample/1"]);
    assert_eq!(names("interactive"), ["invalid_input/1"], "an output says nothing without the talk");
}

#[test]
fn a_draft_may_have_its_validators_in_either_folder_and_not_in_both() {
    let draft = "problem_format_version: 2023-07-draft\nname: M\nuuid: u\nlimits: {time_limit: 1}\n";
    let told = |manifest: &str, folders: &[&str]| {
        let programs: Vec<_> = folders.iter().map(|folder| format!("{folder}/v.py")).collect();
        let mut files = vec![("problem.yaml", manifest), ("data/secret/1.in", "")];
        files.extend(programs.iter().map(|path| (path.as_str(), "")));
        let dir = package(&files);
        read_dir(dir.path()).map(|loaded| loaded.diagnostics).map_err(|e| e.to_string())
    };
    let renamed = |folders: &[&str]| {
        told(draft, folders).unwrap().iter().any(|found| found.message.contains("newer name of this folder"))
    };
    assert!(renamed(&["output_validators"]) && !renamed(&["output_validator"]) && !renamed(&[]));
    let both = ["output_validators", "output_validator"];
    for (manifest, folders) in [(draft, &both[..]), (HEAD, &both[..]), (HEAD, &both[..1])] {
        assert!(told(manifest, folders).unwrap_err().contains("this is the folder of legacy packages"));
    }
}

#[test]
fn a_draft_is_told_of_the_older_name_of_settings_where_it_has_one_and_no_newer_beside_it() {
    let draft = "problem_format_version: 2023-07-draft\nname: M\nuuid: u\nlimits: {time_limit: 1}\n";
    let told = |files: &[(&str, &str)]| {
        let dir = package(&[&[("problem.yaml", draft), ("data/secret/1.in", "")], files].concat());
        let loaded = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}"));
        let older = |found: &problem::Diagnostic| found.message.contains("the newer name of this file is");
        (loaded.diagnostics.iter().any(older), loaded.problem.cases[0].validator_args.clone())
    };
    let args = "output_validator_args: [case_sensitive]\n";
    assert_eq!(told(&[]), (false, vec![]));
    assert_eq!(told(&[("data/secret/testdata.yaml", args)]), (true, vec!["case_sensitive".to_owned()]));
    assert_eq!(told(&[("data/secret/test_group.yaml", args)]), (false, vec!["case_sensitive".to_owned()]));
}

#[test]
fn the_statement_is_markdown_before_text_and_english_before_others() {
    let shown = |names: &[&str]| {
        let texts: Vec<_> = names.iter().map(|name| (format!("statement/{name}"), *name)).collect();
        let mut files = vec![("problem.yaml", HEAD), ("data/secret/1.in", "")];
        files.extend(texts.iter().map(|(path, text)| (path.as_str(), *text)));
        read(package(&files).path()).problem.statement
    };
    for (names, want) in [
        (&["problem.sv.md", "problem.en.md", "problem.md"][..], Some("problem.en.md")),
        (&["problem.sv.md", "problem.md", "problem.en.txt"], Some("problem.md")),
        (&["problem.sv.md", "problem.txt", "problem.en.txt"], Some("problem.en.txt")),
        (&["problem.sv.md", "problem.txt"], Some("problem.txt")),
        (&["problem.sv.md"], Some("problem.sv.md")),
        (&["problem.x/y.md", "problem.en.tex"], None),
    ] {
        assert_eq!(shown(names).as_deref(), want, "{names:?}");
    }
}

#[test]
fn notes_among_submissions_are_no_submissions_and_slow_ones_say_nothing_of_the_time_limit() {
    let dir = package(&[
        ("problem.yaml", HEAD),
        ("data/secret/1.in", ""),
        ("submissions/README", ""),
        ("submissions/notes.md", ""),
        ("submissions/accepted/a.py", ""),
        ("submissions/brute_force/b.py", ""),
        ("submissions/slow_accepted/c.py", ""),
        ("submissions/time_limit_exceeded/d.py", ""),
    ]);
    let Loaded { problem, diagnostics } = read(dir.path());
    let told: Vec<_> = diagnostics.iter().filter(|found| found.path.starts_with("submissions/")).collect();
    assert!(told.is_empty(), "{told:?}");
    let uses: Vec<_> =
        problem.submissions.iter().map(|s| (s.program.path.as_str(), s.rules[0].time_use)).collect();
    assert_eq!(
        uses,
        [
            ("submissions/accepted/a.py", TimeUse::Inferred),
            ("submissions/brute_force/b.py", TimeUse::Never),
            ("submissions/slow_accepted/c.py", TimeUse::Never),
            ("submissions/time_limit_exceeded/d.py", TimeUse::Inferred),
        ]
    );
}
