//! Custom output validators: compiled once per package, each asked in a fresh box of its own.
//!
//! The package is as untrusted as the submission: its validator sees the input, the answer, the output and, from
//! 2025-09 on, what the submission has in its work directory, as files of its box and nothing else. Whatever it does
//! wrong is `JE`; a box that broke under it is our failure.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use checker::Given;
use problem::model::{self, Constants, Protocol};
use proto::id::Digest;
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, Collected, Content, RunOutcome, RunSpec, Stdin};
use tokio::sync::OnceCell;

use super::blocking;
use super::compile::{self, Compiled, Program};
use super::decide::{self, Word};
use super::passes;
use super::plan::ValidatorPlan;
use crate::cache::Keep;
use crate::error::JudgeError;
use crate::runner::{RunError, Runner, run_or_recall_twice};
use crate::toolchains::{Toolchain, Toolchains};

/// Packages whose compiled validators are kept; when there are more, all are compiled again.
const KEPT_PACKAGES: usize = 64;

/// Folder of the judge's files in the validator's work directory, longer where somebody else has one of that name.
const FOLDER: &str = "_judge";

/// Name of the feedback directory in it.
const FEEDBACK: &str = "feedback";

/// The output as a file, below the judge's folder.
const OUTPUT: &str = "output.out";

/// Standard input by a name (proc_pid_fd(5)).
const STDIN: &str = "/dev/stdin";

/// Language in whose image a package's own scripts find a shell and compilers.
const SCRIPTS_IN: &str = "cpp";

/// Work directory of every box.
const WORK_DIR: &str = "/w";

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

pub(super) async fn compile_all(
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
    let scripts = program.has_build || program.has_run;
    let (toolchain, files) = blocking(move || -> Result<(Toolchain, _), JudgeError> {
        let files = read_files(&files, &constants)?;
        let language = if scripts { script_language(&files) } else { &language };
        Ok((toolchains.get(language)?, files))
    })
    .await??;
    let compiled = if program.has_build {
        compile::build(runner, &toolchain, files, limits).await?
    } else if program.has_run {
        return Ok(Ok(compile::started_by_run(&toolchain, files)));
    } else {
        compile::compile(runner, &toolchain, files, limits).await?
    };
    Ok(match compiled {
        Compiled::Ready { program, .. } => Ok(program),
        Compiled::Refused(report) | Compiled::Nothing(report) => Err(did_not_compile(&report.log)),
    })
}

/// A compiler that misses `testlib.h` is the commonest reason, and its own words do not say what to do.
fn did_not_compile(log: &str) -> String {
    let missing = log.lines().any(|line| line.contains("testlib.h") && line.contains("No such file"));
    let hint =
        "the package brings no testlib.h, and this judge has none: put the file beside the program; \n";
    format!("{}did not compile:\n{log}", if missing { hint } else { "" })
}

/// The id of the language a program of the package is in: the code the package names, else the one its
/// files' extensions agree on. Scripts of its own have the say of [`script_language`].
fn language_of(toolchains: &Toolchains, program: &model::Program) -> Result<String, String> {
    let known = toolchains.languages();
    if program.has_build || program.has_run {
        return Ok(SCRIPTS_IN.to_owned());
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

/// The image for a program that a `build` or `run` script of its own starts. The format promises scripts a shell,
/// `cc`, `c++` and `python3`; no image has all of them, so what the scripts say decides: that of Python where they call
/// it, or are of it, and call no compiler; else that of C++.
fn script_language(files: &[BoxFile]) -> &'static str {
    const COMPILERS: [&str; 6] = ["cc", "c++", "gcc", "g++", "make", "cmake"];
    let calls = |names: &[&str]| {
        let scripts = files.iter().filter(|file| file.path == "build" || file.path == "run");
        let texts: Vec<_> =
            scripts.filter_map(|file| file.content.at_hand().map(String::from_utf8_lossy)).collect();
        let end = |c: char| !(c.is_alphanumeric() || matches!(c, '+' | '_' | '.'));
        texts.iter().any(|text| text.split(end).any(|word| names.contains(&word)))
    };
    if calls(&["python3"]) && !calls(&COMPILERS) { "python3" } else { SCRIPTS_IN }
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
    pub input: Content,
    pub answer: Content,
    /// Empty where it talks with the submission.
    pub output: Content,
    pub args: &'a [String],
    /// Whether the case can have points.
    pub points: bool,
    /// What the submission has in its work directory.
    pub beside: &'a [BoxFile],
    /// What earlier passes left in the feedback directory, by path below it.
    pub feedback: &'a [BoxFile],
}

/// What a validator said and left.
#[derive(Debug)]
pub(super) struct Answer {
    pub word: Word,
    /// Its feedback directory, by path below it.
    pub feedback: Vec<BoxFile>,
    /// What of that could not be brought back, and why.
    pub lost: Option<String>,
}

impl Answer {
    /// A word without a feedback directory.
    pub(super) fn of(word: Word) -> Self {
        Self { word, feedback: Vec::new(), lost: None }
    }

    /// The package's fault.
    pub(super) fn je(reason: String) -> Self {
        Self::of(Word::plain(Verdict::JE, Some(reason), None))
    }
}

/// Asks every validator of the package; all must accept, the first that does not decides.
pub(super) async fn ask_all(
    runner: &dyn Runner,
    plan: &ValidatorPlan,
    validators: &[Arc<Program>],
    asked: &Asked<'_>,
) -> Result<Answer, JudgeError> {
    let mut accepted: Option<Answer> = None;
    for (program, named) in validators.iter().zip(&plan.programs) {
        let answer = ask(runner, plan, program, &named.path, asked).await?;
        if answer.word.verdict != Verdict::AC {
            return Ok(answer);
        }
        // The message of the first one counts, and the score of the first that gave one.
        match &mut accepted {
            None => accepted = Some(answer),
            Some(first) if first.word.given == Ok(Given::Nothing) => first.word.given = answer.word.given,
            Some(_) => {}
        }
    }
    Ok(accepted.unwrap_or_else(|| Answer::je("no output validator was run".to_owned())))
}

async fn ask(
    runner: &dyn Runner,
    plan: &ValidatorPlan,
    program: &Program,
    name: &str,
    asked: &Asked<'_>,
) -> Result<Answer, JudgeError> {
    let place = Place::of(plan, program, asked.beside);
    let spec = place.spec(plan, program, asked);
    let mut last = String::new();
    for _ in 0..2 {
        match run_or_recall_twice(runner, spec.clone(), Keep::Ended).await {
            Ok((outcome, _)) => {
                let answer = place.read(name, plan, asked.points, &outcome);
                if answer.word.verdict != Verdict::SE {
                    return Ok(answer);
                }
                last = answer.word.reason.unwrap_or_default();
            }
            Err(error @ RunError::Exec { .. }) => {
                return Ok(Answer::je(format!("output validator {name}: {error}")));
            }
            Err(error) => {
                return Err(JudgeError::failed(format!("could not run output validator {name}: {error}")));
            }
        }
    }
    Err(JudgeError::failed(last))
}

/// Where things lie in a validator's box.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Folder of the judge's files below the work directory: no file of anybody else is in it.
    judge: String,
    /// Folder of the validator's own program, with a slash behind it; empty when that is the work directory.
    program: String,
}

impl Place {
    /// `beside` is what the submission has in its work directory. From 2025-09 on a validator starts in a copy of
    /// that, so its own program moves out of reach: into a folder that no name of the submission leads to, and its
    /// command names every file of it by its whole path. A submission may bring a `validate.py`, an `a.out` or a
    /// `_judge/answer.ans` of its own; nothing here takes them for ours.
    pub(super) fn of(plan: &ValidatorPlan, program: &Program, beside: &[BoxFile]) -> Self {
        Self::named(FOLDER, plan.beside_submission, program, beside)
    }

    /// The same with a name of the caller's choice for the judge's folder; `moves` is whether the program starts
    /// beside the submission's files.
    pub(super) fn named(folder: &str, moves: bool, program: &Program, beside: &[BoxFile]) -> Self {
        let others = if moves { beside } else { &program.files };
        let first = |file: &BoxFile| file.path.split('/').next().unwrap_or_default().to_owned();
        let taken: HashSet<String> = others.iter().map(first).collect();
        let mut judge = folder.to_owned();
        // Each name taken is one file's, so this ends.
        while taken.contains(&judge) {
            judge.push('_');
        }
        let program = if moves { format!("{judge}/program/") } else { String::new() };
        Self { judge, program }
    }

    /// `validator input answer feedback_dir/ args < output`, in the same order for every version of the format;
    /// `checker input output answer args` in the way of testlib.
    pub(super) fn spec(&self, plan: &ValidatorPlan, program: &Program, asked: &Asked<'_>) -> RunSpec {
        let given = |name: &str, content: &Content| BoxFile {
            path: format!("{}/{name}", self.judge),
            content: content.clone(),
            executable: false,
        };
        let mut files: Vec<BoxFile> = if plan.beside_submission { asked.beside.to_vec() } else { Vec::new() };
        files.extend(self.program_files(program));
        files.push(given("input.in", &asked.input));
        files.push(given("answer.ans", &asked.answer));
        // A box makes folders only on the way to files.
        files.push(given(&format!("{FEEDBACK}/.keep"), &Vec::new().into()));
        let named = |name: &str| format!("{}/{name}", self.judge);
        let (input, answer) = (named("input.in"), named("answer.ans"));
        let (order, stdin) = match (plan.protocol, &asked.output) {
            (Protocol::Format, output) => ([input, answer, named(&format!("{FEEDBACK}/"))], output.stdin()),
            (Protocol::Testlib, output @ Content::Bytes(_)) => {
                files.push(given(OUTPUT, output));
                ([input, named(OUTPUT), answer], Stdin::Empty)
            }
            // A checker opens what it is named; this name is of the sealed copy, which it may seek in like in a file.
            (Protocol::Testlib, output @ Content::File(_)) => {
                ([input, STDIN.to_owned(), answer], output.stdin())
            }
        };
        files.extend(asked.feedback.iter().map(|file| {
            let path = format!("{}/{FEEDBACK}/{}", self.judge, file.path);
            BoxFile { path, ..file.clone() }
        }));

        let mut argv: Vec<String> =
            program.argv_under(plan.limits.memory).iter().map(|word| self.moved(word, program)).collect();
        argv.extend(order);
        argv.extend(asked.args.iter().cloned());

        let given_bytes: u64 = files.iter().map(|f| f.content.len()).sum();
        let mut limits = plan.limits.clone();
        limits.disk = Bytes(given_bytes + plan.limits.output.get() + DISK_SLACK);
        // What we put there counts as the box's memory and is not the validator's doing.
        limits.memory = Bytes(limits.memory.get() + given_bytes);
        RunSpec {
            root: program.root.clone(),
            argv,
            env: program.env_under(plan.limits.memory),
            files,
            stdin,
            keep_stdout: 0,
            overflow: None,
            keep_stderr: 4 << 10,
            limits,
            profile: program.profile,
            writable: true,
            collect: vec![Collect::read(self.feedback(), plan.limits.output.get())],
        }
    }

    /// The program's own files, where they lie.
    pub(super) fn program_files(&self, program: &Program) -> impl Iterator<Item = BoxFile> {
        program.files.iter().map(|file| {
            let path = format!("{}{}", self.program, file.path);
            BoxFile { path, ..file.clone() }
        })
    }

    /// A word of the command: what names a file of the program, or its folder, names it wherever it lies.
    pub(super) fn moved(&self, word: &str, program: &Program) -> String {
        let path = word.strip_prefix("./").unwrap_or(word);
        let names = |file: &BoxFile| file.path == path;
        if self.program.is_empty() || !(word == "." || program.files.iter().any(names)) {
            return word.to_owned();
        }
        let path = if word == "." { "" } else { path };
        format!("{WORK_DIR}/{}{path}", self.program).trim_end_matches('/').to_owned()
    }

    /// The feedback directory, below the work directory.
    pub(super) fn feedback(&self) -> String {
        format!("{}/{FEEDBACK}", self.judge)
    }

    /// The output that a checker over testlib reads and an interactor writes, below the work directory.
    pub(super) fn output(&self) -> String {
        format!("{}/{OUTPUT}", self.judge)
    }

    /// What the run amounts to.
    pub(super) fn read(
        &self,
        name: &str,
        plan: &ValidatorPlan,
        points: bool,
        outcome: &RunOutcome,
    ) -> Answer {
        let folder = self.feedback();
        let word = decide::read_validator(name, plan, &folder, points, outcome);
        let below = |file: &Collected| {
            let path = std::str::from_utf8(&file.path).ok()?.strip_prefix(&folder)?.strip_prefix('/')?;
            let content = file.bytes.as_slice().into();
            (path != ".keep").then(|| BoxFile { path: path.to_owned(), content, executable: file.executable })
        };
        let next = Path::new(&folder).join(passes::NEXT);
        let at = |path| Path::new(OsStr::from_bytes(path));
        let next_is_directory = outcome.empty.iter().any(|path| at(path).starts_with(&next))
            || outcome.files.iter().any(|file| at(&file.path).starts_with(&next) && at(&file.path) != next);
        let lost = match outcome.refused.first() {
            Some((path, why)) => Some(format!("`{path}`: {why}")),
            None => next_is_directory
                .then(|| format!("`{}` is a directory; a pass is asked for with a file", passes::NEXT)),
        };
        Answer { word, feedback: outcome.files.iter().filter_map(below).collect(), lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn file(path: &str) -> BoxFile {
        BoxFile { path: path.to_owned(), content: path.as_bytes().into(), executable: false }
    }

    fn program(argv: &[&str], files: &[&str]) -> Program {
        Program {
            files: files.iter().map(|path| file(path)).collect(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            env: Vec::new(),
            root: sandbox::spec::RootSpec { lower: Vec::new(), binds: Vec::new() },
            profile: sandbox::spec::Profile::Default,
            out_of_memory: None,
        }
    }

    fn spec(beside_submission: bool, program: &Program, beside: &[BoxFile]) -> RunSpec {
        let (_folder, problem) = testing::problem(&[("1", "2")], Some("int main() {}"));
        let plan = ValidatorPlan { beside_submission, ..super::super::plan::validator_plan(&problem) };
        let nothing: Content = Vec::new().into();
        let asked = Asked {
            input: nothing.clone(),
            answer: nothing.clone(),
            output: nothing,
            args: &["flag".to_owned()],
            points: false,
            beside,
            feedback: &[file("log/state")],
        };
        Place::of(&plan, program, beside).spec(&plan, program, &asked)
    }

    #[test]
    fn a_submission_cannot_stand_in_for_the_validator_or_its_files() {
        let validator = program(&["/usr/bin/python3", "main.py"], &["main.py", "check.py", "run"]);
        let evil: Vec<BoxFile> =
            ["main.py", "check.py", "run", "_judge/answer.ans", "_judge_/program/check.py"]
                .map(file)
                .to_vec();
        let spec = spec(true, &validator, &evil);
        let shadow = "_judge__";
        assert_eq!(
            spec.argv,
            [
                "/usr/bin/python3",
                "/w/_judge__/program/main.py",
                "_judge__/input.in",
                "_judge__/answer.ans",
                "_judge__/feedback/",
                "flag"
            ]
        );
        let mut paths: Vec<&str> = spec.files.iter().map(|f| f.path.as_str()).collect();
        for name in ["main.py", "check.py", "run"] {
            assert!(paths.contains(&format!("{shadow}/program/{name}").as_str()), "{paths:?}");
        }
        assert!(paths.contains(&"_judge__/feedback/log/state") && paths.contains(&"main.py"));
        let all = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), all, "no file is placed over another");
    }

    #[test]
    fn scripts_get_the_image_of_what_they_call() {
        let with = |name: &str, text: &str| {
            [BoxFile { path: name.to_owned(), content: text.as_bytes().into(), executable: true }]
        };
        for (name, text, want) in [
            ("run", "#!/bin/sh\nexec python3 check.py \"$@\"\n", "python3"),
            ("run", "#!/usr/bin/env python3\n", "python3"),
            ("build", "#!/bin/sh\npython3 make.py > table.h\nc++ -o run v.cc\n", "cpp"),
            ("build", "#!/bin/sh\ng++ -O2 v.cc -o run\n", "cpp"),
            ("run", "#!/bin/sh\nexit 42\n", "cpp"),
            ("check.py", "import python3\n", "cpp"),
        ] {
            assert_eq!(script_language(&with(name, text)), want, "{text}");
        }
    }

    #[test]
    fn a_legacy_validator_starts_among_its_own_files_and_sees_no_submission() {
        let validator = program(&["./run"], &["run", "_judge/data"]);
        let spec = spec(false, &validator, &[file("main.py")]);
        assert_eq!(spec.argv[..2], ["./run", "_judge_/input.in"]);
        assert!(!spec.files.iter().any(|f| f.path == "main.py"));
    }

    #[test]
    fn words_of_a_command_move_with_their_files_and_others_stay() {
        let java = program(&["/usr/bin/java", "-cp", ".", "Main"], &["Main.class"]);
        assert_eq!(spec(true, &java, &[]).argv[..4], ["/usr/bin/java", "-cp", "/w/_judge/program", "Main"]);
        let own = program(&["./a.out"], &["v.cpp", "a.out"]);
        assert_eq!(spec(true, &own, &[file("a.out")]).argv[0], "/w/_judge/program/a.out");
    }
}
