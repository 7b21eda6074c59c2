//! A client that does not give up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::id::Digest;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::Wanted;

/// Asks one API and then the other until one answers.
#[derive(Clone)]
pub(crate) struct Stubborn {
    pub(crate) client: Client,
    /// URLs of the APIs.
    pub(crate) bases: Arc<[String]>,
    /// When a request has to be answered at last.
    pub(crate) deadline: Instant,
}

impl Stubborn {
    /// Repeats a request until it is answered with success; what it said, null when that is no JSON.
    async fn ask(&self, number: usize, request: impl Fn(&Client, &str) -> reqwest::RequestBuilder) -> Value {
        for turn in number.. {
            let base = &self.bases[turn % self.bases.len()];
            match request(&self.client, base).send().await {
                Ok(answer) if answer.status() == StatusCode::NO_CONTENT => return Value::Null,
                Ok(answer) if answer.status().is_success() => {
                    if let Ok(value) = answer.json().await {
                        return value;
                    }
                }
                Ok(answer) => {
                    let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
                    assert!(status.is_server_error(), "{number}: {status} {text}");
                }
                Err(_) => {}
            }
            assert!(Instant::now() < self.deadline, "number {number} is not answered");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        unreachable!("the deadline comes first")
    }

    /// Uploads what the submission names, and submits it; its id.
    pub(crate) async fn submit(&self, number: usize, wanted: &Wanted) -> String {
        if let Some(bytes) = &wanted.upload {
            let path = format!("/api/v1/blobs/{}", Digest::of(bytes));
            self.ask(number, |client, base| client.put(format!("{base}{path}")).body(bytes.clone())).await;
        }
        let answer = self
            .ask(number, |client, base| {
                let request = client.post(format!("{base}/api/v1/submissions")).json(&wanted.body);
                request.header("idempotency-key", format!("chaos-{number}"))
            })
            .await;
        answer["id"].as_str().expect("a submission has an id").to_owned()
    }

    /// Waits for its verdict.
    pub(crate) async fn done(&self, number: usize, id: &str) {
        loop {
            let url = format!("/api/v1/submissions/{id}?wait=5");
            let answer = self.ask(number, |client, base| client.get(format!("{base}{url}"))).await;
            if answer["state"] == "done" {
                return;
            }
            assert!(Instant::now() < self.deadline, "number {number} is not done: {answer}");
        }
    }
}
