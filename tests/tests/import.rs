//! Problems of other systems, imported and then judged in boxes: does the package judge as its home does?
//!
//! Checkers and interactors here follow testlib's exit statuses and nothing more: testlib.h is nobody's to
//! copy.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tests::process::{finish, json, serve, share_images, tribunal};

/// A folder to work in, with images; the source lies in `source`, packages are made beside it.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        share_images(&dir.path().join("data"));
        for (path, text) in files {
            let at = dir.path().join("source").join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, text).unwrap();
        }
        Self { dir }
    }

    fn command(&self) -> Command {
        tribunal(&self.dir.path().join("data"))
    }

    /// Imports the source.
    fn import(&self, flags: &[&str]) -> Value {
        let mut command = self.command();
        command
            .args(["problem", "import"])
            .arg(self.dir.path().join("source"))
            .arg(self.dir.path().join("made"));
        let output = finish(command.args(flags).arg("--json"));
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        json(&output)
    }

    /// Verdict and score of a C++ program against the package.
    fn judge(&self, source: &str) -> (String, String) {
        let file = self.dir.path().join("main.cpp");
        fs::write(&file, source).unwrap();
        let mut command = self.command();
        let document =
            json(&finish(command.arg("judge").arg(self.dir.path().join("made")).arg(&file).arg("--json")));
        let word = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let (verdict, score) = (word("verdict"), word("score"));
        if matches!(verdict.as_str(), "JE" | "SE" | "CE") {
            return (format!("{verdict} {document}"), score);
        }
        (verdict, score)
    }
}

fn verdict(desk: &Desk, source: &str) -> String {
    desk.judge(source).0
}

fn polygon(judging: &str, tests: &str, assets: &str) -> String {
    format!(
        "<problem short-name=\"p\"><judging {judging}><testset name=\"tests\"><time-limit>1000</time-limit>\
         <memory-limit>67108864</memory-limit><input-path-pattern>tests/%d</input-path-pattern>\
         <answer-path-pattern>tests/%d.a</answer-path-pattern>{tests}</testset></judging><assets>{assets}</assets></problem>"
    )
}

const WCMP: &str = "<checker name=\"std::wcmp.cpp\"><source path=\"check.cpp\"/></checker>";
/// A checker with testlib's exit statuses: any number that is not negative is right, the answer's is all the points.
const CHECKER: &str = "#include <cstdio>\n#include <cstdlib>\nint main(int, char** a) { FILE* f = fopen(a[2], \"r\"); FILE* g = fopen(a[3], \"r\"); int x, y;\n\
    if (!f || fscanf(f, \"%d\", &x) != 1) { fprintf(stderr, \"wrong output format no number\"); return 2; }\n\
    if (!g || fscanf(g, \"%d\", &y) != 1) { fprintf(stderr, \"FAIL no answer\"); return 3; }\n\
    if (x == y) { fprintf(stderr, \"ok\"); return 0; }\n\
    if (x < 0) { fprintf(stderr, \"wrong answer negative\"); return 1; }\n\
    fprintf(stderr, \"partially correct (50)\"); return 66; }\n";

#[test]
fn a_polygon_problem_with_files_and_groups_scores_as_at_home() {
    let tests = "<tests><test group=\"1\" points=\"40\"/><test group=\"1\"/><test group=\"2\" points=\"60\"/></tests><groups>\
                 <group name=\"1\" points-policy=\"complete-group\"/><group name=\"2\" points-policy=\"complete-group\">\
                 <dependencies><dependency group=\"1\"/></dependencies></group></groups>";
    let desk = Desk::new(&[
        ("problem.xml", &polygon("input-file=\"in.txt\" output-file=\"out.txt\"", tests, WCMP)),
        ("tests/1", "1\n"),
        ("tests/1.a", "2\n"),
        ("tests/2", "2\n"),
        ("tests/2.a", "4\n"),
        ("tests/3", "3\n"),
        ("tests/3.a", "6\n"),
    ]);
    desk.import(&[]);
    let program = |body: &str| {
        format!(
            "#include <fstream>\n#include <iostream>\n#include <unistd.h>\n#include <sys/stat.h>\nint main() {{ std::ifstream in(\"in.txt\"); int n = -1; in >> n; {body} }}\n"
        )
    };
    let right = program("std::ofstream(\"out.txt\") << n * 2 << '\\n';");
    assert_eq!(desk.judge(&right), ("AC".to_owned(), "100".to_owned()));
    let half = program("std::ofstream(\"out.txt\") << (n == 3 ? 0 : n * 2);");
    assert_eq!(desk.judge(&half), ("PA".to_owned(), "40".to_owned()));
    let first = program("std::ofstream(\"out.txt\") << (n == 1 ? 0 : n * 2);");
    assert_eq!(desk.judge(&first), ("WA".to_owned(), "0".to_owned()));
    // Attacks: right words on stdout, a link to the input, a FIFO, a folder, too much.
    for (body, want) in [
        ("std::cout << n * 2;", "WA"),
        ("symlink(\"in.txt\", \"out.txt\");", "WA"),
        ("mkdir(\"out.txt\", 0700);", "WA"),
        ("std::ofstream out(\"out.txt\"); for (int i = 0; i < 10 << 20; i++) out << '2';", "OLE"),
    ] {
        assert_eq!(verdict(&desk, &program(body)), want, "{body}");
    }
}

#[test]
fn a_polygon_checker_gives_parts_where_each_test_has_points() {
    let tests = "<tests><test points=\"10\"/><test points=\"10\"/></tests>";
    let own = "<checker><source path=\"check.cpp\" type=\"cpp.g++17\"/></checker>";
    let desk = Desk::new(&[
        ("problem.xml", &polygon("", tests, own)),
        ("check.cpp", CHECKER),
        ("tests/1", "1\n"),
        ("tests/1.a", "1\n"),
        ("tests/2", "2\n"),
        ("tests/2.a", "2\n"),
    ]);
    desk.import(&[]);
    let program = |expression: &str| {
        format!("#include <iostream>\nint main() {{ int n; std::cin >> n; std::cout << ({expression}); }}\n")
    };
    assert_eq!(desk.judge(&program("n")), ("AC".to_owned(), "20".to_owned()));
    assert_eq!(desk.judge(&program("n == 1 ? 1 : 7")), ("PA".to_owned(), "15".to_owned()));
    assert_eq!(desk.judge(&program("-1")), ("WA".to_owned(), "0".to_owned()));
}

#[test]
fn a_polygon_interactor_talks_and_its_checker_has_the_last_word() {
    // Says its number, takes one back, writes it to its output; the checker compares that with the answer.
    let interactor = "#include <cstdio>\nint main(int, char** a) { FILE* in = fopen(a[1], \"r\"); FILE* out = fopen(a[2], \"w\"); int n, x;\n\
        if (fscanf(in, \"%d\", &n) != 1) return 3; printf(\"%d\\n\", n); fflush(stdout);\n\
        if (scanf(\"%d\", &x) != 1) { fprintf(stderr, \"wrong answer nothing came\"); return 1; } fprintf(out, \"%d\\n\", x); return 0; }\n";
    let assets = "<checker><source path=\"check.cpp\" type=\"cpp.g++17\"/></checker><interactor><source path=\"talk.cpp\" type=\"cpp.g++17\"/></interactor>";
    let desk = Desk::new(&[
        ("problem.xml", &polygon("", "<tests><test/></tests>", assets)),
        ("check.cpp", CHECKER),
        ("talk.cpp", interactor),
        ("tests/1", "5\n"),
        ("tests/1.a", "10\n"),
    ]);
    desk.import(&[]);
    let program = |expression: &str| {
        format!(
            "#include <iostream>\nint main() {{ int n; std::cin >> n; std::cout << ({expression}) << std::endl; }}\n"
        )
    };
    assert_eq!(verdict(&desk, &program("n * 2")), "AC");
    assert_eq!(verdict(&desk, &program("n")), "WA");
    assert_eq!(verdict(&desk, &program("-1")), "WA");
}

#[test]
fn a_cms_checker_gives_its_outcome_and_a_grader_is_compiled_in() {
    let checker = "#include <cstdio>\nint main(int, char** a) { FILE* f = fopen(a[2], \"r\"); FILE* g = fopen(a[3], \"r\"); int x, y;\n\
        if (!f || fscanf(f, \"%d\", &x) != 1) return 1;\n\
        bool some = g && fscanf(g, \"%d\", &y) == 1; printf(\"%s\\n\", !some ? \"0.0\" : x == y ? \"1.0\" : y > 0 ? \"0.5\" : \"0\"); fprintf(stderr, \"translate:done\\n\"); }\n";
    let grader = "#include <cstdio>\n#include \"task.h\"\nint main() { int n; scanf(\"%d\", &n); printf(\"%d\\n\", twice(n)); }\n";
    let desk = Desk::new(&[
        ("task.yaml", "name: task\ntitle: T\ntime_limit: 1\nmemory_limit: 64\ninfile: ''\noutfile: ''\n"),
        ("gen/GEN", "# ST: 40\n1\n# ST: 60\n2\n"),
        ("check/checker.cpp", checker),
        ("sol/grader.cpp", grader),
        ("sol/task.h", "int twice(int);\n"),
        ("input/input0.txt", "1\n"),
        ("output/output0.txt", "2\n"),
        ("input/input1.txt", "2\n"),
        ("output/output1.txt", "4\n"),
    ]);
    desk.import(&[]);
    let program =
        |expression: &str| format!("#include \"task.h\"\nint twice(int n) {{ return {expression}; }}\n");
    assert_eq!(desk.judge(&program("n * 2")), ("AC".to_owned(), "100".to_owned()));
    assert_eq!(desk.judge(&program("n == 1 ? 2 : 7")), ("PA".to_owned(), "70".to_owned()));
    assert_eq!(desk.judge(&program("0")), ("WA".to_owned(), "0".to_owned()));
}

#[test]
fn a_cms_manager_talks_with_the_stub() {
    let manager = "#include <cstdio>\nint main(int, char** a) { int n, x = -1; scanf(\"%d\", &n); FILE* in = fopen(a[1], \"r\"); FILE* out = fopen(a[2], \"w\");\n\
        fprintf(out, \"%d\\n\", n); fflush(out); fscanf(in, \"%d\", &x); printf(x == 2 * n ? \"1.0\\n\" : \"0.0\\n\"); fprintf(stderr, \"done\\n\"); }\n";
    let stub = "#include <cstdio>\n#include \"task.h\"\nint main(int, char** a) { int n; FILE* in = fopen(a[1], \"r\"); FILE* out = fopen(a[2], \"w\");\n\
        if (fscanf(in, \"%d\", &n) != 1) return 1; fprintf(out, \"%d\\n\", twice(n)); fflush(out); }\n";
    let desk = Desk::new(&[
        ("task.yaml", "name: task\ntitle: T\ntime_limit: 1\nmemory_limit: 64\nn_input: 1\n"),
        ("check/manager.cpp", manager),
        ("sol/stub.cpp", stub),
        ("sol/task.h", "int twice(int);\n"),
        ("input/input0.txt", "7\n"),
        ("output/output0.txt", ""),
    ]);
    desk.import(&[]);
    let program =
        |expression: &str| format!("#include \"task.h\"\nint twice(int n) {{ return {expression}; }}\n");
    assert_eq!(desk.judge(&program("n * 2")), ("AC".to_owned(), "100".to_owned()));
    assert_eq!(desk.judge(&program("n")), ("WA".to_owned(), "0".to_owned()));
}

#[test]
fn a_cms_manager_talks_with_a_program_of_no_stub_by_stdin_and_stdout() {
    let manager = "#include <cstdio>\nint main(int, char** a) { int n, x = -1; scanf(\"%d\", &n); FILE* in = fopen(a[1], \"r\"); FILE* out = fopen(a[2], \"w\");\n\
        fprintf(out, \"%d\\n\", n); fflush(out); fscanf(in, \"%d\", &x); printf(x == 2 * n ? \"1.0\\n\" : \"0.0\\n\"); fprintf(stderr, \"done\\n\"); }\n";
    let subtasks = "score_type: GroupMin\nscore_type_parameters: [[30, '00[01]'], [70, '001']]\n";
    let task = format!("name: task\ntitle: T\ntime_limit: 1\nmemory_limit: 64\nn_input: 2\n{subtasks}");
    let desk = Desk::new(&[
        ("task.yaml", &task),
        ("check/manager.cpp", manager),
        ("input/input0.txt", "7\n"),
        ("output/output0.txt", ""),
        ("input/input1.txt", "8\n"),
        ("output/output1.txt", ""),
    ]);
    desk.import(&[]);
    // Who is given arguments at home has a stub.
    let program = |expression: &str| {
        format!(
            "#include <iostream>\nint main(int argc, char**) {{ int n; std::cin >> n; std::cout << (argc == 1 ? {expression} : -1) << std::endl; }}\n"
        )
    };
    assert_eq!(desk.judge(&program("n * 2")), ("AC".to_owned(), "100".to_owned()));
    assert_eq!(desk.judge(&program("n == 8 ? 16 : 0")), ("PA".to_owned(), "70".to_owned()));
    assert_eq!(desk.judge(&program("n == 7 ? 14 : 0")), ("WA".to_owned(), "0".to_owned()));
}

#[test]
fn a_dmoj_interactor_in_c_talks_and_a_case_may_have_no_file() {
    // `class` is a word of C++ only.
    let interactor = "#include <stdio.h>\nint main(int n, char** a) { int class = 0, x = -1; FILE* in = fopen(a[1], \"r\");\n\
        if (fscanf(in, \"%d\", &class) != 1) class = 100; printf(\"%d\\n\", class); fflush(stdout);\n\
        if (scanf(\"%d\", &x) != 1) return 1; return x == 2 * class ? 0 : 1; }\n";
    let desk = Desk::new(&[
        (
            "init.yml",
            "interactive: {files: talk.c, type: testlib}\ntest_cases:\n- {in: 1.in, points: 20}\n- points: 30\n",
        ),
        ("talk.c", interactor),
        ("1.in", "4\n"),
    ]);
    desk.import(&["--time-limit", "1s", "--memory", "64MiB"]);
    let program = |expression: &str| {
        format!(
            "#include <iostream>\nint main() {{ int n; std::cin >> n; std::cout << ({expression}) << std::endl; }}\n"
        )
    };
    assert_eq!(desk.judge(&program("n * 2")), ("AC".to_owned(), "50".to_owned()));
    assert_eq!(desk.judge(&program("n == 100 ? 200 : 0")), ("PA".to_owned(), "30".to_owned()));
}

#[test]
fn a_dmoj_problem_is_judged_by_the_checker_it_names() {
    let desk = Desk::new(&[
        ("init.yml", "test_cases:\n- {in: 1.in, out: 1.out}\nchecker: identical\n"),
        ("1.in", "1\n"),
        ("1.out", "a  b\n"),
    ]);
    let made = desk.import(&["--time-limit", "1s", "--memory", "64MiB"]);
    assert_eq!(made["format"], "dmoj");
    assert!(made["changes"].as_array().is_some_and(|changes| !changes.is_empty()));
    let program =
        |text: &str| format!("#include <cstdio>\nint main() {{ std::fputs(\"{text}\", stdout); }}\n");
    assert_eq!(verdict(&desk, &program("a  b\\n")), "AC");
    assert_eq!(verdict(&desk, &program("a b\\n")), "WA");
}

#[test]
fn an_import_that_a_signal_ends_leaves_nothing_and_says_which() {
    let cases: String = (0..4000).map(|_| "- {in: 1.in, out: 1.out}\n").collect();
    let (init, input) = (format!("test_cases:\n{cases}"), "1\n".repeat(10_000));
    let desk = Desk::new(&[("init.yml", &init), ("1.in", &input), ("1.out", "1\n")]);
    let (work, temporary) = (desk.dir.path().join("work"), desk.dir.path().join("temporary"));
    fs::create_dir(&work).unwrap();
    fs::create_dir(&temporary).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // Whoever runs the tests may have been started to ignore signals.
        let asked = desk.command();
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,TERM,HUP").arg(asked.get_program()).args(asked.get_args());
        command.env("TMPDIR", &temporary).stdout(Stdio::null()).stderr(Stdio::piped());
        command.args(["problem", "import"]).arg(desk.dir.path().join("source")).arg(work.join("made"));
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        while fs::read_dir(&work).unwrap().next().is_none() {
            assert!(begun.elapsed() < Duration::from_mins(1), "the import has not begun to write");
            std::thread::sleep(Duration::from_millis(1));
        }
        kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(128 + signal as i32));
        for folder in [&work, &temporary] {
            assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "{signal}: {}", folder.display());
        }
    }
}

#[test]
fn a_package_is_pushed_once_and_refusals_say_what_to_do() {
    let desk = Desk::new(&[]);
    let data = desk.dir.path().join("serve");
    share_images(&data);
    let (service, _) = serve(&data);
    let url = service.said("listening on ").unwrap().to_owned();
    let push = |package: &Path, api: &str, flags: &[&str]| {
        finish(
            desk.command()
                .args(["problem", "push"])
                .arg(package)
                .args(["--api", api])
                .args(flags)
                .arg("--json"),
        )
    };
    let aplusb = Path::new(env!("CARGO_MANIFEST_DIR")).join("problems/aplusb");
    let first = push(&aplusb, &url, &["--name", "pushed"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!(
        (&json(&first)["new"], &json(&first)["problem"]["name"]),
        (&Value::Bool(true), &"pushed".into())
    );
    assert_eq!(json(&push(&aplusb, &url, &["--name", "pushed"]))["new"], false);
    let token = desk.dir.path().join("token");
    fs::write(&token, "nobody\n").unwrap();
    let said = |output: std::process::Output| {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let wrong_token = said(push(&aplusb, &url, &["--token-file", token.to_str().unwrap()]));
    assert!(wrong_token.contains("401") && wrong_token.contains("--token-file"), "{wrong_token}");
    let empty = desk.dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let broken = said(push(&empty, &url, &[]));
    assert!(broken.contains("problem.yaml"), "{broken}");
    let odd = desk.dir.path().join("odd");
    finish(desk.command().args(["problem", "new"]).arg(&odd));
    fs::write(odd.join("input_validators/more.ctd"), "INT(1,9) NEWLINE\nREP(2) SPACE\n").unwrap();
    let malformed = said(push(&odd, &url, &[]));
    assert!(malformed.contains("input_validators/more.ctd:3: column 1: a command or END"), "{malformed}");
    drop(service);
    assert!(said(push(&aplusb, &url, &[])).contains("cannot be reached"));
}
