//! What goes into a statement and comes out of it, the same for both databases.

use std::str::FromStr;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::store::StoreError;

/// A bound value.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    /// TEXT or null.
    Text(Option<String>),
    /// BIGINT or null.
    Int(Option<i64>),
}

impl Arg {
    /// PostgreSQL's TEXT has no NUL, and a statement with one fails. U+FFFD stands in for it, on both databases: nothing
    /// that is looked for has a NUL in its name, and free words lose nothing that can be shown.
    fn text(v: String) -> Self {
        Arg::Text(Some(if v.contains('\0') { v.replace('\0', "\u{fffd}") } else { v }))
    }
}

impl From<&str> for Arg {
    fn from(v: &str) -> Self {
        Arg::text(v.to_owned())
    }
}
impl From<String> for Arg {
    fn from(v: String) -> Self {
        Arg::text(v)
    }
}
impl From<Option<String>> for Arg {
    fn from(v: Option<String>) -> Self {
        v.map_or(Arg::Text(None), Arg::text)
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
