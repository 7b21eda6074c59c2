//! A stored judgement under other limits, another policy or another way to score, without a run.
//!
//! What the box observed and what the checker said are kept as they are; what follows from them is made
//! again. Where that does not follow (a run was killed at a limit that is now higher, a case was skipped
//! that now counts), nobody can tell without a run, and nothing is guessed.

use std::collections::{HashMap, HashSet};

use problem::model::{Problem, STATIC_CASE};
use proto::facts::{LimitHit, RunFacts};
use proto::limits::Limits;
use proto::report::{Judgement, POLICY_VERSION, TestReport};
use proto::verdict::Verdict;

use crate::classify::classify;
use crate::fold::fold;
use crate::grader::{Asked, Grades};
use crate::policy::{Policy, Stops};
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
    let places: Vec<Option<usize>> = match problem {
        Some(problem) => problem.judging_order().into_iter().map(Some).collect(),
        None => vec![None; judgement.tests.len()],
    };
    let (mut changes, mut needs_run) = (Vec::new(), Vec::new());
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
            let why = test.reason.take().filter(|_| test.verdict == Verdict::SK);
            let open = TestReport::not_run(&test.name, &test.group, Verdict::SK, why);
            *test = TestReport { sample: test.sample, ..open };
        } else if test.verdict != from {
            changes.push(Change { test: Some(test.name.clone()), from, to: test.verdict });
        }
    }
    // Nothing is run of what does not compile.
    let compiled = stored.verdict != Verdict::CE;
    let open = open(&judgement.tests, &places, scorer.as_ref(), policy);
    if compiled && !open.is_empty() {
        let needs_run = open.into_iter().map(|at| judgement.tests[at].name.clone()).collect();
        return Ok(Reverdict { judgement: None, changes, needs_run });
    }
    if let Some(scorer) = &scorer {
        scorer.fold_into(&mut judgement, &places, grades)?;
    } else {
        let folded = fold(&judgement.tests, policy);
        judgement.verdict = folded.verdict;
        judgement.reason = folded.reason;
        judgement.groups = folded.groups;
    }
    if !compiled {
        judgement.verdict = Verdict::CE;
        judgement.reason = None;
    }
    if judgement.verdict != stored.verdict {
        changes.push(Change { test: None, from: stored.verdict, to: judgement.verdict });
    }
    judgement.policy_version = POLICY_VERSION;
    judgement.policy = Some(policy.to_string());
    judgement.limits = Some(limits.clone());
    Ok(Reverdict { judgement: Some(judgement), changes, needs_run })
}

/// Makes the tests those of the problem today, in its judging order: what it has no more goes, what it has got since
/// comes in, not run. Gives the names of these.
fn with_cases_of(problem: &Problem, tests: &mut Vec<TestReport>) -> HashSet<String> {
    let mut had: HashMap<String, TestReport> =
        tests.drain(..).map(|test| (test.name.clone(), test)).collect();
    let statics: Vec<usize> = problem.static_groups().collect();
    let mut new = HashSet::new();
    for place in problem.judging_order() {
        let (name, group, sample) = if let Some(case) = problem.cases.get(place) {
            (case.name.clone(), &case.group, case.sample)
        } else {
            let group = &problem.groups[statics[place - problem.cases.len()]].name;
            (format!("{group}/{STATIC_CASE}"), group, group == "sample")
        };
        let test = had.remove(&name).unwrap_or_else(|| {
            let why = "the judgement is from before this case".to_owned();
            let test = TestReport::not_run(&name, group, Verdict::SK, Some(why));
            new.insert(name);
            TestReport { sample, ..test }
        });
        tests.push(test);
    }
    new
}

/// The tests without a word that judging would have run under these rules, by their index: the whole hangs on what they
/// would have said. What a failure before them, or a group that had to pass first, leaves out does not matter.
fn open(
    tests: &[TestReport],
    places: &[Option<usize>],
    scorer: Option<&Scorer<'_>>,
    policy: Policy,
) -> Vec<usize> {
    let mut verdicts = vec![None; scorer.map_or(0, Scorer::len)];
    let (mut failures, mut open): (Vec<(&str, Stops)>, _) = (Vec::new(), Vec::new());
    for (at, test) in tests.iter().enumerate() {
        let scored = scorer.zip(places[at]);
        if test.verdict == Verdict::SK {
            let blocked = scored.is_some_and(|(scorer, place)| scorer.blocked_by(place, &verdicts).is_some());
            let left_out = failures.iter().any(|(group, stops)| match stops {
                Stops::Nothing => false,
                Stops::Group => *group == test.group,
                Stops::Everything => true,
            });
            if !blocked && !left_out {
                open.push(at);
            }
        } else {
            let stops = match scored {
                Some((scorer, place)) if !policy.runs_all() => scorer.stops(place, test.verdict),
                _ => policy.stops(test.verdict),
            };
            failures.push((&test.group, stops));
        }
        if let Some((_, place)) = scored {
            verdicts[place] = Some(test.verdict);
        }
    }
    open
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
            if (old.verdict, old.limit_hit) != (new.verdict, new.limit_hit) {
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
