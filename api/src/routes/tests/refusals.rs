//! Bad requests are told apart and change nothing.

use proto::id::Digest;

use super::*;

/// One bad request: method, path, content type, body, stable code.
type Bad = (&'static str, String, &'static str, String, &'static str);

const JSON: &str = "application/json";

/// A submission's body with `changes` over it; null takes a key away.
fn with(changes: Value) -> String {
    let mut body = body();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(key)),
            other => body[key] = other.clone(),
        }
    }
    body.to_string()
}

fn file(changes: Value) -> String {
    let mut file = json!({"name": "a.cpp", "content": "x"});
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(file.as_object_mut().unwrap().remove(key)),
            other => file[key] = other.clone(),
        }
    }
    with(json!({"files": [file]}))
}

fn of_submissions() -> Vec<(String, &'static str)> {
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let many =
        |n: usize| (0..n).map(|k| json!({"name": format!("f{k}.c"), "content": "x"})).collect::<Vec<_>>();
    let mut rows: Vec<(String, &'static str)> = vec![
        (String::new(), "invalid_json"),
        ("{".into(), "invalid_json"),
        ("{}x".into(), "invalid_json"),
        ("nul".into(), "invalid_json"),
        ("\u{feff}{}".into(), "invalid_json"),
        (deep, "invalid_json"),
        ("{'language':'cpp'}".into(), "invalid_json"),
        ("null".into(), "invalid_body"),
        ("[]".into(), "invalid_body"),
        ("7".into(), "invalid_body"),
        ("\"text\"".into(), "invalid_body"),
        ("{}".into(), "invalid_body"),
        (with(json!({"language": null})), "invalid_body"),
        (with(json!({"language": 7})), "invalid_body"),
        (with(json!({"language": ["cpp"]})), "invalid_body"),
        (with(json!({"files": null})), "invalid_body"),
        (with(json!({"files": {}})), "invalid_body"),
        (with(json!({"files": "x"})), "invalid_body"),
        (with(json!({"files": [7]})), "invalid_body"),
        (with(json!({"priority": "urgent"})), "invalid_body"),
        (with(json!({"priority": 0})), "invalid_body"),
        (with(json!({"labels": "x"})), "invalid_body"),
        (with(json!({"labels": [1]})), "invalid_body"),
        (with(json!({"labels": vec!["x"; 33]})), "invalid_body"),
        (with(json!({"labels": ["x".repeat(257)]})), "invalid_body"),
        (with(json!({"external_id": "x".repeat(257)})), "invalid_body"),
        (with(json!({"external_id": 7})), "invalid_body"),
        (with(json!({"participant": "x".repeat(257)})), "invalid_body"),
        (with(json!({"all": "yes"})), "invalid_body"),
        (with(json!({"policy": "best"})), "invalid_body"),
        (with(json!({"policy": "oi", "all": true})), "invalid_body"),
        (with(json!({"tests": {}})), "invalid_body"),
        (with(json!({"tests": [7]})), "invalid_body"),
        (with(json!({"tests": [{"args": "x"}]})), "invalid_body"),
        (with(json!({"tests": [{"args": ["a\0b"]}]})), "invalid_body"),
        (with(json!({"tests": [{"args": vec!["x"; 65]}]})), "invalid_body"),
        (with(json!({"colour": 1})), "unknown_key"),
        (with(json!({"Language": "cpp"})), "unknown_key"),
        (with(json!({"tests": [{"input": "x"}]})), "unknown_key"),
        (with(json!({"limits": {"cpu": 1}})), "unknown_key"),
        (file(json!({"path": "x"})), "unknown_key"),
        (with(json!({"tests": null})), "invalid_target"),
        (with(json!({"problem": "x"})), "invalid_target"),
        (with(json!({"tests": []})), "invalid_target"),
        (with(json!({"tests": null, "problem": "nothing"})), "unknown_problem"),
        (with(json!({"tests": null, "problem": ""})), "unknown_problem"),
        (with(json!({"tests": null, "problem": "../x"})), "unknown_problem"),
        (with(json!({"tests": null, "problem": "x@"})), "unknown_problem"),
        (with(json!({"tests": null, "problem": "x@sha256:12"})), "unknown_problem"),
        (with(json!({"tests": null, "problem": "a'; DROP TABLE submissions; --"})), "unknown_problem"),
        (with(json!({"language": ""})), "unknown_language"),
        (with(json!({"language": "none-such"})), "unknown_language"),
        (with(json!({"language": "CPP"})), "unknown_language"),
        (with(json!({"language": "../cpp"})), "unknown_language"),
        (with(json!({"language": "cpp\0"})), "unknown_language"),
        (with(json!({"language": "c".repeat(1000)})), "unknown_language"),
        (with(json!({"files": []})), "no_source"),
        (file(json!({"content": ""})), "no_source"),
        (file(json!({"content": null})), "invalid_content"),
        (file(json!({"content_base64": "eA=="})), "invalid_content"),
        (file(json!({"content": null, "content_base64": "*"})), "invalid_content"),
        (file(json!({"content": null, "content_base64": "eA"})), "invalid_content"),
        (with(json!({"tests": [{"stdin": "x", "stdin_base64": "eA=="}]})), "invalid_content"),
        (with(json!({"tests": [{"expected_output_base64": "?"}]})), "invalid_content"),
        (file(json!({"content_blob": Digest::of(b"x")})), "invalid_content"),
        (file(json!({"content": null, "content_blob": Digest::of(b"never sent")})), "unknown_blob"),
        (file(json!({"content": null, "content_blob": "sha256:x"})), "invalid_body"),
        (
            with(json!({"problem": null, "tests": [{"stdin_blob": Digest::of(b"never sent")}]})),
            "unknown_blob",
        ),
        (file(json!({"content": "x".repeat((256 << 10) + 1)})), "source_too_large"),
        (with(json!({"files": many(101)})), "source_too_large"),
        (with(json!({"tests": [{"stdin": "x".repeat((1 << 20) + 1)}]})), "tests_too_large"),
        (with(json!({"tests": vec![json!({}); 257]})), "tests_too_large"),
        ("x".repeat((4 << 20) + 1), "body_too_large"),
        (with(json!({"callback_url": "x"})), "invalid_callback_url"),
        (with(json!({"callback_url": "http://127.0.0.1/"})), "invalid_callback_url"),
        (with(json!({"callback_url": "https://example.com/"})), "invalid_callback_url"),
        (with(json!({"callback_url": 7})), "invalid_body"),
    ];
    for name in
        ["", ".", "..", "/etc/passwd", "../a", "a/../b", "-o", ".hidden", "a\0b", "a\\b", "a/", "a\nb"]
    {
        rows.push((file(json!({ "name": name })), "invalid_file_name"));
    }
    for limit in [json!(0), json!(-1), json!(1e300), json!("1s"), json!(1_000_000_000)] {
        rows.push((with(json!({"limits": {"cpu_time_ms": limit}})), "invalid_limit"));
    }
    for limit in [json!(0), json!(-1), json!(1e18), json!("1GiB")] {
        rows.push((with(json!({"limits": {"memory_bytes": limit}})), "invalid_limit"));
    }
    rows
}

fn of_other_routes() -> Vec<Bad> {
    let get = |path: &str, code| ("GET", path.to_owned(), JSON, String::new(), code);
    let post = |path: &str, body: Value, code| ("POST", path.to_owned(), JSON, body.to_string(), code);
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    vec![
        ("POST", SUBMISSIONS.into(), "text/plain", with(json!({})), "unsupported_media_type"),
        ("POST", SUBMISSIONS.into(), "application/jsonx", with(json!({})), "unsupported_media_type"),
        ("POST", format!("{SUBMISSIONS}/batch"), "text/csv", "[]".into(), "unsupported_media_type"),
        ("POST", format!("{SUBMISSIONS}?wait=soon"), JSON, with(json!({})), "invalid_parameter"),
        ("POST", format!("{SUBMISSIONS}?colour=1"), JSON, with(json!({})), "invalid_parameter"),
        ("PUT", SUBMISSIONS.into(), JSON, with(json!({})), "method_not_allowed"),
        ("PATCH", format!("{SUBMISSIONS}/{nobody}"), JSON, "{}".into(), "method_not_allowed"),
        get(&format!("{SUBMISSIONS}?limit=0"), "invalid_parameter"),
        get(&format!("{SUBMISSIONS}?limit=501"), "invalid_parameter"),
        get(&format!("{SUBMISSIONS}?limit=-1"), "invalid_parameter"),
        get(&format!("{SUBMISSIONS}?state=lost"), "invalid_parameter"),
        get(&format!("{SUBMISSIONS}?verdict=XX"), "invalid_parameter"),
        get(&format!("{SUBMISSIONS}?before=x"), "invalid_parameter"),
        get(&format!("{SUBMISSIONS}?order=up"), "invalid_parameter"),
        get(&format!("{SUBMISSIONS}/{nobody}"), "not_found"),
        get(&format!("{SUBMISSIONS}/x"), "not_found"),
        get(&format!("{SUBMISSIONS}/{nobody}/events"), "not_found"),
        get(&format!("{SUBMISSIONS}/{nobody}/judgements"), "not_found"),
        ("DELETE", format!("{SUBMISSIONS}/{nobody}"), JSON, String::new(), "not_found"),
        post(&format!("{SUBMISSIONS}/{nobody}/cancel"), json!({}), "not_found"),
        post(&format!("{SUBMISSIONS}/batch"), json!([]), "invalid_body"),
        post(&format!("{SUBMISSIONS}/batch"), json!([["aplusb", "cpp"]]), "invalid_body"),
        post(&format!("{SUBMISSIONS}/batch"), json!({}), "invalid_body"),
        get("/api/v1/problems/nothing", "not_found"),
        post("/api/v1/problems/nothing/activate", json!({"digest": "sha256:1"}), "invalid_body"),
        get(&format!("/api/v1/webhooks/{nobody}"), "not_found"),
        post(&format!("/api/v1/webhooks/{nobody}/replay"), json!({}), "not_found"),
        get("/api/v1/webhooks?state=lost", "invalid_parameter"),
        get("/api/v1/webhooks?limit=501", "invalid_parameter"),
        get(&format!("/api/v1/rejudges/{nobody}"), "not_found"),
        post("/api/v1/rejudges", json!({}), "invalid_body"),
        post("/api/v1/rejudges", json!({"select": {"colour": 1}}), "unknown_key"),
        post("/api/v1/tokens", json!({"name": "", "tenant": "t", "scopes": ["read"]}), "invalid_body"),
        post("/api/v1/tokens", json!({"name": "n", "tenant": "t", "scopes": []}), "invalid_body"),
        post("/api/v1/tokens", json!({"name": "n", "tenant": "t", "scopes": ["root"]}), "invalid_body"),
        ("DELETE", format!("/api/v1/tokens/{nobody}"), JSON, String::new(), "not_found"),
        ("PUT", "/api/v1/tenants/t".into(), JSON, "[null, null]".into(), "invalid_body"),
        ("PUT", "/api/v1/tenants/t".into(), JSON, json!({"per_minute": 0}).to_string(), "invalid_limit"),
        ("PUT", "/api/v1/tenants/t".into(), JSON, json!({"sources_days": 0}).to_string(), "invalid_limit"),
        (
            "PUT",
            "/api/v1/tenants/t".into(),
            JSON,
            json!({"per_minute": 1u32 << 31}).to_string(),
            "invalid_limit",
        ),
        ("PUT", "/api/v1/tenants/t".into(), JSON, json!({"per_minute": -1}).to_string(), "invalid_body"),
        ("PUT", "/api/v1/tenants/t".into(), JSON, json!({"per_hour": 1}).to_string(), "unknown_key"),
        (
            "PUT",
            format!("/api/v1/blobs/{}", Digest::of(b"x")),
            "application/octet-stream",
            "y".into(),
            "invalid_content",
        ),
        ("PUT", "/api/v1/blobs/sha256:x".into(), "application/octet-stream", "y".into(), "not_found"),
        get("/api/v1/nothing", "not_found"),
    ]
}

#[tokio::test]
async fn a_hundred_kinds_of_bad_requests_have_their_codes_and_store_nothing() {
    let mut site = Site::start(false).await;
    site.judge_everything().await;
    // Known languages come with the first worker.
    while site.app.store.languages(crate::time::now_ms()).await.unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let lists = ["submissions", "problems", "webhooks", "rejudges", "tokens", "tenants", "audit"];
    let mut before = Vec::new();
    for list in lists {
        before.push(site.ask("GET", &format!("/api/v1/{list}"), Some(&site.admin), None).await.text);
    }
    let mut rows = of_other_routes();
    for (body, code) in of_submissions() {
        rows.push(("POST", SUBMISSIONS.to_owned(), JSON, body, code));
    }
    assert!(rows.len() >= 100, "{} kinds", rows.len());
    let mut wrong = Vec::new();
    for (method, path, kind, body, code) in rows {
        let request = Request::builder().method(method).uri(&path).header("host", "localhost");
        let request =
            request.header("authorization", format!("Bearer {}", site.admin)).header("content-type", kind);
        let shown: String = body.chars().take(100).collect();
        let answer = site.send(request.body(Body::from(body)).unwrap()).await;
        let known = crate::error::Code::ALL.iter().find(|c| c.name() == code).unwrap();
        if answer.status.is_success() || (answer.code().as_str(), answer.status) != (code, known.status()) {
            wrong.push(format!("{method} {path} {shown}: {} {}, not {code}", answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    for (list, before) in lists.iter().zip(before) {
        let after = site.ask("GET", &format!("/api/v1/{list}"), Some(&site.admin), None).await.text;
        assert_eq!(after, before, "{list}: a refused request stored something");
    }
}

/// What no database can store or no name has: NUL, bytes that are no text, numbers at the ends of their range.
#[tokio::test]
async fn odd_text_in_any_place_is_refused_or_taken_and_never_our_failure() {
    for site in Site::on_every_store(|_| ()).await {
        let admin = site.admin.clone();
        let nul = "a\0b";
        let mut asked: Vec<(&str, String, Option<Value>)> = Vec::new();
        for key in ["problem", "harness", "language", "participant", "external_id", "callback_url", "policy"]
        {
            let mut sent = body();
            if matches!(key, "problem" | "harness") {
                sent.as_object_mut().unwrap().remove("tests");
            }
            if key == "harness" {
                sent.as_object_mut().unwrap().remove("language");
            }
            sent[key] = nul.into();
            asked.push(("POST", SUBMISSIONS.to_owned(), Some(sent.clone())));
            asked.push(("POST", format!("{SUBMISSIONS}/batch"), Some(json!([sent]))));
        }
        let mut labelled = body();
        labelled["labels"] = json!([nul]);
        asked.push(("POST", SUBMISSIONS.to_owned(), Some(labelled)));
        for key in ["problem", "language", "participant", "external_id", "label", "verdict", "before"] {
            asked.push(("GET", format!("{SUBMISSIONS}?{key}=a%00b"), None));
        }
        for name in ["a%00b", "%ff", "..%2f..%2fetc", "%F0%9F%92%A9", "*"] {
            asked.push(("GET", format!("/api/v1/problems/{name}"), None));
            let digest = json!({"digest": Digest::of(b"x")});
            asked.push(("POST", format!("/api/v1/problems/{name}/activate"), Some(digest)));
            asked.push(("GET", format!("/api/v1/tenants/{name}"), None));
            for kind in ["problem", "language", "harness", name] {
                let hold = format!("/api/v1/holds/{kind}/{name}");
                asked.push(("PUT", hold.clone(), Some(json!({"reason": nul}))));
                asked.push(("DELETE", hold, None));
            }
        }
        asked.push(("PUT", "/api/v1/holds/problem/calc".to_owned(), Some(json!({"reason": nul}))));
        asked.push(("GET", "/api/v1/holds".to_owned(), None));
        asked.push(("GET", "/api/v1/problems?kind=a%00b".to_owned(), None));
        let rejudges = "/api/v1/rejudges";
        for select in [
            json!({"problem": nul}),
            json!({"language": nul}),
            json!({"problem": "calc", "created_from_ms": i64::MIN, "created_before_ms": i64::MAX}),
            json!({"created_from_ms": i64::MAX}),
            json!({"created_before_ms": u64::MAX}),
        ] {
            let sent = json!({"select": select, "reason": nul, "revision": Digest::of(b"of something else")});
            asked.push(("POST", rejudges.to_owned(), Some(sent)));
            asked.push(("POST", rejudges.to_owned(), Some(json!({"select": select, "reason": nul}))));
        }
        asked.push(("GET", rejudges.to_owned(), None));
        asked.push(("GET", "/api/v1/audit".to_owned(), None));
        for (method, path, sent) in asked {
            let answer = site.ask(method, &path, Some(&admin), sent.clone()).await;
            assert!(
                answer.status.as_u16() < 500,
                "{method} {path} {sent:?}: {} {}",
                answer.status,
                answer.text
            );
        }
        // What was made of it works: it is told, released and judged like any other.
        let holds = site.ask("GET", "/api/v1/holds", Some(&admin), None).await.json();
        assert!(holds.as_array().unwrap().iter().any(|hold| hold["name"] == "calc"), "{holds}");
        let gone = site.ask("DELETE", "/api/v1/holds/problem/calc", Some(&admin), None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    }
}
