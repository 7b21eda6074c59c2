//! Who changed what: rows that are only ever added.

use super::db::args;
use super::{Millis, Store, StoreError};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditRow {
    /// UUIDv7: sorts by time.
    pub(crate) id: String,
    pub(crate) at: Millis,
    /// Whose token it was.
    pub(crate) tenant: String,
    /// The token's name, or `local` without one.
    pub(crate) actor: String,
    /// What was done, such as `token.create`.
    pub(crate) action: String,
    /// To what.
    pub(crate) subject: String,
    /// More of it, for people; never a secret, a source or test data.
    pub(crate) detail: String,
}

impl Store {
    /// Adds a row.
    pub(crate) async fn note(&self, row: &AuditRow) -> Result<(), StoreError> {
        self.db
            .exec(
                "INSERT INTO audit (id, at_ms, tenant, actor, action, subject, detail) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                args![
                    row.id.as_str(),
                    row.at,
                    row.tenant.as_str(),
                    row.actor.as_str(),
                    row.action.as_str(),
                    row.subject.as_str(),
                    row.detail.as_str()
                ],
            )
            .await
            .map(drop)
    }

    /// Rows older than `before`, the newest first.
    pub(crate) async fn audit(
        &self,
        before: Option<String>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT id, at_ms, tenant, actor, action, subject, detail FROM audit \
                 WHERE id < $1 ORDER BY id DESC LIMIT $2",
                // No UUID is as large as this.
                args![before.unwrap_or_else(|| "g".to_owned()), limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AuditRow {
                    id: row.text(0)?,
                    at: row.int(1)?,
                    tenant: row.text(2)?,
                    actor: row.text(3)?,
                    action: row.text(4)?,
                    subject: row.text(5)?,
                    detail: row.text(6)?,
                })
            })
            .collect()
    }
}
