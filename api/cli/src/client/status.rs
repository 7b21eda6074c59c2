//! `tribunal status`: one submission, or the queue and the latest ones.

use proto::verdict::Verdict;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Service, show, submit, watch};
use crate::args::StatusArgs;
use crate::context::runtime;
use crate::output::{Failure, print_answer};

pub(crate) fn main(args: &StatusArgs) -> Result<u8, Failure> {
    let service = Service::new(&args.server)?;
    runtime()?.block_on(status(&service, args))
}

async fn status(service: &Service, args: &StatusArgs) -> Result<u8, Failure> {
    let Some(id) = args.id else { return overview(service, args).await };
    let view = if args.watch {
        watch::follow(service, id).await?
    } else {
        service.get(&["submissions", &id.to_string()]).await?
    };
    print_answer(args.json, &view, || show::submission(&view))?;
    Ok(submit::status(&view, &[]))
}

async fn overview(service: &Service, args: &StatusArgs) -> Result<u8, Failure> {
    let queue = service.get(&["queue"]).await?;
    let limit = args.limit.to_string();
    let filters = [
        ("limit", Some(limit.as_str())),
        ("problem", args.problem.as_deref()),
        ("language", args.language.as_deref()),
        ("state", args.state.as_deref()),
        ("verdict", args.verdict.map(Verdict::code)),
        ("participant", args.participant.as_deref()),
        ("label", args.label.as_deref()),
    ];
    let asked: Vec<_> = filters.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let request = service.request(Method::GET, &["submissions"]).query(&asked);
    let (_, submissions) = service.answer(request).await?;
    let both = json!({ "queue": queue, "submissions": submissions });
    print_answer(args.json, &both, || {
        format!("{}\n\n{}", queue_text(&queue), show::submissions(&submissions))
    })?;
    Ok(0)
}

fn queue_text(queue: &Value) -> String {
    let mut text = format!(
        "{} waiting, {} running, {} slots",
        show::text(queue, "waiting"),
        show::text(queue, "running"),
        show::text(queue, "slots")
    );
    for class in queue["classes"].as_array().into_iter().flatten() {
        if let Some(oldest) = class["oldest_ms"].as_u64() {
            let (name, seconds) = (show::text(class, "priority"), oldest / 1000);
            text.push_str(&format!(
                "\n{name}: {} waiting, the oldest for {seconds} s",
                show::text(class, "waiting")
            ));
        }
    }
    for lack in queue["waiting_for"].as_array().into_iter().flatten() {
        let (waiting, missing) = (show::text(lack, "waiting"), show::text(lack, "missing"));
        text.push_str(&format!("\n{waiting} wait for what no worker has: {missing}"));
    }
    text
}
