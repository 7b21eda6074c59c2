//! Submissions that are the outputs themselves: no program, no box but the validator's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use problem::answers::{assign, read_zip};
use proto::facts::LimitHit;
use proto::job::SourceFile;
use proto::report::{CompileReport, CompileStatus, TestReport};
use proto::units::round_ms;
use proto::verdict::Verdict;
use sandbox::spec::Content;

use super::blocking;
use super::case::{self, CaseDone, RunWith};
use super::compile::Compiled;
use super::decide::{self, Word};
use super::plan::{Plan, Work};
use super::{Against, Submission};
use crate::error::JudgeError;

/// What stands for a language where there is none.
pub const LANGUAGE: &str = "answers";

/// Note: files were sent that answer no case.
const NOTE_UNUSED: &str = "files_without_case";

/// Unpacked bytes of one zip of answers.
const ZIP_MAX: u64 = 256 << 20;

/// The files of a submission to a `submit-answer` problem, unpacked; the inner error is its author's.
/// `None` for any other problem.
pub(super) async fn read(
    submission: &Submission,
    against: &Against,
) -> Result<Option<Result<Vec<SourceFile>, String>>, JudgeError> {
    let wanted = matches!(against, Against::Problem(problem) if problem.submit_answer);
    let zip = match &submission.files[..] {
        _ if !wanted => return Ok(None),
        [only] if only.name.to_ascii_lowercase().ends_with(".zip") => only.content.clone(),
        files => return Ok(Some(Ok(files.to_vec()))),
    };
    let unpacked = blocking(move || read_zip(&zip, ZIP_MAX)).await?;
    let named = |(name, content)| SourceFile { name, content };
    Ok(Some(unpacked.map(|files| files.into_iter().map(named).collect())))
}

/// Puts the answers in the place of runs. Without answers there is nothing to judge.
pub(super) fn put(plan: &mut Plan, answers: Result<Vec<SourceFile>, String>) {
    let (Ok(files), Some(problem)) = (&answers, &plan.problem) else {
        plan.refused_before_compiling = answers.err();
        return;
    };
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let assigned = assign(problem, &names);
    if !assigned.unused.is_empty() {
        plan.notes.push(NOTE_UNUSED.to_owned());
    }
    for case in &mut plan.cases {
        let file = case.place.and_then(|place| assigned.by_case.get(place).copied().flatten());
        case.work = Work::Answer(file.map(|at| Arc::from(files[at].content.as_slice())));
    }
}

/// What compiling comes to where there is nothing to compile.
pub(super) fn nothing_to_compile(plan: &Plan) -> Compiled {
    let refused = plan.refused_before_compiling.clone();
    Compiled::Nothing(CompileReport {
        status: if refused.is_some() { CompileStatus::Error } else { CompileStatus::Skipped },
        log: refused.unwrap_or_default(),
        cpu_time: Duration::ZERO,
        wall_time: Duration::ZERO,
        limit_hit: None,
        cached: false,
    })
}

/// Decides one case by the answer that was sent for it.
pub(super) async fn judge(on: RunWith<'_>, answer: Option<&Arc<[u8]>>) -> Result<CaseDone, JudgeError> {
    let RunWith { plan, case, .. } = on;
    let mut test = TestReport::not_run(&case.name, &case.group, Verdict::SE, None);
    test.sample = case.sample;
    test.output_bytes = answer.map(|bytes| bytes.len() as u64);
    let started = Instant::now();
    let most = plan.limits.output.get();
    let word = match answer {
        None => {
            let why = "no answer was submitted for this case".to_owned();
            Word::plain(Verdict::WA, Some(why.clone()), Some(why))
        }
        Some(bytes) if bytes.len() as u64 > most => {
            test.limit_hit = Some(LimitHit::Output);
            let why = format!("the answer has {} bytes; at most {most} are judged", bytes.len());
            Word::plain(Verdict::OLE, Some(why.clone()), Some(why))
        }
        Some(bytes) => case::check(on, &case.input, Content::Bytes(Arc::clone(bytes)), &[], &[]).await?.word,
    };
    let check = started.elapsed();
    test.check_time_ms = Some(round_ms(check));
    test.verdict = word.verdict;
    test.reason = word.reason;
    test.feedback = decide::with_hint(word.feedback, word.verdict, case.hint.as_deref());
    Ok(CaseDone { test, run: Duration::ZERO, check, given: word.given })
}
