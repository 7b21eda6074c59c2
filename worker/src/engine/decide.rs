//! Where this crate's plumbing meets `checker`: bytes and facts in, the word on a case out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker::grader::{Asked, Grades};
use checker::live::Live;
use checker::{Feedback, Flags, Given, Judged, Scorer};
use proto::report::Judgement;
use proto::verdict::Verdict;
use sandbox::spec::RunOutcome;

use problem::model::Protocol;

use super::plan::{Plan, ValidatorPlan};

/// The word on one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub verdict: Verdict,
    /// For judges.
    pub reason: Option<String>,
    /// For contestants.
    pub feedback: Option<String>,
    /// What the validator gave, or what is wrong with it.
    pub given: Result<Given, String>,
}

impl Word {
    /// A word without a score.
    pub(super) fn plain(verdict: Verdict, reason: Option<String>, feedback: Option<String>) -> Self {
        Self { verdict, reason, feedback, given: Ok(Given::Nothing) }
    }
}

impl From<Judged> for Word {
    fn from(judged: Judged) -> Self {
        Word {
            verdict: judged.verdict,
            reason: judged.reason,
            feedback: judged.feedback,
            given: judged.given,
        }
    }
}

/// The judge's own checker: the one of this name, else the default validator under `flags`. A name that nobody has and
/// flags that mean nothing are the package's fault.
pub(super) fn own_checker(name: Option<&str>, flags: &[String]) -> Result<Live, String> {
    match name {
        Some(name) => Live::by_name(name)
            .ok_or_else(|| format!("the package names a checker `{name}`, which is unknown")),
        None => Flags::parse(flags)
            .map(Live::Tokens)
            .map_err(|e| format!("the package's validator flags are wrong: {e}")),
    }
}

/// The word of a comparison.
pub(super) fn compared(compared: checker::Comparison) -> Word {
    let verdict = if compared.accepted { Verdict::AC } else { Verdict::WA };
    Word::plain(verdict, compared.difference.map(|d| d.to_string()), None)
}

/// Reads what one custom validator said. `folder` is where its feedback was collected from; `points` is
/// whether the case can have some.
pub(super) fn read_validator(
    name: &str,
    plan: &ValidatorPlan,
    folder: &str,
    points: bool,
    outcome: &RunOutcome,
) -> Word {
    match plan.protocol {
        Protocol::Format => read_program(&format!("output validator {name}"), plan, folder, outcome),
        Protocol::Testlib => {
            let (facts, stderr) = (&outcome.facts, &outcome.stderr.bytes);
            checker::testlib::interpret(name, facts, &plan.limits, stderr, points).into()
        }
    }
}

/// Reads what any program that speaks like an output validator said; `name` says which.
pub(super) fn read_program(name: &str, plan: &ValidatorPlan, folder: &str, outcome: &RunOutcome) -> Word {
    let below = |path| Some(str::strip_prefix(path, folder)?.trim_start_matches('/'));
    let named = |path| below(std::str::from_utf8(path).ok()?);
    let files = outcome.files.iter().filter_map(|file| Some((named(&file.path)?, file.bytes.as_slice())));
    let refused = outcome.refused.iter().filter_map(|(path, why)| Some((below(path)?, why.as_str())));
    // The feedback directory itself has the right to be empty.
    let empty = outcome
        .empty
        .iter()
        .filter_map(|path| Some((named(path).filter(|n| !n.is_empty())?, "is a directory")));
    let feedback = Feedback::read(files).without(refused.chain(empty));
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

/// Makes groups and the overall verdict from the cases, and the score of a scored problem.
///
/// # Errors
/// What has to be asked of the package's grader first.
pub(super) fn fold(judgement: &mut Judgement, plan: &Plan, grades: &Grades) -> Result<(), Asked> {
    if let Some(problem) = &plan.problem
        && let Some(scorer) = Scorer::new(problem)
    {
        let places: Vec<_> = plan.cases.iter().map(|case| case.place).collect();
        return scorer.fold_into(judgement, &places, grades);
    }
    let folded = checker::fold(&judgement.tests, plan.policy);
    judgement.verdict = folded.verdict;
    judgement.reason = folded.reason;
    judgement.groups = folded.groups;
    Ok(())
}

/// Base64 with padding, as every `*_base64` key has it.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use Verdict::{AC, OK, PA, RTE, WA};

    use super::*;

    #[test]
    fn a_hint_is_for_who_failed_and_comes_after_what_the_validator_said() {
        let hint = Some("zero is a number");
        for (said, verdict, hint, told) in [
            (Some("too far"), WA, hint, Some("too far\nzero is a number")),
            (None, WA, hint, Some("zero is a number")),
            (None, RTE, hint, Some("zero is a number")),
            (Some("well done"), AC, hint, Some("well done")),
            (None, AC, hint, None),
            (None, OK, hint, None),
            (None, PA, hint, None),
            (Some("too far"), WA, None, Some("too far")),
            (None, WA, None, None),
        ] {
            let got = with_hint(said.map(str::to_owned), verdict, hint);
            assert_eq!(got.as_deref(), told, "{said:?} {verdict} {hint:?}");
        }
    }

    #[test]
    fn base64_has_its_padding() {
        assert_eq!((base64(b"a").as_str(), base64(b"\xff\xfe\xfd").as_str()), ("YQ==", "//79"));
    }
}
