//! Helpers of this crate's tests: stores of both kinds, a running service, requests, and a worker that
//! answers as told.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use futures::StreamExt;
use proto::event::{EventKind, EventMessage, State};
use proto::facts::Accounting;
use proto::http::{ClaimReply, ClaimRequest, WorkerRegistration};
use proto::id::WorkerId;
use proto::job::{Priority, SourceFile};
use proto::language::LanguageInfo;
use proto::report::{CompileReport, CompileStatus, Judgement, Outcome, ReportMessage, TestReport};
use proto::verdict::Verdict;
use queue::{Coordinator, EventSink, ReportSink, WorkerLink};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::app::App;
use crate::store::{Content, NewRow, Scope, Store};
use crate::{Service, ServiceConfig, routes};

/// Something only judges may see.
pub(crate) const SECRET: &str = "expected 42 from the secret file";

/// An empty SQLite store, and an empty PostgreSQL one when `TRIBUNAL_TEST_POSTGRES` names a server.
pub(crate) async fn stores() -> Vec<(&'static str, Store, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("t.db").display());
    let sqlite = Store::open(&url, &folder.path().join("blobs")).await.unwrap();
    let mut stores = vec![("sqlite", sqlite, folder)];
    if let Some(url) = postgres().await {
        let folder = tempfile::tempdir().unwrap();
        stores.push(("postgres", Store::open(&url, &folder.path().join("blobs")).await.unwrap(), folder));
    }
    stores
}

/// The URL of an empty PostgreSQL database, when `TRIBUNAL_TEST_POSTGRES` names a server.
pub(crate) async fn postgres() -> Option<String> {
    let Ok(server) = std::env::var("TRIBUNAL_TEST_POSTGRES") else {
        println!("SKIPPED: TRIBUNAL_TEST_POSTGRES names no server; only SQLite is tested");
        return None;
    };
    Some(fresh_database(&server).await)
}

/// The S3-compatible service that `.ci/s3` started.
pub(crate) fn s3_endpoint() -> String {
    std::env::var("TRIBUNAL_TEST_S3").expect("TRIBUNAL_TEST_S3 names a service; `.ci/s3` starts one")
}

/// A new database on the server; returns its URL.
pub(crate) async fn fresh_database(server: &str) -> String {
    use sqlx::Connection;
    let name = format!("tribunal_{}", uuid::Uuid::new_v4().simple());
    let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
    let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

pub(crate) fn language(id: &str, usable: bool) -> LanguageInfo {
    LanguageInfo {
        id: id.into(),
        name: id.into(),
        version: None,
        extensions: vec![],
        variant_of: None,
        image: None,
        image_kind: None,
        compile: None,
        run: vec![],
        usable,
        reason: None,
        note: None,
    }
}

pub(crate) fn registration(name: &str, languages: &[&str]) -> WorkerRegistration {
    WorkerRegistration {
        id: WorkerId::new(),
        name: name.into(),
        version: "0".into(),
        slots: 2,
        accounting: Accounting::Exact,
        arch: std::env::consts::ARCH.into(),
        languages: languages.iter().map(|id| language(id, true)).collect(),
        protocol: proto::skew::PROTOCOL,
        class: None,
        speed: None,
        unfit: None,
        room: None,
        harnesses: false,
    }
}

pub(crate) fn new_row(priority: Priority) -> NewRow {
    NewRow {
        tenant: "local".into(),
        problem: None,
        language: "cpp".into(),
        priority,
        capability: crate::CAPABILITY.into(),
        exact: false,
        external_id: None,
        participant: None,
        labels: vec![],
        callback: None,
        trace: None,
        content: Content {
            files: vec![SourceFile { name: "a.cpp".into(), content: b"int main(){}\xff".to_vec() }],
            tests: Some(vec![]),
            ..Content::default()
        },
    }
}

/// A judgement with one failed secret case.
pub(crate) fn judgement() -> Judgement {
    let mut judgement = Judgement::system_error("cpp", SECRET.into());
    judgement.verdict = Verdict::WA;
    judgement.compile = Some(compile());
    let case = |name: &str| {
        TestReport::not_run(&format!("secret/{name}"), "secret", Verdict::WA, Some(SECRET.into()))
    };
    judgement.tests = vec![case("01"), case("02")];
    judgement
}

fn compile() -> CompileReport {
    CompileReport {
        status: CompileStatus::Ok,
        log: String::new(),
        cpu_time: Duration::from_millis(5),
        wall_time: Duration::from_millis(6),
        limit_hit: None,
        cached: false,
    }
}

/// A service on a free port that runs until dropped, spoken to without a socket.
pub(crate) struct Site {
    pub(crate) app: Arc<App>,
    pub(crate) admin: String,
    pub(crate) worker: String,
    pub(crate) link: Option<WorkerLink>,
    pub(crate) folder: TempDir,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<std::io::Result<()>>,
    router: Router,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        json["code"].as_str().unwrap().to_owned()
    }
}

impl Site {
    /// Listens on loopback, or, with `public`, on every address.
    pub(crate) async fn start(public: bool) -> Self {
        Self::start_with(|config| {
            config.listen = if public { "0.0.0.0:0" } else { "127.0.0.1:0" }.parse().unwrap();
        })
        .await
    }

    /// Listens on loopback unless `change` says otherwise.
    pub(crate) async fn start_with(change: impl FnOnce(&mut ServiceConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = ServiceConfig::new(folder.path().join("data"));
        config.listen = "127.0.0.1:0".parse().unwrap();
        change(&mut config);
        let service = Service::start(config).await.unwrap();
        let admin = service.first_token().unwrap().to_owned();
        let worker = std::fs::read_to_string(service.worker_token_file()).unwrap().trim().to_owned();
        let (app, link) = (service.app().clone(), service.embedded_link(2));
        let stop = CancellationToken::new();
        let running = tokio::spawn(service.run(stop.clone()));
        let router = routes::router(app.clone());
        Self { app, admin, worker, link, folder, stop, running, router }
    }

    /// One on SQLite, and one on an empty PostgreSQL database when there is a server.
    pub(crate) async fn on_every_store(change: impl Fn(&mut ServiceConfig)) -> Vec<Self> {
        let mut sites = vec![Self::start_with(&change).await];
        if let Some(url) = postgres().await {
            let with_database = |config: &mut ServiceConfig| {
                change(config);
                config.database = Some(url);
            };
            sites.push(Self::start_with(with_database).await);
        }
        sites
    }

    pub(crate) async fn token(&self, scopes: &[Scope]) -> String {
        self.app.store.create_token("t", "local", scopes, 0).await.unwrap()
    }

    /// Sends a request; without a token its Host is loopback.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        let text = String::from_utf8(bytes).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Registers the worker in this process and judges jobs with [`judgement`] until the test ends.
    pub(crate) async fn judge_everything(&mut self) {
        judge_with(self.link.take().unwrap()).await;
    }
}

/// Registers a worker and judges jobs with [`judgement`] until the queue closes.
pub(crate) async fn judge_with(link: WorkerLink) {
    let me = registration("host", &["cpp", "python3"]);
    link.coordinator.register(&me).await.unwrap();
    let WorkerLink { mut jobs, reports, events, coordinator } = link;
    tokio::spawn(async move {
        while let Ok(delivery) = jobs.next().await {
            judge_one(&*coordinator, &*reports, &*events, me.id, delivery).await;
        }
    });
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Claims, tells events, reports, acknowledges.
pub(crate) async fn judge_one(
    coordinator: &dyn Coordinator,
    reports: &dyn ReportSink,
    events: &dyn EventSink,
    me: WorkerId,
    delivery: queue::Delivery<proto::job::Job>,
) {
    let job = delivery.message.clone();
    let request = ClaimRequest { worker_id: me, redelivered: delivery.redelivered, traceparent: None };
    let reply = coordinator.claim(job.judgement_id, &request).await.unwrap();
    let ClaimReply::Granted { attempt, fence, .. } = reply else {
        delivery.ack().await.unwrap();
        return;
    };
    let answer = judgement();
    let mut parts = vec![
        EventKind::State { state: State::Running, tests_total: Some(2) },
        EventKind::Compile { compile: compile() },
    ];
    for (index, test) in (0..).zip(&answer.tests) {
        parts.push(EventKind::Test { index, total: 2, test: Box::new(test.clone()) });
    }
    for (seq, event) in (0..).zip(parts) {
        let (judgement_id, submission_id) = (job.judgement_id, job.submission_id);
        events
            .publish(&EventMessage {
                schema: proto::skew::PROTOCOL,
                judgement_id,
                submission_id,
                attempt,
                fence,
                seq,
                event,
            })
            .await;
    }
    let report = ReportMessage {
        schema: proto::skew::PROTOCOL,
        judgement_id: job.judgement_id,
        submission_id: job.submission_id,
        attempt,
        fence,
        worker_id: me,
        outcome: Outcome::Judged { judgement: Box::new(answer) },
        traceparent: None,
    };
    reports.publish(&report).await.unwrap();
    delivery.ack().await.unwrap();
}
