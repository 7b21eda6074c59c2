//! A client of the HTTP API, as small as tests need it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::corpus::Example;

/// How long one submission may take to its verdict.
const JUDGING: Duration = Duration::from_mins(5);

/// Talks to one API.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
    token: Option<String>,
}

impl Api {
    /// An API at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let client = outbound::client().timeout(JUDGING).build().expect("a client can be made");
        Self { client, base: base.to_owned(), token: token.map(str::to_owned) }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (StatusCode, Value) {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.expect("the API answers");
        let status = response.status();
        let text = response.text().await.expect("the API sends its whole answer");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// GET; status and JSON (or text).
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// POST of a JSON body within a trace.
    pub async fn post_traced(&self, path: &str, body: &Value, traceparent: &str) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        self.send(request.header("traceparent", traceparent)).await
    }

    /// PUT of a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(self.client.put(format!("{}{path}", self.base)).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        self.send(self.client.delete(format!("{}{path}", self.base))).await
    }

    /// POST of any bytes.
    pub async fn post_bytes(&self, path: &str, kind: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.base));
        self.send(request.header("content-type", kind).body(body)).await
    }

    /// Submits an example; its id.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn submit(&self, example: &Example) -> String {
        let files: Vec<Value> = example
            .files
            .iter()
            .map(|(name, content)| match std::str::from_utf8(content) {
                Ok(text) => json!({ "name": name, "content": text }),
                Err(_) => json!({ "name": name, "content_base64": STANDARD.encode(content) }),
            })
            .collect();
        let body = json!({ "problem": example.problem, "language": example.language, "files": files });
        let (status, answer) = self.post("/api/v1/submissions", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{}: {answer}", example.path);
        answer["id"].as_str().expect("a submission has an id").to_owned()
    }

    /// Waits until a submission is done.
    ///
    /// # Panics
    /// When it is not within five minutes.
    pub async fn done(&self, id: &str) -> Value {
        let deadline = Instant::now() + JUDGING;
        loop {
            let (status, answer) = self.get(&format!("/api/v1/submissions/{id}?wait=20")).await;
            if status == StatusCode::OK && answer["state"] == "done" {
                return answer;
            }
            assert!(Instant::now() < deadline, "{id} is not done: {status} {answer}");
        }
    }

    /// Waits until `languages` can be judged.
    ///
    /// # Panics
    /// When that takes longer than a minute.
    pub async fn ready(&self, languages: usize) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let (_, answer) = self.get("/api/v1/languages").await;
            let list =
                answer.as_array().or_else(|| answer["languages"].as_array()).cloned().unwrap_or_default();
            if list.iter().filter(|l| l["usable"] == true).count() >= languages {
                return;
            }
            assert!(Instant::now() < deadline, "no language is usable: {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
