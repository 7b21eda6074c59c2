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
    assert_eq!((&judgement["max_score"], &judgement["graded"]["status"]), (&json!("5"), &json!("partial")));
    let b = &judgement["tests"][1];
    assert_eq!((&b["name"], &b["graded"]["not_reported"]), (&json!("b"), &json!(true)), "{view}");
}
