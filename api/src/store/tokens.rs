//! Tokens: `trb_` and 256 random bits. Only their SHA-256 is kept; with that much entropy a slow hash would
//! add nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::id::Digest;
use rand::TryRngCore;
use subtle::ConstantTimeEq;

use super::db::args;
use super::{Millis, Store, StoreError};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Send submissions.
    Submit,
    /// Read submissions, problems, languages, the queue: the contestant's view.
    Read,
    /// See the judge's view: reasons, facts.
    Judge,
    /// Upload and activate problems.
    Problems,
    /// Everything a person may do, in every tenant.
    Admin,
    /// Claims, heartbeats and blobs: what a worker needs, and nothing else.
    Worker,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 6] =
        [Scope::Submit, Scope::Read, Scope::Judge, Scope::Problems, Scope::Admin, Scope::Worker];

    /// The name in documents and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Submit => "submit",
            Scope::Read => "read",
            Scope::Judge => "judge",
            Scope::Problems => "problems",
            Scope::Admin => "admin",
            Scope::Worker => "worker",
        }
    }
}

/// A token that was found.
#[derive(Debug, Clone)]
pub(crate) struct TokenRow {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) scopes: Vec<Scope>,
}

/// Digits of the hash that find a row; the rest is compared in constant time.
const LOOKUP_DIGITS: usize = 12;

impl Store {
    /// Makes a token and returns it: the only time its text is seen.
    pub async fn create_token(
        &self,
        name: &str,
        tenant: &str,
        scopes: &[Scope],
        now: Millis,
    ) -> Result<String, StoreError> {
        let mut secret = [0u8; 32];
        rand::rngs::OsRng
            .try_fill_bytes(&mut secret)
            .map_err(|e| StoreError::corrupt(format!("no random bytes: {e}")))?;
        let token = format!("trb_{}", URL_SAFE_NO_PAD.encode(secret));
        let hash = Digest::of(token.as_bytes());
        let scopes = scopes.iter().map(|s| s.name()).collect::<Vec<_>>().join(" ");
        self.db
            .exec(
                "INSERT INTO tokens (id, name, tenant, scopes, lookup, hash, created_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                args![
                    uuid::Uuid::new_v4().to_string(),
                    name,
                    tenant,
                    scopes,
                    &hash.hex()[..LOOKUP_DIGITS],
                    hash.hex(),
                    now
                ],
            )
            .await?;
        Ok(token)
    }

    /// Finds who a token belongs to.
    pub(crate) async fn token(&self, text: &str) -> Result<Option<TokenRow>, StoreError> {
        let hash = Digest::of(text.as_bytes());
        let rows = self
            .db
            .rows(
                "SELECT hash, name, tenant, scopes FROM tokens WHERE lookup = $1",
                args![&hash.hex()[..LOOKUP_DIGITS]],
            )
            .await?;
        for row in rows {
            if bool::from(row.text(0)?.as_bytes().ct_eq(hash.hex().as_bytes())) {
                let names = row.text(3)?;
                let scopes = Scope::ALL.into_iter().filter(|s| names.split(' ').any(|n| n == s.name()));
                return Ok(Some(TokenRow {
                    name: row.text(1)?,
                    tenant: row.text(2)?,
                    scopes: scopes.collect(),
                }));
            }
        }
        Ok(None)
    }

    /// Whether a token with this scope exists.
    pub(crate) async fn has_token(&self, scope: Scope) -> Result<bool, StoreError> {
        let rows = self.db.rows("SELECT scopes FROM tokens", args![]).await?;
        for row in rows {
            if row.text(0)?.split(' ').any(|n| n == scope.name()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
