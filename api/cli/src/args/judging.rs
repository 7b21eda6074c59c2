//! Commands that judge on this machine: `judge`, `run`, `check`, `verify`, `grade`.

use std::path::PathBuf;
use std::time::Duration;

use checker::policy::Policy;
use clap::{Args, ValueEnum};
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::Profile;

use super::{duration, positive, size, verdict};

#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// Package directory or zip
    pub(crate) problem: PathBuf,
    /// Source files, or directories of them; together they are one program
    #[arg(required_unless_present = "from", value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// Judge again what this judgement (the JSON of an earlier `judge --json`) says was observed, under the
    /// package's limits and scoring of today, without a run; shows what changes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sources", "language", "only"])]
    pub(crate) from: Option<PathBuf>,
    /// Language id; guessed from the extension when that is unambiguous
    #[arg(long, value_name = "ID")]
    pub(crate) language: Option<String>,
    /// Run every test case even after a failure
    #[arg(long)]
    pub(crate) all: bool,
    /// What a failed case stops and which case decides: icpc (the first failure ends it), all, worst, oi (a
    /// failure ends its group), analyst (all, and slow ones are watched past the limit) [default: icpc]
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub(crate) policy: Option<Policy>,
    /// Run only this test case, or those below this folder; may be repeated
    #[arg(long, value_name = "TEST")]
    pub(crate) only: Vec<String>,
    /// Test cases at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
    pub(crate) jobs: u32,
    /// Exit 1 unless the verdict is one of these
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', value_parser = verdict)]
    pub(crate) expect: Vec<Verdict>,
    /// Make every run anew and keep none for later
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Image by name or digest; `host` is a read-only view of this machine's own /usr
    #[arg(long, default_value = "host", value_name = "NAME|DIGEST")]
    pub(crate) image: String,
    /// CPU time of the whole process tree, such as 2s or 250ms
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) cpu_time: Option<Duration>,
    /// Wall-clock time [default: 3 x cpu time + 1s]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) wall_time: Option<Duration>,
    /// Memory of the whole process tree, such as 64MiB
    #[arg(long, value_name = "S", value_parser = size)]
    pub(crate) memory: Option<Bytes>,
    /// Processes and threads
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) processes: Option<u32>,
    /// Bytes on stdout and stderr together
    #[arg(long, value_name = "S", value_parser = size)]
    pub(crate) output: Option<Bytes>,
    /// Size of the work directory
    #[arg(long, value_name = "S", value_parser = size)]
    pub(crate) disk: Option<Bytes>,
    /// System calls: strict (no sockets, no second program), default, loopback (TCP and UDP in the box)
    #[arg(long, default_value = "default", value_name = "NAME")]
    pub(crate) profile: Profile,
    /// Standard input; `-` passes this command's own [default: empty]
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin: Option<PathBuf>,
    /// Put a file into the work directory; may be repeated
    #[arg(long = "file", value_name = "SRC[:DEST]")]
    pub(crate) files: Vec<String>,
    /// Set an environment variable; may be repeated
    #[arg(long = "env", value_name = "K=V")]
    pub(crate) env: Vec<String>,
    /// Bring back a file or folder of the work directory into the current one; may be repeated
    #[arg(long = "out", value_name = "PATH")]
    pub(crate) out: Vec<String>,
    /// Write the JSON there and pass output and exit status through
    #[arg(long, value_name = "FILE")]
    pub(crate) status_file: Option<PathBuf>,
    /// Add what the program did to the JSON
    #[arg(long)]
    pub(crate) report: bool,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Package whose checker decides; without it the default validator does
    pub(crate) problem: Option<PathBuf>,
    /// Flags of the validator, in one argument
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub(crate) validator_flags: Option<String>,
    /// Checker to use where no package decides: default, exact, lines, sorted or unordered
    #[arg(long, value_name = "NAME", conflicts_with_all = ["problem", "validator_flags"])]
    pub(crate) checker: Option<String>,
    /// The test's input
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The right answer
    #[arg(long, value_name = "FILE")]
    pub(crate) answer: PathBuf,
    /// What a program wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Package directory or zip
    pub(crate) problem: PathBuf,
    /// Judge only the submissions that this names, as `submissions.yaml` would: a path below `submissions/`, or
    /// a folder, with `*` and `{a,b}`; may be repeated. What all of them together tell of the data is left out
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Boxes at once, over submissions, cases and validators [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<u32>,
    /// Make every run anew and keep none for later
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<Format>,
    /// Print exactly one JSON document on stdout; the same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

impl VerifyArgs {
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(if self.json { Format::Json } else { Format::Text })
    }
}

/// How a verification is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    Text,
    /// One JSON document
    Json,
    /// JUnit XML, which build servers read
    Junit,
}

#[derive(Debug, Args)]
pub(crate) struct GradeArgs {
    /// Gradescope autograder (zip or folder), PrairieLearn question folder, folder with a harness.toml, or image:NAME
    #[arg(value_name = "HARNESS")]
    pub(crate) harness: PathBuf,
    /// Folder with a folder, file or zip for each student, or a CSV file with the columns id and path
    #[arg(value_name = "DIR|LIST.csv")]
    pub(crate) submissions: PathBuf,
    /// Submissions at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
    pub(crate) jobs: u32,
    /// Keep records, results.csv and results.json there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with the records in --out: grade what is missing, and what changed
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Wall-clock time of one submission [default: the harness's own, else 2m; 30s for PrairieLearn]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// Memory of one submission [default: the harness's own, else 1GiB]
    #[arg(long, value_name = "S", value_parser = size)]
    pub(crate) memory: Option<Bytes>,
    /// Image by name or digest [default: the harness's own, else `host`]
    #[arg(long, value_name = "NAME|DIGEST")]
    pub(crate) image: Option<String>,
    /// The image has what setup.sh would install
    #[arg(long)]
    pub(crate) installed: bool,
    /// Whose view to print and to write: staff or student
    #[arg(long = "as", value_name = "WHO", default_value = "staff", value_parser = ["staff", "student"])]
    pub(crate) view: String,
    /// What a student may see by now: before-due-date, after-due-date, published
    #[arg(long, value_name = "STAGE", default_value = "before-due-date")]
    pub(crate) stage: course::Stage,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}
