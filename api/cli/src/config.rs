//! The configuration: a TOML file, then `TRIBUNAL__SECTION__KEY` of the environment, then flags (applied by
//! each command). Unknown sections and keys stop the start by name.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::limits::Limits;
use proto::units::{Bytes, UnitError, parse_duration};
use serde::Deserialize;

use crate::output::Failure;

const ENV_PREFIX: &str = "TRIBUNAL__";

/// The file, as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    server: RawServer,
    worker: RawWorker,
    limits: RawLimits,
    images: RawImages,
    cache: RawCache,
    packages: RawPackages,
    webhooks: RawWebhooks,
    retention: RawRetention,
    s3: RawS3,
}

/// How to reach the bucket of `s3://…`; what is not named comes from the environment, as other tools take it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawS3 {
    endpoint: Option<String>,
    region: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
}

/// How many days things are kept; what is not named is kept for ever.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_field_names)] // the unit
struct RawRetention {
    sources_days: Option<u32>,
    outputs_days: Option<u32>,
    judgements_days: Option<u32>,
    revisions_days: Option<u32>,
}

/// Calling back.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWebhooks {
    allow: Option<Words>,
}

/// A list, or, as the environment has it, words divided by commas.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    List(Vec<String>),
    Line(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawImages {
    cap: Option<String>,
    mirrors: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawServer {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    database: Option<String>,
    broker: Option<String>,
    blobs: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWorker {
    slots: Option<u32>,
    drain_timeout: Option<String>,
}

/// What runs leave for equal runs after them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCache {
    max: Option<String>,
}

/// Unpacked problem packages on a worker.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPackages {
    cap: Option<String>,
}

/// The operator's maxima for limits of requests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    cpu_time: Option<String>,
    wall_time: Option<String>,
    memory: Option<String>,
    output: Option<String>,
    file_size: Option<String>,
    processes: Option<u32>,
    open_files: Option<u32>,
    disk: Option<String>,
    inodes: Option<u32>,
}

/// The configuration, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) database: Option<String>,
    pub(crate) broker: Option<String>,
    pub(crate) blobs: Option<String>,
    pub(crate) slots: Option<u32>,
    pub(crate) drain_timeout: Option<Duration>,
    pub(crate) maxima: Limits,
    /// Most bytes of the image store, packed and unpacked.
    pub(crate) images_cap: Option<Bytes>,
    /// Most bytes of unpacked packages on a worker.
    pub(crate) packages_cap: Option<Bytes>,
    /// Registries that have copies, asked first.
    pub(crate) mirrors: Vec<String>,
    /// Bytes of the cache of runs; `None` is no cache.
    pub(crate) cache: Option<Bytes>,
    /// Where callback URLs may lead beyond the public internet.
    pub(crate) callbacks: api::Allowed,
    /// How long things are kept.
    pub(crate) retention: api::Retention,
    /// How to reach the bucket of blobs.
    pub(crate) s3: api::S3Config,
}

/// Bytes of the cache unless the configuration says otherwise.
const CACHE_MAX: Bytes = Bytes::gib(2);

/// Reads the file, if there is one, and the environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, Failure> {
    let mut table = toml::Table::new();
    let mut origin = "the environment".to_owned();
    if let Some(file) = file {
        origin = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|e| Failure::usage(format!("could not read the configuration {origin}: {e}")))?;
        table = text.parse().map_err(|e| Failure::usage(format!("{origin}: {e}")))?;
    }
    let from_env = std::env::vars().filter(|(key, _)| key.starts_with(ENV_PREFIX));
    merge_env(&mut table, from_env)?;
    let raw: Raw = table
        .try_into()
        .map_err(|e: toml::de::Error| Failure::usage(format!("configuration ({origin}): {e}")))?;
    resolve(raw).map_err(|why| Failure::usage(format!("configuration ({origin}): {why}")))
}

/// `TRIBUNAL__LIMITS__CPU_TIME=10s` is `cpu_time = "10s"` in `[limits]`; `…__BROKER_FILE=PATH` takes the
/// value from a file.
fn merge_env(table: &mut toml::Table, vars: impl Iterator<Item = (String, String)>) -> Result<(), Failure> {
    for (name, value) in vars {
        let path = name[ENV_PREFIX.len()..].to_ascii_lowercase();
        let Some((section, key)) = path.split_once("__") else {
            return Err(Failure::usage(format!("{name}: {ENV_PREFIX}SECTION__KEY is needed")));
        };
        let (key, value) = match key.strip_suffix("_file").filter(|_| key != "token_file") {
            Some(key) => {
                (key, read_secret(Path::new(&value)).map_err(|e| Failure::usage(format!("{name}: {e}")))?)
            }
            None => (key, value),
        };
        let section = table
            .entry(section)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| Failure::usage(format!("{name}: `{section}` is not a section")))?;
        let value = value.parse::<i64>().map_or(toml::Value::String(value), toml::Value::Integer);
        section.insert(key.to_owned(), value);
    }
    Ok(())
}

/// The first line of a file that holds a secret.
pub(crate) fn read_secret(file: &Path) -> Result<String, String> {
    let text =
        std::fs::read_to_string(file).map_err(|e| format!("could not read {}: {e}", file.display()))?;
    match text.trim() {
        "" => Err(format!("{} is empty; it must hold the secret", file.display())),
        secret => Ok(secret.to_owned()),
    }
}

fn resolve(raw: Raw) -> Result<Config, String> {
    let mut maxima = Limits::default_maxima();
    let limits = raw.limits;
    time("limits.cpu_time", limits.cpu_time, &mut maxima.cpu_time)?;
    time("limits.wall_time", limits.wall_time, &mut maxima.wall_time)?;
    bytes("limits.memory", limits.memory, &mut maxima.memory)?;
    bytes("limits.output", limits.output, &mut maxima.output)?;
    bytes("limits.file_size", limits.file_size, &mut maxima.file_size)?;
    bytes("limits.disk", limits.disk, &mut maxima.disk)?;
    count("limits.processes", limits.processes, &mut maxima.processes)?;
    count("limits.open_files", limits.open_files, &mut maxima.open_files)?;
    count("limits.inodes", limits.inodes, &mut maxima.inodes)?;
    let cache = match raw.cache.max.as_deref() {
        None => Some(CACHE_MAX),
        Some("off") => None,
        Some(text) => {
            let size = text.parse().map_err(|e: UnitError| format!("`cache.max`: {e}, or `off`"))?;
            Some(size)
        }
    };
    let allow = match raw.webhooks.allow {
        None => Vec::new(),
        Some(Words::List(words)) => words,
        Some(Words::Line(line)) => line.split(',').map(|word| word.trim().to_owned()).collect(),
    };
    let callbacks = api::Allowed::parse(&allow).map_err(|e| format!("`webhooks.allow`: {e}"))?;
    let retention = retention(&raw.retention)?;
    if raw.worker.slots == Some(0) {
        return Err("`worker.slots` is zero; at least 1 is needed".to_owned());
    }
    let mut images_cap = None;
    if let Some(text) = raw.images.cap {
        images_cap = Some(text.parse().map_err(|e: UnitError| format!("`images.cap`: {e}"))?);
    }
    let mut packages_cap = None;
    if let Some(text) = raw.packages.cap {
        packages_cap = Some(text.parse().map_err(|e: UnitError| format!("`packages.cap`: {e}"))?);
    }
    let drain_timeout = raw
        .worker
        .drain_timeout
        .map(|text| parse_duration(&text).map_err(|e| format!("`worker.drain_timeout`: {e}")))
        .transpose()?;
    Ok(Config {
        listen: raw.server.listen,
        data: raw.server.data,
        database: raw.server.database,
        broker: raw.server.broker,
        blobs: raw.server.blobs,
        slots: raw.worker.slots,
        drain_timeout,
        maxima,
        images_cap,
        packages_cap,
        mirrors: raw.images.mirrors.unwrap_or_default(),
        cache,
        callbacks,
        retention,
        s3: s3(raw.s3),
    })
}

fn s3(raw: RawS3) -> api::S3Config {
    let or = |value: Option<String>, names: &[&str]| {
        value.or_else(|| {
            names.iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()))
        })
    };
    api::S3Config {
        endpoint: or(raw.endpoint, &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
        region: or(raw.region, &["AWS_REGION", "AWS_DEFAULT_REGION"]),
        access_key_id: or(raw.access_key_id, &["AWS_ACCESS_KEY_ID"]),
        secret_access_key: or(raw.secret_access_key, &["AWS_SECRET_ACCESS_KEY"]),
        session_token: or(raw.session_token, &["AWS_SESSION_TOKEN"]),
    }
}

fn retention(raw: &RawRetention) -> Result<api::Retention, String> {
    let days = |key: &str, days: Option<u32>| match days {
        Some(0) => Err(format!(
            "`retention.{key}` is zero; at least 1 is needed, and without it things are kept for ever"
        )),
        other => Ok(other),
    };
    Ok(api::Retention {
        sources_days: days("sources_days", raw.sources_days)?,
        outputs_days: days("outputs_days", raw.outputs_days)?,
        judgements_days: days("judgements_days", raw.judgements_days)?,
        revisions_days: days("revisions_days", raw.revisions_days)?,
    })
}

fn time(key: &str, text: Option<String>, to: &mut Duration) -> Result<(), String> {
    if let Some(text) = text {
        *to = parse_duration(&text).map_err(|e| format!("`{key}`: {e}"))?;
    }
    Ok(())
}

fn bytes(key: &str, text: Option<String>, to: &mut Bytes) -> Result<(), String> {
    if let Some(text) = text {
        *to = text.parse().map_err(|e: UnitError| format!("`{key}`: {e}"))?;
    }
    Ok(())
}

fn count(key: &str, value: Option<u32>, to: &mut u32) -> Result<(), String> {
    match value {
        Some(0) => Err(format!("`{key}` is zero; a limit must be positive")),
        Some(n) => {
            *to = n;
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        let mut table: toml::Table = toml.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        merge_env(&mut table, env).map_err(|e| e.to_string())?;
        resolve(table.try_into().map_err(|e: toml::de::Error| e.to_string())?)
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = read(
            "[limits]\ncpu_time = \"10s\"\nmemory = \"1GiB\"",
            &[("TRIBUNAL__LIMITS__CPU_TIME", "5s"), ("TRIBUNAL__WORKER__SLOTS", "3")],
        )
        .unwrap();
        assert_eq!(config.maxima.cpu_time, Duration::from_secs(5));
        assert_eq!(config.maxima.memory, Bytes::gib(1));
        assert_eq!(config.slots, Some(3));
        let listed = read("[webhooks]\nallow = [\"10.0.0.0/8\", \"hooks\"]", &[]).unwrap().callbacks;
        let line = read("", &[("TRIBUNAL__WEBHOOKS__ALLOW", "10.0.0.0/8, hooks")]).unwrap().callbacks;
        assert_eq!(listed, line);
    }

    #[test]
    fn unknown_keys_zero_and_missing_units_stop_the_start_by_name() {
        assert_eq!(read("", &[]).unwrap().cache, Some(CACHE_MAX));
        assert_eq!(read("", &[("TRIBUNAL__CACHE__MAX", "off")]).unwrap().cache, None);
        assert_eq!(read("[cache]\nmax = \"1MiB\"", &[]).unwrap().cache, Some(Bytes::mib(1)));
        for (toml, named) in [
            ("[cache]\nmax = \"1\"", "cache.max"),
            ("[limits]\ncpu = \"1s\"", "cpu"),
            ("[limit]\n", "limit"),
            ("[webhooks]\nallow = [\"10.0.0.0/40\"]", "webhooks.allow"),
            ("[limits]\ncpu_time = \"1\"", "limits.cpu_time"),
            ("[limits]\nprocesses = 0", "limits.processes"),
            ("[worker]\nslots = 0", "worker.slots"),
            ("[retention]\nsources_days = 0", "retention.sources_days"),
            ("[retention]\ndays = 3", "days"),
            ("[images]\ncap = \"5\"", "images.cap"),
            ("[packages]\ncap = \"0B\"", "packages.cap"),
            ("[images]\ncaps = \"5GiB\"", "caps"),
        ] {
            let error = read(toml, &[]).unwrap_err();
            assert!(error.contains(named), "{toml}: {error}");
        }
        assert!(read("", &[("TRIBUNAL__SPEED", "9")]).is_err());
    }
}
