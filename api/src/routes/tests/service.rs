//! Keys, batches, pages, erasing, tokens, bounds and rejudges from the outside.

use super::*;

fn keyed(key: &str, body: &Value) -> Request<Body> {
    let request = Request::post(SUBMISSIONS).header("host", "localhost").header("idempotency-key", key);
    request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

#[tokio::test]
async fn a_request_with_a_key_is_carried_out_once() {
    let site = Site::start(false).await;
    let first = site.send(keyed("k-1", &body())).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = site.send(keyed("k-1", &body())).await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &first.json()["id"]));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let mut other = body();
    other["all"] = true.into();
    assert_eq!(site.send(keyed("k-1", &other)).await.code(), "idempotency_key_reused");
    assert_eq!(site.send(keyed(&"k".repeat(256), &other)).await.code(), "invalid_parameter");
    assert_eq!(site.send(keyed("", &other)).await.code(), "invalid_parameter");
    assert_eq!(site.ask("GET", SUBMISSIONS, None, None).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let site = Site::start(false).await;
    let batch = format!("{SUBMISSIONS}/batch");
    let answer = site.ask("POST", &batch, None, Some(json!([body(), body(), body()]))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let ids: Vec<_> = answer.json().as_array().unwrap().iter().map(|v| v["id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    let mut wrong = body();
    wrong["files"] = json!([]);
    let refused = site.ask("POST", &batch, None, Some(json!([body(), wrong, {"colour": 1}]))).await;
    assert_eq!(refused.code(), "no_source");
    let told = refused.json()["refused"].clone();
    assert_eq!(
        (&told[0]["index"], &told[1]["index"], &told[1]["code"]),
        (&json!(1), &json!(2), &json!("unknown_key"))
    );
    let lines = format!("{}\n{}\n", body(), body());
    let request =
        Request::post(&batch).header("host", "localhost").header("content-type", "application/x-ndjson");
    let answer = site.send(request.body(Body::from(lines)).unwrap()).await;
    assert_eq!(answer.json().as_array().unwrap().len(), 2);
    assert_eq!(site.ask("GET", SUBMISSIONS, None, None).await.json().as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn pages_of_a_list_lead_to_the_next_one() {
    let site = Site::start(false).await;
    let batch = json!([body(), body(), body(), body(), body()]);
    site.ask("POST", &format!("{SUBMISSIONS}/batch"), None, Some(batch)).await;
    let (mut path, mut seen) = (format!("{SUBMISSIONS}?limit=2&state=queued"), Vec::new());
    for _ in 0..4 {
        let page = site.ask("GET", &path, None, None).await;
        seen.extend(page.json().as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap().to_owned()));
        let Some(link) = page.headers.get("link") else { break };
        let link = link.to_str().unwrap();
        assert!(link.ends_with(r#">; rel="next""#), "{link}");
        path = link[1..].split('>').next().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice");
    let none = site.ask("GET", &format!("{SUBMISSIONS}?verdict=AC"), None, None).await;
    assert_eq!(none.json(), json!([]));
    assert_eq!(
        site.ask("GET", &format!("{SUBMISSIONS}?verdict=good"), None, None).await.code(),
        "invalid_parameter"
    );
}

#[tokio::test]
async fn a_brief_list_has_verdicts_and_neither_tests_nor_outputs() {
    let mut site = Site::start(false).await;
    site.judge_everything().await;
    site.ask("POST", &format!("{SUBMISSIONS}?wait=true"), None, Some(body())).await;
    let whole = site.ask("GET", SUBMISSIONS, None, None).await.json();
    let brief = site.ask("GET", &format!("{SUBMISSIONS}?brief=true"), None, None).await.json();
    assert_eq!(whole[0]["judgement"]["tests"].as_array().map(Vec::len), Some(2));
    assert_eq!(brief[0]["judgement"]["tests"], json!([]));
    assert_eq!(brief[0]["judgement"]["verdict"], whole[0]["judgement"]["verdict"]);
    let odd = site.ask("GET", &format!("{SUBMISSIONS}?brief=maybe"), None, None).await;
    assert_eq!(odd.code(), "invalid_parameter");
}

#[tokio::test]
async fn an_erased_submission_is_gone_and_noted() {
    let mut site = Site::start(false).await;
    let id = submit(&site).await;
    let path = format!("{SUBMISSIONS}/{id}");
    assert_eq!(site.ask("GET", &path, None, None).await.json()["queue"]["ahead"], 0);
    assert_eq!(site.ask("DELETE", &path, None, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.ask("GET", &path, None, None).await.code(), "not_found");
    assert_eq!(site.ask("DELETE", &path, None, None).await.code(), "not_found");
    site.judge_everything().await;
    let audit = site.ask("GET", "/api/v1/audit", Some(&site.admin), None).await.json();
    assert_eq!((&audit[0]["action"], &audit[0]["subject"]), (&json!("submission.erase"), &json!(id)));
    assert_eq!(audit[0]["actor"], "local");
}

#[tokio::test]
async fn tokens_are_made_shown_once_capped_and_taken_back() {
    let site = Site::start(false).await;
    let admin = Some(site.admin.as_str());
    let new = json!({"name": "ci", "tenant": "team", "scopes": ["submit", "read"], "priority": "bulk"});
    assert_eq!(site.ask("POST", "/api/v1/tokens", None, Some(new.clone())).await.code(), "forbidden");
    let made = site.ask("POST", "/api/v1/tokens", admin, Some(new)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let (id, text) = (made.json()["id"].clone(), made.json()["token"].as_str().unwrap().to_owned());
    let list = site.ask("GET", "/api/v1/tokens", admin, None).await;
    assert!(list.text.contains(id.as_str().unwrap()) && !list.text.contains(&text));
    let mut urgent = body();
    urgent["priority"] = "contest".into();
    let sent = site.ask("POST", SUBMISSIONS, Some(&text), Some(urgent)).await;
    assert_eq!(sent.json()["priority"], "bulk", "the token's cap holds");
    let path = format!("/api/v1/tokens/{}", id.as_str().unwrap());
    assert!(site.ask("DELETE", &path, admin, None).await.json()["revoked_at"].is_string());
    assert_eq!(site.ask("GET", SUBMISSIONS, Some(&text), None).await.code(), "unauthorized");
    let audit = site.ask("GET", "/api/v1/audit?limit=2", admin, None).await;
    assert_eq!(
        (&audit.json()[0]["action"], &audit.json()[1]["action"]),
        (&json!("token.revoke"), &json!("token.create"))
    );
    assert!(!audit.text.contains(&text));
    for wrong in [
        json!({"name": "", "tenant": "t", "scopes": ["read"]}),
        json!({"name": "n", "tenant": "t", "scopes": []}),
        json!({"name": "n", "tenant": "t", "scopes": ["root"]}),
        json!({"name": "n", "tenant": "t\n", "scopes": ["read"]}),
        json!({"name": "n", "tenant": "t", "scopes": ["read"], "expires_in_s": 0}),
    ] {
        let refused = site.ask("POST", "/api/v1/tokens", admin, Some(wrong.clone())).await;
        assert_eq!(refused.code(), "invalid_body", "{wrong}");
    }
}

#[tokio::test]
async fn a_tenant_over_its_bounds_gets_429_and_is_told_when_to_come_back() {
    let site = Site::start(false).await;
    let admin = Some(site.admin.as_str());
    let bounds = json!({"per_minute": 2, "unfinished_max": null});
    let set = site.ask("PUT", "/api/v1/tenants/local", admin, Some(bounds)).await;
    assert_eq!((set.status, &set.json()["per_minute"]), (StatusCode::OK, &json!(2)));
    let zero = site.ask("PUT", "/api/v1/tenants/local", admin, Some(json!({"per_minute": 0}))).await;
    assert_eq!(zero.code(), "invalid_limit");
    submit(&site).await;
    submit(&site).await;
    let refused = site.ask("POST", SUBMISSIONS, None, Some(body())).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "too_many_requests"));
    let after: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(site.ask("GET", "/api/v1/tenants", admin, None).await.json()[0]["name"], "local");
}

#[tokio::test]
async fn a_rejudge_is_made_looked_at_and_applied() {
    let mut site = Site::start(false).await;
    site.judge_everything().await;
    let sent = site.ask("POST", "/api/v1/submissions?wait=true", None, Some(body())).await.json();
    let select = json!({"select": {"submissions": [sent["id"]]}, "reason": "why not"});
    let made = site.ask("POST", "/api/v1/rejudges", None, Some(select)).await;
    assert_eq!((made.status, &made.json()["total"]), (StatusCode::CREATED, &json!(1)), "{}", made.text);
    let path = format!("/api/v1/rejudges/{}", made.json()["id"].as_str().unwrap());
    let mut state = Value::Null;
    for _ in 0..200 {
        state = site.ask("GET", &path, None, None).await.json();
        if state["done"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(state["verdicts"], json!([{"old_verdict": "WA", "new_verdict": "WA", "count": 1}]));
    assert_eq!(state["changes"], json!([]));
    let applied = site.ask("POST", &format!("{path}/apply"), None, None).await;
    assert_eq!(applied.json()["state"], "applied", "{}", applied.text);
    let now = site.ask("GET", &format!("{SUBMISSIONS}/{}", sent["id"].as_str().unwrap()), None, None).await;
    assert_eq!(
        (&now.json()["judgement"]["number"], &now.json()["judgement"]["cause"]),
        (&json!(2), &json!("rejudge"))
    );
    assert_eq!(site.ask("POST", &format!("{path}/cancel"), None, None).await.code(), "conflict");
    let other = site.app.store.create_token("o", "other", &[Scope::Judge], 0).await.unwrap();
    assert_eq!(site.ask("GET", &path, Some(&other), None).await.code(), "not_found");
    let theirs = json!({"select": {"submissions": [sent["id"]]}});
    assert_eq!(site.ask("POST", "/api/v1/rejudges", Some(&other), Some(theirs)).await.code(), "not_found");
    let nothing = site.ask("POST", "/api/v1/rejudges", None, Some(json!({"select": {}}))).await;
    assert_eq!(nothing.code(), "invalid_body");
}

#[tokio::test]
async fn a_held_language_is_released_over_the_api() {
    let mut site = Site::start(false).await;
    let hold = "/api/v1/holds/language/cpp";
    let admin = site.admin.clone();
    assert_eq!(site.ask("PUT", hold, None, Some(json!({}))).await.code(), "forbidden");
    assert_eq!(
        site.ask("PUT", "/api/v1/holds/colour/cpp", Some(&admin), Some(json!({}))).await.code(),
        "not_found"
    );
    let held = site.ask("PUT", hold, Some(&admin), Some(json!({"reason": "broken image"}))).await;
    assert_eq!((held.status, held.json()["reason"].as_str()), (StatusCode::OK, Some("broken image")));
    let id = submit(&site).await;
    site.judge_everything().await;
    let path = format!("{SUBMISSIONS}/{id}");
    let waited = site.ask("GET", &format!("{path}?wait=0.3"), None, None).await;
    assert_eq!((waited.status, waited.json()["state"].as_str()), (StatusCode::ACCEPTED, Some("held")));
    assert_eq!(site.ask("GET", "/api/v1/holds", Some(&admin), None).await.json()[0]["name"], "cpp");
    assert_eq!(site.ask("DELETE", hold, Some(&admin), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.ask("DELETE", hold, Some(&admin), None).await.code(), "not_found");
    let done = site.ask("GET", &format!("{path}?wait=60"), None, None).await;
    assert_eq!(done.json()["verdict"], "WA", "{}", done.text);
    let audit = site.ask("GET", "/api/v1/audit", Some(&admin), None).await.json();
    assert_eq!((&audit[0]["action"], &audit[1]["action"]), (&json!("hold.release"), &json!("hold.set")));
}

#[tokio::test]
async fn bytes_sent_once_are_named_by_digest_and_by_nobody_else() {
    let site = Site::start(false).await;
    let mine = site.token(&[Scope::Submit, Scope::Read]).await;
    let other = site.app.store.create_token("o", "other", &[Scope::Submit], 0).await.unwrap();
    let source = b"int main() {}".as_slice();
    let digest = proto::id::Digest::of(source);
    let put = |token: &str, bytes: Vec<u8>| {
        let path = format!("/api/v1/blobs/{}", proto::id::Digest::of(&bytes));
        let request = Request::put(path).header("authorization", format!("Bearer {token}"));
        request.body(Body::from(bytes)).unwrap()
    };
    let mut named = body();
    named["files"] = json!([{"name": "a.cpp", "content_blob": digest}]);
    let unknown = site.ask("POST", SUBMISSIONS, Some(&mine), Some(named.clone())).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "unknown_blob"));
    assert!(unknown.text.contains("PUT /api/v1/blobs/sha256:"), "{}", unknown.text);
    assert_eq!(site.send(put(&mine, source.to_vec())).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.send(put(&mine, source.to_vec())).await.status, StatusCode::NO_CONTENT, "again");
    let taken = site.ask("POST", SUBMISSIONS, Some(&mine), Some(named.clone())).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text);
    assert_eq!(site.ask("POST", SUBMISSIONS, Some(&other), Some(named.clone())).await.code(), "unknown_blob");
    let both = json!([{"name": "a.cpp", "content": "x", "content_blob": digest}]);
    let mut twice = named.clone();
    twice["files"] = both;
    assert_eq!(site.ask("POST", SUBMISSIONS, Some(&mine), Some(twice)).await.code(), "invalid_content");

    let large = vec![b'x'; 1 << 20];
    assert_eq!(site.send(put(&mine, large.clone())).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.send(put(&mine, [large.as_slice(), b"x"].concat())).await.code(), "body_too_large");
    let mut tests = body();
    let large = proto::id::Digest::of(&large);
    tests.as_object_mut().unwrap().remove("problem");
    tests["tests"] = json!([{"stdin_blob": large}]);
    assert_eq!(
        site.ask("POST", SUBMISSIONS, Some(&mine), Some(tests.clone())).await.status,
        StatusCode::CREATED
    );
    tests["tests"] = json!([{"stdin_blob": large, "expected_output_blob": digest}]);
    assert_eq!(
        site.ask("POST", SUBMISSIONS, Some(&mine), Some(tests.clone())).await.code(),
        "tests_too_large"
    );
    tests["tests"] = json!(vec![json!({"stdin_blob": large}); 17]);
    assert_eq!(site.ask("POST", SUBMISSIONS, Some(&mine), Some(tests)).await.code(), "body_too_large");
}

#[tokio::test]
async fn what_an_older_api_wrote_is_mended_while_the_service_runs() {
    let mut site = Site::start(false).await;
    let scopes = [Scope::Submit, Scope::Read];
    let token = site.app.store.create_token("a", "a", &scopes, 0).await.unwrap();
    site.judge_everything().await;
    let sent = site.ask("POST", "/api/v1/submissions?wait=60", Some(&token), Some(body())).await.json();
    assert_eq!(sent["verdict"], "WA");
    let list = format!("{SUBMISSIONS}?verdict=WA");
    // Twice: the first look is at all there is, a later one at what is new.
    for _ in 0..2 {
        site.app.store.forget_tenants_for_tests().await;
        let mended = async {
            while site.ask("GET", &list, Some(&token), None).await.json()[0]["id"] != sent["id"] {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), mended).await.unwrap();
    }
}
