//! Requests that may be sent twice: the `Idempotency-Key` of a request and the submissions it made.
//!
//! The key, the digest of the request and the submissions are one transaction, so that of two requests with one
//! key at the same time one makes the submissions and the other one is told of them.

use proto::id::{Digest, SubmissionId};

use super::db::{Tx, args};
use super::{Millis, Store, StoreError, to_json};

/// How long a key is remembered.
const KEPT_MS: Millis = 24 * 3600 * 1000;

/// A request that is to be carried out once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Once {
    /// The client's key.
    pub(crate) key: String,
    /// What it was sent with.
    pub(crate) request: Digest,
}

/// Notes that the key makes `ids`, or returns what it made before.
pub(super) async fn seen(
    tx: &mut Tx,
    tenant: &str,
    once: &Once,
    ids: &[SubmissionId],
    now: Millis,
) -> Result<Option<Vec<SubmissionId>>, StoreError> {
    tx.exec(
        "DELETE FROM idempotency WHERE tenant = $1 AND key = $2 AND created_ms <= $3",
        args![tenant, once.key.as_str(), now - KEPT_MS],
    )
    .await?;
    let noted = tx
        .exec(
            "INSERT INTO idempotency (tenant, key, request, submissions, created_ms) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, key) DO NOTHING",
            args![tenant, once.key.as_str(), &once.request, to_json(&ids)?, now],
        )
        .await?;
    if noted == 1 {
        return Ok(None);
    }
    let row = tx
        .row(
            "SELECT request, submissions FROM idempotency WHERE tenant = $1 AND key = $2",
            args![tenant, once.key.as_str()],
        )
        .await?;
    let row = row.ok_or_else(|| StoreError::corrupt("an idempotency key vanished"))?;
    if row.text(0)? != once.request.to_string() {
        return Err(StoreError::KeyReused);
    }
    row.json(1, "idempotency.submissions").map(Some)
}

impl Store {
    /// Forgets keys that are older than a day; returns how many.
    pub(crate) async fn forget_old_keys(&self, now: Millis) -> Result<u64, StoreError> {
        self.db.exec("DELETE FROM idempotency WHERE created_ms <= $1", args![now - KEPT_MS]).await
    }
}
