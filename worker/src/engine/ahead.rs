//! The cases of one submission: run ahead of their turn, consumed in order, and made again where noise could
//! have decided.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use checker::confirm::{self, Ran};
use checker::policy::Policy;
use checker::{Scorer, grader::Grades};
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use proto::report::{Judgement, RunRecord, TestReport};
use proto::units::round_ms;

use super::case::{self, CaseDone, RunWith};
use super::compile::Program;
use super::course::Course;
use super::interactive::Room;
use super::plan::{CasePlan, Plan, Work};
use super::{Engine, OnProgress, Progress, answers, decide, grader, skipped, statics};
use crate::error::JudgeError;

/// The programs that a submission meets, and its own.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// `None` where a submission is no program.
    pub submission: Option<Program>,
    pub validators: Vec<Arc<Program>>,
    pub statics: Option<Arc<Program>>,
    pub grader: Option<Arc<Program>>,
}

impl Engine {
    pub(super) async fn run_cases(
        &self,
        policy: Policy,
        plan: &Plan,
        programs: &Programs,
        judgement: &mut Judgement,
        on_progress: OnProgress<'_>,
    ) -> Result<(), JudgeError> {
        let total = plan.cases.len() as u32;
        let scorer = plan.problem.as_deref().and_then(Scorer::new);
        let mut course = Course::new(plan, scorer, policy);
        let mut transcripts = Room::default();
        // What ran ahead, and which cases that is. Dropping it at a failure that decides kills it.
        let (mut ahead, mut started, mut next) = (FuturesOrdered::new(), VecDeque::new(), 0);
        for (index, case) in plan.cases.iter().enumerate() {
            while started.len() < self.ahead && next < plan.cases.len() {
                if course.leaves_out(next).is_none() {
                    ahead.push_back(self.case(plan, &plan.cases[next], programs).boxed());
                    started.push_back(next);
                }
                next += 1;
            }
            let done = if started.front() == Some(&index) {
                started.pop_front();
                ahead.next().await.transpose()?
            } else {
                None
            };
            let test = match (course.leaves_out(index), done) {
                (Some(why), _) => skipped(case, &why),
                (None, Some(CaseDone { mut test, run, check, given })) => {
                    judgement.timing.run_ms += round_ms(run);
                    judgement.timing.check_ms += round_ms(check);
                    course.score(index, &mut test, given);
                    transcripts.hold(&mut test);
                    test
                }
                (None, None) => return Err(JudgeError::failed("a test case got lost")),
            };
            if course.decided(index, &test) {
                ahead.clear();
                started.clear();
            }
            on_progress(Progress::Tested { index: index as u32, total, test: Box::new(test.clone()) });
            judgement.tests.push(test);
        }
        self.fold(plan, programs, judgement).await
    }

    /// One case to its end, however often it has to be run.
    async fn case(&self, plan: &Plan, case: &CasePlan, programs: &Programs) -> Result<CaseDone, JudgeError> {
        let first = {
            let _place = self.floor.shared().await;
            self.once(plan, case, programs).await?
        };
        if !matches!(case.work, Work::Run) {
            return Ok(first);
        }
        let mut all = vec![first];
        let mut times = vec![ran(&all[0].test)];
        while confirm::again(&times, plan.limits.cpu_time) {
            let _alone = self.floor.alone().await;
            let another = self.once(plan, case, programs).await?;
            times.push(ran(&another.test));
            all.push(another);
        }
        let counting = confirm::counting(&times).unwrap_or(0);
        let runs: Vec<RunRecord> = all.iter().map(|done| record(&done.test)).collect();
        let spent = all.iter().map(|done| done.run).sum();
        let mut done = all.swap_remove(counting);
        done.run = spent;
        if runs.len() > 1 {
            done.test.runs = runs;
        }
        Ok(done)
    }

    async fn once(&self, plan: &Plan, case: &CasePlan, programs: &Programs) -> Result<CaseDone, JudgeError> {
        let (runner, validators) = (&*self.runner, &programs.validators[..]);
        let program = || programs.submission.as_ref().ok_or_else(|| missing("program"));
        match &case.work {
            Work::Run => {
                let (program, aside) = (program()?, &self.aside);
                case::run_case(RunWith { runner, plan, case, program, validators, aside }).await
            }
            Work::Answer(answer) => {
                // Nothing is run, and nothing lies beside what was sent.
                let (program, aside) = (&Program::none(), &self.aside);
                let on = RunWith { runner, plan, case, program, validators, aside };
                answers::judge(on, answer.as_ref()).await
            }
            Work::Static { args } => {
                let look = plan.statics.as_ref().ok_or_else(|| missing("plan"))?;
                let validator = programs.statics.as_ref().ok_or_else(|| missing("static validator"))?;
                statics::judge(runner, look, case, args, program()?, validator).await
            }
        }
    }

    /// Makes groups, score and verdict of the cases, asking the package's grader on the way.
    pub(super) async fn fold(
        &self,
        plan: &Plan,
        programs: &Programs,
        judgement: &mut Judgement,
    ) -> Result<(), JudgeError> {
        let mut grades = Grades::new();
        // One question for each group and one for the whole.
        let questions = plan.problem.as_ref().map_or(0, |problem| problem.groups.len()) + 1;
        for _ in 0..=questions {
            let Err(asked) = decide::fold(judgement, plan, &grades) else { return Ok(()) };
            let (Some(by), Some(program)) = (&plan.grader, &programs.grader) else {
                return Err(missing("grader"));
            };
            let _place = self.floor.shared().await;
            let word = grader::ask(&*self.runner, by, program, &asked).await?;
            grades.insert(asked, word);
        }
        Err(JudgeError::failed("a grader's questions have no end"))
    }
}

/// What was planned and prepared together is there together.
fn missing(what: &str) -> JudgeError {
    JudgeError::failed(format!("a {what} got lost on the way"))
}

/// A run as `confirm` looks at it; without facts nothing is near.
fn ran(test: &TestReport) -> Ran {
    let cpu_time = test.facts.as_ref().map_or(Duration::MAX, |facts| facts.cpu_time);
    Ran { verdict: Some(test.verdict), limit_hit: test.limit_hit, cpu_time }
}

fn record(test: &TestReport) -> RunRecord {
    RunRecord {
        cpu_time_ms: test.cpu_time_ms.unwrap_or_default(),
        wall_time_ms: test.wall_time_ms.unwrap_or_default(),
        memory_bytes: test.memory_bytes,
    }
}
