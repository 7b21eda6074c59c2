//! Judging again: beside what counts, until it is applied.

use super::*;

fn another(verdict: Verdict) -> Outcome {
    let mut judgement = judgement();
    judgement.verdict = verdict;
    Outcome::Judged { judgement: Box::new(judgement) }
}

async fn judge_waiting(store: &Store, verdict: Verdict, now: Millis) -> usize {
    let jobs = store.lease_jobs(None, 99, 60_000, now).await.unwrap();
    for leased in &jobs {
        let job = store.job(leased.judgement).await.unwrap().unwrap();
        let fence = granted(&claim(store, leased.judgement, WorkerId::new(), false, now).await);
        let message = report((job.submission_id, leased.judgement), fence, another(verdict));
        assert!(matches!(store.report(&message, now).await.unwrap(), Ingest::Stored(_)));
        store.drop_job(leased.judgement, &leased.lease).await.unwrap();
    }
    jobs.len()
}

fn rejudge_of(selection: Selection, apply: bool) -> NewRejudge {
    let (actor, reason) = ("me".to_owned(), "new tests".to_owned());
    NewRejudge { tenant: None, actor, reason, selection, revision: Revision::Active, apply }
}

async fn verdict_of(store: &Store, id: SubmissionId) -> (Option<Verdict>, u32) {
    let view = store.submission(id, None).await.unwrap().unwrap().view;
    assert_eq!(view.state, State::Done);
    (view.verdict, view.judgement.unwrap().number)
}

on_every_store!(a_rejudge_changes_nothing_until_it_is_applied_and_then_all_at_once, |store| {
    let ids = submit_as(&store, "t", 3, NOW).await;
    let waiting = submit_as(&store, "t", 1, NOW + 1).await;
    let late = store.lease_jobs(None, 1, 1, NOW).await.unwrap();
    store.release_job(late[0].judgement, &late[0].lease).await.unwrap();
    store.cancel(waiting[0], NOW).await.unwrap();
    assert_eq!(judge_waiting(&store, Verdict::WA, NOW).await, 3);
    let all = Selection { language: Some("cpp".into()), ..Selection::default() };
    let (id, count) = store.new_rejudge(&rejudge_of(all.clone(), false), NOW).await.unwrap();
    assert_eq!(count, 3, "what is not done is not judged again");
    assert!(store.settle_rejudges(NOW).await.unwrap().is_empty());
    assert!(matches!(store.apply_rejudge(&id, NOW).await, Err(StoreError::Rejudge { .. })));
    assert_eq!(store.queue_counts().await.unwrap()[2].waiting, 3, "they wait in their own class");
    assert_eq!(judge_waiting(&store, Verdict::AC, NOW).await, 3);
    for one in &ids {
        assert_eq!(verdict_of(&store, *one).await, (Some(Verdict::WA), 1), "nobody sees it yet");
    }
    assert!(store.settle_rejudges(NOW).await.unwrap().is_empty());
    assert_eq!(
        store.rejudge(&id, Some("t")).await.unwrap().map(|r| r.state),
        None,
        "it is nobody's but an admin's"
    );
    let row = store.rejudge(&id, None).await.unwrap().unwrap();
    assert_eq!((row.state, row.total, row.done), (RejudgeState::Ready, 3, 3));
    assert_eq!(store.rejudge_counts(&id).await.unwrap(), [("WA".into(), "AC".into(), 3)]);
    assert_eq!(store.rejudge_changes(&id).await.unwrap().len(), 3);
    assert_eq!(store.apply_rejudge(&id, NOW).await.unwrap().len(), 3);
    for one in &ids {
        assert_eq!(verdict_of(&store, *one).await, (Some(Verdict::AC), 2));
        assert_eq!(
            store.judgements(*one).await.unwrap().iter().map(|p| p.current).collect::<Vec<_>>(),
            [false, true]
        );
    }
    assert!(matches!(store.apply_rejudge(&id, NOW).await, Err(StoreError::Rejudge { .. })));
    assert!(matches!(store.cancel_rejudge(&id, NOW).await, Err(StoreError::Rejudge { .. })));
    assert_eq!(
        store.rejudge_counts(&id).await.unwrap(),
        [("WA".into(), "AC".into(), 3)],
        "the difference stays"
    );
});

on_every_store!(what_cannot_be_judged_again_keeps_its_judgement, |store| {
    let ids = submit_as(&store, "t", 2, NOW).await;
    judge_waiting(&store, Verdict::WA, NOW).await;
    let one = Selection { submissions: vec![ids[0]], ..Selection::default() };
    let (auto, _) = store.new_rejudge(&rejudge_of(one, true), NOW).await.unwrap();
    judge_waiting(&store, Verdict::SE, NOW).await;
    assert!(store.settle_rejudges(NOW).await.unwrap().is_empty());
    assert_eq!(store.rejudge(&auto, None).await.unwrap().unwrap().state, RejudgeState::Applied);
    assert_eq!(verdict_of(&store, ids[0]).await, (Some(Verdict::WA), 1));
});

on_every_store!(a_dropped_rejudge_leaves_everything_as_it_was, |store| {
    let ids = submit_as(&store, "t", 2, NOW).await;
    judge_waiting(&store, Verdict::WA, NOW).await;
    let early = Selection { created_before_ms: Some(NOW), ..Selection::default() };
    assert!(matches!(store.new_rejudge(&rejudge_of(early, false), NOW).await, Err(StoreError::Missing(_))));
    let all = Selection { verdict: Some(Verdict::WA), ..Selection::default() };
    let (id, count) = store.new_rejudge(&rejudge_of(all, true), NOW).await.unwrap();
    assert_eq!(count, 2);
    let leased = store.lease_jobs(None, 1, 60_000, NOW).await.unwrap().remove(0);
    let fence = granted(&claim(&store, leased.judgement, WorkerId::new(), false, NOW).await);
    store.cancel_rejudge(&id, NOW).await.unwrap();
    assert!(store.lease_jobs(None, 9, 1, NOW + 90_000).await.unwrap().is_empty());
    let submission = store.submission_of(leased.judgement).await.unwrap().unwrap();
    let message = report((submission, leased.judgement), fence, another(Verdict::AC));
    assert!(matches!(store.report(&message, NOW).await.unwrap(), Ingest::Ignored(_)));
    for one in &ids {
        assert_eq!(verdict_of(&store, *one).await, (Some(Verdict::WA), 1));
    }
});

on_every_store!(of_two_rejudges_the_later_one_stays, |store| {
    let ids = submit_as(&store, "t", 1, NOW).await;
    judge_waiting(&store, Verdict::WA, NOW).await;
    let all = Selection { submissions: ids.clone(), ..Selection::default() };
    let (first, _) = store.new_rejudge(&rejudge_of(all.clone(), false), NOW).await.unwrap();
    judge_waiting(&store, Verdict::TLE, NOW).await;
    let (second, _) = store.new_rejudge(&rejudge_of(all, false), NOW).await.unwrap();
    judge_waiting(&store, Verdict::AC, NOW).await;
    store.settle_rejudges(NOW).await.unwrap();
    store.apply_rejudge(&second, NOW).await.unwrap();
    assert!(store.apply_rejudge(&first, NOW).await.unwrap().is_empty());
    assert_eq!(verdict_of(&store, ids[0]).await, (Some(Verdict::AC), 3));
});
