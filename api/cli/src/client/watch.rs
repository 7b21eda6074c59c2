//! Following a submission: its events while they come, the submission itself for the truth.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use proto::id::SubmissionId;
use reqwest::Method;
use serde_json::Value;

use super::events::{Event, Events};
use super::show;
use super::{Service, Trouble};
use crate::output::{Failure, note};

/// How often in a row a service may be away until following ends: with the pauses between, about five minutes.
const AWAY_MAX: u32 = 40;
/// Longest pause between two tries, in seconds.
const PAUSE_MAX_S: u32 = 8;
/// Longest silence on a stream that has a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// Follows it until nothing more will happen; the submission then. A service that is away, or restarts, is
/// waited for.
pub(crate) async fn follow(service: &Service, id: SubmissionId) -> Result<Value, Failure> {
    let bar = bar();
    let id = id.to_string();
    let (mut last, mut away) = (None, 0);
    loop {
        let before: Option<String> = last.clone();
        let ended = stream(service, &id, &mut last, &bar).await;
        let now = match ended {
            Ok(()) => service.get(&["submissions", &id]).await,
            Err(trouble) => Err(trouble),
        };
        let why = match now {
            Ok(view) if is_final(&view) => {
                bar.finish_and_clear();
                return Ok(view);
            }
            Ok(_) => "the stream ended early".to_owned(),
            Err(trouble) if trouble.passes() => Failure::from(trouble).to_string(),
            Err(trouble) => return Err(trouble.into()),
        };
        away = if before == last { away + 1 } else { 1 };
        if away > AWAY_MAX {
            return Err(Failure::ours(format!("{id} could not be followed to its end: {why}")));
        }
        if away == 1 {
            note(&format!("{why}; trying again"));
        }
        tokio::time::sleep(Duration::from_secs(away.min(PAUSE_MAX_S).into())).await;
    }
}

fn is_final(view: &Value) -> bool {
    matches!(view["state"].as_str(), Some("done" | "cancelled"))
}

/// Reads events from where it was left until the stream ends.
async fn stream(
    service: &Service,
    id: &str,
    last: &mut Option<String>,
    bar: &ProgressBar,
) -> Result<(), Trouble> {
    let mut request = service.request(Method::GET, &["submissions", id, "events"]);
    if let Some(last) = last {
        request = request.header("last-event-id", last.as_str());
    }
    let mut response = service.open(request).await?;
    let mut events = Events::default();
    loop {
        let chunk = tokio::time::timeout(SILENCE, response.chunk())
            .await
            .map_err(|_| Trouble::Lost("the service fell silent".to_owned()))?
            .map_err(|e| service.lost(&e))?;
        let Some(chunk) = chunk else { return Ok(()) };
        for event in events.push(&chunk).map_err(Trouble::Odd)? {
            show_event(&event, bar);
            if !event.id.is_empty() {
                *last = Some(event.id);
            }
            if event.event == "done" {
                return Ok(());
            }
        }
    }
}

fn show_event(event: &Event, bar: &ProgressBar) {
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    match event.event.as_str() {
        "state" => {
            bar.set_position(0);
            bar.set_message(show::text(&data, "state"));
        }
        "compile" => bar.set_message("compiled"),
        "test" => {
            let test = if data["test"].is_object() { &data["test"] } else { &data };
            if let Some(total) = data["total"].as_u64() {
                bar.set_length(total);
            }
            bar.inc(1);
            bar.set_message(format!("{} {}", show::text(test, "name"), show::text(test, "verdict")));
        }
        _ => {}
    }
}

/// Progress on stderr when that is a terminal; hidden otherwise.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{elapsed} [{bar:30}] {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
