//! `tribunal submit --batch`: many submissions from a file with one JSON document a line.
//!
//! The service takes so many at once, all of them or none; a longer file goes in several requests, each with a key of its
//! own, so that a repeat after a lost connection makes nothing twice. When one request is refused, what went before it
//! stays and is printed.

use std::io::Read as _;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use super::{Service, Trouble, show, submit};
use crate::output::{Failure, note, print_answer};

/// What the service takes in one request: so many documents, and so many bytes.
const COUNT_MAX: usize = 1000;
const BYTES_MAX: usize = 32 << 20;
/// Largest file.
const FILE_MAX: u64 = 1 << 30;

pub(super) async fn send(service: &Service, file: &Path, json: bool) -> Result<u8, Failure> {
    let text = read(file)?;
    let mut sent = Vec::new();
    let mut refused = None;
    for (first, body) in requests(&text)? {
        match one(service, body).await {
            Ok(Value::Array(views)) => sent.extend(views),
            Ok(_) => refused = Some(Failure::ours("the service answered a batch with no list")),
            Err(trouble) => refused = Some(at_line(first, trouble)),
        }
        if refused.is_some() {
            break;
        }
    }
    match refused {
        Some(failure) if sent.is_empty() => return Err(failure),
        Some(failure) => {
            note(&format!("{} submissions were stored before one request was refused", sent.len()));
            note(&failure.to_string());
            let views = Value::Array(sent);
            print_answer(json, &views, || show::submissions(&views).to_string())?;
            return Ok(failure.exit_status());
        }
        None => {}
    }
    let views = Value::Array(sent);
    print_answer(json, &views, || show::submissions(&views).to_string())?;
    Ok(0)
}

fn at_line(first: usize, trouble: Trouble) -> Failure {
    match Failure::from(trouble) {
        Failure::Usage(text) => Failure::Usage(format!("of the documents from line {first} on: {text}")),
        Failure::Ours(text) => Failure::Ours(format!("of the documents from line {first} on: {text}")),
        stopped @ Failure::Stopped(_) => stopped,
    }
}

async fn one(service: &Service, body: String) -> Result<Value, Trouble> {
    submit::once(service, || {
        service
            .request(Method::POST, &["submissions", "batch"])
            .header("content-type", "application/x-ndjson")
            .body(body.clone())
    })
    .await
}

fn read(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let failed = |e: std::io::Error| Failure::usage(format!("--batch {shown}: {e}"));
    let from: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(failed)?)
    };
    let mut text = String::new();
    from.take(FILE_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_MAX {
        return Err(Failure::usage(format!(
            "--batch {shown}: more than {FILE_MAX} bytes; send several files"
        )));
    }
    Ok(text)
}

/// The bodies to send, each with the number of its first line.
fn requests(text: &str) -> Result<Vec<(usize, String)>, Failure> {
    let mut requests: Vec<(usize, String)> = Vec::new();
    let mut count = COUNT_MAX;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        if let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(line) {
            return Err(Failure::usage(format!("--batch: line {number} is no JSON document: {e}")));
        }
        let full = requests.last().is_none_or(|(_, body)| body.len() + line.len() + 1 > BYTES_MAX);
        if full || count >= COUNT_MAX {
            requests.push((number, String::new()));
            count = 0;
        }
        count += 1;
        if let Some((_, body)) = requests.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    if requests.is_empty() {
        return Err(Failure::usage("--batch: the file holds no document; one a line is needed"));
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_into_requests_the_service_takes_and_a_broken_line_is_named() {
        let many = "{}\n\n".repeat(COUNT_MAX + 1);
        let cut = requests(&many).unwrap();
        assert_eq!(
            cut.iter().map(|(first, body)| (*first, body.lines().count())).collect::<Vec<_>>(),
            [(1, COUNT_MAX), (2 * COUNT_MAX + 1, 1)]
        );
        let large = format!("\"{}\"\n", "x".repeat(BYTES_MAX / 2));
        assert_eq!(requests(&large.repeat(3)).unwrap().len(), 3);
        assert!(requests("{}\n{\n").unwrap_err().to_string().contains("line 2"));
        assert!(requests("\n \n").is_err());
    }
}
