//! A checktestdata specification held against an input, in a box: our interpreter over somebody else's two texts.
//!
//! Both ends of it are here. The judge's own executable ([`OwnTree`]) runs in the box under [`NAME`], reads the
//! specification from a file and the input from standard input, and ends with a status of [`status`], what it has to
//! say on standard output. Whatever else happens to it, a limit among that, is the specification's fault, as it is
//! with a program. What runs in there has no more than its own copy: no file of the host, no image, no socket.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;
use std::sync::Arc;

use checker::checktestdata::{Refusal, SPECIFICATION_MAX, Specification};
use images::OwnTree;
use proto::facts::Exit;
use proto::limits::Limits;
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::HeldDir;
use sandbox::spec::{BoxFile, Profile, RootSpec, RunOutcome, RunSpec, Stdin};

use super::{Said, quoted};
use crate::error::JudgeError;

/// Name the executable has in the box, by which it knows what it is to be.
const NAME: &str = "tribunal-checktestdata";

/// Begins the names of the folders it is copied to.
const KIND: &str = "tribunal-own-";

/// The specification in the work directory.
const FILE: &str = "specification.ctd";

/// Bytes of an answer: a place, what was asked for and what was there, all of them cut where they are made.
const ANSWER_MAX: usize = 8 << 10;

/// What is written of a panic, of which the fault's last line is shown.
const PANIC_MAX: usize = 2 << 10;

/// How it ends. None of these is a status that a program ends with by accident.
mod status {
    /// As a program: the input is accepted.
    pub(super) const ACCEPTS: i32 = 42;
    /// As a program: the input is not as the specification asks.
    pub(super) const REJECTS: i32 = 43;
    /// The specification cannot go on.
    pub(super) const FAULT: i32 = 44;
    /// The input or the specification could not be read: ours.
    pub(super) const UNREAD: i32 = 45;
}

/// The judge's own executable as a tree, in a folder that goes with it.
#[derive(Debug)]
pub(in crate::engine) struct Own {
    tree: OwnTree,
    _folder: HeldDir,
}

impl Own {
    /// Makes it where temporary files go; what a killed judge left of the kind there goes as well.
    ///
    /// # Errors
    /// A failure of ours: no room, or a file that cannot be read.
    pub(in crate::engine) fn make() -> Result<Self, JudgeError> {
        let failed = |error: &dyn std::error::Error| {
            let cause = error.source().map(|e| format!(" ({e})")).unwrap_or_default();
            JudgeError::failed(format!("our own interpreter cannot be put into a box: {error}{cause}"))
        };
        let folder = HeldDir::make(&std::env::temp_dir(), KIND).map_err(|e| failed(&e))?;
        let tree = OwnTree::make(folder.path(), NAME).map_err(|e| failed(&e))?;
        Ok(Self { tree, _folder: folder })
    }
}

/// Whether this process was executed in a box to hold an input against a specification. A question for `main`, before
/// it makes a thread.
pub fn is_specification_reader() -> bool {
    std::env::args_os().next().is_some_and(|name| Path::new(&name).file_name().is_some_and(|n| n == NAME))
}

/// Holds standard input against the specification. First statement of `main` when [`is_specification_reader`].
pub fn specification_main() -> ! {
    let mut text = Vec::new();
    let read = File::open(FILE).and_then(|f| f.take(SPECIFICATION_MAX as u64 + 1).read_to_end(&mut text));
    let (status, said) = match read {
        Ok(_) => answer(&text, std::io::stdin().lock()),
        Err(error) => (status::UNREAD, error.to_string()),
    };
    let told = std::io::stdout().write_all(said.as_bytes());
    std::process::exit(if told.is_ok() { status } else { status::UNREAD })
}

/// The status to end with, and what to say.
pub(super) fn answer(specification: &[u8], input: impl Read) -> (i32, String) {
    let specification = match Specification::parse(specification) {
        Ok(specification) => specification,
        // It was understood before it was brought here; it still is nobody's verdict.
        Err(malformed) => return (status::FAULT, malformed.to_string()),
    };
    match specification.check(input) {
        Ok(()) => (status::ACCEPTS, String::new()),
        Err(refusal @ Refusal::Input { .. }) => (status::REJECTS, refusal.to_string()),
        Err(refusal @ Refusal::Specification { .. }) => (status::FAULT, refusal.to_string()),
        Err(refusal @ Refusal::Read(_)) => (status::UNREAD, refusal.to_string()),
    }
}

/// The run that asks it, within the limits of the package's validators.
pub(super) fn run_spec(own: &Own, specification: &Arc<[u8]>, stdin: Stdin, limits: &Limits) -> RunSpec {
    let mut limits = limits.clone();
    // Nobody writes there but we, before it starts.
    limits.disk = Bytes(limits.disk.get().max(2 * SPECIFICATION_MAX as u64));
    RunSpec {
        root: RootSpec { lower: vec![own.tree.path().to_owned()], binds: Vec::new() },
        argv: own.tree.command().to_vec(),
        env: Vec::new(),
        files: vec![BoxFile {
            path: FILE.to_owned(),
            content: Arc::clone(specification).into(),
            executable: false,
        }],
        stdin,
        keep_stdout: ANSWER_MAX,
        overflow: None,
        keep_stderr: PANIC_MAX,
        limits,
        profile: Profile::Strict,
        writable: false,
        collect: Vec::new(),
    }
}

/// Reads what it said.
///
/// # Errors
/// A run without evidence, or an input that we could not bring: our failure.
pub(super) fn heard(outcome: &RunOutcome, limits: &Limits) -> Result<Said, JudgeError> {
    let judged = checker::classify(&outcome.facts, limits);
    let said = || String::from_utf8_lossy(&outcome.stdout.bytes).into_owned();
    match (judged.verdict, outcome.facts.exit) {
        (Some(Verdict::SE), _) => Err(JudgeError::failed(judged.reason.unwrap_or_default())),
        (Some(Verdict::RTE), Some(Exit::Code(status::ACCEPTS))) => Ok(Said::Accepts),
        (Some(Verdict::RTE), Some(Exit::Code(status::REJECTS))) => Ok(Said::Rejects(said())),
        (Some(Verdict::RTE), Some(Exit::Code(status::FAULT))) => Ok(Said::Fault(said())),
        (Some(Verdict::RTE), Some(Exit::Code(status::UNREAD))) => Err(JudgeError::failed(format!(
            "a specification's input could not be read in its box: {}",
            said()
        ))),
        _ => {
            let how = judged.reason.unwrap_or_else(|| "it ended without an answer".to_owned());
            let last = quoted(&outcome.stderr.bytes);
            Ok(Said::Fault(if last.is_empty() { how } else { format!("{how}: {last}") }))
        }
    }
}

/// What a box would answer, for tests without one; `None` for a run that asks no specification.
#[cfg(test)]
pub(crate) fn played(spec: &RunSpec) -> Option<(i32, String)> {
    let asked = spec.argv.last().is_some_and(|word| word.ends_with(NAME));
    let file = spec.files.iter().find(|file| asked && file.path == FILE)?;
    Some(answer(&crate::testing::bytes_of(&file.content), crate::testing::stdin_of(spec).as_bytes()))
}
