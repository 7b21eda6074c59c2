//! Is every bad input answered with a clear message, the right status and code, and nothing lost?

use serde_json::{Value, json};
use tests::client::Api;
use tests::corpus::problems_folder;
use tests::process::{Running, finish, json as document, serve, share_images, tribunal};

fn submission(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "problem": "aplusb",
        "language": "python3",
        "files": [{ "name": "a.py", "content": "print(sum(map(int, input().split())))\n" }],
    });
    change(&mut body);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_with_their_code() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let (_running, api) = serve(data.path());
    api.ready(2).await;

    let inline = |limits: Value| {
        submission(|b| {
            b.as_object_mut().unwrap().remove("problem");
            b["tests"] = json!([{ "stdin": "1 2\n" }]);
            b["limits"] = limits;
        })
    };
    let huge = "x".repeat((256 << 10) + 1);
    let cases = [
        ("an unknown problem", submission(|b| b["problem"] = "nope".into()), "nope"),
        ("an unknown language", submission(|b| b["language"] = "none-such".into()), "none-such"),
        ("an unknown key", submission(|b| b["colour"] = "red".into()), "colour"),
        ("a zero limit", inline(json!({ "cpu_time_ms": 0 })), "cpu_time_ms"),
        ("an absurd limit", inline(json!({ "memory_bytes": 1u64 << 60 })), "memory_bytes"),
        ("an unknown limit", inline(json!({ "speed": 1 })), "speed"),
        ("a source over the cap", submission(|b| b["files"][0]["content"] = huge.into()), "a.py"),
        ("no source", submission(|b| b["files"] = json!([])), "file"),
        ("a file outside", submission(|b| b["files"][0]["name"] = "../a.py".into()), "../a.py"),
    ];
    for (what, body, named) in cases {
        let (status, answer) = api.post("/api/v1/submissions", &body).await;
        assert!(status.is_client_error(), "{what}: {status} {answer}");
        assert!(answer["code"].as_str().is_some_and(|c| !c.is_empty()), "{what}: {answer}");
        assert_eq!(answer["status"], status.as_u16(), "{what}");
        assert!(answer["detail"].as_str().is_some_and(|d| d.contains(named)), "{what}: {answer}");
    }
    let (status, answer) = api.post("/api/v1/submissions", &submission(|b| b["colour"] = "red".into())).await;
    assert_eq!((status.as_u16(), &answer["code"]), (400, &"unknown_key".into()));

    let (status, answer) = api.post_bytes("/api/v1/problems", "application/zip", b"no zip".to_vec()).await;
    assert!(status.is_client_error() && answer["code"].is_string(), "a broken package: {status} {answer}");

    // After all that it still judges.
    let (_, answer) = api.post("/api/v1/submissions?wait=60", &submission(|_| {})).await;
    assert_eq!(answer["verdict"], "AC", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_at_start_costs_no_submission() {
    let data = tempfile::tempdir().unwrap();
    // Bound and not listening: nobody answers there, and nobody else can come to.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let start = || {
        let mut command = tribunal(data.path());
        command.args(["api", "--listen", "127.0.0.1:0", "--broker", &format!("amqp://127.0.0.1:{port}")]);
        command.arg("--problems").arg(problems_folder());
        Running::start(&mut command, "listening on ")
    };
    let running = start();
    let base = running.said("listening on ").unwrap();
    let api = Api::new(base, None);
    assert!(api.get("/healthz").await.0.is_success());
    assert_eq!(api.get("/readyz").await.1["broker"], "untried");

    // A worker was here once, so the language is known.
    let token = std::fs::read_to_string(running.said("worker token: ").unwrap()).unwrap();
    let worker = Api::new(base, Some(token.trim()));
    let registration = json!({
        "id": uuid::Uuid::now_v7(), "name": "once", "version": "0", "slots": 1, "accounting": "exact",
        "arch": std::env::consts::ARCH,
        "languages": [{ "id": "python3", "name": "Python 3", "version": null, "extensions": ["py"],
            "image": null, "image_kind": null, "compile": null, "run": [], "usable": true, "reason": null }],
    });
    let (status, answer) = worker.post("/internal/v1/workers", &registration).await;
    assert!(status.is_success(), "{status} {answer}");

    let (status, answer) = api.post("/api/v1/submissions", &submission(|_| {})).await;
    assert_eq!((status.as_u16(), &answer["state"]), (201, &"queued".into()), "{answer}");
    // The broker is tried when there is something to publish.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while api.get("/readyz").await.1["broker"] == "untried" && std::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(api.get("/readyz").await.1["broker"], "unreachable");
    running.kill();
    let again = start();
    let api = Api::new(again.said("listening on ").unwrap(), None);
    let id = answer["id"].as_str().unwrap();
    let (_, kept) = api.get(&format!("/api/v1/submissions/{id}")).await;
    assert_eq!(kept["state"], "queued", "it waits in the store, whatever happens to the process");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["images", "list"]] {
        let mut tribunal = tribunal(&file.join("data"));
        let output = finish(tribunal.args(command));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(file.to_str().unwrap()) && said.contains("--data"), "{said}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let output = finish(tribunal(data.path()).args(["serve", "--listen", &address]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&address), "{said}");
}

#[test]
fn every_broken_package_is_refused_by_verify_with_a_finding() {
    let data = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(problems_folder().join("broken")).unwrap() {
        let package = entry.unwrap().path();
        let output = finish(tribunal(data.path()).arg("verify").arg(&package).arg("--json"));
        let document = document(&output);
        assert_eq!(output.status.code(), Some(1), "{}", package.display());
        let findings = document["diagnostics"].as_array().unwrap();
        assert!(findings.iter().any(|d| d["severity"] == "error"), "{}: {document}", package.display());
    }
}
