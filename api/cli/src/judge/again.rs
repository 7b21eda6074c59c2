//! `tribunal judge --from`: an earlier judgement under the package's rules of today, without a run.

use std::path::Path;
use std::sync::Arc;

use checker::reverdict::{Change, Reverdict};
use proto::report::Judgement;
use sandbox::BoxServer;
use serde_json::{Value, json};
use worker::JudgeError;

use super::{policy, status};
use crate::args::JudgeArgs;
use crate::context::{Settings, open_problem, scratch};
use crate::output::{Failure, print_json, print_line};
use crate::{report, stop};

pub(super) fn main(args: &JudgeArgs, from: &Path, settings: &Settings) -> Result<u8, Failure> {
    let stored = read(from)?;
    let boxes = Settings::boxes(0);
    stop::unless_stopped(again(args, &stored, settings, boxes))
}

async fn again(
    args: &JudgeArgs,
    stored: &Judgement,
    settings: &Settings,
    boxes: Result<BoxServer, Failure>,
) -> Result<u8, Failure> {
    let scratch = scratch()?;
    let loaded = open_problem(&args.problem, scratch.path())?;
    let store = settings.store()?;
    let engine = settings.engine(boxes?, &store);
    let problem = Arc::new(loaded.problem);
    let again = match engine.re_verdict(stored, &problem, policy(args)).await {
        Ok(again) => again,
        Err(JudgeError::Rejected(why)) => return Err(Failure::usage(why)),
        Err(JudgeError::Failed { cause, .. } | JudgeError::NoRoom { cause, .. }) => {
            return Err(Failure::ours(cause));
        }
    };
    if args.json {
        print_json(&document(&again)?)?;
    } else {
        print_line(&text(&again))?;
    }
    match &again.judgement {
        Some(judgement) => Ok(status(judgement, &args.expect)),
        None => Ok(1),
    }
}

fn read(from: &Path) -> Result<Judgement, Failure> {
    let wrong = |e: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {e}; the JSON of `tribunal judge --json` is needed", from.display()))
    };
    let bytes = std::fs::read(from).map_err(|e| wrong(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| wrong(&e))
}

/// The judgement's own keys, with `changes` and `needs_run`; without a judgement only `verdict`, null.
fn document(again: &Reverdict) -> Result<Value, Failure> {
    let judgement = again.judgement.as_ref().map(serde_json::to_value).transpose();
    let judgement = judgement.map_err(|e| Failure::ours(format!("could not write the judgement: {e}")))?;
    let mut document = judgement.unwrap_or_else(|| json!({ "verdict": null }));
    let change = |c: &Change| json!({ "test": c.test, "from": c.from, "to": c.to });
    document["changes"] = again.changes.iter().map(change).collect();
    document["needs_run"] = json!(again.needs_run);
    Ok(document)
}

fn text(again: &Reverdict) -> String {
    let mut lines: Vec<String> = Vec::new();
    match &again.judgement {
        Some(judgement) => lines.push(report::text(judgement)),
        None => lines.push("no verdict without a run".to_owned()),
    }
    if again.changes.is_empty() {
        lines.push("nothing changes".to_owned());
    }
    for Change { test, from, to } in &again.changes {
        lines.push(format!("{}: {from} -> {to}", test.as_deref().unwrap_or("the whole")));
    }
    for test in &again.needs_run {
        lines.push(format!("{test}: only a run can tell"));
    }
    lines.join("\n")
}
