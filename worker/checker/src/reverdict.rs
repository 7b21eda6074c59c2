//! A stored judgement under other limits, another policy or another way to score, without a run.
//!
//! What the box observed and what the checker said are kept as they are; what follows from them is made
//! again. Where that does not follow (a run was killed at a limit that is now higher, a case was skipped
//! that now counts), nobody can tell without a run, and nothing is guessed.

use std::collections::HashSet;

use problem::model::Problem;
use proto::facts::{LimitHit, RunFacts};
use proto::limits::Limits;
use proto::report::{Judgement, POLICY_VERSION, TestReport};
use proto::verdict::Verdict;

use crate::classify::classify;
use crate::fold::fold;
use crate::grader::{Asked, Grades};
use crate::policy::Policy;
use crate::scoring::{Scorer, given_of};

/// One case with another word than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The case; `None` is the whole.
    pub test: Option<String>,
    /// What was said of it.
    pub from: Verdict,
    /// What is said now.
    pub to: Verdict,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reverdict {
    /// The new judgement; `None` when it hangs on cases that have to be run.
    pub judgement: Option<Judgement>,
    /// What changes: cases first, in judging order, then the whole.
    pub changes: Vec<Change>,
    /// Cases that only a run can decide.
    pub needs_run: Vec<String>,
}

/// Makes `stored` again for `problem` (`None` for tests of a request) under `limits` and `policy`.
///
/// # Errors
/// What has to be asked of the package's own grader first; then call again.
pub fn re_verdict(
    stored: &Judgement,
    problem: Option<&Problem>,
    limits: &Limits,
    policy: Policy,
    grades: &Grades,
) -> Result<Reverdict, Asked> {
    let before = stored.limits.as_ref().unwrap_or(limits);
    let scorer = problem.and_then(Scorer::new);
    let mut judgement = stored.clone();
    let new = problem.map(|problem| with_cases_of(problem, &mut judgement.tests)).unwrap_or_default();
    let places: Vec<Option<usize>> = judgement
        .tests
        .iter()
        .map(|test| problem.and_then(|problem| place_of(problem, &test.name)))
        .collect();
    let (mut changes, mut needs_run, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (at, test) in judgement.tests.iter_mut().enumerate() {
        let from = test.verdict;
        let known = !new.contains(&test.name) && decide(test, before, limits);
        if let (Some(scorer), Some(place), true) = (&scorer, places[at], known && test.verdict != Verdict::SK)
        {
            let given = given_of(test);
            scorer.score(place, test, Ok(given));
        }
        if !known {
            needs_run.push(test.name.clone());
            unknown.push(at);
            *test = TestReport::not_run(&test.name, &test.group, Verdict::SK, None);
        } else if test.verdict != from {
            changes.push(Change { test: Some(test.name.clone()), from, to: test.verdict });
        }
    }
    match &scorer {
        Some(scorer) => scorer.fold_into(&mut judgement, &places, grades)?,
        // Nothing was run of what does not compile.
        None if stored.verdict == Verdict::CE => {}
        None => {
            let folded = fold(&judgement.tests, policy);
            judgement.verdict = folded.verdict;
            judgement.reason = folded.reason;
            judgement.groups = folded.groups;
        }
    }
    let skipped = || judgement.tests.iter().filter(|t| t.verdict == Verdict::SK).map(|t| t.name.clone());
    let hangs = stored.verdict != Verdict::CE && hangs_on(&judgement, &unknown, scorer.is_some(), policy);
    if hangs {
        needs_run = skipped().collect();
        return Ok(Reverdict { judgement: None, changes, needs_run });
    }
    if stored.verdict == Verdict::CE {
        judgement.verdict = Verdict::CE;
    }
    if judgement.verdict != stored.verdict {
        changes.push(Change { test: None, from: stored.verdict, to: judgement.verdict });
    }
    judgement.policy_version = POLICY_VERSION;
    judgement.policy = Some(policy.to_string());
    judgement.limits = Some(limits.clone());
    Ok(Reverdict { judgement: Some(judgement), changes, needs_run })
}

/// Makes the tests those of the problem's cases today: what it has no more goes, what it has got since comes in its
/// place, not run. Gives the names of these.
fn with_cases_of(problem: &Problem, tests: &mut Vec<TestReport>) -> HashSet<String> {
    tests.retain(|test| place_of(problem, &test.name).is_some());
    let had: HashSet<String> = tests.iter().map(|test| test.name.clone()).collect();
    let of_case = |at: usize| (problem.cases[at].name.clone(), problem.cases[at].group.clone());
    let of_static = |at: usize| {
        let group = problem.groups[at].name.clone();
        (format!("{group}/static_validation"), group)
    };
    let statics = problem.static_groups().map(of_static);
    let all = statics.chain((0..problem.cases.len()).map(of_case));
    let mut new = HashSet::new();
    for (name, group) in all.filter(|(name, _)| !had.contains(name)) {
        let place = place_of(problem, &name);
        // Before the first case that comes after it; a static validation before its group's first.
        let after = |test: &TestReport| match place {
            Some(at) if at < problem.cases.len() => {
                place_of(problem, &test.name).is_some_and(|other| other > at && other < problem.cases.len())
            }
            _ => test.group == group,
        };
        let to = tests.iter().position(after).unwrap_or(tests.len());
        let why = "the judgement is from before this case".to_owned();
        let mut test = TestReport::not_run(&name, &group, Verdict::SK, Some(why));
        test.sample = place.and_then(|at| problem.cases.get(at)).is_some_and(|case| case.sample);
        tests.insert(to, test);
        new.insert(name);
    }
    new
}

/// Whether the whole hangs on what was not run. Where the first failure decides, nothing after it matters.
fn hangs_on(judgement: &Judgement, unknown: &[usize], scored: bool, policy: Policy) -> bool {
    let tests = &judgement.tests;
    let first = tests.iter().position(|test| test.verdict != Verdict::SK && !test.verdict.passes());
    let skipped =
        || tests.iter().enumerate().filter(|(_, test)| test.verdict == Verdict::SK).map(|(at, _)| at);
    match (first, policy) {
        _ if scored => !unknown.is_empty(),
        (None, _) | (Some(_), Policy::All | Policy::Worst | Policy::Analyst) => skipped().next().is_some(),
        (Some(first), Policy::Icpc) => unknown.iter().any(|at| *at < first),
        (Some(first), Policy::Oi) => {
            let group = &tests[first].group;
            unknown.iter().any(|at| *at < first || tests[*at].group != *group)
        }
    }
}

/// Where a case stands in the problem.
fn place_of(problem: &Problem, name: &str) -> Option<usize> {
    let case = problem.cases.iter().position(|case| case.name == name);
    let statics = || {
        let of = |at: usize| name.strip_prefix(&problem.groups[at].name) == Some("/static_validation");
        problem.static_groups().position(of).map(|nth| problem.cases.len() + nth)
    };
    case.or_else(statics)
}

/// Decides a case again; false when that needs a run.
fn decide(test: &mut TestReport, before: &Limits, limits: &Limits) -> bool {
    let Some(facts) = &test.facts else { return true };
    if beyond(facts, before, limits) {
        return false;
    }
    let (old, new) = (classify(facts, before), classify(facts, limits));
    if test.interaction.is_some() || !test.passes.is_empty() {
        // More than these facts had a say; it stands as long as they say the same.
        let slow =
            |limits: &Limits| test.cpu_time_ms.is_some_and(|ms| ms > limits.cpu_time.as_secs_f64() * 1000.0);
        return (old.verdict, old.limit_hit) == (new.verdict, new.limit_hit) && slow(before) == slow(limits);
    }
    match (old.verdict, new.verdict) {
        // What the checker said stands.
        (None, None) => true,
        // Its output was never looked at.
        (Some(_), None) => false,
        (_, Some(verdict)) => {
            if old.verdict != new.verdict || old.limit_hit != new.limit_hit {
                test.verdict = verdict;
                test.reason = new.reason;
                test.feedback = new.feedback;
                test.limit_hit = new.limit_hit;
                test.notes = new.notes;
                test.given = None;
            }
            true
        }
    }
}

/// Whether the run was ended, or would be, where these limits leave open what comes after.
fn beyond(facts: &RunFacts, before: &Limits, limits: &Limits) -> bool {
    let nanos = |d: std::time::Duration| d.as_nanos() as u64;
    let killed_sooner = facts.limit_events.iter().any(|event| {
        let now = match event.limit {
            LimitHit::CpuTime => nanos(limits.cpu_time),
            LimitHit::WallTime | LimitHit::Idle => nanos(limits.wall_time),
            LimitHit::Memory => limits.memory.get(),
            LimitHit::Output => limits.output.get(),
            LimitHit::FileSize => limits.file_size.get(),
            LimitHit::Disk => limits.disk.get(),
            LimitHit::Inodes => u64::from(limits.inodes),
            LimitHit::Processes => u64::from(limits.processes),
        };
        now > event.bound
    });
    let more_memory = facts.oom_kills > 0 && limits.memory > before.memory;
    // A peak above a lower limit proves nothing either way.
    let less_memory =
        facts.oom_kills == 0 && facts.memory_bytes.is_some_and(|peak| peak > limits.memory.get());
    // Unless the processor time was over, whatever the clock said.
    let less_wall = facts.wall_time > limits.wall_time
        && limits.wall_time < before.wall_time
        && facts.cpu_time <= limits.cpu_time;
    killed_sooner || more_memory || less_memory || less_wall
}

#[cfg(test)]
mod tests;
