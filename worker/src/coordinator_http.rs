//! The store as a worker on its own sees it: the API's internal routes over HTTP, with the worker's token.
//!
//! Each call is made once; who calls decides how often to try again, because only there is it known what
//! waits. The token never appears in an error or a log.

use std::time::Duration;

use async_trait::async_trait;
use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, ProblemDocument, WorkerRegistration};
use proto::id::{Digest, JudgementId, WorkerId};
use queue::{Coordinator, QueueError};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

/// A call that takes longer has failed; blobs get [`BLOB_TIMEOUT`].
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Long enough for the largest blob over a slow line.
const BLOB_TIMEOUT: Duration = Duration::from_mins(10);

/// Largest blob taken from the API, so that a wrong answer cannot fill the memory.
const BLOB_MAX: u64 = 1 << 30;

/// Most bytes of any other answer.
const ANSWER_MAX: u64 = 4 << 20;

/// [`Coordinator`] over HTTP.
pub struct HttpCoordinator {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl std::fmt::Debug for HttpCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpCoordinator").field("base", &self.base).finish_non_exhaustive()
    }
}

impl HttpCoordinator {
    /// Will call the API at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When `base` is not an http or https URL, or TLS cannot be set up.
    pub fn new(base: &str, token: &str) -> Result<Self, QueueError> {
        let url: reqwest::Url = base.parse().map_err(|e| {
            refused(base, format!("is not a URL ({e}); one such as http://127.0.0.1:8080 is needed"))
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(refused(
                base,
                "is not the URL of an API; one such as http://127.0.0.1:8080 is needed",
            ));
        }
        let client = outbound::client()
            .timeout(CALL_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|e| refused(base, story(&e)))?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/internal/v1/{path}", self.base)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, QueueError> {
        request.send().await.map_err(|e| self.unavailable(story(&e)))
    }

    fn unavailable(&self, cause: String) -> QueueError {
        QueueError::Unavailable { what: format!("the API at {}", self.base), cause }
    }

    async fn body(&self, mut response: Response, max: u64) -> Result<Vec<u8>, QueueError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unavailable(story(&e)))? {
            if (body.len() + chunk.len()) as u64 > max {
                return Err(self.malformed(format!("the answer has more than {max} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn malformed(&self, cause: String) -> QueueError {
        QueueError::Malformed { what: format!("the API at {}", self.base), cause }
    }

    fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, QueueError> {
        serde_json::from_slice(body).map_err(|e| self.malformed(e.to_string()))
    }

    /// Server errors may pass; everything else the API says is meant.
    async fn failure(&self, response: Response) -> QueueError {
        let status = response.status();
        let body = self.body(response, ANSWER_MAX).await.unwrap_or_default();
        let said = serde_json::from_slice::<ProblemDocument>(&body)
            .map_or_else(|_| status.to_string(), |doc| format!("{status}: {} ({})", doc.detail, doc.code));
        let transient = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if transient { self.unavailable(said) } else { refused(&format!("the API at {}", self.base), said) }
    }
}

fn refused(what: &str, cause: impl Into<String>) -> QueueError {
    QueueError::Refused { what: what.to_owned(), cause: cause.into() }
}

/// The error and its causes on one line; reqwest alone says only "error sending request".
fn story(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// Reads the answer to a claim: 200 and 409 both carry a [`ClaimReply`]; a problem document with 409 is a
/// refusal too.
fn claim_reply(status: StatusCode, body: &[u8]) -> Option<ClaimReply> {
    if let Ok(reply) = serde_json::from_slice::<ClaimReply>(body) {
        return Some(reply);
    }
    let doc: ProblemDocument =
        (status == StatusCode::CONFLICT).then(|| serde_json::from_slice(body).ok()).flatten()?;
    Some(if doc.code == "try_elsewhere" {
        ClaimReply::TryElsewhere
    } else {
        ClaimReply::Refused { reason: doc.detail }
    })
}

#[async_trait]
impl Coordinator for HttpCoordinator {
    async fn register(&self, registration: &WorkerRegistration) -> Result<(), QueueError> {
        let response = self.send(self.request(Method::POST, "workers").json(registration)).await?;
        if response.status().is_success() { Ok(()) } else { Err(self.failure(response).await) }
    }

    async fn heartbeat(&self, worker: WorkerId, beat: &Heartbeat) -> Result<HeartbeatReply, QueueError> {
        let path = format!("workers/{worker}/heartbeat");
        let response = self.send(self.request(Method::POST, &path).json(beat)).await?;
        match response.status() {
            status if status.is_success() => {
                let body = self.body(response, ANSWER_MAX).await?;
                self.parse(&body)
            }
            StatusCode::NOT_FOUND => Ok(HeartbeatReply::default()),
            _ => Err(self.failure(response).await),
        }
    }

    async fn claim(&self, judgement: JudgementId, request: &ClaimRequest) -> Result<ClaimReply, QueueError> {
        let path = format!("judgements/{judgement}/claim");
        let mut call = self.request(Method::POST, &path).json(request);
        if let Some(trace) = &request.traceparent {
            call = call.header("traceparent", trace);
        }
        let response = self.send(call).await?;
        let status = response.status();
        // A judgement nobody knows (erased, or of another installation) is nothing to work on either.
        if status == StatusCode::NOT_FOUND {
            return Ok(ClaimReply::Refused { reason: "the API does not know this judgement".to_owned() });
        }
        if !status.is_success() && status != StatusCode::CONFLICT {
            return Err(self.failure(response).await);
        }
        let body = self.body(response, ANSWER_MAX).await?;
        claim_reply(status, &body)
            .ok_or_else(|| self.malformed(format!("the answer to a claim ({status}) says nothing known")))
    }

    async fn blob(&self, digest: &Digest) -> Result<bytes::Bytes, QueueError> {
        let request = self.request(Method::GET, &format!("blobs/{digest}")).timeout(BLOB_TIMEOUT);
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(self.failure(response).await);
        }
        self.body(response, BLOB_MAX).await.map(bytes::Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_understood_in_both_forms() {
        let granted = br#"{"claim":"granted","attempt":2,"fence":7,"queued_ms":1.5}"#;
        assert_eq!(
            claim_reply(StatusCode::OK, granted),
            Some(ClaimReply::Granted { attempt: 2, fence: 7, queued_ms: 1.5 })
        );
        let document = |code: &str| {
            format!(
                r#"{{"type":"about:blank","title":"Conflict","status":409,"detail":"done","code":"{code}"}}"#
            )
        };
        assert_eq!(
            claim_reply(StatusCode::CONFLICT, document("try_elsewhere").as_bytes()),
            Some(ClaimReply::TryElsewhere)
        );
        assert_eq!(
            claim_reply(StatusCode::CONFLICT, document("claim_refused").as_bytes()),
            Some(ClaimReply::Refused { reason: "done".to_owned() })
        );
    }

    #[test]
    fn an_answer_nobody_understands_grants_nothing() {
        assert_eq!(claim_reply(StatusCode::OK, b"{}"), None);
        assert_eq!(claim_reply(StatusCode::OK, b"<html>"), None);
    }

    #[test]
    fn only_the_url_of_an_api_is_taken() {
        for bad in ["", "localhost:8080", "ftp://host/", "amqp://host"] {
            assert!(HttpCoordinator::new(bad, "t").is_err(), "{bad}");
        }
    }
}
