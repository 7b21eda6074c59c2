//! How what a service said is printed for people: tables, and text that cannot steer the terminal.

use comfy_table::Table;
use proto::http::JudgementView;
use serde_json::Value;

pub(crate) use crate::output::plain;
use crate::report;

/// The text at a key, or `-`.
pub(crate) fn text(document: &Value, key: &str) -> String {
    match &document[key] {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// The words of an array of texts.
pub(crate) fn words(document: &Value, key: &str) -> String {
    let words = document[key].as_array().into_iter().flatten();
    plain(&words.filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
}

/// A table with one row for each document.
pub(crate) fn rows<const N: usize>(
    heads: [&str; N],
    documents: &Value,
    row: fn(&Value) -> [String; N],
) -> Table {
    let mut table = report::table(heads);
    for document in documents.as_array().into_iter().flatten() {
        table.add_row(row(document));
    }
    table
}

/// A submission: where it is, and its judgement once there is one.
pub(crate) fn submission(document: &Value) -> String {
    let head = format!(
        "{}  {}  {}  {}",
        text(document, "id"),
        text(document, "state"),
        text(document, "problem"),
        text(document, "language")
    );
    if document["judgement"].is_null() {
        let place = place(document).map(|place| format!("\n{place}")).unwrap_or_default();
        return format!("{head}{place}");
    }
    match serde_json::from_value::<JudgementView>(document["judgement"].clone()) {
        Ok(view) => format!("{head}\n{}", report::text(&view.result)),
        // A newer service may know words that this client does not.
        Err(_) => format!("{head}\n{}", text(document, "verdict")),
    }
}

/// Where it stands in the queue, when the service says so.
pub(crate) fn place(document: &Value) -> Option<String> {
    let queue = &document["queue"];
    let ahead = queue["ahead"].as_u64()?;
    let about = queue["estimate_ms"].as_u64().map(|ms| format!(", about {} s", ms.div_ceil(1000)));
    let lack = queue["waiting_for"].as_str().map(|what| format!(", waiting for {}", plain(what)));
    Some(format!("{ahead} ahead{}{}", about.unwrap_or_default(), lack.unwrap_or_default()))
}

/// The submissions of a list.
pub(crate) fn submissions(documents: &Value) -> Table {
    rows(["id", "sent", "problem", "language", "state", "verdict", "score", "participant"], documents, |s| {
        [
            text(s, "id"),
            text(s, "created_at"),
            text(s, "problem"),
            text(s, "language"),
            text(s, "state"),
            text(s, "verdict"),
            text(s, "score"),
            text(s, "participant"),
        ]
    })
}
