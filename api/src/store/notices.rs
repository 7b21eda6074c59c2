//! Notices between the processes that use one PostgreSQL database: `NOTIFY` and `LISTEN` (its manual, chapter SQL
//! Commands). Sent in a transaction of their own: one that also writes would make every other that notifies wait for it
//! to be on disk.

use std::sync::Arc;
use std::time::Duration;

use proto::id::SubmissionId;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::db::{ANSWER, Place};
use super::{Store, StoreError};

/// The channel; its name is part of what releases share.
const CHANNEL: &str = "tribunal_changed";
/// Ids in one notice: 37 bytes each, and 36 for the sender's, must be under PostgreSQL's 8,000.
const IDS_MAX: usize = 200;
/// Connections beside the pool, one to listen and one to tell: a notice does not wait behind submissions.
const CONNECTIONS: u32 = 2;
/// How often the wire is shown to lead to the server and back.
pub(crate) const PULSE: Duration = Duration::from_secs(20);
/// A listener that hears nothing for three of them waits on a wire that is cut, and would do so for ever.
const SILENT: Duration = Duration::from_mins(1);
/// How long one of them may take to be made.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends notices.
#[derive(Debug)]
pub(crate) struct Teller {
    pool: PgPool,
    place: Arc<Place>,
    /// Names this process in its notices, which it hears too.
    me: String,
}

/// Notices of other processes.
pub(crate) struct Notices {
    listener: PgListener,
    place: Arc<Place>,
    me: String,
    /// [`SILENT`], but for tests.
    pub(crate) silent: Duration,
}

impl Store {
    /// Whether other processes may use the database at the same time.
    pub(crate) fn has_neighbours(&self) -> bool {
        self.db.postgres().is_some()
    }

    /// Both ends for this process, on connections of their own.
    ///
    /// # Errors
    /// `Missing` for SQLite, whose data folder belongs to one process.
    pub(crate) async fn notices(&self) -> Result<(Teller, Notices), StoreError> {
        let Some(pool) = self.db.postgres() else {
            return Err(StoreError::Missing("notice with SQLite".into()));
        };
        let options: Arc<PgConnectOptions> = pool.connect_options();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(PgConnectOptions::clone(&options))
            .await?;
        let place = self.db.place().clone();
        let mut listener = PgListener::connect_with(&pool).await?;
        place.within(ANSWER, listener.listen(CHANNEL)).await?;
        let me = uuid::Uuid::new_v4().to_string();
        Ok((
            Teller { pool, place: place.clone(), me: me.clone() },
            Notices { listener, place, me, silent: SILENT },
        ))
    }
}

impl Teller {
    /// Tells that these changed.
    pub(crate) async fn tell(&self, submissions: &[SubmissionId]) -> Result<(), StoreError> {
        for some in submissions.chunks(IDS_MAX) {
            self.send(some).await?;
        }
        Ok(())
    }

    /// Tells that nothing changed; who hears it, this process among them, knows that it still hears.
    pub(crate) async fn pulse(&self) -> Result<(), StoreError> {
        self.send(&[]).await
    }

    async fn send(&self, some: &[SubmissionId]) -> Result<(), StoreError> {
        let words = some.iter().fold(self.me.clone(), |text, id| format!("{text} {id}"));
        let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(words);
        self.place.within(ANSWER, notify.execute(&self.pool)).await.map(drop)
    }
}

impl Notices {
    /// Waits for what others told; ids only, what is none is skipped.
    ///
    /// # Errors
    /// `Silent` when not even a pulse of this process came for [`SILENT`].
    pub(crate) async fn next(&mut self) -> Result<Vec<SubmissionId>, StoreError> {
        loop {
            let heard = tokio::time::timeout(self.silent, self.listener.recv()).await;
            let notice = heard.map_err(|_| self.place.silent(self.silent))??;
            let mut words = notice.payload().split(' ');
            if words.next() != Some(self.me.as_str()) {
                return Ok(words.filter_map(|id| id.parse().ok()).collect());
            }
        }
    }
}
