//! The one model behind every version of the problem package format.

use std::path::PathBuf;
use std::time::Duration;

use proto::id::Digest;
use proto::units::Bytes;
use proto::verdict::Verdict;

/// The version a package declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormatVersion {
    /// `legacy` and `legacy-icpc`, or no declaration.
    Legacy,
    /// `2025-09`.
    V2025_09,
}

/// How submissions are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// Accepted or not.
    PassFail,
    /// With a score.
    Scoring,
}

impl ProblemKind {
    /// The word in `problem.yaml` and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            ProblemKind::PassFail => "pass-fail",
            ProblemKind::Scoring => "scoring",
        }
    }
}

/// Limits a package sets. Durations and sizes are never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct ProblemLimits {
    /// CPU time of a run; `None` when it has to be inferred and nobody did.
    pub cpu_time: Option<Duration>,
    /// Memory of a run.
    pub memory: Bytes,
    /// stdout, stderr and written files of a run.
    pub output: Bytes,
    /// Sources together, before `include/`.
    pub code: Bytes,
    /// CPU time of compiling.
    pub compilation_time: Duration,
    /// Memory of compiling.
    pub compilation_memory: Bytes,
    /// CPU time of one output validator run.
    pub validation_time: Duration,
    /// Memory of one output validator run.
    pub validation_memory: Bytes,
    /// stdout, stderr and feedback of one output validator run.
    pub validation_output: Bytes,
}

/// A program of the package: one file or a directory of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Path below the package, for messages.
    pub path: String,
    /// Its files: (path below the program, path on disk). Sorted.
    pub files: Vec<(String, PathBuf)>,
    /// Language code named by the package, when it names one.
    pub language: Option<String>,
    /// Whether it is a directory with a `build` script.
    pub has_build: bool,
}

/// What decides output against answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validator {
    /// The format's default output validator; its flags are in each case.
    Default,
    /// The package's own programs; all must accept.
    Custom(Vec<Program>),
}

/// One test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Path under `data/` without extension, such as `secret/02-small`.
    pub name: String,
    /// Its group: the path of its directory under `data/`.
    pub group: String,
    /// The input file.
    pub input: PathBuf,
    /// The answer file.
    pub answer: PathBuf,
    /// Arguments of the submission.
    pub args: Vec<String>,
    /// Arguments of the output validator, inherited ones included.
    pub validator_args: Vec<String>,
    /// Directory whose files are copied beside the submission.
    pub files: Option<PathBuf>,
    /// Whether the contestant may see it.
    pub sample: bool,
    /// Shown when the case is failed.
    pub hint: Option<String>,
}

/// One directory of cases, in judging order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Path under `data/`, such as `secret`.
    pub name: String,
    /// Indices into [`Problem::cases`].
    pub cases: Vec<usize>,
}

/// What a package expects of one of its submissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Verdicts any case may have; empty when anything goes.
    pub permitted: Vec<Verdict>,
    /// At least one case must have one of these; empty when none must.
    pub required: Vec<Verdict>,
}

/// One program under `submissions/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleSubmission {
    /// The program.
    pub program: Program,
    /// What is expected of it.
    pub expected: Expectation,
    /// The verdict its folder names, such as AC for `accepted`; `None` for folders that allow several.
    pub verdict: Option<Verdict>,
}

/// A problem package, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Short name: the folder's.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Its uuid, when it has one.
    pub uuid: Option<String>,
    /// Declared version.
    pub version: FormatVersion,
    /// How it is judged.
    pub kind: ProblemKind,
    /// Digest over (path, executable bit, content) of all files.
    pub digest: Digest,
    /// Its limits.
    pub limits: ProblemLimits,
    /// Every case, samples first, in judging order.
    pub cases: Vec<Case>,
    /// Groups in judging order.
    pub groups: Vec<Group>,
    /// What decides.
    pub validator: Validator,
    /// Language codes allowed; `None` allows all.
    pub languages: Option<Vec<String>>,
    /// Whether submissions may write files.
    pub allow_file_writing: bool,
    /// Example submissions.
    pub submissions: Vec<ExampleSubmission>,
    /// Statement in Markdown or plain text, when there is one.
    pub statement: Option<String>,
}

impl Problem {
    /// The cases a contestant may see, in judging order.
    pub fn samples(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.sample)
    }
}
