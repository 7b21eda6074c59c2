//! `tribunal problem push`, also `problems push`: a package, read and checked here, sent to a service.

use std::path::Path;
use std::time::Duration;

use proto::http::ProblemView;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::args::PushArgs;
use crate::client::Service;
use crate::context::{open_problem, runtime, scratch};
use crate::output::{Failure, print_json, print_line};

/// Long enough for the largest package over a slow line.
const TIMEOUT: Duration = Duration::from_mins(10);

pub(crate) fn main(args: &PushArgs) -> Result<u8, Failure> {
    let service = Service::new(&args.server)?;
    let scratch = scratch()?;
    let loaded = open_problem(&args.package, scratch.path())?;
    let malformed = checker::checktestdata::malformed(&loaded.problem, |path| std::fs::read(path))
        .map_err(|e| Failure::ours(format!("a specification of the package cannot be read: {e}")))?;
    if !malformed.is_empty() {
        let told: Vec<String> = malformed.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(told.join("\n")));
    }
    let name = args.name.clone().unwrap_or_else(|| loaded.problem.name.clone());
    let zip = zip_of(&args.package)?;
    let request = service
        .request(Method::POST, &["problems"])
        .query(&[("name", &name)])
        .header("content-type", "application/zip")
        .body(zip);
    let (status, document) = runtime()?.block_on(service.answer_within(TIMEOUT, request))?;
    let view: ProblemView = serde_json::from_value(document)
        .map_err(|e| Failure::ours(format!("the service answered {status} with what is no problem: {e}")))?;
    let new = status == StatusCode::CREATED;
    if args.json {
        print_json(&json!({ "new": new, "problem": view }))?;
    } else {
        let word = if new { "is installed and active" } else { "was there already and is active" };
        print_line(&format!("{}@{} {word}", view.name, view.digest))?;
    }
    Ok(0)
}

/// A folder packed; a zip as it is, which was just read.
fn zip_of(package: &Path) -> Result<Vec<u8>, Failure> {
    if package.is_dir() {
        return problem::pack_zip(package).map_err(Failure::usage);
    }
    std::fs::read(package).map_err(|e| Failure::usage(format!("{} cannot be read: {e}", package.display())))
}
