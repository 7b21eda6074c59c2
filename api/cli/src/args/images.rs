//! `images` and `languages`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::units::Bytes;

use super::{JsonArgs, positive, size};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LanguagesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LanguagesCommand>,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LanguagesCommand {
    /// Run the probes of languages in boxes
    Test {
        /// Language ids
        #[arg(required_unless_present = "all", value_name = "ID")]
        ids: Vec<String>,
        /// Every language known
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Only this probe, such as `echo`; may be repeated
        #[arg(long, value_name = "NAME")]
        probe: Vec<String>,
        /// Probes at once
        #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
        jobs: u32,
        /// Print exactly one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
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

#[derive(Debug, Default, Args)]
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
