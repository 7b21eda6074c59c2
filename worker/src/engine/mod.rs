//! One submission from sources to judgement: compile once, run each case in its own box, fold.
//!
//! `judge` of the command line and the service loop both end here, so they cannot disagree. What goes in
//! are values (sources, a problem that was read already); what comes out is a [`Judgement`], or a
//! [`JudgeError`] when nobody may be told a verdict. No queue, no clock but for durations, no process:
//! boxes are reached through [`Runner`] only. Cases run ahead of their turn where asked to, but they are
//! consumed in order, so the first failure is the same however many run at once.

mod case;
mod check;
mod compile;
mod course;
mod decide;
mod files;
mod inputs;
mod interactive;
mod passes;
mod plan;
mod validator;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use checker::Scorer;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use problem::model::Problem;
use proto::job::{InlineTest, SourceFile};
use proto::limits::{Limits, LimitsRequest};
use proto::report::{CompileReport, CompileStatus, Judgement, POLICY_VERSION, TestReport, Timing};
use proto::units::round_ms;
use proto::verdict::Verdict;

use crate::error::JudgeError;
use crate::runner::Runner;
use crate::toolchains::{Toolchain, Toolchains};

use case::CaseDone;
use compile::{Compiled, Program};
use course::Course;
use plan::Plan;
use validator::Validators;

pub use check::{Checked, Question};

/// One submission, as it came.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The language's id.
    pub language: String,
    /// The sources.
    pub files: Vec<SourceFile>,
    /// Whether every case runs even after a failure.
    pub all: bool,
    /// Names of the cases to run; empty runs them all.
    pub only: Vec<String>,
}

/// What a submission is judged against.
#[derive(Debug, Clone)]
pub enum Against {
    /// A problem package, with its own limits.
    Problem(Arc<Problem>),
    /// Tests of the request, with the limits it asks for.
    Tests {
        /// At least one.
        tests: Vec<InlineTest>,
        /// Held against the engine's maxima.
        limits: LimitsRequest,
    },
}

/// What happened so far, in order.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Work began; there will be this many cases.
    Started {
        /// How many.
        tests_total: u32,
    },
    /// The compile run ended.
    Compiled(CompileReport),
    /// A case was decided.
    Tested {
        /// Its place in judging order, from 0.
        index: u32,
        /// How many there are.
        total: u32,
        /// Its result.
        test: Box<TestReport>,
    },
}

/// Receives [`Progress`]; must not block for long.
pub type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Judges submissions, any number at once.
pub struct Engine {
    runner: Arc<dyn Runner>,
    toolchains: Arc<Toolchains>,
    maxima: Limits,
    ahead: usize,
    validators: Validators,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("toolchains", &self.toolchains).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine whose cases run in order, one at a time, under [`Limits::default_maxima`].
    pub fn new(runner: Arc<dyn Runner>, toolchains: Arc<Toolchains>) -> Self {
        Self {
            runner,
            toolchains,
            maxima: Limits::default_maxima(),
            ahead: 1,
            validators: Validators::default(),
        }
    }

    /// The same with the operator's own maxima for limits of requests.
    #[must_use]
    pub fn with_maxima(mut self, maxima: Limits) -> Self {
        self.maxima = maxima;
        self
    }

    /// The same with up to `cases` boxes at once for one submission; at least one.
    #[must_use]
    pub fn with_parallel_cases(mut self, cases: usize) -> Self {
        self.ahead = cases.max(1);
        self
    }

    /// The languages and their trees.
    pub fn toolchains(&self) -> &Arc<Toolchains> {
        &self.toolchains
    }

    /// The way into a box.
    pub fn runner(&self) -> &Arc<dyn Runner> {
        &self.runner
    }

    /// Judges one submission. Dropping the future kills whatever runs for it.
    ///
    /// # Errors
    /// `Rejected` when the request cannot be judged, `Failed` when we could not; a judgement always rests
    /// on facts or on what the package said of itself.
    pub async fn judge(
        &self,
        submission: &Submission,
        against: &Against,
        on_progress: OnProgress<'_>,
    ) -> Result<Judgement, JudgeError> {
        let started = Instant::now();
        let toolchain = self.toolchain(&submission.language).await?;
        let plan = Plan::new(submission, against, &toolchain, &self.maxima)?;
        let mut judgement = begin(&plan, &toolchain);
        on_progress(Progress::Started { tests_total: plan.cases.len() as u32 });

        let compile_started = Instant::now();
        let compiled = self.compile(submission, &plan, &toolchain).await?;
        judgement.timing.compile_ms = round_ms(compile_started.elapsed());
        on_progress(Progress::Compiled(compiled.report().clone()));
        judgement.compile = Some(compiled.report().clone());

        let Compiled::Ready { program, .. } = compiled else {
            skip_all(&mut judgement, &plan, Verdict::CE, "the program did not compile");
            judgement.timing.total_ms = round_ms(started.elapsed());
            return Ok(judgement);
        };
        match self.validators.prepare(&*self.runner, &self.toolchains, &plan.validator).await? {
            Ok(validators) => {
                self.run_cases(submission, &plan, &program, &validators, &mut judgement, on_progress).await?;
            }
            Err(why) => {
                skip_all(&mut judgement, &plan, Verdict::JE, "the output validator cannot be used");
                judgement.reason = Some(why);
            }
        }
        judgement.timing.total_ms = round_ms(started.elapsed());
        Ok(judgement)
    }

    async fn toolchain(&self, language: &str) -> Result<Toolchain, JudgeError> {
        let toolchains = Arc::clone(&self.toolchains);
        let language = language.to_owned();
        blocking(move || toolchains.get(&language)).await?
    }

    async fn compile(
        &self,
        submission: &Submission,
        plan: &Plan,
        toolchain: &Toolchain,
    ) -> Result<Compiled, JudgeError> {
        if let Some(log) = &plan.refused_before_compiling {
            return Ok(Compiled::Refused(CompileReport {
                status: CompileStatus::Error,
                log: log.clone(),
                cpu_time: std::time::Duration::ZERO,
                wall_time: std::time::Duration::ZERO,
                limit_hit: None,
                cached: false,
            }));
        }
        let mut files = compile::box_files(&submission.files);
        let (included, constants) = (plan.includes.clone(), plan.validator.constants.clone());
        for file in blocking(move || validator::read_files(&included, &constants)).await?? {
            // One of the same name is the package's, not the submission's.
            files.retain(|f| f.path != file.path);
            files.push(file);
        }
        let compiled = compile::compile(&*self.runner, toolchain, files, &plan.compile_limits).await?;
        Ok(compiled.that_fits(&plan.limits))
    }

    async fn run_cases(
        &self,
        submission: &Submission,
        plan: &Plan,
        program: &Program,
        validators: &[Arc<Program>],
        judgement: &mut Judgement,
        on_progress: OnProgress<'_>,
    ) -> Result<(), JudgeError> {
        let total = plan.cases.len() as u32;
        let scorer = plan.problem.as_deref().and_then(Scorer::new);
        let mut course = Course::new(plan, scorer, submission.all);
        // What ran ahead, and which cases that is. Dropping it at a failure that decides kills it.
        let (mut ahead, mut started, mut next) = (FuturesOrdered::new(), VecDeque::new(), 0);
        for (index, case) in plan.cases.iter().enumerate() {
            while started.len() < self.ahead && next < plan.cases.len() {
                let coming = &plan.cases[next];
                if course.leaves_out(next).is_none() {
                    let run = case::run_case(&*self.runner, plan, coming, program, validators);
                    ahead.push_back(run.boxed());
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
        decide::fold(judgement, plan);
        Ok(())
    }
}

fn begin(plan: &Plan, toolchain: &Toolchain) -> Judgement {
    Judgement {
        // Stands only until the first decision; whoever forgets that decision leaves our own fault here.
        verdict: Verdict::SE,
        score: None,
        max_score: None,
        reason: None,
        compile: None,
        tests: Vec::with_capacity(plan.cases.len()),
        groups: Vec::new(),
        limits: Some(plan.limits.clone()),
        language: toolchain.language.id.clone(),
        image: Some(toolchain.rootfs.digest.clone()),
        image_kind: Some(toolchain.rootfs.kind.name().to_owned()),
        policy_version: POLICY_VERSION,
        timing: Timing::default(),
        notes: plan.notes.clone(),
    }
}

fn skip_all(judgement: &mut Judgement, plan: &Plan, verdict: Verdict, why: &str) {
    judgement.tests = plan.cases.iter().map(|case| skipped(case, why)).collect();
    decide::fold(judgement, plan);
    judgement.reason = None;
    judgement.verdict = verdict;
}

fn skipped(case: &plan::CasePlan, why: &str) -> TestReport {
    let mut test = TestReport::not_run(&case.name, &case.group, Verdict::SK, Some(why.to_owned()));
    test.sample = case.sample;
    test
}

/// Runs `work` where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JudgeError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| JudgeError::failed(format!("a thread of ours ended early: {e}")))
}

#[cfg(test)]
mod scored_tests;
#[cfg(test)]
mod talk_tests;
#[cfg(test)]
mod tests;
