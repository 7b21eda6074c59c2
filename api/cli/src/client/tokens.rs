//! `tribunal tokens`: who may call a service. The text of a new token is printed once, or written to a file that
//! only its owner can read.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Service, show};
use crate::args::{AskArgs, TokensCommand};
use crate::context::runtime;
use crate::output::{Failure, print_answer};

/// Seconds of a day.
const DAY_S: u64 = 24 * 3600;

pub(crate) fn main(command: &TokensCommand) -> Result<u8, Failure> {
    match command {
        TokensCommand::List(ask) => list(ask),
        TokensCommand::Create { name, tenant, scopes, priority, days, out, ask } => {
            let mut body = json!({ "name": name, "tenant": tenant, "scopes": scopes });
            if let Some(priority) = priority {
                body["priority"] = json!(priority);
            }
            if let Some(days) = days {
                body["expires_in_s"] = json!(u64::from(*days) * DAY_S);
            }
            create(ask, &body, out.as_deref())
        }
        TokensCommand::Revoke { id, ask } => {
            let service = Service::new(&ask.server)?;
            let request = service.request(Method::DELETE, &["tokens", &id.to_string()]);
            let (_, view) = runtime()?.block_on(service.answer(request))?;
            told(ask, &view, &format!("{} is taken back", show::text(&view, "name")))
        }
    }
}

fn list(ask: &AskArgs) -> Result<u8, Failure> {
    let service = Service::new(&ask.server)?;
    let tokens = runtime()?.block_on(service.get(&["tokens"]))?;
    let table = show::rows(
        ["id", "name", "tenant", "scopes", "class", "made", "until", "taken back"],
        &tokens,
        |t| {
            [
                show::text(t, "id"),
                show::text(t, "name"),
                show::text(t, "tenant"),
                show::words(t, "scopes"),
                show::text(t, "priority"),
                show::text(t, "created_at"),
                show::text(t, "expires_at"),
                show::text(t, "revoked_at"),
            ]
        },
    );
    told(ask, &tokens, &table.to_string())
}

/// The file is made first: a token whose text cannot be kept is not asked for.
fn create(ask: &AskArgs, body: &Value, out: Option<&Path>) -> Result<u8, Failure> {
    let service = Service::new(&ask.server)?;
    let file = out.map(new_file).transpose()?;
    let made = runtime()?.block_on(service.post(&["tokens"], body));
    let (Some(mut file), Some(path)) = (file, out) else {
        let view = made?;
        return told(ask, &view, &show::text(&view, "token"));
    };
    let mut view = made.inspect_err(|_| drop(std::fs::remove_file(path)))?;
    let text = view.as_object_mut().and_then(|view| view.remove("token"));
    let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
    writeln!(file, "{text}").map_err(|e| {
        let id = show::text(&view, "id");
        Failure::ours(format!("{} could not be written ({e}); `tribunal tokens revoke {id}`", path.display()))
    })?;
    told(ask, &view, &format!("{} is in {}", show::text(&view, "id"), path.display()))
}

fn new_file(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| Failure::usage(format!("--out: {} cannot be made: {e}", path.display())))
}

fn told(ask: &AskArgs, document: &Value, text: &str) -> Result<u8, Failure> {
    print_answer(ask.json, document, || text.to_owned())?;
    Ok(0)
}
