//! Deliveries to callback URLs: written in the transaction of the change they tell of, so that none is lost and none
//! tells of what did not happen; tried until they are taken or given up; kept with every try.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::id::SubmissionId;
use rand::TryRngCore;

use super::db::{Arg, Row, Tx, args};
use super::{Millis, Store, StoreError};

/// Tries before a delivery is given up; with [`backoff`] they span about four hours.
pub(crate) const TRIES_MAX: i64 = 10;
/// How long a delivery that is being made stays with its maker: longer than a try may take.
const LEASE_MS: Millis = 60_000;
/// Wait after the first failure; tripled after each.
const BACKOFF_MS: Millis = 5_000;
/// Longest wait between two tries.
const BACKOFF_MAX_MS: Millis = 3_600_000;

/// How long to wait after the `failed`th failure in a row, from 1.
fn backoff(failed: i64) -> Millis {
    let steps = failed.saturating_sub(1).clamp(0, 12) as u32;
    BACKOFF_MS.saturating_mul(3_i64.pow(steps)).min(BACKOFF_MAX_MS)
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// It will be tried (again).
    Waiting,
    /// The other side took it.
    Delivered,
    /// It was tried often enough.
    GivenUp,
}

impl DeliveryState {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::GivenUp => "given_up",
        }
    }
}

fn state(text: &str) -> Result<DeliveryState, StoreError> {
    [DeliveryState::Waiting, DeliveryState::Delivered, DeliveryState::GivenUp]
        .into_iter()
        .find(|s| s.name() == text)
        .ok_or_else(|| StoreError::corrupt(format!("delivery state `{text}`")))
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookRow {
    /// UUIDv7.
    pub(crate) id: String,
    pub(crate) tenant: String,
    pub(crate) submission: SubmissionId,
    pub(crate) url: String,
    /// Whether the judge's view is sent.
    pub(crate) judge: bool,
    pub(crate) state: DeliveryState,
    pub(crate) tries: i64,
    pub(crate) due: Millis,
    pub(crate) created: Millis,
    pub(crate) ended: Option<Millis>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TryRow {
    pub(crate) number: i64,
    pub(crate) at: Millis,
    pub(crate) took_ms: Millis,
    pub(crate) status: Option<i64>,
    pub(crate) error: Option<String>,
}

/// What a try showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It was taken.
    Taken,
    /// It was not; try again later.
    Failed,
    /// It was not, and never will be.
    Hopeless,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct WebhookFilter {
    /// `None` for every tenant.
    pub(crate) tenant: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) submission: Option<SubmissionId>,
    pub(crate) state: Option<DeliveryState>,
    pub(crate) limit: u32,
}

const COLUMNS: &str = "SELECT id, tenant, submission_id, url, judge, state, tries, due_ms, created_ms, ended_ms \
                       FROM webhooks ";

fn webhook(row: &Row) -> Result<WebhookRow, StoreError> {
    Ok(WebhookRow {
        id: row.text(0)?,
        tenant: row.text(1)?,
        submission: row.parse(2, "webhooks.submission_id")?,
        url: row.text(3)?,
        judge: row.int(4)? == 1,
        state: state(&row.text(5)?)?,
        tries: row.int(6)?,
        due: row.int(7)?,
        created: row.int(8)?,
        ended: row.opt_int(9)?,
    })
}

/// Notes that the submission's sender is to be told of what this transaction changes, if it wanted to be.
pub(super) async fn tell(tx: &mut Tx, submission: SubmissionId, now: Millis) -> Result<(), StoreError> {
    tx.exec(
        "INSERT INTO webhooks (id, tenant, submission_id, url, judge, state, tries, tries_before, due_ms, created_ms) \
         SELECT $1, s.tenant, s.id, s.callback_url, s.callback_judge, 'waiting', 0, 0, $2, $2 FROM submissions s \
         WHERE s.id = $3 AND s.callback_url IS NOT NULL",
        args![uuid::Uuid::now_v7().to_string(), now, submission],
    )
    .await?;
    Ok(())
}

/// Forgets the deliveries of a submission.
pub(super) async fn forget(tx: &mut Tx, submission: SubmissionId) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM webhook_tries WHERE webhook_id IN (SELECT id FROM webhooks WHERE submission_id = $1)",
        "DELETE FROM webhooks WHERE submission_id = $1",
    ] {
        tx.exec(sql, args![submission]).await?;
    }
    Ok(())
}

impl Store {
    /// Makes the tenant's secret, in place of the one there was, and returns its text: the only time it is shown.
    pub(crate) async fn new_webhook_secret(&self, tenant: &str, now: Millis) -> Result<String, StoreError> {
        let mut secret = [0u8; 32];
        rand::rngs::OsRng
            .try_fill_bytes(&mut secret)
            .map_err(|e| StoreError::corrupt(format!("no random bytes: {e}")))?;
        let text = format!("whs_{}", URL_SAFE_NO_PAD.encode(secret));
        self.db
            .exec(
                "INSERT INTO webhook_secrets (tenant, secret, created_ms) VALUES ($1, $2, $3) \
                 ON CONFLICT (tenant) DO UPDATE SET secret = excluded.secret, created_ms = excluded.created_ms",
                args![tenant, text.as_str(), now],
            )
            .await?;
        Ok(text)
    }

    /// What the tenant's deliveries are signed with.
    pub(crate) async fn webhook_secret(&self, tenant: &str) -> Result<Option<String>, StoreError> {
        let row = self.db.row("SELECT secret FROM webhook_secrets WHERE tenant = $1", args![tenant]).await?;
        row.map(|r| r.text(0)).transpose()
    }

    /// Takes the delivery that is due first of a tenant that is not among `busy`, until it is settled or its lease
    /// of a minute ran out; its `tries` counts this one.
    pub(crate) async fn take_webhook(
        &self,
        busy: &[String],
        now: Millis,
    ) -> Result<Option<WebhookRow>, StoreError> {
        let mut values = vec![Arg::from(now)];
        let mut sql = "WHERE state = 'waiting' AND due_ms <= $1".to_owned();
        for tenant in busy {
            values.push(Arg::from(tenant.as_str()));
            sql.push_str(&format!(" AND tenant <> ${}", values.len()));
        }
        sql.push_str(" ORDER BY due_ms, id LIMIT 1");
        let rows = self.db.rows_where(COLUMNS, sql, values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let found = webhook(row)?;
        let mine = self
            .db
            .exec(
                "UPDATE webhooks SET due_ms = $1, tries = tries + 1 WHERE id = $2 AND due_ms = $3 \
                 AND state = 'waiting'",
                args![now + LEASE_MS, found.id.as_str(), found.due],
            )
            .await?;
        // Another process was faster: the next look finds the next one.
        Ok((mine == 1).then(|| WebhookRow { tries: found.tries + 1, ..found }))
    }

    /// Notes a try and what is to become of the delivery. Changes nothing when the delivery is not in this try any
    /// more. Returns where it is now.
    pub(crate) async fn settle_webhook(
        &self,
        id: &str,
        shown: &TryRow,
        tried: Tried,
        now: Millis,
    ) -> Result<Option<DeliveryState>, StoreError> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .row(
                "SELECT tries - tries_before FROM webhooks WHERE id = $1 AND tries = $2 AND state = 'waiting'",
                args![id, shown.number],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let failed = row.int(0)?;
        let (state, due) = match tried {
            Tried::Taken => (DeliveryState::Delivered, now),
            Tried::Hopeless => (DeliveryState::GivenUp, now),
            Tried::Failed if failed >= TRIES_MAX => (DeliveryState::GivenUp, now),
            Tried::Failed => (DeliveryState::Waiting, now + backoff(failed)),
        };
        let ended = (state != DeliveryState::Waiting).then_some(now);
        let changed = tx
            .exec(
                "UPDATE webhooks SET state = $1, due_ms = $2, ended_ms = $3 \
                 WHERE id = $4 AND tries = $5 AND state = 'waiting'",
                args![state.name(), due, ended, id, shown.number],
            )
            .await?;
        if changed == 0 {
            return Ok(None);
        }
        tx.exec(
            "INSERT INTO webhook_tries (webhook_id, number, at_ms, took_ms, status, error) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            args![id, shown.number, shown.at, shown.took_ms, shown.status, shown.error.clone()],
        )
        .await?;
        tx.commit().await?;
        Ok(Some(state))
    }

    /// Sends a delivery again from now on, whatever became of it.
    ///
    /// # Errors
    /// `Missing` when there is none for this tenant.
    pub(crate) async fn replay_webhook(
        &self,
        id: &str,
        tenant: Option<&str>,
        now: Millis,
    ) -> Result<WebhookRow, StoreError> {
        self.db
            .exec(
                "UPDATE webhooks SET state = 'waiting', tries_before = tries, due_ms = $1, ended_ms = NULL \
                 WHERE id = $2 AND ($3 IS NULL OR tenant = $3)",
                args![now, id, tenant.map(str::to_owned)],
            )
            .await?;
        let found = self.webhook(id, tenant).await?;
        found.map(|(row, _)| row).ok_or_else(|| StoreError::Missing("such delivery".into()))
    }

    /// One delivery with its tries, the first one first.
    pub(crate) async fn webhook(
        &self,
        id: &str,
        tenant: Option<&str>,
    ) -> Result<Option<(WebhookRow, Vec<TryRow>)>, StoreError> {
        // The tries first: what is read after them cannot be of a moment before the last of them.
        let tries = self
            .db
            .rows(
                "SELECT number, at_ms, took_ms, status, error FROM webhook_tries WHERE webhook_id = $1 \
                 ORDER BY number DESC LIMIT 100",
                args![id],
            )
            .await?;
        let row = self
            .db
            .rows_where(
                COLUMNS,
                "WHERE id = $1 AND ($2 IS NULL OR tenant = $2)".to_owned(),
                args![id, tenant.map(str::to_owned)],
            )
            .await?;
        let Some(row) = row.first() else { return Ok(None) };
        let mut tries: Vec<TryRow> = tries
            .iter()
            .map(|r| {
                Ok::<_, StoreError>(TryRow {
                    number: r.int(0)?,
                    at: r.int(1)?,
                    took_ms: r.int(2)?,
                    status: r.opt_int(3)?,
                    error: r.opt_text(4)?,
                })
            })
            .collect::<Result<_, _>>()?;
        tries.reverse();
        Ok(Some((webhook(row)?, tries)))
    }

    /// Deliveries, the newest first.
    pub(crate) async fn webhooks(&self, filter: &WebhookFilter) -> Result<Vec<WebhookRow>, StoreError> {
        let (mut sql, mut values) = (String::new(), Vec::new());
        let asked = [
            ("tenant = ", filter.tenant.clone().map(Arg::from)),
            ("id < ", filter.before.clone().map(Arg::from)),
            ("submission_id = ", filter.submission.map(Arg::from)),
            ("state = ", filter.state.map(|s| Arg::from(s.name()))),
        ];
        for (text, value) in asked {
            let Some(value) = value else { continue };
            values.push(value);
            let word = if values.len() == 1 { "WHERE" } else { " AND" };
            sql.push_str(&format!("{word} {text}${}", values.len()));
        }
        values.push(Arg::from(filter.limit));
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", values.len()));
        let rows = self.db.rows_where(COLUMNS, sql, values).await?;
        rows.iter().map(webhook).collect()
    }

    /// How many deliveries wait.
    pub(crate) async fn webhooks_waiting(&self) -> Result<i64, StoreError> {
        let row = self.db.row("SELECT COUNT(*) FROM webhooks WHERE state = 'waiting'", args![]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Makes every waiting delivery due.
    #[cfg(test)]
    pub(crate) async fn hurry_webhooks_for_tests(&self) {
        self.db.exec("UPDATE webhooks SET due_ms = 0 WHERE state = 'waiting'", args![]).await.unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_span_hours() {
        let waits: Vec<Millis> = (1..TRIES_MAX).map(backoff).collect();
        assert!(waits.is_sorted() && waits[0] == BACKOFF_MS && waits[8] == BACKOFF_MAX_MS);
        assert!((3..6).contains(&(waits.iter().sum::<Millis>() / 3_600_000)));
        assert_eq!(backoff(i64::MAX), BACKOFF_MAX_MS);
    }
}
