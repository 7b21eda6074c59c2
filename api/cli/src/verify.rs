//! `tribunal verify`: the package against its own word. Its validators are asked about all of its data, and
//! every example submission is judged on all cases.
//!
//! Submissions, cases and validators run at once, never in more than `--jobs` boxes. What is printed is made
//! by `verify_text`, `verify_json` and `verify_junit` from one [`Verification`].

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use problem::model::{ExampleSubmission, Problem};
use problem::{Diagnostic, Severity};
use proto::limits::Limits;
use proto::verdict::Verdict;
use sandbox::BoxServer;
use worker::JudgeError;
use worker::boxes::BoxRunner;
use worker::engine::Engine;

use crate::args::{Format, VerifyArgs};
use crate::context::{Settings, default_slots, scratch, tell_host_image};
use crate::output::{Failure, note, print_json, print_line};
use crate::verify_one::{self, Verified};
use crate::verify_study::{self, Study};
use crate::{stop, verify_json, verify_junit, verify_text};

/// All that came of one package.
pub(crate) struct Verification {
    /// The package's short name.
    pub(crate) package: String,
    /// The time limit submissions were judged under, in milliseconds; `None` for a package that cannot be read.
    pub(crate) time_limit_ms: Option<f64>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) submissions: Vec<Verified>,
    pub(crate) study: Study,
    /// Globs that chose the submissions; none is all of them.
    pub(crate) only: Vec<String>,
}

impl Verification {
    /// Whether the package keeps its word.
    pub(crate) fn ok(&self) -> bool {
        !self.diagnostics.iter().any(|d| d.severity == Severity::Error)
            && self.submissions.iter().all(|s| s.ok)
    }

    /// A system error of ours is no answer about the package.
    fn status(&self) -> u8 {
        if self.submissions.iter().any(|s| s.verdict == Some(Verdict::SE)) {
            return 3;
        }
        u8::from(!self.ok())
    }
}

pub(crate) fn main(args: &VerifyArgs, settings: &Settings) -> Result<u8, Failure> {
    if !args.problem.exists() {
        return Err(Failure::usage(format!("there is no package at {}", args.problem.display())));
    }
    // Before any thread; a machine without boxes is told only after a package that cannot be used.
    let boxes = Settings::boxes(0);
    stop::unless_stopped(verify(args, settings, boxes))
}

async fn verify(
    args: &VerifyArgs,
    settings: &Settings,
    boxes: Result<BoxServer, Failure>,
) -> Result<u8, Failure> {
    let scratch = scratch()?;
    let verification = match problem::open(&args.problem, scratch.path()) {
        Ok(loaded) => run(loaded, args, settings, boxes).await?,
        Err(refused) => Verification {
            package: refused.package,
            time_limit_ms: None,
            diagnostics: refused.diagnostics,
            submissions: Vec::new(),
            study: Study::default(),
            only: args.only.clone(),
        },
    };
    match args.format() {
        Format::Text => print_line(&verify_text::text(&verification))?,
        Format::Json => print_json(&verify_json::document(&verification))?,
        Format::Junit => print_line(&verify_junit::document(&verification).map_err(Failure::ours)?)?,
    }
    Ok(verification.status())
}

async fn run(
    loaded: problem::Loaded,
    args: &VerifyArgs,
    settings: &Settings,
    boxes: Result<BoxServer, Failure>,
) -> Result<Verification, Failure> {
    let examples = chosen(&loaded.problem, &args.only)?;
    let jobs = args.jobs.unwrap_or_else(default_slots) as usize;
    let boxes = boxes?;
    let store = settings.store()?;
    for language in language::all().iter().filter(|language| language.variant_of.is_none()) {
        let uses = |s: &ExampleSubmission| s.program.files.iter().any(|(name, _)| language.is_source(name));
        if examples.iter().any(uses) {
            tell_host_image(&store, language);
        }
    }
    let runner = BoxRunner::new(boxes).with_at_most(jobs);
    let engine = settings.without_cache(args.no_cache).engine_over(runner, &store).with_parallel_cases(jobs);
    let problem = Arc::new(loaded.problem);
    let bar = bar();
    let validated = engine.validate(&problem, jobs, |done, total| {
        if done == 1 {
            bar.inc_length(total as u64);
        }
        bar.inc(1);
    });
    let (validated, submissions) =
        futures::join!(validated, judge_all(&engine, &problem, &examples, jobs, &bar));
    let limit = time_limit(&engine, &problem, &submissions).await;
    bar.finish_and_clear();
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(validated.map_err(|e| match e {
        JudgeError::Rejected(why) => Failure::usage(why),
        JudgeError::Failed { cause, .. } | JudgeError::NoRoom { cause, .. } => Failure::ours(cause),
    })?);
    if let Err(why) = &limit {
        let path = "problem.yaml".to_owned();
        let message = format!("no time limit can be inferred: {why}");
        diagnostics.push(Diagnostic { severity: Severity::Error, path, line: None, message });
    }
    diagnostics.extend(verify_study::nobody_passes(&problem));
    let limit = limit.unwrap_or(Limits::run_defaults().cpu_time);
    let study = verify_study::study(&problem, limit, &submissions);
    diagnostics.extend(study.warnings.iter().cloned());
    Ok(Verification {
        package: problem.name.clone(),
        time_limit_ms: Some(proto::units::round_ms(limit)),
        diagnostics,
        submissions,
        study,
        only: args.only.clone(),
    })
}

/// The submissions that `only` names, in the package's order; all of them when it is empty.
fn chosen(problem: &Problem, only: &[String]) -> Result<Vec<ExampleSubmission>, Failure> {
    for glob in only {
        if !problem.submissions.iter().any(|example| example.is_named_by(glob)) {
            let there: Vec<&str> =
                problem.submissions.iter().map(|s| s.program.path.as_str()).take(8).collect();
            return Err(Failure::usage(format!(
                "--only {glob}: names none of the {} submissions of {}{}{}; `*` stays within a folder, as in \
                 `accepted/*.py`",
                problem.submissions.len(),
                problem.name,
                if there.is_empty() { "" } else { ", which begin with " },
                there.join(", "),
            )));
        }
    }
    let named = |s: &&ExampleSubmission| only.is_empty() || only.iter().any(|glob| s.is_named_by(glob));
    Ok(problem.submissions.iter().filter(named).cloned().collect())
}

/// The package's time limit: its own, else the one its submissions lead to, the slow ones looked at as well.
async fn time_limit(
    engine: &Engine,
    problem: &Arc<Problem>,
    submissions: &[Verified],
) -> Result<Duration, String> {
    if problem.submit_answer {
        return Ok(Limits::run_defaults().cpu_time);
    }
    let limit = engine.time_limit(problem).await.map_err(|e| e.to_string())??;
    let too_slow = submissions.iter().filter_map(|s| s.bounds.too_slow).min();
    match too_slow.filter(|_| problem.limits.cpu_time.is_none()) {
        None => Ok(limit),
        Some(slow) => problem.limits.time_rule.leaves(limit, slow).map(|()| limit).map_err(|e| e.to_string()),
    }
}

/// In the package's order; those that are to be too slow begin first, since nothing could be done beside the last of
/// them. Twice as many submissions as boxes are under way, so that one that waits for a single slow case leaves no box
/// without work.
async fn judge_all(
    engine: &Engine,
    problem: &Arc<Problem>,
    examples: &[ExampleSubmission],
    jobs: usize,
    bar: &ProgressBar,
) -> Vec<Verified> {
    bar.inc_length((examples.len() * problem.cases.len()) as u64);
    let mut order: Vec<(usize, &ExampleSubmission)> = examples.iter().enumerate().collect();
    order.sort_by_key(|(_, example)| !example.rules.iter().any(|rule| rule.bounds().1));
    let mut all: Vec<(usize, Verified)> = stream::iter(order)
        .map(|(place, example)| async move {
            let mut left = problem.cases.len() as u64;
            let verified = verify_one::verify(engine, problem, example, || {
                left = left.saturating_sub(1);
                bar.inc(1);
            })
            .await;
            // What did not compile has no cases.
            bar.inc(left);
            let mark = if verified.ok { "ok" } else { "NOT AS EXPECTED" };
            let line = format!("{}: {} {mark}", verified.path, verified.verdict.map_or("-", Verdict::code));
            if bar.is_hidden() {
                note(&line);
            } else {
                bar.set_message(line);
            }
            (place, verified)
        })
        .buffer_unordered(jobs.saturating_mul(2))
        .collect()
        .await;
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, verified)| verified).collect()
}

/// Progress on stderr when that is a terminal; hidden otherwise.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{elapsed} [{wide_bar}] {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
