//! Calling back, over a receiver on loopback.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::Allowed;
use crate::store::Scope;
use crate::testing::{SECRET, Site};
use crate::webhooks::sign::signature;

/// What the receiver was sent.
struct Got {
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

type Script = Arc<(mpsc::UnboundedSender<Got>, Mutex<VecDeque<u16>>)>;

async fn receive(
    State(script): State<Script>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, HeaderMap) {
    let status = script.1.lock().unwrap().pop_front().unwrap_or(200);
    let _ = script.0.send(Got { uri, headers, body });
    let mut headers = HeaderMap::new();
    headers.insert("location", "/elsewhere".parse().unwrap());
    (StatusCode::from_u16(status).unwrap(), headers)
}

/// A server that answers with `statuses`, then with 200.
async fn receiver(statuses: &[u16]) -> (SocketAddr, mpsc::UnboundedReceiver<Got>) {
    let (tell, hear) = mpsc::unbounded_channel();
    let script: Script = Arc::new((tell, Mutex::new(statuses.iter().copied().collect())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(receive).with_state(script);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, hear)
}

async fn site(allow: &[&str]) -> Site {
    let allowed = Allowed::parse(allow).unwrap();
    Site::start_with(|config| config.callbacks = allowed).await
}

fn body(url: &str) -> Value {
    json!({ "language": "cpp", "files": [{ "name": "a.cpp", "content": "int main(){}" }],
            "tests": [{ "stdin": "1\n" }], "callback_url": url })
}

/// Reads the delivery's log until `done` likes it; the sender notes a try after the receiver has it.
async fn log_until(site: &Site, submission: &str, done: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let list =
            site.ask("GET", &format!("/api/v1/webhooks?submission={submission}"), None, None).await.json();
        if let Some(id) = list[0]["id"].as_str() {
            let log = site.ask("GET", &format!("/api/v1/webhooks/{id}"), None, None).await.json();
            if done(&log) {
                return log;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the delivery of {submission} does not get there");
}

#[tokio::test]
async fn a_verdict_is_called_back_signed_retried_and_replayed() {
    let (address, mut hear) = receiver(&[500, 302]).await;
    let mut site = site(&["127.0.0.0/8"]).await;
    site.judge_everything().await;
    let url = format!("http://{address}/hook?key=1");
    let early = site.ask("POST", "/api/v1/submissions", None, Some(body(&url))).await;
    assert_eq!(early.code(), "invalid_callback_url", "nothing is ever sent unsigned");
    let secret = site.ask("POST", "/api/v1/webhooks/secret", None, None).await;
    assert_eq!(secret.status, 201);
    let secret = secret.json()["secret"].as_str().unwrap().to_owned();

    let sent = site.ask("POST", "/api/v1/submissions", None, Some(body(&url))).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let mut bodies = Vec::new();
    for tries in 1..=3 {
        let got = hear.recv().await.unwrap();
        assert_eq!(got.uri, "/hook?key=1", "no redirect is followed");
        let timestamp: i64 = got.header("tribunal-timestamp").parse().unwrap();
        assert_eq!(got.header("tribunal-signature"), signature(&secret, timestamp, got.body.as_bytes()));
        assert_eq!(got.header("tribunal-event"), "submission.done");
        let told: Value = serde_json::from_str(&got.body).unwrap();
        assert_eq!((&told["submission"]["id"], &told["submission"]["verdict"]), (&json!(id), &json!("WA")));
        assert_eq!(told["delivery"], got.header("tribunal-delivery"));
        bodies.push(got.body);
        // A delivery and its log are read one after the other: the state may be that of before the last try.
        let state = if tries == 3 { "delivered" } else { "waiting" };
        let told =
            |log: &Value| log["log"].as_array().is_some_and(|l| l.len() == tries) && log["state"] == state;
        let log = log_until(&site, &id, told).await;
        assert_eq!(log["log"][tries - 1]["status"], [500, 302, 200][tries - 1]);
        site.app.store.hurry_webhooks_for_tests().await;
        site.app.hooks.notify_one();
    }
    assert!(
        bodies.iter().all(|b| b == &bodies[0] && b.contains(SECRET)),
        "a judge's submission, a judge's view"
    );
    let list = site.ask("GET", "/api/v1/webhooks?state=delivered", None, None).await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let replay = format!("/api/v1/webhooks/{}/replay", list[0]["id"].as_str().unwrap());
    assert_eq!(site.ask("POST", &replay, None, None).await.status, 202);
    assert_eq!(hear.recv().await.unwrap().body, bodies[0]);
    let metrics = site.ask("GET", "/metrics", None, None).await.text;
    assert!(metrics.contains("tribunal_webhook_deliveries_total"), "{metrics}");
}

#[tokio::test]
async fn a_contestants_submission_is_told_of_without_secrets_and_a_cancelled_one_too() {
    let (address, mut hear) = receiver(&[]).await;
    let mut site = site(&["127.0.0.1"]).await;
    site.ask("POST", "/api/v1/webhooks/secret", None, None).await;
    let contestant = site.token(&[Scope::Submit, Scope::Read]).await;
    let url = format!("http://{address}/");
    let sent = site.ask("POST", "/api/v1/submissions", Some(&contestant), Some(body(&url))).await.json();
    let cancel = format!("/api/v1/submissions/{}/cancel", sent["id"].as_str().unwrap());
    assert_eq!(site.ask("POST", &cancel, Some(&contestant), None).await.status, 200);
    assert_eq!(hear.recv().await.unwrap().header("tribunal-event"), "submission.cancelled");
    site.judge_everything().await;
    site.ask("POST", "/api/v1/submissions", Some(&contestant), Some(body(&url))).await;
    let got = hear.recv().await.unwrap();
    assert_eq!(got.header("tribunal-event"), "submission.done");
    assert!(!got.body.contains(SECRET) && got.body.contains("\"WA\""), "{}", got.body);
    for (method, path) in [("GET", "/api/v1/webhooks"), ("POST", "/api/v1/webhooks/secret")] {
        assert_eq!(site.ask(method, path, Some(&contestant), None).await.code(), "forbidden");
    }
}

#[tokio::test]
async fn what_is_not_on_the_public_internet_is_refused_at_once_or_never_connected_to() {
    let (address, mut hear) = receiver(&[]).await;
    let mut site = site(&[]).await;
    site.judge_everything().await;
    site.ask("POST", "/api/v1/webhooks/secret", None, None).await;
    for url in [
        "http://127.0.0.1:1/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/",
        "ftp://example.com/",
        "",
    ] {
        let sent = site.ask("POST", "/api/v1/submissions", None, Some(body(url))).await;
        assert_eq!(sent.code(), "invalid_callback_url", "{url}");
    }
    // As it would be after a name changed its address: checked when stored, private when called.
    let mut row = crate::testing::new_row(proto::job::Priority::Normal);
    for url in
        [format!("http://127.0.0.1:{}/", address.port()), format!("http://localhost.:{}/", address.port())]
    {
        row.callback = Some((url, true));
        let id = site.app.store.submit(&row, 1).await.unwrap();
        site.app.store.cancel(id, 1).await.unwrap();
        site.app.hooks.notify_one();
        let log = log_until(&site, &id.to_string(), |log| log["log"][0].is_object()).await;
        assert_eq!((&log["state"], &log["log"][0]["status"]), (&json!("given_up"), &Value::Null), "{log}");
    }
    let client = crate::webhooks::client(&Allowed::default()).unwrap();
    let named = client.post(format!("http://localhost:{}/", address.port())).send().await;
    assert!(named.is_err(), "a name that stands for this machine");
    assert!(hear.try_recv().is_err(), "nothing was connected to");
    let client = crate::webhooks::client(&Allowed::parse(&["localhost"]).unwrap()).unwrap();
    client.post(format!("http://localhost:{}/", address.port())).send().await.unwrap();
}
