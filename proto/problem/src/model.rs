//! The one model behind every version of the problem package format.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use proto::id::Digest;
use proto::limits::Limits;
use proto::units::Bytes;
use proto::verdict::Verdict;

pub use crate::constants::Constants;
use crate::diagnostic::{Findings, PackageError};
pub use crate::grading::{Aggregation, Grader, GraderScore, GraderVerdict, Grading, StaticCheck};
pub use crate::rules::{Rule, TimeUse};
use crate::score::Score;
use crate::timing::TimeRule;

/// What a static validation is called among the cases of its group.
pub const STATIC_CASE: &str = "static_validation";

/// The version a package declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormatVersion {
    /// `legacy` and `legacy-icpc`, or no declaration.
    Legacy,
    /// `2023-07-draft` and its spellings: 2025-09 as it was on the way, older names let through.
    Draft2023_07,
    /// `2025-09`.
    V2025_09,
}

/// How submissions are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// Accepted or not.
    PassFail,
    /// With a score.
    Scoring,
}

impl ProblemKind {
    /// The word in `problem.yaml` and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            ProblemKind::PassFail => "pass-fail",
            ProblemKind::Scoring => "scoring",
        }
    }
}

/// Limits a package sets. Durations and sizes are never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct ProblemLimits {
    /// CPU time of a run; `None` when it has to be inferred and nobody did.
    pub cpu_time: Option<Duration>,
    /// Memory of a run.
    pub memory: Bytes,
    /// stdout, stderr and written files of a run.
    pub output: Bytes,
    /// Sources together, before `include/`.
    pub code: Bytes,
    /// CPU time of compiling.
    pub compilation_time: Duration,
    /// Memory of compiling.
    pub compilation_memory: Bytes,
    /// CPU time of one output validator run.
    pub validation_time: Duration,
    /// Memory of one output validator run.
    pub validation_memory: Bytes,
    /// stdout, stderr and feedback of one output validator run.
    pub validation_output: Bytes,
    /// Most passes of a multi-pass problem.
    pub validation_passes: u32,
    /// How a time limit that is not named follows from the example submissions.
    pub time_rule: TimeRule,
}

/// A program of the package: one file or a directory of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Path below the package, for messages.
    pub path: String,
    /// Its files: (path below the program, path on disk). Sorted.
    pub files: Vec<(String, PathBuf)>,
    /// Language code named by the package, when it names one.
    pub language: Option<String>,
    /// Whether it is a directory with a `build` script.
    pub has_build: bool,
    /// Whether it is a directory with a `run` program of its own, which is what starts.
    pub has_run: bool,
}

/// What decides output against answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validator {
    /// The format's default output validator; its flags are in each case.
    Default,
    /// The package's own programs; all must accept.
    Custom(Vec<Program>),
}

/// How the package's output validator is called and understood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// As the package format has it: exit status 42 or 43, the output on stdin.
    #[default]
    Format,
    /// As checkers over `testlib.h` have it: `program input output answer`, exit status 0 to 8 and the
    /// first words on stderr. Only a case of a `sum` or `min` group can have points.
    Testlib,
}

/// What `tribunal.yaml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sidecar {
    /// How the output validator is called.
    pub protocol: Protocol,
    /// The judge's checker that decides in place of the default validator, by name.
    pub checker: Option<String>,
    /// Name under which a case's input lies in the work directory; stdin is empty then.
    pub input_file: Option<String>,
    /// File of the work directory that is the output, in place of stdout.
    pub output_file: Option<String>,
    /// Source of the interactor over testlib, where the output validator has a checker beside it; [`Validator`] has
    /// them as two programs already.
    pub interactor: Option<String>,
    /// What one point of `max_score` and `static_validation_score` is worth; the groups have it already.
    pub score_unit: Option<Score>,
}

/// Arguments of input validators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputArgs {
    /// The same for all of them.
    All(Vec<String>),
    /// By the validator's name; others get none.
    Named(BTreeMap<String, Vec<String>>),
}

/// What validation must say of a case that nobody is judged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// `data/invalid_input`: an input validator must reject the input.
    InvalidInput,
    /// `data/invalid_output`: the output validator must reject the output.
    InvalidOutput,
    /// `data/valid_output`: the output validator must accept the output.
    ValidOutput,
}

/// A case that tries the validators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What must come of it.
    pub kind: ProbeKind,
    /// Path under `data/` without extension.
    pub name: String,
    /// The input file.
    pub input: PathBuf,
    /// Answer and output; `None` for invalid inputs.
    pub checked: Option<(PathBuf, PathBuf)>,
    /// Arguments of the output validator.
    pub validator_args: Vec<String>,
    /// Arguments of the input validators.
    pub input_args: InputArgs,
}

/// One test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Path under `data/` without extension, such as `secret/02-small`.
    pub name: String,
    /// Its group: the path of its directory under `data/`.
    pub group: String,
    /// The input file.
    pub input: PathBuf,
    /// The answer file.
    pub answer: PathBuf,
    /// Arguments of the submission.
    pub args: Vec<String>,
    /// Arguments of the output validator, inherited ones included.
    pub validator_args: Vec<String>,
    /// Arguments of the input validators, inherited ones included.
    pub input_args: InputArgs,
    /// Whether a contestant who fails it may see input, output and answer.
    pub full_feedback: bool,
    /// Directory whose files are copied beside the submission.
    pub files: Option<PathBuf>,
    /// Whether the contestant may see it.
    pub sample: bool,
    /// Shown when the case is failed.
    pub hint: Option<String>,
}

/// One test group, in judging order: what is inside it comes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Path under `data/`, such as `secret`.
    pub name: String,
    /// The group it lies in, as an index into [`Problem::groups`].
    pub parent: Option<usize>,
    /// Its own cases, those of groups inside it not among them: indices into [`Problem::cases`].
    pub cases: Vec<usize>,
    /// Groups all of whose cases must pass before this one is run: indices into [`Problem::groups`].
    pub require_pass: Vec<usize>,
    /// How its result is made; without meaning in a pass-fail problem of 2025-09.
    pub grading: Grading,
    /// The static validator's part in it.
    pub static_check: Option<StaticCheck>,
}

/// What a package expects of one of its submissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Verdicts any case may have; empty when anything goes.
    pub permitted: Vec<Verdict>,
    /// At least one case must have one of these; empty when none must.
    pub required: Vec<Verdict>,
}

/// One program under `submissions/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleSubmission {
    /// The program.
    pub program: Program,
    /// The verdicts expected of it over all cases, every rule about all of them drawn together.
    pub expected: Expectation,
    /// All that is expected of it; each rule must hold.
    pub rules: Vec<Rule>,
    /// Where it starts, when `submissions.yaml` says so.
    pub entrypoint: Option<String>,
    /// Whether it may be published as the model solution.
    pub model_solution: bool,
    /// The verdict its folder names, such as AC for `accepted`; `None` for folders that allow several.
    pub verdict: Option<Verdict>,
}

impl ExampleSubmission {
    /// Whether a glob as `submissions.yaml` has them names it, or a folder it is in; the glob may begin with
    /// `submissions/`.
    pub fn is_named_by(&self, glob: &str) -> bool {
        let below = |path: &'_ str| path.strip_prefix("submissions/").unwrap_or(path).to_owned();
        crate::globs::matches(&below(glob), &below(&self.program.path))
    }
}

/// A problem package, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Short name: the folder's.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Its uuid, when it has one.
    pub uuid: Option<String>,
    /// Declared version.
    pub version: FormatVersion,
    /// How it is judged.
    pub kind: ProblemKind,
    /// Whether the output validator talks with the submission.
    pub interactive: bool,
    /// Whether the output validator may ask for another pass.
    pub multi_pass: bool,
    /// Whether a submission is the outputs themselves.
    pub submit_answer: bool,
    /// Whether less is better; legacy only.
    pub minimise: bool,
    /// Whether the output validator may give scores.
    pub validator_scores: bool,
    /// Digest over (path, executable bit, content) of all files.
    pub digest: Digest,
    /// Its limits.
    pub limits: ProblemLimits,
    /// Every case, samples first, in judging order.
    pub cases: Vec<Case>,
    /// Groups in judging order.
    pub groups: Vec<Group>,
    /// How `sample` and `secret` make the whole, in legacy packages.
    pub root: Option<Grader>,
    /// Cases that try the validators.
    pub probes: Vec<Probe>,
    /// What decides.
    pub validator: Validator,
    /// Programs that look at every input.
    pub input_validators: Vec<Program>,
    /// The program that looks at sources.
    pub static_validator: Option<Program>,
    /// Legacy graders of the package's own.
    pub graders: Vec<Program>,
    /// Files added to submissions before compiling, by language code; `default` is for the others.
    pub includes: BTreeMap<String, Program>,
    /// Values that stand for `{{name}}` in programs of the package.
    pub constants: Constants,
    /// Language codes allowed; `None` allows all.
    pub languages: Option<Vec<String>>,
    /// Whether submissions may write files.
    pub allow_file_writing: bool,
    /// Example submissions.
    pub submissions: Vec<ExampleSubmission>,
    /// Statement in Markdown or plain text, when there is one.
    pub statement: Option<String>,
    /// What `tribunal.yaml` adds to the format.
    pub sidecar: Sidecar,
}

impl Problem {
    /// Whether every limit the package asks for lies within `maxima`.
    ///
    /// # Errors
    /// Each limit that cannot be honoured, named by its key.
    pub fn honourable(&self, maxima: &Limits) -> Result<(), PackageError> {
        let mut findings = Findings::default();
        let mut hold = |key: &str, fits: bool, asked: String, most: String| {
            if !fits {
                let message = format!("`limits.{key}` asks for {asked}; this judge grants at most {most}");
                findings.error("problem.yaml", None, message);
            }
        };
        let (limits, seconds) = (&self.limits, |d: Duration| format!("{} s", d.as_secs_f64()));
        for (key, asked) in [
            ("time_limit", limits.cpu_time.unwrap_or_default()),
            ("compilation_time", limits.compilation_time),
            ("validation_time", limits.validation_time),
        ] {
            hold(key, asked <= maxima.cpu_time, seconds(asked), seconds(maxima.cpu_time));
        }
        for (key, asked, most) in [
            ("memory", limits.memory, maxima.memory),
            ("compilation_memory", limits.compilation_memory, maxima.memory),
            ("validation_memory", limits.validation_memory, maxima.memory),
            ("output", limits.output, maxima.output),
            ("validation_output", limits.validation_output, maxima.output),
        ] {
            hold(key, asked <= most, asked.to_string(), most.to_string());
        }
        if findings.failed() {
            return Err(PackageError { package: self.name.clone(), diagnostics: findings.list });
        }
        Ok(())
    }

    /// Groups with a static validation of their own, as indices into [`groups`](Self::groups).
    pub fn static_groups(&self) -> impl Iterator<Item = usize> {
        (0..self.groups.len()).filter(|at| self.groups[*at].static_check.is_some())
    }

    /// Everything that is judged, in that order, each by its place: a case by its index in [`cases`](Self::cases), the
    /// static validation of the n-th of [`static_groups`](Self::static_groups) by `n` more than there are cases. It comes
    /// before the cases of its group, and of the groups inside it.
    pub fn judging_order(&self) -> Vec<usize> {
        let statics: Vec<usize> = self.static_groups().collect();
        let group_of = |place: usize| match self.cases.get(place) {
            Some(case) => case.group.as_str(),
            None => self.groups[statics[place - self.cases.len()]].name.as_str(),
        };
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        // Backwards, so that an outer group's lands before those of the groups inside it.
        for (nth, at) in statics.iter().enumerate().rev() {
            let name = self.groups[*at].name.as_str();
            let inside = |place: &usize| {
                let below = group_of(*place).strip_prefix(name);
                below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let first = order.iter().position(inside);
            let after = || order.iter().position(|place| group_of(*place) > name);
            let to = first.or_else(after).unwrap_or(order.len());
            order.insert(to, self.cases.len() + nth);
        }
        order
    }

    /// The cases a contestant may see, in judging order.
    pub fn samples(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.sample)
    }
}
