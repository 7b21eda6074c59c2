//! `tribunal workers`: who judges for a service, and orders to them.

use reqwest::Method;
use serde_json::Value;

use super::{Service, show};
use crate::args::{AskArgs, OneWorker, WorkersArgs, WorkersCommand};
use crate::context::runtime;
use crate::output::{Failure, print_answer};

pub(crate) fn main(args: &WorkersArgs) -> Result<u8, Failure> {
    match &args.command {
        None => list(&args.ask),
        Some(WorkersCommand::List(ask)) => list(ask),
        Some(WorkersCommand::Cordon(one)) => order(one, "cordon"),
        Some(WorkersCommand::Uncordon(one)) => order(one, "uncordon"),
        Some(WorkersCommand::Drain(one)) => order(one, "drain"),
    }
}

fn list(args: &AskArgs) -> Result<u8, Failure> {
    let service = Service::new(&args.server)?;
    let workers = runtime()?.block_on(service.get(&["workers"]))?;
    let heads = [
        "id",
        "name",
        "version",
        "slots",
        "state",
        "accounting",
        "arch",
        "speed",
        "heard of",
        "languages",
        "unfit",
    ];
    let table = show::rows(heads, &workers, |w| {
        [
            show::text(w, "id"),
            show::text(w, "name"),
            show::text(w, "version"),
            show::text(w, "slots"),
            state(w),
            show::text(w, "accounting"),
            show::text(w, "arch"),
            show::text(w, "speed"),
            show::text(w, "seen_at"),
            show::words(w, "languages"),
            show::text(w, "unfit"),
        ]
    });
    print_answer(args.json, &workers, || table.to_string())?;
    Ok(0)
}

fn order(one: &OneWorker, order: &str) -> Result<u8, Failure> {
    let service = Service::new(&one.ask.server)?;
    let request = service.request(Method::POST, &["workers", &one.id.to_string(), order]);
    let (_, worker) = runtime()?.block_on(service.answer(request))?;
    print_answer(one.ask.json, &worker, || format!("{} is {}", show::text(&worker, "name"), state(&worker)))?;
    Ok(0)
}

/// One word on a worker: the service's, or what an older one tells of it.
fn state(worker: &Value) -> String {
    let is = |key: &str| worker[key] == true;
    match &worker["state"] {
        Value::String(word) => show::plain(word),
        _ if !is("alive") => "lost".to_owned(),
        _ if is("draining") => "draining".to_owned(),
        _ => "ready".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_worker_nobody_heard_of_is_lost_whatever_it_said_last() {
        assert_eq!(state(&json!({ "alive": false, "draining": true })), "lost");
        assert_eq!(state(&json!({ "alive": true, "draining": true })), "draining");
        assert_eq!(state(&json!({ "alive": true, "draining": false })), "ready");
        assert_eq!(state(&json!({ "alive": true, "state": "unfit" })), "unfit");
    }
}
