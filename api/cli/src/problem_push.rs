//! `tribunal problem push`, also `problems push`: a package, read and checked here, sent to a service.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use course::Bundle;
use proto::http::ProblemView;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::args::PushArgs;
use crate::client::Service;
use crate::context::{open_problem, scratch};
use crate::output::{Failure, note, print_json, print_line};
use crate::stop;

/// Long enough for the largest package over a slow line.
const TIMEOUT: Duration = Duration::from_mins(10);

pub(crate) fn main(args: &PushArgs) -> Result<u8, Failure> {
    let service = Service::new(&args.server)?;
    let kind = if args.harness { "harness" } else { "problem" };
    let read = args.clone();
    // Reading unpacks a package, which has to go whatever ends this; and a signal ends the sending, too.
    let (status, document) = stop::unless_stopped(async {
        let (name, zip) = stop::blocking(Arc::default(), move || {
            let name = if read.harness { harness_name(&read)? } else { problem_name(&read)? };
            Ok::<_, Failure>((name, zip_of(&read.package)?))
        })
        .await??;
        let request = service
            .request(Method::POST, &["problems"])
            .query(&[("name", name.as_str()), ("kind", kind)])
            .query(if args.shared_box { &[("shared_box", "accept")][..] } else { &[] })
            .header("content-type", "application/zip")
            .body(zip);
        Ok(service.answer_within(TIMEOUT, request).await?)
    })?;
    let view: ProblemView = serde_json::from_value(document)
        .map_err(|e| Failure::ours(format!("the service answered {status} with what is no {kind}: {e}")))?;
    let new = status == StatusCode::CREATED;
    if args.json {
        print_json(&json!({ "new": new, kind: view }))?;
    } else {
        let word = if new { "is installed and active" } else { "was there already and is active" };
        print_line(&format!("{}@{} {word}", view.name, view.digest))?;
    }
    Ok(0)
}

/// Reads a course's autograder as the service will, and gives its name.
fn harness_name(args: &PushArgs) -> Result<String, Failure> {
    let bundle = Bundle::read(&args.package).map_err(Failure::usage)?;
    for said in &bundle.notes {
        note(said);
    }
    if !bundle.separate && !args.shared_box {
        return Err(Failure::usage(format!(
            "{}: the harness shares its box with what it grades, so that a submission can read the tests and write \
             its own results: run it in boxes of its own with `separate = true` in harness.toml \
             (worker/harness/README.md says how), or say --shared-box to have such results, each marked",
            args.package.display()
        )));
    }
    let path = args.package.canonicalize().map_err(Failure::usage)?;
    let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
    let name = stem.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(args.name.clone().unwrap_or(name))
}

/// Reads a problem as the service will, and gives its name.
fn problem_name(args: &PushArgs) -> Result<String, Failure> {
    let scratch = scratch()?;
    let loaded = open_problem(&args.package, scratch.path())?;
    let malformed = checker::checktestdata::malformed(&loaded.problem, |path| std::fs::read(path))
        .map_err(|e| Failure::ours(format!("a specification of the package cannot be read: {e}")))?;
    if !malformed.is_empty() {
        let told: Vec<String> = malformed.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(told.join("\n")));
    }
    Ok(args.name.clone().unwrap_or(loaded.problem.name))
}

/// A folder packed; a zip as it is, which was just read.
fn zip_of(package: &Path) -> Result<Vec<u8>, Failure> {
    if package.is_dir() {
        return problem::pack_zip(package).map_err(Failure::usage);
    }
    std::fs::read(package).map_err(|e| Failure::usage(format!("{} cannot be read: {e}", package.display())))
}
