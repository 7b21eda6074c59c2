//! Problems whose programs read a file and write a file in place of stdin and stdout (`tribunal.yaml`).
//!
//! The file a program leaves is taken after its box is dead, by the box's own collector: a regular file with
//! one name, never what a link or a FIFO of that name leads to. No such file is a wrong answer, even when the
//! right one is empty; output over the limit is OLE like any other. A long one is not read: it stays in the dead box's
//! directory, and whoever compares it reads it there. Before a program of the package is asked about it, which may take
//! its time, it is copied out and the box's memory let go.

use checker::Classified;
use proto::facts::LimitHit;
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, Content, RunOutcome, RunSpec, Stdin};

use super::outputs::{self, IN_MEMORY};
use super::plan::{Data, Plan};
use crate::error::JudgeError;

/// What the collector says of a file over its bound; held by a test against the sandbox's own word.
const TOO_LARGE: &str = "is too large";

/// Puts the case's input where the program looks for it, and asks for what it writes.
pub(super) async fn place(plan: &Plan, input: &Data, mut spec: RunSpec) -> Result<RunSpec, JudgeError> {
    if let Some(name) = &plan.sidecar.input_file {
        let content = outputs::opened(input).await?;
        // What we put there takes of the box's memory and disk, and is not the program's doing.
        let taken = content.len();
        spec.limits.memory = Bytes(spec.limits.memory.get().saturating_add(taken));
        spec.limits.disk = Bytes(spec.limits.disk.get().saturating_add(taken));
        spec.files.retain(|file| file.path != *name);
        spec.files.push(BoxFile { path: name.clone(), content, executable: false });
        spec.stdin = Stdin::Empty;
    }
    if let Some(name) = &plan.sidecar.output_file {
        // A file that came with the sources is no output of the run.
        spec.files.retain(|file| file.path != *name);
        // As much as may be written has its place, whatever else the program has in its directory.
        let most = plan.limits.output.get();
        spec.limits.disk = Bytes(spec.limits.disk.get().saturating_add(most));
        spec.collect.push(Collect { open_above: Some(IN_MEMORY), ..Collect::read(name, most) });
    }
    Ok(spec)
}

/// Looks for the file of a run that was clean so far; what is wrong with it goes into `classified`.
pub(super) fn look(plan: &Plan, outcome: &RunOutcome, classified: &mut Classified) {
    let Some(name) = plan.sidecar.output_file.as_ref().filter(|_| classified.verdict.is_none()) else {
        return;
    };
    let found = size_of(outcome, name);
    let why = outcome.refused.iter().find(|(path, _)| path == name).map(|(_, why)| why.as_str());
    let limit = plan.limits.output;
    // By its length; what it holds, and other files beside it, the facts have told.
    let written = outcome.facts.output_bytes() + found.unwrap_or(0);
    if why == Some(TOO_LARGE) || written > limit.get() {
        let told = format!("more than {limit} of output, `{name}` included");
        decide(classified, Verdict::OLE, told, Some(LimitHit::Output));
    } else if found.is_none() {
        let told = match why {
            Some("does not exist") | None => format!("the program wrote no file `{name}`"),
            Some(why) => format!("`{name}` {why}; a regular file is needed"),
        };
        decide(classified, Verdict::WA, told, None);
    }
}

/// The output to be checked.
pub(super) fn output(plan: &Plan, outcome: RunOutcome) -> Content {
    match &plan.sidecar.output_file {
        None => outcome.stdout.bytes.into(),
        Some(name) => left(&outcome, name).unwrap_or_else(|| Vec::new().into()),
    }
}

/// How many bytes the file of this name has, where a run left one.
fn size_of(outcome: &RunOutcome, name: &str) -> Option<u64> {
    let read = outcome.files.iter().find(|file| file.path == name.as_bytes());
    let open = || outcome.opened.iter().find(|file| file.path == name.as_bytes());
    read.map(|file| file.bytes.len() as u64).or_else(|| open().map(|open| open.file.len()))
}

/// The file of this name that a run left.
pub(super) fn left(outcome: &RunOutcome, name: &str) -> Option<Content> {
    let read = outcome.files.iter().find(|file| file.path == name.as_bytes());
    let open = || outcome.opened.iter().find(|file| file.path == name.as_bytes());
    match read {
        Some(file) => Some(file.bytes.as_slice().into()),
        None => open().map(|open| Content::File(open.file.clone())),
    }
}

/// Nothing in these words is of the test data.
fn decide(classified: &mut Classified, verdict: Verdict, told: String, limit: Option<LimitHit>) {
    classified.verdict = Some(verdict);
    classified.limit_hit = limit;
    classified.reason = Some(told.clone());
    classified.feedback = Some(told);
}

#[cfg(test)]
mod tests;
