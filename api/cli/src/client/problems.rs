//! `tribunal problems`: what is installed at a service.

use proto::id::Digest;
use reqwest::Method;
use serde_json::json;

use super::{Service, show};
use crate::args::{AskArgs, ProblemsCommand};
use crate::context::runtime;
use crate::output::{Failure, print_answer};
use crate::problem_push;

/// Shown of a digest: its kind and enough to tell revisions apart.
const DIGEST_SHOWN: usize = "sha256:".len() + 12;

pub(crate) fn main(command: &ProblemsCommand) -> Result<u8, Failure> {
    match command {
        ProblemsCommand::List { harness, ask } => list(ask, *harness),
        ProblemsCommand::Push(args) => problem_push::main(args),
        ProblemsCommand::Activate { name, digest, ask } => activate(ask, name, digest),
    }
}

fn activate(ask: &AskArgs, name: &str, digest: &Digest) -> Result<u8, Failure> {
    let service = Service::new(&ask.server)?;
    let path = ["problems", name, "activate"];
    let view = runtime()?.block_on(service.post(&path, &json!({ "digest": digest })))?;
    print_answer(ask.json, &view, || {
        format!("{} is now {}", show::text(&view, "name"), show::text(&view, "digest"))
    })?;
    Ok(0)
}

fn list(args: &AskArgs, harness: bool) -> Result<u8, Failure> {
    let service = Service::new(&args.server)?;
    let kind = if harness { "harness" } else { "problem" };
    let request = service.request(Method::GET, &["problems"]).query(&[("kind", kind)]);
    let (_, problems) = runtime()?.block_on(service.answer(request))?;
    let table =
        show::rows(["name", "title", "type", "tests", "cpu ms", "memory MiB", "revision"], &problems, |p| {
            [
                show::text(p, "name"),
                show::text(p, "title"),
                show::text(p, "type"),
                show::text(p, "tests"),
                show::text(p, "cpu_time_ms"),
                p["memory_bytes"].as_u64().map_or_else(|| "-".to_owned(), |bytes| (bytes >> 20).to_string()),
                show::text(p, "digest").chars().take(DIGEST_SHOWN).collect(),
            ]
        });
    print_answer(args.json, &problems, || table.to_string())?;
    Ok(0)
}
