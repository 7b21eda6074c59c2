//! The one model behind all formats: what a submission got, test by test, and how sure that is.

use problem::score::Score;
pub use proto::graded::{Status, Visibility};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::findings::Finding;

/// One test of a harness.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// Its name; `test N` when the harness gave none.
    pub name: String,
    /// The number the harness shows before it, such as `1.2`.
    pub number: Option<String>,
    /// Points it earned; `None` for a test that only informs.
    #[serde(with = "points")]
    pub score: Option<Score>,
    /// Points it could earn.
    #[serde(with = "points")]
    pub max_score: Option<Score>,
    /// `passed` or `failed`, as the harness said, else by its points.
    pub status: Option<String>,
    /// Who may see it, and when.
    pub visibility: Visibility,
    /// What it says to the student.
    pub output: Option<String>,
    /// Whether it said more than is kept.
    pub output_truncated: bool,
    /// `text`, `html`, `md`, `ansi` or `simple_format`.
    pub output_format: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Whatever the harness added for itself; staff only.
    pub extra_data: Option<Value>,
    /// Why it counts nothing although it was planned; `None` for a test that was reported.
    pub not_reported: Option<String>,
}

/// What one submission got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How the grading ended.
    pub status: Status,
    /// Why it is not simply graded; for staff.
    pub reason: Option<String>,
    /// The same for the student, without a word of test data.
    pub feedback: Option<String>,
    /// All points. `None` when nothing was graded.
    #[serde(with = "points")]
    pub score: Option<Score>,
    /// All points there were; `None` when nobody knows, which is so after a run that died without a plan.
    #[serde(with = "points")]
    pub max_score: Option<Score>,
    /// In the harness's order, then what was planned and not reported.
    pub tests: Vec<TestResult>,
    /// What the harness says about all of it.
    pub output: Option<String>,
    /// Whether it said more than is kept.
    pub output_truncated: bool,
    /// The form of that text.
    pub output_format: Option<String>,
    /// Who may see results at all, and when; tests without a word of their own follow it.
    pub visibility: Visibility,
    /// Who may see what the harness printed.
    pub stdout_visibility: Visibility,
    /// What it printed, stdout then stderr, at most 64 KiB each.
    pub stdout: String,
    /// Whether there was more.
    pub stdout_truncated: bool,
    /// Seconds, as the harness said.
    pub execution_time: Option<f64>,
    /// As the harness said.
    pub leaderboard: Option<Value>,
    /// As the harness said; staff only.
    pub extra_data: Option<Value>,
    /// Measured.
    pub cpu_time_ms: Option<f64>,
    /// Measured.
    pub wall_time_ms: Option<f64>,
    /// Measured.
    pub memory_bytes: Option<u64>,
    /// Exit status of the harness.
    pub exit_code: Option<i32>,
    /// Whether the submission ran in the harness's own box, where it can write these results itself.
    pub shared_box: bool,
    /// What was wrong with what it wrote; staff only.
    pub diagnostics: Vec<Finding>,
}

impl Report {
    /// A report without any result.
    pub fn empty(status: Status, reason: impl Into<String>, feedback: impl Into<String>) -> Self {
        let score = (status == Status::Failed).then_some(Score::ZERO);
        Self {
            status,
            reason: Some(reason.into()),
            feedback: Some(feedback.into()),
            score,
            max_score: None,
            tests: Vec::new(),
            output: None,
            output_truncated: false,
            output_format: None,
            visibility: Visibility::Visible,
            stdout_visibility: Visibility::Hidden,
            stdout: String::new(),
            stdout_truncated: false,
            execution_time: None,
            leaderboard: None,
            extra_data: None,
            cpu_time_ms: None,
            wall_time_ms: None,
            memory_bytes: None,
            exit_code: None,
            shared_box: false,
            diagnostics: Vec::new(),
        }
    }
}

/// Points as decimal strings, as everywhere in our JSON.
mod points {
    use problem::score::Score;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[allow(clippy::ref_option)] // the shape serde asks for
    pub(super) fn serialize<S: Serializer>(score: &Option<Score>, to: S) -> Result<S::Ok, S::Error> {
        match score {
            Some(score) => to.collect_str(score),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Score>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        let read = |t: String| {
            Score::parse(&t).ok_or_else(|| serde::de::Error::custom(format!("`{t}` is no decimal number")))
        };
        text.map(read).transpose()
    }
}
