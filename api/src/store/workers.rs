//! Workers: who registered, what they can do, and when they were last heard.

use proto::http::WorkerRegistration;
use proto::id::WorkerId;
use proto::language::LanguageInfo;

use super::db::{Row, Tx, args};
use super::{Millis, Store, StoreError, to_json};

/// A worker not heard of for this long (four heartbeats) is taken for dead.
pub(crate) const ALIVE_MS: Millis = 20_000;
/// A dead worker's row is kept this long, because languages are known only from these rows.
const KEEP_MS: Millis = 7 * 24 * 3600 * 1000;

/// A registered worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerRow {
    pub(crate) registration: WorkerRegistration,
    pub(crate) registered_ms: Millis,
    pub(crate) seen_ms: Millis,
    pub(crate) draining: bool,
}

impl WorkerRow {
    /// Whether it was heard of lately.
    pub(crate) fn alive(&self, now: Millis) -> bool {
        now - self.seen_ms < ALIVE_MS
    }

    /// Whether it can judge this language.
    pub(crate) fn can(&self, language: &str) -> bool {
        self.registration.languages.iter().any(|l| l.id == language && l.usable)
    }
}

fn worker(row: &Row) -> Result<WorkerRow, StoreError> {
    Ok(WorkerRow {
        registration: row.json(0, "workers.registration")?,
        registered_ms: row.int(1)?,
        seen_ms: row.int(2)?,
        draining: row.int(3)? != 0,
    })
}

impl Store {
    /// Notes a worker. An earlier, dead start on the same host is forgotten.
    pub(crate) async fn register_worker(
        &self,
        registration: &WorkerRegistration,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        tx.exec(
            "DELETE FROM workers WHERE id <> $1 AND ((name = $2 AND seen_ms < $3) OR seen_ms < $4)",
            args![registration.id, registration.name.as_str(), now - ALIVE_MS, now - KEEP_MS],
        )
        .await?;
        tx.exec(
            "INSERT INTO workers (id, name, registration, registered_ms, seen_ms, draining) \
             VALUES ($1, $2, $3, $4, $4, 0) ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, registration = excluded.registration, seen_ms = excluded.seen_ms, \
             draining = 0",
            args![registration.id, registration.name.as_str(), to_json(registration)?, now],
        )
        .await?;
        tx.commit().await
    }

    /// Every worker that is remembered, newest first.
    pub(crate) async fn workers(&self) -> Result<Vec<WorkerRow>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT registration, registered_ms, seen_ms, draining FROM workers ORDER BY seen_ms DESC, id",
                args![],
            )
            .await?;
        rows.iter().map(worker).collect()
    }

    /// Slots of living workers that take jobs.
    pub(crate) async fn slots_alive(&self, now: Millis) -> Result<i64, StoreError> {
        let workers = self.workers().await?;
        let takes_jobs = workers.iter().filter(|w| w.alive(now) && !w.draining);
        Ok(takes_jobs.map(|w| i64::from(w.registration.slots)).sum())
    }

    /// Languages of the workers, by id. Those of living workers win over what dead ones once said, usable
    /// ones over unusable ones; with no living worker the last known ones are told.
    pub(crate) async fn languages(&self, now: Millis) -> Result<Vec<LanguageInfo>, StoreError> {
        let workers = self.workers().await?;
        let any_alive = workers.iter().any(|w| w.alive(now));
        let mut known = std::collections::BTreeMap::<String, LanguageInfo>::new();
        for worker in workers.iter().filter(|w| !any_alive || w.alive(now)) {
            for language in &worker.registration.languages {
                let better = known.get(&language.id).is_none_or(|old| language.usable && !old.usable);
                if better {
                    known.insert(language.id.clone(), language.clone());
                }
            }
        }
        Ok(known.into_values().collect())
    }
}

/// Every worker that is remembered, inside a transaction.
pub(super) async fn workers_in(tx: &mut Tx) -> Result<Vec<WorkerRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT registration, registered_ms, seen_ms, draining FROM workers ORDER BY seen_ms DESC, id",
            args![],
        )
        .await?;
    rows.iter().map(worker).collect()
}

/// Notes a sign of life; false when the worker is not known.
pub(super) async fn seen(
    tx: &mut Tx,
    worker: WorkerId,
    draining: bool,
    now: Millis,
) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            "UPDATE workers SET seen_ms = $1, draining = $2 WHERE id = $3",
            args![now, i64::from(draining), worker],
        )
        .await?;
    Ok(changed == 1)
}
