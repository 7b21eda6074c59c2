//! Deliveries to callback URLs.

use super::*;
use crate::store::webhooks::TRIES_MAX;

async fn submit_with_callback(store: &Store, tenant: &str, url: &str) -> (SubmissionId, JudgementId) {
    let mut new = NewRow { tenant: tenant.into(), ..new_row(Priority::Normal) };
    new.callback = Some((url.into(), true));
    let id = store.submit(&new, NOW).await.unwrap();
    let row = store.db.row("SELECT id FROM judgements WHERE submission_id = $1", args![id]).await.unwrap();
    (id, row.unwrap().parse(0, "id").unwrap())
}

fn tried(number: i64, status: Option<i64>) -> TryRow {
    TryRow { number, at: NOW, took_ms: 3, status, error: None }
}

on_every_store!(what_ends_is_told_once_with_the_end_itself, |store| {
    let ids = submit_with_callback(&store, "t", "https://example.com/a").await;
    let silent = submit(&store).await;
    assert!(store.take_webhook(&[], NOW).await.unwrap().is_none(), "nothing ended yet");
    let fence = granted(&claim(&store, ids.1, WorkerId::new(), false, NOW).await);
    store.report(&report(ids, fence, judged()), NOW).await.unwrap();
    store.report(&report(ids, fence, judged()), NOW).await.unwrap();
    let fence = granted(&claim(&store, silent.1, WorkerId::new(), false, NOW).await);
    store.report(&report(silent, fence, judged()), NOW).await.unwrap();
    assert_eq!(store.webhooks_waiting().await.unwrap(), 1);
    let taken = store.take_webhook(&[], NOW).await.unwrap().unwrap();
    assert_eq!((taken.submission, taken.tries, taken.judge), (ids.0, 1, true));
    assert!(store.take_webhook(&[], NOW).await.unwrap().is_none(), "one maker at a time");
    let state = store.settle_webhook(&taken.id, &tried(1, Some(200)), Tried::Taken, NOW).await.unwrap();
    assert_eq!(state, Some(DeliveryState::Delivered));
    let repeated = store.settle_webhook(&taken.id, &tried(1, Some(500)), Tried::Failed, NOW).await.unwrap();
    assert_eq!(repeated, None, "a late word changes nothing");
    assert_eq!(store.webhooks_waiting().await.unwrap(), 0);
});

on_every_store!(a_delivery_is_tried_again_later_and_later_given_up_and_replayed, |store| {
    let ids = submit_with_callback(&store, "t", "https://example.com/a").await;
    store.cancel(ids.0, NOW).await.unwrap();
    let mut now = NOW;
    let mut waits = Vec::new();
    for number in 1..=TRIES_MAX {
        let taken = store.take_webhook(&[], now).await.unwrap().unwrap();
        assert_eq!(taken.tries, number);
        store.settle_webhook(&taken.id, &tried(number, Some(503)), Tried::Failed, now).await.unwrap();
        let (row, log) = store.webhook(&taken.id, Some("t")).await.unwrap().unwrap();
        assert_eq!(log.len() as i64, number);
        if number == TRIES_MAX {
            assert_eq!(row.state, DeliveryState::GivenUp);
            break;
        }
        assert!(store.take_webhook(&[], row.due - 1).await.unwrap().is_none());
        waits.push(row.due - now);
        now = row.due;
    }
    assert!(waits.is_sorted() && waits[0] < waits[1], "{waits:?}");
    let all = WebhookFilter { limit: 9, ..WebhookFilter::default() };
    let id = store.webhooks(&all).await.unwrap().remove(0).id;
    let missing = store.replay_webhook(&id, Some("other"), now).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "another tenant's is not there");
    assert_eq!(store.webhooks_waiting().await.unwrap(), 0);
    store.replay_webhook(&id, Some("t"), now).await.unwrap();
    let taken = store.take_webhook(&[], now).await.unwrap().unwrap();
    store.settle_webhook(&id, &tried(taken.tries, None), Tried::Failed, now).await.unwrap();
    let (row, _) = store.webhook(&id, None).await.unwrap().unwrap();
    assert_eq!(row.state, DeliveryState::Waiting, "it has all its tries again");
    let taken = store.take_webhook(&[], row.due).await.unwrap().unwrap();
    store.settle_webhook(&id, &tried(taken.tries, Some(410)), Tried::Hopeless, now).await.unwrap();
    assert_eq!(store.webhook(&id, None).await.unwrap().unwrap().0.state, DeliveryState::GivenUp);
});

on_every_store!(a_maker_that_died_costs_a_minute_and_a_busy_tenant_nobody_else, |store| {
    let first = submit_with_callback(&store, "slow", "https://example.com/a").await;
    let second = submit_with_callback(&store, "other", "https://example.com/b").await;
    store.cancel(first.0, NOW).await.unwrap();
    store.cancel(second.0, NOW + 1).await.unwrap();
    let taken = store.take_webhook(&["slow".to_owned()], NOW + 1).await.unwrap().unwrap();
    assert_eq!(taken.tenant, "other");
    assert!(store.take_webhook(&["slow".to_owned(), "x".to_owned()], NOW + 1).await.unwrap().is_none());
    let dead = store.take_webhook(&[], NOW + 1).await.unwrap().unwrap();
    assert!(store.take_webhook(&[], NOW + 50_000).await.unwrap().is_none());
    let again = store.take_webhook(&["other".to_owned()], NOW + 61_000).await.unwrap().unwrap();
    assert_eq!((again.id.as_str(), again.tries), (dead.id.as_str(), 2));
    let late = store.settle_webhook(&dead.id, &tried(1, Some(200)), Tried::Taken, NOW).await.unwrap();
    assert_eq!(late, None, "its successor has it now");
});
