//! The pure verdict function: facts of one run in, verdict out. Versioned by `proto::report::POLICY_VERSION`.
//!
//! Order of decision: the first limit that fired; then a forbidden system call; then limits that only the
//! final figures show; then how the program ended. Whatever is left ran clean, and the checker has the word.
//! A box may let a program run on past its time limit, to see by how much it misses it; what it meets there
//! came after the time limit.
//! A program the kernel ran out of memory for is MLE whatever its exit status; a peak near the limit alone
//! never is.

use std::time::Duration;

use proto::facts::{Accounting, Exit, LimitEvent, LimitHit, RunFacts};
use proto::limits::Limits;
use proto::units::Bytes;
use proto::verdict::Verdict;

use crate::reason;

/// Limits observed within this much of the first one are a tie: the supervisor looks at memory only every
/// 100 ms, and the order inside such a step says nothing. Ties go by the rank of the evidence.
pub const TIE_WINDOW: Duration = Duration::from_millis(100);

/// Note: a fork or clone was refused by the process limit.
pub const NOTE_PROCESSES: &str = "process_limit_reached";
/// Note: the work directory was full at some time.
pub const NOTE_DISK: &str = "disk_limit_reached";
/// Note: the work directory had no room for another file at some time.
pub const NOTE_INODES: &str = "inode_limit_reached";
/// Note: the program failed by itself and had a file as large as one may be.
pub const NOTE_FILE_SIZE: &str = "file_size_limit_reached";
/// Note: the program failed by itself with at least 95 % of its memory in use.
pub const NOTE_NEAR_MEMORY: &str = "near_memory_limit";
/// Note: the program used between 90 and 125 % of its processor time; another machine, or another day, may
/// decide otherwise.
pub const NOTE_NEAR_TIME: &str = "near_time_limit";
/// Note: memory was only sampled and stood above the limit; no verdict is made of that.
pub const NOTE_MEMORY_SAMPLED: &str = "memory_limit_sampled_only";

/// What ends a program whose file grows past its limit (signal(7), x86-64 and aarch64).
const SIGXFSZ: i32 = 25;

/// What the facts of one run amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// The verdict, or `None` when the program ran clean and its output decides.
    pub verdict: Option<Verdict>,
    /// Why, for judges.
    pub reason: Option<String>,
    /// Why, for the contestant; holds no byte of test data.
    pub feedback: Option<String>,
    /// The limit that decided.
    pub limit_hit: Option<LimitHit>,
    /// Stable strings, see the `NOTE_` constants.
    pub notes: Vec<String>,
    /// Exit status, when the program called exit.
    pub exit_code: Option<i32>,
    /// Signal number, when it died of one.
    pub signal: Option<i32>,
}

/// One decision: verdict, reason for judges, feedback for contestants, deciding limit.
type Decision = (Verdict, String, String, Option<LimitHit>);

/// Decides what the facts of one run say of it.
pub fn classify(facts: &RunFacts, limits: &Limits) -> Classified {
    let decision = first_limit(facts, limits)
        .or_else(|| violation(facts))
        .or_else(|| final_figures(facts, limits))
        .or_else(|| ending(facts));
    let (exit_code, signal) = match facts.exit {
        Some(Exit::Code(n)) => (Some(n), None),
        Some(Exit::Signal(n)) => (None, Some(n)),
        None => (None, None),
    };
    let notes = notes(facts, limits, decision.as_ref());
    let (verdict, reason, feedback, limit_hit) = match decision {
        Some((v, r, f, l)) => (Some(v), Some(r), Some(f), l),
        None => (None, None, None, None),
    };
    Classified { verdict, reason, feedback, limit_hit, notes, exit_code, signal }
}

/// Verdict and rank (sandbox notes, 4.5) of a limit; `None` for limits the program only gets an errno from.
const fn decisive(limit: LimitHit) -> Option<(Verdict, u8)> {
    match limit {
        LimitHit::Output | LimitHit::FileSize => Some((Verdict::OLE, 0)),
        LimitHit::Memory => Some((Verdict::MLE, 1)),
        LimitHit::CpuTime => Some((Verdict::TLE, 2)),
        LimitHit::WallTime | LimitHit::Idle => Some((Verdict::ILE, 3)),
        LimitHit::Disk | LimitHit::Inodes | LimitHit::Processes => None,
    }
}

/// The first limit observed; ties by rank. An OOM kill without an event of its own came before whatever
/// killed the box, because nothing is left to be killed afterwards.
fn first_limit(facts: &RunFacts, limits: &Limits) -> Option<Decision> {
    let exact = facts.accounting == Accounting::Exact;
    if exact && facts.oom_kills > 0 && !has(facts, LimitHit::Memory) {
        return Some(memory(facts, limits));
    }
    let candidates: Vec<_> = facts
        .limit_events
        .iter()
        .filter(|e| exact || e.limit != LimitHit::Memory)
        // Without the signal a file at its limit is a coincidence, or a write that failed and was told so.
        .filter(|e| e.limit != LimitHit::FileSize || facts.exit == Some(Exit::Signal(SIGXFSZ)))
        .filter_map(|e| decisive(e.limit).map(|(v, rank)| (e, v, rank)))
        .collect();
    let first = candidates.first()?.0.observed_ns;
    let tie = first.saturating_add(TIE_WINDOW.as_nanos() as u64);
    let (event, verdict, rank) =
        candidates.into_iter().filter(|(e, ..)| e.observed_ns <= tie).min_by_key(|(_, _, rank)| *rank)?;
    if event.limit == LimitHit::CpuTime {
        return Some(too_slow(event, limits));
    }
    if out_of_time_before(rank, facts, limits) {
        return over_time(facts, limits);
    }
    let why = match facts.oom_kills {
        n if event.limit == LimitHit::Memory && n > 0 => format!("{}; {n} OOM kills", reason::event(event)),
        _ => reason::event(event),
    };
    Some((verdict, why, reason::feedback(event.limit, event.bound), Some(event.limit)))
}

fn has(facts: &RunFacts, limit: LimitHit) -> bool {
    facts.limit_events.iter().any(|e| e.limit == limit)
}

/// The box may have been given more time than the limit; the limit is what counts.
fn too_slow(event: &LimitEvent, limits: &Limits) -> Decision {
    let bound = (limits.cpu_time.as_nanos() as u64).min(event.bound);
    let event = LimitEvent { bound, ..event.clone() };
    (Verdict::TLE, reason::event(&event), reason::feedback(event.limit, bound), Some(event.limit))
}

/// Whether the processor time was over before a limit of this rank fired: by more than a tie, or in a tie
/// that the time wins.
fn out_of_time_before(rank: u8, facts: &RunFacts, limits: &Limits) -> bool {
    let time = decisive(LimitHit::CpuTime).map_or(u8::MAX, |(_, rank)| rank);
    let over = facts.cpu_time.saturating_sub(limits.cpu_time);
    over > TIE_WINDOW || (!over.is_zero() && time < rank)
}

fn memory(facts: &RunFacts, limits: &Limits) -> Decision {
    let bound = limits.memory;
    let peak =
        facts.memory_peak_raw.or(facts.memory_bytes).map_or(String::new(), |b| format!(", peak {b} bytes"));
    let why = format!("memory limit: {} OOM kills under a bound of {bound}{peak}", facts.oom_kills);
    (Verdict::MLE, why, reason::feedback(LimitHit::Memory, bound.get()), Some(LimitHit::Memory))
}

/// Only the supervisor's record counts: a bare SIGSYS can be raised by anybody.
fn violation(facts: &RunFacts) -> Option<Decision> {
    let v = facts.violation.as_ref()?;
    let name = v.name.as_deref().map_or(String::new(), |n| format!(" ({n})"));
    let why = format!("forbidden system call {}{name}", v.syscall);
    Some((Verdict::SV, why.clone(), why, None))
}

/// Limits that a run outran between two samples: the final figures are the truth.
fn final_figures(facts: &RunFacts, limits: &Limits) -> Option<Decision> {
    if facts.output_bytes() > limits.output.get() {
        let (value, bound) = (facts.output_bytes(), limits.output.get());
        return Some(at_end(facts, Verdict::OLE, LimitHit::Output, value, bound));
    }
    if let Some(bound) = limits.output_and_files.filter(|bound| facts.output_and_files() > bound.get()) {
        let decision = at_end(facts, Verdict::OLE, LimitHit::Output, facts.output_and_files(), bound.get());
        return Some(with_files(decision, facts));
    }
    over_time(facts, limits)
}

/// The words of a limit that only the files made the sum pass.
fn with_files((verdict, why, feedback, limit): Decision, facts: &RunFacts) -> Decision {
    let files = Bytes(facts.written_bytes.unwrap_or(0));
    let say = |words: String| format!("{words}; {files} of it in files");
    (verdict, say(why), say(feedback), limit)
}

fn over_time(facts: &RunFacts, limits: &Limits) -> Option<Decision> {
    let nanos = |d: Duration| d.as_nanos() as u64;
    let (value, bound) = (nanos(facts.cpu_time), nanos(limits.cpu_time));
    (facts.cpu_time > limits.cpu_time).then(|| at_end(facts, Verdict::TLE, LimitHit::CpuTime, value, bound))
}

fn at_end(facts: &RunFacts, verdict: Verdict, limit: LimitHit, value: u64, bound: u64) -> Decision {
    let event = LimitEvent { limit, observed_ns: facts.wall_time.as_nanos() as u64, value, bound };
    let why = format!("{} (by the final figures)", reason::event(&event));
    (verdict, why, reason::feedback(limit, bound), Some(limit))
}

fn ending(facts: &RunFacts) -> Option<Decision> {
    let errno = told_by_errno(facts);
    let why = match facts.exit {
        Some(Exit::Code(0)) => return None,
        Some(Exit::Code(n)) => format!("exit status {n}"),
        Some(Exit::Signal(n)) => format!("killed by {}", reason::signal(n)),
        // Killed for the memory somebody saw, where no kernel counts it: no proof of `MLE`, and no fault of ours.
        None if facts.accounting == Accounting::Sampled && has(facts, LimitHit::Memory) => {
            let event = facts.limit_events.iter().find(|e| e.limit == LimitHit::Memory)?;
            let feedback = reason::feedback(event.limit, event.bound);
            let why = format!("{} (sampled)", reason::event(event));
            return Some((Verdict::RTE, why, feedback, Some(LimitHit::Memory)));
        }
        None => {
            let why = "the box ended before the program did, and nothing tells why";
            return Some((Verdict::SE, why.to_owned(), "the judge failed".to_owned(), None));
        }
    };
    let why = errno.map_or(why.clone(), |(_, words)| format!("{why}; {words}"));
    Some((Verdict::RTE, why.clone(), why, errno.map(|(limit, _)| limit)))
}

/// A limit that the program only got an errno from, and that may be why it failed.
fn told_by_errno(facts: &RunFacts) -> Option<(LimitHit, &'static str)> {
    [
        (LimitHit::Disk, "the work directory was full"),
        (LimitHit::Inodes, "the work directory had no room for another file"),
        (LimitHit::FileSize, "a file was as large as it may be"),
    ]
    .into_iter()
    .find(|(limit, _)| has(facts, *limit))
}

fn notes(facts: &RunFacts, limits: &Limits, decision: Option<&Decision>) -> Vec<String> {
    let near = facts.memory_bytes.is_some_and(|b| b as f64 >= limits.memory.get() as f64 * 0.95);
    let failed_alone = matches!(decision, Some((Verdict::RTE, ..)));
    let sampled = facts.accounting == Accounting::Sampled && has(facts, LimitHit::Memory);
    let near_time = crate::confirm::near(facts.cpu_time, limits.cpu_time);
    [
        (facts.process_limit_hits > 0 || has(facts, LimitHit::Processes), NOTE_PROCESSES),
        (has(facts, LimitHit::Disk), NOTE_DISK),
        (has(facts, LimitHit::Inodes), NOTE_INODES),
        (has(facts, LimitHit::FileSize) && failed_alone, NOTE_FILE_SIZE),
        (near && failed_alone, NOTE_NEAR_MEMORY),
        (sampled, NOTE_MEMORY_SAMPLED),
        (near_time, NOTE_NEAR_TIME),
    ]
    .into_iter()
    .filter(|(seen, _)| *seen)
    .map(|(_, note)| note.to_owned())
    .collect()
}

#[cfg(test)]
mod tests;
