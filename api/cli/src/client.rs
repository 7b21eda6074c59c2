//! The way to a service: its address, the token, one request and what a refusal means for the caller.
//!
//! Every command that speaks with a service goes through [`Service`]. Answers are read as plain JSON: a newer
//! service may send keys and words this client does not know. Nothing here follows a redirect, and a token is
//! never sent anywhere but to the address that was given.

mod batch;
pub(crate) mod events;
pub(crate) mod holds;
pub(crate) mod problems;
pub(crate) mod rejudge;
mod show;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod tokens;
mod watch;
pub(crate) mod workers;

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::args::ServerArgs;
use crate::output::{Failure, chain, note};

/// Where the service is when nobody says.
const DEFAULT: &str = "http://127.0.0.1:8080";
/// Longest wait for an ordinary answer.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of an answer: a submission with its tests' output is the largest.
const ANSWER_MAX: usize = 64 << 20;
/// Longest token.
const TOKEN_MAX: usize = 4096;
/// Most diagnostics of a refused package that are repeated.
const DIAGNOSTICS_MAX: usize = 20;

/// Why a request brought no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nobody could be spoken with: nothing was sent.
    Unreached(String),
    /// The connection was lost: what was sent may have been taken or not.
    Lost(String),
    /// The service said no.
    Refused {
        /// Its status.
        status: StatusCode,
        /// What it said and what to do about it.
        text: String,
    },
    /// It said what cannot be understood.
    Odd(String),
}

impl Trouble {
    /// Whether the same request may be answered in a moment.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Trouble::Unreached(_) | Trouble::Lost(_) => true,
            Trouble::Refused { status, .. } => status.is_server_error(),
            Trouble::Odd(_) => false,
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused { status, text } if status.is_server_error() => Failure::ours(text),
            Trouble::Unreached(text) | Trouble::Lost(text) | Trouble::Refused { text, .. } => {
                Failure::usage(text)
            }
            Trouble::Odd(text) => Failure::ours(text),
        }
    }
}

/// One service and who we are to it.
#[derive(Debug)]
pub(crate) struct Service {
    base: Url,
    token: Option<String>,
    client: reqwest::Client,
}

impl Service {
    /// The service of these flags and of the environment. Nothing is sent yet.
    pub(crate) fn new(args: &ServerArgs) -> Result<Self, Failure> {
        // What `problem push` read before there was TRIBUNAL_SERVER.
        let named = args.server.clone().or_else(|| std::env::var("TRIBUNAL_API").ok());
        let base = address(named.as_deref().unwrap_or(DEFAULT))?;
        let token = match &args.token_file {
            Some(file) => Some(token_of(file)?),
            None => std::env::var("TRIBUNAL_TOKEN")
                .ok()
                .map(|text| one_word("TRIBUNAL_TOKEN", &text))
                .transpose()?,
        };
        if token.is_some() && base.scheme() == "http" && !is_loopback(&base) {
            note(&format!("{base} is spoken to without TLS: the token can be read on the way"));
        }
        let client = outbound::client()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Failure::ours)?;
        Ok(Self { base, token, client })
    }

    /// A request to this path of the native API, each segment escaped.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET of this path.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value, Trouble> {
        Ok(self.answer(self.request(Method::GET, path)).await?.1)
    }

    /// POST of this document.
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Trouble> {
        Ok(self.answer(self.request(Method::POST, path).json(body)).await?.1)
    }

    /// Sends it; the status and the document of an answer that is no refusal.
    pub(crate) async fn answer(&self, request: RequestBuilder) -> Result<(StatusCode, Value), Trouble> {
        self.answer_within(TIMEOUT, request).await
    }

    /// The same with more time, for what is large.
    pub(crate) async fn answer_within(
        &self,
        time: Duration,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Value), Trouble> {
        let response = self.open(request.timeout(time)).await?;
        let status = response.status();
        let body = self.body(response).await?;
        if body.is_empty() {
            return Ok((status, Value::Null));
        }
        let document = serde_json::from_slice(&body).map_err(|e| {
            Trouble::Odd(format!("{} answered {status} with what is no JSON: {e}", self.base))
        })?;
        Ok((status, document))
    }

    /// Sends it; an answer that is no refusal, its body unread.
    pub(crate) async fn open(&self, request: RequestBuilder) -> Result<Response, Trouble> {
        let response = request.send().await.map_err(|e| self.lost(&e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response).await?;
        Err(Trouble::Refused { status, text: refusal(status, &headers, &body) })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.lost(&e))? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(Trouble::Odd(format!(
                    "{} answered with more than {ANSWER_MAX} bytes",
                    self.base
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    pub(crate) fn lost(&self, error: &reqwest::Error) -> Trouble {
        let why = error.source().map_or_else(|| error.to_string(), chain);
        let text = format!("{} cannot be reached: {why}; is the service running there?", self.base);
        if error.is_connect() { Trouble::Unreached(text) } else { Trouble::Lost(text) }
    }
}

/// The address of a service, without a password in it: that would stand in the list of processes.
fn address(text: &str) -> Result<Url, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("--server: `{text}` {why}; one such as http://127.0.0.1:8080 is needed"))
    };
    let url: Url = text.parse().map_err(|e| wrong(format!("is no URL ({e})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("is not the URL of a service".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let what = "--server: the URL holds a name or password; give a token with --token-file FILE or TRIBUNAL_TOKEN";
        return Err(Failure::usage(what));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than a path".to_owned()));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn token_of(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::usage(format!("--token-file: {} cannot be read: {e}", file.display())))?;
    one_word(&format!("--token-file: {}", file.display()), &text)
}

fn one_word(from: &str, text: &str) -> Result<String, Failure> {
    let token = text.trim();
    let visible = token.bytes().all(|b| b.is_ascii_graphic());
    if token.is_empty() || token.len() > TOKEN_MAX || !visible {
        return Err(Failure::usage(format!("{from} holds no token; one word is needed")));
    }
    Ok(token.to_owned())
}

/// What the service said, and what to do about it.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = match (document["detail"].as_str(), document["code"].as_str()) {
        (Some(detail), Some(code)) => format!("{detail} ({code})"),
        _ => "it said no more".to_owned(),
    };
    let mut text = format!("the service refused: {status}: {said}{}", hint(status, headers));
    for diagnostic in document["diagnostics"].as_array().into_iter().flatten().take(DIAGNOSTICS_MAX) {
        let part = |key: &str| diagnostic[key].as_str().unwrap_or_default();
        let line = diagnostic["line"].as_u64().map(|n| format!(":{n}")).unwrap_or_default();
        text.push_str(&format!("\n{}{line}: {}: {}", part("path"), part("severity"), part("message")));
    }
    show::plain(&text)
}

fn hint(status: StatusCode, headers: &HeaderMap) -> String {
    let seconds = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    match (status, seconds) {
        (StatusCode::UNAUTHORIZED, _) => "; give a token with --token-file FILE or TRIBUNAL_TOKEN".to_owned(),
        (StatusCode::FORBIDDEN, _) => "; the token lacks a scope that this needs".to_owned(),
        (StatusCode::PAYLOAD_TOO_LARGE, _) => "; that is more than this service takes".to_owned(),
        (StatusCode::NOT_FOUND, _) => "; is `--server` the address of a Tribunal service?".to_owned(),
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(n)) => {
            format!("; try again in {n} s")
        }
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, None) => {
            "; try again later".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn an_address_is_that_of_a_service_and_holds_no_password() {
        assert_eq!(address("http://h:1/x/").unwrap().as_str(), "http://h:1/x/");
        for bad in ["", "h:1", "file:///etc", "http://", "ftp://h", "http://u:p@h", "http://h/?a=1"] {
            let told = address(bad).unwrap_err();
            assert_eq!(told.exit_status(), 2, "{bad}");
            assert!(!told.to_string().contains("u:p"), "{told}");
        }
    }

    #[test]
    fn a_path_is_escaped_and_stays_below_the_address() {
        let args = ServerArgs { server: Some("http://h:1/x/".to_owned()), token_file: None };
        let service = Service::new(&args).unwrap();
        let request = service.request(Method::GET, &["tokens", "a/b?c"]).build().unwrap();
        assert_eq!(request.url().as_str(), "http://h:1/x/api/v1/tokens/a%2Fb%3Fc");
    }

    #[test]
    fn a_refusal_says_what_to_do_and_whose_fault_it_is() {
        let document = br#"{"status":401,"detail":"no token","code":"unauthorized"}"#;
        let none = HeaderMap::new();
        let told = refusal(StatusCode::UNAUTHORIZED, &none, document);
        assert!(told.contains("no token (unauthorized)") && told.contains("--token-file"), "{told}");
        let later = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        assert!(refusal(StatusCode::TOO_MANY_REQUESTS, &later, b"").contains("try again in 7 s"));
        let status = |status| Failure::from(Trouble::Refused { status, text: String::new() }).exit_status();
        assert_eq!(status(StatusCode::NOT_FOUND), 2);
        assert_eq!(status(StatusCode::BAD_GATEWAY), 3);
    }

    #[test]
    fn what_a_service_says_cannot_steer_the_terminal() {
        let document = br#"{"detail":"\u001b]0;owned\u0007\u009b2J","code":"x"}"#;
        let told = refusal(StatusCode::CONFLICT, &HeaderMap::new(), document);
        assert!(!told.contains('\u{1b}') && !told.contains('\u{9b}') && !told.contains('\u{7}'), "{told:?}");
    }
}
