//! Queue message: one self-contained job (`application/vnd.tribunal.job.v1+json`).

use serde::{Deserialize, Serialize};

use crate::id::{Digest, JudgementId, SubmissionId};
use crate::limits::LimitsRequest;

/// Media type of a job on the queue.
pub const JOB_MEDIA_TYPE: &str = "application/vnd.tribunal.job.v1+json";
/// Media type of a report on the queue.
pub const REPORT_MEDIA_TYPE: &str = "application/vnd.tribunal.report.v1+json";
/// Media type of an event on the queue.
pub const EVENT_MEDIA_TYPE: &str = "application/vnd.tribunal.event.v1+json";

/// Largest message a queue carries, in bytes; larger fields travel as blobs.
pub const MESSAGE_MAX: usize = 4 << 20;

/// Who goes first. Lower variants are served before higher ones.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// A running contest.
    Contest,
    /// Everything else.
    #[default]
    Normal,
    /// Judging again.
    Rejudge,
    /// When nothing else waits.
    Bulk,
}

impl Priority {
    /// Every class, most urgent first.
    pub const ALL: [Priority; 4] = [Priority::Contest, Priority::Normal, Priority::Rejudge, Priority::Bulk];

    /// The name as it stands in JSON and in queue names.
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Contest => "contest",
            Priority::Normal => "normal",
            Priority::Rejudge => "rejudge",
            Priority::Bulk => "bulk",
        }
    }
}

/// One source file, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Plain file name or relative path; checked when accepted.
    pub name: String,
    /// The bytes.
    #[serde(with = "base64_bytes")]
    pub content: Vec<u8>,
}

/// One test given in the request itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InlineTest {
    /// What the program reads.
    #[serde(with = "base64_bytes")]
    pub stdin: Vec<u8>,
    /// What it should write; without it the verdict is `OK`.
    #[serde(with = "opt_base64_bytes", default)]
    pub expected_output: Option<Vec<u8>>,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
}

/// What to judge against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// An installed problem package.
    Problem {
        /// Its short name.
        name: String,
        /// The pinned revision. The package zip is the blob `blob`.
        digest: Digest,
        /// Blob that holds the package as an uploaded zip.
        blob: Digest,
    },
    /// A course's autograder, installed as problems are.
    Harness {
        /// Its short name.
        name: String,
        /// The pinned revision.
        digest: Digest,
        /// Blob that holds it as an uploaded zip.
        blob: Digest,
    },
    /// Tests of the request.
    Tests {
        /// At least one.
        tests: Vec<InlineTest>,
    },
}

/// One job: everything a worker needs, but for blobs it fetches by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Protocol of whoever made it ([`crate::skew`]).
    pub schema: u32,
    /// What is to be decided.
    pub judgement_id: JudgementId,
    /// For whom.
    pub submission_id: SubmissionId,
    /// The language's id.
    pub language: String,
    /// The sources.
    pub files: Vec<SourceFile>,
    /// What to judge against.
    pub target: Target,
    /// Limits asked for, already held against the operator's maxima.
    #[serde(default)]
    pub limits: LimitsRequest,
    /// Run every case even after a failure.
    #[serde(default)]
    pub all: bool,
    /// The policy's word; without it `icpc`, or `all` where that is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its class.
    #[serde(default)]
    pub priority: Priority,
    /// W3C trace context of the request that sent the submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// Serde adapter: bytes as a base64 string (RFC 4648 section 4).
pub mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes base64.
    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads base64.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

/// Serde adapter: optional bytes as base64 or null.
pub mod opt_base64_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Wrap(#[serde(with = "super::base64_bytes")] Vec<u8>);

    /// Writes null for `None`.
    #[allow(clippy::ref_option)]
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, s: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|b| Wrap(b.clone())).serialize(s)
    }

    /// Reads null as `None`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Wrap>::deserialize(d)?.map(|w| w.0))
    }
}
