//! One query layer over SQLite and PostgreSQL: the same SQL text with `$n` placeholders runs on both.
//!
//! Values are [`Arg`]s (text or integer, both may be null) and come back through [`Row`]. SQLite has one
//! writing connection and a pool of readers; PostgreSQL has one pool. Every write that depends on what was
//! read names the state it expects in its `WHERE`, so no statement needs a dialect's locking words.
//!
//! A statement ends: a PostgreSQL that falls silent (a cable, a firewall that forgot a connection) is given up after
//! [`ANSWER`], and the connection with it; it gives us up likewise ([`SESSION`]), and with us what we had locked.

mod place;
mod values;

pub(crate) use place::Place;
pub(crate) use values::{Arg, Row, args};

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::StoreError;
use crate::redact::redact;

/// How long a statement waits for another process that holds the SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection: longer than any transaction here, shorter than a client's patience.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Readers beside the one SQLite writer.
const READERS: u32 = 4;
/// Connections of one API process to PostgreSQL.
const CONNECTIONS: u32 = 8;
/// How long PostgreSQL may take for a statement, the wait for a connection included: longer than the server itself lets
/// one run (`statement_timeout` of [`SESSION`]), so that what only takes long is told by the server.
pub(super) const ANSWER: Duration = Duration::from_secs(25);
/// How long a connection may take to show that it still leads to the server.
const PING: Duration = Duration::from_secs(5);
/// A connection that was used within this is not asked whether it still leads to the server.
const RESTED: Duration = Duration::from_secs(1);
/// What a session asks of the server, where the server knows it (`tcp_user_timeout` is of PostgreSQL 12): no statement
/// runs for longer than any of ours may, and a client that is gone without a word holds its locks no longer than 30 s.
const SESSION: &str = "SELECT set_config(s.name, v.value, false) FROM (VALUES \
    ('statement_timeout', '20s'), ('idle_in_transaction_session_timeout', '30s'), \
    ('tcp_keepalives_idle', '15'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'), \
    ('tcp_user_timeout', '30s')) AS v (name, value) JOIN pg_settings s ON s.name = v.name";

/// The database.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    pools: Pools,
    place: Arc<Place>,
}

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres(PgPool),
}

/// A transaction; rolled back when dropped.
#[derive(Debug)]
pub(crate) struct Tx {
    open: Open,
    place: Arc<Place>,
}

#[derive(Debug)]
enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

macro_rules! bind {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query($sql);
        for arg in $args {
            query = match arg {
                Arg::Text(v) => query.bind(v),
                Arg::Int(v) => query.bind(v),
            };
        }
        query
    }};
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

impl Db {
    /// Opens `sqlite://FILE` or `postgres://…` and brings its tables up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        if let Some(file) = url.strip_prefix("sqlite://") {
            return Self::open_sqlite(Path::new(file)).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url).await;
        }
        Err(StoreError::Url(redact(url)))
    }

    async fn open_sqlite(file: &Path) -> Result<Self, StoreError> {
        let place = Arc::new(Place::new(format!("the SQLite file {}", file.display())));
        let failed = |cause: sqlx::Error| place.not_opened(&cause);
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full) // what was answered with 201 survives a power cut
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let pool = |n| {
            let pool = SqlitePoolOptions::new().max_connections(n).acquire_timeout(ACQUIRE_TIMEOUT);
            // SQLite rolls back by itself when the disk is full; sqlx's own ROLLBACK then finds nothing to roll back, and
            // it counts the connection as in a transaction for ever. Such a one is closed, and another is opened.
            pool.before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        };
        let write = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        MIGRATIONS.run(&write).await.map_err(|e| failed(e.into()))?;
        let read = pool(READERS).connect_with(options).await.map_err(failed)?;
        Ok(Db { pools: Pools::Sqlite { write, read }, place })
    }

    async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        let place = Arc::new(Place::new(format!("the database {}", redact(url))));
        let failed = |cause: sqlx::Error| place.not_opened(&cause);
        let options = PgConnectOptions::from_str(url).map_err(failed)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::query(SESSION).execute(connection).await.map(drop) })
            })
            // sqlx's own question before each use would be asked of a connection that answered just now, too.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(
                    async move { if meta.idle_for < RESTED { Ok(true) } else { answers(connection).await } },
                )
            })
            // What was given up in the middle still waits for its answer, and sqlx would wait with it without end.
            .after_release(|connection, _| Box::pin(answers(connection)))
            .connect_with(options)
            .await
            .map_err(failed)?;
        // Bringing a large table up to date may take longer than a statement may.
        let mut own = pool.acquire().await.map_err(failed)?.detach();
        sqlx::query("SET statement_timeout = 0").execute(&mut own).await.map_err(failed)?;
        MIGRATIONS.run(&mut own).await.map_err(|e| failed(e.into()))?;
        own.close().await.map_err(failed)?;
        Ok(Db { pools: Pools::Postgres(pool), place })
    }

    /// Whether the disk below it refused something lately.
    pub(crate) fn is_full(&self) -> bool {
        self.place.is_full()
    }

    /// Its connections, when it is a PostgreSQL, which others may use at the same time.
    pub(crate) fn postgres(&self) -> Option<&PgPool> {
        match &self.pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(pool) => Some(pool),
        }
    }

    /// What it is called, and whether it is full.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Starts a transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        let open = match &self.pools {
            // IMMEDIATE: take the write lock now, or a second process could make the first write fail.
            Pools::Sqlite { write, .. } => {
                Open::Sqlite(self.place.told(write.begin_with("BEGIN IMMEDIATE").await)?)
            }
            Pools::Postgres(pool) => Open::Postgres(self.place.within(ANSWER, pool.begin()).await?),
        };
        Ok(Tx { open, place: self.place.clone() })
    }

    /// One writing statement on its own; returns how many rows it changed.
    pub(crate) async fn exec(&self, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { write, .. } => {
                self.place.told(bind!(sql, args).execute(write).await)?.rows_affected()
            }
            Pools::Postgres(pool) => {
                self.place.within(ANSWER, bind!(sql, args).execute(pool)).await?.rows_affected()
            }
        })
    }

    /// Reads outside a transaction.
    pub(crate) async fn rows(&self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        self.fetch(sql, args).await
    }

    /// Reads with conditions put together from fixed pieces; every value is bound.
    pub(crate) async fn rows_where(
        &self,
        select: &'static str,
        conditions: String,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>, StoreError> {
        self.fetch(sqlx::AssertSqlSafe(format!("{select}{conditions}")), args).await
    }

    async fn fetch(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => {
                let rows = self.place.told(bind!(sql, args).fetch_all(read).await)?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Pools::Postgres(pool) => {
                let rows = self.place.within(ANSWER, bind!(sql, args).fetch_all(pool)).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Reads at most one row.
    pub(crate) async fn row(&self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// A writing statement with `RETURNING`.
    #[cfg(test)]
    pub(crate) async fn returning(&self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { write, .. } => {
                let rows = self.place.told(bind!(sql, args).fetch_all(write).await)?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Pools::Postgres(_) => self.rows(sql, args).await?,
        })
    }

    /// Closes every connection; SQLite folds its log back into the file.
    pub(crate) async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            // A server that is silent is not waited for.
            Pools::Postgres(pool) => drop(tokio::time::timeout(PING, pool.close()).await),
        }
    }
}

/// Whether the connection still leads to the server; the error ends it.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(PING, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

impl Tx {
    pub(crate) async fn exec(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
        Ok(match &mut self.open {
            Open::Sqlite(tx) => self.place.told(bind!(sql, args).execute(&mut **tx).await)?.rows_affected(),
            Open::Postgres(tx) => {
                self.place.within(ANSWER, bind!(sql, args).execute(&mut **tx)).await?.rows_affected()
            }
        })
    }

    pub(crate) async fn rows(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match &mut self.open {
            Open::Sqlite(tx) => {
                let rows = self.place.told(bind!(sql, args).fetch_all(&mut **tx).await)?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Open::Postgres(tx) => {
                let rows = self.place.within(ANSWER, bind!(sql, args).fetch_all(&mut **tx)).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(crate) async fn row(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.open {
            Open::Sqlite(tx) => self.place.told(tx.commit().await),
            Open::Postgres(tx) => self.place.within(ANSWER, tx.commit()).await,
        }
    }
}
