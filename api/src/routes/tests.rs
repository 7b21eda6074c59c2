//! Routes from the outside: refusals, tokens, the two views, events.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::store::{NewToken, Scope};
use crate::testing::{Answer, SECRET, Site, judge_with};

mod refusals;
mod service;
mod trace;
mod walk;
mod watch;
mod webhooks;
mod workers;

const SUBMISSIONS: &str = "/api/v1/submissions";

fn body() -> Value {
    json!({"language": "cpp", "files": [{"name": "a.cpp", "content": "int main(){}"}],
           "tests": [{"stdin": "1", "expected_output": "1"}]})
}

async fn submit(site: &Site) -> String {
    let answer = site.ask("POST", SUBMISSIONS, None, Some(body())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Events of a stream: (id, event, data).
fn events(text: &str) -> Vec<(i64, String, Value)> {
    let field = |block: &str, name: &str| {
        block.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim_start_matches([':', ' ']).to_owned())
    };
    text.split("\n\n")
        .filter(|block| field(block, "event").is_some())
        .map(|block| {
            let id = field(block, "id").unwrap().parse().unwrap();
            let data = serde_json::from_str(&field(block, "data").unwrap()).unwrap();
            (id, field(block, "event").unwrap(), data)
        })
        .collect()
}

fn names(events: &[(i64, String, Value)]) -> Vec<&str> {
    events.iter().map(|(_, name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn a_submission_is_judged_and_the_answer_waits_for_it() {
    let mut site = Site::start(false).await;
    site.judge_everything().await;
    let answer = site.ask("POST", "/api/v1/submissions?wait=true", None, Some(body())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let json = answer.json();
    assert_eq!((json["state"].as_str(), json["verdict"].as_str()), (Some("done"), Some("WA")));
    assert_eq!(json["judgement"]["number"], 1);
    assert_eq!(json["judgement"]["tests"].as_array().unwrap().len(), 2);
    let id = json["id"].as_str().unwrap();
    assert_eq!(answer.headers["location"], format!("{SUBMISSIONS}/{id}"));
    let again = site.ask("GET", &format!("{SUBMISSIONS}/{id}?wait=1"), None, None).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, json.clone()));
    let list = site.ask("GET", SUBMISSIONS, None, None).await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn waiting_ends_with_202_when_the_time_is_over() {
    let site = Site::start(false).await;
    let answer = site.ask("POST", "/api/v1/submissions?wait=0.2", None, Some(body())).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let answer = site.ask("GET", &format!("{SUBMISSIONS}/{id}?wait=0.1"), None, None).await;
    assert_eq!((answer.status, answer.json()["state"].as_str()), (StatusCode::ACCEPTED, Some("queued")));
    let answer = site.ask("GET", &format!("{SUBMISSIONS}/{id}"), None, None).await;
    assert_eq!(answer.status, StatusCode::OK);
    for wrong in ["-1", "soon", "nan", "inf"] {
        let answer = site.ask("GET", &format!("{SUBMISSIONS}/{id}?wait={wrong}"), None, None).await;
        assert_eq!(answer.code(), "invalid_parameter", "{wrong}");
    }
}

#[tokio::test]
async fn watchers_hear_the_same_story_early_late_and_after_a_break() {
    let mut site = Site::start(false).await;
    let id = submit(&site).await;
    let path = format!("{SUBMISSIONS}/{id}/events");
    let link = site.link.take();
    let (early, ()) = tokio::join!(site.ask("GET", &path, None, None), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        judge_with(link.unwrap()).await;
    });
    // How many cases there are is told while it is judged only, and this worker is faster than some watchers.
    let total = |e: &(i64, String, Value)| e.2.get("tests_total").is_some();
    let early: Vec<_> = events(&early.text).into_iter().filter(|e| !total(e)).collect();
    let told = ["state", "state", "compile", "test", "test", "done"];
    assert_eq!(names(&early), told);
    assert!(early.windows(2).all(|pair| pair[0].0 < pair[1].0), "ids increase");
    assert_eq!(early[0].2["state"], "queued");
    assert_eq!((&early[3].2["index"], &early[3].2["verdict"]), (&json!(0), &json!("WA")));
    assert_eq!(early[5].2["judgement"]["tests"].as_array().unwrap().len(), 2);
    let late = events(&site.ask("GET", &path, None, None).await.text);
    assert_eq!(late, early, "the replay tells the same with the same ids");
    let resume =
        Request::get(&path).header("host", "localhost").header("last-event-id", early[3].0.to_string());
    let rest = events(&site.send(resume.body(Body::empty()).unwrap()).await.text);
    assert_eq!(rest, early[4..]);
}

#[tokio::test]
async fn a_watcher_hears_how_many_cases_there_are_while_it_is_judged() {
    let mut site = Site::start(false).await;
    let id = submit(&site).await.parse().unwrap();
    let heard = crate::watch::follow(&site.app, id, None, true, -1).await.unwrap().unwrap();
    let mut heard = std::pin::pin!(heard);
    let me = crate::testing::registration("host", &["cpp"]);
    let queue::WorkerLink { mut jobs, events, coordinator, .. } = site.link.take().unwrap();
    coordinator.register(&me).await.unwrap();
    let delivery = jobs.next().await.unwrap();
    let judgement_id = delivery.message.judgement_id;
    let request = proto::http::ClaimRequest { worker_id: me.id, redelivered: false, traceparent: None };
    let reply = coordinator.claim(judgement_id, &request).await.unwrap();
    let proto::http::ClaimReply::Granted { attempt, fence, .. } = reply else { panic!("{reply:?}") };
    let event = proto::event::EventKind::State { state: proto::event::State::Running, tests_total: Some(2) };
    let message = proto::event::EventMessage {
        schema: proto::skew::PROTOCOL,
        judgement_id,
        submission_id: id,
        attempt,
        fence,
        seq: 0,
        event,
    };
    events.publish(&message).await;
    let told = async {
        loop {
            let told = heard.next().await.expect("the story goes on");
            let data: Value = serde_json::from_str(told.data(true)).unwrap();
            if data.get("tests_total").is_some() {
                return data;
            }
        }
    };
    let told = tokio::time::timeout(std::time::Duration::from_mins(1), told).await.unwrap();
    assert_eq!(told, json!({"state": "running", "attempt": 1, "tests_total": 2}));
}

#[tokio::test]
async fn refusals_have_stable_codes() {
    let mut site = Site::start(false).await;
    site.judge_everything().await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let with = |change: fn(&mut Value)| {
        let mut value = body();
        change(&mut value);
        value
    };
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let table: Vec<(&str, String, Option<Value>, u16, &str)> = vec![
        (
            "POST",
            SUBMISSIONS.into(),
            Some(with(|b| b["language"] = "none-such".into())),
            422,
            "unknown_language",
        ),
        ("POST", SUBMISSIONS.into(), Some(with(|b| b["colour"] = 1.into())), 400, "unknown_key"),
        (
            "POST",
            SUBMISSIONS.into(),
            Some(with(|b| b["limits"] = json!({"cpu_time_ms": 0}))),
            422,
            "invalid_limit",
        ),
        ("POST", SUBMISSIONS.into(), Some(with(|b| b["files"] = json!([]))), 422, "no_source"),
        (
            "POST",
            SUBMISSIONS.into(),
            Some(with(|b| {
                b["tests"] = Value::Null;
                b["problem"] = "nope".into();
            })),
            422,
            "unknown_problem",
        ),
        (
            "POST",
            SUBMISSIONS.into(),
            Some(with(|b| {
                b["tests"] = Value::Null;
                b["problem"] = "a@sha256:1".into();
            })),
            422,
            "unknown_problem",
        ),
        ("POST", SUBMISSIONS.into(), None, 415, "unsupported_media_type"),
        ("GET", format!("{SUBMISSIONS}/{id}"), None, 404, "not_found"),
        ("GET", format!("{SUBMISSIONS}/x"), None, 404, "not_found"),
        ("GET", format!("{SUBMISSIONS}/{id}/events"), None, 404, "not_found"),
        ("POST", format!("{SUBMISSIONS}/{id}/cancel"), None, 404, "not_found"),
        ("GET", format!("{SUBMISSIONS}?limit=0"), None, 400, "invalid_parameter"),
        ("GET", format!("{SUBMISSIONS}?colour=red"), None, 400, "invalid_parameter"),
        ("GET", "/api/v1/problems/nope".into(), None, 404, "not_found"),
        ("GET", "/api/v1/nope".into(), None, 404, "not_found"),
        ("DELETE", "/api/v1/problems".into(), None, 405, "method_not_allowed"),
        ("GET", "/../../etc/passwd".into(), None, 404, "not_found"),
    ];
    for (method, path, body, status, code) in table {
        let answer = site.ask(method, &path, None, body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{method} {path}");
    }
    let raw = |text: &'static str| {
        let request =
            Request::post(SUBMISSIONS).header("host", "localhost").header("content-type", "application/json");
        request.body(Body::from(text)).unwrap()
    };
    assert_eq!(site.send(raw("{")).await.code(), "invalid_json");
    let huge =
        Request::post(SUBMISSIONS).header("host", "localhost").header("content-type", "application/json");
    let huge = huge.body(Body::from(vec![b' '; (4 << 20) + 1])).unwrap();
    assert_eq!(site.send(huge).await.code(), "body_too_large");
}

#[tokio::test]
async fn elsewhere_than_on_loopback_every_route_but_health_and_the_page_needs_a_token() {
    let site = Site::start(true).await;
    let document: Value = serde_json::from_str(&super::openapi_json()).unwrap();
    let now = crate::time::now_ms();
    let ending = async |expires| {
        let scopes =
            vec![Scope::Submit, Scope::Read, Scope::Judge, Scope::Problems, Scope::Admin, Scope::Worker];
        let priority = proto::job::Priority::Contest;
        let new =
            NewToken { name: "t".into(), tenant: "local".into(), scopes, priority, expires: Some(expires) };
        site.app.store.new_token(&new, now - 10_000).await.unwrap()
    };
    let (_, expired) = ending(now - 1).await;
    let (id, revoked) = ending(now + 3_600_000).await;
    assert_ne!(site.ask("GET", "/api/v1/queue", Some(&revoked), None).await.status, StatusCode::UNAUTHORIZED);
    site.app.store.revoke_token(&id, now).await.unwrap();
    let nothing = site.token(&[]).await;
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|m| *m != "parameters") {
            let path = path
                .replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057")
                .replace("{digest}", &format!("sha256:{}", "0".repeat(64)))
                .replace("{name}", "x");
            let answer = site.ask(&method.to_uppercase(), &path, None, None).await;
            if matches!(path.as_str(), "/healthz" | "/readyz") {
                assert_eq!(answer.status, StatusCode::OK);
                continue;
            }
            assert_eq!(answer.code(), "unauthorized", "{method} {path}");
            for (what, token) in [("wrong", "trb_wrong"), ("expired", &expired), ("revoked", &revoked)] {
                let answer = site.ask(&method.to_uppercase(), &path, Some(token), None).await;
                assert_eq!(answer.code(), "unauthorized", "{method} {path} with a token that is {what}");
            }
            let bare = site.ask(&method.to_uppercase(), &path, Some(&nothing), None).await;
            assert_eq!(bare.status, StatusCode::FORBIDDEN, "{method} {path} takes a token without scopes");
            seen += 1;
        }
    }
    assert!(seen >= 30, "{seen} routes were tried");
    assert_eq!(site.ask("GET", "/api/v1/queue", Some(&site.admin), None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_the_workers_token_opens_the_internal_routes() {
    let site = Site::start(false).await;
    let registration = serde_json::to_value(crate::testing::registration("w", &["cpp"])).unwrap();
    for token in [None, Some(site.admin.as_str())] {
        let answer = site.ask("POST", "/internal/v1/workers", token, Some(registration.clone())).await;
        assert_eq!(answer.code(), "forbidden");
    }
    let worker = Some(site.worker.as_str());
    let mut absurd = registration.clone();
    absurd["slots"] = json!(1_u32 << 31);
    assert_eq!(site.ask("POST", "/internal/v1/workers", worker, Some(absurd)).await.code(), "invalid_body");
    let answer = site.ask("POST", "/internal/v1/workers", worker, Some(registration.clone())).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    assert_eq!(site.ask("GET", "/api/v1/queue", worker, None).await.code(), "forbidden");
    let beat = format!("/internal/v1/workers/{}/heartbeat", registration["id"].as_str().unwrap());
    let answer = site.ask("POST", &beat, worker, Some(json!({"running": []}))).await;
    assert_eq!(answer.json(), json!({"known": true, "stop": [], "order": "work"}));
    for key in ["free_bytes", "cap_bytes"] {
        let mut room = json!({"free_bytes": 1, "cap_bytes": 1});
        room[key] = json!(1_u64 << 63);
        let answer = site.ask("POST", &beat, worker, Some(json!({"running": [], "room": room}))).await;
        assert_eq!(answer.code(), "invalid_body", "{key}");
        let mut absurd = registration.clone();
        absurd["room"] = room;
        let answer = site.ask("POST", "/internal/v1/workers", worker, Some(absurd)).await;
        assert_eq!(answer.code(), "invalid_body", "{key}");
    }
    let claim = "/internal/v1/judgements/01890a5d-ac96-774b-bcce-b302099a8057/claim";
    let answer = site.ask("POST", claim, worker, Some(json!({"worker_id": registration["id"]}))).await;
    assert_eq!((answer.status, answer.json()["claim"].as_str()), (StatusCode::CONFLICT, Some("refused")));
    let digest = proto::id::Digest::of(b"artifact");
    let put = |path: String, bytes: &'static [u8]| {
        let request = Request::put(path).header("authorization", format!("Bearer {}", site.worker));
        request.body(Body::from(bytes)).unwrap()
    };
    let path = format!("/internal/v1/blobs/{digest}");
    assert_eq!(site.ask("GET", &path, worker, None).await.code(), "not_found");
    assert_eq!(site.send(put(path.clone(), b"other")).await.code(), "invalid_content");
    assert_eq!(site.send(put(path.clone(), b"artifact")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.ask("GET", &path, worker, None).await.text, "artifact");
}

#[tokio::test]
async fn a_contestants_token_never_sees_what_is_for_judges_on_any_route() {
    let mut site = Site::start(false).await;
    site.judge_everything().await;
    let contestant = site.token(&[Scope::Submit, Scope::Read]).await;
    let judge = site.token(&[Scope::Submit, Scope::Read, Scope::Judge]).await;
    let sent = site.ask("POST", "/api/v1/submissions?wait=true", Some(&contestant), Some(body())).await;
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(sent.json()["verdict"], "WA");
    let hidden = |answer: &Answer, what: &str| {
        assert!(answer.status.is_success(), "{what}: {}", answer.text);
        assert!(!answer.text.contains(SECRET), "{what} shows the secret: {}", answer.text);
    };
    hidden(&sent, "POST");
    let document: Value = serde_json::from_str(&super::openapi_json()).unwrap();
    let mut shown_to_judges = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || path.starts_with("/internal") || path.contains("{name}") {
            continue;
        }
        let path = path.replace("{id}", &id);
        let answer = site.ask("GET", &path, Some(&contestant), None).await;
        let of_judges = ["tokens", "tenants", "audit", "rejudges", "webhooks", "holds"];
        if path.split('/').nth(3).is_some_and(|part| of_judges.contains(&part)) {
            assert_eq!(answer.code(), "forbidden", "{path}");
            continue;
        }
        hidden(&answer, &path);
        let seen = site.ask("GET", &path, Some(&judge), None).await;
        shown_to_judges += usize::from(seen.text.contains(SECRET));
    }
    assert_eq!(
        shown_to_judges, 4,
        "one, list, judgements and events show it to judges, or this test proves nothing"
    );
    let live = submit_with(&site, &contestant).await;
    hidden(
        &site.ask("GET", &format!("{SUBMISSIONS}/{live}/events"), Some(&contestant), None).await,
        "live events",
    );
}

async fn submit_with(site: &Site, token: &str) -> String {
    let answer = site.ask("POST", SUBMISSIONS, Some(token), Some(body())).await;
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn another_tenants_submission_is_not_there() {
    let site = Site::start(false).await;
    let id = submit(&site).await;
    let scopes = [Scope::Submit, Scope::Read, Scope::Judge];
    let other = site.app.store.create_token("o", "other", &scopes, 0).await.unwrap();
    for (method, path) in
        [("GET", ""), ("GET", "/events"), ("GET", "/judgements"), ("POST", "/cancel"), ("DELETE", "")]
    {
        let answer = site.ask(method, &format!("{SUBMISSIONS}/{id}{path}"), Some(&other), None).await;
        assert_eq!(answer.code(), "not_found", "{method} {path}");
    }
    assert_eq!(site.ask("GET", SUBMISSIONS, Some(&other), None).await.json(), json!([]));
    assert_eq!(
        site.ask("GET", &format!("{SUBMISSIONS}/{id}"), Some(&site.admin), None).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_cancelled_submission_ends_its_events() {
    let site = Site::start(false).await;
    let id = submit(&site).await;
    let path = format!("{SUBMISSIONS}/{id}/events");
    let (heard, cancelled) = tokio::join!(site.ask("GET", &path, None, None), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        site.ask("POST", &format!("{SUBMISSIONS}/{id}/cancel"), None, None).await
    });
    assert_eq!(cancelled.json()["state"], "cancelled");
    let heard = events(&heard.text);
    assert_eq!(names(&heard), ["state", "state"]);
    assert_eq!(heard[1].2["state"], "cancelled");
    let again = site.ask("POST", &format!("{SUBMISSIONS}/{id}/cancel"), None, None).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "conflict"));
}

#[tokio::test]
async fn a_form_is_a_submission_too() {
    let site = Site::start(false).await;
    let part = |name: &str, more: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let send = |text: String| {
        Request::post(SUBMISSIONS)
            .header("host", "localhost")
            .header("content-type", "multipart/form-data; boundary=B")
            .body(Body::from(text + "--B--\r\n"))
            .unwrap()
    };
    let file = part("files", "; filename=\"a.cpp\"", "int main(){}");
    let tests = part("tests", "", r#"[{"stdin":"1"}]"#);
    let good = part("language", "", "cpp") + &tests + &file;
    assert_eq!(site.send(send(good.clone())).await.status, StatusCode::CREATED);
    assert_eq!(site.send(send(good + &part("colour", "", "red"))).await.code(), "unknown_key");
    assert_eq!(site.send(send(tests + &part("language", "", "cpp"))).await.code(), "no_source");
    let unnamed = part("language", "", "cpp") + &part("files", "", "x");
    assert_eq!(site.send(send(unnamed)).await.code(), "invalid_multipart");
}

/// A form with one file, in bytes as they are.
fn packed_form(harness: Option<&str>, name: &str, bytes: &[u8]) -> Request<Body> {
    let part = |head: &str, value: &[u8]| {
        let head = format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        [head.as_bytes(), value, b"\r\n"].concat()
    };
    let target = match harness {
        Some(name) => part("name=\"harness\"", name.as_bytes()),
        None => [part("name=\"language\"", b"cpp"), part("name=\"tests\"", br#"[{"stdin":"1"}]"#)].concat(),
    };
    let file = part(&format!("name=\"files\"; filename=\"{name}\""), bytes);
    Request::post(SUBMISSIONS)
        .header("host", "localhost")
        .header("content-type", "multipart/form-data; boundary=B")
        .body(Body::from([target, file, b"--B--\r\n".to_vec()].concat()))
        .unwrap()
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join("z").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    // Packages are packed with their folder around them.
    problem::pack_zip(&dir.path().join("z")).unwrap()
}

#[tokio::test]
async fn a_packed_submission_to_a_harness_is_unpacked_with_its_folders_and_nothing_else_is() {
    let site = Site::start(false).await;
    let harness = zip_of(&[("run_autograder", b"#!/bin/sh\n"), ("harness.toml", b"separate = true\n")]);
    let upload = Request::post("/api/v1/problems?kind=harness&name=calc").header("host", "localhost");
    let upload = upload.header("content-type", "application/zip").body(Body::from(harness)).unwrap();
    assert_eq!(site.send(upload).await.status, StatusCode::CREATED);
    let submit = async |harness, name: &str, bytes: &[u8]| site.send(packed_form(harness, name, bytes)).await;
    let stored = async |answer: Answer| {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let id = answer.json()["id"].as_str().unwrap().parse().unwrap();
        let row = site.app.store.submission(id, None).await.unwrap().unwrap();
        let job = site.app.store.job(row.judgement).await.unwrap().unwrap();
        job.files.into_iter().map(|file| (file.name, file.content)).collect::<Vec<_>>()
    };
    let zip = zip_of(&[
        ("main.sh", b"exit 0"),
        ("src/deep/er.sh", b"\xff\x00"),
        ("__MACOSX/._main.sh", b"x"),
        (".git/config", b"x"),
        ("src/.DS_Store", b"x"),
    ]);
    let files = stored(submit(Some("calc"), "work.ZIP", &zip).await).await;
    let wanted = [("z/main.sh", &b"exit 0"[..]), ("z/src/deep/er.sh", b"\xff\x00")];
    assert_eq!(files, wanted.map(|(name, content)| (name.to_owned(), content.to_vec())));
    // Against anything else it is a file.
    let refused = submit(None, "work.zip", &zip).await;
    assert_eq!(refused.status, StatusCode::CREATED, "{}", refused.text);
    for (name, bytes, code, words) in [
        ("broken.zip", &b"no zip"[..], "invalid_content", &["broken.zip", "not a zip archive"][..]),
        ("broken.tar.gz", b"no tar", "invalid_content", &["broken.tar.gz", "not a tar.gz archive"]),
        ("big.zip", &zip_of(&[("a.txt", &[7; 300 << 10])]), "source_too_large", &["z/a.txt", "262144"]),
        ("huge.zip", &zip_of(&[("a.txt", &vec![0; 5 << 20])]), "invalid_content", &["huge.zip", "z/a.txt"]),
        ("hidden.zip", &zip_of(&[(".env", b"x")]), "no_source", &["hidden.zip", "hidden"]),
    ] {
        let answer = submit(Some("calc"), name, bytes).await;
        assert_eq!(answer.code(), code, "{name}: {}", answer.text);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(words.iter().all(|word| detail.contains(word)), "{name}: {detail}");
    }
    let many: Vec<(String, &[u8])> = (0..101).map(|n| (format!("f{n}"), &b"x"[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let answer = submit(Some("calc"), "many.zip", &zip_of(&many)).await;
    assert_eq!(answer.code(), "source_too_large", "{}", answer.text);
}

#[tokio::test]
async fn the_page_is_served_with_a_strict_policy() {
    let site = Site::start(true).await;
    let answer = site.ask("GET", "/", None, None).await;
    if answer.status == StatusCode::OK {
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    } else {
        println!("SKIPPED: the page is not in this build");
    }
}

#[tokio::test]
async fn catalogue_metrics_and_health_answer() {
    let mut site = Site::start(false).await;
    assert_eq!(site.ask("GET", "/api/v1/languages", None, None).await.json(), json!([]));
    site.judge_everything().await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let languages = site.ask("GET", "/api/v1/languages", None, None).await.json();
    assert_eq!(languages[0]["id"], "cpp");
    let workers = site.ask("GET", "/api/v1/workers", None, None).await.json();
    assert_eq!((workers[0]["alive"].as_bool(), workers[0]["slots"].as_u64()), (Some(true), Some(2)));
    site.ask("POST", "/api/v1/submissions?wait=true", None, Some(body())).await;
    let queue = site.ask("GET", "/api/v1/queue", None, None).await.json();
    assert_eq!((queue["waiting"].as_u64(), queue["slots"].as_u64()), (Some(0), Some(2)));
    let metrics = site.ask("GET", "/metrics", None, None).await.text;
    assert!(metrics.contains(r#"tribunal_judgements_total{verdict="WA"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"tribunal_workers{state="ready"} 1"#), "{metrics}");
    for name in [
        "build_info",
        "http_requests_total",
        "http_request_duration_seconds_count",
        "submissions_total",
        "claims_total",
        "reports_total",
        "attempts_lost_total",
        "dead_letters_total",
        "webhooks_waiting",
        "queue_wait_seconds_bucket",
        "queue_waiting",
        "queue_running",
        "queue_oldest_seconds",
        "queue_held",
        "queue_lacking",
        "boxes",
        "run_overhead_seconds_count",
        "run_cpu_seconds_count",
        "run_wall_seconds_count",
        "overhead_seconds_count",
        "slots",
        "broker_up",
        "store_full",
    ] {
        assert!(metrics.contains(&format!("\ntribunal_{name}")), "{name}: {metrics}");
    }
    let ready = site.ask("GET", "/readyz", None, None).await;
    let well = json!({"ready": true, "store": true, "broker": "embedded", "stopping": false, "full": []});
    assert_eq!(ready.json(), well);
}

#[test]
fn the_committed_openapi_document_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = super::openapi_json();
    if std::env::var_os("TRIBUNAL_REGENERATE").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == now,
        "api/openapi.json is out of date: TRIBUNAL_REGENERATE=1 cargo test -p api openapi writes it"
    );
}
