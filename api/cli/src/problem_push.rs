//! `tribunal problem push`: a package, read and checked here, sent to a service.

use std::path::Path;
use std::time::Duration;

use proto::http::{ProblemDocument, ProblemView};
use reqwest::{StatusCode, Url};
use serde_json::json;

use crate::args::PushArgs;
use crate::context::{open_problem, runtime, scratch};
use crate::output::{Failure, chain, print_json, print_line};

/// Long enough for the largest package over a slow line.
const TIMEOUT: Duration = Duration::from_mins(10);
/// Most bytes of an answer.
const ANSWER_MAX: usize = 4 << 20;
/// Longest token.
const TOKEN_MAX: usize = 4096;

pub(crate) fn main(args: &PushArgs) -> Result<u8, Failure> {
    let url = address(&args.api)?;
    let token = args.token_file.as_deref().map(token).transpose()?;
    let scratch = scratch()?;
    let loaded = open_problem(&args.package, scratch.path())?;
    let name = args.name.clone().unwrap_or_else(|| loaded.problem.name.clone());
    let zip = zip_of(&args.package)?;
    let (status, body) = runtime()?.block_on(send(&url, token.as_deref(), &name, zip))?;
    if !status.is_success() {
        return Err(refused(status, &body));
    }
    let view: ProblemView = serde_json::from_slice(&body)
        .map_err(|e| Failure::ours(format!("{url} answered {status} with what is no problem: {e}")))?;
    let new = status == StatusCode::CREATED;
    if args.json {
        print_json(&json!({ "new": new, "problem": view }))?;
    } else {
        let word = if new { "is installed and active" } else { "was there already and is active" };
        print_line(&format!("{}@{} {word}", view.name, view.digest))?;
    }
    Ok(0)
}

/// Where problems are posted.
fn address(api: &str) -> Result<Url, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("--api: `{api}` {why}; one such as http://127.0.0.1:8080 is needed"))
    };
    let base: Url = api.parse().map_err(|e| wrong(format!("is no URL ({e})")))?;
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        return Err(wrong("is not the URL of a service".to_owned()));
    }
    format!("{}/api/v1/problems", base.as_str().trim_end_matches('/'))
        .parse()
        .map_err(|e| wrong(format!("{e}")))
}

fn token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::usage(format!("--token-file: {} cannot be read: {e}", file.display())))?;
    let token = text.trim();
    if token.is_empty() || token.len() > TOKEN_MAX || token.contains(char::is_whitespace) {
        return Err(Failure::usage(format!(
            "--token-file: {} holds no token; one word is needed",
            file.display()
        )));
    }
    Ok(token.to_owned())
}

/// A folder packed; a zip as it is, which was just read.
fn zip_of(package: &Path) -> Result<Vec<u8>, Failure> {
    if package.is_dir() {
        return problem::pack_zip(package).map_err(Failure::usage);
    }
    std::fs::read(package).map_err(|e| Failure::usage(format!("{} cannot be read: {e}", package.display())))
}

async fn send(
    url: &Url,
    token: Option<&str>,
    name: &str,
    zip: Vec<u8>,
) -> Result<(StatusCode, Vec<u8>), Failure> {
    let unreachable = |e: &reqwest::Error| {
        Failure::usage(format!("{url} cannot be reached: {}; is the service running there?", chain(e)))
    };
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(Failure::ours)?;
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("name", name);
    let mut request = client.post(url.clone()).header("content-type", "application/zip").body(zip);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut response = request.send().await.map_err(|e| unreachable(&e))?;
    let (status, mut body) = (response.status(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(&e))? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(Failure::ours(format!("{url} answered with more than {ANSWER_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}

/// What the service said, and what to do about it.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let said = serde_json::from_slice::<ProblemDocument>(body)
        .map_or_else(|_| status.to_string(), |document| format!("{} ({})", document.detail, document.code));
    let hint = match status {
        StatusCode::UNAUTHORIZED => "; give a token with `--token-file FILE`",
        StatusCode::FORBIDDEN => "; a token with the scope `problems` is needed",
        StatusCode::PAYLOAD_TOO_LARGE => "; the package is larger than this service takes",
        StatusCode::CONFLICT => "; another name (`--name`) may be free",
        StatusCode::NOT_FOUND => "; is `--api` the address of a Tribunal service?",
        _ => "",
    };
    let text = format!("the service refused the package: {status}: {said}{hint}");
    if status.is_server_error() { Failure::ours(text) } else { Failure::usage(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_a_service() {
        assert_eq!(address("http://h:1/x/").unwrap().as_str(), "http://h:1/x/api/v1/problems");
        for bad in ["", "h:1", "file:///etc", "http://", "ftp://h"] {
            assert_eq!(address(bad).unwrap_err().exit_status(), 2, "{bad}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_whose_fault_it_is() {
        let document =
            br#"{"type":"about:blank","title":"t","status":401,"detail":"no token","code":"unauthorized"}"#;
        let told = refused(StatusCode::UNAUTHORIZED, document);
        assert!(told.to_string().contains("--token-file") && told.exit_status() == 2, "{told}");
        assert!(refused(StatusCode::PAYLOAD_TOO_LARGE, b"").to_string().contains("413"));
        assert_eq!(refused(StatusCode::BAD_GATEWAY, b"<html>").exit_status(), 3);
    }
}
