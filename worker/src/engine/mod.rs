//! One submission from sources to judgement: compile once, run each case in its own box, fold.
//!
//! `judge` of the command line and the service loop both end here, so they cannot disagree. What goes in
//! are values (sources, a problem that was read already); what comes out is a [`Judgement`], or a
//! [`JudgeError`] when nobody may be told a verdict. No queue, no clock but for durations, no process:
//! boxes are reached through [`Runner`] only. Cases run ahead of their turn where asked to, but they are
//! consumed in order, so the first failure is the same however many run at once.

mod again;
mod ahead;
mod answers;
mod case;
mod check;
mod compile;
mod course;
mod decide;
mod examples;
mod files;
mod grader;
mod inputs;
mod interactive;
mod live;
mod outputs;
mod passes;
mod plan;
mod statics;
mod timing;
mod validator;

use std::sync::Arc;
use std::time::Instant;

use checker::grader::Grades;
use checker::policy::Policy;
use problem::model::Problem;
use proto::event::GradedPlace;
use proto::job::{InlineTest, SourceFile};
use proto::limits::{Limits, LimitsRequest};
use proto::report::{CompileReport, CompileStatus, Judgement, POLICY_VERSION, TestReport, Timing};
use proto::units::round_ms;
use proto::verdict::Verdict;
use tokio::sync::OnceCell;

use crate::error::JudgeError;
use crate::floor::Floor;
use crate::runner::Runner;
use crate::toolchains::{Toolchain, Toolchains};

use ahead::Programs;
use compile::Compiled;
use inputs::specification::Own;
use plan::Plan;
use validator::Validators;

pub use answers::LANGUAGE as ANSWERS;
pub use check::{Checked, Question};
pub use examples::example_submission;
pub use inputs::{is_specification_reader, specification_main};
pub use outputs::Aside;
pub use timing::TimeBounds;

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
    /// A course's autograder reported a test, and works on.
    Graded {
        /// Its place for judges.
        judges: GradedPlace,
        /// Its place for contestants; `None` when they are not to hear of it.
        contestants: Option<GradedPlace>,
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
    floor: Arc<Floor>,
    validators: Validators,
    statics: Validators,
    graders: Validators,
    inferred: timing::Inferred,
    own: OnceCell<Arc<Own>>,
    aside: Aside,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("toolchains", &self.toolchains).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine whose cases run in order, one at a time, under [`Limits::default_maxima`]. Outputs too long for its
    /// memory lie in `aside`.
    pub fn new(runner: Arc<dyn Runner>, toolchains: Arc<Toolchains>, aside: Aside) -> Self {
        Self {
            runner,
            toolchains,
            maxima: Limits::default_maxima(),
            ahead: 1,
            floor: Arc::default(),
            validators: Validators::default(),
            statics: Validators::default(),
            graders: Validators::default(),
            inferred: timing::Inferred::default(),
            own: OnceCell::new(),
            aside,
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

    /// Where its boxes stand. Who runs boxes of another kind on the same machine takes a place there, too, or
    /// runs that were to be alone are not.
    pub fn floor(&self) -> &Arc<Floor> {
        &self.floor
    }

    /// Judges one submission, up to its first failure or, where it asks for that, all of it. Dropping the future kills whatever runs for it.
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
        let policy = if submission.all { Policy::All } else { Policy::Icpc };
        self.judge_under(policy, submission, against, on_progress).await
    }

    /// The same under a policy of the caller's choice, whatever the submission asks for.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub async fn judge_under(
        &self,
        policy: Policy,
        submission: &Submission,
        against: &Against,
        on_progress: OnProgress<'_>,
    ) -> Result<Judgement, JudgeError> {
        self.judge_from(None, policy, submission, against, on_progress).await
    }

    /// The same of a program that starts where `entrypoint` says: a file, or a class, by the language.
    ///
    /// # Errors
    /// As [`judge`](Self::judge); `Rejected::Entry` when the program has no such place.
    pub async fn judge_from(
        &self,
        entrypoint: Option<&str>,
        policy: Policy,
        submission: &Submission,
        against: &Against,
        on_progress: OnProgress<'_>,
    ) -> Result<Judgement, JudgeError> {
        let started = Instant::now();
        let answers = answers::read(submission, against).await?;
        let toolchain = match answers {
            None => Some(self.toolchain(&submission.language).await?),
            Some(_) => None,
        };
        let toolchain = match (toolchain, entrypoint) {
            (Some(toolchain), Some(wanted)) => {
                Some(examples::starting_at(toolchain, wanted, submission, against)?)
            }
            (toolchain, _) => toolchain,
        };
        let mut plan = Plan::new(submission, against, toolchain.as_ref(), &self.maxima, policy)?;
        // Only now: what is refused is refused before anything runs.
        if let Against::Problem(problem) = against
            && let Some((timed, note)) = self.timed(problem).await?
        {
            let timed = Against::Problem(timed);
            plan = Plan::new(submission, &timed, toolchain.as_ref(), &self.maxima, policy)?;
            plan.notes.push(note.to_owned());
        }
        if let Some(answers) = answers {
            answers::put(&mut plan, answers);
        }
        let mut judgement = begin(&plan, &submission.language, toolchain.as_ref());
        on_progress(Progress::Started { tests_total: plan.cases.len() as u32 });

        let compile_started = Instant::now();
        let compiled = match &toolchain {
            Some(toolchain) => self.compile(submission, &plan, toolchain).await?,
            None => answers::nothing_to_compile(&plan),
        };
        judgement.timing.compile_ms = round_ms(compile_started.elapsed());
        let (report, program) = compiled.apart();
        on_progress(Progress::Compiled(report.clone()));
        let refused = report.status == CompileStatus::Error;
        judgement.compile = Some(report);
        if refused {
            skip_all(&mut judgement, &plan, Verdict::CE, "the program did not compile");
            judgement.timing.total_ms = round_ms(started.elapsed());
            return Ok(judgement);
        }
        match self.prepare(&plan).await? {
            Ok(programs) => {
                let programs = Programs { submission: program, ..programs };
                self.run_cases(policy, &plan, &programs, &mut judgement, on_progress).await?;
            }
            Err((what, why)) => {
                skip_all(&mut judgement, &plan, Verdict::JE, &format!("the {what} cannot be used"));
                judgement.reason = Some(why);
            }
        }
        judgement.timing.total_ms = round_ms(started.elapsed());
        Ok(judgement)
    }

    /// The package's programs, ready to be asked. The inner error is the package's: which, and why.
    async fn prepare(&self, plan: &Plan) -> Result<Result<Programs, (&'static str, String)>, JudgeError> {
        let _place = self.floor.shared().await;
        let mut ready = Vec::new();
        for (what, kept, wanted) in [
            ("output validator", &self.validators, Some(&plan.validator)),
            ("static validator", &self.statics, plan.statics.as_ref().map(|s| &s.validator)),
            ("grader", &self.graders, plan.grader.as_ref()),
        ] {
            let Some(wanted) = wanted else {
                ready.push(Vec::new());
                continue;
            };
            match kept.prepare(&*self.runner, &self.toolchains, wanted).await? {
                Ok(programs) => ready.push(programs),
                Err(why) => return Ok(Err((what, why))),
            }
        }
        let (grader, statics) = (ready.pop().unwrap_or_default(), ready.pop().unwrap_or_default());
        Ok(Ok(Programs {
            submission: None,
            validators: ready.pop().unwrap_or_default(),
            statics: statics.into_iter().next(),
            grader: grader.into_iter().next(),
        }))
    }

    /// Our own executable as a tree, for what of ours runs in a box. Made when it is first wanted.
    async fn own_tree(&self) -> Result<Arc<Own>, JudgeError> {
        let make = || async { blocking(Own::make).await?.map(Arc::new) };
        self.own.get_or_try_init(make).await.cloned()
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
        let toolchain = &examples::starting_at_own(toolchain, submission, &files);
        let _place = self.floor.shared().await;
        let compiled = compile::compile(&*self.runner, toolchain, files, &plan.compile_limits).await?;
        Ok(compiled.that_fits(&plan.limits))
    }
}

fn begin(plan: &Plan, language: &str, toolchain: Option<&Toolchain>) -> Judgement {
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
        language: toolchain.map_or(language, |t| t.language.id.as_str()).to_owned(),
        image: toolchain.map(|t| t.rootfs.digest.clone()),
        image_kind: toolchain.map(|t| t.rootfs.kind.name().to_owned()),
        policy_version: POLICY_VERSION,
        policy: Some(plan.policy.to_string()),
        timing: Timing::default(),
        notes: plan.notes.clone(),
        graded: None,
    }
}

fn skip_all(judgement: &mut Judgement, plan: &Plan, verdict: Verdict, why: &str) {
    judgement.tests = plan.cases.iter().map(|case| skipped(case, why)).collect();
    // Where nothing was run there is nothing to ask a grader.
    let _ = decide::fold(judgement, plan, &Grades::new());
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
mod kinds_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod scored_tests;
#[cfg(test)]
mod talk_tests;
#[cfg(test)]
mod tests;
