//! From sources to a [`Program`] that any number of boxes can start: one compile run in a box of its own.
//!
//! Submissions and the package's validators go through the same function. The artifact is collected after
//! the compile box is dead, so nothing of it lives on but bytes.

use language::{Language, OutOfMemory, fill_memory};
use proto::facts::{Exit, LimitHit};
use proto::job::SourceFile;
use proto::limits::Limits;
use proto::report::{CompileReport, CompileStatus};
use proto::units::Bytes;
use sandbox::spec::{BoxFile, Collect, Collected, Profile, RootSpec, RunOutcome, RunSpec, Stdin};

use crate::cache::Keep;
use crate::error::JudgeError;
use crate::runner::{RunError, Runner, run_or_recall_twice};
use crate::toolchains::{Toolchain, env_under};

/// What starts a program of a package that has scripts of its own.
const RUN: &str = "run";

/// Bytes of compiler output kept.
const LOG_MAX: usize = 64 << 10;

/// A program ready to be started, once or a thousand times.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Sources and artifact, to be placed into the work directory.
    pub files: Vec<BoxFile>,
    /// Command without the test's arguments.
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub root: RootSpec,
    pub profile: Profile,
    /// How its runtime ends when its heap is full.
    pub out_of_memory: Option<OutOfMemory>,
}

impl Program {
    /// Its command under this memory limit. Words of a case come after it and are nobody's to fill in.
    pub(crate) fn argv_under(&self, memory: Bytes) -> Vec<String> {
        self.argv.iter().map(|word| fill_memory(word, memory)).collect()
    }

    /// Its environment under this memory limit.
    pub(crate) fn env_under(&self, memory: Bytes) -> Vec<(String, String)> {
        env_under(&self.env, memory)
    }

    /// The program of a submission that is none.
    pub(crate) fn none() -> Self {
        let root = RootSpec { lower: Vec::new(), binds: Vec::new() };
        Self {
            files: Vec::new(),
            argv: Vec::new(),
            env: Vec::new(),
            root,
            profile: Profile::Default,
            out_of_memory: None,
        }
    }
}

/// What came of compiling.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// It can be run.
    Ready { program: Program, report: CompileReport },
    /// The compiler refused it, or hit a limit.
    Refused(CompileReport),
    /// There is no program, or nothing it could be made of: the report tells which.
    Nothing(CompileReport),
}

impl Compiled {
    /// The report, and the program unless there is none.
    pub(crate) fn apart(self) -> (CompileReport, Option<Program>) {
        match self {
            Compiled::Ready { program, report } => (report, Some(program)),
            Compiled::Refused(report) | Compiled::Nothing(report) => (report, None),
        }
    }
}

/// Bytes of a page: what a file takes of a work directory is a multiple of it (tmpfs(5)).
const PAGE: u64 = 4096;

impl Compiled {
    /// Refuses a program that has no place in the work directory of a run: its author made it so large.
    pub(crate) fn that_fits(self, run: &Limits) -> Self {
        let Compiled::Ready { program, report } = self else { return self };
        let pages = |file: &BoxFile| file.content.len().div_ceil(PAGE) * PAGE;
        let bytes: u64 = program.files.iter().map(pages).sum();
        // Folders count too, and are at most as many as the slashes in the names.
        let names: usize = program.files.iter().map(|file| 1 + file.path.matches('/').count()).sum();
        if bytes <= run.disk.get() && names as u64 <= u64::from(run.inodes) {
            return Compiled::Ready { program, report };
        }
        let mut report = CompileReport { status: CompileStatus::Error, ..report };
        report.log += &format!(
            "the program is {bytes} bytes in {names} files and folders; the work directory of a run holds {} \
             and {} of them\n",
            run.disk, run.inodes
        );
        Compiled::Refused(report)
    }
}

/// The sources as a box wants them.
pub(crate) fn box_files(files: &[SourceFile]) -> Vec<BoxFile> {
    files
        .iter()
        .map(|f| BoxFile { path: f.name.clone(), content: f.content.as_slice().into(), executable: false })
        .collect()
}

/// Compiles `files` as a program of the toolchain's language.
pub(crate) async fn compile(
    runner: &dyn Runner,
    toolchain: &Toolchain,
    files: Vec<BoxFile>,
    limits: &Limits,
) -> Result<Compiled, JudgeError> {
    let language = &toolchain.language;
    let names: Vec<String> = files.iter().map(|f| f.path.clone()).collect();
    if let Err(ambiguous) = language.entry_of(&names) {
        return Ok(Compiled::Refused(report(CompileStatus::Error, ambiguous.to_string())));
    }
    let program = Program {
        argv: language.run_argv(&names, &[]),
        env: toolchain.env(),
        root: toolchain.root(),
        profile: toolchain.profile().map_err(|e| JudgeError::hopeless(e.to_string()))?,
        out_of_memory: language.out_of_memory.clone(),
        files,
    };
    match language.compile_argv(&names) {
        None => Ok(Compiled::Ready { program, report: report(CompileStatus::Skipped, String::new()) }),
        Some(argv) => {
            compile_with(runner, program, argv, language.artifact.as_deref(), limits, language).await
        }
    }
}

/// Runs a package's own `build` script and takes all it leaves; `run` starts it.
pub(crate) async fn build(
    runner: &dyn Runner,
    toolchain: &Toolchain,
    files: Vec<BoxFile>,
    limits: &Limits,
) -> Result<Compiled, JudgeError> {
    let program = script(toolchain, files);
    compile_with(runner, program, vec!["./build".to_owned()], Some("."), limits, &toolchain.language).await
}

/// A program that its `run` starts, with nothing to build.
pub(crate) fn started_by_run(toolchain: &Toolchain, mut files: Vec<BoxFile>) -> Program {
    // A zip made elsewhere may have lost the bit, and there is no doubt what is meant.
    files.iter_mut().filter(|file| file.path == RUN).for_each(|file| file.executable = true);
    script(toolchain, files)
}

fn script(toolchain: &Toolchain, files: Vec<BoxFile>) -> Program {
    Program {
        argv: vec![format!("./{RUN}")],
        env: toolchain.env(),
        root: toolchain.root(),
        profile: Profile::Default,
        out_of_memory: None,
        files,
    }
}

async fn compile_with(
    runner: &dyn Runner,
    mut program: Program,
    argv: Vec<String>,
    artifact: Option<&str>,
    limits: &Limits,
    language: &Language,
) -> Result<Compiled, JudgeError> {
    let spec = RunSpec {
        root: program.root.clone(),
        argv: argv.iter().map(|word| fill_memory(word, limits.memory)).collect(),
        env: program.env_under(limits.memory),
        files: program.files.clone(),
        stdin: Stdin::Empty,
        keep_stdout: LOG_MAX,
        overflow: None,
        keep_stderr: LOG_MAX,
        limits: limits.clone(),
        // The language's own is for its programs: a compiler starts an assembler, a linker and more.
        profile: Profile::Default,
        writable: true,
        collect: artifact.map(|path| Collect::read(path, limits.file_size.get())).into_iter().collect(),
    };
    let (outcome, cached) =
        run_or_recall_twice(runner, spec, Keep::Ended).await.map_err(|e| compiler_failed(&e, language))?;
    let report = CompileReport { cached, ..judge_compiler(&outcome, artifact) };
    if report.status == CompileStatus::Error {
        return Ok(Compiled::Refused(report));
    }
    for made in outcome.files {
        place(&mut program.files, made);
    }
    Ok(Compiled::Ready { program, report })
}

/// A compiler that cannot be started is never the author's fault.
fn compiler_failed(error: &RunError, language: &Language) -> JudgeError {
    match error {
        RunError::Exec { .. } | RunError::Box(_) | RunError::Unavailable { .. } => {
            JudgeError::failed(format!("could not compile {}: {error}", language.name))
        }
        RunError::BadSpec(_) => JudgeError::hopeless(format!("could not compile {}: {error}", language.name)),
    }
}

fn judge_compiler(outcome: &RunOutcome, artifact: Option<&str>) -> CompileReport {
    let facts = &outcome.facts;
    let mut log = outcome.stdout.bytes.clone();
    log.extend_from_slice(&outcome.stderr.bytes);
    let cut = log.len() > LOG_MAX || outcome.stdout.truncated || outcome.stderr.truncated;
    log.truncate(LOG_MAX);
    let mut log = String::from_utf8_lossy(&log).into_owned();
    if cut {
        log.push_str("\n[the log was cut here]\n");
    }
    let clean = facts.exit == Some(Exit::Code(0));
    let stopped = facts.limit_events.iter().map(|e| e.limit).find(|limit| !(clean && is_only_told(*limit)));
    let limit_hit = stopped.or((facts.oom_kills > 0).then_some(LimitHit::Memory));
    let why = match (limit_hit, &facts.violation, facts.exit) {
        (Some(limit), ..) => Some(limit_words(limit)),
        (None, Some(_), _) => Some("the compiler made a forbidden system call".to_owned()),
        (None, None, Some(Exit::Code(0))) => match (artifact, outcome.files.is_empty()) {
            (Some(path), true) => Some(match outcome.refused.first() {
                Some((_, why)) => format!("the compiler left no usable `{path}`: {why}"),
                None => format!("the compiler left no `{path}`"),
            }),
            _ => None,
        },
        // What the compiler itself said explains a plain failure.
        (None, None, Some(Exit::Code(_))) if !log.trim().is_empty() => Some(String::new()),
        (None, None, Some(Exit::Code(code))) => Some(format!("the compiler exited with status {code}")),
        (None, None, Some(Exit::Signal(signal))) => Some(format!("the compiler died of signal {signal}")),
        (None, None, None) => Some("the compiler was killed".to_owned()),
    };
    if let Some(why) = why.as_deref().filter(|w| !w.is_empty()) {
        if !log.is_empty() && !log.ends_with('\n') {
            log.push('\n');
        }
        log.push_str(why);
        log.push('\n');
    }
    CompileReport {
        status: if why.is_some() { CompileStatus::Error } else { CompileStatus::Ok },
        log,
        cpu_time: facts.cpu_time,
        wall_time: facts.wall_time,
        limit_hit,
        cached: false,
    }
}

/// Whether a program that meets the limit gets an errno and can go on; then a clean end is a clean end.
const fn is_only_told(limit: LimitHit) -> bool {
    match limit {
        LimitHit::FileSize | LimitHit::Disk | LimitHit::Inodes | LimitHit::Processes => true,
        LimitHit::CpuTime | LimitHit::WallTime | LimitHit::Idle | LimitHit::Memory | LimitHit::Output => {
            false
        }
    }
}

fn limit_words(limit: LimitHit) -> String {
    let what = match limit {
        LimitHit::CpuTime => "its CPU time limit",
        LimitHit::WallTime | LimitHit::Idle => "its wall-clock time limit",
        LimitHit::Memory => "its memory limit",
        LimitHit::Output => "its output limit",
        LimitHit::FileSize => "the size limit of one file",
        LimitHit::Disk => "the size of its work directory",
        LimitHit::Inodes => "the number of files in its work directory",
        LimitHit::Processes => "its limit on processes",
    };
    format!("the compiler was stopped at {what}")
}

fn report(status: CompileStatus, log: String) -> CompileReport {
    CompileReport {
        status,
        log,
        cpu_time: std::time::Duration::ZERO,
        wall_time: std::time::Duration::ZERO,
        limit_hit: None,
        cached: false,
    }
}

/// Puts a collected file among those of the program, over one of the same name. Names that are not UTF-8
/// cannot be named by any run command and are left out.
fn place(files: &mut Vec<BoxFile>, made: Collected) {
    let Ok(path) = String::from_utf8(made.path) else { return };
    files.retain(|f| f.path != path);
    files.push(BoxFile { path, content: made.bytes.into(), executable: made.executable });
}
