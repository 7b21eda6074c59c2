//! Where things are stored, by name: so that an error says what is full or silent, and health tells it.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// What refused something for want of room within this counts as full. Workers and sweeps write every few seconds, so a
/// full database is noticed again and again; one with room again is soon forgotten to have been full.
const LATELY: Duration = Duration::from_secs(30);

/// A database, or a folder of blobs.
#[derive(Debug)]
pub(crate) struct Place {
    /// As operators know it, without secrets.
    name: String,
    full: Mutex<Option<Instant>>,
}

impl Place {
    pub(crate) fn new(name: String) -> Self {
        Self { name, full: Mutex::new(None) }
    }

    /// Whether it refused something lately because there was no room.
    pub(crate) fn is_full(&self) -> bool {
        let full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        full.is_some_and(|at| at.elapsed() < LATELY)
    }

    /// It has no room: notes it, and is the error for it.
    pub(crate) fn full(&self, cause: &impl Display) -> StoreError {
        *self.full.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        StoreError::Full { place: self.name.clone(), cause: cause.to_string() }
    }

    /// What a statement said, in our words.
    pub(super) fn told<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        result.map_err(|error| if no_room(&error) { self.full(&error) } else { error.into() })
    }

    /// The same of a statement that has only so long.
    pub(crate) async fn within<T>(
        &self,
        most: Duration,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(most, statement).await {
            Ok(result) => self.told(result),
            Err(_) => Err(self.silent(most)),
        }
    }

    /// It said nothing for so long.
    pub(crate) fn silent(&self, most: Duration) -> StoreError {
        StoreError::Silent { place: self.name.clone(), seconds: most.as_secs() }
    }

    pub(super) fn not_opened(&self, cause: &sqlx::Error) -> StoreError {
        StoreError::Open { what: self.name.clone(), cause: cause.to_string() }
    }
}

/// Whether a database says that its disk is full: SQLite's `SQLITE_FULL` and `SQLITE_IOERR_SHMSIZE` (no room for the
/// index of its journal; sqlite.org/rescode.html), PostgreSQL's `disk_full`.
fn no_room(error: &sqlx::Error) -> bool {
    const CODES: [&str; 3] = ["13", "4874", "53100"];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| CODES.contains(&code.as_ref()))
}
