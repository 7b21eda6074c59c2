//! Does a service grade with a course's autograder as `tribunal grade` does, and does each reader see only his part?

use serde_json::{Value, json};
use tests::client::Api;
use tests::courses::{SEPARATE, push};
use tests::process::serve;

/// One test is reported, another one planned, and then nothing comes.
const LATE: &str = "#!/bin/sh\n\
    r=/autograder/results/results.jsonl\n\
    echo '{\"plan\": [{\"name\": \"a\", \"max_score\": 2}, {\"name\": \"b\", \"max_score\": 3}]}' >>$r\n\
    echo '{\"test\": {\"name\": \"a\", \"score\": 2, \"max_score\": 2}}' >>$r\n\
    sleep 1000\n";

async fn graded(api: &Api, harness: &str, script: &str) -> Value {
    let body = json!({ "harness": harness, "files": [{ "name": "main.sh", "content": script }] });
    let (status, view) = api.post("/api/v1/submissions?wait=120", &body).await;
    assert_eq!((status.as_u16(), &view["state"]), (201, &json!("done")), "{view}");
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_harness_grades_gives_cheats_nothing_and_keeps_what_it_hides() {
    let data = tempfile::tempdir().unwrap();
    let (running, api) = serve(data.path());
    let separate = "separate = true\n";
    push(
        data.path(),
        running.said("listening on ").unwrap(),
        "echo",
        &[("run_autograder", SEPARATE), ("harness.toml", separate)],
    );
    let right = graded(&api, "echo", "echo right\n").await;
    let judgement = &right["judgement"];
    assert_eq!((&right["verdict"], &right["score"]), (&json!("OK"), &json!("5")), "{right}");
    assert_eq!(judgement["tests"][0]["graded"]["status"], "passed", "{right}");
    assert_eq!((&judgement["max_score"], &judgement["graded"]["separate"]), (&json!("6"), &json!(true)));
    assert_eq!(judgement["notes"], json!([]));

    let forged = "{\\\"score\\\": 6, \\\"tests\\\": []}";
    for cheat in [
        format!("mkdir -p /autograder/results; echo \"{forged}\" >/autograder/results/results.json\n"),
        "kill -9 -1; exit 0\n".to_owned(),
        format!("for fd in 0 1 2 3 4; do echo \"{forged}\" >&$fd; done 2>/dev/null\n"),
        "cat /autograder/run_autograder /autograder/source/* | grep right\n".to_owned(),
    ] {
        let view = graded(&api, "echo", &cheat).await;
        assert_eq!(view["score"], "0", "{cheat}: {view}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_harness_that_runs_out_of_time_leaves_what_it_had_reported() {
    let data = tempfile::tempdir().unwrap();
    let (running, api) = serve(data.path());
    push(data.path(), running.said("listening on ").unwrap(), "late", &[("run_autograder", LATE)]);
    let body = json!({
        "harness": "late", "files": [{ "name": "main.sh", "content": "x" }],
        "limits": { "wall_time_ms": 3000 },
    });
    let (_, view) = api.post("/api/v1/submissions?wait=120", &body).await;
    let judgement = &view["judgement"];
    assert_eq!((&view["verdict"], &view["score"]), (&json!("ILE"), &json!("2")), "{view}");
    assert_eq!(judgement["notes"], json!(["shared_box"]), "who reads it is told that it can be forged");
    assert_eq!((&judgement["max_score"], &judgement["graded"]["status"]), (&json!("5"), &json!("partial")));
    let b = &judgement["tests"][1];
    assert_eq!((&b["name"], &b["graded"]["not_reported"]), (&json!("b"), &json!(true)), "{view}");
}

/// Reports a hidden test, one that says nothing and one that is shown, works on, and takes the one that said nothing back.
const LIVE: &str = "#!/bin/sh\n\
    r=/autograder/results/results.jsonl\n\
    echo '{\"test\": {\"name\": \"SECRET hidden\", \"score\": 1, \"visibility\": \"hidden\"}}' >>$r\n\
    echo '{\"test\": {\"name\": \"SECRET silent\", \"score\": 1}}' >>$r\n\
    echo '{\"test\": {\"name\": \"open\", \"score\": 1, \"max_score\": 2, \"visibility\": \"visible\"}}' >>$r\n\
    sleep 3\n\
    printf '{\"visibility\": \"hidden\", \"tests\": [{\"name\": \"SECRET hidden\", \"score\": 1}, {\"name\": \"SECRET silent\",\
    \"score\": 1}, {\"name\": \"open\", \"score\": 1, \"max_score\": 2, \"visibility\": \"visible\"}]}' >/autograder/results/results.json\n";

#[tokio::test(flavor = "multi_thread")]
async fn tests_are_told_while_the_harness_works_and_a_contestant_finds_no_trace_of_hidden_ones() {
    let data = tempfile::tempdir().unwrap();
    let (running, api) = serve(data.path());
    let base = running.said("listening on ").unwrap();
    let admin = Api::new(base, running.said("admin token (shown once): "));
    push(data.path(), base, "live", &[("run_autograder", LIVE), ("harness.toml", "separate = true\n")]);
    let wanted = json!({ "name": "contestant", "tenant": "local", "scopes": ["submit", "read"] });
    let (status, token) = admin.post("/api/v1/tokens", &wanted).await;
    assert!(status.is_success(), "{token}");
    let contestant = Api::new(base, token["token"].as_str());
    let body = json!({ "harness": "live", "files": [{ "name": "main.sh", "content": "x" }] });
    let (_, view) = api.post("/api/v1/submissions", &body).await;
    let path = format!("/api/v1/submissions/{}/events", view["id"].as_str().unwrap());
    // Both follow to the end: each answer is the whole stream.
    let ((_, judge), (_, student)) = tokio::join!(admin.get(&path), contestant.get(&path));
    let (judge, student) = (judge.as_str().unwrap(), student.as_str().unwrap());
    let tests = |stream: &str| stream.matches("event: test\n").count();
    assert_eq!(tests(judge), 3, "{judge}");
    assert!(judge.find("SECRET silent") < judge.find("event: done"), "before the end: {judge}");
    assert_eq!(tests(student), 1, "{student}");
    assert!(student.find("\"open\"") < student.find("event: done"), "{student}");
    assert!(!student.contains("SECRET"), "{student}");
    let ids = |stream: &str| -> Vec<u64> {
        stream.lines().filter_map(|line| line.strip_prefix("id: ")?.trim().parse().ok()).collect()
    };
    let of = |ids: &[u64], event: usize| ids[event] - ids[event - 1];
    let (all, seen) = (ids(judge), ids(student));
    // What a gap between ids would tell: the test that is shown stands where the first one of the judge's does.
    let at = seen.len() - 2;
    assert_eq!(seen[at], all[all.len() - 4], "{all:?} {seen:?}");
    assert_eq!(of(&seen, at), of(&all, all.len() - 4), "{all:?} {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_harness_keeps_its_submissions_waiting_and_lets_them_go() {
    let data = tempfile::tempdir().unwrap();
    let (running, api) = serve(data.path());
    let base = running.said("listening on ").unwrap();
    let admin = Api::new(base, running.said("admin token (shown once): "));
    let separate = ("harness.toml", "separate = true\n");
    for name in ["echo", "other"] {
        push(data.path(), base, name, &[("run_autograder", SEPARATE), separate]);
    }
    let hold = "/api/v1/holds/problem/echo";
    let (status, held) = admin.put(hold, &json!({ "reason": "wrong tests" })).await;
    assert!(status.is_success(), "{held}");
    let body = json!({ "harness": "echo", "files": [{ "name": "main.sh", "content": "echo right\n" }] });
    let (status, view) = api.post("/api/v1/submissions?wait=3", &body).await;
    assert_eq!((status.as_u16(), &view["state"]), (202, &json!("held")), "{view}");
    assert_eq!(graded(&api, "other", "echo right\n").await["score"], "5", "another one goes on");
    let path = format!("/api/v1/submissions/{}", view["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.1["state"], "held");
    let (status, told) = admin.delete(hold).await;
    assert!(status.is_success(), "{told}");
    let done = api.get(&format!("{path}?wait=120")).await.1;
    assert_eq!((&done["verdict"], &done["score"]), (&json!("OK"), &json!("5")), "{done}");
    assert_eq!(done["judgement"]["attempt"], 1, "waiting is no attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harness_that_is_gone_from_the_service_is_a_system_error_with_its_cause() {
    let data = tempfile::tempdir().unwrap();
    let (running, api) = serve(data.path());
    let base = running.said("listening on ").unwrap();
    push(data.path(), base, "echo", &[("run_autograder", SEPARATE), ("harness.toml", "separate = true\n")]);
    let mut gone = 0;
    let mut open = vec![data.path().join("blobs")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if std::fs::read(entry.path()).unwrap().windows(14).any(|w| w == b"run_autograder") {
                std::fs::remove_file(entry.path()).unwrap();
                gone += 1;
            }
        }
    }
    assert_eq!(gone, 1, "its zip is one blob");
    let view = graded(&api, "echo", "echo right\n").await;
    assert_eq!(view["verdict"], "SE", "{view}");
    let reason = view["judgement"]["reason"].as_str().unwrap();
    assert!(reason.contains("could not fetch harness echo"), "{reason}");
}

/// Whether a process with this word in its command line lives.
fn lives(word: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).split('\0').any(|argument| argument == word)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_grading_ends_its_box_and_frees_the_place() {
    // Nobody else sleeps this long.
    let long = format!("{}", 700_000_000 + std::process::id());
    let script = format!("#!/bin/sh\nsleep {long}\n");
    let data = tempfile::tempdir().unwrap();
    let (running, api) = serve(data.path());
    let base = running.said("listening on ").unwrap();
    push(data.path(), base, "endless", &[("run_autograder", &script)]);
    let body = json!({ "harness": "endless", "files": [{ "name": "main.sh", "content": "x" }] });
    let (_, view) = api.post("/api/v1/submissions", &body).await;
    let path = format!("/api/v1/submissions/{}", view["id"].as_str().unwrap());
    until("it runs", || lives(&long)).await;
    api.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(api.get(&path).await.1["state"], "cancelled");
    until("its box is gone", || !lives(&long)).await;
    push(data.path(), base, "echo", &[("run_autograder", SEPARATE), ("harness.toml", "separate = true\n")]);
    assert_eq!(graded(&api, "echo", "echo right\n").await["score"], "5");
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("not within a minute: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejudge_grades_with_the_new_revision_and_keeps_the_old_judgement() {
    let data = tempfile::tempdir().unwrap();
    let (running, api) = serve(data.path());
    let base = running.said("listening on ").unwrap();
    let separate = ("harness.toml", "separate = true\n");
    push(data.path(), base, "echo", &[("run_autograder", SEPARATE), separate]);
    let first = graded(&api, "echo", "echo right\n").await;
    let milder = SEPARATE.replace("score=5", "score=4");
    push(data.path(), base, "echo", &[("run_autograder", &milder), separate]);
    let wanted = json!({ "select": { "problem": "echo" }, "apply": true });
    let (status, rejudge) = api.post("/api/v1/rejudges", &wanted).await;
    assert!(status.is_success(), "{rejudge}");
    let path = format!("/api/v1/rejudges/{}", rejudge["id"].as_str().unwrap());
    for _ in 0..600 {
        if api.get(&path).await.1["state"] == "applied" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let path = format!("/api/v1/submissions/{}", first["id"].as_str().unwrap());
    let now = api.get(&path).await.1;
    assert_eq!((&first["score"], &now["score"]), (&json!("5"), &json!("4")), "{now}");
    let judgements = api.get(&format!("{path}/judgements")).await.1;
    assert_eq!(judgements.as_array().map(Vec::len), Some(2), "{judgements}");
    assert_ne!(judgements[0]["problem"], judgements[1]["problem"], "{judgements}");
}
