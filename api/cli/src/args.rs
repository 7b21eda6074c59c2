//! The command line, as commands.md fixes it. Only shapes and help texts; what they mean is in the file of
//! each subcommand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use checker::policy::Policy;
use clap::{Args, Parser, Subcommand, ValueEnum};
use proto::units::{Bytes, parse_duration};
use proto::verdict::Verdict;
use sandbox::spec::Profile;

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
    /// API, web page, store, queue and a worker in one process
    Serve(ServeArgs),
    /// The API alone; jobs go through a broker
    Api(ApiArgs),
    /// A worker alone; jobs come from a broker
    Worker(WorkerArgs),
    /// Language images
    Images(ImagesArgs),
    /// The languages known here
    Languages(JsonArgs),
    /// Probe what the sandbox relies on
    Doctor(JsonArgs),
    /// Run hostile programs in boxes on this machine and see that nothing gets out
    Selftest(SelftestArgs),
    /// Reproducible measurements
    Bench(BenchArgs),
    /// Print the OpenAPI document of the HTTP API
    Openapi,
}

#[derive(Debug, Args)]
pub(crate) struct JsonArgs {
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

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

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Package directory or zip
    pub(crate) package: PathBuf,
    /// Where the service is
    #[arg(long, value_name = "URL", env = "TRIBUNAL_API", default_value = "http://127.0.0.1:8080")]
    pub(crate) api: String,
    /// File that holds a token with the scope `problems`
    #[arg(long, value_name = "FILE", env = "TRIBUNAL_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Short name there [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
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
    pub(crate) stage: harness::Stage,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Install the packages (folders and zips) in this folder at start
    #[arg(long, value_name = "DIR")]
    pub(crate) problems: Option<PathBuf>,
    /// Submissions judged at once [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) slots: Option<u32>,
    /// How long running jobs may take after SIGTERM [default: 30s]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) drain_timeout: Option<Duration>,
    /// Serve the page from this folder instead of from the executable
    #[arg(long, value_name = "DIR")]
    pub(crate) web_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// sqlite://FILE or postgres://… [default: a file in the data directory]
    #[arg(long, value_name = "URL", env = "TRIBUNAL_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// amqp://…
    #[arg(long, value_name = "URL", env = "TRIBUNAL_BROKER", hide_env_values = true)]
    pub(crate) broker: Option<String>,
    /// file://DIR [default: a folder in the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) blobs: Option<String>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Install the packages (folders and zips) in this folder at start
    #[arg(long, value_name = "DIR")]
    pub(crate) problems: Option<PathBuf>,
    /// Serve the page from this folder instead of from the executable
    #[arg(long, value_name = "DIR")]
    pub(crate) web_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// amqp://…
    #[arg(long, value_name = "URL", env = "TRIBUNAL_BROKER", hide_env_values = true)]
    pub(crate) broker: Option<String>,
    /// Where the API is, such as http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "TRIBUNAL_API")]
    pub(crate) api: String,
    /// File that holds this worker's token
    #[arg(long, value_name = "FILE", env = "TRIBUNAL_TOKEN_FILE")]
    pub(crate) token_file: PathBuf,
    /// Submissions judged at once [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) slots: Option<u32>,
    /// How long running jobs may take after SIGTERM [default: 30s]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) drain_timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ImagesArgs {
    #[command(subcommand)]
    pub(crate) command: ImagesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// What is there, how large it is, and when it was last used
    List(JsonArgs),
    /// Build language images from the recipes
    Build {
        /// Language ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Build the shared base anew as well
        #[arg(long)]
        refresh_base: bool,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Fetch an image from a registry
    Pull {
        /// [HOST[:PORT]/]NAME[:TAG][@DIGEST]; without a host it is Docker Hub's
        #[arg(value_name = "REF")]
        reference: String,
        /// Ask this host first, for what it has; may be repeated [default: `mirrors` in the configuration]
        #[arg(long = "mirror", value_name = "HOST[:PORT]")]
        mirrors: Vec<String>,
        #[command(flatten)]
        registry: RegistryArgs,
        #[command(flatten)]
        adopt: AdoptArgs,
    },
    /// Send an image to a registry
    Push {
        /// Name or digest
        image: String,
        /// [HOST[:PORT]/]NAME[:TAG]
        #[arg(value_name = "REF")]
        reference: String,
        #[command(flatten)]
        registry: RegistryArgs,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Take in an OCI layout, an OCI archive or a `docker save` archive
    Import {
        /// Directory or archive, packed with gzip or zstd or not
        path: PathBuf,
        /// Which image, where there are several: its name or tag there
        #[arg(long, value_name = "TAG")]
        tag: Option<String>,
        #[command(flatten)]
        adopt: AdoptArgs,
    },
    /// Write an image as an OCI layout
    Export {
        /// Name or digest
        image: String,
        /// Directory to make
        path: PathBuf,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Forget images
    Remove {
        /// Names or digests
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Remove what no image needs, and what was not used for longest above a cap
    Gc {
        /// Most bytes the store may have afterwards, such as 20GiB [default: `cap` in the configuration]
        #[arg(long, value_name = "S", value_parser = size)]
        cap: Option<Bytes>,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Hash everything again, packed and unpacked
    Verify(JsonArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// What it is called here [default: as it is called there]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Languages it serves from now on, by id; without, it is for `run --image` alone
    #[arg(long = "language", value_name = "ID", value_delimiter = ',')]
    pub(crate) languages: Vec<String>,
    /// Which of several images, such as linux/arm64 [default: this machine's]
    #[arg(long, value_name = "OS/ARCH", default_value_t)]
    pub(crate) platform: images::Platform,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    /// User of the registry
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) username: Option<String>,
    /// File that holds the password or access token
    #[arg(long, value_name = "FILE", requires = "username")]
    pub(crate) password_file: Option<PathBuf>,
    /// Docker configuration file with logins [default: $DOCKER_CONFIG/config.json, ~/.docker/config.json]
    #[arg(long, value_name = "FILE", conflicts_with = "username")]
    pub(crate) auth_file: Option<PathBuf>,
    /// Speak plain HTTP; with this machine that is always so
    #[arg(long)]
    pub(crate) plain_http: bool,
}

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
