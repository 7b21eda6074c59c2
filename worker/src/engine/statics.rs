//! Static validations: a program of the package looks at the sources, and its word counts as one more case
//! of a group.
//!
//! It starts where the submission's files, compiled ones and included ones are, and sees nothing else; what
//! it needs of its own lies in a hidden folder, so that a look at every file of the submission does not
//! meet it. Its faults are `JE`.

use std::time::{Duration, Instant};

use checker::Given;
use proto::report::TestReport;
use proto::units::{Bytes, round_ms};
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, RunSpec, Stdin};

use super::case::CaseDone;
use super::compile::Program;
use super::decide::{self, Word};
use super::plan::{CasePlan, StaticPlan};
use super::validator::Place;
use crate::cache::Keep;
use crate::error::JudgeError;
use crate::runner::{RunError, Runner, run_or_recall_twice};

/// Folder of what belongs to the judge.
const FOLDER: &str = ".judge";

/// Room beside the files it is given.
const DISK_SLACK: u64 = 64 << 20;

/// Lets the validator look at a submission.
pub(super) async fn judge(
    runner: &dyn Runner,
    plan: &StaticPlan,
    case: &CasePlan,
    args: &[String],
    submission: &Program,
    validator: &Program,
) -> Result<CaseDone, JudgeError> {
    let started = Instant::now();
    let word = ask(runner, plan, args, submission, validator).await?;
    let check = started.elapsed();
    let mut test = TestReport::not_run(&case.name, &case.group, word.verdict, word.reason);
    test.sample = case.sample;
    test.feedback = word.feedback;
    test.check_time_ms = Some(round_ms(check));
    Ok(CaseDone { test, run: Duration::ZERO, check, given: word.given })
}

async fn ask(
    runner: &dyn Runner,
    plan: &StaticPlan,
    args: &[String],
    submission: &Program,
    validator: &Program,
) -> Result<Word, JudgeError> {
    let name = plan.validator.programs.first().map_or("static_validator", |p| p.path.as_str());
    // A name that the submission has taken is not used: nothing of it may pass for the judge's.
    let place = Place::named(FOLDER, true, validator, &submission.files);
    let spec = spec_of(plan, &place, args, submission, validator);
    let failed = |why: &dyn std::fmt::Display| JudgeError::failed(format!("could not run {name}: {why}"));
    let mut last = String::new();
    for _ in 0..2 {
        match run_or_recall_twice(runner, spec.clone(), Keep::Ended).await {
            Ok((outcome, _)) => {
                let word = decide::read_program(name, &plan.validator, &place.feedback(), &outcome);
                if word.verdict != Verdict::SE {
                    return Ok(word);
                }
                last = word.reason.unwrap_or_default();
            }
            Err(error @ RunError::Exec { .. }) => {
                let word = Word::plain(Verdict::JE, Some(format!("{name}: {error}")), None);
                return Ok(Word { given: Ok(Given::Nothing), ..word });
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(failed(&last))
}

/// `static_validator language entry_point feedback_dir/ args`.
fn spec_of(
    plan: &StaticPlan,
    place: &Place,
    args: &[String],
    submission: &Program,
    validator: &Program,
) -> RunSpec {
    let feedback = place.feedback();
    let mut files = submission.files.clone();
    files.extend(place.program_files(validator));
    // A box makes folders only on the way to files.
    files.push(BoxFile { path: format!("{feedback}/.keep"), content: Vec::new().into(), executable: false });

    let memory = plan.validator.limits.memory;
    let command = validator.argv_under(memory);
    let mut argv: Vec<String> = command.iter().map(|word| place.moved(word, validator)).collect();
    argv.push(plan.code.clone());
    argv.push(plan.entry.clone());
    argv.push(format!("{feedback}/"));
    argv.extend(args.iter().cloned());

    let given: u64 = files.iter().map(|file| file.content.len()).sum();
    let mut limits = plan.validator.limits.clone();
    limits.disk = Bytes(given + limits.output.get() + DISK_SLACK);
    // What we put there counts as the box's memory and is not the validator's doing.
    limits.memory = Bytes(limits.memory.get() + given);
    RunSpec {
        root: validator.root.clone(),
        argv,
        env: validator.env_under(memory),
        files,
        stdin: Stdin::Empty,
        keep_stdout: 0,
        overflow: None,
        keep_stderr: 4 << 10,
        limits,
        profile: validator.profile,
        writable: true,
        collect: vec![Collect::read(feedback, plan.validator.limits.output.get())],
    }
}
