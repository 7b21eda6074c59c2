//! Commands that speak with a service: `submit`, `status`, `problems`, `tokens`, `workers`, `holds`, `rejudge`.

use std::path::PathBuf;
use std::time::Duration;

use checker::policy::Policy;
use clap::{Args, Subcommand};
use proto::id::{Digest, SubmissionId};
use proto::units::Bytes;
use proto::verdict::Verdict;
use uuid::Uuid;

use super::{PushArgs, duration, positive, size, verdict};

/// Which service, and as whom. The token itself never stands on the command line, where every process of the
/// machine can read it: it comes from a file, or from `TRIBUNAL_TOKEN`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// Where the service is [default: http://127.0.0.1:8080]
    #[arg(long, visible_alias = "api", value_name = "URL", env = "TRIBUNAL_SERVER")]
    pub(crate) server: Option<String>,
    /// File that holds a token; the environment's TRIBUNAL_TOKEN holds one itself
    #[arg(long, value_name = "FILE", env = "TRIBUNAL_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("against").required(true).args(["problem", "harness", "stdin", "batch"])))]
pub(crate) struct SubmitArgs {
    /// Source files, or directories of them; together they are one program
    #[arg(required_unless_present = "batch", value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// Many submissions at once: a file with one JSON document a line, as the HTTP API takes them; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sources", "language", "cpu_time", "memory", "all", "policy",
        "priority", "external_id", "participant", "labels", "watch", "expect"])]
    pub(crate) batch: Option<PathBuf>,
    /// Problem by its short name, or one revision of it as NAME@sha256:…
    #[arg(long, short, value_name = "NAME")]
    pub(crate) problem: Option<String>,
    /// A course's autograder by its short name, or one revision of it as NAME@sha256:…
    #[arg(long, value_name = "NAME", conflicts_with_all = ["language", "all", "policy"])]
    pub(crate) harness: Option<String>,
    /// Without a problem: what the program reads
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin: Option<PathBuf>,
    /// Without a problem: what it should write
    #[arg(long, value_name = "FILE", requires = "stdin")]
    pub(crate) answer: Option<PathBuf>,
    /// Language id; guessed from the extension when that is unambiguous
    #[arg(long, value_name = "ID")]
    pub(crate) language: Option<String>,
    /// CPU time of one test case, such as 2s
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) cpu_time: Option<Duration>,
    /// Memory of one test case, such as 64MiB
    #[arg(long, value_name = "S", value_parser = size)]
    pub(crate) memory: Option<Bytes>,
    /// Run every test case even after a failure
    #[arg(long)]
    pub(crate) all: bool,
    /// What a failed case stops and which case decides: icpc, all, worst, oi, analyst
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub(crate) policy: Option<Policy>,
    /// Class: contest, normal, rejudge or bulk
    #[arg(long, value_name = "CLASS", value_parser = ["contest", "normal", "rejudge", "bulk"])]
    pub(crate) priority: Option<String>,
    /// An id of yours for it
    #[arg(long, value_name = "TEXT")]
    pub(crate) external_id: Option<String>,
    /// Who sent it, in your words
    #[arg(long, value_name = "TEXT")]
    pub(crate) participant: Option<String>,
    /// A free label; may be repeated
    #[arg(long = "label", value_name = "TEXT")]
    pub(crate) labels: Vec<String>,
    /// Follow it until it is done
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Exit 1 unless the verdict is one of these; implies --watch
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', value_parser = verdict)]
    pub(crate) expect: Vec<Verdict>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// One submission; without it, the queue and the latest submissions
    #[arg(conflicts_with_all = ["problem", "language", "state", "verdict", "participant", "label"])]
    pub(crate) id: Option<SubmissionId>,
    /// Follow it until it is done
    #[arg(long, short, requires = "id")]
    pub(crate) watch: bool,
    /// Only submissions to this problem
    #[arg(long, short, value_name = "NAME")]
    pub(crate) problem: Option<String>,
    /// Only those in this language
    #[arg(long, value_name = "ID")]
    pub(crate) language: Option<String>,
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = ["queued", "running", "held", "done", "cancelled"])]
    pub(crate) state: Option<String>,
    /// Only those with this verdict
    #[arg(long, value_name = "VERDICT", value_parser = verdict)]
    pub(crate) verdict: Option<Verdict>,
    /// Only those of this participant
    #[arg(long, value_name = "TEXT")]
    pub(crate) participant: Option<String>,
    /// Only those with this label
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// How many are listed, 500 at most
    #[arg(long, value_name = "N", default_value = "20", value_parser = positive)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProblemsArgs {
    #[command(subcommand)]
    pub(crate) command: ProblemsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProblemsCommand {
    /// What is installed there
    List {
        /// Courses' autograders instead of problems
        #[arg(long)]
        harness: bool,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Check a package and send it there; the same as `problem push`
    Push(PushArgs),
    /// Make a revision that was sent the active one
    Activate {
        /// Its short name
        #[arg(value_name = "NAME")]
        name: String,
        /// The revision
        #[arg(value_name = "DIGEST")]
        digest: Digest,
        #[command(flatten)]
        ask: AskArgs,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct WorkersArgs {
    #[command(subcommand)]
    pub(crate) command: Option<WorkersCommand>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkersCommand {
    /// Who judges there; the same as without a word
    List(AskArgs),
    /// It takes no new jobs and stays
    Cordon(OneWorker),
    /// It takes jobs again
    Uncordon(OneWorker),
    /// It takes no new jobs, finishes those in hand, and ends
    Drain(OneWorker),
}

#[derive(Debug, Args)]
pub(crate) struct OneWorker {
    /// Its id
    pub(crate) id: Uuid,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HoldsArgs {
    #[command(subcommand)]
    pub(crate) command: HoldsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldsCommand {
    /// What is held, and why
    List(AskArgs),
    /// Let submissions of a problem or in a language wait
    Set {
        #[command(flatten)]
        held: Held,
        /// Why, for people
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Let go what waited
    Release {
        #[command(flatten)]
        held: Held,
        #[command(flatten)]
        ask: AskArgs,
    },
}

/// What a hold is on.
#[derive(Debug, Args)]
pub(crate) struct Held {
    /// What it is
    #[arg(value_name = "KIND", value_parser = ["problem", "language"])]
    pub(crate) kind: String,
    /// The problem's short name or the language's id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// A question that needs nothing but a service.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    pub(crate) command: TokensCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Every token, never their texts
    List(AskArgs),
    /// Make a token; its text is shown once
    Create {
        /// What it is for, for people
        #[arg(value_name = "NAME")]
        name: String,
        /// Whose submissions it makes and sees
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// What it may do: submit, read, judge, problems, admin, worker
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// The most urgent class its submissions may have [default: contest]
        #[arg(long, value_name = "CLASS", value_parser = ["contest", "normal", "rejudge", "bulk"])]
        priority: Option<String>,
        /// How many days it lives [default: for ever]
        #[arg(long, value_name = "DAYS", value_parser = positive)]
        days: Option<u32>,
        /// Write the text to this new file, which only you can read, and not to stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Take a token back for good
    Revoke {
        /// Its id
        id: Uuid,
        #[command(flatten)]
        ask: AskArgs,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RejudgeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RejudgeCommand>,
    #[command(flatten)]
    pub(crate) start: RejudgeStart,
}

#[derive(Debug, Args)]
pub(crate) struct RejudgeStart {
    /// These submissions
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<SubmissionId>,
    /// Those to this problem
    #[arg(long, short, value_name = "NAME")]
    pub(crate) problem: Option<String>,
    /// Those in this language
    #[arg(long, value_name = "ID")]
    pub(crate) language: Option<String>,
    /// Those judged in this image
    #[arg(long, value_name = "DIGEST")]
    pub(crate) image: Option<Digest>,
    /// Those with this verdict
    #[arg(long, value_name = "VERDICT", value_parser = verdict)]
    pub(crate) verdict: Option<Verdict>,
    /// Those sent within the last so long, such as 90m
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) since: Option<Duration>,
    /// With the revision of the problem each was judged with, and not the active one
    #[arg(long)]
    pub(crate) same_revision: bool,
    /// Why, for people
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Apply it by itself once all are judged; without it somebody looks first
    #[arg(long)]
    pub(crate) apply: bool,
    /// Follow it until all are judged, and show what would change
    #[arg(long, short)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RejudgeCommand {
    /// The latest rejudges
    List(AskArgs),
    /// One rejudge, and what it changes
    Show(OneRejudge),
    /// Make its judgements the current ones, all at once
    Apply(OneRejudge),
    /// Drop it; nothing changes
    Cancel(OneRejudge),
}

#[derive(Debug, Args)]
pub(crate) struct OneRejudge {
    /// Its id
    pub(crate) id: Uuid,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}
