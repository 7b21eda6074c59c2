//! Tasks of CMS become packages that mean the same, or are refused with their place.

mod common;

use common::{Home, groups, told};
use import::Format;
use problem::model::{Grading, ProblemKind, Validator};

const TASK: &str = "name: sum\ntitle: Somma\ntime_limit: 1.0\nmemory_limit: 64\nn_input: 3\n";
const GEN: &str = "# ST: 0\n1\n# ST: 40\n2\n# ST: 60\n3\n";

fn home(task: &str, files: &[(&str, &str)]) -> Home {
    let home = Home::of(&[("task.yaml", task)]);
    for i in 0..3 {
        home.put(&format!("input/input{i}.txt"), format!("{i}\n"));
        home.put(&format!("output/output{i}.txt"), format!("{i}\n"));
    }
    for (path, text) in files {
        home.put(path, text);
    }
    home
}

#[test]
fn keys_of_tasks_older_than_cms_say_nothing_and_their_names_are_known() {
    let old = "nome_breve: sum\nnome: Somma\ntimeout: 1\nmemlimit: 64\ndiff: 1\ncorrettore: \"\"\nn_input: 3\n\
               auxiliary: {}\nrisultati: 0, 1\ninfile: input.txt\noutfile: output.txt\n";
    let (_, problem) = home(old, &[]).import();
    assert_eq!((problem.title.as_str(), problem.cases.len()), ("Somma", 3));
    assert_eq!(problem.sidecar.input_file.as_deref(), Some("input.txt"));
}

#[test]
fn a_batch_task_keeps_limits_files_and_subtasks() {
    let home = home(
        TASK,
        &[
            ("gen/GEN", GEN),
            ("sol/solution.cpp", "int main() {}\n"),
            ("sol/slow.cpp", ""),
            ("att/input0.txt", "0\n"),
        ],
    );
    let (imported, problem) = home.import();
    assert_eq!(
        (imported.format, problem.kind, problem.title.as_str()),
        (Format::Cms, ProblemKind::Scoring, "Somma")
    );
    assert_eq!(
        groups(&problem),
        ["01-subtask-0 Min 0 1 []", "02-subtask-1 Min 40 1 []", "03-subtask-2 Min 60 1 []"]
    );
    assert_eq!(problem.sidecar.input_file.as_deref(), Some("input.txt"));
    assert_eq!(problem.sidecar.output_file.as_deref(), Some("output.txt"));
    assert_eq!(problem.limits.memory.get(), 64 << 20);
    assert_eq!(problem.submissions.len(), 1);
    assert!(told(&imported, "slow.cpp are left out") && told(&imported, "CMS compares lines"));
    assert_eq!(home.made("attachments/input0.txt"), "0\n");
}

#[test]
fn without_subtasks_the_tests_share_the_total() {
    let home = home(&format!("{TASK}infile: ''\noutfile: ''\n"), &[]);
    let (_, problem) = home.import();
    assert!(problem.sidecar.input_file.is_none() && problem.sidecar.output_file.is_none());
    assert!(home.made("data/secret/test_group.yaml").contains("max_score: 100\nscore_aggregation: sum"));
}

#[test]
fn graders_and_headers_are_compiled_with_submissions() {
    let files = [("sol/grader.cpp", "int f(int);\n"), ("sol/sum.h", "int f(int);\n"), ("sol/grader.pas", "")];
    let (imported, problem) = home(TASK, &files).import();
    assert_eq!(problem.includes["cpp"].files.len(), 2);
    assert!(told(&imported, "left out"));
}

#[test]
fn a_checker_is_carried_over_by_its_source_only() {
    assert!(home(TASK, &[("check/checker", "\x7fELF")]).refused().contains("check/checker.cpp"));
    for path in ["check/checker.cpp", "cor/correttore.cpp"] {
        let home = home(TASK, &[(path, "int main() {}\n"), ("gen/GEN", GEN)]);
        let (imported, problem) = home.import();
        assert!(matches!(&problem.validator, Validator::Custom(p) if p[0].has_build), "{path}");
        assert!(!told(&imported, "testlib.h"));
        assert!(told(&imported, "outcome between 0 and 1"));
        assert!(
            home.made("data/secret/02-subtask-1/test_group.yaml").contains("output_validator_args: [points]")
        );
    }
}

#[test]
fn a_checker_that_includes_testlib_says_what_is_missing() {
    let checker = ("check/checker.cpp", "#include \"testlib.h\"\nint main() {}\n");
    assert!(told(&home(TASK, &[checker]).import().0, "testlib.h is not beside it"));
    assert!(!told(&home(TASK, &[checker, ("check/testlib.h", "")]).import().0, "testlib.h is not"));
}

#[test]
fn subtasks_may_be_patterns_over_the_names_of_tests() {
    let by = |parameters: &str| {
        home(&format!("{TASK}score_type: GroupMin\nscore_type_parameters: {parameters}\n"), &[]).import()
    };
    let (_, problem) = by("[[40, '00[01]'], [60, '00[12]']]");
    assert_eq!(groups(&problem), ["01-subtask-0 Min 40 2 []", "02-subtask-1 Min 60 2 []"]);
    // Python's `match`: at the start, and not to the end.
    let (imported, problem) = by("[[100, '002|0{3}']]");
    assert_eq!(groups(&problem), ["01-subtask-0 Min 100 2 []"]);
    assert!(told(&imported, "tests that are in no subtask are left out: 001"));
}

#[test]
fn a_score_type_without_its_parameters_counts_for_nothing_as_at_home() {
    for (key, missing) in
        [("score_type: GroupMul", "score_type_parameters"), ("score_type_parameters: 5", "score_type")]
    {
        let (imported, problem) = home(&format!("{TASK}{key}\n"), &[("gen/GEN", GEN)]).import();
        assert_eq!(groups(&problem).len(), 3, "{key}");
        assert!(told(&imported, &format!("`{missing}` is not beside it")), "{key}");
    }
}

#[test]
fn what_a_task_says_of_contests_is_told_once_for_each_matter() {
    let task = format!(
        "{TASK}token_mode: finite\ntoken_gen_max: 3\nscore_mode: max_subtask\nfeedback_level: restricted\n\
         public_testcases: all\nmax_submission_number: 9\nsubmission_format: [\"sum.%l\"]\ncolour: red\nauthor: me\n"
    );
    let (imported, _) = home(&task, &[]).import();
    for words in [
        "`token_mode`, `token_gen_max` are left out",
        "`score_mode` is left out",
        "`public_testcases`, `feedback_level` are left out",
        "`max_submission_number` is left out",
        "`submission_format` is left out",
        "`colour` is nothing this importer knows",
    ] {
        assert_eq!(imported.changes.iter().filter(|c| c.message.contains(words)).count(), 1, "{words}");
    }
    assert!(!told(&imported, "author"));
}

#[test]
fn communication_becomes_an_interactive_problem() {
    let files =
        [("check/manager.cpp", "int main() {}\n"), ("sol/stub.cpp", "int main() {}\n"), ("sol/sum.h", "")];
    let (_, problem) = home(TASK, &files).import();
    assert!(problem.interactive && problem.sidecar.input_file.is_none());
    assert_eq!(problem.cases[0].args, ["/dev/stdin", "/dev/stdout"]);
    assert_eq!(problem.includes["cpp"].files.len(), 2);
    // By name or by stdin and stdout: as `user_io` says, else by whether there is a stub.
    let args = |task: &str, files: &[(&str, &str)]| {
        home(&format!("{TASK}{task}"), files).import().1.cases[0].args.len()
    };
    assert_eq!([args("", &files), args("", &files[..1])], [2, 0]);
    assert_eq!([args("user_io: std_io\n", &files), args("user_io: fifo_io\n", &files[..1])], [0, 2]);
    assert!(home(&format!("{TASK}num_processes: 2\n"), &files).refused().contains("one program"));
}

#[test]
fn points_with_decimal_places_are_kept_exactly() {
    let (_, problem) = home(&format!("{TASK}score_type: Sum\nscore_type_parameters: 0.1\n"), &[]).import();
    let whole = problem.groups.iter().find(|group| group.name == "secret").unwrap();
    let Grading::Aggregate { max: Some(max), .. } = whole.grading else { panic!("{whole:?}") };
    assert_eq!(max.to_string(), "0.3");
    let (_, problem) =
        home(&format!("{TASK}score_type: GroupMin\nscore_type_parameters: [[12.5, 1], [87.5, 2]]\n"), &[])
            .import();
    assert_eq!(groups(&problem), ["01-subtask-0 Min 12.5 1 []", "02-subtask-1 Min 87.5 2 []"]);
}

#[test]
fn what_no_package_can_say_is_refused_with_its_place() {
    for (task, files, words) in [
        ("output_only: true\n", &[][..], "submit-answer"),
        ("score_type: GroupThreshold\nscore_type_parameters: [[100, 3]]\n", &[], "task.yaml:6"),
        (
            "score_type: GroupMin\nscore_type_parameters: [[100, 'a.*']]\n",
            &[],
            "task.yaml:7: `a.*` fits no test's name",
        ),
        (
            "score_type: GroupMin\nscore_type_parameters: [[100, '(?=0).*']]\n",
            &[],
            "task.yaml:7: `(?=0).*` is no pattern",
        ),
        ("score_type: GroupMin\nscore_type_parameters: [[100, 1], [0, '0.*']]\n", &[], "neither a list of"),
        ("score_type: GroupMin\nscore_type_parameters: [[100, 2]]\n", &[], "the subtasks have 2 tests"),
        (
            "score_type: GroupMul\nscore_type_parameters: [[100, 3]]\n",
            &[("check/checker.cpp", "")],
            "multiplies",
        ),
        ("total_value: -5\n", &[], "task.yaml:6: `total_value` is `-5`"),
        ("user_io: pipes\n", &[("check/manager.cpp", "")], "task.yaml:6: `user_io` is `pipes`"),
        ("exponent: 6\n", &[], "task.yaml:6: `exponent`"),
        ("output_only_testcases: 0,1\n", &[], "task.yaml:6: `output_only_testcases`"),
        ("", &[("cor/correttore.pas", "begin end.\n")], "cor/correttore: its source is `cor/correttore.pas`"),
        ("", &[("check/manager.py", "")], "check/manager: its source is `check/manager.py`"),
        ("", &[("check/checker", "#!/usr/bin/python3\n")], "check/checker: it is a script"),
        ("infile: a/b\n", &[], "task.yaml:6: `infile` is `a/b`; a plain file name"),
        ("", &[("gen/GEN", "1\n")], "lists 1 tests"),
        ("", &[("gen/GEN", "# ST: x\n")], "gen/GEN:1"),
    ] {
        let text = home(&format!("{TASK}{task}"), files).refused();
        assert!(text.contains(words), "{task}: {text}");
    }
    let missing = home(&TASK.replace("n_input: 3", "n_input: 4"), &[]).refused();
    assert!(missing.contains("input/input3.txt") && missing.contains("cmsMake"), "{missing}");
    let crowd = home(&TASK.replace("n_input: 3", "n_input: 4000000000"), &[]).refused();
    assert!(crowd.contains("tests"), "{crowd}");
}
