//! Workers: who registered, what they can do, and when they were last heard.

use proto::http::{Heartbeat, Order, WorkerCounts, WorkerRegistration};
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
    /// It said that it takes no more jobs.
    pub(crate) draining: bool,
    /// What the operator wants of it.
    pub(crate) wanted: Order,
    /// Why it may not be trusted with timed work now.
    pub(crate) unfit: Option<String>,
    /// What it counted, as of its last heartbeat.
    pub(crate) counted: Option<WorkerCounts>,
}

impl WorkerRow {
    /// Whether it was heard of lately.
    pub(crate) fn alive(&self, now: Millis) -> bool {
        now - self.seen_ms < ALIVE_MS
    }

    /// Whether the operator and its host let it take jobs.
    pub(crate) fn may_work(&self) -> bool {
        self.wanted == Order::Work && self.unfit.is_none()
    }

    /// Whether it takes jobs now.
    pub(crate) fn ready(&self, now: Millis) -> bool {
        self.alive(now) && !self.draining && self.may_work()
    }

    /// Every word that [`state`](Self::state) has.
    pub(crate) const STATES: [&str; 5] = ["ready", "cordoned", "unfit", "draining", "lost"];

    /// Its state in a word, the gravest first.
    pub(crate) fn state(&self, now: Millis) -> &'static str {
        match () {
            () if !self.alive(now) => "lost",
            () if self.draining || self.wanted == Order::Drain => "draining",
            () if self.unfit.is_some() => "unfit",
            () if self.wanted == Order::Cordon => "cordoned",
            () => "ready",
        }
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
        wanted: order(&row.text(4)?)?,
        unfit: row.opt_text(5)?,
        counted: match row.opt_text(6)? {
            Some(_) => Some(row.json(6, "workers.counted")?),
            None => None,
        },
    })
}

fn order(text: &str) -> Result<Order, StoreError> {
    Order::ALL
        .into_iter()
        .find(|o| o.name() == text)
        .ok_or_else(|| StoreError::corrupt(format!("order `{text}`")))
}

macro_rules! select_workers {
    ($rest:literal) => {
        concat!(
            "SELECT registration, registered_ms, seen_ms, draining, wanted, unfit, counted FROM workers ",
            $rest
        )
    };
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
            "INSERT INTO workers (id, name, registration, registered_ms, seen_ms, draining, unfit) \
             VALUES ($1, $2, $3, $4, $4, 0, $5) ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, registration = excluded.registration, seen_ms = excluded.seen_ms, \
             unfit = excluded.unfit, draining = 0",
            args![
                registration.id,
                registration.name.as_str(),
                to_json(registration)?,
                now,
                registration.unfit.clone()
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Every worker that is remembered, newest first.
    pub(crate) async fn workers(&self) -> Result<Vec<WorkerRow>, StoreError> {
        let rows = self.db.rows(select_workers!("ORDER BY seen_ms DESC, id"), args![]).await?;
        rows.iter().map(worker).collect()
    }

    /// Sets what the operator wants of a worker; the worker as it is now, `None` when it is not known.
    pub(crate) async fn order_worker(
        &self,
        id: WorkerId,
        wanted: Order,
    ) -> Result<Option<WorkerRow>, StoreError> {
        self.db.exec("UPDATE workers SET wanted = $1 WHERE id = $2", args![wanted.name(), id]).await?;
        let row = self.db.row(select_workers!("WHERE id = $1"), args![id]).await?;
        row.as_ref().map(worker).transpose()
    }

    /// Languages of the workers, by id. Those of living workers win over what dead ones once said, usable
    /// ones over unusable ones; with no living worker the last known ones are told.
    pub(crate) async fn languages(&self, now: Millis) -> Result<Vec<LanguageInfo>, StoreError> {
        Ok(self.languages_known(now).await?.0)
    }

    /// The same, and the ids of those that a remembered worker can judge, be it alive or not.
    pub(crate) async fn languages_known(
        &self,
        now: Millis,
    ) -> Result<(Vec<LanguageInfo>, Vec<String>), StoreError> {
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
        let languages = workers.into_iter().flat_map(|w| w.registration.languages);
        let remembered = languages.filter(|l| l.usable).map(|l| l.id).collect();
        Ok((known.into_values().collect(), remembered))
    }
}

/// Every worker that is remembered, inside a transaction.
pub(super) async fn workers_in(tx: &mut Tx) -> Result<Vec<WorkerRow>, StoreError> {
    let rows = tx.rows(select_workers!("ORDER BY seen_ms DESC, id"), args![]).await?;
    rows.iter().map(worker).collect()
}

/// Notes a sign of life; the worker as it was known before, `None` when it is not known.
pub(super) async fn seen(
    tx: &mut Tx,
    id: WorkerId,
    beat: &Heartbeat,
    now: Millis,
) -> Result<Option<WorkerRow>, StoreError> {
    let row = tx.row(select_workers!("WHERE id = $1"), args![id]).await?;
    let Some(before) = row.as_ref().map(worker).transpose()? else { return Ok(None) };
    let counted = beat.counted.as_ref().map(to_json).transpose()?;
    tx.exec(
        "UPDATE workers SET seen_ms = $1, draining = $2, unfit = $3, counted = COALESCE($4, counted) WHERE id = $5",
        args![now, i64::from(beat.draining), beat.unfit.clone(), counted, id],
    )
    .await?;
    Ok(Some(before))
}
