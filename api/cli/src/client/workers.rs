//! `tribunal workers`: who judges for a service.

use serde_json::Value;

use super::{Service, show};
use crate::args::AskArgs;
use crate::context::runtime;
use crate::output::{Failure, print_answer};

pub(crate) fn main(args: &AskArgs) -> Result<u8, Failure> {
    let service = Service::new(&args.server)?;
    let workers = runtime()?.block_on(service.get(&["workers"]))?;
    let heads = ["id", "name", "version", "slots", "state", "accounting", "arch", "heard of", "languages"];
    let table = show::rows(heads, &workers, |w| {
        [
            show::text(w, "id"),
            show::text(w, "name"),
            show::text(w, "version"),
            show::text(w, "slots"),
            state(w).to_owned(),
            show::text(w, "accounting"),
            show::text(w, "arch"),
            show::text(w, "seen_at"),
            show::words(w, "languages"),
        ]
    });
    print_answer(args.json, &workers, || table.to_string())?;
    Ok(0)
}

/// One word on a worker, the gravest first.
fn state(worker: &Value) -> &'static str {
    let is = |key: &str| worker[key] == true;
    match () {
        () if !is("alive") => "lost",
        () if is("draining") => "draining",
        () => "ready",
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
    }
}
