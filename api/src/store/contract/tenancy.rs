//! Turns, bounds, keys and tokens of tenants; what a submission carries and how it is erased.

use super::*;

async fn tenants_of(store: &Store, jobs: &[LeasedJob]) -> Vec<String> {
    let mut names = Vec::new();
    for job in jobs {
        let row = store
            .db
            .row("SELECT tenant FROM jobs WHERE judgement_id = $1", args![job.judgement])
            .await
            .unwrap();
        names.push(row.unwrap().text(0).unwrap());
    }
    names
}

on_every_store!(a_tenant_with_many_jobs_delays_anothers_single_one_by_a_run, |store| {
    submit_as(&store, "many", 40, NOW).await;
    let taken = store.lease_jobs(None, 10, 60_000, NOW).await.unwrap();
    assert_eq!(tenants_of(&store, &taken).await, ["many"; 10]);
    submit_as(&store, "single", 1, NOW + 5).await;
    submit_as(&store, "few", 3, NOW + 6).await;
    let taken = store.lease_jobs(None, 9, 60_000, NOW + 7).await.unwrap();
    assert_eq!(
        tenants_of(&store, &taken).await,
        ["many", "single", "few", "many", "few", "many", "few", "many", "many"]
    );
});

on_every_store!(who_comes_late_does_not_get_the_turns_of_the_past, |store| {
    submit_as(&store, "a", 20, NOW).await;
    for job in store.lease_jobs(None, 10, 60_000, NOW).await.unwrap() {
        store.drop_job(job.judgement, &job.lease).await.unwrap();
    }
    submit_as(&store, "b", 20, NOW + 1).await;
    let taken = store.lease_jobs(None, 10, 60_000, NOW + 2).await.unwrap();
    let names = tenants_of(&store, &taken).await;
    assert_eq!(names.iter().filter(|n| *n == "a").count(), 5, "{names:?}");
});

on_every_store!(a_tenant_never_has_more_in_hand_than_it_may, |store| {
    let bounds = TenantRow { name: "a".into(), running_max: Some(2), ..TenantRow::default() };
    store.set_tenant(&bounds, NOW).await.unwrap();
    submit_as(&store, "a", 6, NOW).await;
    submit_as(&store, "b", 2, NOW).await;
    let taken = store.lease_jobs(None, 8, 60_000, NOW).await.unwrap();
    let names = tenants_of(&store, &taken).await;
    assert_eq!(names, ["a", "b", "a", "b"], "what was taken together counts together");
    assert!(store.lease_jobs(None, 8, 60_000, NOW).await.unwrap().is_empty());
    store.drop_job(taken[0].judgement, &taken[0].lease).await.unwrap();
    assert_eq!(store.lease_jobs(None, 8, 60_000, NOW).await.unwrap().len(), 1);
});

on_every_store!(a_tenant_over_its_bounds_is_told_when_to_come_back, |store| {
    let rate = TenantRow { name: "r".into(), per_minute: Some(3), ..TenantRow::default() };
    let unfinished = TenantRow { name: "u".into(), unfinished_max: Some(2), ..TenantRow::default() };
    store.set_tenant(&rate, NOW).await.unwrap();
    store.set_tenant(&unfinished, NOW).await.unwrap();
    let send = async |tenant: &str, count: usize, now: Millis| {
        let row = NewRow { tenant: tenant.into(), ..new_row(Priority::Normal) };
        store.submit_all(&vec![row; count], None, now).await
    };
    let wait = |refused: Result<Accepted, StoreError>| match refused {
        Err(StoreError::Quota { retry_ms, .. }) => retry_ms,
        other => panic!("not refused: {other:?}"),
    };
    send("r", 2, NOW).await.unwrap();
    send("r", 1, NOW + 10_000).await.unwrap();
    assert_eq!(wait(send("r", 1, NOW + 20_000).await), 40_000);
    assert_eq!(wait(send("r", 3, NOW + 20_000).await), 50_000);
    send("r", 2, NOW + 60_000).await.unwrap();
    assert!(matches!(send("r", 1, NOW + 60_001).await, Err(StoreError::Quota { .. })));
    wait(send("u", 3, NOW).await);
    let never = send("u", 3, NOW).await.unwrap_err().to_string();
    assert!(never.contains("send fewer"), "no waiting helps against this: {never}");
    assert!(
        store
            .list_submissions(&Filter { tenant: Some("u".into()), limit: 9, ..Filter::default() })
            .await
            .unwrap()
            .is_empty(),
        "nothing of a refused batch is stored"
    );
    send("u", 2, NOW).await.unwrap();
    wait(send("u", 1, NOW).await);
    send("somebody", 9, NOW).await.unwrap();
});

on_every_store!(a_key_makes_its_submissions_once_and_no_others, |store| {
    let key = |key: &str, request: &[u8]| Once { key: key.into(), request: Digest::of(request) };
    let rows = vec![new_row(Priority::Normal); 2];
    let first = store.submit_all(&rows, Some(&key("k", b"x")), NOW).await.unwrap();
    assert!(!first.replayed);
    let again = store.submit_all(&rows, Some(&key("k", b"x")), NOW + 1).await.unwrap();
    assert_eq!((again.ids, again.replayed), (first.ids.clone(), true));
    let other = store.submit_all(&rows, Some(&key("k", b"y")), NOW + 1).await;
    assert!(matches!(other, Err(StoreError::KeyReused)));
    let elsewhere = vec![NewRow { tenant: "t".into(), ..new_row(Priority::Normal) }];
    let elsewhere = store.submit_all(&elsewhere, Some(&key("k", b"y")), NOW + 1).await.unwrap();
    assert!(!elsewhere.replayed, "a key is its tenant's own");
    let next_day = NOW + 25 * 3600 * 1000;
    assert!(!store.submit_all(&rows, Some(&key("k", b"z")), next_day).await.unwrap().replayed);
    assert_eq!(store.forget_old_keys(next_day).await.unwrap(), 1);
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (store, rows, key) = (store.clone(), rows.clone(), key("race", b"x"));
        tasks.push(tokio::spawn(async move { store.submit_all(&rows, Some(&key), NOW).await.unwrap() }));
    }
    let mut made = Vec::new();
    for task in tasks {
        made.push(task.await.unwrap());
    }
    assert_eq!(made.iter().filter(|a| !a.replayed).count(), 1);
    assert!(made.iter().all(|a| a.ids == made[0].ids));
});

on_every_store!(an_erased_submission_leaves_no_row, |store| {
    let mut new = new_row(Priority::Normal);
    new.labels = vec!["x".into(), "x".into()];
    new.callback = Some(("https://example.com/".into(), false));
    let told = store.submit(&new, NOW).await.unwrap();
    store.cancel(told, NOW).await.unwrap();
    let delivery = store.take_webhook(&[], NOW).await.unwrap().unwrap();
    let tried = TryRow { number: 1, at: NOW, took_ms: 1, status: None, error: None };
    store.settle_webhook(&delivery.id, &tried, Tried::Failed, NOW).await.unwrap();
    assert!(store.erase(told).await.unwrap());
    assert!(store.settle_webhook(&delivery.id, &tried, Tried::Failed, NOW).await.unwrap().is_none());
    let id = store.submit(&new, NOW).await.unwrap();
    let leased = store.lease_jobs(None, 1, 1000, NOW).await.unwrap().remove(0);
    let claim = granted(&claim(&store, leased.judgement, WorkerId::new(), false, NOW).await);
    assert!(store.erase(id).await.unwrap());
    assert!(!store.erase(id).await.unwrap());
    for table in ["submissions", "judgements", "attempts", "jobs", "labels", "webhooks", "webhook_tries"] {
        let sql = format!(" FROM {table}");
        let rows = store.db.rows_where("SELECT COUNT(*)", sql, args![]).await.unwrap();
        assert_eq!(rows[0].int(0).unwrap(), 0, "{table}");
    }
    let late = report((id, leased.judgement), claim, judged());
    assert!(matches!(store.report(&late, NOW).await.unwrap(), Ingest::Ignored(_)));
});

on_every_store!(submissions_are_found_by_what_they_carry, |store| {
    let mut new = new_row(Priority::Normal);
    (new.labels, new.participant) = (vec!["hw-1".into(), "a%".into()], Some("ann".into()));
    new.external_id = Some("7".into());
    let wanted = store.submit(&new, NOW).await.unwrap();
    let other = submit(&store).await;
    let fence = granted(&claim(&store, other.1, WorkerId::new(), false, NOW).await);
    store.report(&report(other, fence, judged()), NOW).await.unwrap();
    let found = async |change: fn(&mut Filter)| {
        let mut filter = Filter { limit: 9, ..Filter::default() };
        change(&mut filter);
        let rows = store.list_submissions(&filter).await.unwrap();
        rows.into_iter().map(|row| row.view.id).collect::<Vec<_>>()
    };
    assert_eq!(found(|_| ()).await, [other.0, wanted]);
    assert_eq!(found(|f| f.label = Some("hw-1".into())).await, [wanted]);
    assert!(found(|f| f.label = Some("a".into())).await.is_empty());
    assert_eq!(found(|f| f.participant = Some("ann".into())).await, [wanted]);
    assert_eq!(found(|f| f.external_id = Some("7".into())).await, [wanted]);
    assert_eq!(found(|f| f.state = Some(State::Queued)).await, [wanted]);
    assert_eq!(found(|f| f.verdict = Some(Verdict::WA)).await, [other.0]);
    assert!(found(|f| f.language = Some("ada".into())).await.is_empty());
    assert_eq!(found(|f| f.limit = 1).await, [other.0]);
    let past = store.judgements(other.0).await.unwrap();
    assert_eq!((past.len(), past[0].current, past[0].view.number), (1, true, 1));
    assert!(store.judgements(wanted).await.unwrap().is_empty());
});

on_every_store!(a_waiting_submission_knows_its_place, |store| {
    let first = submit(&store).await;
    let second = submit(&store).await;
    store.register_worker(&registration("two slots", &["cpp"]), NOW).await.unwrap();
    let workers = store.workers().await.unwrap();
    let place = store.place_in_queue(second.0, &workers, NOW).await.unwrap().unwrap();
    assert_eq!((place.ahead, place.estimate_ms, place.waiting_for), (1, None, None));
    let fence = granted(&claim(&store, first.1, WorkerId::new(), false, NOW).await);
    store.report(&report(first, fence, judged()), NOW + 3000).await.unwrap();
    let place = store.place_in_queue(second.0, &workers, NOW + 3000).await.unwrap().unwrap();
    assert_eq!((place.ahead, place.estimate_ms), (0, Some(1500)));
    assert!(store.place_in_queue(first.0, &workers, NOW).await.unwrap().is_none());
});

on_every_store!(a_token_ends_when_it_is_taken_back_or_over, |store| {
    let new = NewToken {
        name: "ci".into(),
        tenant: "team".into(),
        scopes: vec![Scope::Submit],
        priority: Priority::Bulk,
        expires: Some(NOW + 10),
    };
    let (id, text) = store.new_token(&new, NOW).await.unwrap();
    assert_eq!(store.token(&text, NOW).await.unwrap().unwrap().priority, Priority::Bulk);
    assert!(store.token(&text, NOW + 10).await.unwrap().is_none());
    assert!(store.revoke_token(&id, NOW + 1).await.unwrap().revoked.is_some());
    assert!(store.token(&text, NOW + 2).await.unwrap().is_none());
    assert!(matches!(store.revoke_token("x", NOW).await, Err(StoreError::Missing(_))));
    assert_eq!(store.tokens().await.unwrap().len(), 1);
});

on_every_store!(a_token_of_the_operators_is_one_row_however_many_services_take_it_at_once, |store| {
    let text = "w".repeat(40);
    let taken =
        futures::future::join_all((0..8).map(|_| store.adopt_worker_token(&text, "local", NOW))).await;
    assert!(taken.iter().all(|t| matches!(t, Ok(Adopted::Taken | Adopted::Known))), "{taken:?}");
    let rows = store.tokens().await.unwrap();
    assert_eq!(rows.len(), 1, "one that is left would open after the other was taken back");
    store.revoke_token(&rows[0].id, NOW).await.unwrap();
    assert!(store.token(&text, NOW).await.unwrap().is_none());
    assert_eq!(store.adopt_worker_token(&text, "local", NOW).await.unwrap(), Adopted::Over);
});

on_every_store!(a_page_of_a_list_is_read_off_an_index_in_its_order, |store| {
    let base = Filter { tenant: Some("local".into()), limit: 50, ..Filter::default() };
    for (filter, index) in [
        (Filter { before: Some(SubmissionId::new()), ..base.clone() }, "submissions_by_tenant"),
        (Filter { state: Some(State::Queued), ..base.clone() }, "submissions_of_state"),
        (Filter { language: Some("ada".into()), ..base.clone() }, "submissions_of_language"),
        (Filter { problem: Some("p".into()), ..base.clone() }, "submissions_of_problem"),
        (Filter { participant: Some("p".into()), ..base.clone() }, "submissions_of_participant"),
        (Filter { external_id: Some("e".into()), ..base.clone() }, "submissions_of_external_id"),
        (Filter { verdict: Some(Verdict::JE), ..base.clone() }, "judgements_of_verdict"),
        (
            Filter { verdict: Some(Verdict::AC), before: Some(SubmissionId::new()), ..base.clone() },
            "judgements_of_verdict",
        ),
    ] {
        let Some(plan) = store.list_plan(&filter).await else { continue };
        assert!(plan[0].contains(&format!("USING INDEX {index} ")), "{index}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{index}: {plan:?}");
    }
});
