//! What the store promises, held by SQLite always and by PostgreSQL when a server is named.

use proto::event::State;
use proto::http::{
    ClaimReply, ClaimRequest, HarnessView, Heartbeat, ProblemView, RunningClaim, WorkerRegistration,
};
use proto::id::{Digest, Fence, JudgementId, SubmissionId, WorkerId};
use proto::job::{Priority, Target};
use proto::report::{Outcome, ReportMessage};
use proto::verdict::Verdict;

use super::judging::LEASE_MS;
use super::*;
use crate::routing::Class;
use crate::testing::{judgement, new_row, registration, stores};

/// Runs one claim on every store.
macro_rules! on_every_store {
    ($(#[$doc:meta])* $name:ident, |$store:ident| $body:block) => {
        $(#[$doc])*
        #[tokio::test]
        async fn $name() {
            for (kind, $store, _folder) in stores().await {
                println!("on {kind}");
                $body
                $store.close().await;
            }
        }
    };
}

mod blobs;
mod holds;
mod rejudges;
mod retention;
mod tenancy;
mod trouble;
mod uploads;
mod webhooks;
mod workers;

const NOW: Millis = 1_000_000;

async fn submit_as(store: &Store, tenant: &str, count: usize, now: Millis) -> Vec<SubmissionId> {
    let row = NewRow { tenant: tenant.into(), ..new_row(Priority::Normal) };
    store.submit_all(&vec![row; count], None, now).await.unwrap().ids
}

fn problem_view(name: &str, digest: &Digest) -> ProblemView {
    ProblemView {
        name: name.into(),
        title: name.into(),
        digest: digest.clone(),
        created_at: String::new(),
        kind: "pass-fail".into(),
        tests: 1,
        cpu_time_ms: 1000.0,
        memory_bytes: 1,
        statement: None,
        samples: vec![],
        harness: None,
    }
}

async fn submit(store: &Store) -> (SubmissionId, JudgementId) {
    let id = store.submit(&new_row(Priority::Normal), NOW).await.unwrap();
    let row = store.db.row("SELECT id FROM judgements WHERE submission_id = $1", args![id]).await.unwrap();
    (id, row.unwrap().parse(0, "id").unwrap())
}

async fn claim(
    store: &Store,
    id: JudgementId,
    worker: WorkerId,
    redelivered: bool,
    now: Millis,
) -> ClaimReply {
    store.claim(id, &ClaimRequest { worker_id: worker, redelivered, traceparent: None }, now).await.unwrap()
}

fn granted(reply: &ClaimReply) -> (u32, Fence) {
    match reply {
        ClaimReply::Granted { attempt, fence, .. } => (*attempt, *fence),
        other => panic!("not granted: {other:?}"),
    }
}

fn report(ids: (SubmissionId, JudgementId), claim: (u32, Fence), outcome: Outcome) -> ReportMessage {
    ReportMessage {
        schema: proto::skew::PROTOCOL,
        judgement_id: ids.1,
        submission_id: ids.0,
        attempt: claim.0,
        fence: claim.1,
        worker_id: WorkerId::new(),
        outcome,
        traceparent: None,
    }
}

fn judged() -> Outcome {
    Outcome::Judged { judgement: Box::new(judgement()) }
}

fn failed(retry: bool) -> Outcome {
    // A worker's words may have anything in them.
    Outcome::failed("the box broke\0", retry)
}

/// A class of workers that can do this.
fn class(arch: &str, languages: &[&str]) -> Class {
    Class {
        route: arch.into(),
        arch: arch.into(),
        exact: true,
        harnesses: false,
        languages: languages.iter().map(|id| (*id).to_owned()).collect(),
        slots: 1,
        room: i64::MAX,
    }
}

async fn published(store: &Store, route: &str) -> i64 {
    store.published_counts().await.unwrap().get(route).copied().unwrap_or(0)
}

async fn state_of(store: &Store, id: SubmissionId) -> State {
    store.submission(id, None).await.unwrap().unwrap().view.state
}

on_every_store!(a_submission_comes_back_as_it_was_sent, |store| {
    let mut new = new_row(Priority::Contest);
    new.external_id = Some("x-1".into());
    new.labels = vec!["a".into(), "b".into()];
    let id = store.submit(&new, NOW).await.unwrap();
    let row = store.submission(id, Some("local")).await.unwrap().unwrap();
    assert_eq!(row.view.state, State::Queued);
    assert_eq!(row.view.created_at, "1970-01-01T00:16:40.000Z");
    assert_eq!((row.view.external_id.as_deref(), row.view.labels.len()), (Some("x-1"), 2));
    let leased = store.lease_jobs(None, 1, 1000, NOW).await.unwrap().remove(0);
    let job = store.job(leased.judgement).await.unwrap().unwrap();
    assert_eq!((job.submission_id, job.files, job.priority), (id, new.content.files, Priority::Contest));
    assert!(store.submission(id, Some("someone else")).await.unwrap().is_none());
});

on_every_store!(only_the_first_report_with_the_current_fence_counts, |store| {
    let ids = submit(&store).await;
    let worker = WorkerId::new();
    let first = granted(&claim(&store, ids.1, worker, false, NOW).await);
    assert_eq!(first, (1, 1));
    assert_eq!(state_of(&store, ids.0).await, State::Running);
    let old = (0, 0);
    assert!(matches!(store.report(&report(ids, old, judged()), NOW).await.unwrap(), Ingest::Ignored(_)));
    let wrong_fence = (1, 7);
    assert!(matches!(
        store.report(&report(ids, wrong_fence, judged()), NOW).await.unwrap(),
        Ingest::Ignored(_)
    ));
    assert!(matches!(store.report(&report(ids, first, judged()), NOW).await.unwrap(), Ingest::Stored(_)));
    let row = store.submission(ids.0, None).await.unwrap().unwrap();
    assert_eq!((row.view.state, row.view.verdict), (State::Done, Some(Verdict::WA)));
    assert_eq!(row.view.judgement.unwrap().attempt, 1);
    for outcome in [judged(), failed(true), failed(false)] {
        assert!(matches!(store.report(&report(ids, first, outcome), NOW).await.unwrap(), Ingest::Ignored(_)));
    }
    assert!(
        store.lease_jobs(None, 9, 1, NOW + 1_000_000).await.unwrap().is_empty(),
        "nothing waits any more"
    );
    assert!(matches!(claim(&store, ids.1, worker, true, NOW).await, ClaimReply::Refused { .. }));
});

on_every_store!(a_redelivered_message_takes_a_live_claim_over_and_a_repeat_does_not, |store| {
    let ids = submit(&store).await;
    let (dead, other) = (WorkerId::new(), WorkerId::new());
    let first = granted(&claim(&store, ids.1, dead, false, NOW).await);
    assert!(matches!(claim(&store, ids.1, other, false, NOW + 1).await, ClaimReply::Refused { .. }));
    assert!(matches!(claim(&store, ids.1, dead, true, NOW + 1).await, ClaimReply::Refused { .. }));
    let second = granted(&claim(&store, ids.1, other, true, NOW + 1).await);
    assert_eq!(second, (2, 2));
    assert!(matches!(store.report(&report(ids, first, judged()), NOW).await.unwrap(), Ingest::Ignored(_)));
    assert!(matches!(store.report(&report(ids, second, judged()), NOW).await.unwrap(), Ingest::Stored(_)));
    let attempts = store.attempts(ids.0).await.unwrap();
    assert_eq!(attempts, [(Some("lost".into()), dead), (Some("judged".into()), other)]);
});

on_every_store!(of_many_claims_at_once_one_is_granted, |store| {
    let ids = submit(&store).await;
    let mut claims = Vec::new();
    for _ in 0..12 {
        let (store, worker) = (store.clone(), WorkerId::new());
        claims.push(tokio::spawn(async move { claim(&store, ids.1, worker, false, NOW).await }));
    }
    let mut count = 0;
    for task in claims {
        count += usize::from(matches!(task.await.unwrap(), ClaimReply::Granted { .. }));
    }
    assert_eq!(count, 1);
});

on_every_store!(three_failures_are_a_visible_system_error, |store| {
    let ids = submit(&store).await;
    for attempt in 1..=3 {
        let grant = granted(&claim(&store, ids.1, WorkerId::new(), false, NOW).await);
        assert_eq!(grant.0, attempt);
        let result = store.report(&report(ids, grant, failed(true)), NOW).await.unwrap();
        if attempt < 3 {
            assert_eq!(result, Ingest::Again);
            assert_eq!(state_of(&store, ids.0).await, State::Queued);
            assert!(store.lease_jobs(None, 1, 1, NOW).await.unwrap().is_empty(), "it waits a little");
            let leased = store.lease_jobs(None, 1, 1, NOW + 5000).await.unwrap();
            assert_eq!(leased.len(), 1, "it is handed out again");
        } else {
            assert!(matches!(result, Ingest::GivenUp(_)));
        }
    }
    let view = store.submission(ids.0, None).await.unwrap().unwrap().view;
    assert_eq!((view.state, view.verdict), (State::Done, Some(Verdict::SE)));
    assert_eq!(view.judgement.unwrap().result.reason.as_deref(), Some("the box broke\0"));
});

on_every_store!(a_failure_that_cannot_be_retried_is_a_system_error_at_once, |store| {
    let ids = submit(&store).await;
    let grant = granted(&claim(&store, ids.1, WorkerId::new(), false, NOW).await);
    assert!(matches!(
        store.report(&report(ids, grant, failed(false)), NOW).await.unwrap(),
        Ingest::GivenUp(_)
    ));
});

on_every_store!(a_worker_that_failed_is_passed_over_while_another_is_alive, |store| {
    let ids = submit(&store).await;
    let (one, two) = (registration("one", &["cpp"]), registration("two", &["cpp"]));
    store.register_worker(&one, NOW).await.unwrap();
    store.register_worker(&two, NOW).await.unwrap();
    let grant = granted(&claim(&store, ids.1, one.id, false, NOW).await);
    store.report(&report(ids, grant, failed(true)), NOW).await.unwrap();
    store.lease_jobs(None, 1, 60_000, NOW + 5000).await.unwrap();
    assert_eq!(claim(&store, ids.1, one.id, false, NOW + 5000).await, ClaimReply::TryElsewhere);
    assert_eq!(store.lease_jobs(None, 1, 1, NOW + 10_000).await.unwrap().len(), 1, "it is handed out again");
    granted(&claim(&store, ids.1, two.id, false, NOW + 5000).await);
    // With the other one dead the same worker may try again.
    let late = NOW + LEASE_MS * 3;
    store.sweep(late).await.unwrap();
    store.register_worker(&one, late).await.unwrap();
    granted(&claim(&store, ids.1, one.id, false, late).await);
});

on_every_store!(a_worker_without_the_language_gets_nothing, |store| {
    let ids = submit(&store).await;
    let (without, with) = (registration("one", &["python3"]), registration("two", &["cpp"]));
    store.register_worker(&without, NOW).await.unwrap();
    store.register_worker(&with, NOW).await.unwrap();
    assert_eq!(claim(&store, ids.1, without.id, false, NOW).await, ClaimReply::TryElsewhere);
    // Nobody has it any more: it waits, and says for what.
    let late = NOW + super::workers::ALIVE_MS + 1;
    store.register_worker(&without, late).await.unwrap();
    assert_eq!(claim(&store, ids.1, without.id, false, late).await, ClaimReply::TryElsewhere);
    assert_eq!(state_of(&store, ids.0).await, State::Queued);
    let place = store.place_in_queue(ids.0, &store.workers().await.unwrap(), late).await.unwrap().unwrap();
    assert_eq!(place.waiting_for.as_deref(), Some("language:cpp"));
});

on_every_store!(a_silent_worker_loses_its_claim_and_a_heartbeat_keeps_it, |store| {
    let ids = submit(&store).await;
    let me = registration("one", &["cpp"]);
    store.register_worker(&me, NOW).await.unwrap();
    let grant = granted(&claim(&store, ids.1, me.id, false, NOW).await);
    let beat = Heartbeat {
        running: vec![RunningClaim { judgement_id: ids.1, fence: grant.1 }],
        ..Heartbeat::default()
    };
    let (reply, _) = store.heartbeat(me.id, &beat, NOW + LEASE_MS - 1).await.unwrap();
    assert!(reply.known && reply.stop.is_empty());
    assert!(store.sweep(NOW + LEASE_MS + 1).await.unwrap().is_empty(), "the heartbeat renewed it");
    assert_eq!(store.sweep(NOW + LEASE_MS * 2).await.unwrap(), [ids.0]);
    assert_eq!(state_of(&store, ids.0).await, State::Queued);
    let (reply, _) = store.heartbeat(me.id, &beat, NOW + LEASE_MS * 2).await.unwrap();
    assert_eq!(reply.stop, [ids.1], "it is told to stop");
    assert!(!store.heartbeat(WorkerId::new(), &beat, NOW).await.unwrap().0.known);
    // A late report on the same fence still counts: nobody else began.
    assert!(matches!(store.report(&report(ids, grant, judged()), NOW).await.unwrap(), Ingest::Stored(_)));
});

on_every_store!(three_lost_workers_are_a_visible_system_error, |store| {
    let ids = submit(&store).await;
    let mut now = NOW;
    for _ in 0..3 {
        granted(&claim(&store, ids.1, WorkerId::new(), false, now).await);
        now += LEASE_MS + 1;
        assert_eq!(store.sweep(now).await.unwrap(), [ids.0]);
    }
    let view = store.submission(ids.0, None).await.unwrap().unwrap().view;
    assert_eq!((view.state, view.verdict), (State::Done, Some(Verdict::SE)));
    assert!(store.sweep(now * 2).await.unwrap().is_empty());
});

on_every_store!(a_cancelled_submission_is_judged_by_nobody, |store| {
    let ids = submit(&store).await;
    let me = registration("one", &["cpp"]);
    let grant = granted(&claim(&store, ids.1, me.id, false, NOW).await);
    store.cancel(ids.0, NOW).await.unwrap();
    assert_eq!(state_of(&store, ids.0).await, State::Cancelled);
    assert!(store.lease_jobs(None, 1, 1, NOW + 1_000_000).await.unwrap().is_empty());
    assert!(store.job(ids.1).await.unwrap().is_none());
    assert!(matches!(claim(&store, ids.1, me.id, true, NOW).await, ClaimReply::Refused { .. }));
    assert!(matches!(store.report(&report(ids, grant, judged()), NOW).await.unwrap(), Ingest::Ignored(_)));
    assert!(matches!(store.cancel(ids.0, NOW).await, Err(StoreError::Moved { .. })));
});

on_every_store!(jobs_are_leased_by_class_then_age_and_only_once, |store| {
    let mut ids = Vec::new();
    for (priority, at) in
        [(Priority::Bulk, 1), (Priority::Normal, 2), (Priority::Normal, 3), (Priority::Contest, 9)]
    {
        ids.push(store.submit(&new_row(priority), NOW + at).await.unwrap());
    }
    let leased =
        store.lease_jobs(Some(&class(crate::CAPABILITY, &["ada", "cpp"])), 9, 1000, NOW + 10).await.unwrap();
    let mut order = Vec::new();
    for job in &leased {
        order.push(store.job(job.judgement).await.unwrap().unwrap().submission_id);
    }
    assert_eq!(order, [ids[3], ids[1], ids[2], ids[0]]);
    assert!(store.lease_jobs(None, 9, 1000, NOW + 10).await.unwrap().is_empty(), "all are in hand");
    assert_eq!(store.lease_jobs(None, 9, 1000, NOW + 5000).await.unwrap().len(), 4, "leases run out");
    assert!(
        store.lease_jobs(Some(&class("riscv64", &["cpp"])), 9, 1000, NOW + 50_000).await.unwrap().is_empty()
    );
    let counts = store.queue_counts().await.unwrap();
    assert_eq!(counts.iter().map(|c| c.waiting).collect::<Vec<_>>(), [1, 2, 0, 1]);
    assert_eq!(counts[1].oldest_ms, Some(NOW + 2));
});

on_every_store!(published_jobs_are_counted_and_lost_ones_come_back, |store| {
    let ids = submit(&store).await;
    let leased = store.lease_jobs(None, 1, 1000, NOW).await.unwrap().remove(0);
    store.mark_published(ids.1, &leased.lease, "a", NOW).await.unwrap();
    assert_eq!(published(&store, "a").await, 1);
    assert!(store.lease_jobs(None, 1, 1000, NOW + 90_000).await.unwrap().is_empty(), "the broker has it");
    assert!(store.unpublish_unclaimed(&["a"], NOW - 1, 5).await.unwrap().is_empty());
    assert_eq!(published(&store, "a").await, 1, "too early");
    store.unpublish_unclaimed(&["b"], NOW, 5).await.unwrap();
    assert_eq!(published(&store, "a").await, 1, "its class has no slot free");
    store.unpublish_unclaimed(&["b", "a"], NOW, 5).await.unwrap();
    assert_eq!(published(&store, "a").await, 0);
    let leased = store.lease_jobs(None, 1, 1000, NOW + 90_000).await.unwrap().remove(0);
    assert_eq!(leased.deliveries, 2);
    store.mark_published(ids.1, &leased.lease, "a", NOW).await.unwrap();
    assert_eq!(store.unpublish_unclaimed(&["a"], NOW, 2).await.unwrap(), [ids.1], "tried often enough");
});

on_every_store!(tokens_are_found_by_their_text_and_kept_as_hashes, |store| {
    let token = store.create_token("c i", "team", &[Scope::Submit, Scope::Read], NOW).await.unwrap();
    assert!(token.starts_with("trb_") && token.len() > 40);
    let row = store.token(&token, NOW).await.unwrap().unwrap();
    assert_eq!((row.tenant.as_str(), row.scopes.as_slice()), ("team", &[Scope::Submit, Scope::Read][..]));
    assert!(store.token("trb_wrong", NOW).await.unwrap().is_none());
    assert!(!store.has_token(Scope::Admin).await.unwrap());
    let stored = store.db.row("SELECT id, name, lookup, hash FROM tokens", args![]).await.unwrap().unwrap();
    // No token has a space in it, as the name has: a short word would stand in some by accident.
    for column in 0..4 {
        let text = stored.text(column).unwrap();
        assert!(!text.contains(&token[4..]) && !token.contains(&text), "column {column} tells the token");
    }
});

on_every_store!(a_problem_has_one_active_revision, |store| {
    let revision = |bytes: &[u8]| NewProblem {
        view: problem_view("aplusb", &Digest::of(bytes)),
        blob: Digest::of(b"zip"),
        languages: Some(vec!["cpp".into()]),
        unpacked: 0,
    };
    let (one, two) = (revision(b"1"), revision(b"2"));
    assert!(store.install_problem(&one, NOW).await.unwrap());
    assert!(store.install_problem(&two, NOW).await.unwrap());
    assert!(!store.install_problem(&two, NOW).await.unwrap(), "the same revision is not new");
    let active = || async { store.problem("aplusb", None).await.unwrap().unwrap().view.digest };
    assert_eq!(active().await, two.view.digest);
    assert_eq!(store.problems().await.unwrap().len(), 1);
    store.activate_problem("aplusb", &one.view.digest).await.unwrap();
    assert_eq!(active().await, one.view.digest);
    let fixed = store.problem("aplusb", Some(&two.view.digest)).await.unwrap().unwrap();
    assert_eq!(fixed.languages.unwrap(), ["cpp"]);
    let missing = store.activate_problem("aplusb", &Digest::of(b"3")).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))));
    assert_eq!(active().await, one.view.digest, "a wrong digest changes nothing");
});

on_every_store!(a_job_against_a_harness_says_so_and_the_two_kinds_share_the_names, |store| {
    let digest = Digest::of(b"calc 1");
    let harness = HarnessView {
        format: "gradescope".into(),
        image: "python3".into(),
        separate: true,
        wall_time_ms: 1.0,
        notes: vec![],
        plan: vec![],
    };
    let blob = Digest::of(b"zip");
    let view = ProblemView { harness: Some(harness), ..problem_view("calc", &digest) };
    let new = NewProblem { view, blob: blob.clone(), languages: None, unpacked: 0 };
    assert!(store.install_problem(&new, NOW).await.unwrap());
    let other = NewProblem { view: problem_view("calc", &Digest::of(b"problem")), ..new.clone() };
    assert!(matches!(store.install_problem(&other, NOW).await, Err(StoreError::NameTaken(_))));
    assert_eq!(store.problem("calc", None).await.unwrap().unwrap().view.digest, digest, "nothing changed");

    let pinned = Some(("calc".to_owned(), digest.clone(), blob.clone()));
    let mut row = NewRow { problem: pinned, ..new_row(Priority::Normal) };
    for (harness, is) in [(true, true), (false, false)] {
        row.content.harness = harness;
        let id = store.submit(&row, NOW).await.unwrap();
        let found =
            store.db.row("SELECT id FROM judgements WHERE submission_id = $1", args![id]).await.unwrap();
        let job = store.job(found.unwrap().parse(0, "id").unwrap()).await.unwrap().unwrap();
        let wanted = Target::Harness { name: "calc".into(), digest: digest.clone(), blob: blob.clone() };
        assert_eq!(job.target == wanted, is, "{:?}", job.target);
    }
});

on_every_store!(lists_are_newest_first_and_keep_to_their_tenant, |store| {
    let mut ids = Vec::new();
    for at in 0..3 {
        let mut new = new_row(Priority::Normal);
        new.participant = Some(format!("p{at}"));
        ids.push(store.submit(&new, NOW + at).await.unwrap());
    }
    let mut other = new_row(Priority::Normal);
    other.tenant = "other".into();
    store.submit(&other, NOW).await.unwrap();
    let from = &store;
    let list = |filter: Filter| async move {
        let rows = from.list_submissions(&filter).await.unwrap();
        rows.into_iter().map(|r| r.view.id).collect::<Vec<_>>()
    };
    let local = || Filter { tenant: Some("local".into()), limit: 9, ..Filter::default() };
    assert_eq!(list(local()).await, [ids[2], ids[1], ids[0]]);
    assert_eq!(list(Filter { limit: 1, ..local() }).await, [ids[2]]);
    assert_eq!(list(Filter { before: Some(ids[1]), ..local() }).await, [ids[0]]);
    assert_eq!(list(Filter { participant: Some("p1".into()), ..local() }).await, [ids[1]]);
    assert_eq!(list(Filter { limit: 9, ..Filter::default() }).await.len(), 4);
});

on_every_store!(a_changed_blob_is_never_handed_out, |store| {
    let digest = store.put_blob(bytes::Bytes::from_static(b"package"), NOW).await.unwrap();
    assert_eq!(store.put_blob(bytes::Bytes::from_static(b"package"), NOW).await.unwrap(), digest);
    assert_eq!(store.blob(&digest).await.unwrap().unwrap(), "package");
    assert!(store.blob(&Digest::of(b"other")).await.unwrap().is_none());
    let path = store.blobs.path_for_tests(&digest);
    std::fs::write(path, b"changed").unwrap();
    assert!(matches!(store.blob(&digest).await, Err(StoreError::Digest { .. })));
});

on_every_store!(a_restart_of_an_embedded_service_judges_again, |store| {
    let ids = submit(&store).await;
    store.lease_jobs(None, 1, 1_000_000, NOW).await.unwrap();
    granted(&claim(&store, ids.1, WorkerId::new(), false, NOW).await);
    store.release_all_jobs().await.unwrap();
    assert_eq!(store.end_all_claims(NOW + 1).await.unwrap(), [ids.0]);
    assert_eq!(store.lease_jobs(None, 1, 1000, NOW + 1).await.unwrap().len(), 1);
    assert_eq!(granted(&claim(&store, ids.1, WorkerId::new(), false, NOW + 1).await).0, 2);
});
