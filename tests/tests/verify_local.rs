//! Does `tribunal verify` find every package of ours, and every new one, to keep its word?

use std::path::Path;

use serde_json::Value;
use tests::corpus::packages;
use tests::process::{finish, json, share_images, tribunal};

fn verify(data: &Path, package: &Path) -> (Option<i32>, Value) {
    // More than there are cores: those that sleep cost none, and cpu time is counted per box.
    let output = finish(tribunal(data).arg("verify").arg(package).args(["--json", "--jobs", "4"]));
    (output.status.code(), json(&output))
}

/// What does not hold, in words.
fn broken(document: &Value) -> Vec<String> {
    let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
    let errors = list("diagnostics").into_iter().filter(|d| d["severity"] == "error");
    let wrong = list("submissions").into_iter().filter(|s| s["ok"] != true);
    errors.chain(wrong).map(|it| it.to_string()).collect()
}

#[test]
fn every_package_keeps_its_word() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let packages = packages();
    assert!(packages.len() >= 9, "only {} packages were found", packages.len());
    for (path, problem) in packages {
        let (status, document) = verify(data.path(), &path);
        assert_eq!(
            (status, &document["ok"]),
            (Some(0), &true.into()),
            "{}: {:#?}",
            problem.name,
            broken(&document)
        );
        assert_eq!(document["submissions"].as_array().unwrap().len(), problem.submissions.len());
        assert_eq!(document["cases"].as_array().unwrap().len(), problem.cases.len());
    }
}

#[test]
fn a_new_package_of_every_kind_keeps_its_word_and_notices_when_it_is_broken() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    for kind in ["pass-fail", "scoring", "interactive", "multi-pass"] {
        let folder = data.path().join(format!("new-{kind}"));
        let made = finish(tribunal(data.path()).args(["problem", "new", "--type", kind]).arg(&folder));
        assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
        let problem = problem::read_dir(&folder).unwrap().problem;
        let (status, document) = verify(data.path(), &folder);
        assert_eq!((status, &document["ok"]), (Some(0), &true.into()), "{kind}: {:#?}", broken(&document));

        // An input that no validator should let through, and one that it must.
        let first = problem.cases.iter().find(|case| !case.sample).unwrap();
        std::fs::write(&first.input, "what?\n").unwrap();
        let probe = problem.probes.iter().find(|p| p.name.starts_with("invalid_input/")).unwrap();
        std::fs::copy(problem.cases.iter().find(|case| case.sample).unwrap().input.clone(), &probe.input)
            .unwrap();
        let (status, document) = verify(data.path(), &folder);
        let found = broken(&document).join("\n");
        assert_eq!(status, Some(1), "{kind}");
        for path in [format!("data/{}.in", first.name), format!("data/{}.in", probe.name)] {
            assert!(found.contains(&path), "{kind}: {path}: {found}");
        }
    }
}

#[test]
fn the_result_comes_as_a_table_or_as_junit_too() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let folder = data.path().join("new");
    finish(tribunal(data.path()).args(["problem", "new"]).arg(&folder));
    let said = |format: &str| {
        let output = finish(tribunal(data.path()).arg("verify").arg(&folder).args(["--format", format]));
        assert_eq!(output.status.code(), Some(0), "{format}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = said("text");
    for part in [
        "submissions/wrong_answer/positive.py",
        "time limit 2000 ms",
        "no submission fails",
        "all expectations hold",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "colour is for terminals: {text:?}");
    let junit = said("junit");
    assert!(junit.starts_with("<?xml") && junit.contains(r#"tests="5" failures="0" errors="0""#), "{junit}");
}

/// What a package's specification makes of its one input, `5`.
fn specified(specification: &str, limits: &str) -> (Option<i32>, String) {
    let data = tempfile::tempdir().unwrap();
    let package = data.path().join("specified");
    for (path, text) in [
        (
            "problem.yaml",
            format!(
                "problem_format_version: 2025-09\nname: S\nuuid: s\nlimits: {{time_limit: 1, {limits}}}\n"
            ),
        ),
        ("data/secret/1.in", "5\n".to_owned()),
        ("data/secret/1.ans", "5\n".to_owned()),
        ("input_validators/check.ctd", specification.to_owned()),
    ] {
        let path = package.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    // No image is there, and none is needed.
    let (status, document) = verify(data.path(), &package);
    (status, broken(&document).join("\n"))
}

#[test]
fn a_checktestdata_specification_is_held_to_the_validators_limits_by_its_box() {
    let enough = "validation_time: 30, validation_memory: 256";
    assert_eq!(specified("INT(1,9) NEWLINE", enough), (Some(0), String::new()));
    for (specification, limits, want) in [
        ("INT(1,4) NEWLINE", enough, "check.ctd does not accept it: line 1, column 1: 5 is out of range"),
        ("INT(1,\"x\") NEWLINE", enough, "check.ctd broke on it: 1:7: an integer is needed"),
        (
            "REP(4000000000) SET(a = 1) END INT(1,9) NEWLINE",
            "validation_time: 1",
            "check.ctd broke on it: cpu time",
        ),
        (
            "REPI(i, 4000000) SET(a[i] = 1) END INT(1,9) NEWLINE",
            "validation_memory: 48",
            "check.ctd broke on it: memory",
        ),
    ] {
        let (status, found) = specified(specification, limits);
        assert_eq!(status, Some(1), "{specification}: {found}");
        assert!(found.contains("data/secret/1.in") && found.contains(want), "{specification}: {found}");
    }
}

#[test]
fn a_second_time_what_did_not_change_is_recalled_and_so_is_what_is_far_too_slow() {
    if std::env::var_os("TRIBUNAL_TEST_DATA").is_none() {
        println!("skipped: recalling runs, because nothing that ran in the host image is kept");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let folder = data.path().join("new");
    finish(tribunal(data.path()).args(["problem", "new"]).arg(&folder));
    let settings = folder.join("problem.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("time_limit: 2 ", "time_limit: 0.4 ")).unwrap();
    let slow = folder.join("submissions/time_limit_exceeded");
    std::fs::create_dir_all(&slow).unwrap();
    std::fs::write(slow.join("endless.py"), "while True:\n    pass\n").unwrap();
    let ask = |more: &[&str]| {
        let mut command = tribunal(data.path());
        command.env_remove("TRIBUNAL__CACHE__MAX");
        let output = finish(
            command
                .arg("verify")
                .arg(&folder)
                .args(["--only", "{accepted,time_limit_exceeded}/*.py"])
                .args(more),
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        output
    };
    let runs = |more: &[&str]| {
        let document = json(&ask(more));
        let tests = |s: &Value| s["tests"].as_array().cloned().unwrap();
        let all = document["submissions"].as_array().unwrap().iter().flat_map(tests);
        all.map(|t| (t["verdict"].as_str().unwrap().to_owned(), t["cached"].as_bool().unwrap()))
            .collect::<Vec<_>>()
    };
    let made = runs(&["--json"]);
    let slow =
        |runs: &[(String, bool)]| runs.iter().filter(|run| run.0 == "TLE").cloned().collect::<Vec<_>>();
    assert!(!slow(&made).is_empty() && slow(&made).iter().all(|run| !run.1), "{made:?}");
    let again = runs(&["--json"]);
    assert!(again.iter().all(|run| run.1), "{again:?}");
    assert_eq!(slow(&again).len(), slow(&made).len());
    assert!(runs(&["--json", "--no-cache"]).iter().all(|run| !run.1));
    let said = String::from_utf8(ask(&[]).stdout).unwrap();
    assert!(said.contains(&format!("{0} of {0} runs recalled", again.len())), "{said}");
    std::fs::write(folder.join("submissions/time_limit_exceeded/endless.py"), "while 1:\n    pass\n")
        .unwrap();
    assert!(slow(&runs(&["--json"])).iter().all(|run| !run.1), "another program");
}

#[test]
fn only_what_is_named_is_judged_and_what_the_rest_would_tell_is_left_out() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let folder = data.path().join("new");
    finish(tribunal(data.path()).args(["problem", "new"]).arg(&folder));
    let all = problem::read_dir(&folder).unwrap().problem.submissions;
    let wrong = all.iter().filter(|s| s.program.path.starts_with("submissions/wrong_answer/")).count();
    assert!(0 < wrong && wrong < all.len(), "{all:?}");
    let ask = |only: &str, form: &[&str]| {
        let mut command = tribunal(data.path());
        finish(command.arg("verify").arg(&folder).args(["--only", only]).args(form))
    };
    for only in ["wrong_answer", "submissions/wrong_answer/*", "{wrong_answer,x}/*"] {
        let output = ask(only, &["--json"]);
        let document = json(&output);
        assert_eq!((output.status.code(), &document["ok"]), (Some(0), &true.into()), "{only}: {document:#}");
        assert_eq!(document["only"][0], *only);
        assert_eq!(document["left_out"], all.len() - wrong);
        let paths: Vec<&str> =
            document["submissions"].as_array().unwrap().iter().map(|s| s["path"].as_str().unwrap()).collect();
        assert_eq!(paths.len(), wrong, "{only}");
        assert!(paths.iter().all(|path| path.starts_with("submissions/wrong_answer/")), "{only}: {paths:?}");
    }
    // Among those accepted alone nobody is to fail, and that says nothing of the data.
    let said = String::from_utf8(ask("accepted", &[]).stdout).unwrap();
    assert!(
        said.contains(&format!(
            "{} left out",
            all.iter().filter(|s| !s.program.path.contains("/accepted/")).count()
        )),
        "{said}"
    );
    assert!(!said.contains("no submission"), "{said}");
    let none = ask("accepted/*.cobol", &[]);
    let why = String::from_utf8(none.stderr).unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(why.contains("--only accepted/*.cobol") && why.contains("submissions/"), "{why}");
}
