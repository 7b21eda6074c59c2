//! The time limit of a package that names none: inferred from how long its own submissions take here.
//!
//! Whoever judges against such a package gets the limit from here, once per package and process: `judge`,
//! `verify` and the service's worker alike. It is measured on this machine, so machines of different speed
//! may come to different limits; a package that is to mean the same everywhere names one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use checker::policy::Policy;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use problem::model::{ExampleSubmission, FormatVersion, Problem, Rule};
use problem::timing::TimingError;
use proto::facts::{LimitEvent, LimitHit, RunFacts};
use proto::id::Digest;
use proto::limits::Limits;
use proto::report::Judgement;
use proto::verdict::Verdict;
use tokio::sync::OnceCell;

use super::{Against, Engine, blocking, example_submission};
use crate::error::JudgeError;

/// Processor time of a run while nobody knows the limit; a package with slower accepted ones names one.
const MEASURED_WITHIN: Duration = Duration::from_mins(1);

/// Packages whose limits are remembered; when there are more, all are measured again.
const KEPT_PACKAGES: usize = 256;

/// Limits inferred so far; the inner error is the package's.
#[derive(Debug, Default)]
pub(super) struct Inferred(Mutex<HashMap<Digest, Cell>>);

/// One package's limit, once somebody measured it.
type Cell = Arc<OnceCell<Result<Duration, String>>>;

impl Inferred {
    fn cell(&self, package: &Digest) -> Cell {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_PACKAGES && !known.contains_key(package) {
            known.clear();
        }
        Arc::clone(known.entry(package.clone()).or_default())
    }
}

/// What bounds a package's time limit, as far as it was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeBounds {
    /// The slowest run that bounds it from below.
    pub accepted: Option<Duration>,
    /// The fastest of the submissions that bound it from above, each by its slowest run.
    pub too_slow: Option<Duration>,
}

impl TimeBounds {
    /// Takes in one example as it was judged. A case without a run bounds nothing.
    pub fn take(&mut self, version: FormatVersion, rules: &[Rule], judgement: &Judgement) {
        for rule in rules {
            let covered = judgement.tests.iter().filter(|test| rule.covers(&test.name));
            let times = covered.filter_map(|test| Some(took(test.facts.as_ref()?)));
            let Some(slowest) = times.max() else { continue };
            let (below, above) = bounds(version, rule);
            if below {
                self.accepted = self.accepted.max(Some(slowest));
            }
            if above {
                self.too_slow = Some(self.too_slow.map_or(slowest, |before| before.min(slowest)));
            }
        }
    }

    /// The limit that follows.
    ///
    /// # Errors
    /// Why none does.
    pub fn limit(&self, problem: &Problem) -> Result<Duration, TimingError> {
        problem.limits.time_rule.infer(self.accepted, self.too_slow)
    }
}

/// What a run took of a time limit. One that was ended by the clock on the wall took that: it waited, and its processor
/// time says nothing of how slow it is.
fn took(facts: &RunFacts) -> Duration {
    let by_the_clock = |event: &LimitEvent| matches!(event.limit, LimitHit::WallTime | LimitHit::Idle);
    if facts.limit_events.iter().any(by_the_clock) {
        facts.cpu_time.max(facts.wall_time)
    } else {
        facts.cpu_time
    }
}

/// Whether a rule bounds the limit from below and from above. In legacy only what must be accepted bounds it
/// from below.
fn bounds(version: FormatVersion, rule: &Rule) -> (bool, bool) {
    let (below, above) = rule.bounds();
    let accepted_only = rule.permitted == [Verdict::AC];
    (below && (version != FormatVersion::Legacy || accepted_only), above)
}

impl Engine {
    /// The time limit that `problem` has here: its own, else the one its accepted submissions lead to.
    ///
    /// # Errors
    /// `Failed` when no box could be had; the inner error says why the package leads to no limit.
    pub async fn time_limit(&self, problem: &Arc<Problem>) -> Result<Result<Duration, String>, JudgeError> {
        if let Some(named) = problem.limits.cpu_time {
            return Ok(Ok(named));
        }
        let cell = self.inferred.cell(&problem.digest);
        cell.get_or_try_init(|| self.infer(problem)).await.cloned()
    }

    /// Boxed, because judging the examples is judging.
    fn infer<'a>(
        &'a self,
        problem: &'a Arc<Problem>,
    ) -> BoxFuture<'a, Result<Result<Duration, String>, JudgeError>> {
        self.measure(problem).boxed()
    }

    async fn measure(&self, problem: &Arc<Problem>) -> Result<Result<Duration, String>, JudgeError> {
        let within = MEASURED_WITHIN.min(self.maxima.cpu_time);
        let mut measured = Problem::clone(problem);
        measured.limits.cpu_time = Some(within);
        let measured = Arc::new(measured);
        let mut seen = TimeBounds::default();
        let lower =
            |example: &&ExampleSubmission| example.rules.iter().any(|rule| bounds(problem.version, rule).0);
        for example in problem.submissions.iter().filter(lower) {
            let path = &example.program.path;
            let (package, one) = (Arc::clone(problem), example.clone());
            let Ok(submission) = blocking(move || example_submission(&package, &one)).await? else {
                // In a language that this machine does not have: the others still say something.
                continue;
            };
            let against = Against::Problem(Arc::clone(&measured));
            let judged = self
                .judge_from(
                    example.entrypoint.as_deref(),
                    Policy::Analyst,
                    &submission,
                    &against,
                    &mut |_| {},
                )
                .await;
            let judgement = match judged {
                Ok(judgement) => judgement,
                Err(JudgeError::Rejected(_)) => continue,
                Err(failed) => return Err(failed),
            };
            if judgement.tests.iter().any(|test| test.verdict == Verdict::TLE) {
                let why = format!("{path} takes more than {} s; name a time limit", within.as_secs());
                return Ok(Err(why));
            }
            seen.take(problem.version, &example.rules, &judgement);
        }
        // The slow ones are not needed for the limit: it is the smallest, whatever they take.
        seen.too_slow = None;
        let limit = seen.limit(problem).map_err(|e| e.to_string());
        Ok(limit.and_then(|limit| {
            let seconds = limit.as_secs_f64();
            let granted = limit <= self.maxima.cpu_time;
            granted
                .then_some(limit)
                .ok_or_else(|| format!("the time limit would be {seconds} s, more than this judge grants"))
        }))
    }

    /// The problem with a time limit, and the note that belongs to it; `None` when it needs none from here.
    pub(super) async fn timed(
        &self,
        problem: &Arc<Problem>,
    ) -> Result<Option<(Arc<Problem>, &'static str)>, JudgeError> {
        if problem.limits.cpu_time.is_some() || problem.submit_answer {
            return Ok(None);
        }
        let (limit, note) = match self.time_limit(problem).await? {
            Ok(limit) => (limit, NOTE_INFERRED),
            Err(_) => (Limits::run_defaults().cpu_time, NOTE_DEFAULTED),
        };
        let mut timed = Problem::clone(problem);
        timed.limits.cpu_time = Some(limit);
        Ok(Some((Arc::new(timed), note)))
    }
}

/// Note on a judgement whose package names no time limit and leads to none.
const NOTE_DEFAULTED: &str = "time_limit_defaulted";
/// Note on a judgement whose time limit was inferred here.
const NOTE_INFERRED: &str = "time_limit_inferred";
