//! Waiting jobs: a leased queue for the worker in the same process, an outbox for the broker's dispatcher.
//!
//! A row lives from acceptance until its judgement is done. Whoever takes one gets a lease; a lease that ran
//! out hands the row to the next. Within a class tenants take turns (start-time fair queueing: a job's turn is
//! one after its tenant's last, and not before the turn the class has come to), so that somebody's ten thousand
//! jobs delay somebody else's one by a run and not by ten thousand.

use std::collections::BTreeMap;

use proto::id::{JudgementId, WorkerId};
use proto::job::Priority;
use proto::report::{NoRoom, Stored};

use super::db::{Row, Tx, args};
use super::{Millis, Store, StoreError};
use crate::routing::{Class, Needs, RoomNeed};

/// A row in hand.
#[derive(Debug, Clone)]
pub(crate) struct LeasedJob {
    pub(crate) judgement: JudgementId,
    /// How often it was handed out, this time included.
    pub(crate) deliveries: i64,
    /// Names this lease.
    pub(crate) lease: String,
}

/// Waiting and running judgements of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueCount {
    pub(crate) priority: Priority,
    pub(crate) waiting: i64,
    pub(crate) running: i64,
    /// When the oldest waiting one was accepted.
    pub(crate) oldest_ms: Option<Millis>,
}

/// What each file of a package may take beyond its size.
const PACKAGE_BLOCK: u64 = 4096;
/// More than any image needs beyond what a worker has.
const IMAGE_MOST: u64 = 64 << 30;

fn rank(priority: Priority) -> i64 {
    priority as i64
}

/// Waiting jobs with the same needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NeedCount {
    pub(crate) needs: Needs,
    pub(crate) waiting: i64,
}

/// Words as one text in which each stands between commas, so that SQL of both databases can look for one. No language
/// and no class has a comma in it.
fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::from(",");
    for word in words {
        text.push_str(word);
        text.push(',');
    }
    text
}

/// `room` and `room_for` of a row, from column `at` on.
pub(super) fn room_need(row: &Row, at: usize) -> Result<RoomNeed, StoreError> {
    let word = row.text(at + 1)?;
    let what = Stored::ALL.into_iter().find(|what| what.name() == word);
    let what = what.ok_or_else(|| StoreError::corrupt(format!("jobs.room_for `{word}`")))?;
    Ok(RoomNeed { what, bytes: row.int(at)? })
}

/// Notes what a judgement's job could not store: of a package, for every job that needs the same one, waiting or to come.
pub(super) async fn note_room(
    tx: &mut Tx,
    judgement: JudgementId,
    lacking: NoRoom,
) -> Result<(), StoreError> {
    // A worker that errs must not make it wait for what nobody can have.
    let most = match lacking.what {
        Stored::Package => problem::MAX_TOTAL_BYTES + PACKAGE_BLOCK * problem::MAX_FILES as u64,
        Stored::Image => IMAGE_MOST,
    };
    let bytes = lacking.bytes.min(most) as i64;
    tx.exec(
        "UPDATE jobs SET room = $1, room_for = $2 WHERE judgement_id = $3",
        args![bytes, lacking.what.name(), judgement],
    )
    .await?;
    if lacking.what == Stored::Package {
        tx.exec(
            "UPDATE problems SET unpacked = $1 WHERE unpacked < $1 AND EXISTS (SELECT 1 FROM judgements j \
             WHERE j.id = $2 AND j.problem_name = problems.name AND j.problem_digest = problems.digest)",
            args![bytes, judgement],
        )
        .await?;
        tx.exec(
            "UPDATE jobs SET room = $1 WHERE room < $1 AND room_for = 'package' AND judgement_id IN \
             (SELECT o.id FROM judgements o JOIN judgements j ON j.problem_name = o.problem_name \
             AND j.problem_digest = o.problem_digest WHERE j.id = $2 AND o.state = 'queued')",
            args![bytes, judgement],
        )
        .await?;
    }
    Ok(())
}

/// Puts a judgement among the waiting, or back there; it is handed out from `visible_ms` on.
pub(super) async fn enqueue(
    tx: &mut Tx,
    judgement: JudgementId,
    priority: Priority,
    capability: &str,
    created_ms: Millis,
    visible_ms: Millis,
) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO jobs (judgement_id, priority, capability, created_ms, visible_ms, deliveries, \
         lease_until_ms, tenant, turn, language, exact, room) \
         SELECT $1, $2, $3 || CASE WHEN t.harness = 0 THEN '' ELSE $6 END, $4, $5, 0, 0, t.tenant, CASE WHEN t.own >= t.now THEN t.own ELSE t.now END, \
         t.language, t.exact, t.room FROM \
         (SELECT s.tenant AS tenant, s.language AS language, s.exact AS exact, s.harness AS harness, \
         COALESCE((SELECT p.unpacked FROM problems p WHERE p.name = j.problem_name AND p.digest = j.problem_digest), 0) \
         AS room, \
         COALESCE((SELECT MAX(q.turn) + 1 FROM jobs q WHERE q.tenant = s.tenant AND q.priority = $2), 0) AS own, \
         COALESCE((SELECT q.turn FROM jobs q WHERE q.priority = $2 AND q.lease_owner IS NULL \
         AND q.published_ms IS NULL ORDER BY q.turn LIMIT 1), 0) AS now \
         FROM judgements j JOIN submissions s ON s.id = j.submission_id WHERE j.id = $1) t WHERE 1 = 1 \
         ON CONFLICT (judgement_id) DO UPDATE SET \
         visible_ms = excluded.visible_ms, lease_owner = NULL, lease_until_ms = 0, published_ms = NULL, route = NULL",
        args![judgement, rank(priority), capability, created_ms, visible_ms, Needs::kind(true)],
    )
    .await?;
    Ok(())
}

/// Takes a judgement from the waiting for good.
pub(super) async fn remove(tx: &mut Tx, judgement: JudgementId) -> Result<(), StoreError> {
    tx.exec("DELETE FROM jobs WHERE judgement_id = $1", args![judgement]).await?;
    Ok(())
}

/// A taken row with its place in the order and its tenant.
type Taken = ((i64, i64, Millis, JudgementId), String, LeasedJob);

/// Gives back what takes a tenant over its bound: rows that are taken together did not see each other.
async fn give_back_too_many(tx: &mut Tx, taken: &mut Vec<Taken>, now: Millis) -> Result<(), StoreError> {
    if taken.len() < 2 {
        return Ok(());
    }
    let bounds = tx
        .rows(
            "SELECT t.name, t.running_max - (SELECT COUNT(*) FROM jobs r WHERE r.tenant = t.name \
             AND (r.lease_until_ms > $1 OR r.published_ms IS NOT NULL)) FROM tenants t \
             WHERE t.running_max IS NOT NULL",
            args![now],
        )
        .await?;
    for bound in bounds {
        let (tenant, mut over) = (bound.text(0)?, -bound.int(1)?);
        while over > 0
            && let Some(at) = taken.iter().rposition(|(_, owner, _)| *owner == tenant)
        {
            let (.., job) = taken.remove(at);
            tx.exec(
                "UPDATE jobs SET lease_owner = NULL, lease_until_ms = 0, deliveries = deliveries - 1 \
                 WHERE judgement_id = $1",
                args![job.judgement],
            )
            .await?;
            over -= 1;
        }
    }
    Ok(())
}

impl Store {
    /// Leases up to `count` visible rows that no broker holds: most urgent first, then by turn, then oldest
    /// first; none of a tenant that has as many in hand as it may, and none that `class` cannot do; `None` for any.
    pub(crate) async fn lease_jobs(
        &self,
        class: Option<&Class>,
        count: u32,
        lease_ms: Millis,
        now: Millis,
    ) -> Result<Vec<LeasedJob>, StoreError> {
        let lease = uuid::Uuid::new_v4().to_string();
        let mut tx = self.db.begin().await?;
        // The condition stands twice: a second process may take a row between choice and change.
        let rows = tx
            .rows(
                "UPDATE jobs SET lease_owner = $1, lease_until_ms = $2, deliveries = deliveries + 1 \
                 WHERE judgement_id IN (SELECT q.judgement_id FROM jobs q WHERE q.lease_until_ms <= $3 \
                 AND q.visible_ms <= $3 AND q.published_ms IS NULL AND ($4 IS NULL OR (q.capability IN ($4, $8) \
                 AND q.exact <= $6 AND q.room <= $9 AND REPLACE($7, ',' || q.language || ',', '') <> $7)) \
                 AND q.tenant NOT IN (SELECT t.name FROM tenants t WHERE t.running_max IS NOT NULL \
                 AND (SELECT COUNT(*) FROM jobs r WHERE r.tenant = t.name \
                 AND (r.lease_until_ms > $3 OR r.published_ms IS NOT NULL)) >= t.running_max) \
                 ORDER BY q.priority, q.turn, q.created_ms, q.judgement_id LIMIT $5) AND lease_until_ms <= $3 \
                 RETURNING judgement_id, deliveries, priority, turn, created_ms, tenant",
                args![
                    lease.as_str(),
                    now + lease_ms,
                    now,
                    class.map(|c| c.arch.clone()),
                    count,
                    class.map_or(0, |c| i64::from(c.exact)),
                    listed(class.into_iter().flat_map(|c| &c.languages).map(String::as_str)),
                    class.map(|c| format!("{}{}", c.arch, Needs::kind(c.harnesses))),
                    class.map_or(i64::MAX, |c| c.room)
                ],
            )
            .await?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in rows {
            let job = LeasedJob {
                judgement: row.parse(0, "jobs.judgement_id")?,
                deliveries: row.int(1)?,
                lease: lease.clone(),
            };
            taken.push(((row.int(2)?, row.int(3)?, row.int(4)?, job.judgement), row.text(5)?, job));
        }
        taken.sort_by_key(|(key, ..)| *key);
        give_back_too_many(&mut tx, &mut taken, now).await?;
        tx.commit().await?;
        Ok(taken.into_iter().map(|(.., job)| job).collect())
    }

    /// When the next row that nobody holds becomes visible, if one will.
    pub(crate) async fn next_visible_ms(&self) -> Result<Option<Millis>, StoreError> {
        let row = self
            .db
            .row(
                "SELECT MIN(CASE WHEN visible_ms > lease_until_ms THEN visible_ms ELSE lease_until_ms END) \
                 FROM jobs WHERE published_ms IS NULL",
                args![],
            )
            .await?;
        row.map_or(Ok(None), |r| r.opt_int(0))
    }

    /// Ends a lease: the message was handled. The row stays only if somebody put it back meanwhile.
    pub(crate) async fn drop_job(&self, judgement: JudgementId, lease: &str) -> Result<(), StoreError> {
        self.db
            .exec("DELETE FROM jobs WHERE judgement_id = $1 AND lease_owner = $2", args![judgement, lease])
            .await?;
        Ok(())
    }

    /// Ends a lease: anybody may take the row now.
    pub(crate) async fn release_job(&self, judgement: JudgementId, lease: &str) -> Result<(), StoreError> {
        self.db
            .exec(
                "UPDATE jobs SET lease_owner = NULL, lease_until_ms = 0 WHERE judgement_id = $1 AND lease_owner = $2",
                args![judgement, lease],
            )
            .await?;
        Ok(())
    }

    /// Makes sure a judgement is among the waiting and visible.
    pub(crate) async fn make_waiting(
        &self,
        judgement: JudgementId,
        priority: Priority,
        capability: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        enqueue(&mut tx, judgement, priority, capability, now, now).await?;
        tx.commit().await
    }

    /// Takes a submission's judgement from the waiting, as if it had not been published yet.
    #[cfg(test)]
    pub(crate) async fn unqueue_for_tests(&self, id: proto::id::SubmissionId) -> JudgementId {
        let sql = "DELETE FROM jobs WHERE judgement_id = (SELECT id FROM judgements WHERE submission_id = $1) \
                   RETURNING judgement_id";
        let rows = self.db.returning(sql, args![id]).await.unwrap();
        rows[0].parse(0, "jobs.judgement_id").unwrap()
    }

    /// Stamps a row: the broker confirmed that it keeps the message in the queues of the class `route`.
    pub(crate) async fn mark_published(
        &self,
        judgement: JudgementId,
        lease: &str,
        route: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.db
            .exec(
                "UPDATE jobs SET published_ms = $1, lease_owner = NULL, lease_until_ms = 0, route = $4 \
                 WHERE judgement_id = $2 AND lease_owner = $3",
                args![now, judgement, lease, route],
            )
            .await?;
        Ok(())
    }

    /// How many judgements that are not done the broker holds for each class.
    pub(crate) async fn published_counts(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT COALESCE(route, ''), COUNT(*) FROM jobs WHERE published_ms IS NOT NULL GROUP BY 1",
                args![],
            )
            .await?;
        rows.iter().map(|r| Ok((r.text(0)?, r.int(1)?))).collect()
    }

    /// Takes back what was published to a class that has no ready worker, and claimed by nobody: another class, or a
    /// worker to come, may do it. Returns how many.
    pub(crate) async fn unpublish_unserved(&self, served: &[Class]) -> Result<u64, StoreError> {
        self.db
            .exec(
                "UPDATE jobs SET published_ms = NULL, route = NULL, deliveries = deliveries - 1 \
                 WHERE published_ms IS NOT NULL AND REPLACE($1, ',' || COALESCE(route, '') || ',', '') = $1 AND EXISTS \
                 (SELECT 1 FROM judgements j WHERE j.id = jobs.judgement_id AND j.state = 'queued')",
                args![listed(served.iter().map(|c| c.route.as_str()))],
            )
            .await
    }

    /// Waiting jobs that nobody has in hand, by what they need.
    pub(crate) async fn needs_waiting(&self) -> Result<Vec<NeedCount>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT capability, language, exact, room, room_for, COUNT(*) FROM jobs \
                 WHERE published_ms IS NULL AND lease_owner IS NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 1, 3, 4, 5",
                args![],
            )
            .await?;
        rows.iter()
            .map(|r| {
                let needs = Needs::of(&r.text(0)?, r.text(1)?, r.int(2)? != 0, room_need(r, 3)?);
                Ok(NeedCount { needs, waiting: r.int(5)? })
            })
            .collect()
    }

    /// Judgements in work by worker.
    pub(crate) async fn running_by_worker(&self) -> Result<BTreeMap<WorkerId, i64>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT worker_id, COUNT(*) FROM judgements WHERE state = 'running' AND worker_id IS NOT NULL \
                 GROUP BY worker_id",
                args![],
            )
            .await?;
        rows.iter().map(|r| Ok((r.parse(0, "judgements.worker_id")?, r.int(1)?))).collect()
    }

    /// Takes back what was published to one of the classes `free` before `before_ms` and claimed by nobody, to be
    /// published again; what was handed out more than `max_deliveries` times is returned instead. A second copy in the
    /// broker does no harm: its claim is refused.
    pub(crate) async fn unpublish_unclaimed(
        &self,
        free: &[&str],
        before_ms: Millis,
        max_deliveries: i64,
    ) -> Result<Vec<JudgementId>, StoreError> {
        let free = listed(free.iter().copied());
        self.db
            .exec(
                "UPDATE jobs SET published_ms = NULL, route = NULL WHERE published_ms <= $1 AND deliveries < $2 \
                 AND REPLACE($3, ',' || COALESCE(route, '') || ',', '') <> $3 AND EXISTS \
                 (SELECT 1 FROM judgements j WHERE j.id = jobs.judgement_id AND j.state = 'queued')",
                args![before_ms, max_deliveries, free.as_str()],
            )
            .await?;
        let rows = self
            .db
            .rows(
                "SELECT judgement_id FROM jobs WHERE published_ms <= $1 AND deliveries >= $2 \
                 AND REPLACE($3, ',' || COALESCE(route, '') || ',', '') <> $3 AND EXISTS \
                 (SELECT 1 FROM judgements j WHERE j.id = jobs.judgement_id AND j.state = 'queued')",
                args![before_ms, max_deliveries, free],
            )
            .await?;
        rows.iter().map(|r| r.parse(0, "jobs.judgement_id")).collect()
    }

    /// Ends every lease and takes every row back from a broker: for the start of a service whose worker lives
    /// in the same process.
    pub(crate) async fn release_all_jobs(&self) -> Result<(), StoreError> {
        self.db
            .exec(
                "UPDATE jobs SET lease_owner = NULL, lease_until_ms = 0, published_ms = NULL, route = NULL",
                args![],
            )
            .await?;
        Ok(())
    }

    /// Counts by class, every class in order.
    pub(crate) async fn queue_counts(&self) -> Result<Vec<QueueCount>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT CASE WHEN j.rejudge_id IS NULL THEN s.priority ELSE 'rejudge' END, j.state, COUNT(*), \
                 MIN(j.created_ms) FROM judgements j JOIN submissions s ON s.id = j.submission_id \
                 WHERE j.state IN ('queued', 'running') GROUP BY 1, 2",
                args![],
            )
            .await?;
        let mut counts: Vec<QueueCount> = Priority::ALL
            .into_iter()
            .map(|priority| QueueCount { priority, waiting: 0, running: 0, oldest_ms: None })
            .collect();
        for row in rows {
            let class = super::priority(&row.text(0)?)?;
            let Some(count) = counts.iter_mut().find(|c| c.priority == class) else { continue };
            if row.text(1)? == "queued" {
                count.waiting = row.int(2)?;
                count.oldest_ms = row.opt_int(3)?;
            } else {
                count.running = row.int(2)?;
            }
        }
        Ok(counts)
    }

    /// How many submissions are held.
    pub(crate) async fn held_count(&self) -> Result<i64, StoreError> {
        let row = self.db.row("SELECT COUNT(*) FROM submissions WHERE state = 'held'", args![]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }
}
