//! One test case: a fresh box for the program, facts to verdict, and only when it ran clean the comparison.
//!
//! A program that broke a limit is never shown to a checker, so a time limit can not turn into a judge
//! error; a run without evidence is made once more and then is our failure, never a verdict.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use checker::policy::Policy;
use checker::{Classified, Given, classify};
use proto::facts::{Exit, LimitEvent, LimitHit};
use proto::report::TestReport;
use proto::units::round_ms;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Captured, Content, Overflow as _, RunOutcome, RunSpec, Stdin};

use super::compile::Program;
use super::decide::{self, Word};
use super::live::{Ended, Live};
use super::outputs::{Aside, content, unreadable};
use super::plan::{CasePlan, Check, Data, Plan};
use super::validator::{self, Answer};
use super::{blocking, files, outputs, passes};
use crate::cache::Keep;
use crate::error::JudgeError;
use crate::runner::{RunError, Runner, run_or_recall_twice};

/// Inputs up to this size are handed over from memory; larger ones as the file itself, which the box copies
/// inside the kernel: once, and not before its turn.
const STDIN_IN_MEMORY: u64 = 16 << 20;

/// Most bytes of stderr quoted in the reason of a run-time error.
const QUOTED_STDERR: usize = 1 << 10;

/// A decided case and where the time went.
#[derive(Debug)]
pub(super) struct CaseDone {
    pub test: TestReport,
    pub run: Duration,
    pub check: Duration,
    /// What the validator gave, or what is wrong with it.
    pub given: Result<Given, String>,
}

/// What one case is run with.
#[derive(Clone, Copy)]
pub(super) struct RunWith<'a> {
    pub runner: &'a dyn Runner,
    pub plan: &'a Plan,
    pub case: &'a CasePlan,
    /// The submission.
    pub program: &'a Program,
    pub validators: &'a [Arc<Program>],
    /// Where outputs too long for our memory lie.
    pub aside: &'a Aside,
}

/// One run of the submission on one input, and the word on it.
#[derive(Debug)]
pub(super) struct Pass {
    /// Everything but the word.
    pub test: TestReport,
    pub word: Word,
    /// Whether a validator was asked and its word is the one.
    pub spoken: bool,
    /// What the validator left in its feedback directory.
    pub feedback: Vec<BoxFile>,
    /// What of that could not be brought back.
    pub lost: Option<String>,
    pub run: Duration,
    pub check: Duration,
}

/// Runs and decides one case.
pub(super) async fn run_case(on: RunWith<'_>) -> Result<CaseDone, JudgeError> {
    let done = passes::run(on).await?;
    let Pass { mut test, word, run, check, .. } = done;
    test.verdict = word.verdict;
    test.reason = word.reason;
    test.feedback = decide::with_hint(word.feedback, word.verdict, on.case.hint.as_deref());
    Ok(CaseDone { test, run, check, given: word.given })
}

/// Runs the submission on `input`, and asks the checker when it ran clean. `feedback` is what earlier passes left.
pub(super) async fn one_pass(
    on: RunWith<'_>,
    input: &Data,
    feedback: &[BoxFile],
) -> Result<Pass, JudgeError> {
    let mut spec = spec_of(on, input).await?;
    let live = Live::put(on, &mut spec);
    let beside = spec.files.clone();
    let started = Instant::now();
    let outcome = match run_with_evidence(on, spec, live.as_deref()).await {
        Ok(outcome) => outcome,
        Err(error) => return unstartable(on, &error, started.elapsed()),
    };
    let run = started.elapsed();

    let (outcome, mut classified, cached) = outcome;
    files::look(on.plan, &outcome, &mut classified);
    let mut test = report(on, &outcome, &classified);
    test.cached = cached;
    let started = Instant::now();
    let spoken = classified.verdict.is_none();
    let Answer { word, feedback, lost } = match classified.verdict {
        Some(verdict) => {
            let reason = with_stderr(verdict, classified.reason, &outcome.stderr);
            Answer::of(Word::plain(verdict, reason, classified.feedback))
        }
        None => match blocking(move || live.and_then(|live| live.finish())).await?.transpose()? {
            Some(Ended::Compared(word)) => Answer::of(decide::compared(word)),
            Some(Ended::Kept(output)) => check(on, input, output, &beside, feedback).await?,
            None => {
                let output = files::output(on.plan, outcome);
                check(on, input, output, &beside, feedback).await?
            }
        },
    };
    let check = started.elapsed();
    test.check_time_ms = spoken.then(|| round_ms(check));
    Ok(Pass { test, word, spoken, feedback, lost, run, check })
}

/// The submission's run on `input`.
pub(super) async fn spec_of(on: RunWith<'_>, input: &Data) -> Result<RunSpec, JudgeError> {
    let RunWith { plan, case, program, .. } = on;
    let (given, input, beside) = (input, input.clone(), case.files.clone());
    let (stdin, beside) = blocking(move || -> Result<_, JudgeError> {
        let beside = beside.as_deref().map(read_folder).transpose()?.unwrap_or_default();
        Ok((stdin_of(&input)?, beside))
    })
    .await??;
    let mut files = program.files.clone();
    for file in beside {
        files.retain(|f| f.path != file.path);
        files.push(file);
    }
    let mut argv = program.argv_under(plan.limits.memory);
    argv.extend(case.args.iter().cloned());
    let spec = RunSpec {
        root: program.root.clone(),
        argv,
        env: program.env_under(plan.limits.memory),
        files,
        stdin,
        // All of it, where no comparison is made meanwhile: the limit bounds it, and the checker must see every byte.
        keep_stdout: usize::try_from(plan.limits.output.get()).unwrap_or(usize::MAX),
        overflow: None,
        keep_stderr: plan.keep_stderr,
        limits: plan.box_limits(),
        profile: program.profile,
        writable: plan.writable,
        collect: Vec::new(),
    };
    files::place(plan, given, spec).await
}

pub(super) fn stdin_of(input: &Data) -> Result<Stdin, JudgeError> {
    let path = match input {
        Data::Bytes(bytes) => return Ok(Stdin::Bytes(Arc::clone(bytes))),
        Data::File(path) => path,
    };
    let mut file = std::fs::File::open(path).map_err(|e| unreadable(path, &e))?;
    let size = file.metadata().map_err(|e| unreadable(path, &e))?.len();
    if size > STDIN_IN_MEMORY {
        return Ok(Stdin::Fd(Arc::new(OwnedFd::from(file))));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
    Ok(Stdin::Bytes(bytes.into()))
}

/// The files in a case's `.files` folder and the folders in it. How many there are and how deep they lie was bounded
/// when the package was read, and no link leads out of it.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<BoxFile>, JudgeError> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((folder, above)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| unreadable(&folder, &e))? {
            let path = entry.map_err(|e| unreadable(&folder, &e))?.path();
            let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
            let name = format!("{above}{name}");
            if path.is_file() {
                files.push(BoxFile { path: name, content: content(&Data::File(path))?, executable: false });
            } else if path.is_dir() {
                folders.push((path, format!("{name}/")));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// A run whose facts say something. A box that ended without a trace of why is tried once more.
async fn run_with_evidence(
    on: RunWith<'_>,
    spec: RunSpec,
    live: Option<&Live>,
) -> Result<(RunOutcome, Classified, bool), RunError> {
    let RunWith { runner, plan, program, .. } = on;
    let mut last = String::new();
    let keep = match plan.policy {
        Policy::Analyst => Keep::FarFrom(plan.limits.cpu_time),
        Policy::Icpc | Policy::All | Policy::Worst | Policy::Oi => Keep::Within(plan.limits.cpu_time),
    };
    for _ in 0..2 {
        // What is recalled begins nothing, and an attempt before it may have.
        if let Some(live) = live {
            live.begin();
        }
        let (mut outcome, cached) = run_or_recall_twice(runner, spec.clone(), keep).await?;
        note_full_heap(&mut outcome, plan, program, live);
        let classified = classify(&outcome.facts, &plan.limits);
        if classified.verdict != Some(Verdict::SE) {
            return Ok((outcome, classified, cached));
        }
        last = classified.reason.unwrap_or_default();
    }
    Err(RunError::Box(last))
}

/// A runtime whose heap is bounded by the memory limit meets it before the kernel does, and says so. That is
/// kept as a fact, stamped with the end of the run.
pub(super) fn note_full_heap(outcome: &mut RunOutcome, plan: &Plan, program: &Program, live: Option<&Live>) {
    let Some(rule) = &program.out_of_memory else { return };
    let (exit_code, signal) = match outcome.facts.exit {
        Some(Exit::Code(code)) => (Some(code), None),
        Some(Exit::Signal(signal)) => (None, Some(signal)),
        None => return,
    };
    let tail = live.map(Live::tail).unwrap_or_default();
    let said = [[&outcome.stdout.bytes[..], &outcome.stderr.bytes], [&tail, &[]]];
    if said.into_iter().any(|streams| rule.matches(exit_code, signal, streams)) {
        let facts = &mut outcome.facts;
        facts.limit_events.push(LimitEvent {
            limit: LimitHit::Memory,
            observed_ns: facts.wall_time.as_nanos() as u64,
            value: facts.memory_bytes.unwrap_or_default(),
            bound: plan.limits.memory.get(),
        });
    }
}

/// A program of the author's that the kernel will not start is a run-time error; one of the image's is
/// our failure.
pub(super) fn unstartable(on: RunWith<'_>, error: &RunError, run: Duration) -> Result<Pass, JudgeError> {
    let RunWith { case, program, .. } = on;
    let own = program.argv.first().is_some_and(|command| !command.starts_with('/'));
    match error {
        RunError::Exec { .. } if own => {
            let mut test = TestReport::not_run(&case.name, &case.group, Verdict::RTE, None);
            test.sample = case.sample;
            let feedback = Some("the program could not be started".to_owned());
            let word = Word::plain(Verdict::RTE, Some(error.to_string()), feedback);
            let Answer { word, feedback, lost } = Answer::of(word);
            Ok(Pass { test, word, spoken: false, feedback, lost, run, check: Duration::ZERO })
        }
        RunError::BadSpec(_) => {
            Err(JudgeError::hopeless(format!("could not run case {}: {error}", case.name)))
        }
        RunError::Exec { .. } | RunError::Box(_) | RunError::Unavailable { .. } => {
            Err(JudgeError::failed(format!("could not run case {}: {error}", case.name)))
        }
    }
}

/// Holds an output against its case. `beside` is what the submission has in its work directory.
pub(super) async fn check(
    on: RunWith<'_>,
    input: &Data,
    output: Content,
    beside: &[BoxFile],
    feedback: &[BoxFile],
) -> Result<Answer, JudgeError> {
    let RunWith { runner, plan, case, validators, aside, .. } = on;
    let (name, flags, answer) = match &case.check {
        Check::Nothing => return Ok(Answer::of(Word::plain(Verdict::OK, None, None))),
        Check::Custom { answer, args, points } => {
            let output = match plan.sidecar.output_file {
                Some(_) => outputs::put_aside(output, aside).await?,
                None => output,
            };
            let (input, answer) = contents(input, answer).await?;
            let asked = validator::Asked { input, answer, output, args, points: *points, beside, feedback };
            return validator::ask_all(runner, &plan.validator, validators, &asked).await;
        }
        Check::Default { answer, flags } => (None, &flags[..], answer),
        Check::Named { answer, name } => (Some(name.as_str()), &[][..], answer),
    };
    Ok(Answer::of(outputs::own_word(name, flags, outputs::opened(answer).await?, output).await?))
}

/// An input and an answer as a validator is given them.
pub(super) async fn contents(input: &Data, answer: &Data) -> Result<(Content, Content), JudgeError> {
    let (input, answer) = (input.clone(), answer.clone());
    blocking(move || -> Result<_, JudgeError> { Ok((content(&input)?, content(&answer)?)) }).await?
}

/// Everything but the word.
pub(super) fn report(on: RunWith<'_>, outcome: &RunOutcome, classified: &Classified) -> TestReport {
    let RunWith { plan, case, .. } = on;
    let facts = &outcome.facts;
    // SE until the word is in: whoever forgets it leaves our own fault here, never AC.
    let mut test = TestReport::not_run(&case.name, &case.group, Verdict::SE, None);
    test.sample = case.sample;
    test.cpu_time_ms = Some(round_ms(facts.cpu_time));
    test.wall_time_ms = Some(round_ms(facts.wall_time));
    test.memory_bytes = facts.memory_bytes;
    test.output_bytes = Some(facts.output_bytes());
    test.exit_code = classified.exit_code;
    test.signal = classified.signal;
    test.limit_hit = classified.limit_hit;
    test.accounting = Some(facts.accounting);
    test.notes.clone_from(&classified.notes);
    test.facts = Some(facts.clone());
    if plan.show > 0 {
        (test.stdout, test.stdout_base64, test.stdout_truncated) = show(&outcome.stdout, plan.show);
        (test.stderr, test.stderr_base64, test.stderr_truncated) = show(&outcome.stderr, plan.show);
    }
    test
}

/// Text, exact bytes when the text is lossy, and whether there was more.
fn show(stream: &Captured, max: usize) -> (Option<String>, Option<String>, Option<bool>) {
    let shown = &stream.bytes[..stream.bytes.len().min(max)];
    let truncated = stream.truncated || shown.len() < stream.bytes.len();
    let exact = std::str::from_utf8(shown).is_err().then(|| decide::base64(shown));
    (Some(String::from_utf8_lossy(shown).into_owned()), exact, Some(truncated))
}

/// The reason of a run-time error, with what the program said of it.
pub(super) fn with_stderr(verdict: Verdict, reason: Option<String>, stderr: &Captured) -> Option<String> {
    let said = checker::message(&stderr.bytes, QUOTED_STDERR).filter(|_| verdict == Verdict::RTE);
    match said {
        Some(said) => Some(format!("{}; stderr: {}", reason.unwrap_or_default(), said.trim_start())),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_case_keep_their_folders() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["b.txt", "a/c.txt", "a/d/e.txt"] {
            std::fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(path), path).unwrap();
        }
        let files = read_folder(dir.path()).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a/c.txt", "a/d/e.txt", "b.txt"]);
        assert!(files.iter().all(|file| file.content.at_hand() == Some(file.path.as_bytes())));
    }
}
