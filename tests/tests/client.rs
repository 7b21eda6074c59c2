//! Do the client's commands say over HTTP what the service knows, and end as commands.md fixes it?

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tests::client::Api;
use tests::corpus::problems_folder;
use tests::process::{Running, finish, json, serve, share_images, tribunal};

/// A service with its first admin token, and a desk to call it from.
struct Desk {
    dir: tempfile::TempDir,
    _service: Running,
    api: Api,
    url: String,
    admin: PathBuf,
}

impl Desk {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("serve");
        share_images(&data);
        let (service, api) = serve(&data);
        let url = service.said("listening on ").unwrap().to_owned();
        let admin = dir.path().join("admin");
        let word = service.said("admin token (shown once): ").expect("the first start prints a token");
        fs::write(&admin, format!("{word}\n")).unwrap();
        api.ready(2).await;
        Self { dir, _service: service, api, url, admin }
    }

    fn call(&self, args: &[&str]) -> Output {
        finish(tribunal(self.dir.path()).args(args).env("TRIBUNAL_SERVER", &self.url))
    }

    fn as_admin(&self, args: &[&str]) -> Output {
        let with = ["--token-file", self.admin.to_str().unwrap()];
        self.call(&[args, &with].concat())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn example(path: &str) -> String {
    problems_folder().join("aplusb/submissions").join(path).to_str().unwrap().to_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_sent_followed_and_asked_for_from_the_command_line() {
    let desk = Desk::new().await;
    let right = example("accepted/plain.py");
    let followed =
        desk.call(&["submit", &right, "-p", "aplusb", "--label", "week-1", "--expect", "AC", "--json"]);
    let view = json(&followed);
    assert_eq!((followed.status.code(), &view["verdict"]), (Some(0), &json!("AC")), "{}", said(&followed));
    assert_eq!(view["judgement"]["tests"].as_array().map(Vec::len), Some(7), "the whole judgement is there");
    let id = view["id"].as_str().unwrap();
    assert_eq!(json(&desk.call(&["status", id, "--json"]))["verdict"], "AC");

    let wrong = desk.call(&["submit", &example("wrong_answer/silent.py"), "-p", "aplusb", "--expect", "AC"]);
    assert_eq!(wrong.status.code(), Some(1), "another verdict than expected");
    assert!(said(&wrong).contains("expected was AC"), "{}", said(&wrong));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("WA (wrong answer)"));

    let asked = json(&desk.call(&["status", "--label", "week-1", "--json"]));
    assert_eq!(asked["submissions"].as_array().map(Vec::len), Some(1), "{asked}");
    assert!(asked["queue"]["slots"].is_u64(), "{asked}");
    assert!(printed(&desk.call(&["status", "--verdict", "WA"])).contains("aplusb"));

    let echo = desk.file("echo.py", "print(input())\n");
    let (stdin, answer) = (desk.file("in", "one\n"), desk.file("ans", "one\n"));
    let own =
        ["submit", &echo, "--stdin", &stdin, "--answer", &answer, "--watch", "--cpu-time", "900ms", "--json"];
    let own = json(&desk.call(&own));
    assert_eq!(own["verdict"], "AC", "{own}");
    assert_eq!(own["judgement"]["limits"]["cpu_time_ms"], 900, "{own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_log_with_escapes_reaches_no_terminal_as_it_is() {
    let desk = Desk::new().await;
    let source = desk.file("a.cpp", "#error \u{1b}]0;owned\u{7} \u{1b}[2J\nint main() {}\n");
    let output = desk.call(&["submit", &source, "-p", "aplusb", "--expect", "CE"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("owned") && !text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_holds_and_revisions_are_handled_from_the_command_line() {
    let desk = Desk::new().await;
    let source = fs::read_to_string(example("accepted/plain.py")).unwrap();
    let one = json!({ "problem": "aplusb", "language": "python3", "files": [{ "name": "a.py", "content": source }] });
    assert!(
        printed(&desk.as_admin(&["holds", "set", "problem", "aplusb", "--reason", "a look"]))
            .contains("is held")
    );
    let file = desk.file("batch.ndjson", &format!("{one}\n\n{one}\n"));
    let sent = json(&desk.call(&["submit", "--batch", &file, "--json"]));
    let ids: Vec<String> =
        sent.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 2, "{sent}");
    assert_eq!(sent[0]["state"], "held");
    assert!(printed(&desk.as_admin(&["holds", "list"])).contains("a look"));
    assert!(printed(&desk.as_admin(&["holds", "release", "problem", "aplusb"])).contains("released"));
    for id in &ids {
        assert_eq!(json(&desk.call(&["status", id, "--watch", "--json"]))["verdict"], "AC");
    }
    let broken = desk.file("broken.ndjson", &format!("{one}\n{{\n"));
    let refused = desk.call(&["submit", "--batch", &broken]);
    assert!(refused.status.code() == Some(2) && said(&refused).contains("line 2"), "{}", said(&refused));

    let problem = json(&desk.call(&["problems", "list", "--json"]));
    let problem = problem.as_array().unwrap().iter().find(|p| p["name"] == "aplusb").unwrap();
    let digest = problem["digest"].as_str().unwrap();
    assert!(printed(&desk.call(&["problems", "activate", "aplusb", digest])).contains(digest));
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(desk.call(&["problems", "activate", "aplusb", &other]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_make_tokens_see_workers_and_judge_again_from_the_command_line() {
    let desk = Desk::new().await;
    let problems = json(&desk.call(&["problems", "list", "--json"]));
    assert!(problems.as_array().unwrap().iter().any(|p| p["name"] == "aplusb"));
    let workers = json(&desk.call(&["workers", "--json"]));
    assert_eq!(workers[0]["alive"], true, "{workers}");
    assert!(printed(&desk.call(&["workers"])).contains("ready"));
    let worker = workers[0]["id"].as_str().unwrap();
    assert!(workers[0]["speed"].as_f64().is_some_and(|speed| speed > 0.0), "{workers}");
    assert_eq!(desk.call(&["workers", "drain", worker]).status.code(), Some(2), "it needs a token");
    assert!(printed(&desk.as_admin(&["workers", "drain", worker])).contains("draining"));
    let sent = json(&desk.call(&["submit", &example("accepted/plain.py"), "-p", "aplusb", "--json"]));
    let waiting = json(&desk.call(&["status", sent["id"].as_str().unwrap(), "--json"]));
    assert_eq!(waiting["queue"]["waiting_for"], "uncordoned_worker", "{waiting}");
    assert!(printed(&desk.call(&["status"])).contains("uncordoned_worker"));
    assert!(printed(&desk.as_admin(&["workers", "uncordon", worker])).contains("ready"));
    let done = desk.call(&["status", sent["id"].as_str().unwrap(), "--watch", "--json"]);
    assert_eq!(json(&done)["verdict"], "AC");

    let out = desk.dir.path().join("course.token");
    let create =
        ["tokens", "create", "course", "--tenant", "course", "--scope", "submit,read", "--days", "1"];
    let made = desk.as_admin(&[&create[..], &["--out", out.to_str().unwrap(), "--json"]].concat());
    let made = json(&made);
    assert!(
        made["token"].is_null() && made["expires_at"].is_string(),
        "the text is in the file alone: {made}"
    );
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let again = desk.as_admin(&[&create[..], &["--out", out.to_str().unwrap()]].concat());
    assert_eq!(again.status.code(), Some(2), "a file that is there is not written over");
    let as_course = |args: &[&str]| desk.call(&[args, &["--token-file", out.to_str().unwrap()]].concat());
    let sent = as_course(&["submit", &example("accepted/plain.py"), "-p", "aplusb", "--watch", "--json"]);
    let id = json(&sent)["id"].as_str().unwrap().to_owned();
    let refused = as_course(&["tokens", "list"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("403") && said(&refused).contains("scope"), "{}", said(&refused));

    let shadow = json(&desk.as_admin(&["rejudge", &id, "--reason", "a look", "--watch", "--json"]));
    assert_eq!((&shadow["state"], &shadow["total"]), (&json!("ready"), &json!(1)), "{shadow}");
    assert_eq!(shadow["changes"], json!([]));
    let rejudge = shadow["id"].as_str().unwrap();
    assert!(printed(&desk.as_admin(&["rejudge", "list"])).contains(rejudge));
    assert!(printed(&desk.as_admin(&["rejudge", "apply", rejudge])).contains("applied"));
    assert_eq!(json(&as_course(&["status", &id, "--json"]))["judgement"]["number"], 2);
    let everything = desk.as_admin(&["rejudge"]);
    assert_eq!(everything.status.code(), Some(2));
    assert!(said(&everything).contains("which submissions"), "{}", said(&everything));

    let token_id = made["id"].as_str().unwrap();
    assert!(printed(&desk.as_admin(&["tokens", "revoke", token_id])).contains("taken back"));
    assert!(said(&as_course(&["status", &id])).contains("401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_would_be_right_and_print_nothing_else() {
    let desk = Desk::new().await;
    let right = example("accepted/plain.py");
    let refused = |output: Output, words: &[&str]| {
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(output.stdout.is_empty());
        for word in words {
            assert!(said(&output).contains(word), "should name {word:?}: {}", said(&output));
        }
    };
    let nobody = desk.file("nobody", "no-such-token\n");
    refused(
        desk.call(&["workers", "--json", "--token-file", &nobody]),
        &["401", "--token-file", "TRIBUNAL_TOKEN"],
    );
    refused(desk.call(&["status", "0195e0e0-0000-7000-8000-000000000000", "--json"]), &["404", "not_found"]);
    refused(desk.call(&["submit", &right, "-p", "no-such", "--json"]), &["unknown_problem", "no-such"]);
    refused(desk.call(&["submit", &right]), &["--problem", "--stdin"]);
    refused(desk.call(&["workers", "--server", "http://me:secret@127.0.0.1:1"]), &["--token-file"]);
    refused(desk.call(&["workers", "--server", "localhost:8080"]), &["--server", "http://127.0.0.1:8080"]);
    let empty = desk.file("empty", "\n");
    refused(desk.call(&["workers", "--token-file", &empty]), &["empty", "one word"]);

    let word = fs::read_to_string(&desk.admin).unwrap();
    let admin = Api::new(&desk.url, Some(word.trim()));
    let bound = admin.put("/api/v1/tenants/local", &json!({ "per_minute": 1 })).await;
    assert!(bound.0.is_success(), "{bound:?}");
    let _ = desk.call(&["submit", &right, "-p", "aplusb"]);
    refused(desk.call(&["submit", &right, "-p", "aplusb"]), &["429", "too_many_requests", "try again in"]);
    let (_, list) = desk.api.get("/api/v1/submissions").await;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");

    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    refused(desk.call(&["workers", "--server", &nowhere]), &["cannot be reached", "is the service running"]);
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| finish(tribunal(dir.path()).args(args));
    let commands = ["submit", "status", "problems", "tokens", "workers", "rejudge", "judge", "serve"];
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&run(&["completions", shell]));
        for command in commands {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
    let pages = dir.path().join("man/man1");
    printed(&run(&["man", pages.to_str().unwrap()]));
    for command in commands {
        let page = page(&pages, command);
        assert!(page.starts_with(".ie") || page.contains(".TH"), "{command}: {page}");
    }
    assert!(page(&pages, "submit").contains("TRIBUNAL_TOKEN"));
}

fn page(folder: &Path, command: &str) -> String {
    fs::read_to_string(folder.join(format!("tribunal-{command}.1"))).unwrap()
}

/// What a JSON document is not: two of them.
#[tokio::test(flavor = "multi_thread")]
async fn json_is_exactly_one_document_whatever_the_command() {
    let desk = Desk::new().await;
    let right = example("accepted/plain.py");
    let commands: [&[&str]; 6] = [
        &["submit", &right, "-p", "aplusb"],
        &["status"],
        &["problems", "list"],
        &["workers"],
        &["tokens", "list"],
        &["rejudge", "list"],
    ];
    for command in commands {
        let output = desk.as_admin(&[command, &["--json"]].concat());
        let document: Value = json(&output);
        assert!(!document.is_null(), "{command:?}");
        let lines = String::from_utf8_lossy(&output.stdout).lines().count();
        assert_eq!(lines, 1, "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harness_that_shares_its_box_is_pushed_with_a_word_only() {
    let desk = Desk::new().await;
    let folder = desk.dir.path().join("calc");
    fs::create_dir(&folder).unwrap();
    let run = "#!/bin/sh\necho '{\"score\": 3}' >/autograder/results/results.json\n";
    fs::write(folder.join("run_autograder"), run).unwrap();
    let folder = folder.to_str().unwrap();
    let refused = desk.as_admin(&["problem", "push", "--harness", folder]);
    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("--shared-box") && told.contains("separate = true"), "{told}");
    let lonely = desk.as_admin(&["problem", "push", "--shared-box", folder]);
    assert_eq!(lonely.status.code(), Some(2), "it is about harnesses");
    let taken = desk.as_admin(&["problem", "push", "--harness", "--shared-box", folder]);
    assert_eq!(taken.status.code(), Some(0), "{}", said(&taken));
    let source = desk.file("a.sh", "exit 0\n");
    let graded = desk.as_admin(&["submit", "--harness", "calc", "--watch", &source]);
    let text = String::from_utf8_lossy(&graded.stdout).into_owned();
    assert!(text.contains("shared_box: it ran in the autograder's own box"), "{text} {}", said(&graded));
}
