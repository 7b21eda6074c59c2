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
        assert!(told(&imported, "outcome between 0 and 1"));
        assert!(
            home.made("data/secret/02-subtask-1/test_group.yaml").contains("output_validator_args: [points]")
        );
    }
}

#[test]
fn communication_becomes_an_interactive_problem() {
    let files =
        [("check/manager.cpp", "int main() {}\n"), ("sol/stub.cpp", "int main() {}\n"), ("sol/sum.h", "")];
    let (_, problem) = home(TASK, &files).import();
    assert!(problem.interactive && problem.sidecar.input_file.is_none());
    assert_eq!(problem.cases[0].args, ["/dev/stdin", "/dev/stdout"]);
    assert_eq!(problem.includes["cpp"].files.len(), 2);
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
        ("score_type: GroupMin\nscore_type_parameters: [[100, 'a.*']]\n", &[], "patterns"),
        ("score_type: GroupMin\nscore_type_parameters: [[100, 2]]\n", &[], "the subtasks have 2 tests"),
        (
            "score_type: GroupMul\nscore_type_parameters: [[100, 3]]\n",
            &[("check/checker.cpp", "")],
            "multiplies",
        ),
        ("colour: red\n", &[], "unknown key `colour`"),
        ("infile: a/b\n", &[], "a plain file name"),
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
