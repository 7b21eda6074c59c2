//! Bounds of tenants: how many submissions a minute, how many unfinished, how many judged at once.

use super::db::{Row, Tx, args};
use super::{Millis, Store, StoreError};

/// The span a rate is counted over.
const MINUTE_MS: Millis = 60_000;
/// When to come back after too many are unfinished: nobody knows when one will be done.
const UNFINISHED_RETRY_MS: Millis = 2_000;

/// Bounds of one tenant; `None` is no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TenantRow {
    pub(crate) name: String,
    /// Submissions accepted in any 60 s.
    pub(crate) per_minute: Option<i64>,
    /// Submissions that wait or are judged.
    pub(crate) unfinished_max: Option<i64>,
    /// Submissions that are judged at the same time.
    pub(crate) running_max: Option<i64>,
    /// Days until sources, outputs and whole submissions are erased; `None` is what the service has.
    pub(crate) sources_days: Option<i64>,
    pub(crate) outputs_days: Option<i64>,
    pub(crate) judgements_days: Option<i64>,
}

macro_rules! select_tenants {
    ($rest:literal) => {
        concat!(
            "SELECT name, per_minute, unfinished_max, running_max, sources_days, outputs_days, judgements_days ",
            "FROM tenants ",
            $rest
        )
    };
}

fn tenant(row: &Row) -> Result<TenantRow, StoreError> {
    Ok(TenantRow {
        name: row.text(0)?,
        per_minute: row.opt_int(1)?,
        unfinished_max: row.opt_int(2)?,
        running_max: row.opt_int(3)?,
        sources_days: row.opt_int(4)?,
        outputs_days: row.opt_int(5)?,
        judgements_days: row.opt_int(6)?,
    })
}

/// Refuses `count` more submissions when they take the tenant over a bound.
pub(super) async fn hold_quota(tx: &mut Tx, name: &str, count: i64, now: Millis) -> Result<(), StoreError> {
    // Writing to the row first makes submissions of one tenant wait for each other, so that none of them
    // counts without the others.
    tx.exec("UPDATE tenants SET changed_ms = changed_ms WHERE name = $1", args![name]).await?;
    let row = tx.row(select_tenants!("WHERE name = $1"), args![name]).await?;
    let Some(bounds) = row.as_ref().map(tenant).transpose()? else { return Ok(()) };
    if let Some(most) = bounds.per_minute {
        hold_rate(tx, name, count, most, now).await?;
    }
    if let Some(most) = bounds.unfinished_max {
        let row = tx
            .row(
                "SELECT (SELECT COUNT(*) FROM jobs WHERE tenant = $1) \
                 + (SELECT COUNT(*) FROM submissions WHERE state = 'held' AND tenant = $1)",
                args![name],
            )
            .await?;
        let unfinished = row.map_or(Ok(0), |r| r.int(0))?;
        if unfinished + count > most {
            let what = told(&format!("{unfinished} submissions are unfinished"), count, most);
            return Err(StoreError::Quota { what, retry_ms: UNFINISHED_RETRY_MS });
        }
    }
    Ok(())
}

async fn hold_rate(tx: &mut Tx, name: &str, count: i64, most: i64, now: Millis) -> Result<(), StoreError> {
    let since = now - MINUTE_MS;
    let row = tx
        .row("SELECT COUNT(*) FROM submissions WHERE tenant = $1 AND created_ms > $2", args![name, since])
        .await?;
    let sent = row.map_or(Ok(0), |r| r.int(0))?;
    let over = sent + count - most;
    if over <= 0 {
        return Ok(());
    }
    // When enough of them are a minute old.
    let row = tx
        .row(
            "SELECT created_ms FROM submissions WHERE tenant = $1 AND created_ms > $2 \
             ORDER BY created_ms LIMIT 1 OFFSET $3",
            args![name, since, over.min(sent.max(1)) - 1],
        )
        .await?;
    let freed = row.map_or(Ok(now), |r| r.int(0))?;
    let what = told(&format!("{sent} submissions were sent in the last minute"), count, most);
    Err(StoreError::Quota { what, retry_ms: freed + MINUTE_MS - now })
}

/// Against a batch that is larger than the bound itself no waiting helps, so that is said.
fn told(used: &str, count: i64, most: i64) -> String {
    let advice =
        if count > most { format!("; {count} at once are never taken: send fewer") } else { String::new() };
    format!("{used}; at most {most} may be{advice}")
}

impl Store {
    /// Sets the bounds of a tenant.
    pub(crate) async fn set_tenant(&self, new: &TenantRow, now: Millis) -> Result<(), StoreError> {
        self.db
            .exec(
                "INSERT INTO tenants (name, per_minute, unfinished_max, running_max, changed_ms, sources_days, \
                 outputs_days, judgements_days) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (name) DO UPDATE SET \
                 per_minute = excluded.per_minute, unfinished_max = excluded.unfinished_max, \
                 running_max = excluded.running_max, changed_ms = excluded.changed_ms, \
                 sources_days = excluded.sources_days, outputs_days = excluded.outputs_days, \
                 judgements_days = excluded.judgements_days",
                args![
                    new.name.as_str(),
                    new.per_minute,
                    new.unfinished_max,
                    new.running_max,
                    now,
                    new.sources_days,
                    new.outputs_days,
                    new.judgements_days
                ],
            )
            .await
            .map(drop)
    }

    /// Every tenant that has bounds, by name.
    pub(crate) async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        let rows = self.db.rows(select_tenants!("ORDER BY name"), args![]).await?;
        rows.iter().map(tenant).collect()
    }
}
