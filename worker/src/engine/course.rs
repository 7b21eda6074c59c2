//! Which cases are left out of one judging, as verdicts come in: decided already, in a group that has nothing
//! to lose, or behind a group that had to pass first.

use checker::policy::{Policy, Stops};
use checker::{Given, Scorer};
use proto::report::TestReport;
use proto::verdict::Verdict;

use super::plan::Plan;

/// The course of one judging. Cases are named by their place in the plan.
pub(super) struct Course<'a> {
    plan: &'a Plan,
    scorer: Option<Scorer<'a>>,
    /// What a failure stops, where the problem does not say.
    policy: Policy,
    /// Verdicts so far, by the problem's own order; empty unless the problem is scored.
    verdicts: Vec<Option<Verdict>>,
    /// The case that decided everything.
    by: Option<&'a str>,
    /// Cases that decided their groups.
    closed: Vec<usize>,
}

impl<'a> Course<'a> {
    pub(super) fn new(plan: &'a Plan, scorer: Option<Scorer<'a>>, policy: Policy) -> Self {
        let verdicts = vec![None; scorer.as_ref().map_or(0, Scorer::len)];
        Self { plan, scorer, policy, verdicts, by: None, closed: Vec::new() }
    }

    /// Why this case is not run; `None` when it is.
    pub(super) fn leaves_out(&self, case: usize) -> Option<String> {
        if let Some(by) = self.by {
            return Some(format!("{by} decided"));
        }
        if let (Some(scorer), Some(place)) = (&self.scorer, self.plan.cases[case].place)
            && let Some(group) = scorer.blocked_by(place, &self.verdicts)
        {
            return Some(format!("{group} had to pass first"));
        }
        let closed = self.closed.iter().find(|other| self.together(**other, case))?;
        Some(format!("{} decided its group", self.plan.cases[*closed].name))
    }

    /// Whether two cases of the plan lie in one group.
    fn together(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.plan.cases[a], &self.plan.cases[b]);
        match (&self.scorer, a.place, b.place) {
            (Some(scorer), Some(a), Some(b)) => scorer.together(a, b),
            _ => a.group == b.group,
        }
    }

    /// Gives a case that was run its score, in a scored problem.
    pub(super) fn score(&self, case: usize, test: &mut TestReport, given: Result<Given, String>) {
        if let (Some(scorer), Some(place)) = (&self.scorer, self.plan.cases[case].place) {
            scorer.score(place, test, given);
        }
    }

    /// Takes in a case's verdict; true when it decides everything after it.
    pub(super) fn decided(&mut self, case: usize, test: &TestReport) -> bool {
        let planned = &self.plan.cases[case];
        if let Some(slot) = planned.place.and_then(|place| self.verdicts.get_mut(place)) {
            *slot = Some(test.verdict);
        }
        if test.verdict == Verdict::SK || self.by.is_some() {
            return false;
        }
        let stops = match (&self.scorer, planned.place) {
            (Some(scorer), Some(place)) if !self.policy.runs_all() => scorer.stops(place, test.verdict),
            _ => self.policy.stops(test.verdict),
        };
        match stops {
            Stops::Nothing => false,
            Stops::Group => {
                self.closed.push(case);
                false
            }
            Stops::Everything => {
                self.by = Some(&planned.name);
                true
            }
        }
    }
}
