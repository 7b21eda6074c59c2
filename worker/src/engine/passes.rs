//! The passes of one case. Most problems have one; in a multi-pass problem the validator asks for another by leaving
//! its input in `nextpass.in`.
//!
//! Limits are those of each pass. The submission's work directory is fresh in each, the validator's feedback directory
//! goes on without `nextpass.in`. What is reported of times and memory is the largest over all passes.

use proto::report::{PassRecord, TestReport};
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Content};

use super::case::{self, Pass, RunWith};
use super::decide::Word;
use super::interactive;
use super::plan::Data;
use crate::error::JudgeError;

/// The file that asks for another pass.
pub(super) const NEXT: &str = "nextpass.in";

/// Runs every pass.
pub(super) async fn run(on: RunWith<'_>) -> Result<Pass, JudgeError> {
    let most = on.plan.passes;
    let mut input = on.case.input.clone();
    let mut kept: Vec<BoxFile> = Vec::new();
    let mut earlier: Option<Pass> = None;
    for number in 1..=most {
        let mut pass = if on.plan.interactive {
            interactive::one_pass(on, &input, &kept).await?
        } else {
            case::one_pass(on, &input, &kept).await?
        };
        if most == 1 {
            return Ok(pass);
        }
        let next = take_next(&mut pass.feedback)?;
        if let Some(lost) = pass.lost.take().filter(|_| pass.spoken) {
            blame(&mut pass, format!("its feedback directory cannot be kept for the next pass: {lost}"));
        }
        let goes_on = match (&next, pass.word.verdict) {
            (Some(_), Verdict::AC) if pass.spoken && number == most => {
                blame(
                    &mut pass,
                    format!("it asked for pass {}; `limits.validation_passes` is {most}", number + 1),
                );
                false
            }
            (Some(_), Verdict::AC) if pass.spoken => true,
            (Some(_), Verdict::WA) if pass.spoken => {
                blame(&mut pass, format!("it wrote `{NEXT}` and rejected the output"));
                false
            }
            // Nobody asked, the submission failed, or the validator did otherwise.
            _ => false,
        };
        let mut all = merge(earlier.take(), pass);
        kept = std::mem::take(&mut all.feedback);
        match next.filter(|_| goes_on) {
            Some(next) => input = next,
            None => return Ok(all),
        }
        earlier = Some(all);
    }
    Err(JudgeError::hopeless("a case without a pass"))
}

fn take_next(feedback: &mut Vec<BoxFile>) -> Result<Option<Data>, JudgeError> {
    let Some(at) = feedback.iter().position(|file| file.path == NEXT) else { return Ok(None) };
    match feedback.swap_remove(at).content {
        Content::Bytes(next) => Ok(Some(Data::Bytes(next))),
        Content::File(_) => Err(JudgeError::hopeless("a feedback directory was not read")),
    }
}

fn blame(pass: &mut Pass, what: String) {
    let said = pass.word.reason.take().map_or(String::new(), |said| format!("\n{said}"));
    pass.word = Word::plain(Verdict::JE, Some(format!("output validator: {what}{said}")), None);
}

/// One report of `before` and the pass after it: the last one's, with the largest figures and a record of each.
fn merge(before: Option<Pass>, mut pass: Pass) -> Pass {
    let record = record(&pass);
    if let Some(before) = before {
        let (test, old) = (&mut pass.test, before.test);
        test.cpu_time_ms = larger(test.cpu_time_ms, old.cpu_time_ms);
        test.wall_time_ms = larger(test.wall_time_ms, old.wall_time_ms);
        test.memory_bytes = test.memory_bytes.max(old.memory_bytes);
        test.output_bytes = test.output_bytes.max(old.output_bytes);
        test.check_time_ms = match (test.check_time_ms, old.check_time_ms) {
            (Some(new), Some(old)) => Some(new + old),
            (new, old) => new.or(old),
        };
        test.passes = old.passes;
        test.cached &= old.cached;
        for note in old.notes {
            if !test.notes.contains(&note) {
                test.notes.push(note);
            }
        }
        pass.run += before.run;
        pass.check += before.check;
    }
    pass.test.passes.push(record);
    pass
}

fn record(pass: &Pass) -> PassRecord {
    let TestReport { cpu_time_ms, wall_time_ms, memory_bytes, output_bytes, exit_code, signal, .. } =
        pass.test;
    let verdict = pass.word.verdict;
    PassRecord { verdict, cpu_time_ms, wall_time_ms, memory_bytes, output_bytes, exit_code, signal }
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}
