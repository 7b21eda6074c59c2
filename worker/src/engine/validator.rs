//! Custom output validators: compiled once per package, each asked in a fresh box of its own.
//!
//! The package is as untrusted as the submission: its validator sees the input, the answer and the output
//! as files of its box and nothing else. Whatever it does wrong is `JE`; a box that broke under it is our
//! failure.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use checker::Given;
use problem::model::{self, Constants};
use proto::id::Digest;
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, RunSpec, Stdin};
use tokio::sync::OnceCell;

use super::blocking;
use super::compile::{self, Compiled, Program};
use super::decide::{self, Word};
use super::plan::ValidatorPlan;
use crate::error::JudgeError;
use crate::runner::{RunError, Runner, run_twice};
use crate::toolchains::{Toolchain, Toolchains};

/// Packages whose compiled validators are kept; when there are more, all are compiled again.
const KEPT_PACKAGES: usize = 64;

/// Folder of the judge's files in the validator's work directory: no name of a program's own file can
/// meet it by accident.
const FOLDER: &str = "_judge";

/// Room in the validator's work directory beside the files it is given.
const DISK_SLACK: u64 = 64 << 20;

type Prepared = Result<Vec<Arc<Program>>, String>;

/// Compiled validators by package.
#[derive(Debug, Default)]
pub(super) struct Validators {
    ready: std::sync::Mutex<HashMap<Digest, Arc<OnceCell<Prepared>>>>,
}

impl Validators {
    /// The plan's validators, ready to be asked; the inner error is the package's fault.
    pub(super) async fn prepare(
        &self,
        runner: &dyn Runner,
        toolchains: &Arc<Toolchains>,
        plan: &ValidatorPlan,
    ) -> Result<Prepared, JudgeError> {
        let Some(package) = plan.package.as_ref().filter(|_| !plan.programs.is_empty()) else {
            return Ok(Ok(Vec::new()));
        };
        let cell = self.cell(package);
        // A failure of ours leaves the cell empty, so the next submission tries again.
        cell.get_or_try_init(|| compile_all(runner, toolchains, plan)).await.cloned()
    }

    fn cell(&self, package: &Digest) -> Arc<OnceCell<Prepared>> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= KEPT_PACKAGES && !ready.contains_key(package) {
            ready.clear();
        }
        Arc::clone(ready.entry(package.clone()).or_default())
    }
}

async fn compile_all(
    runner: &dyn Runner,
    toolchains: &Arc<Toolchains>,
    plan: &ValidatorPlan,
) -> Result<Prepared, JudgeError> {
    let mut ready = Vec::with_capacity(plan.programs.len());
    for program in &plan.programs {
        match compile_one(runner, toolchains, program, plan).await? {
            Ok(program) => ready.push(Arc::new(program)),
            Err(why) => return Ok(Err(format!("{}: {why}", program.path))),
        }
    }
    Ok(Ok(ready))
}

async fn compile_one(
    runner: &dyn Runner,
    toolchains: &Arc<Toolchains>,
    program: &model::Program,
    plan: &ValidatorPlan,
) -> Result<Result<Program, String>, JudgeError> {
    let (limits, constants) = (&plan.compile_limits, plan.constants.clone());
    let language = match language_of(toolchains, program) {
        Ok(language) => language,
        Err(why) => return Ok(Err(why)),
    };
    let (toolchains, files) = (Arc::clone(toolchains), program.files.clone());
    let (toolchain, files) = blocking(move || -> Result<(Toolchain, _), JudgeError> {
        Ok((toolchains.get(&language)?, read_files(&files, &constants)?))
    })
    .await??;
    let compiled = if program.has_build {
        compile::build(runner, &toolchain, files, limits).await?
    } else {
        compile::compile(runner, &toolchain, files, limits).await?
    };
    Ok(match compiled {
        Compiled::Ready { program, .. } => Ok(program),
        Compiled::Refused(report) => Err(format!("did not compile:\n{}", report.log)),
    })
}

/// The id of the language a program of the package is in: the code the package names, else the one its
/// files' extensions agree on. A `build` script finds compilers in the image of C++.
fn language_of(toolchains: &Toolchains, program: &model::Program) -> Result<String, String> {
    let known = toolchains.languages();
    if program.has_build {
        return Ok("cpp".to_owned());
    }
    if let Some(code) = &program.language {
        return known
            .iter()
            .find(|l| l.variant_of.is_none() && l.package_codes.contains(code))
            .map(|l| l.id.clone())
            .ok_or_else(|| format!("is in `{code}`, a language unknown here"));
    }
    let own = known.iter().filter(|l| l.variant_of.is_none());
    let mut fitting = own.filter(|l| program.files.iter().any(|(name, _)| l.is_source(name)));
    match (fitting.next(), fitting.next()) {
        (Some(language), None) => Ok(language.id.clone()),
        (None, _) => Err("has no file of a language known here".to_owned()),
        (Some(a), Some(b)) => Err(format!("has files of two languages, {} and {}", a.name, b.name)),
    }
}

/// Reads files of the package that belong to a program, its constants put in.
pub(super) fn read_files(
    files: &[(String, PathBuf)],
    constants: &Constants,
) -> Result<Vec<BoxFile>, JudgeError> {
    use std::os::unix::fs::PermissionsExt as _;
    let read = |path: &PathBuf| -> std::io::Result<(Vec<u8>, bool)> {
        let executable = path.metadata()?.permissions().mode() & 0o100 != 0;
        Ok((std::fs::read(path)?, executable))
    };
    files
        .iter()
        .map(|(name, path)| {
            let (content, executable) = read(path).map_err(|e| {
                JudgeError::failed(format!("could not read `{name}` of the package's programs: {e}"))
            })?;
            let content = constants.apply(&content).into_owned();
            Ok(BoxFile { path: name.clone(), content: content.into(), executable })
        })
        .collect()
}

/// What a validator is asked.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub input: Arc<[u8]>,
    pub answer: Arc<[u8]>,
    pub output: Arc<[u8]>,
    pub args: &'a [String],
}

/// Asks every validator of the package; all must accept, the first that does not decides.
pub(super) async fn ask_all(
    runner: &dyn Runner,
    plan: &ValidatorPlan,
    validators: &[Arc<Program>],
    asked: &Asked<'_>,
) -> Result<Word, JudgeError> {
    let mut accepted: Option<Word> = None;
    for (program, named) in validators.iter().zip(&plan.programs) {
        let word = ask(runner, plan, program, &named.path, asked).await?;
        if word.verdict != Verdict::AC {
            return Ok(word);
        }
        // The message of the first one counts, and the score of the first that gave one.
        match &mut accepted {
            None => accepted = Some(word),
            Some(first) if first.given == Ok(Given::Nothing) => first.given = word.given,
            Some(_) => {}
        }
    }
    Ok(accepted.unwrap_or_else(|| je("no output validator was run".to_owned())))
}

async fn ask(
    runner: &dyn Runner,
    plan: &ValidatorPlan,
    program: &Program,
    name: &str,
    asked: &Asked<'_>,
) -> Result<Word, JudgeError> {
    let spec = spec_of(plan, program, asked);
    let mut last = String::new();
    for _ in 0..2 {
        match run_twice(runner, spec.clone()).await {
            Ok(outcome) => {
                let word = decide::read_validator(name, plan, &format!("{FOLDER}/feedback"), &outcome);
                if word.verdict != Verdict::SE {
                    return Ok(word);
                }
                last = word.reason.unwrap_or_default();
            }
            Err(error @ RunError::Exec { .. }) => return Ok(je(format!("output validator {name}: {error}"))),
            Err(error) => {
                return Err(JudgeError::failed(format!("could not run output validator {name}: {error}")));
            }
        }
    }
    Err(JudgeError::failed(last))
}

fn je(reason: String) -> Word {
    Word::plain(Verdict::JE, Some(reason), None)
}

/// `validator input answer feedback_dir/ args < output`, in the same order for every version of the format.
fn spec_of(plan: &ValidatorPlan, program: &Program, asked: &Asked<'_>) -> RunSpec {
    let given = |name: &str, content: &Arc<[u8]>| BoxFile {
        path: format!("{FOLDER}/{name}"),
        content: Arc::clone(content),
        executable: false,
    };
    let mut files = program.files.clone();
    files.push(given("input.in", &asked.input));
    files.push(given("answer.ans", &asked.answer));
    // A box makes folders only on the way to files.
    files.push(given("feedback/.keep", &Arc::from(&b""[..])));

    let mut argv = program.argv.clone();
    argv.extend(["input.in", "answer.ans", "feedback/"].map(|name| format!("{FOLDER}/{name}")));
    argv.extend(asked.args.iter().cloned());

    let given_bytes: u64 = files.iter().map(|f| f.content.len() as u64).sum();
    let mut limits = plan.limits.clone();
    limits.disk = Bytes(given_bytes + plan.limits.output.get() + DISK_SLACK);
    // What we put there counts as the box's memory and is not the validator's doing.
    limits.memory = Bytes(limits.memory.get() + given_bytes);
    RunSpec {
        root: program.root.clone(),
        argv,
        env: program.env.clone(),
        files,
        stdin: Stdin::Bytes(Arc::clone(&asked.output)),
        keep_stdout: 0,
        keep_stderr: 4 << 10,
        limits,
        profile: program.profile,
        writable: true,
        collect: vec![Collect { path: format!("{FOLDER}/feedback"), max_bytes: plan.limits.output.get() }],
    }
}
