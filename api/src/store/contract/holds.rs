//! Holds: what waits, what goes on, what is let go.

use super::*;

async fn state_of(store: &Store, id: SubmissionId) -> State {
    store.submission(id, None).await.unwrap().unwrap().view.state
}

fn hold_of(name: &str) -> HoldRow {
    let (reason, actor) = ("broken tests".to_owned(), "me".to_owned());
    HoldRow { kind: HoldKind::Language, name: name.into(), reason, actor, created: NOW }
}

on_every_store!(what_is_held_waits_and_is_judged_after_its_release, |store| {
    let waiting = submit(&store).await;
    let running = submit(&store).await;
    let fence = granted(&claim(&store, running.1, WorkerId::new(), false, NOW).await);
    store.hold(&hold_of("cpp")).await.unwrap();
    assert_eq!(store.settle_holds(NOW).await.unwrap(), [waiting.0]);
    let late = submit(&store).await;
    assert_eq!(store.settle_holds(NOW).await.unwrap(), []);
    assert_eq!(
        (state_of(&store, waiting.0).await, state_of(&store, late.0).await),
        (State::Held, State::Held)
    );
    assert_eq!(state_of(&store, running.0).await, State::Running, "what is being judged goes on");
    assert!(matches!(store.report(&report(running, fence, judged()), NOW).await.unwrap(), Ingest::Stored(_)));
    assert_eq!(store.held_count().await.unwrap(), 2);
    assert!(store.lease_jobs(None, 9, 1000, NOW).await.unwrap().is_empty(), "nobody gets it");
    let refused = claim(&store, waiting.1, WorkerId::new(), false, NOW).await;
    assert!(matches!(refused, ClaimReply::Refused { .. }), "a message that was on its way changes nothing");
    store.cancel(late.0, NOW).await.unwrap();
    assert_eq!(state_of(&store, late.0).await, State::Cancelled);

    let other = HoldRow { name: "ada".into(), ..hold_of("cpp") };
    store.hold(&other).await.unwrap();
    assert!(store.release(HoldKind::Language, "cpp").await.unwrap());
    assert!(!store.release(HoldKind::Language, "cpp").await.unwrap());
    assert_eq!(store.holds().await.unwrap(), [other]);
    assert_eq!(store.settle_holds(NOW).await.unwrap(), [waiting.0]);
    assert_eq!(state_of(&store, waiting.0).await, State::Queued);
    let jobs = store.lease_jobs(None, 9, 1000, NOW).await.unwrap();
    assert_eq!(jobs.iter().map(|j| j.judgement).collect::<Vec<_>>(), [waiting.1]);
    let fence = granted(&claim(&store, waiting.1, WorkerId::new(), false, NOW).await);
    store.report(&report(waiting, fence, judged()), NOW).await.unwrap();
    assert_eq!(state_of(&store, waiting.0).await, State::Done);
});

on_every_store!(what_somebody_has_in_hand_is_not_held_and_a_failed_attempt_is, |store| {
    let ids = submit(&store).await;
    let leased = store.lease_jobs(None, 1, 60_000, NOW).await.unwrap();
    store.hold(&hold_of("cpp")).await.unwrap();
    assert!(store.settle_holds(NOW).await.unwrap().is_empty());
    let fence = granted(&claim(&store, leased[0].judgement, WorkerId::new(), false, NOW).await);
    store.report(&report(ids, fence, failed(true)), NOW).await.unwrap();
    assert_eq!(store.settle_holds(NOW + 60_001).await.unwrap(), [ids.0], "its next attempt waits");
    assert_eq!(state_of(&store, ids.0).await, State::Held);
});
