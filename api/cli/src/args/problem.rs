//! `problem`: packages made, imported, sent.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use proto::units::Bytes;

use super::{ServerArgs, duration, size};

#[derive(Debug, Args)]
pub(crate) struct ProblemArgs {
    #[command(subcommand)]
    pub(crate) command: ProblemCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProblemCommand {
    /// Make a small complete package to start from
    New {
        /// The folder to make; its last part is the package's name
        #[arg(value_name = "NAME")]
        folder: PathBuf,
        /// What kind of package
        #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "pass-fail")]
        kind: crate::problem_new::Kind,
        /// Title for people [default: made from the name]
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
    },
    /// Make a package of a problem of Polygon, DMOJ or CMS
    Import(ImportArgs),
    /// Check a package and send it to a service
    Push(PushArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Folder or zip of the problem
    pub(crate) source: PathBuf,
    /// The folder to make; its last part is the package's name [default: made from the source's name]
    pub(crate) target: Option<PathBuf>,
    /// polygon, dmoj or cms [default: found out by the files]
    #[arg(long, value_name = "FORMAT", value_parser = crate::problem_import::format)]
    pub(crate) format: Option<import::Format>,
    /// CPU time of a run, in place of the source's
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    /// Memory of a run, in place of the source's
    #[arg(long, value_name = "S", value_parser = size)]
    pub(crate) memory: Option<Bytes>,
    /// Leave out points and groups
    #[arg(long)]
    pub(crate) pass_fail: bool,
    /// Tell everything that means something else in the package
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PushArgs {
    /// Package directory or zip
    pub(crate) package: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// It is a course's autograder, as `grade` takes it
    #[arg(long)]
    pub(crate) harness: bool,
    /// Take an autograder that shares its box with what it grades, whose results submissions can forge
    #[arg(long, requires = "harness")]
    pub(crate) shared_box: bool,
    /// Short name there [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}
