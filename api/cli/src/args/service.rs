//! The roles of the service: `serve`, `api`, `worker`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use proto::units::Bytes;

use super::{duration, positive};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Install the packages (folders and zips) in this folder at start
    #[arg(long, value_name = "DIR")]
    pub(crate) problems: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// Serve the page from this folder instead of from the executable
    #[arg(long, value_name = "DIR")]
    pub(crate) web_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// sqlite://FILE or postgres://… [default: a file in the data directory]
    #[arg(long, value_name = "URL", env = "TRIBUNAL_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// amqp://…
    #[arg(long, value_name = "URL", env = "TRIBUNAL_BROKER", hide_env_values = true)]
    pub(crate) broker: Option<String>,
    /// file://DIR or s3://BUCKET/PREFIX [default: a folder in the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) blobs: Option<String>,
    /// File of the workers' token: your own secret of 32 characters or more, else one is made there [default:
    /// worker.token in the data directory]
    #[arg(long, value_name = "FILE", env = "TRIBUNAL_WORKER_TOKEN_FILE")]
    pub(crate) worker_token_file: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Install the packages (folders and zips) in this folder at start
    #[arg(long, value_name = "DIR")]
    pub(crate) problems: Option<PathBuf>,
    /// Serve the page from this folder instead of from the executable
    #[arg(long, value_name = "DIR")]
    pub(crate) web_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
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
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
}

/// What a process that judges takes, alone or as part of a service.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Submissions judged at once [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) slots: Option<u32>,
    /// How long running jobs may take after SIGTERM [default: 30s]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) drain_timeout: Option<Duration>,
    /// Most bytes of unpacked problem packages kept on disk, such as 8GiB; a larger package waits for a worker that takes
    /// it [default: `cap` in `[packages]` of the configuration, else 4GiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) packages_cap: Option<Bytes>,
}

#[derive(Debug, Args)]
pub(crate) struct OtlpArgs {
    /// OpenTelemetry collector that takes spans: the base URL of OTLP over HTTP, such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    otlp_endpoint: Option<String>,
}

impl OtlpArgs {
    /// The collector that takes spans. An empty variable names none, by OpenTelemetry's general rule.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.otlp_endpoint.as_deref().filter(|url| !url.is_empty())
    }
}
