//! The books, for whoever audits them: every submission with what must be true of it. Reads whole tables, so it is for
//! tests and tools and never for a request.

use super::db::args;
use super::{Store, StoreError};

/// A submission in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The sender's own id for it.
    pub external_id: Option<String>,
    /// Its state.
    pub state: String,
    /// How many judgements it has.
    pub judgements: i64,
    /// How many of them are current; one, always.
    pub current: i64,
    /// The current judgement's verdict.
    pub verdict: Option<String>,
    /// The current judgement's document, as JSON.
    pub result: Option<String>,
    /// Jobs that wait for its sake.
    pub jobs: i64,
    /// Attempts that began and did not end.
    pub open_attempts: i64,
    /// Attempts whose report was taken.
    pub judged_attempts: i64,
}

impl Store {
    /// Every submission, the oldest first.
    pub async fn ledger(&self) -> Result<Vec<Entry>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT s.external_id, s.state, \
                 (SELECT COUNT(*) FROM judgements j WHERE j.submission_id = s.id), \
                 (SELECT COUNT(*) FROM judgements j WHERE j.submission_id = s.id AND j.current = 1), \
                 c.verdict, c.result, \
                 (SELECT COUNT(*) FROM jobs w JOIN judgements j ON j.id = w.judgement_id WHERE j.submission_id = s.id), \
                 (SELECT COUNT(*) FROM attempts a JOIN judgements j ON j.id = a.judgement_id \
                 WHERE j.submission_id = s.id AND a.ended_ms IS NULL), \
                 (SELECT COUNT(*) FROM attempts a JOIN judgements j ON j.id = a.judgement_id \
                 WHERE j.submission_id = s.id AND a.outcome = 'judged') \
                 FROM submissions s LEFT JOIN judgements c ON c.submission_id = s.id AND c.current = 1 ORDER BY s.id",
                args![],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Entry {
                    external_id: row.opt_text(0)?,
                    state: row.text(1)?,
                    judgements: row.int(2)?,
                    current: row.int(3)?,
                    verdict: row.opt_text(4)?,
                    result: row.opt_text(5)?,
                    jobs: row.int(6)?,
                    open_attempts: row.int(7)?,
                    judged_attempts: row.int(8)?,
                })
            })
            .collect()
    }
}
