//! Calls back: sends what the store says is due, signed, and notes what came of it.
//!
//! The other side is not trusted: only checked addresses are connected to (see [`target`]), no redirect is followed,
//! no byte of an answer's body is read, and each try has a deadline. One tenant's slow server takes at most
//! [`EACH`] of the senders.

pub(crate) mod sign;
pub(crate) mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::App;
use crate::store::{DeliveryState, StoreError, Tried, TryRow, WebhookRow};
use crate::story;
use crate::time::now_ms;
use target::{Allowed, Checked, Refused};

/// Deliveries under way at the same time.
const SENDERS: usize = 32;
/// Of these, for one tenant.
const EACH: usize = 4;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a try may take in all.
const TRY: Duration = Duration::from_secs(10);
/// How often the table is looked at when no bell rings.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The one client of all deliveries.
///
/// # Errors
/// When the system's certificates cannot be used.
pub(crate) fn client(allowed: &Allowed) -> Result<Client, reqwest::Error> {
    outbound::client()
        .dns_resolver(Arc::new(Checked(allowed.clone())))
        .redirect(reqwest::redirect::Policy::none())
        // A proxy of the environment would look names up itself.
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(TRY)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("tribunal/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends until the service stops.
pub(crate) async fn send(app: Arc<App>, client: Client) {
    let mut under_way = JoinSet::new();
    let mut each = HashMap::<String, usize>::new();
    loop {
        let busy: Vec<String> = each.iter().filter(|(_, n)| **n >= EACH).map(|(t, _)| t.clone()).collect();
        let taken = if under_way.len() < SENDERS {
            app.store.take_webhook(&busy, now_ms()).await.unwrap_or_else(|e| {
                tracing::warn!(error = %e, "deliveries wait: the store could not be asked");
                None
            })
        } else {
            None
        };
        if let Some(row) = taken {
            *each.entry(row.tenant.clone()).or_default() += 1;
            let (app, client) = (app.clone(), client.clone());
            under_way.spawn(async move {
                if let Err(e) = deliver(&app, &client, &row).await {
                    // The lease runs out and it is tried again.
                    tracing::warn!(delivery.id = row.id, error = %e, "a delivery could not be noted");
                }
                row.tenant
            });
            continue;
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            Some(done) = under_way.join_next() => match done {
                Ok(tenant) => leave(&mut each, &tenant),
                // Which tenant's it was is not known; the next look starts from what is under way.
                Err(_) => each.clear(),
            },
            () = app.hooks.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn leave(each: &mut HashMap<String, usize>, tenant: &str) {
    if let Some(count) = each.get_mut(tenant) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            each.remove(tenant);
        }
    }
}

/// Makes one try and notes it.
async fn deliver(app: &App, client: &Client, row: &WebhookRow) -> Result<(), StoreError> {
    let (at, started) = (now_ms(), Instant::now());
    let (tried, status, error) = attempt(app, client, row, at).await?;
    let took_ms = started.elapsed().as_millis() as i64;
    let shown = TryRow { number: row.tries, at, took_ms, status: status.map(i64::from), error };
    let state = app.store.settle_webhook(&row.id, &shown, tried, now_ms()).await?;
    match state {
        None => {}
        Some(DeliveryState::Delivered) => app.metrics.delivered("delivered"),
        Some(DeliveryState::Waiting) => app.metrics.delivered("failed"),
        Some(DeliveryState::GivenUp) => {
            app.metrics.delivered("given_up");
            tracing::warn!(delivery.id = row.id, submission.id = %row.submission, "a delivery was given up");
        }
    }
    tracing::debug!(delivery.id = row.id, number = row.tries, status, error = shown.error, "delivery tried");
    Ok(())
}

type Seen = (Tried, Option<u16>, Option<String>);

async fn attempt(app: &App, client: &Client, row: &WebhookRow, at: i64) -> Result<Seen, StoreError> {
    let hopeless = |why: &str| Ok((Tried::Hopeless, None, Some(why.to_owned())));
    let Some(secret) = app.store.webhook_secret(&row.tenant).await? else {
        return hopeless("the tenant has no secret to sign with");
    };
    let Some(found) = app.store.submission(row.submission, None).await? else {
        return hopeless("the submission was erased");
    };
    // Addresses in the URL itself are no name, so no resolver is asked; and the operator may allow less than before.
    let url = match target::check(&row.url, &app.callbacks) {
        Ok(url) => url,
        Err(why) => return hopeless(&format!("the URL is not called: {why}")),
    };
    let view = story::view_for(found.view, row.judge);
    let event = format!("submission.{}", view.state.name());
    let body = json!({ "delivery": row.id, "event": event, "submission": view }).to_string();
    let timestamp = at / 1000;
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("tribunal-delivery", &row.id)
        .header("tribunal-event", event)
        .header("tribunal-timestamp", timestamp)
        .header("tribunal-signature", sign::signature(&secret, timestamp, body.as_bytes()))
        .body(body);
    Ok(match request.send().await {
        Ok(answer) => judge(answer.status()),
        Err(e) => failed(&e),
    })
}

/// What a status means: 2xx is taken, 410 is "never again", everything else is tried again.
fn judge(status: StatusCode) -> Seen {
    let code = Some(status.as_u16());
    match status {
        _ if status.is_success() => (Tried::Taken, code, None),
        StatusCode::GONE => (Tried::Hopeless, code, Some("the other side says that it is gone".into())),
        _ if status.is_redirection() => (Tried::Failed, code, Some("redirects are not followed".into())),
        _ => (Tried::Failed, code, Some(format!("the other side answered {}", status.as_u16()))),
    }
}

/// Says what failed in words that tell nothing of this side's network.
fn failed(error: &reqwest::Error) -> Seen {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.downcast_ref::<Refused>().is_some() {
            return (Tried::Failed, None, Some(Refused.to_string()));
        }
        cause = one.source();
    }
    let why = if error.is_timeout() {
        "there was no answer in time"
    } else if error.is_connect() {
        "no connection could be made"
    } else {
        "the connection ended without an answer"
    };
    (Tried::Failed, None, Some(why.to_owned()))
}
