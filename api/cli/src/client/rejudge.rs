//! `tribunal rejudge`: judge again, see what would change, then apply it or drop it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::{Service, Trouble, show, watch};
use crate::args::{AskArgs, OneRejudge, RejudgeArgs, RejudgeCommand, RejudgeStart};
use crate::context::runtime;
use crate::output::{Failure, print_answer};

/// Between two looks at a rejudge that runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks until following ends: a day.
const LOOKS_MAX: u32 = 24 * 3600;
/// How many looks in a row may fail.
const AWAY_MAX: u32 = 60;
/// Changes shown to people; the JSON has all that the service tells.
const CHANGES_SHOWN: usize = 50;

pub(crate) fn main(args: &RejudgeArgs) -> Result<u8, Failure> {
    match &args.command {
        None => start(&args.start),
        Some(RejudgeCommand::List(ask)) => list(ask),
        Some(RejudgeCommand::Show(one)) => ask(one, None),
        Some(RejudgeCommand::Apply(one)) => ask(one, Some("apply")),
        Some(RejudgeCommand::Cancel(one)) => ask(one, Some("cancel")),
    }
}

fn start(args: &RejudgeStart) -> Result<u8, Failure> {
    let select = selection(args, now_ms())?;
    let service = Service::new(&args.ask.server)?;
    let revision = if args.same_revision { "same" } else { "active" };
    let body = json!({ "select": select, "revision": revision, "reason": args.reason, "apply": args.apply });
    let view = runtime()?.block_on(async {
        let view = service.post(&["rejudges"], &body).await?;
        if args.watch { follow(&service, &view).await } else { Ok(view) }
    })?;
    told(&args.ask, &view)
}

/// Which submissions; naming none at all is refused here, before everything is judged again by mistake.
fn selection(args: &RejudgeStart, now_ms: u64) -> Result<Value, Failure> {
    let mut select = Map::new();
    if !args.ids.is_empty() {
        select.insert("submissions".to_owned(), json!(args.ids));
    }
    let from =
        args.since.map(|ago| now_ms.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)));
    let words = [
        ("problem", json!(args.problem)),
        ("language", json!(args.language)),
        ("image", json!(args.image)),
        ("verdict", json!(args.verdict)),
        ("created_from_ms", json!(from)),
    ];
    for (key, value) in words.into_iter().filter(|(_, value)| !value.is_null()) {
        select.insert(key.to_owned(), value);
    }
    if select.is_empty() {
        let what = "which submissions? Name them by ID, or choose with --problem, --language, --image, --verdict, --since";
        return Err(Failure::usage(what));
    }
    Ok(Value::Object(select))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(0))
}

async fn follow(service: &Service, view: &Value) -> Result<Value, Trouble> {
    let id = view["id"].as_str().unwrap_or_default().to_owned();
    let bar = watch::bar();
    let mut away = 0;
    for _ in 0..LOOKS_MAX {
        match service.get(&["rejudges", &id]).await {
            Ok(view) => {
                away = 0;
                bar.set_length(view["total"].as_u64().unwrap_or(0));
                bar.set_position(view["done"].as_u64().unwrap_or(0));
                if view["state"] != "running" {
                    bar.finish_and_clear();
                    return Ok(view);
                }
            }
            Err(trouble) if trouble.passes() && away < AWAY_MAX => away += 1,
            Err(trouble) => return Err(trouble),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Trouble::Lost(format!("rejudge {id} still runs after a day of following")))
}

fn list(ask: &AskArgs) -> Result<u8, Failure> {
    let service = Service::new(&ask.server)?;
    let rejudges = runtime()?.block_on(service.get(&["rejudges"]))?;
    let heads = ["id", "state", "done", "total", "asked", "by", "why"];
    let table = show::rows(heads, &rejudges, |r| {
        [
            show::text(r, "id"),
            show::text(r, "state"),
            show::text(r, "done"),
            show::text(r, "total"),
            show::text(r, "created_at"),
            show::text(r, "actor"),
            show::text(r, "reason"),
        ]
    });
    print_answer(ask.json, &rejudges, || table.to_string())?;
    Ok(0)
}

fn ask(one: &OneRejudge, then: Option<&str>) -> Result<u8, Failure> {
    let service = Service::new(&one.ask.server)?;
    let id = one.id.to_string();
    let runtime = runtime()?;
    let view = match then {
        None => runtime.block_on(service.get(&["rejudges", &id])),
        Some(word) => runtime.block_on(service.post(&["rejudges", &id, word], &json!({}))),
    }?;
    told(&one.ask, &view)
}

fn told(ask: &AskArgs, view: &Value) -> Result<u8, Failure> {
    print_answer(ask.json, view, || text(view))?;
    Ok(0)
}

fn text(view: &Value) -> String {
    let mut text = format!(
        "{}  {}  {} of {} judged",
        show::text(view, "id"),
        show::text(view, "state"),
        show::text(view, "done"),
        show::text(view, "total")
    );
    for count in view["verdicts"].as_array().into_iter().flatten() {
        let part = |key| show::text(count, key);
        text.push_str(&format!("\n{} -> {}: {}", part("old_verdict"), part("new_verdict"), part("count")));
    }
    let changes = view["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if !changes.is_empty() {
        let shown = Value::Array(changes.iter().take(CHANGES_SHOWN).cloned().collect());
        let table = show::rows(["submission", "was", "becomes", "score", "becomes"], &shown, |c| {
            ["submission", "old_verdict", "new_verdict", "old_score", "new_score"]
                .map(|key| show::text(c, key))
        });
        text.push_str(&format!("\n{table}"));
        if changes.len() > CHANGES_SHOWN {
            text.push_str(&format!("\n({} more; --json has them)", changes.len() - CHANGES_SHOWN));
        }
    }
    if view["state"] == "ready" {
        text.push_str(&format!("\n`tribunal rejudge apply {}` makes it count", show::text(view, "id")));
    }
    text
}
