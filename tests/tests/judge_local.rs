//! Does `tribunal judge` give every example submission the verdict of its folder?

use tests::corpus::{Example, examples};
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
