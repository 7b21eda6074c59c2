//! The command line, as commands.md fixes it. Only shapes and help texts; what they mean is in the file of
//! each subcommand. One module for each family of commands.

mod client;
mod images;
mod judging;
mod measure;
mod problem;
mod service;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use proto::units::{Bytes, parse_duration};
use proto::verdict::Verdict;

pub(crate) use self::client::{
    AskArgs, Held, HoldsArgs, HoldsCommand, OneRejudge, OneWorker, ProblemsArgs, ProblemsCommand,
    RejudgeArgs, RejudgeCommand, RejudgeStart, ServerArgs, StatusArgs, SubmitArgs, TokensArgs, TokensCommand,
    WorkersArgs, WorkersCommand,
};
pub(crate) use self::images::{
    AdoptArgs, ImagesArgs, ImagesCommand, LanguagesArgs, LanguagesCommand, RegistryArgs,
};
pub(crate) use self::judging::{CheckArgs, Format, GradeArgs, JudgeArgs, RunArgs, VerifyArgs};
pub(crate) use self::measure::{BenchArgs, BenchCommand, SelftestArgs};
pub(crate) use self::problem::{ImportArgs, ProblemArgs, ProblemCommand, PushArgs};
pub(crate) use self::service::{ApiArgs, ServeArgs, WorkerArgs};

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|e| e.to_string())
}

fn size(text: &str) -> Result<Bytes, String> {
    text.parse().map_err(|e: proto::units::UnitError| e.to_string())
}

fn verdict(text: &str) -> Result<Verdict, String> {
    text.parse().map_err(|e: proto::verdict::UnknownVerdict| e.to_string())
}

fn positive(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number of at least 1 is needed".to_owned()),
        Ok(n) => Ok(n),
    }
}

/// Judges untrusted code.
#[derive(Debug, Parser)]
#[command(name = "tribunal", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// Directory of images, the store and caches [default: /var/lib/tribunal for root, else
    /// $XDG_DATA_HOME/tribunal]
    #[arg(long, global = true, env = "TRIBUNAL_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration file (TOML); flags and TRIBUNAL__SECTION__KEY win over it
    #[arg(long, global = true, env = "TRIBUNAL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of languages beside those built in, one folder a language; an id that is built in is replaced
    #[arg(long, global = true, env = "TRIBUNAL_LANGUAGES_DIR", value_name = "DIR")]
    pub(crate) languages_dir: Option<PathBuf>,
    /// What to log on stderr, such as `info` or `worker=debug`
    #[arg(
        long,
        global = true,
        env = "TRIBUNAL_LOG",
        default_value = "",
        hide_default_value = true,
        value_name = "FILTER"
    )]
    pub(crate) log: String,
    /// How log lines look: `text`, or `json` with one document a line
    #[arg(long, global = true, env = "TRIBUNAL_LOG_FORMAT", value_name = "FORMAT", default_value = "text",
        hide_default_value = true, value_parser = ["text", "json"])]
    pub(crate) log_format: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge one submission against a problem package, here and now
    Judge(JudgeArgs),
    /// Run one command in a box
    Run(RunArgs),
    /// Compare one output with one answer, as the judge would
    Check(CheckArgs),
    /// Check a problem package and judge all its example submissions
    Verify(VerifyArgs),
    /// Work on problem packages themselves
    Problem(ProblemArgs),
    /// Grade many submissions with a course's autograder
    Grade(GradeArgs),
    /// Send a submission to a service
    Submit(SubmitArgs),
    /// One submission of a service, or its queue and the latest submissions
    Status(StatusArgs),
    /// The problems of a service
    Problems(ProblemsArgs),
    /// The tokens of a service
    Tokens(TokensArgs),
    /// The workers of a service
    Workers(WorkersArgs),
    /// Problems and languages of a service whose submissions wait
    Holds(HoldsArgs),
    /// Judge submissions of a service again, and see what would change
    Rejudge(RejudgeArgs),
    /// API, web page, store, queue and a worker in one process
    Serve(ServeArgs),
    /// The API alone; jobs go through a broker
    Api(ApiArgs),
    /// A worker alone; jobs come from a broker
    Worker(WorkerArgs),
    /// Language images
    Images(ImagesArgs),
    /// The languages known here, and tests of them
    Languages(LanguagesArgs),
    /// Probe what the sandbox relies on
    Doctor(JsonArgs),
    /// Run hostile programs in boxes on this machine and see that nothing gets out
    Selftest(SelftestArgs),
    /// Reproducible measurements
    Bench(BenchArgs),
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a folder
    Man {
        /// The folder; it is made when it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

impl Command {
    /// The collector that takes this role's spans.
    pub(crate) fn otlp_endpoint(&self) -> Option<&str> {
        match self {
            Command::Serve(args) => args.otlp.endpoint(),
            Command::Api(args) => args.otlp.endpoint(),
            Command::Worker(args) => args.otlp.endpoint(),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct JsonArgs {
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn zero_and_unitless_limits_are_refused() {
        for bad in ["0s", "1", "5parsecs"] {
            assert!(
                Cli::try_parse_from(["tribunal", "run", "--cpu-time", bad, "--", "true"]).is_err(),
                "{bad}"
            );
        }
        for bad in ["0MiB", "64", "64MB"] {
            assert!(
                Cli::try_parse_from(["tribunal", "run", "--memory", bad, "--", "true"]).is_err(),
                "{bad}"
            );
        }
        assert!(Cli::try_parse_from(["tribunal", "judge", "p", "s", "--expect", "AC,YES"]).is_err());
        assert!(Cli::try_parse_from(["tribunal", "judge", "p", "s", "--expect", "AC,PA"]).is_ok());
    }
}
