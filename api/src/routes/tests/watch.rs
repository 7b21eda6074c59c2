//! Many who watch one submission: what they hear, and what it costs.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures::StreamExt;
use proto::http::{ClaimReply, ClaimRequest};
use proto::id::SubmissionId;
use proto::report::{Outcome, ReportMessage};
use tokio::time::timeout;

use super::{SUBMISSIONS, events, names, submit};
use crate::app::App;
use crate::store::Scope;
use crate::testing::{Site, judge_with, postgres, registration};
use crate::{Service, ServiceConfig, watch};

/// Nobody looks by himself while a test runs.
const NEVER: Duration = Duration::from_hours(1);
const OFTEN: Duration = Duration::from_millis(50);
/// What has to happen happens within this, on a loaded machine too.
const SOON: Duration = Duration::from_mins(2);

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

/// Hears a story to its end: names of its events.
async fn heard(app: Arc<App>, id: String) -> Vec<&'static str> {
    let told = watch::follow(&app, id.parse().unwrap(), None, true, -1).await.unwrap().unwrap();
    told.map(|told| told.event).collect().await
}

#[tokio::test]
async fn a_thousand_watchers_cost_one_read_a_change_and_hear_every_event_once() {
    for mut site in Site::on_every_store(|config| config.look_every = NEVER).await {
        let id = submit(&site).await;
        let link = site.link.take().unwrap();
        let before = site.app.store.reads();
        let (stream, wait) = (format!("{SUBMISSIONS}/{id}/events"), format!("{SUBMISSIONS}/{id}?wait=true"));
        let all = async {
            let streams = (0..500).map(|_| site.ask("GET", &stream, None, None));
            let waits = (0..500).map(|_| site.ask("GET", &wait, None, None));
            tokio::join!(futures::future::join_all(streams), futures::future::join_all(waits))
        };
        let parsed = id.parse().unwrap();
        let judge = async {
            until("all watch", || site.app.hub.watchers(parsed) == 1000 && site.app.store.reads() > before)
                .await;
            let read = site.app.store.reads() - before;
            judge_with(link).await;
            read
        };
        let ((streams, waits), first) = timeout(SOON, async { tokio::join!(all, judge) }).await.unwrap();
        // It was claimed, which is read; what it was judged is known from the report.
        let later = site.app.store.reads() - before - first;
        assert_eq!(first, 1, "those who came read it once");
        assert_eq!(later, 1);
        for answer in streams {
            let told = events(&answer.text);
            assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "none twice: {:?}", names(&told));
            assert_eq!(names(&told).iter().filter(|name| **name == "test").count(), 2);
            assert_eq!(told.last().unwrap().1, "done");
        }
        for answer in waits {
            assert_eq!((answer.status, answer.json()["verdict"].as_str()), (StatusCode::OK, Some("WA")));
        }
        assert_eq!(site.app.hub.watchers(parsed), 0);
    }
}

#[tokio::test]
async fn a_verdict_that_was_stored_here_is_answered_without_another_read() {
    for mut site in Site::on_every_store(|config| config.look_every = NEVER).await {
        let id: SubmissionId = submit(&site).await.parse().unwrap();
        let mut link = site.link.take().unwrap();
        let me = registration("host", &["cpp"]);
        link.coordinator.register(&me).await.unwrap();
        let delivery = link.jobs.next().await.unwrap();
        let judgement = delivery.message.judgement_id;
        let request = ClaimRequest { worker_id: me.id, redelivered: false, traceparent: None };
        let reply = link.coordinator.claim(judgement, &request).await.unwrap();
        let ClaimReply::Granted { attempt, fence, .. } = reply else { panic!("{reply:?}") };
        let before = site.app.store.reads();
        let waiting = watch::wait(&site.app, id, None, SOON);
        let report = async {
            until("it is read", || site.app.store.reads() == before + 1).await;
            let report = ReportMessage {
                schema: proto::skew::PROTOCOL,
                judgement_id: judgement,
                submission_id: id,
                attempt,
                fence,
                worker_id: me.id,
                outcome: Outcome::Judged { judgement: Box::new(crate::testing::judgement()) },
                traceparent: None,
            };
            crate::ingest::take(&site.app, &report).await.unwrap();
        };
        let (row, ()) = tokio::join!(waiting, report);
        assert_eq!(site.app.store.reads(), before + 1, "nothing was read of what was just written");
        let stored = site.app.store.submission(id, None).await.unwrap();
        assert_eq!(format!("{:?}", row.unwrap()), format!("{stored:?}"), "and it is what the store has");
    }
}

#[tokio::test]
async fn a_change_that_nobody_told_of_is_found_by_looking() {
    for site in Site::on_every_store(|config| config.look_every = OFTEN).await {
        let id = submit(&site).await;
        let parsed = id.parse().unwrap();
        let story = heard(site.app.clone(), id);
        let cancel = async {
            until("it is watched", || site.app.hub.watchers(parsed) == 1).await;
            site.app.store.cancel(parsed, crate::time::now_ms()).await.unwrap();
        };
        let (told, ()) = timeout(SOON, async { tokio::join!(story, cancel) }).await.unwrap();
        assert_eq!(told, ["state", "state"]);
    }
}

#[tokio::test]
async fn a_store_that_fails_ends_streams_and_waits() {
    let site = Site::start_with(|config| config.look_every = OFTEN).await;
    let id = submit(&site).await;
    let wait = format!("{SUBMISSIONS}/{id}?wait=true");
    let told = watch::follow(&site.app, id.parse().unwrap(), None, true, -1).await.unwrap().unwrap();
    let told = told.map(|told| told.event).collect::<Vec<_>>();
    let fail = async {
        until("both watch", || site.app.hub.watchers(id.parse().unwrap()) == 2).await;
        site.app.store.close().await;
    };
    let all = async { tokio::join!(told, site.ask("GET", &wait, None, None), fail) };
    let (told, answer, ()) = timeout(SOON, all).await.unwrap();
    assert_eq!(told, ["state"]);
    assert!(answer.status.is_server_error(), "{}", answer.text);
    let again = watch::follow(&site.app, id.parse().unwrap(), None, true, -1).await;
    assert!(again.is_err(), "no stream without a word of the store");
}

#[tokio::test]
async fn who_may_not_see_it_does_not_hear_it_from_those_who_do() {
    let mut site = Site::start_with(|config| config.look_every = NEVER).await;
    let id = submit(&site).await;
    let stranger = site.app.store.create_token("s", "elsewhere", &[Scope::Read], 0).await.unwrap();
    let parsed = id.parse().unwrap();
    let story = heard(site.app.clone(), id.clone());
    let link = site.link.take().unwrap();
    let ask = async {
        until("it is watched", || site.app.hub.watchers(parsed) == 1).await;
        for path in [format!("{SUBMISSIONS}/{id}/events"), format!("{SUBMISSIONS}/{id}?wait=true")] {
            let answer = site.ask("GET", &path, Some(&stranger), None).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (StatusCode::NOT_FOUND, "not_found"),
                "{path}"
            );
        }
        judge_with(link).await;
    };
    let (told, ()) = timeout(SOON, async { tokio::join!(story, ask) }).await.unwrap();
    assert_eq!(told.last(), Some(&"done"));
}

#[tokio::test]
async fn what_one_api_process_changes_the_watchers_of_another_hear_without_looking() {
    // SQLite has one process.
    let Some(database) = postgres().await else { return };
    let start = |c: &mut ServiceConfig| {
        (c.look_every, c.database) = (NEVER, Some(database.clone()));
        c.listen = "127.0.0.1:0".parse().unwrap();
    };
    let mut here = Site::start_with(start).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServiceConfig::new(folder.path().join("data"));
    start(&mut config);
    let there = Service::start(config).await.unwrap();
    let (app, stop) = (there.app().clone(), here.stop.clone());
    let running = tokio::spawn(there.run(stop));
    let id = submit(&here).await;
    let parsed = id.parse().unwrap();
    let story = tokio::spawn(heard(app.clone(), id));
    until("it is watched", || app.hub.watchers(parsed) == 1 && app.store.reads() == 1).await;
    // Until it listens there.
    until("a notice arrives", || {
        here.app.hub.changed(parsed);
        app.store.reads() > 1
    })
    .await;
    here.judge_everything().await;
    let told = timeout(SOON, story).await.unwrap().unwrap();
    assert_eq!(told.last(), Some(&"done"), "{told:?}");
    drop(here);
    running.await.unwrap().unwrap();
}

/// What a notice says reaches everybody but the one who sent it, however many ids it has.
#[tokio::test]
async fn notices_reach_the_others_whole() {
    let Some(url) = postgres().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = crate::Store::open(&url, folder.path()).await.unwrap();
    let ((here, mut mine), (there, mut theirs)) =
        (store.notices().await.unwrap(), store.notices().await.unwrap());
    let ids: Vec<_> = (0..450).map(|_| proto::id::SubmissionId::new()).collect();
    here.tell(&ids).await.unwrap();
    there.tell(&ids[..1]).await.unwrap();
    let mut got = Vec::new();
    while got.len() < ids.len() {
        got.extend(timeout(SOON, theirs.next()).await.unwrap().unwrap());
    }
    assert_eq!(got, ids);
    assert_eq!(timeout(SOON, mine.next()).await.unwrap().unwrap(), ids[..1]);
}

/// A process that hears not even itself listens at a wire that is cut.
#[tokio::test]
async fn who_hears_not_even_his_own_pulse_listens_anew() {
    let Some(url) = postgres().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = crate::Store::open(&url, folder.path()).await.unwrap();
    let (here, mut mine) = store.notices().await.unwrap();
    mine.silent = Duration::from_secs(2);
    let pulses = async {
        for _ in 0..8 {
            here.pulse().await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        () = pulses => {}
        heard = mine.next() => panic!("{heard:?} while its own pulse was heard"),
    }
    let ended = timeout(SOON, mine.next()).await.expect("it notices");
    assert!(matches!(ended, Err(crate::store::StoreError::Silent { .. })), "{ended:?}");
}
