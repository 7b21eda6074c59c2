//! The package's own word on its data: every input passes the input validators, what must be rejected is, and
//! the output validator says of the package's own outputs what their folders promise.
//!
//! Called by `verify`, never while a submission is judged. The validators run in boxes as those of a judging
//! do, one fresh box for each question, up to `jobs` at once; a checktestdata specification is no program, and our
//! own interpreter holds inputs against it, in a box as well. Whatever they do wrong is a diagnostic that names the
//! file; only a box that cannot be had is an error of ours.

use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use problem::model::{Case, InputArgs, Probe, ProbeKind, Problem, Validator};
use problem::{Diagnostic, Severity};
use proto::facts::Exit;
use proto::limits::Limits;
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{RunOutcome, RunSpec};

use super::case;
use super::compile::Program;
use super::plan::{Data, ValidatorPlan, takes_points, validator_plan};
use super::validator::{Asked, ask_all};
use super::{Engine, blocking, decide, outputs};
use crate::cache::Keep;
use crate::error::JudgeError;
use crate::runner::{RunError, run_or_recall_twice, run_twice};
use ready::{Looks, Ready};
pub use specification::{is_specification_reader, specification_main};

mod ready;
pub(crate) mod specification;

/// Bytes of what a validator says that stand in a diagnostic.
const QUOTED: usize = 400;

/// Most diagnostics of one package; one broken validator rejects every file, and 50 of them say so.
const FINDINGS_MAX: usize = 50;

/// Room in an input validator's work directory beside its own files and those of the case.
const DISK_SLACK: u64 = 64 << 20;

/// One thing that has to hold.
#[derive(Debug)]
enum Question<'a> {
    /// All input validators accept, or one rejects.
    Input(Input<'a>),
    /// The output validator accepts or rejects.
    Output { probe: &'a Probe, valid: bool },
    /// The output validator accepts the judges' answer.
    Answer(&'a Case),
}

/// An input, and what belongs to it.
#[derive(Debug, Clone, Copy)]
struct Input<'a> {
    name: &'a str,
    file: &'a Path,
    args: &'a InputArgs,
    /// The submission's own arguments, which the validators hear too.
    own: &'a [String],
    /// The files beside it.
    beside: Option<&'a Path>,
    valid: bool,
}

impl Engine {
    /// Asks the package's validators everything they have to get right. `told` hears how many questions are
    /// answered, and how many there are.
    ///
    /// # Errors
    /// `Failed` when no box could be had; what the package does wrong is a diagnostic.
    pub async fn validate(
        &self,
        problem: &Problem,
        jobs: usize,
        mut told: impl FnMut(usize, usize),
    ) -> Result<Vec<Diagnostic>, JudgeError> {
        let mut found = Vec::new();
        let output_plan = validator_plan(problem);
        let (inputs, outputs) = {
            let _place = self.floor.shared().await;
            let inputs = self.input_validators(problem, &mut found).await?;
            (inputs, self.validators.prepare(&*self.runner, &self.toolchains, &output_plan).await?)
        };
        if let Err(why) = &outputs {
            found.push(error("output_validator", format!("the output validator cannot be used: {why}")));
        }
        let questions = questions(problem, inputs.is_some(), outputs.is_ok());
        let (inputs, outputs) = (inputs.unwrap_or_default(), outputs.unwrap_or_default());
        let total = questions.len();
        let asker = Asker { engine: self, problem, inputs: &inputs, outputs: &outputs, plan: &output_plan };
        let mut answers =
            futures::stream::iter(questions.into_iter().map(|q| asker.ask(q))).buffered(jobs.max(1));
        let mut done = 0;
        while let Some(answer) = answers.next().await {
            done += 1;
            told(done, total);
            found.extend(answer?);
            if found.len() >= FINDINGS_MAX {
                found.truncate(FINDINGS_MAX);
                let rest = total - done;
                found.push(warning(
                    "data",
                    format!("{rest} more files were not looked at after so many findings"),
                ));
                break;
            }
        }
        Ok(found)
    }
}

/// Everything to be asked, in the order of the data.
fn questions(problem: &Problem, inputs: bool, outputs: bool) -> Vec<Question<'_>> {
    let mut all = Vec::new();
    // What an interactive validator is given is no output of anybody's, and a pass is not the whole of it.
    let outputs = outputs && !problem.interactive;
    let custom = matches!(problem.validator, Validator::Custom(_));
    for case in &problem.cases {
        if inputs {
            all.push(Question::Input(Input {
                name: &case.name,
                file: &case.input,
                args: &case.input_args,
                own: &case.args,
                beside: case.files.as_deref(),
                valid: true,
            }));
        }
        // The default validator accepts every answer as itself; those of samples are among the probes.
        if outputs && custom && !problem.multi_pass && !case.sample {
            all.push(Question::Answer(case));
        }
    }
    for probe in &problem.probes {
        // A sample's input was asked about as the test case it is.
        if inputs && !probe.name.starts_with("sample/") {
            all.push(Question::Input(Input {
                name: &probe.name,
                file: &probe.input,
                args: &probe.input_args,
                own: &[],
                beside: None,
                valid: probe.kind != ProbeKind::InvalidInput,
            }));
        }
        if outputs && probe.checked.is_some() {
            all.push(Question::Output { probe, valid: probe.kind == ProbeKind::ValidOutput });
        }
    }
    all
}

/// What every question needs.
struct Asker<'a> {
    engine: &'a Engine,
    problem: &'a Problem,
    inputs: &'a Ready,
    outputs: &'a [Arc<Program>],
    plan: &'a ValidatorPlan,
}

impl Asker<'_> {
    async fn ask(&self, question: Question<'_>) -> Result<Vec<Diagnostic>, JudgeError> {
        // A submission that is judged meanwhile may have to be alone.
        let _place = self.engine.floor.shared().await;
        match question {
            Question::Input(input) => self.input(input).await,
            Question::Output { probe, valid } => self.output(probe, valid).await,
            Question::Answer(case) => self.answer(case).await,
        }
    }

    async fn input(&self, input: Input<'_>) -> Result<Vec<Diagnostic>, JudgeError> {
        let path = format!("data/{}.in", input.name);
        let mut found = Vec::new();
        for (validator, looks) in self.inputs {
            let said = match looks {
                Looks::Program(program) => {
                    let spec = self.input_spec(validator, program, input).await?;
                    self.run(validator, spec).await?
                }
                Looks::Specification(text) => self.specification(validator, text, input.file).await?,
            };
            match said {
                Said::Accepts => {}
                Said::Rejects(_) if !input.valid => return Ok(Vec::new()),
                Said::Rejects(why) => {
                    found.push(error(&path, format!("{validator} does not accept it: {why}")));
                }
                // Neither accepted nor rejected: the validator is broken, whatever it was asked.
                Said::Fault(why) => found.push(error(&path, format!("{validator} broke on it: {why}"))),
            }
        }
        if !input.valid && found.is_empty() {
            found.push(error(&path, "no input validator rejects it; one has to".to_owned()));
        }
        Ok(found)
    }

    async fn input_spec(
        &self,
        validator: &str,
        program: &Program,
        input: Input<'_>,
    ) -> Result<RunSpec, JudgeError> {
        let words = [args_of(input.args, validator), input.own].concat();
        let (file, beside) = (Data::File(input.file.to_owned()), input.beside.map(Path::to_owned));
        let (stdin, beside) = blocking(move || -> Result<_, JudgeError> {
            let beside = beside.as_deref().map(case::read_folder).transpose()?.unwrap_or_default();
            Ok((case::stdin_of(&file)?, beside))
        })
        .await??;
        let mut files = program.files.clone();
        files.retain(|own| beside.iter().all(|other| other.path != own.path));
        files.extend(beside);
        let given: u64 = files.iter().map(|f| f.content.len()).sum();
        let mut limits: Limits = self.plan.limits.clone();
        limits.disk = Bytes(given + DISK_SLACK);
        limits.memory = Bytes(limits.memory.get() + given);
        Ok(RunSpec {
            root: program.root.clone(),
            argv: program.argv_under(self.plan.limits.memory).into_iter().chain(words).collect(),
            env: program.env_under(self.plan.limits.memory),
            files,
            stdin,
            keep_stdout: QUOTED,
            overflow: None,
            keep_stderr: 4 * QUOTED,
            limits,
            profile: program.profile,
            writable: true,
            collect: Vec::new(),
        })
    }

    /// What a specification says of an input. Its tree differs from process to process, so nothing is recalled.
    async fn specification(
        &self,
        validator: &str,
        text: &Arc<[u8]>,
        input: &Path,
    ) -> Result<Said, JudgeError> {
        let own = self.engine.own_tree().await?;
        let data = Data::File(input.to_owned());
        let stdin = blocking(move || case::stdin_of(&data)).await??;
        let spec = specification::run_spec(&own, text, stdin, &self.plan.limits);
        let limits = spec.limits.clone();
        let outcome = run_twice(&*self.engine.runner, spec).await;
        let outcome = outcome.map_err(|error| {
            JudgeError::failed(format!("could not ask input validator {validator}: {error}"))
        })?;
        specification::heard(&outcome, &limits)
    }

    async fn run(&self, validator: &str, spec: RunSpec) -> Result<Said, JudgeError> {
        let limits = spec.limits.clone();
        match run_or_recall_twice(&*self.engine.runner, spec, Keep::Ended).await {
            Ok((outcome, _)) => said(&outcome, &limits),
            Err(error @ RunError::Exec { .. }) => Ok(Said::Fault(error.to_string())),
            Err(error) => {
                Err(JudgeError::failed(format!("could not run input validator {validator}: {error}")))
            }
        }
    }

    async fn output(&self, probe: &Probe, valid: bool) -> Result<Vec<Diagnostic>, JudgeError> {
        let Some((answer, output)) = &probe.checked else { return Ok(Vec::new()) };
        let extension = if answer == output { "ans" } else { "out" };
        let path = format!("data/{}.{extension}", probe.name);
        let word = self.judge(&probe.input, answer, output, &probe.validator_args).await?;
        let why = word.reason.map(|r| format!(": {}", quoted(r.as_bytes()))).unwrap_or_default();
        Ok(match (word.verdict, valid) {
            (Verdict::AC, true) | (Verdict::WA, false) => Vec::new(),
            (Verdict::WA, true) => {
                vec![error(&path, format!("the output validator has to accept it and rejects it{why}"))]
            }
            (Verdict::AC, false) => {
                vec![error(&path, "the output validator has to reject it and accepts it".to_owned())]
            }
            _ => vec![error(&path, format!("the output validator broke on it{why}"))],
        })
    }

    /// The format asks it of samples alone, which are among the probes; elsewhere it is worth a look.
    async fn answer(&self, case: &Case) -> Result<Vec<Diagnostic>, JudgeError> {
        let path = format!("data/{}.ans", case.name);
        let word = self.judge(&case.input, &case.answer, &case.answer, &case.validator_args).await?;
        let why = word.reason.map(|r| format!(": {}", quoted(r.as_bytes()))).unwrap_or_default();
        Ok(match word.verdict {
            Verdict::AC => Vec::new(),
            Verdict::WA => vec![warning(
                &path,
                format!("the output validator rejects the judges' own answer as an output{why}"),
            )],
            _ => vec![error(&path, format!("the output validator broke on the judges' own answer{why}"))],
        })
    }

    async fn judge(
        &self,
        input: &Path,
        answer: &Path,
        output: &Path,
        args: &[String],
    ) -> Result<decide::Word, JudgeError> {
        let [input, answer, output] = [input, answer, output].map(|path| Data::File(path.to_owned()));
        let output = outputs::opened(&output).await?;
        if self.problem.validator == Validator::Default {
            let name = self.problem.sidecar.checker.as_deref();
            return outputs::own_word(name, args, outputs::opened(&answer).await?, output).await;
        }
        let (input, answer) = case::contents(&input, &answer).await?;
        let points =
            self.problem.cases.len().checked_sub(1).is_some_and(|last| takes_points(self.problem, last));
        let asked = Asked { input, answer, output, args, points, beside: &[], feedback: &[] };
        Ok(ask_all(&*self.engine.runner, self.plan, self.outputs, &asked).await?.word)
    }
}

/// An input validator's word.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Accepts,
    /// It ended by itself with another status than 42.
    Rejects(String),
    /// It did not end by itself.
    Fault(String),
}

/// Reads one run: 42 accepts, another exit status rejects, anything else is neither.
fn said(outcome: &RunOutcome, limits: &Limits) -> Result<Said, JudgeError> {
    let judged = checker::classify(&outcome.facts, limits);
    let heard = match (quoted(&outcome.stdout.bytes), quoted(&outcome.stderr.bytes)) {
        (out, err) if out.is_empty() => err,
        (out, err) if err.is_empty() => out,
        (out, err) => format!("{out}; {err}"),
    };
    let told = |what: String| if heard.is_empty() { what } else { format!("{what}: {heard}") };
    match (judged.verdict, outcome.facts.exit) {
        (Some(Verdict::SE), _) => Err(JudgeError::failed(judged.reason.unwrap_or_default())),
        (Some(Verdict::RTE), Some(Exit::Code(42))) => Ok(Said::Accepts),
        (None | Some(Verdict::RTE), Some(Exit::Code(code))) => {
            Ok(Said::Rejects(told(format!("exit status {code}"))))
        }
        _ => Ok(Said::Fault(told(judged.reason.unwrap_or_else(|| "it was killed".to_owned())))),
    }
}

/// The last line that says something, cut and in one line: a traceback's last line is the one that helps.
fn quoted(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(&said[said.len().saturating_sub(QUOTED)..]);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The words a package gives to the validator at `path`: those for all, or those under its name.
fn args_of<'a>(args: &'a InputArgs, path: &str) -> &'a [String] {
    match args {
        InputArgs::All(words) => words,
        InputArgs::Named(by_name) => {
            let file = path.rsplit('/').next().unwrap_or(path);
            let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            by_name.get(file).or_else(|| by_name.get(stem)).map_or(&[], Vec::as_slice)
        }
    }
}

fn error(path: &str, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Error, path: path.to_owned(), line: None, message }
}

fn warning(path: &str, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, path: path.to_owned(), line: None, message }
}

#[cfg(test)]
mod tests;
