//! What will be done for one submission, before anything is done: a pure function of the request.
//!
//! Everything that can be refused is refused here, by name; what passes is complete (limits resolved,
//! defaults filled in, cases in order), so the steps after it have no choices left.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use checker::confirm::hard_limit;
use checker::policy::Policy;
use language::Language;
use problem::model::{
    Aggregation, Constants, FormatVersion, Grading, Problem, ProblemKind, Protocol, STATIC_CASE, Sidecar,
    Validator,
};
use proto::limits::Limits;
use proto::units::Bytes;

use super::{Against, Submission, examples};
use crate::error::Rejected;
use crate::toolchains::Toolchain;

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
    /// Another of the judge's checkers, which the package names.
    Named {
        /// What is right.
        answer: Data,
        /// Its name.
        name: String,
    },
    /// The package's own validators, all of which must accept.
    Custom {
        /// The answer file.
        answer: Data,
        /// Their arguments.
        args: Vec<String>,
        /// Whether the case can have points.
        points: bool,
    },
}

/// What a case is made of.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// The program runs on the input.
    Run,
    /// The answer was sent; `None` when it was not.
    Answer(Option<Arc<[u8]>>),
    /// The static validator looks at the sources.
    Static {
        /// Its arguments.
        args: Vec<String>,
    },
}

/// How the static validator is asked.
#[derive(Debug, Clone)]
pub(crate) struct StaticPlan {
    pub validator: ValidatorPlan,
    /// The code of the submission's language in the package format.
    pub code: String,
    /// The file in which the submission starts, or the class where the package names one.
    pub entry: String,
}

/// One case, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CasePlan {
    pub name: String,
    pub group: String,
    /// Its index in the problem, static validations after its cases; `None` for tests of a request.
    pub place: Option<usize>,
    pub work: Work,
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
    /// How they are called and understood.
    pub protocol: Protocol,
    /// Whether they start in a copy of the submission's directory, as 2025-09 has it; in their own otherwise.
    pub beside_submission: bool,
}

/// Everything that will be done.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub policy: Policy,
    pub limits: Limits,
    /// Processor time after which a run is killed: past the limit, so that a near miss is told from the rest.
    pub hard_cpu_time: Duration,
    pub compile_limits: Limits,
    /// Files of the package added to the sources before compiling: path, and where it is.
    pub includes: Vec<(String, PathBuf)>,
    pub writable: bool,
    /// Whether the validator talks with the submission.
    pub interactive: bool,
    /// Most passes of a case; 1 where the validator cannot ask for another.
    pub passes: u32,
    pub cases: Vec<CasePlan>,
    /// The problem; `None` for tests of a request.
    pub problem: Option<Arc<Problem>>,
    pub validator: ValidatorPlan,
    pub statics: Option<StaticPlan>,
    /// The package's own grader, where it decides.
    pub grader: Option<ValidatorPlan>,
    /// Files in place of stdin and stdout.
    pub sidecar: Sidecar,
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
        toolchain: Option<&Toolchain>,
        maxima: &Limits,
        policy: Policy,
    ) -> Result<Self, Rejected> {
        check_names(submission)?;
        let mut plan = match against {
            Against::Problem(problem) => from_problem(submission, problem, toolchain, maxima)?,
            Against::Tests { tests, limits } => {
                let limits = limits.resolve(&Limits::run_defaults(), maxima)?;
                from_tests(tests, limits)
            }
        };
        if let Some(toolchain) = toolchain {
            plan.limits = in_language(plan.limits, &toolchain.language);
        }
        plan.policy = policy;
        let watched = hard_limit(plan.limits.cpu_time, margin(policy, plan.problem.as_deref()));
        // Where the wall clock would end it sooner there is nothing to watch.
        let room = policy == Policy::Analyst || watched < plan.limits.wall_time;
        plan.hard_cpu_time = if room { watched } else { plan.limits.cpu_time };
        if !submission.only.is_empty() {
            keep_only(&mut plan, &submission.only)?;
        }
        if plan.cases.is_empty() { Err(Rejected::NoTests) } else { Ok(plan) }
    }

    /// What the box of a run gets: the limits, but for the time it is watched past its end. The clock on the wall stands
    /// as it is for everybody, unless the processor time that an analyst sees would not fit below it: a program that
    /// sleeps past it is one that sleeps past it.
    pub(crate) fn box_limits(&self) -> Limits {
        let wall_time = self.limits.wall_time.max(self.hard_cpu_time + WATCHED_ROOM);
        let longer = self.policy == Policy::Analyst;
        Limits {
            cpu_time: self.hard_cpu_time,
            wall_time: if longer { wall_time } else { self.limits.wall_time },
            ..self.limits.clone()
        }
    }
}

/// What a program that is watched past its time limit may wait on top of the processor time it is watched for.
const WATCHED_ROOM: Duration = Duration::from_secs(1);

/// How far past the time limit runs are watched, in hundredths of it: an analyst sees whether the slow ones
/// are as slow as the package's own rule for its time limit wants them.
fn margin(policy: Policy, problem: Option<&Problem>) -> u32 {
    match (policy, problem) {
        (Policy::Analyst, Some(problem)) => problem.limits.time_rule.margin_percent(),
        _ => 100,
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
    toolchain: Option<&Toolchain>,
    maxima: &Limits,
) -> Result<Plan, Rejected> {
    if let (Some(allowed), Some(Toolchain { language, .. })) = (&problem.languages, toolchain)
        && !allowed.iter().any(|code| language.package_codes.contains(code))
    {
        return Err(Rejected::LanguageNotAllowed {
            problem: problem.name.clone(),
            language: language.id.clone(),
            allowed: allowed.join(", "),
        });
    }
    problem.honourable(maxima).map_err(|e| unsupported(problem, &e))?;
    let limits = run_limits(problem);
    let includes = toolchain.map(|t| includes(problem, t)).unwrap_or_default();
    let statics = toolchain.and_then(|t| static_plan(problem, t, submission, &includes));
    Ok(Plan {
        policy: Policy::Icpc,
        hard_cpu_time: limits.cpu_time,
        limits,
        compile_limits: compile_limits(problem),
        includes,
        writable: problem.allow_file_writing,
        interactive: problem.interactive,
        passes: if problem.multi_pass { problem.limits.validation_passes } else { 1 },
        cases: cases(problem),
        problem: Some(Arc::clone(problem)),
        validator: validator_plan(problem),
        statics,
        grader: grader_plan(problem),
        sidecar: problem.sidecar.clone(),
        show: 0,
        keep_stderr: REASON_KEEP,
        refused_before_compiling: toolchain.and_then(|_| too_much_code(submission, problem)),
        notes: Vec::new(),
    })
}

/// The limits of a run, as they are for a language that asks for nothing more.
pub(super) fn run_limits(problem: &Problem) -> Limits {
    let mut limits = Limits::run_defaults();
    limits.cpu_time = problem.limits.cpu_time.unwrap_or(limits.cpu_time);
    limits.wall_time = Limits::wall_for(limits.cpu_time);
    limits.memory = problem.limits.memory;
    limits.output = problem.limits.output;
    // The package's cap on output is over written files too, and what may be written has its place.
    limits.output_and_files = Some(problem.limits.output);
    limits.disk = problem.limits.output.max(limits.disk);
    // Not below the usual one: a file that is cut at exactly the cap, by a program that overlooks it, would be compared
    // as if it were whole.
    limits.file_size = problem.limits.output.max(limits.file_size);
    limits
}

/// The same for programs in `language`: times by its factor, and what its runtime needs before the program has anything.
pub(super) fn in_language(limits: Limits, language: &Language) -> Limits {
    let overhead = language.memory_overhead.map_or(0, Bytes::get);
    Limits {
        cpu_time: limits.cpu_time.mul_f64(language.cpu_time_factor),
        wall_time: limits.wall_time.mul_f64(language.cpu_time_factor),
        memory: Bytes(limits.memory.get().saturating_add(overhead)),
        processes: limits.processes.saturating_add(language.processes_overhead),
        ..limits
    }
}

/// The problem's cases and static validations, in judging order.
fn cases(problem: &Problem) -> Vec<CasePlan> {
    let statics: Vec<usize> = problem.static_groups().collect();
    let planned = |place: usize| match place.checked_sub(problem.cases.len()) {
        None => from_case(problem, place),
        Some(nth) => static_case(problem, statics[nth], place),
    };
    problem.judging_order().into_iter().map(planned).collect()
}

fn static_case(problem: &Problem, group: usize, place: usize) -> CasePlan {
    let group = &problem.groups[group];
    CasePlan {
        name: format!("{}/{STATIC_CASE}", group.name),
        group: group.name.clone(),
        place: Some(place),
        work: Work::Static { args: group.static_check.as_ref().map(|c| c.args.clone()).unwrap_or_default() },
        sample: group.name == "sample",
        input: Data::Bytes(Arc::from(&b""[..])),
        args: Vec::new(),
        files: None,
        hint: None,
        check: Check::Nothing,
    }
}

fn static_plan(
    problem: &Problem,
    toolchain: &Toolchain,
    submission: &Submission,
    includes: &[(String, PathBuf)],
) -> Option<StaticPlan> {
    let program = problem.static_validator.clone()?;
    let codes = &toolchain.language.package_codes;
    let named = problem.languages.iter().flatten().find(|code| codes.contains(*code));
    let own: Vec<String> = submission.files.iter().map(|file| file.name.clone()).collect();
    let included = || includes.iter().map(|(name, _)| name);
    let mut all: Vec<String> = own.iter().filter(|name| !included().any(|i| i == *name)).cloned().collect();
    all.extend(included().cloned());
    Some(StaticPlan {
        validator: ValidatorPlan { programs: vec![program], ..validator_plan(problem) },
        code: named.or_else(|| codes.first()).cloned().unwrap_or_default(),
        entry: examples::entry(&toolchain.language, &own, &all),
    })
}

pub(super) fn grader_plan(problem: &Problem) -> Option<ValidatorPlan> {
    let custom = |grading: &Grading| matches!(grading, Grading::Grader(grader) if grader.custom);
    let decides = problem.groups.iter().any(|group| custom(&group.grading))
        || problem.root.as_ref().is_some_and(|root| root.custom);
    let program = problem.graders.first().filter(|_| decides)?;
    Some(ValidatorPlan { programs: vec![program.clone()], ..validator_plan(problem) })
}

fn from_case(problem: &Problem, at: usize) -> CasePlan {
    let case = &problem.cases[at];
    let answer = Data::File(case.answer.clone());
    CasePlan {
        name: case.name.clone(),
        group: case.group.clone(),
        place: Some(at),
        work: Work::Run,
        sample: case.sample,
        input: Data::File(case.input.clone()),
        args: case.args.clone(),
        files: case.files.clone(),
        hint: case.hint.clone(),
        check: match (&problem.validator, &problem.sidecar.checker) {
            (Validator::Default, Some(name)) => Check::Named { answer, name: name.clone() },
            (Validator::Default, None) => Check::Default { answer, flags: case.validator_args.clone() },
            (Validator::Custom(_), _) => {
                Check::Custom { answer, args: case.validator_args.clone(), points: takes_points(problem, at) }
            }
        },
    }
}

/// Whether the case can have a part of its score: not in a pass-fail problem, a pass-fail group or a sample.
pub(super) fn takes_points(problem: &Problem, case: usize) -> bool {
    let group = problem.groups.iter().find(|group| group.cases.contains(&case));
    problem.kind == ProblemKind::Scoring
        && group.is_some_and(|group| match &group.grading {
            Grading::Aggregate { how: Aggregation::PassFail, .. } => false,
            Grading::Aggregate { how: Aggregation::Min | Aggregation::Sum, .. } => {
                !problem.cases[case].sample
            }
            Grading::Grader(_) => true,
        })
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
        protocol: problem.sidecar.protocol,
        beside_submission: problem.version != FormatVersion::Legacy,
    }
}

fn from_tests(tests: &[proto::job::InlineTest], limits: Limits) -> Plan {
    let group = "tests";
    let cases = tests.iter().enumerate().map(|(i, test)| CasePlan {
        name: format!("test-{}", i + 1),
        group: group.to_owned(),
        place: None,
        work: Work::Run,
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
        policy: Policy::Icpc,
        hard_cpu_time: limits.cpu_time,
        limits,
        compile_limits: base_compile_limits(),
        includes: Vec::new(),
        writable: true,
        interactive: false,
        passes: 1,
        cases: cases.collect(),
        problem: None,
        validator: ValidatorPlan {
            programs: Vec::new(),
            package: None,
            limits: Limits::compile_defaults(),
            compile_limits: base_compile_limits(),
            constants: Constants::default(),
            protocol: Protocol::Format,
            beside_submission: false,
        },
        statics: None,
        grader: None,
        sidecar: Sidecar::default(),
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
