//! Tokens: `trb_` and 256 random bits. Only their SHA-256 is kept; with that much entropy a slow hash would
//! add nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::id::Digest;
use proto::job::Priority;
use rand::TryRngCore;
use subtle::ConstantTimeEq;

use super::db::{Row, args};
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

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Scope::ALL.into_iter().find(|scope| scope.name() == word);
        known.ok_or_else(|| {
            let word: String = word.chars().take(40).collect();
            let names = Scope::ALL.map(Scope::name).join(", ");
            format!("`{}` is no scope; there are {names}", word.escape_debug())
        })
    }
}

/// A token to make.
#[derive(Debug, Clone)]
pub(crate) struct NewToken {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) scopes: Vec<Scope>,
    /// The most urgent class it may ask for.
    pub(crate) priority: Priority,
    /// When it ends by itself.
    pub(crate) expires: Option<Millis>,
}

/// A token that was found; never its text.
#[derive(Debug, Clone)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) priority: Priority,
    pub(crate) created: Millis,
    pub(crate) expires: Option<Millis>,
    pub(crate) revoked: Option<Millis>,
}

impl TokenRow {
    fn is_over(&self, now: Millis) -> bool {
        self.revoked.is_some() || self.expires.is_some_and(|at| at <= now)
    }
}

/// What came of a token that somebody else made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopted {
    /// It is the workers' from now on.
    Taken,
    /// It was already.
    Known,
    /// Too short, too long, or with characters that no header carries.
    Weak,
    /// It was taken back or has ended.
    Over,
    /// It is known, and not the workers'.
    Other,
}

/// Bytes a token of the operator's may have: fewer could be guessed.
const ADOPTED_LEN: std::ops::RangeInclusive<usize> = 32..=256;

macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(
            "SELECT hash, id, name, tenant, scopes, priority, created_ms, expires_ms, revoked_ms FROM tokens ",
            $rest
        )
    };
}

fn token(row: &Row, at: usize) -> Result<TokenRow, StoreError> {
    let names = row.text(at + 3)?;
    Ok(TokenRow {
        id: row.text(at)?,
        name: row.text(at + 1)?,
        tenant: row.text(at + 2)?,
        scopes: Scope::ALL.into_iter().filter(|s| names.split(' ').any(|n| n == s.name())).collect(),
        priority: super::priority(&row.text(at + 4)?)?,
        created: row.int(at + 5)?,
        expires: row.opt_int(at + 6)?,
        revoked: row.opt_int(at + 7)?,
    })
}

/// Digits of the hash that find a row; the rest is compared in constant time.
const LOOKUP_DIGITS: usize = 12;

/// The id of a token of the operator's: a hash of its hash, so that it tells nothing of either.
fn adopted_id(text: &str) -> String {
    let hash = Digest::of(Digest::of(text.as_bytes()).hex().as_bytes());
    let half = hash.hex().get(..32).and_then(|digits| u128::from_str_radix(digits, 16).ok());
    uuid::Uuid::from_u128(half.unwrap_or_default()).to_string()
}

impl Store {
    /// Makes a token for as long as nobody takes it back, and returns its text: the only time it is seen.
    pub async fn create_token(
        &self,
        name: &str,
        tenant: &str,
        scopes: &[Scope],
        now: Millis,
    ) -> Result<String, StoreError> {
        let (name, tenant) = (name.to_owned(), tenant.to_owned());
        let (scopes, priority) = (scopes.to_vec(), Priority::Contest);
        let new = NewToken { name, tenant, scopes, priority, expires: None };
        self.new_token(&new, now).await.map(|(_, text)| text)
    }

    /// Makes a token; returns its id and its text: the only time the text is seen.
    pub(crate) async fn new_token(
        &self,
        new: &NewToken,
        now: Millis,
    ) -> Result<(String, String), StoreError> {
        let mut secret = [0u8; 32];
        rand::rngs::OsRng
            .try_fill_bytes(&mut secret)
            .map_err(|e| StoreError::corrupt(format!("no random bytes: {e}")))?;
        let text = format!("trb_{}", URL_SAFE_NO_PAD.encode(secret));
        let id = uuid::Uuid::now_v7().to_string();
        self.insert_token(&id, new, &text, now).await?;
        Ok((id, text))
    }

    /// Takes a text the operator chose as the workers' token; does nothing where it is that already.
    pub(crate) async fn adopt_worker_token(
        &self,
        text: &str,
        tenant: &str,
        now: Millis,
    ) -> Result<Adopted, StoreError> {
        if !ADOPTED_LEN.contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Adopted::Weak);
        }
        if let Some(found) = self.token_ever(text).await? {
            return Ok(match found.scopes.contains(&Scope::Worker) {
                false => Adopted::Other,
                true if found.is_over(now) => Adopted::Over,
                true => Adopted::Known,
            });
        }
        let (name, tenant) = ("worker".to_owned(), tenant.to_owned());
        let (scopes, priority) = (vec![Scope::Worker], Priority::Contest);
        // By the text, so that several services that start at once make one row: of two, one could be taken back and the
        // other would still open.
        let id = adopted_id(text);
        let new = NewToken { name, tenant, scopes, priority, expires: None };
        self.insert_token(&id, &new, text, now).await?;
        Ok(Adopted::Taken)
    }

    /// Stores the hash of a token under this id, unless the id or the hash is there: of equal rows at once PostgreSQL
    /// may meet either key first.
    async fn insert_token(
        &self,
        id: &str,
        new: &NewToken,
        text: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let hash = Digest::of(text.as_bytes());
        let scopes = new.scopes.iter().map(|s| s.name()).collect::<Vec<_>>().join(" ");
        self.db
            .exec(
                "INSERT INTO tokens (id, name, tenant, scopes, lookup, hash, created_ms, priority, expires_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
                args![
                    id,
                    new.name.as_str(),
                    new.tenant.as_str(),
                    scopes,
                    &hash.hex()[..LOOKUP_DIGITS],
                    hash.hex(),
                    now,
                    new.priority.name(),
                    new.expires
                ],
            )
            .await
            .map(drop)
    }

    /// Finds who a token belongs to; nobody when it was taken back or has ended.
    pub(crate) async fn token(&self, text: &str, now: Millis) -> Result<Option<TokenRow>, StoreError> {
        Ok(self.token_ever(text).await?.filter(|found| !found.is_over(now)))
    }

    /// The same, whether it still opens anything or not.
    async fn token_ever(&self, text: &str) -> Result<Option<TokenRow>, StoreError> {
        let hash = Digest::of(text.as_bytes());
        let rows =
            self.db.rows(select_tokens!("WHERE lookup = $1"), args![&hash.hex()[..LOOKUP_DIGITS]]).await?;
        for row in rows {
            if bool::from(row.text(0)?.as_bytes().ct_eq(hash.hex().as_bytes())) {
                return token(&row, 1).map(Some);
            }
        }
        Ok(None)
    }

    /// Every token, the newest first.
    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let rows = self.db.rows(select_tokens!("ORDER BY created_ms DESC, id DESC"), args![]);
        rows.await?.iter().map(|row| token(row, 1)).collect()
    }

    /// Takes a token back for good; the row stays, so that the audit log keeps its name.
    ///
    /// # Errors
    /// `Missing` when there is no such token.
    pub(crate) async fn revoke_token(&self, id: &str, now: Millis) -> Result<TokenRow, StoreError> {
        self.db
            .exec("UPDATE tokens SET revoked_ms = $1 WHERE id = $2 AND revoked_ms IS NULL", args![now, id])
            .await?;
        let row = self.db.row(select_tokens!("WHERE id = $1"), args![id]).await?;
        row.map_or_else(|| Err(StoreError::Missing("such token".to_owned())), |row| token(&row, 1))
    }

    /// Whether a token with this scope exists.
    pub(crate) async fn has_token(&self, scope: Scope) -> Result<bool, StoreError> {
        let rows = self.db.rows("SELECT scopes FROM tokens WHERE revoked_ms IS NULL", args![]).await?;
        for row in rows {
            if row.text(0)?.split(' ').any(|n| n == scope.name()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
