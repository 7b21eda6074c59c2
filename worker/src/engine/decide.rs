//! Where this crate's plumbing meets `checker`: bytes and facts in, the word on a case out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker::{Feedback, Judged};
use proto::report::Judgement;
use proto::verdict::Verdict;
use sandbox::spec::RunOutcome;

use super::plan::ValidatorPlan;

/// The word on one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub verdict: Verdict,
    /// For judges.
    pub reason: Option<String>,
    /// For contestants.
    pub feedback: Option<String>,
}

impl From<Judged> for Word {
    fn from(judged: Judged) -> Self {
        Word { verdict: judged.verdict, reason: judged.reason, feedback: judged.feedback }
    }
}

/// Holds `output` against `answer` with the default validator. Flags that mean nothing are the package's
/// fault.
pub(super) fn compare(answer: &[u8], output: &[u8], flags: &[String]) -> Word {
    match checker::Flags::parse(flags) {
        Ok(flags) => {
            let compared = checker::compare(answer, output, &flags);
            Word {
                verdict: if compared.accepted { Verdict::AC } else { Verdict::WA },
                reason: compared.difference.map(|d| d.to_string()),
                feedback: None,
            }
        }
        Err(e) => Word {
            verdict: Verdict::JE,
            reason: Some(format!("the package's validator flags are wrong: {e}")),
            feedback: None,
        },
    }
}

/// Reads what one custom validator said. `folder` is where its feedback was collected from.
pub(super) fn read_validator(name: &str, plan: &ValidatorPlan, folder: &str, outcome: &RunOutcome) -> Word {
    let files = outcome.files.iter().filter_map(|file| {
        let path = std::str::from_utf8(&file.path).ok()?;
        Some((path.strip_prefix(folder)?.trim_start_matches('/'), file.bytes.as_slice()))
    });
    let feedback = Feedback::read(files);
    checker::interpret(name, &outcome.facts, &plan.limits, feedback, &outcome.stderr.bytes).into()
}

/// Adds the package's hint to what the contestant sees of a failed case.
pub(super) fn with_hint(feedback: Option<String>, verdict: Verdict, hint: Option<&str>) -> Option<String> {
    match (feedback, hint) {
        (Some(said), Some(hint)) if !verdict.passes() => Some(format!("{said}\n{hint}")),
        (None, Some(hint)) if !verdict.passes() => Some(hint.to_owned()),
        (feedback, _) => feedback,
    }
}

/// Makes groups and the overall verdict from the cases.
pub(super) fn fold(judgement: &mut Judgement) {
    let folded = checker::fold(&judgement.tests);
    judgement.verdict = folded.verdict;
    judgement.reason = folded.reason;
    judgement.groups = folded.groups;
}

/// Base64 with padding, as every `*_base64` key has it.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
