//! The truth: tokens, tenants, problems, submissions, judgements, attempts, waiting jobs, workers, blobs,
//! deliveries to callback URLs and the audit log.
//!
//! Only this folder writes SQL. Functions take the current time as an argument; they hold no clock. States
//! move in [`transition`] alone, which names from and to. Bytes of blobs lie on disk beside the database, or in a bucket.

mod audit;
mod blobs;
mod bucket;
pub(crate) mod db;
mod holds;
mod idempotency;
mod jobs;
mod judging;
mod ledger;
mod mend;
mod moves;
mod notices;
mod problems;
mod rejudges;
mod retention;
mod submissions;
mod tenants;
mod tokens;
mod uploads;
mod webhooks;
mod workers;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod dump;

use std::path::Path;

use proto::event::State;
use proto::id::SubmissionId;

pub(crate) use audit::AuditRow;
pub(crate) use blobs::{BlobDir, Blobs};
pub(crate) use bucket::Bucket;
pub use bucket::S3Config;
pub(crate) use holds::{HoldKind, HoldRow};
pub(crate) use idempotency::Once;
pub(crate) use jobs::{LeasedJob, QueueCount};
pub(crate) use judging::Ingest;
pub use ledger::Entry;
pub(crate) use notices::PULSE;
pub(crate) use problems::{NewProblem, ProblemRow};
pub(crate) use rejudges::{Change, NewRejudge, RejudgeRow, RejudgeState, Revision, Selection};
pub(crate) use retention::Erased;
pub use retention::Retention;
pub(crate) use submissions::{Accepted, Content, Filter, NewRow, SubmissionRow};
pub(crate) use tenants::TenantRow;
pub use tokens::Scope;
pub(crate) use tokens::{Adopted, NewToken, TokenRow};
pub(crate) use webhooks::{DeliveryState, Tried, TryRow, WebhookFilter, WebhookRow};
pub(crate) use workers::WorkerRow;

use db::{Db, Tx, args};

/// Milliseconds since 1970, UTC.
pub(crate) type Millis = i64;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no known kind of database.
    #[error("`{0}` is not a database URL: write `sqlite://FILE` or `postgres://USER@HOST/NAME`")]
    Url(String),
    /// It cannot be opened or brought up to date.
    #[error("could not open {what}: {cause}")]
    Open {
        /// Which database, without secrets.
        what: String,
        /// What it said.
        cause: String,
    },
    /// A statement failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// There is no room where things are stored.
    #[error("there is no room left for {place}: {cause}; make room on its disk")]
    Full {
        /// Which database or folder, without secrets.
        place: String,
        /// What it said.
        cause: String,
    },
    /// The database did not answer a statement.
    #[error("{place} did not answer within {seconds} s")]
    Silent {
        /// Which database, without secrets.
        place: String,
        /// How long it had.
        seconds: u64,
    },
    /// What was read is not what was written.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    /// A file of the blob folder cannot be read or written.
    #[error("could not use the blob file {path}: {source}")]
    Blob {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A blob's bytes are not those of its name.
    #[error("the bytes have digest {found}, not {expected}")]
    Digest {
        /// As named.
        expected: String,
        /// As computed.
        found: String,
    },
    /// The name, revision or id is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// The name is one of a package of the other kind (problem, harness).
    #[error("`{0}` names a package of the other kind (problem or harness); choose another name")]
    NameTaken(String),
    /// Somebody else moved the state first.
    #[error("the submission is {found}, not {expected}")]
    Moved {
        /// The state it had to be in.
        expected: &'static str,
        /// The state it is in.
        found: String,
    },
    /// The tenant may not send that many now.
    #[error("{what}")]
    Quota {
        /// Which bound, and how much of it is used.
        what: String,
        /// When it is worth trying again, in milliseconds.
        retry_ms: Millis,
    },
    /// More submissions are chosen than one transaction should hold.
    #[error("more than {most} submissions are chosen; choose fewer, for example by time")]
    TooMany {
        /// How many may be.
        most: usize,
    },
    /// The rejudge is in another state.
    #[error("the rejudge is {found}, not {expected}")]
    Rejudge {
        /// The state it had to be in.
        expected: &'static str,
        /// The state it is in.
        found: String,
    },
    /// An idempotency key came with a request that is not the one it came with first.
    #[error("this Idempotency-Key came with another request before")]
    KeyReused,
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}

/// The database and the blobs.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    blobs: Blobs,
    registrations: workers::Registrations,
    /// How often a submission was read.
    #[cfg(test)]
    reads: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Store {
    /// Opens the database at `url` (`sqlite://FILE` or `postgres://…`) and the blob folder `blobs`, which is
    /// made when missing; brings the tables up to date.
    pub async fn open(url: &str, blobs: &Path) -> Result<Self, StoreError> {
        let blobs = Blobs::Folder(BlobDir::open(blobs)?);
        Self::over(url, blobs).await
    }

    /// The same with blobs in the bucket `s3://BUCKET[/PREFIX]`.
    pub async fn open_with_bucket(url: &str, bucket: &str, config: &S3Config) -> Result<Self, StoreError> {
        let blobs = Blobs::Bucket(Bucket::open(bucket, config).await?);
        Self::over(url, blobs).await
    }

    async fn over(url: &str, blobs: Blobs) -> Result<Self, StoreError> {
        Ok(Self {
            db: Db::open(url).await?,
            blobs,
            registrations: workers::Registrations::default(),
            #[cfg(test)]
            reads: std::sync::Arc::default(),
        })
    }

    /// How often a submission was read.
    #[cfg(test)]
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Which of its places refused something within the last half minute because they are full: `database`, `blobs`.
    pub(crate) fn full(&self) -> Vec<&'static str> {
        let blobs = matches!(&self.blobs, Blobs::Folder(folder) if folder.is_full());
        let known = [("database", self.db.is_full()), ("blobs", blobs)];
        known.into_iter().filter(|(_, full)| *full).map(|(name, _)| name).collect()
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db.row("SELECT 1", args![]).await.map(drop)
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// Moves a submission from one state to another. The only place where a state changes.
///
/// # Errors
/// `Moved` when it is in none of `from`; the caller's transaction must then be dropped.
async fn transition(
    tx: &mut Tx,
    id: SubmissionId,
    from: &'static [State],
    to: State,
) -> Result<(), StoreError> {
    for state in from {
        let changed = tx
            .exec(
                "UPDATE submissions SET state = $1 WHERE id = $2 AND state = $3",
                args![to.name(), id, state.name()],
            )
            .await?;
        if changed == 1 {
            return Ok(());
        }
    }
    let found = tx.row("SELECT state FROM submissions WHERE id = $1", args![id]).await?;
    let found = found.map_or_else(|| Ok("missing".to_owned()), |row| row.text(0))?;
    Err(StoreError::Moved { expected: from.first().map_or("", |s| s.name()), found })
}

/// Parses a state column.
fn state(text: &str) -> Result<State, StoreError> {
    [State::Queued, State::Running, State::Held, State::Done, State::Cancelled]
        .into_iter()
        .find(|s| s.name() == text)
        .ok_or_else(|| StoreError::corrupt(format!("state `{text}`")))
}

/// Parses a priority column.
fn priority(text: &str) -> Result<proto::job::Priority, StoreError> {
    proto::job::Priority::ALL
        .into_iter()
        .find(|p| p.name() == text)
        .ok_or_else(|| StoreError::corrupt(format!("priority `{text}`")))
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::corrupt(e.to_string()))
}
