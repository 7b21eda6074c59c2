//! Problems of Polygon become packages that mean the same, or are refused with their place.

mod common;

use common::{Home, groups, told};
use import::{Format, Options};
use problem::model::{Grading, ProblemKind, Protocol, Validator};

/// A `problem.xml` around tests, groups and assets.
fn xml(judging: &str, tests: &str, assets: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<problem short-name=\"sum\" url=\"https://example.org/sum\">\n\
         <names><name language=\"russian\" value=\"Сумма\"/><name language=\"english\" value=\"Sum &amp; more\"/></names>\n\
         <judging {judging}><testset name=\"tests\"><time-limit>1500</time-limit>\
         <memory-limit>268435456</memory-limit>\n<input-path-pattern>tests/%02d</input-path-pattern>\
         <answer-path-pattern>tests/%02d.a</answer-path-pattern>\n{tests}</testset></judging>\n\
         <assets>{assets}</assets></problem>\n"
    )
}

const WCMP: &str = "<checker name=\"std::wcmp.cpp\" type=\"testlib\"><source path=\"files/check.cpp\" type=\"cpp.g++17\"/></checker>";
const THREE: &str = "<tests><test sample=\"true\"/><test/><test cmd=\"gen 5\" method=\"generated\"/></tests>";

fn home(judging: &str, tests: &str, assets: &str) -> Home {
    let home = Home::of(&[
        ("problem.xml", &xml(judging, tests, assets)),
        ("files/check.cpp", "#include \"testlib.h\"\nint main() {}\n"),
    ]);
    for i in 1..=tests.matches("<test").count() {
        home.put(&format!("tests/{i:02}"), format!("{i} 1\n"));
        home.put(&format!("tests/{i:02}.a"), format!("{}\n", i + 1));
    }
    home
}

#[test]
fn names_limits_tests_and_a_standard_checker_are_carried_over() {
    let home = home("", THREE, WCMP);
    let (imported, problem) = home.import();
    assert_eq!(
        (imported.format, problem.kind, problem.title.as_str()),
        (Format::Polygon, ProblemKind::PassFail, "Sum & more")
    );
    assert_eq!(problem.limits.cpu_time.unwrap().as_millis(), 1500);
    assert_eq!(problem.limits.memory.get(), 256 << 20);
    let names: Vec<&str> = problem.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["sample/01", "secret/02", "secret/03"]);
    assert!(problem.cases.iter().all(|case| case.validator_args == ["case_sensitive"]));
    assert_eq!(problem.validator, Validator::Default);
    assert!(told(&imported, "std::wcmp.cpp"));
    assert!(home.made("problem.yaml").contains("ru: \"Сумма\""));
}

#[test]
fn the_same_problem_gets_the_same_uuid() {
    let uuid = |home: Home| home.import().1.uuid.unwrap();
    assert_eq!(uuid(home("", THREE, WCMP)), uuid(home("", "<tests><test/></tests>", WCMP)));
}

#[test]
fn a_checker_of_the_problem_is_called_in_its_own_way_and_testlib_comes_along() {
    let own = "<checker type=\"testlib\"><source path=\"files/check.cpp\" type=\"cpp.g++17\"/></checker>";
    let home = home("", THREE, own);
    let (imported, problem) = home.import();
    assert_eq!(problem.sidecar.protocol, Protocol::Testlib);
    assert!(matches!(&problem.validator, Validator::Custom(programs) if programs.len() == 1));
    assert!(told(&imported, "testlib.h is not in the package"));
    let resources = format!(
        "{own}</assets><files><resources><file path=\"files/testlib.h\"/></resources></files><assets>"
    );
    let home = self::home("", THREE, &resources);
    home.put("files/testlib.h", "// testlib\n");
    let (imported, _) = home.import();
    assert_eq!(home.made("output_validator/testlib.h"), "// testlib\n");
    assert!(!told(&imported, "testlib.h"));
}

#[test]
fn a_standard_checker_is_kept_as_a_program_where_the_answers_do_not_fit_it() {
    let ncmp = WCMP.replace("wcmp", "ncmp");
    let fits = home("", THREE, &ncmp);
    assert_eq!(fits.import().1.validator, Validator::Default);
    let odd = home("", THREE, &ncmp);
    odd.put("tests/02.a", "007\n");
    assert_eq!(odd.import().1.sidecar.protocol, Protocol::Testlib);
    let lines = home("", THREE, &WCMP.replace("wcmp", "lcmp"));
    assert_eq!(lines.import().1.sidecar.protocol, Protocol::Testlib);
}

#[test]
fn groups_keep_points_policies_and_dependencies() {
    let tests = "<tests><test sample=\"true\" group=\"0\"/><test group=\"1\" points=\"10\"/><test group=\"1\" points=\"20\"/>\
                 <test group=\"2\" points=\"5\"/><test group=\"2\" points=\"5\"/><test group=\"3\" points=\"60\"/></tests><groups>\
                 <group name=\"0\" points-policy=\"complete-group\"/>\
                 <group name=\"3\" points=\"60\" points-policy=\"complete-group\"><dependencies><dependency group=\"2\"/></dependencies></group>\
                 <group name=\"1\" points=\"30\" points-policy=\"complete-group\"><dependencies><dependency group=\"0\"/></dependencies></group>\
                 <group name=\"2\" points-policy=\"each-test\" feedback-policy=\"points\"/></groups>";
    let home = home("", tests, WCMP);
    let (imported, problem) = home.import();
    assert_eq!(problem.kind, ProblemKind::Scoring);
    assert_eq!(
        groups(&problem),
        [
            "01-1 PassFail 30 2 [sample]",
            "02-2-all PassFail 0 2 []",
            "03-2 Sum 10 2 []",
            "04-3 PassFail 60 1 [secret/02-2-all]",
        ]
    );
    assert!(told(&imported, "twice") && told(&imported, "feedback policy"));
}

#[test]
fn different_points_inside_a_group_of_each_test_stay_different() {
    let tests = "<tests><test group=\"a\" points=\"1\"/><test group=\"a\" points=\"2\"/><test group=\"b\" points=\"3\"/></tests><groups>\
                 <group name=\"a\" points-policy=\"each-test\"/>\
                 <group name=\"b\" points-policy=\"complete-group\"><dependencies><dependency group=\"a\"/></dependencies></group></groups>";
    let (_, problem) = home("", tests, WCMP).import();
    assert_eq!(
        groups(&problem),
        [
            "01-a-1 Min 1 1 []",
            "02-a-2 Min 2 1 []",
            "03-a-all PassFail 0 2 []",
            "04-b PassFail 3 1 [secret/03-a-all]"
        ]
    );
}

#[test]
fn samples_with_points_are_judged_as_secret_tests_too() {
    let tests = "<tests><test sample=\"true\" points=\"50\"/><test points=\"50\"/></tests>";
    let home = home("", tests, WCMP);
    let (imported, problem) = home.import();
    let names: Vec<&str> = problem.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["sample/01", "secret/01", "secret/02"]);
    assert!(told(&imported, "twice"));
}

#[test]
fn points_with_decimal_places_are_kept_exactly() {
    let tests = "<tests><test points=\"0.5\"/><test points=\"33.125\"/><test points=\"1\"/></tests>";
    let home = home("", tests, WCMP);
    let (imported, problem) = home.import();
    assert_eq!(
        groups(&problem),
        ["01-test-1 Min 0.5 1 []", "02-test-2 Min 33.125 1 []", "03-test-3 Min 1 1 []"]
    );
    let whole = problem.groups.iter().find(|group| group.name == "secret").unwrap();
    let Grading::Aggregate { max: Some(max), .. } = whole.grading else { panic!("{whole:?}") };
    assert_eq!(max.to_string(), "34.625");
    assert!(home.made("data/secret/02-test-2/test_group.yaml").contains("max_score: 33125\n"));
    assert!(told(&imported, "score_unit"));
    for points in ["0.1234567891", "-0.5", "many"] {
        let text = crate::home("", &tests.replace("33.125", points), WCMP).refused();
        assert!(text.contains("at most nine decimal places"), "{points}: {text}");
    }
}

#[test]
fn points_can_be_left_out() {
    let tests = "<tests><test points=\"0.5\"/></tests>";
    let options = Options { pass_fail: true, ..Options::default() };
    let (_, problem) = home("", tests, WCMP).import_with(&options).unwrap();
    assert_eq!(problem.kind, ProblemKind::PassFail);
}

#[test]
fn files_in_place_of_stdin_and_stdout_are_kept() {
    let (_, problem) = home("input-file=\"sum.in\" output-file=\"sum.out\"", THREE, WCMP).import();
    assert_eq!(problem.sidecar.input_file.as_deref(), Some("sum.in"));
    assert!(problem.sidecar.output_file.as_deref() == Some("sum.out") && problem.allow_file_writing);
    let (_, problem) = home("input-file=\"stdin\" output-file=\"\"", THREE, WCMP).import();
    assert!(problem.sidecar.input_file.is_none() && problem.sidecar.output_file.is_none());
}

#[test]
fn solutions_go_where_their_tags_say() {
    let solution = |tag: &str, name: &str| {
        format!("<solution tag=\"{tag}\"><source path=\"solutions/{name}\"/></solution>")
    };
    let list = [
        ("main", "a.cpp"),
        ("wrong-answer", "b.cpp"),
        ("time-limit-exceeded-or-accepted", "c.py"),
        ("do-not-run", "d.cpp"),
    ];
    let all: String = list.iter().map(|(tag, name)| solution(tag, name)).collect();
    let home = home("", THREE, &format!("{WCMP}<solutions>{all}</solutions>"));
    for (_, name) in list {
        home.put(&format!("solutions/{name}"), "int main() {}\n");
    }
    let (imported, problem) = home.import();
    let paths: Vec<&str> = problem.submissions.iter().map(|s| s.program.path.as_str()).collect();
    assert_eq!(
        paths,
        ["submissions/accepted/a.cpp", "submissions/slow_or_accepted/c.py", "submissions/wrong_answer/b.cpp"]
    );
    assert!(told(&imported, "do-not-run"));
}

#[test]
fn an_interactor_and_its_checker_become_one_validator() {
    let assets = "<interactor><source path=\"files/talk.cpp\" type=\"cpp.g++17\"/></interactor>";
    let home = home("", THREE, &format!("{WCMP}{assets}"));
    home.put("files/talk.cpp", "int main() {}\n");
    let (imported, problem) = home.import();
    assert!(problem.interactive && told(&imported, "shim.cc"));
    let Validator::Custom(programs) = &problem.validator else { panic!() };
    assert!(programs[0].has_build);
    for name in ["interactor.cpp", "checker.cpp", "shim.cc"] {
        assert!(home.made("output_validator/build").contains(name), "{name}");
    }
}

#[test]
fn an_interactor_in_cpp_and_a_checker_in_python_are_run_one_after_the_other() {
    let assets = "<checker type=\"testlib\"><source path=\"files/check.py\" type=\"python.3\"/></checker>\
                  <interactor><source path=\"files/talk.cpp\" type=\"cpp.g++17\"/></interactor>";
    let home = home("", THREE, assets);
    home.put("files/talk.cpp", "int main() {}\n");
    home.put("files/check.py", "");
    let (imported, problem) = home.import();
    assert!(problem.interactive && told(&imported, "tribunal.yaml names `interactor.cpp`"));
    let Validator::Custom(programs) = &problem.validator else { panic!() };
    let files: Vec<Vec<&str>> =
        programs.iter().map(|p| p.files.iter().map(|(name, _)| name.as_str()).collect()).collect();
    assert_eq!(files, [["interactor.cpp"], ["checker.py"]]);
    assert_eq!(problem.sidecar.protocol, problem::model::Protocol::Testlib);
    assert!(problem.cases.iter().all(|case| case.validator_args.is_empty()));
}

#[test]
fn what_nobody_reads_of_a_problem_is_told_once() {
    let tests = "<tests><test bonus=\"1\"/><test bonus=\"2\"/><test/></tests><retries>3</retries>";
    let assets = format!("{WCMP}<scorer/>");
    let home = home("treat-points-from-checker-as-percent=\"true\" mode=\"x\"", tests, &assets);
    let (imported, _) = home.import();
    for words in [
        "`bonus` of `test` is nothing this importer knows",
        "`retries` of `testset`",
        "`mode` of `judging`",
        "`scorer` of `assets`",
        "hundredths of the test's points",
    ] {
        assert_eq!(imported.changes.iter().filter(|c| c.message.contains(words)).count(), 1, "{words}");
    }
}

#[test]
fn a_validator_is_wrapped_and_its_bad_inputs_are_kept() {
    let assets = "<validators><validator><source path=\"files/val.cpp\" type=\"cpp.g++17\"/><testset>\
                  <input-path-pattern>files/tests/validator-tests/%02d</input-path-pattern>\
                  <tests><test verdict=\"VALID\"/><test verdict=\"INVALID\"/></tests></testset></validator></validators>";
    let home = home("", THREE, &format!("{WCMP}{assets}"));
    home.put("files/val.cpp", "int main() {}\n");
    home.put("files/tests/validator-tests/02", "bad\n");
    let (_, problem) = home.import();
    assert!(problem.input_validators[0].has_build);
    assert_eq!(home.made("data/invalid_input/1-02.in"), "bad\n");
}

/// Spoils a sound problem; the refusal must have these words.
#[test]
fn what_no_package_can_say_is_refused_with_its_place() {
    for (judging, tests, assets, words) in [
        ("run-count=\"2\"", THREE, WCMP, "`run-count` is `2`"),
        ("", "<tests><test points=\"-1\"/></tests>", WCMP, "problem.xml:"),
        ("", "<test-count>9</test-count><tests><test/></tests>", WCMP, "`test-count` is 9"),
        ("", "<tests><test/></tests>", "<checker><binary path=\"check.exe\"/></checker>", "a binary alone"),
        (
            "",
            "<tests><test/></tests>",
            "<checker><source path=\"files/none.cpp\"/></checker>",
            "missing from the package",
        ),
        (
            "",
            "<tests><test/></tests>",
            "<checker><source path=\"../../etc/passwd\"/></checker>",
            "missing from the package",
        ),
        (
            "",
            "<tests><test group=\"a\" points=\"1\"/></tests><groups><group name=\"a\" points-policy=\"complete-group\"><dependencies><dependency group=\"a\"/></dependencies></group></groups>",
            WCMP,
            "depends on itself",
        ),
        (
            "",
            "<tests><test group=\"a\" points=\"1\"/></tests><groups><group name=\"a\"><dependencies><dependency group=\"z\"/></dependencies></group></groups>",
            WCMP,
            "which is no group",
        ),
        (
            "",
            "<tests><test group=\"a\" points=\"1\"/></tests><groups><group name=\"a\" points-policy=\"best\"/></groups>",
            WCMP,
            "points policy `best`",
        ),
        ("", "<tests></tests>", WCMP, "no test cases"),
        ("input-file=\"../x\"", THREE, WCMP, "a plain file name"),
    ] {
        let text = home(judging, tests, assets).refused();
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn missing_tests_say_what_to_do() {
    let home = home("", THREE, WCMP);
    std::fs::remove_file(home.source().join("tests/03")).unwrap();
    let text = home.refused();
    assert!(text.contains("tests/03") && text.contains("gen 5") && text.contains("full package"), "{text}");
}

#[test]
fn tests_of_an_archive_for_windows_end_their_lines_as_programs_here_read_them() {
    let home = home("", THREE, WCMP);
    home.put("tests/01", "1 1\r\n");
    home.put("tests/02.a", "3\r\n");
    let (imported, _) = home.import();
    assert_eq!(
        (home.made("data/sample/01.in"), home.made("data/secret/02.ans")),
        ("1 1\n".to_owned(), "3\n".to_owned())
    );
    assert!(told(&imported, "2 files of tests end their lines with CR LF"));
}

#[test]
fn nothing_a_problem_gives_to_contestants_is_lost_without_a_word() {
    let extra = format!(
        "{WCMP}<solutions><solution tag=\"accepted\"><source path=\"o.py\" type=\"python.2\"/></solution></solutions></assets>\
         <materials><material publish=\"with-statement\" path=\"materials/kit.zip\"/><material path=\"none.zip\"/></materials>\
         <statements><statement language=\"english\" path=\"a.tex\" type=\"application/x-tex\"/></statements>\
         <files><resources><file path=\"g.h\"><assets><asset name=\"SOLUTION\"/></assets></file></resources></files><assets>"
    );
    let home = home("", THREE, &extra);
    home.put("materials/kit.zip", "kit");
    home.put("o.py", "print 1\n");
    home.put("g.h", "");
    let (imported, problem) = home.import();
    assert_eq!(home.made("attachments/kit.zip"), "kit");
    assert!(problem.submissions.is_empty());
    for words in [
        "material `kit.zip` becomes an attachment",
        "material `none.zip` is missing",
        "the statement in `english` is left out",
        "solution `o.py` is in `python.2`",
    ] {
        assert!(told(&imported, words), "{words}");
    }
    assert!(!told(&imported, "`asset`"), "what is read is not said to be unknown");
}

#[test]
fn a_validator_in_another_language_is_left_out_and_told() {
    for path in ["v.java", "v.py", "v.pas"] {
        let assets =
            format!("{WCMP}<validators><validator><source path=\"{path}\"/></validator></validators>");
        let home = home("", THREE, &assets);
        home.put(path, "");
        let (imported, problem) = home.import();
        assert!(problem.input_validators.is_empty(), "{path}");
        assert!(told(&imported, "the validator is not in C++"), "{path}");
    }
}

#[test]
fn a_name_in_a_language_without_a_code_is_told_and_better_than_none() {
    let home = home("", THREE, WCMP);
    let named = |names: &str| {
        let text = xml("", THREE, WCMP);
        let (before, after) = (text.split_once("<names>").unwrap().0, text.split_once("</names>").unwrap().1);
        home.put("problem.xml", format!("{before}<names>{names}</names>{after}"));
        let _ = std::fs::remove_dir_all(home.target());
        home.import()
    };
    let (imported, problem) = named("<name language=\"klingon\" value=\"boq\"/>");
    assert_eq!(problem.title, "boq");
    assert!(told(&imported, "the name in `klingon` stands as the English one"));
    let (imported, problem) =
        named("<name language=\"klingon\" value=\"boq\"/><name language=\"english\" value=\"Sum\"/>");
    assert_eq!(problem.title, "Sum");
    assert!(told(&imported, "the name in `klingon` is left out"));
}
