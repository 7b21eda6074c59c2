//! From `policy/seccomp.toml` to the two filters of a box.
//!
//! Three classes stand in the file: *kill*, *errno* and *allow*, with ENOSYS for every number in none of them.
//! The kernel would take them as three stacked filters and use the most restrictive answer. Here they are two
//! programs, because installing costs time in proportion to the path the kernel emulates for each number and
//! a box waits for it (performance.md 3):
//!
//! *Arguments*: the rows with conditions that hold in every profile, compiled by seccompiler, installed once in
//! the box server and inherited.
//! *Classes*, one program per profile, installed with the listener in each box: the plain rows of all three
//! classes, laid out by us as a binary search over ranges of numbers, and behind it the rows with conditions
//! that only this profile has, again seccompiler's, which the search jumps to. Its kill class answers
//! USER_NOTIF, so that the supervisor learns the number (corrections 4); calls of another architecture and of
//! the x32 table belong to the same class.
//!
//! That is the same as three filters, for each number and all arguments: a number has one class, so of three
//! filters two would answer ALLOW and the third decides, as the search does. A condition only ever turns an
//! allowed call into an errno, and no condition may stand on a call of the kill class, where ERRNO would
//! outrank USER_NOTIF and hide the kill (`rows.rs` refuses such a row). The test
//! `two_programs_answer_as_three_stacked_filters_would` evaluates both for every number.
//!
//! All are compiled once in the box server, before anything untrusted exists.

mod program;
mod rows;
#[cfg(test)]
mod tests;

use seccompiler::BpfProgram;

use crate::spec::Profile;

pub(crate) const TEXT: &str = include_str!("../../policy/seccomp.toml");

/// The filters, ready to install: `arguments` in the box server, the classes of its profile in each init.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pub(crate) arguments: BpfProgram,
    classes: Vec<(Profile, ClassFilter)>,
}

/// The class program of one profile.
#[derive(Debug, Clone)]
pub(crate) struct ClassFilter {
    program: BpfProgram,
    /// Instructions that compare with the upper half of the start word.
    high: Vec<usize>,
    /// And with the lower.
    low: Vec<usize>,
}

impl Filters {
    /// The class program of `profile`.
    pub(crate) fn classes(&self, profile: Profile) -> Option<&ClassFilter> {
        self.classes.iter().find(|(p, _)| *p == profile).map(|(_, classes)| classes)
    }
}

impl ClassFilter {
    /// Whether only a call that carries the box's start word may execute a program.
    pub(crate) fn has_start_word(&self) -> bool {
        !self.high.is_empty()
    }

    /// The program for a box with this start word.
    pub(crate) fn with_start_word(&self, word: u64) -> BpfProgram {
        let mut program = self.program.clone();
        self.high.iter().for_each(|at| program[*at].k = (word >> 32) as u32);
        self.low.iter().for_each(|at| program[*at].k = word as u32);
        program
    }

    /// The program of a profile without start word.
    pub(crate) fn program(&self) -> &BpfProgram {
        &self.program
    }
}

/// What is wrong with the policy file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("policy/seccomp.toml: {0}")]
    Toml(#[from] toml::de::Error),
    #[error("policy/seccomp.toml: `{0}` is no system call of this architecture")]
    UnknownCall(String),
    #[error("policy/seccomp.toml: `{0}` is in two rows")]
    Twice(String),
    #[error("policy/seccomp.toml: `{0}` is no errno this policy uses")]
    UnknownErrno(String),
    #[error("policy/seccomp.toml: rule on `{0}`: {1}")]
    Rule(String, String),
    #[error("policy/seccomp.toml: {0} instructions; the kernel takes 4096")]
    TooLong(usize),
    #[error("seccompiler: {0}")]
    Compiler(#[from] seccompiler::BackendError),
}

/// Compiles the policy that is part of this executable.
pub(crate) fn filters() -> Result<Filters, PolicyError> {
    compile(&rows::Policy::read(TEXT)?)
}

/// Compiles any text as a policy and throws the result away: how many instructions it has in each profile, or
/// what is wrong with it. For fuzzing; never panics.
///
/// # Errors
/// The first thing that is wrong, as a sentence.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(text: &str) -> Result<Vec<usize>, String> {
    let filters = rows::Policy::read(text).and_then(|policy| compile(&policy)).map_err(|e| e.to_string())?;
    Ok(filters.classes.iter().map(|(_, classes)| classes.program.len() + filters.arguments.len()).collect())
}

fn compile(policy: &rows::Policy) -> Result<Filters, PolicyError> {
    let rules = policy.rules()?;
    let arguments = program::arguments(&rules.shared)?;
    let mut classes = Vec::new();
    for (profile, numbers, own) in &rules.profiles {
        classes.push((*profile, program::classes(numbers, own)?));
    }
    Ok(Filters { arguments, classes })
}
