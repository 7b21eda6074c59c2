//! Scores: of cases, of groups of any depth, of the whole; and what a failed case leaves to be run.
//!
//! Pure arithmetic over what was decided of each case and what its validator gave. Exact until shown. What
//! the package does wrong on the way (a score above its maximum, a score for a wrong answer) is a judge
//! error with its reason, never a different score.

use problem::model::{Aggregation, GraderVerdict, Grading, Problem, ProblemKind};
use problem::score::Score;
use proto::report::GroupReport;
use proto::verdict::Verdict;

use crate::grader::{Asked, Grades};
use crate::policy::{Policy, Stops};

mod apply;
mod legacy;

pub use apply::given_of;

/// What a validator gave for one case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Given {
    /// Nothing: an accepted case has its full score.
    #[default]
    Nothing,
    /// `score.txt`: the score itself.
    Score(Score),
    /// `score_multiplier.txt`: the part of the maximum, from 0 to 1.
    Multiplier(Score),
}

/// One case as it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The judge's word; SK when it was not run.
    pub verdict: Verdict,
    /// What its validator gave.
    pub given: Given,
}

/// The whole, with its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// The judge's word on the whole.
    pub verdict: Verdict,
    /// The score; `None` in a pass-fail problem, or when it could not be made.
    pub score: Option<Score>,
    /// Why, when no single case tells.
    pub reason: Option<String>,
    /// Every group, in the problem's order.
    pub groups: Vec<GroupReport>,
}

/// A group as it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    verdict: Verdict,
    score: Score,
}

/// Why a group has no mark.
#[derive(Debug)]
enum Trouble {
    /// The package is at fault.
    Fault(String),
    /// Its grader has to be asked first.
    Ask(Asked),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Trouble::Fault(why)
    }
}

/// Scores the submissions of one problem. Its cases are known by their index in the problem; the static
/// validations of its groups follow them, in the order of the groups.
#[derive(Debug)]
pub struct Scorer<'a> {
    problem: &'a Problem,
    /// The group of each case, then that of each static validation.
    group_of: Vec<usize>,
}

impl<'a> Scorer<'a> {
    /// A scorer for a problem that is scored or has a grader with a say; `None` for any other.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        let decides = |grading: &Grading| match grading {
            Grading::Grader(g) => {
                g.custom || g.verdict == GraderVerdict::AlwaysAccept || g.accept_if_any_accepted
            }
            Grading::Aggregate { .. } => false,
        };
        let graded = problem.kind == ProblemKind::Scoring
            || problem.groups.iter().any(|g| decides(&g.grading))
            || problem.root.as_ref().is_some_and(|r| r.ignore_sample || decides(&Grading::Grader(r.clone())));
        if !graded {
            return None;
        }
        let mut group_of = vec![0; problem.cases.len()];
        for (at, group) in problem.groups.iter().enumerate() {
            for case in &group.cases {
                group_of[*case] = at;
            }
        }
        group_of.extend(problem.static_groups());
        Some(Self { problem, group_of })
    }

    /// How many cases there are, static validations among them.
    pub fn len(&self) -> usize {
        self.group_of.len()
    }

    /// Whether there is no case at all.
    pub fn is_empty(&self) -> bool {
        self.group_of.is_empty()
    }

    fn scores(&self) -> bool {
        self.problem.kind == ProblemKind::Scoring
    }

    /// The cases directly in a group; its static validation comes first, as it is run.
    fn cases_of(&self, group: usize) -> impl Iterator<Item = usize> {
        let first_static = self.problem.cases.len();
        let statics = first_static..self.group_of.len();
        let of_group = statics.filter(move |i| self.group_of[*i] == group);
        of_group.chain(self.problem.groups[group].cases.iter().copied())
    }

    fn is_static(&self, case: usize) -> bool {
        case >= self.problem.cases.len()
    }

    /// The score of one case, `None` where cases have none.
    ///
    /// # Errors
    /// What the validator did wrong: a judge error.
    pub fn case(&self, case: usize, decided: Decided) -> Result<Option<Score>, String> {
        let group = &self.problem.groups[self.group_of[case]];
        if !self.scores() || group.name == "sample" {
            return Ok(None);
        }
        match &group.grading {
            Grading::Grader(grader) => return legacy::case(grader, decided).map(Some),
            Grading::Aggregate { how: Aggregation::PassFail, .. } => {
                return match decided.given {
                    Given::Nothing => Ok(None),
                    Given::Score(_) | Given::Multiplier(_) => {
                        Err("the validator gave a score in a `pass-fail` group".to_owned())
                    }
                };
            }
            Grading::Aggregate { how: Aggregation::Min | Aggregation::Sum, .. } => {}
        }
        let max = self.most(case)?;
        if !decided.verdict.passes() {
            return match decided.given {
                Given::Nothing => Ok(Some(Score::ZERO)),
                _ => Err("the validator gave a score for an output it did not accept".to_owned()),
            };
        }
        let unbounded = matches!(group.grading, Grading::Aggregate { max: None, .. });
        match (decided.given, max) {
            // What a static validation gives has a maximum; it must be said all the same where the group has none.
            (Given::Nothing, Some(max)) if !unbounded => Ok(Some(max)),
            (Given::Nothing, _) => {
                Err("the validator gave no score.txt, and the group's maximum is unbounded".to_owned())
            }
            (Given::Multiplier(_), None) => {
                Err("the validator gave a score_multiplier.txt, and the group's maximum is unbounded"
                    .to_owned())
            }
            (Given::Multiplier(part), _) if part.is_negative() || part > Score::ONE => {
                Err(format!("score_multiplier.txt is {part}; a number from 0 to 1 is needed"))
            }
            (Given::Multiplier(part), Some(max)) => part.times(max).ok_or_else(too_fine).map(Some),
            (Given::Score(score), _) if score.is_negative() => {
                Err(format!("score.txt is {score}; a number that is not negative is needed"))
            }
            (Given::Score(score), Some(max)) if score > max => {
                Err(format!("score.txt is {score}; the case has at most {max}"))
            }
            (Given::Score(score), _) => Ok(Some(score)),
        }
    }

    /// Most that the case can give; `None` where that is unbounded, or cases have no score.
    pub fn max_of(&self, case: usize) -> Option<Score> {
        self.most(case).ok().flatten()
    }

    /// Most that the whole can give; `None` where that is unbounded.
    pub fn max(&self) -> Option<Score> {
        if !self.scores() {
            return None;
        }
        if let Some(root) = &self.problem.root {
            return root.most;
        }
        let secret = self.problem.groups.iter().find(|g| g.name == "secret")?;
        match &secret.grading {
            Grading::Aggregate { max, .. } => *max,
            Grading::Grader(grader) => grader.most,
        }
    }

    fn most(&self, case: usize) -> Result<Option<Score>, String> {
        let group = &self.problem.groups[self.group_of[case]];
        if !self.scores() || group.name == "sample" {
            return Ok(None);
        }
        if self.is_static(case) {
            return Ok(group.static_check.as_ref().and_then(|check| check.score));
        }
        match &group.grading {
            Grading::Aggregate { how: Aggregation::Min, max } => Ok(*max),
            Grading::Aggregate { how: Aggregation::Sum, max } => {
                let static_part = group.static_check.as_ref().and_then(|c| c.score).unwrap_or(Score::ZERO);
                let share = |max: Score| max.minus(static_part)?.shared(group.cases.len());
                max.map(|max| share(max).ok_or_else(too_fine)).transpose()
            }
            Grading::Aggregate { how: Aggregation::PassFail, .. } | Grading::Grader(_) => Ok(None),
        }
    }

    /// The group whose failure keeps this case from being run, given the verdicts so far (`None`: not yet).
    pub fn blocked_by(&self, case: usize, verdicts: &[Option<Verdict>]) -> Option<&'a str> {
        let mut at = Some(self.group_of[case]);
        while let Some(group) = at.map(|i| &self.problem.groups[i]) {
            let failed = |other: &usize| {
                let inside = |i: &usize| self.within(self.group_of[*i], *other);
                (0..verdicts.len()).filter(inside).any(|i| verdicts[i].is_some_and(|v| !v.passes()))
            };
            if let Some(other) = group.require_pass.iter().find(|other| failed(other)) {
                return Some(&self.problem.groups[*other].name);
            }
            at = group.parent;
        }
        None
    }

    /// Whether group `inner` is `outer` or lies in it.
    fn within(&self, mut inner: usize, outer: usize) -> bool {
        loop {
            match self.problem.groups[inner].parent {
                _ if inner == outer => return true,
                Some(parent) => inner = parent,
                None => return false,
            }
        }
    }

    /// What a case with this verdict leaves without meaning: the rest of a group that has nothing to lose.
    pub fn stops(&self, case: usize, verdict: Verdict) -> Stops {
        if verdict.passes() {
            return Stops::Nothing;
        }
        let group = &self.problem.groups[self.group_of[case]];
        match (&group.grading, verdict) {
            (_, Verdict::SE | Verdict::JE) => Stops::Everything,
            _ if group.name == "sample" => Stops::Nothing,
            (Grading::Aggregate { how: Aggregation::Min | Aggregation::PassFail, .. }, _) => Stops::Group,
            (Grading::Grader(g), _) if g.stop_on_reject && !g.accept_if_any_accepted => Stops::Group,
            (Grading::Aggregate { how: Aggregation::Sum, .. } | Grading::Grader(_), _) => Stops::Nothing,
        }
    }

    /// Whether two cases lie in the same group.
    pub fn together(&self, a: usize, b: usize) -> bool {
        self.group_of[a] == self.group_of[b]
    }

    /// Makes groups and the whole from every case of the problem, in its order, the static validations after
    /// them. `grades` is what the package's own grader said so far.
    ///
    /// # Errors
    /// What has to be asked of that grader before there is a result; then call again.
    ///
    /// # Panics
    /// When `cases` are not [`len`](Self::len) many.
    pub fn fold(&self, cases: &[Decided], grades: &Grades) -> Result<Scored, Asked> {
        assert_eq!(cases.len(), self.len(), "every case has its place");
        let groups = &self.problem.groups;
        let mut marks = vec![Mark { verdict: Verdict::SK, score: Score::ZERO }; groups.len()];
        let mut fault = cases.iter().map(|c| c.verdict).find(|v| matches!(v, Verdict::SE | Verdict::JE));
        let mut reason = None;
        // Backwards: what lies inside a group comes after it.
        for at in (0..groups.len()).rev() {
            match self.group(at, cases, &marks, grades) {
                Ok(mark) => marks[at] = mark,
                Err(Trouble::Ask(asked)) if fault.is_none() => return Err(asked),
                Err(Trouble::Fault(why)) if fault.is_none() => {
                    fault = Some(Verdict::JE);
                    reason = Some(format!("group {}: {why}", groups[at].name));
                    marks[at].verdict = Verdict::JE;
                }
                Err(_) => marks[at].verdict = Verdict::JE,
            }
        }
        let whole = match fault {
            Some(fault) => Ok(Mark { verdict: fault, score: Score::ZERO }),
            None => self.whole(&marks, grades),
        };
        let (verdict, score) = match whole {
            Ok(mark) => (mark.verdict, (fault.is_none() && self.scores()).then_some(mark.score)),
            Err(Trouble::Ask(asked)) => return Err(asked),
            Err(Trouble::Fault(why)) => {
                reason = Some(why);
                (Verdict::JE, None)
            }
        };
        Ok(Scored { verdict, score, reason, groups: self.reports(&marks) })
    }

    fn reports(&self, marks: &[Mark]) -> Vec<GroupReport> {
        let report = |(group, mark): (&problem::model::Group, &Mark)| {
            let scored = self.scores() && !group.name.starts_with("sample");
            let max = match &group.grading {
                Grading::Aggregate { max, .. } => *max,
                Grading::Grader(grader) => grader.most,
            };
            GroupReport {
                name: group.name.clone(),
                verdict: mark.verdict,
                score: scored.then(|| mark.score.to_string()),
                max_score: max.filter(|_| scored).map(|m| m.to_string()),
            }
        };
        self.problem.groups.iter().zip(marks).map(report).collect()
    }

    fn group(&self, at: usize, cases: &[Decided], marks: &[Mark], grades: &Grades) -> Result<Mark, Trouble> {
        let group = &self.problem.groups[at];
        let (how, max) = match &group.grading {
            Grading::Grader(grader) => return legacy::group(self, at, grader, cases, marks, grades),
            Grading::Aggregate { how, max } => (*how, *max),
        };
        let inner = || (0..marks.len()).filter(|i| self.problem.groups[*i].parent == Some(at));
        let verdicts = self.cases_of(at).map(|i| cases[i].verdict).chain(inner().map(|i| marks[i].verdict));
        let verdicts: Vec<Verdict> = verdicts.collect();
        let run = Policy::All.verdict(verdicts.iter().copied()).unwrap_or(Verdict::SK);
        let passed = !verdicts.is_empty() && verdicts.iter().all(|v| matches!(v, Verdict::AC | Verdict::OK));
        if !self.scores() || group.name == "sample" {
            return Ok(Mark { verdict: run, score: Score::ZERO });
        }
        let mut scores = Vec::with_capacity(verdicts.len());
        for i in self.cases_of(at).filter(|_| how != Aggregation::PassFail) {
            // A case that was not run has lost what it could have had.
            let skipped = cases[i].verdict == Verdict::SK;
            scores.push(if skipped { Score::ZERO } else { self.case(i, cases[i])?.unwrap_or(Score::ZERO) });
        }
        scores.extend(inner().map(|i| marks[i].score));
        let score = match how {
            Aggregation::PassFail if passed => max.unwrap_or(Score::ZERO),
            Aggregation::PassFail => Score::ZERO,
            Aggregation::Min => scores.into_iter().min().unwrap_or(Score::ZERO),
            Aggregation::Sum => sum(&scores)?,
        };
        if let Some(max) = max.filter(|max| score > *max) {
            return Err(Trouble::Fault(format!("its score is {score}; at most {max} is possible")));
        }
        let full = max.map_or(passed, |max| score == max && run.passes());
        Ok(Mark { verdict: word(full, score, run), score })
    }

    fn whole(&self, marks: &[Mark], grades: &Grades) -> Result<Mark, Trouble> {
        if let Some(root) = &self.problem.root {
            return legacy::whole(self, root, marks, grades);
        }
        let secret = self.problem.groups.iter().position(|g| g.name == "secret");
        let none = || Trouble::Fault("there are no secret test cases to score".to_owned());
        secret.map(|at| marks[at]).ok_or_else(none)
    }
}

fn sum(scores: &[Score]) -> Result<Score, String> {
    scores.iter().try_fold(Score::ZERO, |all, score| all.plus(*score)).ok_or_else(too_fine)
}

fn too_fine() -> String {
    "the score has too many digits to be kept exactly".to_owned()
}

/// AC for everything, PA for something, else what went wrong first.
fn word(full: bool, score: Score, run: Verdict) -> Verdict {
    if full {
        Verdict::AC
    } else if score > Score::ZERO {
        Verdict::PA
    } else if run.passes() {
        // Nothing failed, and nothing was given for it.
        Verdict::WA
    } else {
        run
    }
}

#[cfg(test)]
mod tests;
