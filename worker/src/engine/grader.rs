//! A legacy package's own grader, asked about one group in a fresh box. Its faults are `JE`.

use checker::grader::{self, ANSWER_MAX, Asked, Word};
use sandbox::spec::{RunSpec, Stdin};

use super::compile::Program;
use super::plan::ValidatorPlan;
use crate::cache::Keep;
use crate::error::JudgeError;
use crate::runner::{RunError, Runner, run_or_recall_twice};

/// Asks `program`; the inner error is the package's.
pub(super) async fn ask(
    runner: &dyn Runner,
    plan: &ValidatorPlan,
    program: &Program,
    asked: &Asked,
) -> Result<Word, JudgeError> {
    let name = plan.programs.first().map_or("graders", |p| p.path.as_str());
    let mut argv = program.argv_under(plan.limits.memory);
    argv.extend(asked.flags.iter().cloned());
    let spec = RunSpec {
        root: program.root.clone(),
        argv,
        env: program.env_under(plan.limits.memory),
        files: program.files.clone(),
        stdin: Stdin::Bytes(asked.input.as_bytes().into()),
        // One byte more than can be an answer, so that more is seen.
        keep_stdout: ANSWER_MAX + 1,
        overflow: None,
        keep_stderr: 4 << 10,
        limits: plan.limits.clone(),
        profile: program.profile,
        writable: true,
        collect: Vec::new(),
    };
    let mut last = String::new();
    for _ in 0..2 {
        match run_or_recall_twice(runner, spec.clone(), Keep::Ended).await {
            Ok((outcome, _)) => {
                let (stdout, stderr) = (&outcome.stdout.bytes, &outcome.stderr.bytes);
                match grader::interpret(name, &outcome.facts, &plan.limits, stdout, stderr) {
                    Ok(word) => return Ok(word),
                    Err(why) => last = why,
                }
            }
            Err(error @ RunError::Exec { .. }) => return Ok(Err(format!("grader {name}: {error}"))),
            Err(error) => return Err(JudgeError::failed(format!("could not run grader {name}: {error}"))),
        }
    }
    Err(JudgeError::failed(last))
}
