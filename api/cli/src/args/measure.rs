//! `selftest` and `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::positive;

#[derive(Debug, Args)]
pub(crate) struct SelftestArgs {
    /// Only these, by number (N10) or name (mount_tmpfs)
    #[arg(value_name = "CASE")]
    pub(crate) cases: Vec<String>,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// A complete fresh box beside a bare fork and exec
    Box {
        /// Interleaved rounds
        #[arg(long, value_name = "N", default_value = "200", value_parser = positive)]
        rounds: u32,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Output compared per second by the default validator, beside `cmp`
    Check {
        /// Size of the answer, in MB of a million bytes
        #[arg(long, value_name = "N", default_value = "100", value_parser = positive)]
        megabytes: u32,
        /// Rounds; the median counts
        #[arg(long, value_name = "N", default_value = "5", value_parser = positive)]
        rounds: u32,
        /// Another output validator to run on the same files
        #[arg(long, value_name = "PROGRAM")]
        beside: Option<PathBuf>,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Submissions judged per second
    Judge {
        /// Submissions
        #[arg(long, value_name = "N", default_value = "20", value_parser = positive)]
        rounds: u32,
        /// Submissions at once
        #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
        jobs: u32,
        /// Language id
        #[arg(long, value_name = "ID", default_value = "cpp")]
        language: String,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
}
