//! One query layer over SQLite and PostgreSQL: the same SQL text with `$n` placeholders runs on both.
//!
//! Values are [`Arg`]s (text or integer, both may be null) and come back through [`Row`]. SQLite has one
//! writing connection and a pool of readers; PostgreSQL has one pool. Every write that depends on what was
//! read names the state it expects in its `WHERE`, so no statement needs a dialect's locking words.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Connection as _, PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction};

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

/// A bound value.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    /// TEXT or null.
    Text(Option<String>),
    /// BIGINT or null.
    Int(Option<i64>),
}

impl From<&str> for Arg {
    fn from(v: &str) -> Self {
        Arg::Text(Some(v.to_owned()))
    }
}
impl From<String> for Arg {
    fn from(v: String) -> Self {
        Arg::Text(Some(v))
    }
}
impl From<Option<String>> for Arg {
    fn from(v: Option<String>) -> Self {
        Arg::Text(v)
    }
}
impl From<i64> for Arg {
    fn from(v: i64) -> Self {
        Arg::Int(Some(v))
    }
}
impl From<u32> for Arg {
    fn from(v: u32) -> Self {
        Arg::Int(Some(i64::from(v)))
    }
}
impl From<Option<i64>> for Arg {
    fn from(v: Option<i64>) -> Self {
        Arg::Int(v)
    }
}
macro_rules! arg_by_display {
    ($($t:ty),*) => {$(
        impl From<$t> for Arg {
            fn from(v: $t) -> Self {
                Arg::Text(Some(v.to_string()))
            }
        }
    )*};
}
arg_by_display!(proto::id::SubmissionId, proto::id::JudgementId, proto::id::WorkerId, &proto::id::Digest);

/// Writes a list of values as `Vec<Arg>`.
macro_rules! args {
    ($($v:expr),* $(,)?) => { vec![$($crate::store::db::Arg::from($v)),*] };
}
pub(crate) use args;

/// One row of an answer; columns by place.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(crate) fn opt_text(&self, at: usize) -> Result<Option<String>, StoreError> {
        Ok(match self {
            Row::Sqlite(r) => r.try_get_unchecked(at)?,
            Row::Postgres(r) => r.try_get_unchecked(at)?,
        })
    }

    pub(crate) fn opt_int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        Ok(match self {
            Row::Sqlite(r) => r.try_get_unchecked(at)?,
            Row::Postgres(r) => r.try_get_unchecked(at)?,
        })
    }

    pub(crate) fn text(&self, at: usize) -> Result<String, StoreError> {
        self.opt_text(at)?.ok_or_else(|| StoreError::corrupt(format!("column {at} is null")))
    }

    pub(crate) fn int(&self, at: usize) -> Result<i64, StoreError> {
        self.opt_int(at)?.ok_or_else(|| StoreError::corrupt(format!("column {at} is null")))
    }

    /// Parses a text column; `what` names it in the error.
    pub(crate) fn parse<T: FromStr>(&self, at: usize, what: &str) -> Result<T, StoreError>
    where
        T::Err: std::fmt::Display,
    {
        self.text(at)?.parse().map_err(|e| StoreError::corrupt(format!("{what}: {e}")))
    }

    /// Reads a text column as JSON; `what` names it in the error.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        at: usize,
        what: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(at)?).map_err(|e| StoreError::corrupt(format!("{what}: {e}")))
    }
}

/// The database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres(PgPool),
}

/// A transaction; rolled back when dropped.
#[derive(Debug)]
pub(crate) enum Tx {
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
        let failed = |cause: sqlx::Error| StoreError::Open {
            what: format!("the SQLite file {}", file.display()),
            cause: cause.to_string(),
        };
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
        Ok(Db::Sqlite { write, read })
    }

    async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        let failed = |cause: sqlx::Error| StoreError::Open {
            what: format!("the database {}", redact(url)),
            cause: cause.to_string(),
        };
        let options = PgConnectOptions::from_str(url).map_err(failed)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(failed)?;
        MIGRATIONS.run(&pool).await.map_err(|e| failed(e.into()))?;
        Ok(Db::Postgres(pool))
    }

    /// Starts a transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            // IMMEDIATE: take the write lock now, or a second process could make the first write fail.
            Db::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Db::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// One writing statement on its own; returns how many rows it changed.
    pub(crate) async fn exec(&self, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
        Ok(match self {
            Db::Sqlite { write, .. } => bind!(sql, args).execute(write).await?.rows_affected(),
            Db::Postgres(pool) => bind!(sql, args).execute(pool).await?.rows_affected(),
        })
    }

    /// Reads outside a transaction.
    pub(crate) async fn rows(&self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Db::Sqlite { read, .. } => {
                bind!(sql, args).fetch_all(read).await?.into_iter().map(Row::Sqlite).collect()
            }
            Db::Postgres(pool) => {
                bind!(sql, args).fetch_all(pool).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Reads with conditions put together from fixed pieces; every value is bound.
    pub(crate) async fn rows_where(
        &self,
        select: &'static str,
        conditions: String,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{select}{conditions}"));
        Ok(match self {
            Db::Sqlite { read, .. } => {
                bind!(sql, args).fetch_all(read).await?.into_iter().map(Row::Sqlite).collect()
            }
            Db::Postgres(pool) => {
                bind!(sql, args).fetch_all(pool).await?.into_iter().map(Row::Postgres).collect()
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
        Ok(match self {
            Db::Sqlite { write, .. } => {
                bind!(sql, args).fetch_all(write).await?.into_iter().map(Row::Sqlite).collect()
            }
            Db::Postgres(_) => self.rows(sql, args).await?,
        })
    }

    /// Closes every connection; SQLite folds its log back into the file.
    pub(crate) async fn close(&self) {
        match self {
            Db::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    pub(crate) async fn exec(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => bind!(sql, args).execute(&mut **tx).await?.rows_affected(),
            Tx::Postgres(tx) => bind!(sql, args).execute(&mut **tx).await?.rows_affected(),
        })
    }

    pub(crate) async fn rows(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => {
                bind!(sql, args).fetch_all(&mut **tx).await?.into_iter().map(Row::Sqlite).collect()
            }
            Tx::Postgres(tx) => {
                bind!(sql, args).fetch_all(&mut **tx).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(crate) async fn row(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
