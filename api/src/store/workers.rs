//! Workers: who registered, what they can do, and when they were last heard.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::http::{Heartbeat, Order, RoomLeft, WorkerCounts, WorkerRegistration};
use proto::id::{Digest, WorkerId};
use proto::language::{HOST, LanguageInfo};

use super::db::{Row, Tx, args};
use super::{Millis, Store, StoreError, to_json};

/// A worker not heard of for this long (four heartbeats) is taken for dead.
pub(crate) const ALIVE_MS: Millis = 20_000;
/// A dead worker's row is kept this long, because languages are known only from these rows.
const KEEP_MS: Millis = 7 * 24 * 3600 * 1000;

/// A registered worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerRow {
    pub(crate) registration: Arc<WorkerRegistration>,
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
    /// What its disk could take, as of its last heartbeat; a worker that does not say takes everything.
    pub(crate) room: Option<RoomLeft>,
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
        language == HOST || self.registration.languages.iter().any(|l| l.id == language && l.usable)
    }
}

/// What workers told of themselves, as read before: by id, with the revision it was read at.
#[derive(Debug, Clone, Default)]
pub(super) struct Registrations(Arc<Mutex<Known>>);

/// What one worker told.
#[derive(Debug)]
struct Told {
    revision: String,
    /// Of the text it was read from.
    digest: Digest,
    registration: Arc<WorkerRegistration>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<WorkerId, Told>,
    /// How many were read from JSON, for tests.
    read: u64,
}

impl Registrations {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known at this revision. Rows of a release before revisions have none, and are read each time.
    fn get(&self, id: WorkerId, revision: &str) -> Option<Arc<WorkerRegistration>> {
        let known = self.lock();
        let told = known.by_id.get(&id)?;
        (!revision.is_empty() && told.revision == revision).then(|| Arc::clone(&told.registration))
    }

    fn put(
        &self,
        id: WorkerId,
        revision: String,
        text: &str,
        registration: WorkerRegistration,
    ) -> Arc<WorkerRegistration> {
        let registration = Arc::new(registration);
        let told =
            Told { revision, digest: Digest::of(text.as_bytes()), registration: Arc::clone(&registration) };
        let mut known = self.lock();
        known.read += 1;
        known.by_id.insert(id, told);
        registration
    }

    /// Whether what is known at this revision is what this text says; nothing known is not wrong.
    pub(super) fn hold(&self, id: WorkerId, revision: &str, text: &str) -> bool {
        let known = self.lock();
        let told = known.by_id.get(&id).filter(|told| told.revision == revision);
        told.is_none_or(|told| told.digest == Digest::of(text.as_bytes()))
    }

    /// Forgets all but these.
    fn keep(&self, ids: &[WorkerId]) {
        let mut known = self.lock();
        if known.by_id.len() > ids.len() {
            let kept: HashSet<&WorkerId> = ids.iter().collect();
            known.by_id.retain(|id, _| kept.contains(id));
        }
    }

    #[cfg(test)]
    pub(super) fn read(&self) -> u64 {
        self.lock().read
    }
}

/// A row without its registration.
struct Slim {
    id: WorkerId,
    revision: String,
    row: Row,
}

impl Slim {
    fn new(row: Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.parse(0, "workers.id")?, revision: row.text(1)?, row })
    }

    fn with(&self, registration: Arc<WorkerRegistration>) -> Result<WorkerRow, StoreError> {
        let row = &self.row;
        Ok(WorkerRow {
            registration,
            registered_ms: row.int(2)?,
            seen_ms: row.int(3)?,
            draining: row.int(4)? != 0,
            wanted: order(&row.text(5)?)?,
            unfit: row.opt_text(6)?,
            counted: match row.opt_text(7)? {
                Some(_) => Some(row.json(7, "workers.counted")?),
                None => None,
            },
            room: match row.opt_text(8)? {
                Some(_) => Some(row.json(8, "workers.room")?),
                None => None,
            },
        })
    }
}

/// Puts rows and registrations together; what is not known at its revision is read with `$source.row`. A worker that
/// went in between is left out.
macro_rules! complete {
    ($known:expr, $source:expr, $rows:expr) => {{
        let mut workers = Vec::new();
        for row in $rows {
            let slim = Slim::new(row)?;
            let registration = match $known.get(slim.id, &slim.revision) {
                Some(registration) => registration,
                None => {
                    let sql = "SELECT registration, revision FROM workers WHERE id = $1";
                    let Some(row) = $source.row(sql, args![slim.id]).await? else { continue };
                    $known.put(slim.id, row.text(1)?, &row.text(0)?, row.json(0, "workers.registration")?)
                }
            };
            workers.push(slim.with(registration)?);
        }
        workers
    }};
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
            "SELECT id, revision, registered_ms, seen_ms, draining, wanted, unfit, counted, room FROM workers ",
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
            "INSERT INTO workers (id, name, registration, registered_ms, seen_ms, draining, unfit, revision, room) \
             VALUES ($1, $2, $3, $4, $4, 0, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, registration = excluded.registration, seen_ms = excluded.seen_ms, \
             unfit = excluded.unfit, draining = 0, revision = excluded.revision, room = excluded.room",
            args![
                registration.id,
                registration.name.as_str(),
                to_json(registration)?,
                now,
                registration.unfit.clone(),
                uuid::Uuid::new_v4().to_string(),
                registration.room.as_ref().map(to_json).transpose()?
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Every worker that is remembered, newest first.
    pub(crate) async fn workers(&self) -> Result<Vec<WorkerRow>, StoreError> {
        let rows = self.db.rows(select_workers!("ORDER BY seen_ms DESC, id"), args![]).await?;
        let workers = complete!(self.registrations, self.db, rows);
        self.registrations.keep(&workers.iter().map(|w| w.registration.id).collect::<Vec<_>>());
        Ok(workers)
    }

    /// Sets what the operator wants of a worker; the worker as it is now, `None` when it is not known.
    pub(crate) async fn order_worker(
        &self,
        id: WorkerId,
        wanted: Order,
    ) -> Result<Option<WorkerRow>, StoreError> {
        self.db.exec("UPDATE workers SET wanted = $1 WHERE id = $2", args![wanted.name(), id]).await?;
        let row = self.db.row(select_workers!("WHERE id = $1"), args![id]).await?;
        Ok(complete!(self.registrations, self.db, row.into_iter()).pop())
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
        let languages = workers.iter().flat_map(|w| &w.registration.languages);
        let remembered = languages.filter(|l| l.usable).map(|l| l.id.clone()).collect();
        Ok((known.into_values().collect(), remembered))
    }
}

/// Every worker that is remembered, inside a transaction.
pub(super) async fn workers_in(known: &Registrations, tx: &mut Tx) -> Result<Vec<WorkerRow>, StoreError> {
    let rows = tx.rows(select_workers!("ORDER BY seen_ms DESC, id"), args![]).await?;
    Ok(complete!(known, tx, rows))
}

/// Notes a sign of life; the worker as it was known before, `None` when it is not known.
pub(super) async fn seen(
    known: &Registrations,
    tx: &mut Tx,
    id: WorkerId,
    beat: &Heartbeat,
    now: Millis,
) -> Result<Option<WorkerRow>, StoreError> {
    let row = tx.row(select_workers!("WHERE id = $1"), args![id]).await?;
    let Some(before) = complete!(known, tx, row.into_iter()).pop() else { return Ok(None) };
    let counted = beat.counted.as_ref().map(to_json).transpose()?;
    let room = beat.room.as_ref().map(to_json).transpose()?;
    tx.exec(
        "UPDATE workers SET seen_ms = $1, draining = $2, unfit = $3, counted = COALESCE($4, counted), \
         room = $6 WHERE id = $5",
        args![now, i64::from(beat.draining), beat.unfit.clone(), counted, id, room],
    )
    .await?;
    Ok(Some(before))
}
