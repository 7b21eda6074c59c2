//! Starts, runs and stops the service.
//!
//! [`Service::start`] opens everything that can fail (folder, database, port, URLs) and says what was wrong;
//! [`Service::run`] serves until it is told to stop. A broker that cannot be reached is no failure:
//! submissions wait in the store. Stop the workers first, then the service: it takes their last reports.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;

use bytes::Bytes;
use proto::http::ProblemView;
use queue::{ApiLink, EventSource, JobSink, QueueError, ReportSource, WorkerLink};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::{App, BrokerState};
use crate::config::{Broker, ServiceConfig};
use crate::embedded::{Embedded, Local};
use crate::events::Hub;
use crate::metrics::Metrics;
use crate::neighbours::News;
use crate::store::{Store, StoreError};
use crate::time::now_ms;
use crate::{connections, dispatch, first_tokens, ingest, neighbours, package, retention, routes, webhooks};

/// How long open requests may take after the service was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made or written.
    #[error("could not write the data folder {path}; choose another one with --data")]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another service uses the data folder.
    #[error(
        "the data folder {path} is in use by another tribunal; stop it or choose another one with --data"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The place for blobs is of no known kind.
    #[error("`{0}` is no place for blobs: write `file:///DIRECTORY` or `s3://BUCKET/PREFIX`")]
    Blobs(String),
    /// The file with the workers' token holds something else.
    #[error("the token in {path} cannot be the workers': {why}")]
    WorkerToken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The database cannot be opened.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("could not listen on {listen}; choose another address with --listen")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing can be sent to callback URLs.
    #[error("the client for callback URLs cannot be made")]
    Callbacks(#[from] reqwest::Error),
    /// The broker's URL is of no known kind.
    #[error("the broker cannot be used")]
    Broker(#[from] QueueError),
}

/// A problem that was not installed.
#[derive(Debug, thiserror::Error)]
#[error("the package is refused ({code}): {detail}")]
pub struct InstallError {
    /// The stable code.
    pub code: &'static str,
    /// What was wrong.
    pub detail: String,
}

/// A service that is ready to run. It holds its port and its data folder from here on.
pub struct Service {
    app: Arc<App>,
    listener: TcpListener,
    local_addr: SocketAddr,
    first_token: Option<String>,
    worker_token_file: PathBuf,
    embedded: Option<Embedded>,
    jobs: Option<Arc<dyn JobSink>>,
    reports: Box<dyn ReportSource>,
    events: Box<dyn EventSource>,
    window: u32,
    caller: reqwest::Client,
    _lock: File,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl Service {
    /// Opens the folder, the store, the port and the queue. Has to be called within a tokio runtime.
    pub async fn start(config: ServiceConfig) -> Result<Self, StartError> {
        let link = match &config.broker {
            Broker::Embedded => None,
            Broker::Amqp(url) => Some(queue::amqp::connect_api(url)?),
        };
        Self::start_with(config, link).await
    }

    /// The same with a broker that is there already; without one jobs stay in this process.
    pub(crate) async fn start_with(config: ServiceConfig, link: Option<ApiLink>) -> Result<Self, StartError> {
        let lock = lock_data(&config.data)?;
        let caller = webhooks::client(&config.callbacks)?;
        let store = open_store(&config).await?;
        let listen = config.listen;
        let failed = |source| StartError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        // After all that can fail: the first admin token is told once, by the start that made it.
        let (first_token, worker_token_file) = first_tokens::make(&store, &config).await?;
        let wake = Arc::new(Notify::new());
        let brokered = link.is_some();
        let app = Arc::new(App {
            store: store.clone(),
            hub: Hub::new(store.has_neighbours().then(News::default), config.look_every),
            metrics: Metrics::new(),
            wake: wake.clone(),
            hooks: Notify::new(),
            callbacks: config.callbacks,
            loopback: local_addr.ip().is_loopback(),
            maxima: config.maxima,
            retention: config.retention,
            web_dir: config.web_dir,
            brokered,
            broker: AtomicU8::new(BrokerState::Untried as u8),
            shutdown: CancellationToken::new(),
        });
        let (embedded, jobs, reports, events) = match link {
            None => {
                store.release_all_jobs().await?;
                let touched = store.end_all_claims(now_ms()).await?;
                if !touched.is_empty() {
                    tracing::warn!(
                        count = touched.len(),
                        "submissions that were being judged are judged again"
                    );
                }
                let (queue, reports, events) = Embedded::new(store, wake);
                (Some(queue), None, reports, events)
            }
            Some(ApiLink { jobs, reports, events }) => (None, Some(jobs), reports, events),
        };
        Ok(Self {
            app,
            listener,
            local_addr,
            first_token,
            worker_token_file,
            embedded,
            jobs,
            reports,
            events,
            window: config.window.max(1),
            caller,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The first admin token, when this start made it: the only time its text is known.
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// The file, readable by its owner only, that holds a token for workers.
    pub fn worker_token_file(&self) -> &Path {
        &self.worker_token_file
    }

    /// What a worker in this process needs; `None` when jobs go through a broker.
    pub fn embedded_link(&self, slots: usize) -> Option<WorkerLink> {
        let queue = self.embedded.as_ref()?;
        Some(WorkerLink {
            jobs: queue.jobs(slots, crate::CAPABILITY),
            reports: Arc::new(queue.clone()),
            events: Arc::new(queue.clone()),
            coordinator: Arc::new(Local(self.app.clone())),
        })
    }

    /// Installs a package zip as the active revision of its problem. Does nothing new when this revision is
    /// installed. Returns its view and whether it is new.
    pub async fn install_problem(
        &self,
        zip: Bytes,
        name: Option<&str>,
    ) -> Result<(ProblemView, bool), InstallError> {
        package::install(&self.app.store, zip, package::Naming { asked: name, file: None })
            .await
            .map_err(|e| InstallError { code: e.code.name(), detail: e.detail })
    }

    #[cfg(test)]
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The store, for tests and tools.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Serves until `shutdown` is cancelled; then takes no more requests, ends streams and waits, finishes
    /// open requests for at most 10 s, and closes the store.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), std::io::Error> {
        let Self { app, listener, reports, events, jobs, window, caller, .. } = self;
        let mut loops = tokio::task::JoinSet::new();
        loops.spawn(ingest::reports(app.clone(), reports));
        loops.spawn(ingest::events(app.clone(), events));
        loops.spawn(dispatch::sweep(app.clone()));
        loops.spawn(retention::sweep(app.clone()));
        loops.spawn(neighbours::talk(app.clone()));
        loops.spawn(webhooks::send(app.clone(), caller));
        if let Some(jobs) = jobs {
            loops.spawn(dispatch::publish(app.clone(), jobs, window));
        }
        let stop = app.shutdown.clone();
        let relay = {
            let stop = stop.clone();
            tokio::spawn(async move {
                shutdown.cancelled().await;
                stop.cancel();
            })
        };
        tracing::info!(listen = %self.local_addr, "serving");
        let router = routes::router(app.clone());
        let server = connections::serve(listener, router, connections::Bounds::default(), stop.clone());
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            () = server => {}
            () = late => tracing::warn!("requests were still open when the time to drain was over"),
        }
        stop.cancel();
        relay.abort();
        while loops.join_next().await.is_some() {}
        app.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Makes the data folder and takes it for this process.
fn lock_data(data: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Data { path: data.to_owned(), source };
    std::fs::create_dir_all(data).map_err(failed)?;
    let lock = File::create(data.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse { path: data.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

async fn open_store(config: &ServiceConfig) -> Result<Store, StartError> {
    let database = match &config.database {
        Some(url) => url.clone(),
        None => format!("sqlite://{}", config.data.join("tribunal.db").display()),
    };
    let folder = match &config.blobs {
        None => config.data.join("blobs"),
        Some(url) if url.starts_with("s3://") => {
            return Ok(Store::open_with_bucket(&database, url, &config.s3).await?);
        }
        Some(url) => match url.strip_prefix("file://") {
            Some(folder) if !folder.is_empty() => PathBuf::from(folder),
            _ => return Err(StartError::Blobs(crate::redact::redact(url))),
        },
    };
    Ok(Store::open(&database, &folder).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Site;
    use std::os::unix::fs::PermissionsExt;

    async fn refusal(change: impl FnOnce(&mut ServiceConfig)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut config = ServiceConfig::new(folder.path().join("data"));
        config.listen = "127.0.0.1:0".parse().unwrap();
        change(&mut config);
        let error = Service::start(config).await.expect_err("this must not start");
        let mut text = error.to_string();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(next) = cause.source() {
            text = format!("{text}: {next}");
            cause = next;
        }
        text
    }

    #[tokio::test]
    async fn a_start_that_fails_says_what_was_wrong() {
        let text = refusal(|c| c.data = "/proc/nothing/here".into()).await;
        assert!(text.contains("/proc/nothing/here") && text.contains("--data"), "{text}");
        let text = refusal(|c| c.database = Some("mysql://u:secret@h/d".into())).await;
        assert!(text.contains("postgres://") && !text.contains("secret"), "{text}");
        let nobody = Some("postgres://u:secret@127.0.0.1:1/d".into());
        let text = refusal(|c| c.database = nobody).await;
        assert!(text.contains("127.0.0.1:1") && !text.contains("secret"), "{text}");
        let text = refusal(|c| c.blobs = Some("ftp://u:secret@h/x".into())).await;
        assert!(text.contains("file://") && text.contains("s3://") && !text.contains("secret"), "{text}");
        let text = refusal(|c| c.blobs = Some("s3://key:secret@bucket".into())).await;
        assert!(text.contains("s3://BUCKET"), "{text}");
        let text = refusal(|c| c.broker = Broker::Amqp("http://u:secret@h".into())).await;
        assert!(text.contains("amqp://") && !text.contains("secret"), "{text}");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let text = refusal(|c| c.listen = address).await;
        assert!(text.contains(&address.to_string()) && text.contains("--listen"), "{text}");
    }

    #[tokio::test]
    async fn one_data_folder_serves_one_service() {
        let site = Site::start(false).await;
        let mut config = ServiceConfig::new(site.folder.path().join("data"));
        config.listen = "127.0.0.1:0".parse().unwrap();
        assert!(matches!(Service::start(config).await, Err(StartError::InUse { .. })));
    }

    #[tokio::test]
    async fn a_second_start_keeps_tokens_and_shows_none() {
        let mut site = Site::start(false).await;
        let path = site.folder.path().join("data/worker.token");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let before = std::fs::read_to_string(&path).unwrap();
        site.stop.cancel();
        (&mut site.running).await.unwrap().unwrap();
        let mut config = ServiceConfig::new(site.folder.path().join("data"));
        config.listen = "127.0.0.1:0".parse().unwrap();
        let service = Service::start(config).await.unwrap();
        assert!(service.first_token().is_none());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert!(service.store().token(&site.admin, now_ms()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn stopping_ends_streams_and_waits() {
        let mut site = Site::start(false).await;
        let body = serde_json::json!({"language": "cpp", "files": [{"name": "a.c", "content": "x"}],
            "tests": [{}]});
        let sent = site.ask("POST", "/api/v1/submissions", None, Some(body)).await.json();
        let path = format!("/api/v1/submissions/{}", sent["id"].as_str().unwrap());
        let (events, wait) = (format!("{path}/events"), format!("{path}?wait=true"));
        let stop = site.stop.clone();
        let (heard, waited, ()) =
            tokio::join!(site.ask("GET", &events, None, None), site.ask("GET", &wait, None, None), async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                stop.cancel();
            });
        assert!(heard.text.contains("queued"));
        assert_eq!(waited.status, 202);
        (&mut site.running).await.unwrap().unwrap();
    }
}
