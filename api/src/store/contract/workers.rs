//! Workers: orders, fitness, and what is handed out to whom.

use proto::facts::Accounting;
use proto::http::{Order, RoomLeft, WorkerCounts};
use proto::report::{NoRoom, Stored};

use super::mend::Mended;
use super::*;

on_every_store!(an_order_is_brought_by_the_next_heartbeat_and_holds_through_a_registration, |store| {
    let ids = submit(&store).await;
    let me = registration("one", &["cpp"]);
    store.register_worker(&me, NOW).await.unwrap();
    assert!(store.order_worker(WorkerId::new(), Order::Drain).await.unwrap().is_none());
    for (order, word) in [(Order::Drain, "draining"), (Order::Cordon, "cordoned")] {
        let row = store.order_worker(me.id, order).await.unwrap().unwrap();
        assert_eq!((row.wanted, row.state(NOW)), (order, word));
        let (reply, _) = store.heartbeat(me.id, &Heartbeat::default(), NOW).await.unwrap();
        assert_eq!(reply.order, order);
        store.register_worker(&me, NOW).await.unwrap();
        assert_eq!(claim(&store, ids.1, me.id, false, NOW).await, ClaimReply::TryElsewhere);
        assert!(!store.workers().await.unwrap()[0].ready(NOW));
    }
    assert_eq!(state_of(&store, ids.0).await, State::Queued);
    assert_eq!(store.attempts(ids.0).await.unwrap(), [], "no attempt was used up");
    store.order_worker(me.id, Order::Work).await.unwrap();
    let fence = granted(&claim(&store, ids.1, me.id, false, NOW).await).1;
    // What is in hand goes on.
    store.order_worker(me.id, Order::Cordon).await.unwrap();
    let beat =
        Heartbeat { running: vec![RunningClaim { judgement_id: ids.1, fence }], ..Heartbeat::default() };
    assert!(store.heartbeat(me.id, &beat, NOW).await.unwrap().0.stop.is_empty());
    assert!(matches!(
        store.report(&report(ids, (1, fence), judged()), NOW).await.unwrap(),
        Ingest::Stored(_)
    ));
});

on_every_store!(an_unfit_worker_gets_nothing_until_it_is_fit_again, |store| {
    let ids = submit(&store).await;
    let me = registration("one", &["cpp"]);
    store
        .register_worker(&WorkerRegistration { unfit: Some("hot".into()), ..me.clone() }, NOW)
        .await
        .unwrap();
    let waiting_for = async || {
        let workers = store.workers().await.unwrap();
        store.place_in_queue(ids.0, &workers, NOW).await.unwrap().unwrap().waiting_for
    };
    assert_eq!(waiting_for().await.as_deref(), Some("fit_worker"));
    assert_eq!(claim(&store, ids.1, me.id, false, NOW).await, ClaimReply::TryElsewhere);
    let counted = Some(WorkerCounts { boxes_made: 3, ..WorkerCounts::default() });
    let beat = Heartbeat { counted: counted.clone(), ..Heartbeat::default() };
    let (_, before) = store.heartbeat(me.id, &beat, NOW).await.unwrap();
    assert_eq!(before.unwrap().unfit.as_deref(), Some("hot"));
    store.heartbeat(me.id, &Heartbeat::default(), NOW).await.unwrap();
    let row = store.workers().await.unwrap().remove(0);
    assert_eq!((row.unfit, row.counted), (None, counted), "a beat that counts nothing changes no count");
    assert_eq!(waiting_for().await, None);
    granted(&claim(&store, ids.1, me.id, false, NOW).await);
});

on_every_store!(what_nobody_can_do_waits_with_its_reason_and_goes_to_who_can, |store| {
    let exact = NewRow { exact: true, ..new_row(Priority::Normal) };
    let id = store.submit(&exact, NOW).await.unwrap();
    let judgement = store.db.row("SELECT judgement_id FROM jobs", args![]).await.unwrap().unwrap();
    let judgement: JudgementId = judgement.parse(0, "id").unwrap();
    let mut rough = registration("rough", &["cpp"]);
    rough.accounting = Accounting::Sampled;
    store.register_worker(&rough, NOW).await.unwrap();
    let waiting = store.needs_waiting().await.unwrap();
    assert_eq!((waiting.len(), waiting[0].waiting), (1, 1));
    let lacking = waiting[0].needs.lacking(&store.workers().await.unwrap(), NOW);
    assert_eq!(lacking.as_deref(), Some("accounting:exact"));
    let sampled = Class { exact: false, ..class(crate::CAPABILITY, &["cpp"]) };
    for unable in [&sampled, &class(crate::CAPABILITY, &["c", "pp", "cpp2"]), &class("z80", &["cpp"])] {
        assert!(store.lease_jobs(Some(unable), 9, 1000, NOW).await.unwrap().is_empty(), "{unable:?}");
    }
    assert_eq!(claim(&store, judgement, rough.id, false, NOW).await, ClaimReply::TryElsewhere);
    let able = registration("able", &["cpp"]);
    store.register_worker(&able, NOW).await.unwrap();
    let leased =
        store.lease_jobs(Some(&class(crate::CAPABILITY, &["cpp"])), 9, 1000, NOW + 5000).await.unwrap();
    assert_eq!(leased.len(), 1);
    granted(&claim(&store, judgement, able.id, false, NOW).await);
    assert_eq!(state_of(&store, id).await, State::Running);
});

on_every_store!(a_job_against_a_harness_waits_for_a_worker_that_grades_and_goes_to_no_other, |store| {
    let mut graded = new_row(Priority::Normal);
    graded.content.harness = true;
    let id = store.submit(&graded, NOW).await.unwrap();
    let row = store.db.row("SELECT judgement_id FROM jobs", args![]).await.unwrap().unwrap();
    let judgement: JudgementId = row.parse(0, "id").unwrap();
    // As migration 0010 finds those of before it.
    let found = "SELECT COUNT(*) FROM submissions WHERE content LIKE '%\"harness\":true%' AND harness = 1";
    assert_eq!(store.db.row(found, args![]).await.unwrap().unwrap().int(0).unwrap(), 1);
    // As a worker of the release before registers.
    let old = registration("old", &["cpp"]);
    let plain = class(crate::CAPABILITY, &["cpp"]);
    let grading = Class { harnesses: true, ..plain.clone() };
    let waits = async |at| {
        let workers = store.workers().await.unwrap();
        let place = store.place_in_queue(id, &workers, at).await.unwrap().unwrap();
        assert_eq!(place.waiting_for.as_deref(), Some("harness_worker"));
        let waiting = store.needs_waiting().await.unwrap();
        assert_eq!(waiting[0].needs.lacking(&workers, at).as_deref(), Some("harness_worker"));
        assert!(store.lease_jobs(Some(&plain), 9, 1000, at).await.unwrap().is_empty());
        // All that an API of the release before looks for.
        let kept = store.db.row("SELECT capability FROM jobs", args![]).await.unwrap().unwrap();
        assert_ne!(kept.text(0).unwrap(), crate::CAPABILITY, "such an API leaves it");
        assert_eq!(store.lease_jobs(Some(&grading), 9, 1000, at).await.unwrap().len(), 1);
        assert_eq!(claim(&store, judgement, old.id, false, at).await, ClaimReply::TryElsewhere);
    };
    store.register_worker(&old, NOW).await.unwrap();
    waits(NOW).await;
    assert_eq!(store.attempts(id).await.unwrap(), [], "no attempt was used up");

    // Back from a worker, and back from a hold, as on its first way.
    let able = WorkerRegistration { harnesses: true, ..registration("able", &["cpp"]) };
    store.register_worker(&able, NOW).await.unwrap();
    let claimed = granted(&claim(&store, judgement, able.id, false, NOW).await);
    store.report(&report((id, judgement), claimed, failed(true)), NOW).await.unwrap();
    store.register_worker(&WorkerRegistration { harnesses: false, ..able.clone() }, NOW).await.unwrap();
    waits(NOW + 2000).await;
    let hold = HoldRow {
        kind: HoldKind::Language,
        name: "cpp".into(),
        reason: String::new(),
        actor: String::new(),
        created: NOW,
    };
    store.hold(&hold).await.unwrap();
    assert_eq!(store.settle_holds(NOW + 4000).await.unwrap(), [id]);
    store.release(HoldKind::Language, "cpp").await.unwrap();
    assert_eq!(store.settle_holds(NOW + 4000).await.unwrap(), [id]);
    waits(NOW + 4000).await;

    store.register_worker(&able, NOW + 6000).await.unwrap();
    let claimed = granted(&claim(&store, judgement, able.id, false, NOW + 6000).await);
    store.report(&report((id, judgement), claimed, judged()), NOW + 6000).await.unwrap();
    assert_eq!(state_of(&store, id).await, State::Done);
    // A problem's job goes to both, as ever.
    store.submit(&new_row(Priority::Normal), NOW).await.unwrap();
    assert_eq!(store.lease_jobs(Some(&plain), 9, 1000, NOW + 6000).await.unwrap().len(), 1);
    assert_eq!(store.lease_jobs(Some(&grading), 9, 1000, NOW + 9000).await.unwrap().len(), 1);
});

on_every_store!(what_was_published_to_a_class_without_ready_workers_comes_back, |store| {
    let (lost, taken) = (submit(&store).await, submit(&store).await);
    for leased in store.lease_jobs(None, 2, 1000, NOW).await.unwrap() {
        store.mark_published(leased.judgement, &leased.lease, "old", NOW).await.unwrap();
    }
    granted(&claim(&store, taken.1, WorkerId::new(), false, NOW).await);
    assert_eq!(store.unpublish_unserved(&[class("new", &[]), class("old", &[])]).await.unwrap(), 0);
    assert_eq!(store.unpublish_unserved(&[class("new", &[]), class("older", &[])]).await.unwrap(), 1);
    assert_eq!(published(&store, "old").await, 1, "somebody is at work on the other one");
    let again = store.lease_jobs(None, 9, 1000, NOW).await.unwrap();
    assert_eq!(
        (again.len(), again[0].judgement, again[0].deliveries),
        (1, lost.1, 1),
        "it was nobody's fault"
    );
});

on_every_store!(what_a_worker_told_is_read_once_however_often_it_is_asked_for, |store| {
    let ids = submit(&store).await;
    let workers: Vec<_> = (0..20).map(|n| registration(&format!("w{n}"), &["cpp", "java"])).collect();
    for worker in &workers {
        store.register_worker(worker, NOW).await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(store.workers().await.unwrap().len(), 20);
        for worker in &workers {
            store.heartbeat(worker.id, &Heartbeat::default(), NOW).await.unwrap();
        }
    }
    granted(&claim(&store, ids.1, workers[0].id, false, NOW).await);
    assert_eq!(store.registrations.read(), 20);

    // Told anew, it is read anew, and only that one.
    let mut changed = workers[3].clone();
    changed.slots = 77;
    store.register_worker(&changed, NOW).await.unwrap();
    let slots = async || {
        let rows = store.workers().await.unwrap();
        rows.iter().find(|w| w.registration.id == changed.id).map(|w| w.registration.slots)
    };
    assert_eq!((slots().await, slots().await), (Some(77), Some(77)));
    assert_eq!(store.registrations.read(), 21);
    // A row of a release that knew no revisions is right, at the price of reading it.
    store.db.exec("UPDATE workers SET revision = '' WHERE id = $1", args![changed.id]).await.unwrap();
    assert_eq!((slots().await, slots().await), (Some(77), Some(77)));
    assert_eq!(store.registrations.read(), 23);
});

on_every_store!(what_an_api_of_the_release_before_writes_is_mended, |store| {
    // As the release before 0008 writes a registration over one that has a revision.
    let worker = registration("w", &["cpp"]);
    store.register_worker(&worker, NOW).await.unwrap();
    assert_eq!(store.workers().await.unwrap()[0].registration.slots, 2);
    let mut changed = worker.clone();
    changed.slots = 77;
    let old = "INSERT INTO workers (id, name, registration, registered_ms, seen_ms, draining, unfit) \
               VALUES ($1, $2, $3, $4, $4, 0, $5) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
               registration = excluded.registration, seen_ms = excluded.seen_ms, unfit = excluded.unfit, draining = 0";
    let told = serde_json::to_string(&changed).unwrap();
    store.db.exec(old, args![worker.id, "w", told, NOW, None::<String>]).await.unwrap();
    assert_eq!(store.mend(None).await.unwrap(), Mended { workers: 1, ..Mended::default() });
    assert_eq!(store.workers().await.unwrap()[0].registration.slots, 77);
    assert_eq!(store.mend(None).await.unwrap(), Mended::default(), "once");

    // As the release before 0009 writes judgements: without the tenant.
    let found = async |tenant: &str| {
        let filter =
            Filter { tenant: Some(tenant.into()), verdict: Some(Verdict::AC), limit: 9, ..Filter::default() };
        store.list_submissions(&filter).await.unwrap().len()
    };
    let result =
        serde_json::to_string(&proto::report::Judgement::system_error("cpp", String::new())).unwrap();
    for (tenant, at) in [("local", 5_000), ("a", 1_000), ("b", 9_000)] {
        let submission = submit_as(&store, tenant, 1, NOW).await.remove(0);
        for sql in ["DELETE FROM jobs", "DELETE FROM judgements WHERE submission_id = $1"] {
            let bound = if sql.contains('$') { args![submission] } else { args![] };
            store.db.exec(sql, bound).await.unwrap();
        }
        let id = uuid::Builder::from_unix_timestamp_millis(at, &[7; 10]).into_uuid().to_string();
        let old = "INSERT INTO judgements (id, submission_id, number, cause, current, state, verdict, result, attempt, \
                   fence, created_ms) VALUES ($1, $2, 1, 'submitted', 1, 'done', 'AC', $3, 1, 1, $4)";
        store.db.exec(old, args![id, submission, result.clone(), NOW]).await.unwrap();
    }
    assert_eq!((found("local").await, found("a").await, found("b").await), (1, 0, 0));
    assert_eq!(store.mend(Some(9_000)).await.unwrap().judgements, 1, "the newer one");
    assert_eq!((found("a").await, found("b").await), (0, 1));
    assert_eq!(store.mend(None).await.unwrap().judgements, 1, "and all");
    assert_eq!((found("local").await, found("a").await, found("b").await), (1, 1, 1));
    assert_eq!(store.mend(None).await.unwrap(), Mended::default());
});

fn no_room(bytes: u64) -> Outcome {
    let no_room = Some(NoRoom { what: Stored::Package, bytes });
    Outcome::Failed { cause: "it does not fit".into(), retry: true, no_room }
}

on_every_store!(what_fits_on_no_disk_waits_and_uses_up_no_attempt, |store| {
    let problem = Some((String::from("big"), Digest::of(b"big"), Digest::of(b"zip")));
    let big = || NewRow { problem: problem.clone(), ..new_row(Priority::Normal) };
    let view = problem_view("big", &Digest::of(b"big"));
    let new = NewProblem { view, blob: Digest::of(b"zip"), languages: None, unpacked: 0 };
    store.install_problem(&new, NOW).await.unwrap();
    let room = |mib: u64| Some(RoomLeft { free_bytes: mib << 20, cap_bytes: 4 << 30 });
    let me = WorkerRegistration { room: room(100), ..registration("small", &["cpp"]) };
    store.register_worker(&me, NOW).await.unwrap();
    let first = store.submit(&big(), NOW).await.unwrap();
    let classes = async || crate::routing::classes(&store.workers().await.unwrap(), NOW);
    let lease = async |now| {
        let class = classes().await.remove(0);
        let leased = store.lease_jobs(Some(&class), 9, 1000, now).await.unwrap();
        leased.into_iter().map(|job| job.judgement).collect::<Vec<_>>()
    };
    // Nobody knows yet what it needs: the worker finds out, again and again, and no attempt is used up.
    let judgement = lease(NOW).await[0];
    for round in 0..5 {
        let (attempt, fence) = granted(&claim(&store, judgement, me.id, false, NOW).await);
        assert_eq!(attempt, 1, "round {round}");
        let told = report((first, judgement), (attempt, fence), no_room(300 << 20));
        assert_eq!(store.report(&told, NOW).await.unwrap(), Ingest::Waits);
        assert!(matches!(store.report(&told, NOW).await.unwrap(), Ingest::Ignored(_)), "a repeat");
        assert_eq!(state_of(&store, first).await, State::Queued);
        assert_eq!(store.attempts(first).await.unwrap(), []);
        // As an older worker would, which does not say what room it has.
        store.heartbeat(me.id, &Heartbeat::default(), NOW).await.unwrap();
    }
    store.heartbeat(me.id, &Heartbeat { room: room(100), ..Heartbeat::default() }, NOW).await.unwrap();
    let second = store.submit(&big(), NOW).await.unwrap();
    let other = store.submit(&new_row(Priority::Normal), NOW).await.unwrap();
    let later = NOW + 60_000;
    let leased = lease(later).await;
    assert_eq!(leased.len(), 1, "the one that brings no package is not held up");
    assert_eq!(store.submission_of(leased[0]).await.unwrap(), Some(other));
    assert_eq!(claim(&store, judgement, me.id, false, NOW).await, ClaimReply::TryElsewhere);
    for id in [first, second] {
        let workers = store.workers().await.unwrap();
        let place = store.place_in_queue(id, &workers, NOW).await.unwrap().unwrap();
        let words =
            "room:the package needs 300.0 MiB on a worker's disk; 100.0 MiB is the most that one has free";
        assert_eq!(place.waiting_for.as_deref(), Some(words));
    }
    assert_eq!(store.needs_waiting().await.unwrap()[0].waiting, 2, "they are counted together");
    // Room comes, here or with somebody else.
    let large = WorkerRegistration { room: room(301), ..registration("large", &["cpp"]) };
    store.register_worker(&large, NOW).await.unwrap();
    assert_eq!(lease(later).await.len(), 2);
    assert_eq!(claim(&store, judgement, me.id, false, NOW).await, ClaimReply::TryElsewhere);
    let (attempt, fence) = granted(&claim(&store, judgement, large.id, false, NOW).await);
    let stored = store.report(&report((first, judgement), (attempt, fence), judged()), NOW).await.unwrap();
    assert!(matches!(stored, Ingest::Stored(_)), "{stored:?}");
});
