//! Exit statuses and messages of the command line, on the built executable. Nothing here runs a box.

use std::process::{Command, Output};

fn tribunal(args: &[&str]) -> Output {
    let data = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_tribunal"))
        .arg("--data")
        .arg(data.path())
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

/// Exit 2, nothing on stdout, and a message that has every one of `words`.
fn refused(args: &[&str], words: &[&str]) {
    let output = tribunal(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    for word in words {
        assert!(said.contains(word), "{args:?} should name {word:?}: {said}");
    }
    assert!(!said.contains("panicked"), "{args:?}: {said}");
}

const APLUSB: &str = "../../tests/problems/aplusb";
const RIGHT: &str = "../../tests/problems/aplusb/submissions/accepted/plain.py";

#[test]
fn bad_usage_exits_2_and_names_what_would_be_right() {
    refused(&["no-such-command"], &["no-such-command"]);
    refused(&["judge", APLUSB], &["<SOURCE>"]);
    refused(&["judge", APLUSB, RIGHT, "--expect", "YES"], &["YES", "AC"]);
    refused(&["judge", APLUSB, RIGHT, "--jobs", "0"], &["at least 1"]);
    refused(&["run", "--cpu-time", "0s", "--", "true"], &["zero"]);
    refused(&["run", "--cpu-time", "1", "--", "true"], &["unit"]);
    refused(&["run", "--memory", "64MB", "--", "true"], &["64MB", "MiB"]);
    refused(&["run"], &["COMMAND"]);
    refused(&["worker", "--api", "http://127.0.0.1:1", "--token-file", "/nonexistent"], &["--broker"]);
    refused(&["api"], &["--broker"]);
}

#[test]
fn missing_files_and_unknown_names_exit_2_by_name() {
    refused(&["judge", "no/such/problem", RIGHT], &["no/such/problem"]);
    refused(&["judge", APLUSB, "no/such/source.cpp"], &["no/such/source.cpp"]);
    refused(&["judge", APLUSB, RIGHT, "--language", "none-such"], &["none-such", "cpp", "python3"]);
    refused(&["judge", APLUSB, "Cargo.toml"], &["Cargo.toml", "--language"]);
    refused(&["verify", "no/such/problem"], &["no/such/problem"]);
    refused(&["run", "--stdin", "/nonexistent", "--", "true"], &["/nonexistent"]);
    refused(&["run", "--file", "/nonexistent:x", "--", "true"], &["/nonexistent"]);
    refused(&["run", "--env", "NOVALUE", "--", "true"], &["NOVALUE", "KEY=VALUE"]);
    refused(&["run", "--out", "../x", "--", "true"], &["../x"]);
    refused(&["run", "--memory", "1000GiB", "--", "true"], &["memory_bytes", "maximum"]);
    refused(&["images", "remove", "nope"], &["nope"]);
    refused(&["images", "build", "none-such"], &["none-such", "cpp"]);
    refused(&["--config", "/nonexistent.toml", "languages"], &["/nonexistent.toml"]);
}

#[test]
fn a_broken_package_exits_2_and_names_file_and_key() {
    refused(&["judge", "../../tests/problems/broken/unknown_key", RIGHT], &["problem.yaml"]);
    let output = tribunal(&["verify", "../../tests/problems/broken/unknown_key", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["ok"], false);
    assert_eq!(document["diagnostics"][0]["severity"], "error");
    assert_eq!(document["diagnostics"][0]["path"], "problem.yaml");
}

#[test]
fn an_unknown_configuration_key_stops_the_start_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tribunal.toml");
    std::fs::write(&file, "[limits]\nspeed = 3\n").unwrap();
    refused(&["--config", file.to_str().unwrap(), "languages"], &["speed", "tribunal.toml"]);
}

#[test]
fn check_compares_with_the_default_validator_without_a_box() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (input, answer) = (file("in", ""), file("ans", "1.0 x\n"));
    for (output, flags, status, verdict) in [
        ("1.0   X\n", "", 0, "AC"),
        ("1.0 y\n", "", 1, "WA"),
        ("1.0 X\n", "case_sensitive", 1, "WA"),
        ("1.00001 x\n", "float_tolerance 1e-3", 0, "AC"),
    ] {
        let output = file("out", output);
        let args = [
            "check",
            "--validator-flags",
            flags,
            "--input",
            &input,
            "--answer",
            &answer,
            "--output",
            &output,
            "--json",
        ];
        let ended = tribunal(&args);
        assert_eq!(ended.status.code(), Some(status), "{flags}");
        let document: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(document["verdict"], verdict);
        assert!(document["score"].is_null());
    }
    let out = file("out", "");
    let common = ["--input", &input, "--answer", &answer, "--output", &out];
    refused(
        &[&["check", "--validator-flags", "sloppy"][..], &common].concat(),
        &["sloppy", "case_sensitive"],
    );
    refused(&["check", "--input", "/nonexistent", "--answer", &answer, "--output", &out], &["/nonexistent"]);
}

#[test]
fn check_reads_files_of_any_length_in_the_same_memory() {
    const LONG: u64 = 64 << 20;
    // Room for the program as it is and for less than one of the files; one line and one token, so that neither a
    // line nor a token is held whole.
    const ROOM_KIB: u64 = 110_000;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, last: &[u8]| {
        use std::os::unix::fs::FileExt as _;
        let path = folder.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(LONG).unwrap();
        file.write_all_at(last, LONG - 1).unwrap();
        path
    };
    let (answer, equal, other) = (file("answer", b"x"), file("equal", b"x"), file("other", b"y"));
    for checker in ["default", "exact", "lines"] {
        for (output, status) in [(&equal, 0), (&other, 1)] {
            let ended = Command::new("sh")
                .args(["-c", &format!("ulimit -v {ROOM_KIB}; exec \"$@\""), "sh"])
                .args([env!("CARGO_BIN_EXE_tribunal"), "check", "--checker", checker, "--input"])
                .arg(&answer)
                .arg("--answer")
                .arg(&answer)
                .arg("--output")
                .arg(output)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(status), "{checker}: {said}");
        }
    }
}

#[test]
fn check_names_the_file_that_cannot_be_read_with_the_systems_words() {
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer");
    std::fs::write(&answer, "1\n").unwrap();
    let answer = answer.to_str().unwrap();
    for (path, why) in [("/proc/self/mem", "os error 5"), ("/tmp", "os error 21"), ("/nowhere", "os error 2")]
    {
        let named = format!("could not read {path}: ");
        refused(&["check", "--input", answer, "--answer", path, "--output", answer], &[&named, why]);
        refused(&["check", "--input", answer, "--answer", answer, "--output", path], &[&named, why]);
    }
}

#[test]
fn check_takes_what_comes_through_a_pipe_and_what_has_no_length() {
    let script =
        "echo 1 2 | \"$1\" check --checker \"$2\" --input /dev/null --answer /dev/stdin --output \"$3\"";
    let folder = tempfile::tempdir().unwrap();
    for (checker, output, status) in
        [("default", "1  2", 0), ("exact", "1 2\n", 0), ("lines", "1 3", 1), ("unordered", "2 1", 0)]
    {
        let path = folder.path().join("output");
        std::fs::write(&path, output).unwrap();
        let ended = Command::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_tribunal"), checker])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(status), "{checker}: {said}");
    }
    let proc = "/proc/sys/kernel/ostype";
    let ended = tribunal(&["check", "--input", proc, "--answer", "/dev/null", "--output", proc]);
    assert_eq!(ended.status.code(), Some(1), "a file of /proc says that it is empty and is not");
}

#[test]
fn help_and_version_exit_0() {
    for args in [&["--help"][..], &["--version"], &["judge", "--help"], &["images", "build", "--help"]] {
        assert_eq!(tribunal(args).status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn openapi_is_one_json_document() {
    let output = tribunal(&["openapi"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["paths"]["/api/v1/submissions"].is_object());
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data");
    let output = Command::new(env!("CARGO_BIN_EXE_tribunal"))
        .args(["images", "list", "--data"])
        .arg(&below)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(below.to_str().unwrap()) && said.contains("--data"), "{said}");
}
