//! Problems of DMOJ become packages that mean the same, or are refused with their place.

mod common;

use std::io::Write as _;

use common::{Home, groups, told};
use import::{Format, Options};
use problem::model::{ProblemKind, Protocol, Validator};

fn home(init: &str) -> Home {
    let home = Home::of(&[("init.yml", init)]);
    for i in 1..=4 {
        home.put(&format!("{i}.in"), format!("{i}\n"));
        home.put(&format!("{i}.out"), format!("{}\n", i * 2));
    }
    home
}

const LIST: &str =
    "test_cases:\n- {in: 1.in, out: 1.out, points: 10}\n- {in: 2.in, out: 2.out, points: 10}\n";

#[test]
fn cases_with_equal_points_share_them() {
    let home = home(&format!("{LIST}checker: identical\n"));
    let (imported, problem) = home.import();
    assert_eq!((imported.format, problem.kind), (Format::Dmoj, ProblemKind::Scoring));
    assert_eq!(problem.sidecar.checker.as_deref(), Some("exact"));
    assert!(home.made("data/secret/test_group.yaml").contains("max_score: 20\nscore_aggregation: sum"));
    assert!(told(&imported, "no time limit") && told(&imported, "no memory limit"));
}

#[test]
fn batches_dependencies_and_pretests_become_groups() {
    let init = "pretest_test_cases:\n- {in: 1.in, out: 1.out}\ntest_cases:\n- batched:\n  - {in: 1.in, out: 1.out}\n  - {in: 2.in, out: 2.out}\n  points: 30\n\
                - {in: 3.in, out: 3.out, points: 20}\n- batched:\n  - {in: 4.in, out: 4.out}\n  points: 50\n  dependencies: [1]\n";
    let (_, problem) = home(init).import();
    assert_eq!(
        groups(&problem),
        [
            "01-pretests PassFail 0 1 []",
            "02-batch-1 PassFail 30 2 [secret/01-pretests]",
            "03-case-4 Min 20 1 [secret/01-pretests]",
            "04-batch-2 PassFail 50 1 [secret/02-batch-1 secret/01-pretests]",
        ]
    );
}

#[test]
fn everything_waits_for_what_is_worth_nothing_before_it() {
    let init = "test_cases:\n- {in: 1.in, out: 1.out, points: 0}\n- {in: 2.in, out: 2.out, points: 40}\n\
                - batched:\n  - {in: 3.in, out: 3.out}\n  points: 0\n- {in: 4.in, out: 4.out, points: 60}\n";
    let (imported, problem) = home(init).import();
    assert_eq!(
        groups(&problem),
        [
            "01-case-1-all PassFail 0 1 []",
            "02-case-1 Min 0 1 []",
            "03-case-2 Min 40 1 [secret/01-case-1-all]",
            "04-batch-1 PassFail 0 1 [secret/01-case-1-all]",
            "05-case-4 Min 60 1 [secret/01-case-1-all secret/04-batch-1]",
        ]
    );
    assert!(told(&imported, "worth no points"));
    let all = "test_cases:\n- {in: 1.in, out: 1.out, points: 0}\n- {in: 2.in, out: 2.out, points: 0}\n";
    assert!(
        groups(&home(all).import().1).iter().all(|group| group.ends_with("[]")),
        "nothing is worth anything"
    );
}

#[test]
fn patterns_take_either_case_and_dmojs_own_may_be_written_out() {
    let own = "test_cases:\n  \
               input_format: '^(?=.*?\\.in|in).*?(?:(?:^|\\W)(?P<batch>\\d+)[^\\d\\s]+)?(?P<case>\\d+)[^\\d\\s]*$'\n  \
               output_format: '^(?=.*?\\.out|out).*?(?:(?:^|\\W)(?P<batch>\\d+)[^\\d\\s]+)?(?P<case>\\d+)[^\\d\\s]*$'\n";
    let short = "test_cases: {input_format: '(?P<case>\\d+)\\.in', output_format: '(?P<case>\\d+)\\.out'}\n";
    for init in [own, short] {
        let home = Home::of(&[("init.yml", init)]);
        for i in 1..=3 {
            home.put(&format!("{i}.IN"), format!("{i}\n"));
            home.put(&format!("{i}.Out"), format!("{i}\n"));
        }
        assert_eq!(home.import().1.cases.len(), 3, "{init}");
    }
}

#[test]
fn batches_named_by_words_come_before_those_with_numbers() {
    let init = "test_cases: {input_format: '(?P<batch>\\w+)-(?P<case>\\d+)\\.in', \
                output_format: '(?P<batch>\\w+)-(?P<case>\\d+)\\.out'}\n";
    let home = Home::of(&[("init.yml", init)]);
    for batch in ["10", "2", "x"] {
        home.put(&format!("{batch}-1.in"), format!("{batch}\n"));
        home.put(&format!("{batch}-1.out"), "1\n");
    }
    let (_, problem) = home.import();
    let inputs: Vec<String> = problem.cases.iter().map(|case| common::read(&case.input)).collect();
    assert_eq!(inputs, ["x\n", "2\n", "10\n"]);
}

#[test]
fn a_last_line_gets_its_end_unless_the_data_are_binary() {
    for (binary, want) in [("", "1\n2\n"), ("binary_data: true\n", "1\r\n2")] {
        let home = home(&format!("{binary}{LIST}"));
        home.put("1.in", "1\r\n2");
        let (_, problem) = home.import();
        assert_eq!(common::read(&problem.cases[0].input), want, "{binary}");
    }
}

#[test]
fn an_interactors_case_needs_no_answer() {
    let cases = "test_cases:\n- {in: 1.in, points: 20}\n- {in: 2.in, points: 20}\n";
    let interactive =
        home(&format!("unbuffered: true\ninteractive: {{files: i.cpp, type: testlib}}\n{cases}"));
    interactive.put("i.cpp", "int main() {}\n");
    assert_eq!(interactive.import().1.cases.len(), 2);
    assert!(home(cases).refused().contains("needs `out`"), "without an interactor it does");
}

#[test]
fn a_case_without_a_file_has_an_empty_one_and_cases_inherit_what_stands_outside() {
    // A program that reads nothing, and an interactor that needs nothing.
    let reads_nothing = home("test_cases:\n- {out: 1.out, points: 100}\n");
    let (imported, problem) = reads_nothing.import();
    assert_eq!(common::read(&problem.cases[0].input), "");
    assert_eq!(common::read(&problem.cases[0].answer), "2\n");
    assert!(told(&imported, "no `in` here"));
    let talking = home("interactive: {files: i.cpp, type: testlib}\ntest_cases:\n- points: 20\n");
    talking.put("i.cpp", "int main() {}\n");
    let (imported, problem) = talking.import();
    assert_eq!((problem.cases.len(), problem.interactive), (1, true));
    assert!(!told(&imported, "no checker is named"), "an interactor decides");
    let own = home(
        "checker: {name: bridged, args: {files: c.cpp, type: testlib}}\ntest_cases:\n- {in: 1.in, points: 1}\n",
    );
    own.put("c.cpp", "int main() {}\n");
    assert_eq!(common::read(&own.import().1.cases[0].answer), "");
    let outside = "in: 4.in\ntest_cases:\n- batched:\n  - {in: 1.in}\n  - {}\n  out: 3.out\n  points: 7\n";
    let outside = home(outside);
    let (_, problem) = outside.import();
    let files = |at: usize| (common::read(&problem.cases[at].input), common::read(&problem.cases[at].answer));
    assert_eq!(files(0), ("1\n".to_owned(), "6\n".to_owned()));
    assert_eq!(files(1), ("4\n".to_owned(), "6\n".to_owned()));
}

#[test]
fn keys_that_dmoj_passes_over_are_told_and_anchors_may_stand_under_them() {
    let init = "title: Twice\nshared: &shared {points: 5}\ntest_cases:\n- {<<: *shared, in: 1.in, out: 1.out}\n\
                - {<<: *shared, in: 2.in, out: 2.out, note: small}\n";
    let home = home(init);
    let (imported, _) = home.import();
    assert!(home.made("data/secret/test_group.yaml").contains("max_score: 10\n"));
    for key in ["title", "shared", "note"] {
        assert!(told(&imported, &format!("`{key}` is nothing this importer knows")), "{key}");
    }
}

#[test]
fn a_missing_testlib_is_told_where_a_program_includes_it() {
    let of = |source: &str| {
        let home =
            home(&format!("{LIST}checker: {{name: bridged, args: {{files: c.cpp, type: testlib}}}}\n"));
        home.put("c.cpp", source);
        told(&home.import().0, "put the file there as `output_validator/testlib.h`")
    };
    assert!(of("#include \"testlib.h\"\nint main() {}\n"));
    assert!(!of("int main() {}\n"));
}

#[test]
fn programs_in_c_are_compiled_as_c() {
    let checker =
        home(&format!("{LIST}checker: {{name: bridged, args: {{files: c.c, lang: C11, type: testlib}}}}\n"));
    checker.put("c.c", "int main(void) { return 0; }\n");
    checker.import();
    assert!(checker.made("output_validator/c.c").contains("main"));
    let interactor = home(&format!("{LIST}interactive: {{files: i.c}}\n"));
    interactor.put("i.c", "int main(void) { return 0; }\n");
    interactor.import();
    assert!(interactor.made("output_validator/build").contains("g++ -x c -O2 -pipe -o interactor i.c -lm"));
}

#[test]
fn short_circuit_makes_each_group_wait_for_the_one_before() {
    let (_, problem) = home(&format!("short_circuit: true\n{LIST}")).import();
    assert_eq!(
        groups(&problem),
        [
            "01-case-1-all PassFail 0 1 []",
            "02-case-1 Min 10 1 []",
            "03-case-2 Min 10 1 [secret/01-case-1-all]"
        ]
    );
}

#[test]
fn an_archive_and_patterns_find_cases_and_batches() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [
        ("a.1-1.in", "1\r\n"),
        ("a.1-1.out", "1\n"),
        ("a.1-2.in", "2\n"),
        ("a.1-2.out", "2\n"),
        ("a.10.in", "3\n"),
        ("a.10.out", "3\n"),
        ("readme", ""),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    let own = "archive: data.zip\npoints: 5\ntest_cases:\n  input_format: '^a\\.(?:(?P<batch>\\d+)-)?(?P<case>\\d+)\\.in$'\n  output_format: '^a\\.(?:(?P<batch>\\d+)-)?(?P<case>\\d+)\\.out$'\n  case_points: [7]\n";
    for init in [own, "archive: data.zip\n"] {
        let home = Home::of(&[("init.yml", init)]);
        home.put("data.zip", &bytes);
        let (_, problem) = home.import();
        assert_eq!(problem.cases.len(), 3, "{init}");
        if init == own {
            assert_eq!(groups(&problem), ["01-batch-1 PassFail 7 2 []", "02-case-2 Min 5 1 []"]);
            let first = problem.cases.iter().find(|case| case.name.ends_with("/01")).unwrap();
            assert_eq!(common::read(&first.input), "1\n", "DMOJ gives programs plain line ends");
        }
    }
}

#[test]
fn checkers_by_name_say_what_is_different() {
    for (checker, flags, named, told_words) in [
        ("standard", &["case_sensitive"][..], None, "line break"),
        ("easy", &[], None, "another order"),
        ("identical", &[], Some("exact"), ""),
        ("rstripped", &[], Some("lines"), "empty lines"),
        ("linecount", &[], Some("lines"), "share of right lines"),
        ("sorted", &[], Some("sorted"), "blanks inside"),
        ("{name: sorted, args: {split_on: whitespace}}", &[], Some("unordered"), ""),
        ("unordered", &[], Some("unordered"), ""),
        ("floats", &["case_sensitive", "float_tolerance", "1e-6"], None, "grammar"),
        (
            "{name: floats, args: {precision: 4, error_mode: absolute}}",
            &["case_sensitive", "float_absolute_tolerance", "1e-4"],
            None,
            "grammar",
        ),
        ("floatsrel", &["case_sensitive", "float_relative_tolerance", "1e-6"], None, "grammar"),
    ] {
        let (imported, problem) = home(&format!("{LIST}checker: {checker}\n")).import();
        assert_eq!(problem.cases[0].validator_args, flags, "{checker}");
        assert_eq!(problem.sidecar.checker.as_deref(), named, "{checker}");
        assert!(told(&imported, told_words), "{checker}");
    }
}

#[test]
fn programs_that_check_or_talk_are_carried_over() {
    let with = |init: &str| {
        let home = home(&format!("{LIST}{init}"));
        home.put("check.cpp", "int main() {}\n");
        home.put("testlib.h", "// testlib\n");
        home
    };
    let home = with("checker: {name: bridged, args: {files: check.cpp, lang: CPP17, type: testlib}}\n");
    let (_, problem) = home.import();
    assert_eq!(problem.sidecar.protocol, Protocol::Testlib);
    assert_eq!(home.made("output_validator/testlib.h"), "// testlib\n");
    let home = with("interactive: {files: [check.cpp], lang: CPP17, type: testlib}\nunbuffered: true\n");
    let (imported, problem) = home.import();
    assert!(problem.interactive && matches!(&problem.validator, Validator::Custom(p) if p[0].has_build));
    assert!(told(&imported, "`unbuffered` is left out"));
    let home = with(
        "signature_grader: {entry: check.cpp, header: testlib.h}\nfile_io: {input: a.in, output: a.out}\n",
    );
    let (_, problem) = home.import();
    assert_eq!(problem.includes["cpp"].files.len(), 2);
    assert_eq!(problem.sidecar.output_file.as_deref(), Some("a.out"));
}

#[test]
fn limits_come_by_flags() {
    let options = Options {
        time_limit: Some(std::time::Duration::from_millis(250)),
        memory: Some(proto::units::Bytes::mib(64)),
        pass_fail: true,
        ..Options::default()
    };
    let (_, problem) = home(LIST).import_with(&options).unwrap();
    assert_eq!(problem.limits.cpu_time.unwrap().as_millis(), 250);
    assert_eq!((problem.limits.memory.get(), problem.kind), (64 << 20, ProblemKind::PassFail));
}

#[test]
fn points_with_decimal_places_are_kept_exactly() {
    let cases =
        "test_cases:\n- {in: 1.in, out: 1.out, points: 2.5}\n- {in: 1.in, out: 1.out, points: 0.25}\n";
    let (imported, problem) = home(cases).import();
    assert_eq!(groups(&problem), ["01-case-1 Min 2.5 1 []", "02-case-2 Min 0.25 1 []"]);
    assert!(told(&imported, "score_unit"));
}

#[test]
fn what_no_package_can_say_is_refused_with_its_line() {
    for (init, line, words) in [
        ("custom_judge: judge.py\n", 4, "Python"),
        ("generator: gen.cpp\n", 4, "run it"),
        ("checker: mine.py\n", 4, "Python"),
        ("checker: best\n", 4, "`best`"),
        ("checker: {name: linecount, args: {match: 'lambda a, b: True'}}\n", 4, "`match`"),
        ("checker: {name: bridged, args: {files: check.cpp, type: coci}}\n", 4, "not there"),
        ("checker: {name: bridged, args: {files: 1.in, lang: JAVA, type: testlib}}\n", 4, "JAVA"),
        ("checker: {name: bridged, args: {files: 1.in, type: peg}}\n", 4, "`peg`"),
        ("interactive: {files: 1.in, type: coci}\n", 4, "`coci`"),
        ("interactive: {files: '1.in;x', type: testlib}\n", 4, "not there"),
        ("archive: none.zip\n", 4, "not there"),
        ("test_cases++: 1\n", 4, "Python that an old DMOJ runs"),
        ("io_redirects: {a.in: {fd: 0, mode: r}}\n", 4, "`file_io"),
        ("signature_grader: {entry: x.cpp, header: x.h}\n", 4, "`x.cpp`"),
        ("interactive: {files: [shim.cc]}\n", 4, "rename it"),
        ("file_io: {input: ../a}\n", 4, "`file_io.input` is `../a`; a plain file name"),
    ] {
        let home = home(&format!("{LIST}{init}"));
        home.put("shim.cc", "int main() {}\n");
        let text = home.refused();
        assert!(text.contains(words) && text.contains(&format!(":{line}: ")), "{init}: {text}");
    }
    for (init, words) in [
        ("test_cases: 7\n", "neither a list"),
        ("points: 1\n", "`test_cases` is missing"),
        ("test_cases:\n- {in: 9.in, out: 1.out}\n", "init.yml:2"),
        ("test_cases:\n- {in: ../../etc/passwd, out: 1.out}\n", "neither beside"),
        ("test_cases:\n- {in: 1.in}\n", "needs `out`"),
        ("test_cases:\n- batched:\n  - {in: 1.in, out: 1.out}\n  checker: sorted\n", "of a single batch"),
        ("test_cases:\n- {in: 1.in, out: 1.out, memory_limit: 1}\n", "of a single case"),
        (
            "test_cases:\n- {in: 1.in, out: 1.out, in: 2.in}\n",
            "init.yml:2: `in` is there before in the same mapping",
        ),
        ("test_cases:\n- {in: 1.in, out: 1.out, checker: sorted}\n", "single case"),
        ("test_cases:\n- {in: 1.in, out: 1.out, points: -1}\n", "not negative"),
        ("test_cases:\n- {in: 1.in, out: 1.out, points: 0.00000000005}\n", "at most nine decimal places"),
        ("test_cases:\n- batched:\n  - batched: []\n", "batch lies in a batch"),
        ("test_cases:\n- batched:\n  - {in: 1.in, out: 1.out}\n  dependencies: [1]\n", "before this one"),
        ("test_cases: {input_format: '(?=x)(?P<case>1)', output_format: x}\n", "look-around"),
        (
            "test_cases: {input_format: '(?P<case>(x{1000}){1000})', output_format: '(?P<case>x)'}\n",
            "reasonable size",
        ),
        (
            "test_cases: {input_format: '.*(?P<case>)\\.in', output_format: '.*(?P<case>)\\.out'}\n",
            "the same numbers",
        ),
        ("test_cases: {input_format: 'x', output_format: '(?P<case>x)'}\n", "`(?P<case>…)`"),
    ] {
        let text = home(init).refused();
        assert!(text.contains(words), "{init}: {text}");
    }
}
