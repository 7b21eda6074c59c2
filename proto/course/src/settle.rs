//! From how a run ended and what it left to a report. Pure.
//!
//! Two rules above all: what was not reported has failed, and a total that only a finished harness may give is
//! not taken from one that died.

use checker::Classified;
use problem::score::Score;
use proto::units::round_ms;
use proto::verdict::Verdict;

use crate::findings::Findings;
use crate::lines::{self, Lines, Planned};
use crate::manifest::Schema;
use crate::prairielearn;
use crate::report::{Report, Status, TestResult, Visibility};
use crate::results::{self, Said};

/// Longest text of stdout, and of stderr, kept in a report, in bytes.
pub const STDOUT_MAX: usize = 64 << 10;

/// A file that a run was to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// It is there.
    Bytes(Vec<u8>),
    /// There is none.
    Absent,
    /// It is there and not taken, with the reason: a link, a FIFO, too large.
    Refused(String),
}

/// What a run left.
#[derive(Debug)]
pub struct Leavings<'a> {
    /// `results.json`.
    pub results: Left,
    /// `results.jsonl`.
    pub lines: Left,
    /// What the harness's box measured.
    pub facts: &'a proto::facts::RunFacts,
    /// How that ended.
    pub ended: &'a Classified,
}

/// Makes the report. `plan` is the harness's own, from a file that no submission can change.
pub fn settle(left: &Leavings<'_>, schema: Schema, plan: Option<&[Planned]>) -> Report {
    let mut findings = Findings::default();
    let lines = match &left.lines {
        Left::Bytes(bytes) => lines::read(bytes, schema, &mut findings),
        Left::Absent => Lines::default(),
        Left::Refused(why) => {
            findings.add("results.jsonl", format!("is not read: it {why}"));
            Lines::default()
        }
    };
    let said = match &left.results {
        Left::Bytes(bytes) => match schema {
            Schema::Gradescope => results::read(bytes, &mut findings),
            Schema::PrairieLearn => prairielearn::read(bytes, &mut findings),
        },
        Left::Absent => None,
        Left::Refused(why) => {
            findings.add("results.json", format!("is not read: it {why}"));
            None
        }
    };
    // A limit that the harness only heard an errno of (a full disk) did not end it.
    let ended_itself =
        left.ended.exit_code.is_some() && matches!(left.ended.verdict, None | Some(Verdict::RTE));
    let finished = ended_itself && (said.is_some() || lines.done);
    let (reason, feedback) = why(left, finished);
    let mut report = Report::empty(Status::Graded, "", "");
    (report.reason, report.feedback) = (None, None);
    if !finished {
        report.status = Status::Partial;
        (report.reason, report.feedback) = (Some(reason.clone()), Some(feedback.clone()));
    }
    let named_total = tell(&mut report, said, &lines, finished);
    let own_plan = plan.map(<[Planned]>::to_vec);
    let bound_by_plan = own_plan.is_some();
    let plan = own_plan.or(lines.plan);
    if let Some(plan) = &plan {
        hold(&mut report, plan, bound_by_plan, &reason, &feedback, &mut findings);
    }
    total(&mut report, named_total, finished, plan.is_some(), bound_by_plan, schema, &mut findings);
    if report.status == Status::Partial && report.tests.iter().all(|t| t.not_reported.is_some()) {
        report.status = Status::Failed;
    }
    let facts = left.facts;
    report.cpu_time_ms = Some(round_ms(facts.cpu_time));
    report.wall_time_ms = Some(round_ms(facts.wall_time));
    report.memory_bytes = facts.memory_bytes;
    report.exit_code = left.ended.exit_code;
    report.diagnostics = findings.into_list();
    report
}

/// Why a run has no final word: for staff and for the student.
fn why(left: &Leavings<'_>, finished: bool) -> (String, String) {
    if finished {
        let text = "the harness ended without a word about it";
        return (text.to_owned(), text.to_owned());
    }
    if let (None | Some(Verdict::RTE), Some(code)) = (left.ended.verdict, left.ended.exit_code) {
        let what = match &left.results {
            Left::Absent => "left no results",
            Left::Bytes(_) => "left results that cannot be read",
            Left::Refused(_) => "left something that is no results file",
        };
        return (
            format!("the harness ended with status {code} and {what}"),
            format!("the autograder {what}"),
        );
    }
    let end = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or("it did not end");
        format!("the autograder did not finish: {text}")
    };
    (end(&left.ended.reason), end(&left.ended.feedback))
}

/// Puts what was said into the report; returns the total, where one may be taken.
fn tell(
    report: &mut Report,
    said: Option<Said>,
    lines: &Lines,
    finished: bool,
) -> Option<(Score, Option<Score>)> {
    report.visibility = lines.visibility;
    let mut total = None;
    if let Some(said) = said {
        total = said.score.filter(|_| finished).map(|score| (score, said.max_score));
        report.tests = said.tests;
        report.output = said.output;
        report.output_truncated = said.output_truncated;
        report.output_format = said.output_format;
        report.visibility = said.visibility;
        report.stdout_visibility = said.stdout_visibility.unwrap_or(Visibility::Hidden);
        report.execution_time = said.execution_time;
        report.leaderboard = said.leaderboard;
        report.extra_data = said.extra_data;
        if let Some(why) = said.ungradable.filter(|_| finished) {
            report.status = Status::Ungradable;
            (report.reason, report.feedback) = (Some(why.clone()), Some(why));
        }
    }
    // A finished results.json is the last word; otherwise both may hold what the other has not.
    if !finished || report.tests.is_empty() {
        for test in &lines.tests {
            if !report.tests.iter().any(|other| other.name == test.name) {
                // A word on all of them may have come after it.
                let visibility = tighter(test.visibility, report.visibility);
                report.tests.push(TestResult { visibility, ..test.clone() });
            }
        }
    }
    total
}

/// Holds the tests against the plan. The harness's own plan also bounds them: no test beyond it counts, none
/// counts more than it says, and none is shown earlier.
fn hold(
    report: &mut Report,
    plan: &[Planned],
    own: bool,
    reason: &str,
    feedback: &str,
    findings: &mut Findings,
) {
    let tests = &mut report.tests;
    if own {
        let mut seen = std::collections::BTreeSet::new();
        tests.retain_mut(|test| {
            let Some(planned) = plan.iter().find(|p| p.name == test.name) else {
                findings
                    .add("results", format!("test `{}` is not in the plan; it does not count", test.name));
                return false;
            };
            if !seen.insert(test.name.clone()) {
                findings.add("results", format!("test `{}` is there twice; the first counts", test.name));
                return false;
            }
            if let Some((score, most)) = bound(test, planned) {
                findings
                    .add("results", format!("test `{}` claims {score} of {most}; it counts 0", test.name));
            }
            true
        });
    }
    let missing: Vec<TestResult> = plan
        .iter()
        .filter(|p| !tests.iter().any(|t| t.name == p.name))
        .map(|p| TestResult {
            name: p.name.clone(),
            score: Some(Score::ZERO),
            max_score: p.max_score,
            status: Some("failed".to_owned()),
            // It had no chance to say so itself.
            visibility: tighter(p.visibility, report.visibility),
            output: Some(format!("not reported: {feedback}")),
            not_reported: Some(reason.to_owned()),
            ..TestResult::default()
        })
        .collect();
    tests.extend(missing);
}

/// Holds one test against the harness's own plan. Returns what it claimed of what it may count, when that is too much.
pub(crate) fn bound(test: &mut TestResult, planned: &Planned) -> Option<(Score, Score)> {
    let claim = test.score.zip(planned.max_score).filter(|(score, most)| score > most);
    if claim.is_some() {
        test.score = Some(Score::ZERO);
        test.status = Some("failed".to_owned());
    }
    test.max_score = planned.max_score.or(test.max_score);
    test.visibility = tighter(test.visibility, planned.visibility);
    claim
}

fn tighter(a: Visibility, b: Visibility) -> Visibility {
    let rank = |v| match v {
        Visibility::Visible => 0,
        Visibility::AfterDueDate => 1,
        Visibility::AfterPublished => 2,
        Visibility::Hidden => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

#[allow(clippy::too_many_arguments)] // one story with one caller
fn total(
    report: &mut Report,
    named: Option<(Score, Option<Score>)>,
    finished: bool,
    planned: bool,
    own_plan: bool,
    schema: Schema,
    findings: &mut Findings,
) {
    if report.status == Status::Ungradable {
        (report.score, report.max_score) = (None, None);
        return;
    }
    let sum = report.tests.iter().filter_map(|t| t.score).try_fold(Score::ZERO, Score::plus);
    let most = report.tests.iter().try_fold(Score::ZERO, |sum, t| match (t.score, t.max_score) {
        (_, Some(most)) => sum.plus(most),
        (None, None) => Some(sum),
        (Some(_), None) => None,
    });
    let most = most.filter(|_| !report.tests.is_empty());
    (report.score, report.max_score) = (Some(sum.unwrap_or(Score::ZERO)), most);
    if sum.is_none() {
        findings.add("results", "the points cannot be added up; they count 0");
    }
    // Full marks of three tests out of nobody knows how many are no full marks.
    if !finished && !planned {
        report.max_score = None;
        if !report.tests.is_empty() {
            let text = "the run died and there is no plan: nobody knows what all tests are worth";
            findings.add("results", text);
        }
    }
    if schema == Schema::PrairieLearn && !finished {
        // Its score is a part of 1, and the tests' points are in another scale.
        let part = report.score.zip(report.max_score).and_then(|(got, most)| got.over(most));
        report.score = Some(part.filter(|_| planned).unwrap_or(Score::ZERO));
        report.max_score = Some(Score::ONE);
    }
    let Some((score, over)) = named else { return };
    if let (true, Some(most), None) = (own_plan, most, over)
        && score > most
    {
        findings.add(
            "results.json: score",
            format!("is {score}, more than the {most} of the plan; the sum of the tests counts"),
        );
        return;
    }
    report.score = Some(score);
    if over.is_some() {
        report.max_score = over;
    }
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
