//! Whose fault: the author's is a verdict and stands in a `Judgement`; the two other kinds are here and
//! never share a type with it.

use proto::report::NoRoom;

/// The request cannot be judged as it stands; asking again the same way gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Nobody knows the language.
    #[error("unknown language `{language}`: one of {known} is needed")]
    UnknownLanguage {
        /// What was asked for.
        language: String,
        /// Every known id, separated by commas.
        known: String,
    },
    /// The problem does not allow the language.
    #[error("problem `{problem}` does not allow language `{language}`: its problem.yaml allows {allowed}")]
    LanguageNotAllowed {
        /// The problem's short name.
        problem: String,
        /// What was asked for.
        language: String,
        /// Codes of the package format.
        allowed: String,
    },
    /// A limit is zero, absurd or above the maximum.
    #[error(transparent)]
    Limit(#[from] proto::limits::LimitError),
    /// A source file's name cannot be placed in a box.
    #[error(
        "source file name `{0}` is not usable: a relative path without `..` and of at most 255 bytes is needed"
    )]
    FileName(String),
    /// Two source files have one name.
    #[error("two source files are called `{0}`")]
    DuplicateFile(String),
    /// A package names a place to start that the program does not have.
    #[error("{0}")]
    Entry(String),
    /// No source file at all.
    #[error("a submission needs at least one source file")]
    NoFiles,
    /// No test at all.
    #[error("there is nothing to judge against: at least one test case is needed")]
    NoTests,
    /// `--only` names nothing.
    #[error("there is no test case called `{0}`")]
    UnknownCase(String),
    /// The default validator does not know these flags.
    #[error("{0}")]
    Flags(String),
    /// There is no output that could be checked by itself.
    #[error(
        "problem `{0}` is interactive or takes several passes: there is no output to check by itself; use `tribunal \
         judge`"
    )]
    NothingToCheck(String),
    /// The package needs what this judge does not do yet.
    #[error("problem `{problem}` cannot be judged: {what}")]
    Unsupported {
        /// The problem's short name.
        problem: String,
        /// What it needs.
        what: String,
    },
}

/// Why there is no judgement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// The requester's fault.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Our fault. In the service it leads to another attempt or to `SE`, never to a verdict.
    #[error("{cause}")]
    Failed {
        /// What went wrong, for operators and judges; no test data.
        cause: String,
        /// Whether another attempt, perhaps elsewhere, can help.
        retry: bool,
    },
    /// Our disk's fault: it takes no package or image of this size now. In the service it is no attempt; the job waits
    /// or goes elsewhere.
    #[error("{cause}")]
    NoRoom {
        /// What does not fit, how much it needs and how much there is; no test data.
        cause: String,
        /// What it is, and the bytes on disk that would do.
        lacking: NoRoom,
    },
}

impl JudgeError {
    /// A failure that another attempt may not meet.
    pub fn failed(cause: impl Into<String>) -> Self {
        JudgeError::Failed { cause: cause.into(), retry: true }
    }

    /// A failure that every attempt would meet.
    pub fn hopeless(cause: impl Into<String>) -> Self {
        JudgeError::Failed { cause: cause.into(), retry: false }
    }
}
