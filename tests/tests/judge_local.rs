//! Does `tribunal judge` give every example submission the verdict of its folder?

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tests::corpus::{Example, examples, problems_folder};
use tests::process::{finish, json, share_images, tribunal};

/// Two at once: idle ones wait, and cpu time is counted per box.
const AT_ONCE: usize = 2;

#[test]
fn every_example_submission_gets_the_verdict_of_its_folder() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let examples = examples();
    assert!(examples.len() >= 40, "only {} examples were found", examples.len());
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                let mine: Vec<&Example> = examples.iter().skip(n).step_by(AT_ONCE).collect();
                let data = data.path();
                scope.spawn(move || mine.into_iter().filter_map(|e| judge(data, e)).collect::<Vec<_>>())
            })
            .collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), examples.len(), wrong.join("\n"));
}

/// What is wrong with the verdict on `example`, if anything.
fn judge(data: &std::path::Path, example: &Example) -> Option<String> {
    let mut command = tribunal(data);
    command.arg("judge").arg(&example.package).arg(example.on_disk()).arg("--json");
    let output = finish(&mut command);
    let document = json(&output);
    let right = document["verdict"] == example.verdict.code() && output.status.code() == Some(0);
    (!right).then(|| format!("{}/{}: {} {document}", example.problem, example.path, example.verdict))
}

#[test]
fn expect_turns_another_verdict_into_exit_1() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let examples = examples();
    let right = examples.iter().find(|e| e.path.ends_with("accepted/plain.py")).unwrap();
    for (expected, status) in [("AC", 0), ("WA", 1), ("WA,AC", 0)] {
        let mut command = tribunal(data.path());
        command.arg("judge").arg(&right.package).arg(right.on_disk()).args(["--expect", expected, "--json"]);
        let output = finish(&mut command);
        assert_eq!(output.status.code(), Some(status), "{expected}");
        assert_eq!(json(&output)["verdict"], "AC");
    }
}

/// Asks it to end by `signal` amid its work on aplusb.zip. It ends so, and leaves no folder behind.
fn stopped_amid(asked: Command, signal: Signal, ignored: Option<Signal>) {
    let temporary = tempfile::tempdir().unwrap();
    // Whoever runs the tests may have been started to ignore signals, as shells start what is in the background.
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM,HUP").arg(asked.get_program()).args(asked.get_args());
    for (name, value) in asked.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("TMPDIR", temporary.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let left = || -> Vec<PathBuf> {
        std::fs::read_dir(temporary.path()).unwrap().flatten().map(|e| e.path()).collect()
    };
    let begun = Instant::now();
    // The package is unpacked and its program sleeps.
    let unpacks =
        |folder: &PathBuf| std::fs::read_dir(folder).is_ok_and(|mut within| within.next().is_some());
    while !left().iter().any(unpacks) {
        assert!(begun.elapsed() < Duration::from_mins(1), "{command:?} has not begun");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    if let Some(ignored) = ignored {
        kill(pid, ignored).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(child.try_wait().unwrap(), None, "{command:?} {ignored}");
    }
    kill(pid, signal).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + signal as i32), "{command:?}");
    assert_eq!(left(), Vec::<PathBuf>::new(), "{command:?} {signal}");
}

#[test]
fn a_command_that_is_stopped_leaves_nothing_it_unpacked() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let slow = examples().into_iter().find(|e| e.path.ends_with("idle_limit_exceeded/sleep.py")).unwrap();
    let zip = data.path().join("aplusb.zip");
    std::fs::write(&zip, problem::pack_zip(&slow.package).unwrap()).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut command = tribunal(data.path());
        command.arg("judge").arg(&zip).arg(slow.on_disk());
        stopped_amid(command, signal, None);
    }
    let mut verify = tribunal(data.path());
    verify.arg("verify").arg(&zip);
    // As under `nohup`: what it was started to ignore does not end it.
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(verify.get_program()).args(verify.get_args());
    deaf.envs(verify.get_envs().filter_map(|(name, value)| Some((name, value?))));
    stopped_amid(verify, Signal::SIGTERM, None);
    stopped_amid(deaf, Signal::SIGTERM, Some(Signal::SIGHUP));
}

#[test]
fn the_checker_reads_a_named_pipe_once() {
    let data = tempfile::tempdir().unwrap();
    let [input, answer, pipe] = ["input", "answer", "pipe"].map(|name| data.path().join(name));
    std::fs::write(&input, "").unwrap();
    std::fs::write(&answer, "3\n").unwrap();
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut command = tribunal(data.path());
    command.args(["check", "--json", "--input"]).arg(&input).arg("--answer").arg(&answer);
    let mut child = command.arg("--output").arg(&pipe).stdout(Stdio::piped()).spawn().unwrap();
    // Opening waits for the reader; dropping is the end of the file.
    std::fs::write(&pipe, "4\n").unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(1));
}

#[test]
fn the_document_has_every_key_of_the_contract() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let example = examples().into_iter().find(|e| e.path.ends_with("wrong_answer/int32.cpp")).unwrap();
    let mut command = tribunal(data.path());
    command.arg("judge").arg(&example.package).arg(example.on_disk()).arg("--json");
    let document = json(&finish(&mut command));
    for key in ["verdict", "score", "compile", "tests", "groups", "limits", "language", "image"] {
        assert!(document.get(key).is_some(), "{key}");
    }
    for key in ["status", "log", "cpu_time_ms", "wall_time_ms"] {
        assert!(document["compile"].get(key).is_some(), "compile.{key}");
    }
    let failed = document["tests"].as_array().unwrap().iter().find(|t| t["verdict"] == "WA").unwrap();
    for key in [
        "name",
        "group",
        "verdict",
        "reason",
        "score",
        "cpu_time_ms",
        "wall_time_ms",
        "memory_bytes",
        "output_bytes",
        "exit_code",
        "signal",
        "limit_hit",
        "feedback",
        "accounting",
        "cached",
        "runs",
        "notes",
    ] {
        assert!(failed.get(key).is_some(), "tests[].{key}");
    }
    assert!(failed["reason"].as_str().unwrap().contains("expected"));
    assert_eq!(document["compile"]["status"], "ok");
    assert!(document["image"].as_str().unwrap().starts_with("sha256:"));
    let last = document["tests"].as_array().unwrap().last().unwrap();
    assert!(last["verdict"] == "SK" || last["verdict"] == "WA");
}

/// A package of ours in a folder of its own, to be changed.
fn copy_of(problem: &str, to: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                std::fs::copy(from, to).unwrap();
            }
        }
    }
    let package = to.join(problem);
    copy(&problems_folder().join(problem), &package);
    package
}

fn judge_with_cache(data: &Path, package: &Path, source: &str, more: &[&str]) -> Value {
    let mut command = tribunal(data);
    command.env("TRIBUNAL__CACHE__MAX", "64MiB");
    command.arg("judge").arg(package).arg(package.join(source)).arg("--json").args(more);
    json(&finish(&mut command))
}

fn cached(document: &Value) -> Vec<bool> {
    let tests = document["tests"].as_array().unwrap().iter().map(|t| t["cached"].as_bool().unwrap());
    std::iter::once(document["compile"]["cached"].as_bool().unwrap()).chain(tests).collect()
}

#[test]
fn an_equal_run_is_recalled_and_a_changed_checker_is_asked_about_it() {
    if std::env::var_os("TRIBUNAL_TEST_DATA").is_none() {
        println!("skipped: recalling runs, because nothing that ran in the host image is kept");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let package = copy_of("nosort", data.path());
    let source = "submissions/accepted/least.py";
    let [first, second, anew] =
        [&[][..], &[], &["--no-cache"]].map(|more| judge_with_cache(data.path(), &package, source, more));
    for (document, want) in [(&first, [false; 3]), (&second, [true, false, true]), (&anew, [false; 3])] {
        assert_eq!(document["verdict"], "AC", "{document}");
        assert_eq!(cached(document), want, "compile, static validation, case: {document}");
    }
    assert_eq!(first["tests"][1]["cpu_time_ms"], second["tests"][1]["cpu_time_ms"], "what was measured");

    std::fs::create_dir(package.join("output_validator")).unwrap();
    std::fs::write(package.join("output_validator/never.py"), "import sys\nsys.exit(43)\n").unwrap();
    let checked = judge_with_cache(data.path(), &package, source, &[]);
    assert_eq!((&checked["verdict"], cached(&checked)), (&"WA".into(), vec![true, false, true]));
}

#[test]
fn an_earlier_judgement_is_made_again_without_a_run() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let package = copy_of("nosort", data.path());
    let judged = judge_with_cache(data.path(), &package, "submissions/accepted/least.py", &["--all"]);
    let stored = data.path().join("judged.json");
    std::fs::write(&stored, judged.to_string()).unwrap();
    let again = || {
        let mut command = tribunal(data.path());
        command.arg("judge").arg(&package).arg("--from").arg(&stored).arg("--json");
        let output = finish(&mut command);
        (output.status.code(), json(&output))
    };
    let (status, same) = again();
    assert_eq!((status, &same["verdict"], &same["changes"]), (Some(0), &"AC".into(), &serde_json::json!([])));

    let manifest = std::fs::read_to_string(package.join("problem.yaml")).unwrap();
    let limit = |seconds: &str| manifest.replace("time_limit: 1\n", &format!("time_limit: {seconds}\n"));
    std::fs::write(package.join("problem.yaml"), limit("0.001")).unwrap();
    let (status, slow) = again();
    assert_eq!((status, &slow["verdict"]), (Some(0), &"TLE".into()), "{slow}");
    assert_eq!(slow["changes"][0]["test"], "secret/1");
    assert_eq!((&slow["changes"][1]["from"], &slow["changes"][1]["to"]), (&"AC".into(), &"TLE".into()));

    // A stored TLE cannot become anything else without a run.
    std::fs::write(&stored, slow.to_string()).unwrap();
    std::fs::write(package.join("problem.yaml"), &manifest).unwrap();
    let (status, open) = again();
    assert_eq!((status, &open["verdict"]), (Some(1), &Value::Null));
    assert_eq!(open["needs_run"], serde_json::json!(["secret/1"]));
}
