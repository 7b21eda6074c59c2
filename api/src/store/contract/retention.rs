//! Keeping things only so long. The clock is an argument: nothing here waits.

use bytes::Bytes;
use proto::job::InlineTest;
use proto::report::OUTPUTS_ERASED;

use super::super::retention::{AT_ONCE, RETIRED_MS};
use super::*;
use crate::testing::SECRET;

const DAY: Millis = 24 * 3600 * 1000;

fn keep(sources: u32, outputs: u32, judgements: u32) -> Retention {
    Retention {
        sources_days: Some(sources),
        outputs_days: Some(outputs),
        judgements_days: Some(judgements),
        revisions_days: Some(30),
    }
}

/// A judged submission of a tenant.
async fn judged_of(store: &Store, tenant: &str) -> SubmissionId {
    let mut row = NewRow { tenant: tenant.into(), ..new_row(Priority::Normal) };
    row.content.tests =
        Some(vec![InlineTest { stdin: b"hidden words".to_vec(), expected_output: None, args: vec![] }]);
    let id = store.submit(&row, NOW).await.unwrap();
    let sql = "SELECT id FROM judgements WHERE submission_id = $1";
    let judgement: JudgementId = store.db.row(sql, args![id]).await.unwrap().unwrap().parse(0, "id").unwrap();
    let fence = granted(&claim(store, judgement, WorkerId::new(), false, NOW).await);
    let mut answer = judgement_with_outputs();
    answer.language = tenant.into();
    let outcome = Outcome::Judged { judgement: Box::new(answer) };
    store.report(&report((id, judgement), fence, outcome), NOW).await.unwrap();
    id
}

fn judgement_with_outputs() -> proto::report::Judgement {
    let mut answer = judgement();
    answer.compile.as_mut().unwrap().log = "warning: hidden words".into();
    for test in &mut answer.tests {
        (test.stdout, test.stderr, test.feedback) =
            (Some("hidden words".into()), Some("hidden words".into()), Some("hidden words".into()));
    }
    answer
}

async fn stored(store: &Store, id: SubmissionId) -> String {
    let sql = "SELECT s.content, j.result FROM submissions s JOIN judgements j ON j.submission_id = s.id WHERE s.id = $1";
    match store.db.row(sql, args![id]).await.unwrap() {
        Some(row) => format!("{} {}", row.text(0).unwrap(), row.text(1).unwrap()),
        None => String::new(),
    }
}

on_every_store!(sources_outputs_and_submissions_go_each_in_their_time, |store| {
    let id = judged_of(&store, "a").await;
    let (waiting, _) = submit(&store).await;
    let keep = keep(10, 20, 30);
    let look = async |days: Millis| store.erase_old(&keep, NOW + days * DAY).await.unwrap();
    // Base64 of "hidden words", as tests in a request are kept.
    let secrets = async || {
        let text = stored(&store, id).await;
        (text.contains("aGlkZGVuIHdvcmRz"), text.contains("hidden words") || text.contains(SECRET))
    };
    assert_eq!(store.erase_old(&keep, NOW + 10 * DAY - 1).await.unwrap(), Erased::default(), "not yet");
    assert_eq!(secrets().await, (true, true));
    assert_eq!(look(10).await, Erased { sources: 1, ..Erased::default() });
    assert_eq!(secrets().await, (false, true));
    let row = store.submission(id, None).await.unwrap().unwrap().view;
    assert!(row.sources_erased_at.is_some() && row.outputs_erased_at.is_none());
    let select = Selection { submissions: vec![id], ..Selection::default() };
    let new =
        NewRejudge { tenant: None, actor: "t".into(), reason: String::new(), selection: select, ..rejudge() };
    assert!(matches!(store.new_rejudge(&new, NOW).await, Err(StoreError::Missing(_))), "nothing to judge");
    assert_eq!(look(20).await, Erased { outputs: 1, ..Erased::default() });
    assert_eq!(secrets().await, (false, false));
    let row = store.submission(id, None).await.unwrap().unwrap().view;
    let judgement = row.judgement.unwrap().result;
    assert_eq!((row.verdict, judgement.tests.len()), (Some(Verdict::WA), 2), "verdicts and figures stay");
    assert!(judgement.notes.iter().any(|note| note == OUTPUTS_ERASED));
    assert_eq!(look(20).await, Erased::default(), "once is enough");
    assert_eq!(look(30).await, Erased { submissions: 1, ..Erased::default() });
    assert!(store.submission(id, None).await.unwrap().is_none());
    assert_eq!(state_of(&store, waiting).await, State::Queued, "what waits is never touched");
    assert_eq!(store.erase_old(&Retention::default(), NOW + 99_999 * DAY).await.unwrap(), Erased::default());
});

on_every_store!(a_tenant_has_days_of_its_own_and_a_look_has_a_bound, |store| {
    let (long, short) = (judged_of(&store, "long").await, judged_of(&store, "short").await);
    let own = TenantRow { name: "long".into(), judgements_days: Some(90), ..TenantRow::default() };
    store.set_tenant(&own, NOW).await.unwrap();
    let days = Retention { judgements_days: Some(30), ..Retention::default() };
    assert_eq!(store.erase_old(&days, NOW + 60 * DAY).await.unwrap().submissions, 1);
    assert!(store.submission(short, None).await.unwrap().is_none());
    assert!(store.submission(long, None).await.unwrap().is_some());
    assert_eq!(store.erase_old(&days, NOW + 90 * DAY).await.unwrap().submissions, 1);
    // Cancelled ones are final, too, and quickly made.
    let many = submit_as(&store, "many", AT_ONCE as usize + 1, NOW).await;
    for id in &many {
        store.cancel(*id, NOW).await.unwrap();
    }
    let look = async || store.erase_old(&days, NOW + 30 * DAY).await.unwrap();
    assert_eq!(look().await, Erased { submissions: u64::from(AT_ONCE), more: true, ..Erased::default() });
    assert_eq!(look().await, Erased { submissions: 1, ..Erased::default() });
});

on_every_store!(what_is_judged_again_is_not_erased_meanwhile_and_its_outputs_go_later, |store| {
    let id = judged_of(&store, "a").await;
    let days = keep(10, 10, 1000);
    assert_eq!(
        store.erase_old(&Retention { sources_days: None, ..days }, NOW + 10 * DAY).await.unwrap().outputs,
        1
    );
    let select = Selection { submissions: vec![id], ..Selection::default() };
    let new =
        NewRejudge { tenant: None, actor: "t".into(), reason: String::new(), selection: select, ..rejudge() };
    store.new_rejudge(&new, NOW + 10 * DAY).await.unwrap();
    assert_eq!(store.erase_old(&days, NOW + 11 * DAY).await.unwrap(), Erased::default(), "it is open");
    let sql = "SELECT id FROM judgements WHERE submission_id = $1 AND number = 2";
    let again: JudgementId = store.db.row(sql, args![id]).await.unwrap().unwrap().parse(0, "id").unwrap();
    let fence = granted(&claim(&store, again, WorkerId::new(), false, NOW).await);
    let outcome = Outcome::Judged { judgement: Box::new(judgement_with_outputs()) };
    store.report(&report((id, again), fence, outcome), NOW).await.unwrap();
    let erased = store.erase_old(&days, NOW + 11 * DAY).await.unwrap();
    assert_eq!((erased.sources, erased.outputs), (1, 1));
    for past in store.judgements(id).await.unwrap() {
        assert!(
            past.view.result.tests.iter().all(|t| t.stdout.is_none()),
            "every judgement's outputs are gone"
        );
    }
});

on_every_store!(revisions_nobody_needs_and_blobs_nobody_names_go, |store| {
    let old_file = |digest: &Digest| {
        let then = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
        let path = store.blobs.path_for_tests(digest);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(then).unwrap();
        path
    };
    let install = async |text: &'static str| {
        let blob = store.put_blob(Bytes::from_static(text.as_bytes()), NOW).await.unwrap();
        let new =
            NewProblem { view: problem_view("p", &blob), blob: blob.clone(), languages: None, unpacked: 0 };
        store.install_problem(&new, NOW).await.unwrap();
        (blob.clone(), old_file(&blob))
    };
    let ((first, first_path), (pinned, pinned_path), (active, active_path)) =
        (install("one").await, install("two").await, install("three").await);
    let mut row = new_row(Priority::Normal);
    row.problem = Some(("p".into(), pinned.clone(), pinned.clone()));
    store.submit(&row, NOW).await.unwrap();
    let orphan = store.put_blob(Bytes::from_static(b"orphan"), NOW).await.unwrap();
    let orphan_path = old_file(&orphan);
    let late = NOW + 30 * DAY;
    let days = Retention { revisions_days: Some(30), ..Retention::default() };
    assert_eq!(store.erase_old(&days, late - 1).await.unwrap().revisions, 0);
    assert_eq!(store.erase_old(&days, late).await.unwrap().revisions, 0, "first it is retired");
    assert!(store.problem("p", Some(&first)).await.unwrap().is_none(), "no new submission takes it");
    assert!(first_path.exists());
    assert_eq!(store.erase_old(&days, late + RETIRED_MS).await.unwrap().revisions, 1);
    assert!(!first_path.exists());
    for kept in [&pinned, &active] {
        assert!(store.problem("p", Some(kept)).await.unwrap().is_some());
    }
    assert_eq!(store.erase_orphans(None, NOW + DAY - 1).await.unwrap(), (0, None), "too young");
    assert_eq!(store.erase_orphans(None, NOW + DAY).await.unwrap(), (1, None));
    assert!(!orphan_path.exists() && pinned_path.exists() && active_path.exists());
});

on_every_store!(a_retired_revision_that_is_made_active_stays, |store| {
    let install = async |text: &'static str| {
        let blob = store.put_blob(Bytes::from_static(text.as_bytes()), NOW).await.unwrap();
        let new =
            NewProblem { view: problem_view("p", &blob), blob: blob.clone(), languages: None, unpacked: 0 };
        store.install_problem(&new, NOW).await.unwrap();
        blob
    };
    let (first, _second) = (install("one").await, install("two").await);
    let days = Retention { revisions_days: Some(1), ..Retention::default() };
    store.erase_old(&days, NOW + DAY).await.unwrap();
    store.activate_problem("p", &first).await.unwrap();
    store.erase_old(&days, NOW + DAY + RETIRED_MS).await.unwrap();
    assert!(store.problem("p", Some(&first)).await.unwrap().is_some());
});

fn rejudge() -> NewRejudge {
    NewRejudge {
        tenant: None,
        actor: String::new(),
        reason: String::new(),
        selection: Selection::default(),
        revision: Revision::Same,
        apply: false,
    }
}
