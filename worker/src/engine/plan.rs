//! What will be done for one submission, before anything is done: a pure function of the request.
//!
//! Everything that can be refused is refused here, by name; what passes is complete (limits resolved,
//! defaults filled in, cases in order), so the steps after it have no choices left.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use problem::model::{Constants, Problem, Validator};
use proto::limits::Limits;
use proto::units::Bytes;

use super::{Against, Submission};
use crate::error::Rejected;
use crate::toolchains::Toolchain;

/// Note on a judgement whose package names no time limit.
pub(crate) const NOTE_TIME_LIMIT_DEFAULTED: &str = "time_limit_defaulted";

/// Bytes of output kept for tests of a request.
const INLINE_KEEP: usize = 64 << 10;

/// Bytes of stderr kept for the judge's reason of a failed case.
const REASON_KEEP: usize = 4 << 10;

/// Bytes a file name may have; the kernel's NAME_MAX holds per component, this for the whole.
const FILE_NAME_MAX: usize = 255;

/// Bytes of a case: on disk or at hand.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// A file of the package.
    File(PathBuf),
    /// Bytes of the request.
    Bytes(Arc<[u8]>),
}

/// How a case is decided once it ran clean.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// There is nothing to compare: `OK`.
    Nothing,
    /// The default output validator.
    Default {
        /// What is right.
        answer: Data,
        /// Its flags.
        flags: Vec<String>,
    },
    /// The package's own validators, all of which must accept.
    Custom {
        /// The answer file.
        answer: Data,
        /// Their arguments.
        args: Vec<String>,
    },
}

/// One case, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CasePlan {
    pub name: String,
    pub group: String,
    /// Its index in the problem; `None` for tests of a request.
    pub place: Option<usize>,
    pub sample: bool,
    pub input: Data,
    pub args: Vec<String>,
    /// Directory whose files go beside the program.
    pub files: Option<PathBuf>,
    pub hint: Option<String>,
    pub check: Check,
}

/// Bounds of one validator run, beside its time.
#[derive(Debug, Clone)]
pub(crate) struct ValidatorPlan {
    /// The package's validators; empty when none is custom.
    pub programs: Vec<problem::model::Program>,
    /// Where they come from, for messages and for the cache of compiled ones.
    pub package: Option<proto::id::Digest>,
    /// Bounds of a run; `disk` grows with the input.
    pub limits: Limits,
    /// Bounds of compiling one.
    pub compile_limits: Limits,
    /// Values put into their sources.
    pub constants: Constants,
}

/// Everything that will be done.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub limits: Limits,
    pub compile_limits: Limits,
    /// Files of the package added to the sources before compiling: path, and where it is.
    pub includes: Vec<(String, PathBuf)>,
    pub writable: bool,
    pub cases: Vec<CasePlan>,
    /// The problem; `None` for tests of a request.
    pub problem: Option<Arc<Problem>>,
    pub validator: ValidatorPlan,
    /// How many bytes of each stream stand in the report; zero for secret data.
    pub show: usize,
    /// How many bytes of stderr are kept.
    pub keep_stderr: usize,
    /// Set when the sources break a rule of the package that counts as a compile error.
    pub refused_before_compiling: Option<String>,
    pub notes: Vec<String>,
}

impl Plan {
    pub(crate) fn new(
        submission: &Submission,
        against: &Against,
        toolchain: &Toolchain,
        maxima: &Limits,
    ) -> Result<Self, Rejected> {
        check_names(submission)?;
        let mut plan = match against {
            Against::Problem(problem) => from_problem(submission, problem, toolchain, maxima)?,
            Against::Tests { tests, limits } => {
                let limits = limits.resolve(&Limits::run_defaults(), maxima)?;
                from_tests(tests, limits)
            }
        };
        let language = &toolchain.language;
        plan.limits.processes = plan.limits.processes.saturating_add(language.processes_overhead);
        plan.limits.cpu_time = plan.limits.cpu_time.mul_f64(language.cpu_time_factor);
        plan.limits.wall_time = plan.limits.wall_time.mul_f64(language.cpu_time_factor);
        if let Some(overhead) = language.memory_overhead {
            plan.limits.memory = Bytes(plan.limits.memory.get().saturating_add(overhead.get()));
        }
        if !submission.only.is_empty() {
            keep_only(&mut plan, &submission.only)?;
        }
        if plan.cases.is_empty() { Err(Rejected::NoTests) } else { Ok(plan) }
    }
}

fn check_names(submission: &Submission) -> Result<(), Rejected> {
    if submission.files.is_empty() {
        return Err(Rejected::NoFiles);
    }
    let mut seen = HashSet::new();
    for file in &submission.files {
        if !is_placeable(&file.name) {
            return Err(Rejected::FileName(file.name.chars().take(FILE_NAME_MAX).collect()));
        }
        if !seen.insert(&file.name) {
            return Err(Rejected::DuplicateFile(file.name.clone()));
        }
    }
    Ok(())
}

/// Whether a box can place a file of this name below its work directory.
fn is_placeable(name: &str) -> bool {
    name.len() <= FILE_NAME_MAX
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !name.chars().any(char::is_control)
}

fn unsupported(problem: &Problem, why: &problem::PackageError) -> Rejected {
    let why: Vec<String> = why.errors().map(ToString::to_string).collect();
    Rejected::Unsupported { problem: problem.name.clone(), what: why.join("; ") }
}

fn from_problem(
    submission: &Submission,
    problem: &Arc<Problem>,
    toolchain: &Toolchain,
    maxima: &Limits,
) -> Result<Plan, Rejected> {
    let language = &toolchain.language;
    if let Some(allowed) = &problem.languages
        && !allowed.iter().any(|code| language.package_codes.contains(code))
    {
        return Err(Rejected::LanguageNotAllowed {
            problem: problem.name.clone(),
            language: language.id.clone(),
            allowed: allowed.join(", "),
        });
    }
    problem.judgeable().map_err(|e| unsupported(problem, &e))?;
    problem.honourable(maxima).map_err(|e| unsupported(problem, &e))?;
    let mut notes = Vec::new();
    let mut limits = Limits::run_defaults();
    match problem.limits.cpu_time {
        Some(cpu) => limits.cpu_time = cpu,
        None => notes.push(NOTE_TIME_LIMIT_DEFAULTED.to_owned()),
    }
    limits.wall_time = Limits::wall_for(limits.cpu_time);
    limits.memory = problem.limits.memory;
    limits.output = problem.limits.output;
    // The package's cap on output is over written files too.
    limits.file_size = problem.limits.output.max(limits.file_size);

    Ok(Plan {
        limits,
        compile_limits: compile_limits(problem),
        includes: includes(problem, toolchain),
        writable: problem.allow_file_writing,
        cases: (0..problem.cases.len()).map(|at| from_case(problem, at)).collect(),
        problem: Some(Arc::clone(problem)),
        validator: validator_plan(problem),
        show: 0,
        keep_stderr: REASON_KEEP,
        refused_before_compiling: too_much_code(submission, problem),
        notes,
    })
}

fn from_case(problem: &Problem, at: usize) -> CasePlan {
    let case = &problem.cases[at];
    let answer = Data::File(case.answer.clone());
    CasePlan {
        name: case.name.clone(),
        group: case.group.clone(),
        place: Some(at),
        sample: case.sample,
        input: Data::File(case.input.clone()),
        args: case.args.clone(),
        files: case.files.clone(),
        hint: case.hint.clone(),
        check: match &problem.validator {
            Validator::Default => Check::Default { answer, flags: case.validator_args.clone() },
            Validator::Custom(_) => Check::Custom { answer, args: case.validator_args.clone() },
        },
    }
}

/// The included files of the language, else those for every language.
fn includes(problem: &Problem, toolchain: &Toolchain) -> Vec<(String, PathBuf)> {
    let codes = &toolchain.language.package_codes;
    let own = codes.iter().find_map(|code| problem.includes.get(code));
    own.or_else(|| problem.includes.get("default")).map(|p| p.files.clone()).unwrap_or_default()
}

fn too_much_code(submission: &Submission, problem: &Problem) -> Option<String> {
    let total: usize = submission.files.iter().map(|f| f.content.len()).sum();
    (total as u64 > problem.limits.code.get()).then(|| {
        format!("the sources are {total} bytes together; this problem allows {}", problem.limits.code)
    })
}

fn compile_limits(problem: &Problem) -> Limits {
    let mut limits = base_compile_limits();
    limits.cpu_time = problem.limits.compilation_time;
    limits.wall_time = limits.cpu_time * 2;
    limits.memory = problem.limits.compilation_memory;
    limits
}

/// The documented defaults, but for the log: 64 KiB of it are kept, and a compiler that says more than
/// that is no error.
fn base_compile_limits() -> Limits {
    Limits { output: Bytes::mib(64), ..Limits::compile_defaults() }
}

pub(super) fn validator_plan(problem: &Problem) -> ValidatorPlan {
    let mut limits = Limits::compile_defaults();
    limits.cpu_time = problem.limits.validation_time;
    limits.wall_time = limits.cpu_time * 2;
    limits.memory = problem.limits.validation_memory;
    limits.output = problem.limits.validation_output;
    limits.file_size = problem.limits.validation_output;
    ValidatorPlan {
        programs: match &problem.validator {
            Validator::Default => Vec::new(),
            Validator::Custom(programs) => programs.clone(),
        },
        package: Some(problem.digest.clone()),
        limits,
        compile_limits: compile_limits(problem),
        constants: problem.constants.clone(),
    }
}

fn from_tests(tests: &[proto::job::InlineTest], limits: Limits) -> Plan {
    let group = "tests";
    let cases = tests.iter().enumerate().map(|(i, test)| CasePlan {
        name: format!("test-{}", i + 1),
        group: group.to_owned(),
        place: None,
        sample: true,
        input: Data::Bytes(test.stdin.as_slice().into()),
        args: test.args.clone(),
        files: None,
        hint: None,
        check: match &test.expected_output {
            None => Check::Nothing,
            Some(answer) => {
                Check::Default { answer: Data::Bytes(answer.as_slice().into()), flags: Vec::new() }
            }
        },
    });
    Plan {
        limits,
        compile_limits: base_compile_limits(),
        includes: Vec::new(),
        writable: true,
        cases: cases.collect(),
        problem: None,
        validator: ValidatorPlan {
            programs: Vec::new(),
            package: None,
            limits: Limits::compile_defaults(),
            compile_limits: base_compile_limits(),
            constants: Constants::default(),
        },
        show: INLINE_KEEP,
        keep_stderr: INLINE_KEEP,
        refused_before_compiling: None,
        notes: Vec::new(),
    }
}

fn keep_only(plan: &mut Plan, only: &[String]) -> Result<(), Rejected> {
    let names = |case: &CasePlan, wanted: &str| {
        case.name == wanted || case.name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'))
    };
    if let Some(unknown) = only.iter().find(|wanted| !plan.cases.iter().any(|case| names(case, wanted))) {
        return Err(Rejected::UnknownCase(unknown.clone()));
    }
    plan.cases.retain(|case| only.iter().any(|wanted| names(case, wanted)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_work_directory_are_not_placeable() {
        for bad in
            ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\0b", "a\nb", &"x".repeat(256)]
        {
            assert!(!is_placeable(bad), "{bad:?}");
        }
        for good in ["a.cpp", "lib/a.h", "-o", "...", "naïve.py"] {
            assert!(is_placeable(good), "{good:?}");
        }
    }
}
