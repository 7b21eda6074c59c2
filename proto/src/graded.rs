//! What a course's autograder (a harness) found: its part of a judgement and of each test.
//!
//! A harness decides itself who may see what, in Gradescope's words; [`Graded::shown`] holds what a contestant sees
//! while submissions are still taken, and [`Judgement::for_contestant`](crate::report::Judgement::for_contestant)
//! goes by nothing else.

use serde::{Deserialize, Serialize};

/// How the grading of one submission ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GradingStatus)]
pub enum Status {
    /// The harness ended by itself and said what it found.
    Graded,
    /// It did not end, or ended without its final word: what it had reported counts, everything else failed.
    Partial,
    /// There is no result to count at all: score 0, with the reason.
    Failed,
    /// The harness said that the submission cannot be graded and should cost nothing (PrairieLearn's
    /// `gradable: false`).
    Ungradable,
    /// We failed. Never a grade; graded again by the next run.
    Error,
}

impl Status {
    /// Its word in JSON and CSV.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Graded => "graded",
            Status::Partial => "partial",
            Status::Failed => "failed",
            Status::Ungradable => "ungradable",
            Status::Error => "error",
        }
    }
}

/// From when on a student may see something (Gradescope's words).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// At once.
    #[default]
    Visible,
    /// When the due date has passed.
    AfterDueDate,
    /// When grades are published.
    AfterPublished,
    /// Never.
    Hidden,
}

impl Visibility {
    /// Reads one of the four words; `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "visible" => Some(Visibility::Visible),
            "after_due_date" => Some(Visibility::AfterDueDate),
            "after_published" => Some(Visibility::AfterPublished),
            "hidden" => Some(Visibility::Hidden),
            _ => None,
        }
    }
}

/// What a harness said of one test beside its points; its output is the test's `feedback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GradedTest {
    /// The number it shows before the name, such as `1.2`.
    pub number: Option<String>,
    /// `passed` or `failed`; null for a test that only informs.
    pub status: Option<String>,
    /// Who may see it, and when.
    pub visibility: Visibility,
    /// `text`, `html`, `md`, `ansi` or `simple_format`: the form of the output, never to be trusted as markup.
    pub output_format: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Whether it was planned and nothing was heard of it, so that it counts nothing.
    pub not_reported: bool,
    /// Whether its output was longer than what is kept of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub output_truncated: bool,
}

/// What a contestant sees of a graded submission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Shown {
    /// Places of the tests, from 0, in order.
    pub tests: Vec<u32>,
    /// Whether the total: with a test out of sight it would tell that one.
    pub total: bool,
    /// Whether the harness's word on all of it.
    pub output: bool,
    /// Whether what the harness printed.
    pub stdout: bool,
}

/// What a harness said of a submission as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Graded {
    /// `gradescope`, `prairielearn` or `command`.
    pub format: String,
    /// Whether the submission ran in boxes of its own, out of reach of the harness's.
    pub separate: bool,
    /// How the grading ended.
    pub status: Status,
    /// Why it is not simply graded, for the student, without a word of test data.
    pub feedback: Option<String>,
    /// Its word on all of it.
    pub output: Option<String>,
    /// The form of that.
    pub output_format: Option<String>,
    /// Whether that was longer than what is kept of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub output_truncated: bool,
    /// What it printed, stdout then stderr, lossy UTF-8, at most 64 KiB each.
    pub stdout: String,
    /// Whether there was more.
    pub stdout_truncated: bool,
    /// CPU time of the harness in milliseconds.
    pub cpu_time_ms: Option<f64>,
    /// Its wall-clock time in milliseconds.
    pub wall_time_ms: Option<f64>,
    /// Its peak memory in bytes.
    pub memory_bytes: Option<u64>,
    /// What was wrong with what it wrote, place and message; for staff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<String>,
    /// What a contestant sees; not shown to contestants, who see just that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the shape serde asks for
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Graded {
    /// The same without texts, which were kept long enough.
    pub(crate) fn without_outputs(&mut self) {
        (self.output, self.stdout) = (None, String::new());
        self.diagnostics.clear();
    }
}
