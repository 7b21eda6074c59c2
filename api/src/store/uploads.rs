//! Bytes a tenant uploaded once, to name them by digest in many submissions.
//!
//! What a submission names is copied into it, so an upload may be forgotten at any time after. Bytes are shared by
//! all who have their digest; who may read them is a row of the tenant's own.

use bytes::Bytes;
use proto::id::Digest;

use super::db::args;
use super::{Millis, Store, StoreError};

/// How long an upload can be named, counted from when it was last sent.
pub(crate) const KEPT_MS: Millis = 7 * 24 * 3600 * 1000;
/// Uploads of one tenant that can be named at a time, and their bytes together.
pub(crate) const PER_TENANT: (i64, i64) = (4096, 1 << 30);
/// Uploads forgotten at a time.
const AT_ONCE: i64 = 200;

impl Store {
    /// Keeps `bytes` for `tenant`. Sent again, it is kept longer.
    ///
    /// # Errors
    /// `Quota` when the tenant has as much as it may.
    pub(crate) async fn upload(&self, tenant: &str, bytes: Bytes, now: Millis) -> Result<Digest, StoreError> {
        let (size, digest) = (bytes.len() as i64, Digest::of(&bytes));
        let row = self
            .db
            .row(
                "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT), CAST(COALESCE(MIN(created_ms), 0) AS BIGINT) \
                 FROM uploads WHERE tenant = $1 AND digest <> $2",
                args![tenant, &digest],
            )
            .await?
            .ok_or_else(|| StoreError::corrupt("a count has no row"))?;
        let (count, held, oldest) = (row.int(0)?, row.int(1)?, row.int(2)?);
        if count >= PER_TENANT.0 || held + size > PER_TENANT.1 {
            let what = format!(
                "the tenant has {count} uploads of {held} bytes; at most {} of {} bytes together are kept for \
                 seven days each",
                PER_TENANT.0, PER_TENANT.1
            );
            return Err(StoreError::Quota { what, retry_ms: (oldest + KEPT_MS - now).max(1000) });
        }
        let digest = self.put_blob(bytes, now).await?;
        self.db
            .exec(
                "INSERT INTO uploads (tenant, digest, size, created_ms) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (tenant, digest) DO UPDATE SET created_ms = excluded.created_ms",
                args![tenant, &digest, size, now],
            )
            .await?;
        Ok(digest)
    }

    /// What `tenant` uploaded; `None` also for what others did.
    pub(crate) async fn uploaded(
        &self,
        tenant: &str,
        digest: &Digest,
        now: Millis,
    ) -> Result<Option<Bytes>, StoreError> {
        let row = self
            .db
            .row(
                "SELECT 1 FROM uploads WHERE tenant = $1 AND digest = $2 AND created_ms > $3",
                args![tenant, digest, now - KEPT_MS],
            )
            .await?;
        if row.is_none() { Ok(None) } else { self.blob(digest).await }
    }

    /// Forgets uploads that are over, and bytes nobody names any more; returns how many uploads.
    pub(crate) async fn forget_old_uploads(&self, now: Millis) -> Result<u64, StoreError> {
        let old = self
            .db
            .rows(
                "SELECT DISTINCT digest FROM uploads WHERE created_ms <= $1 ORDER BY digest LIMIT $2",
                args![now - KEPT_MS, AT_ONCE],
            )
            .await?;
        let mut gone = 0;
        for row in old {
            let digest: Digest = row.parse(0, "uploads.digest")?;
            gone += self
                .db
                .exec(
                    "DELETE FROM uploads WHERE digest = $1 AND created_ms <= $2",
                    args![&digest, now - KEPT_MS],
                )
                .await?;
            self.drop_unnamed(&digest, now).await?;
        }
        Ok(gone)
    }
}
