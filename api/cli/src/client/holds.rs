//! `tribunal holds`: what waits at a service because somebody said so.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Service, show};
use crate::args::{AskArgs, Held, HoldsCommand};
use crate::context::runtime;
use crate::output::{Failure, print_answer};

pub(crate) fn main(command: &HoldsCommand) -> Result<u8, Failure> {
    match command {
        HoldsCommand::List(ask) => list(ask),
        HoldsCommand::Set { held, reason, ask } => {
            let service = Service::new(&ask.server)?;
            let request = service.request(Method::PUT, &path(held)).json(&json!({ "reason": reason }));
            let (_, view) = runtime()?.block_on(service.answer(request))?;
            told(ask, &view, held, "is held")
        }
        HoldsCommand::Release { held, ask } => {
            let service = Service::new(&ask.server)?;
            let request = service.request(Method::DELETE, &path(held));
            runtime()?.block_on(service.answer(request))?;
            // The service has nothing more to say than that it is done.
            told(ask, &json!({ "kind": held.kind, "name": held.name, "released": true }), held, "is released")
        }
    }
}

fn path(held: &Held) -> [&str; 3] {
    ["holds", &held.kind, &held.name]
}

fn list(ask: &AskArgs) -> Result<u8, Failure> {
    let service = Service::new(&ask.server)?;
    let holds = runtime()?.block_on(service.get(&["holds"]))?;
    let table = show::rows(["kind", "name", "reason", "by", "since"], &holds, |h| {
        ["kind", "name", "reason", "actor", "created_at"].map(|key| show::text(h, key))
    });
    print_answer(ask.json, &holds, || table.to_string())?;
    Ok(0)
}

fn told(ask: &AskArgs, document: &Value, held: &Held, what: &str) -> Result<u8, Failure> {
    print_answer(ask.json, document, || format!("{} {} {what}", held.kind, show::plain(&held.name)))?;
    Ok(0)
}
