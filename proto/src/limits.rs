//! Bounds set before a run. [`Limits`] is what a box gets; [`LimitsRequest`] is what somebody asked for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, format_duration, ms, opt_ms};

/// The bounds of one run, all of them set, none zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Limits {
    /// CPU time of the whole process tree. Past it the tree is killed; verdict TLE.
    #[serde(rename = "cpu_time_ms", with = "ms")]
    #[schema(value_type = f64)]
    pub cpu_time: Duration,
    /// Wall-clock time. Past it the tree is killed; verdict ILE.
    #[serde(rename = "wall_time_ms", with = "ms")]
    #[schema(value_type = f64)]
    pub wall_time: Duration,
    /// Memory of the whole tree, tmpfs and kernel memory included. The kernel kills; verdict MLE.
    #[serde(rename = "memory_bytes")]
    pub memory: Bytes,
    /// stdout and stderr together. Past it the tree is killed; verdict OLE. Stored is up to it exactly.
    #[serde(rename = "output_bytes")]
    pub output: Bytes,
    /// stdout, stderr and the files that are left when the run ends, together, as a problem package bounds them (2025-09,
    /// `limits.output`). Held against the final figures; verdict OLE. `None` bounds no sum with files.
    #[serde(rename = "output_and_files_bytes", default, skip_serializing_if = "Option::is_none")]
    pub output_and_files: Option<Bytes>,
    /// Largest single file (RLIMIT_FSIZE). The program gets SIGXFSZ: verdict OLE; where it ignores that, EFBIG.
    #[serde(rename = "file_size_bytes")]
    pub file_size: Bytes,
    /// Processes and threads together. The program sees EAGAIN; a note, no verdict.
    pub processes: u32,
    /// Open files (RLIMIT_NOFILE). The program sees EMFILE; the kernel keeps no count of that, so nothing tells
    /// whether it happened.
    pub open_files: u32,
    /// Bytes in the work directory, `/tmp` and `/dev/shm` together, in whole pages. The program sees ENOSPC; a
    /// note, no verdict. They also count as memory.
    #[serde(rename = "disk_bytes")]
    pub disk: Bytes,
    /// Files and directories in the same three. The program sees ENOSPC; a note, no verdict.
    pub inodes: u32,
}

impl Limits {
    /// Defaults of a test run (commands.md, "Defaults").
    pub fn run_defaults() -> Self {
        Self {
            cpu_time: Duration::from_secs(2),
            wall_time: Duration::from_secs(7),
            memory: Bytes::mib(256),
            output: Bytes::mib(8),
            output_and_files: None,
            file_size: Bytes::mib(64),
            processes: 64,
            open_files: 256,
            disk: Bytes::mib(64),
            inodes: 4096,
        }
    }

    /// Defaults of a compile run (commands.md, "Defaults").
    pub fn compile_defaults() -> Self {
        Self {
            cpu_time: Duration::from_secs(30),
            wall_time: Duration::from_mins(1),
            memory: Bytes::gib(2),
            output: Bytes::kib(64),
            output_and_files: None,
            file_size: Bytes::mib(64),
            processes: 256,
            open_files: 1024,
            disk: Bytes::mib(512),
            inodes: 65_536,
        }
    }

    /// The most an operator allows unless the configuration says otherwise.
    pub fn default_maxima() -> Self {
        Self {
            cpu_time: Duration::from_mins(5),
            wall_time: Duration::from_mins(15),
            memory: Bytes::gib(8),
            output: Bytes::gib(1),
            output_and_files: None,
            file_size: Bytes::gib(1),
            processes: 1024,
            open_files: 4096,
            disk: Bytes::gib(2),
            inodes: 1 << 20,
        }
    }

    /// The wall limit that belongs to a cpu limit when nobody named one: three times it and one second.
    pub fn wall_for(cpu: Duration) -> Duration {
        cpu * 3 + Duration::from_secs(1)
    }
}

/// Limits somebody asked for; what is absent keeps its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsRequest {
    /// CPU time in milliseconds. The wall limit follows unless named.
    #[serde(rename = "cpu_time_ms", with = "opt_ms", default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub cpu_time: Option<Duration>,
    /// Wall-clock time in milliseconds.
    #[serde(rename = "wall_time_ms", with = "opt_ms", default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub wall_time: Option<Duration>,
    /// Memory in bytes.
    #[serde(rename = "memory_bytes", default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// stdout and stderr together, in bytes.
    #[serde(rename = "output_bytes", default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Bytes>,
    /// Largest single file, in bytes.
    #[serde(rename = "file_size_bytes", default, skip_serializing_if = "Option::is_none")]
    pub file_size: Option<Bytes>,
    /// Processes and threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Open files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u32>,
    /// Bytes in the work directory.
    #[serde(rename = "disk_bytes", default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Bytes>,
    /// Files and directories in the work directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u32>,
}

/// A requested limit that cannot be granted. It is refused, never clamped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Zero would mean "unlimited" somewhere; it means nothing here.
    #[error("limit `{key}` is zero; it must be between {min} and {max}")]
    Zero {
        /// The JSON key.
        key: &'static str,
        /// The smallest value that makes sense.
        min: String,
        /// The operator's maximum.
        max: String,
    },
    /// Below what any program needs to start.
    #[error("limit `{key}` is {value}; it must be between {min} and {max}")]
    TooSmall {
        /// The JSON key.
        key: &'static str,
        /// What was asked for.
        value: String,
        /// The smallest value that makes sense.
        min: String,
        /// The operator's maximum.
        max: String,
    },
    /// Above the operator's maximum.
    #[error("limit `{key}` is {value}; the operator's maximum is {max}")]
    TooLarge {
        /// The JSON key.
        key: &'static str,
        /// What was asked for.
        value: String,
        /// The operator's maximum.
        max: String,
    },
}

impl LimitError {
    /// The JSON key of the limit in question.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Zero { key, .. } | Self::TooSmall { key, .. } | Self::TooLarge { key, .. } => key,
        }
    }
}

fn pick<T: Copy + Ord + Default>(
    key: &'static str,
    asked: Option<T>,
    default: T,
    min: T,
    max: T,
    show: impl Fn(T) -> String,
) -> Result<T, LimitError> {
    // What nobody named is ours to choose, and never more than the operator allows.
    let Some(value) = asked else { return Ok(default.min(max)) };
    if value == T::default() {
        return Err(LimitError::Zero { key, min: show(min), max: show(max) });
    }
    if value < min {
        return Err(LimitError::TooSmall { key, value: show(value), min: show(min), max: show(max) });
    }
    if value > max {
        return Err(LimitError::TooLarge { key, value: show(value), max: show(max) });
    }
    Ok(value)
}

impl LimitsRequest {
    /// Fills in `defaults`, at most the maxima, and holds every named value against `maxima`.
    ///
    /// # Errors
    /// The first limit that is zero, absurdly small, or above the maximum.
    pub fn resolve(&self, defaults: &Limits, maxima: &Limits) -> Result<Limits, LimitError> {
        let bytes = |b: Bytes| b.to_string();
        let count = |n: u32| n.to_string();
        let min_time = Duration::from_millis(1);
        let cpu_time = pick(
            "cpu_time_ms",
            self.cpu_time,
            defaults.cpu_time,
            min_time,
            maxima.cpu_time,
            format_duration,
        )?;
        let wall_default =
            if self.cpu_time.is_some() { Limits::wall_for(cpu_time) } else { defaults.wall_time };
        Ok(Limits {
            cpu_time,
            wall_time: pick(
                "wall_time_ms",
                self.wall_time,
                wall_default,
                min_time,
                maxima.wall_time,
                format_duration,
            )?,
            memory: pick("memory_bytes", self.memory, defaults.memory, Bytes::mib(1), maxima.memory, bytes)?,
            output: pick("output_bytes", self.output, defaults.output, Bytes(1), maxima.output, bytes)?,
            output_and_files: defaults.output_and_files,
            file_size: pick(
                "file_size_bytes",
                self.file_size,
                defaults.file_size,
                Bytes(1),
                maxima.file_size,
                bytes,
            )?,
            processes: pick("processes", self.processes, defaults.processes, 1, maxima.processes, count)?,
            open_files: pick(
                "open_files",
                self.open_files,
                defaults.open_files,
                8,
                maxima.open_files,
                count,
            )?,
            disk: pick("disk_bytes", self.disk, defaults.disk, Bytes::kib(64), maxima.disk, bytes)?,
            inodes: pick("inodes", self.inodes, defaults.inodes, 16, maxima.inodes, count)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(json: &str) -> Result<Limits, LimitError> {
        let request: LimitsRequest = serde_json::from_str(json).unwrap();
        request.resolve(&Limits::run_defaults(), &Limits::default_maxima())
    }

    #[test]
    fn the_wall_limit_follows_the_cpu_limit_unless_named() {
        assert_eq!(resolve(r#"{"cpu_time_ms":1000}"#).unwrap().wall_time, Duration::from_secs(4));
        let both = resolve(r#"{"cpu_time_ms":1000,"wall_time_ms":1500.5}"#).unwrap();
        assert_eq!(both.wall_time, Duration::from_micros(1_500_500));
    }

    #[test]
    fn zero_and_absurd_limits_are_refused_by_key() {
        for (json, key) in [
            (r#"{"cpu_time_ms":0}"#, "cpu_time_ms"),
            (r#"{"memory_bytes":0}"#, "memory_bytes"),
            (r#"{"memory_bytes":5}"#, "memory_bytes"),
            (r#"{"memory_bytes":99999999999999}"#, "memory_bytes"),
            (r#"{"cpu_time_ms":1e10}"#, "cpu_time_ms"),
            (r#"{"processes":0}"#, "processes"),
        ] {
            assert_eq!(resolve(json).unwrap_err().key(), key, "{json}");
        }
    }

    #[test]
    fn every_limit_is_refused_at_zero_and_above_the_maximum_and_taken_in_between() {
        let maxima = serde_json::to_value(Limits::default_maxima()).unwrap();
        let maxima = maxima.as_object().unwrap();
        assert_eq!(maxima.len(), 9, "a new limit has its maximum");
        for (key, max) in maxima {
            let ask = |value: u64| resolve(&format!(r#"{{"{key}":{value}}}"#));
            let max = max.as_f64().unwrap() as u64;
            let zero = ask(0).unwrap_err();
            assert!(matches!(&zero, LimitError::Zero { key: k, .. } if k == key), "{key}: {zero}");
            let above = ask(max + 1).unwrap_err();
            assert!(matches!(&above, LimitError::TooLarge { key: k, .. } if k == key), "{key}: {above}");
            let taken = serde_json::to_value(ask(max).unwrap()).unwrap();
            assert_eq!(taken[key].as_f64().unwrap() as u64, max, "{key}");
        }
    }

    #[test]
    fn a_limit_nobody_named_stays_within_the_maximum() {
        let maxima = Limits {
            cpu_time: Duration::from_secs(1),
            wall_time: Duration::from_secs(2),
            memory: Bytes::mib(100),
            inodes: 50,
            ..Limits::default_maxima()
        };
        let got = LimitsRequest::default().resolve(&Limits::run_defaults(), &maxima).unwrap();
        let Limits { cpu_time, wall_time, memory, inodes, .. } = got;
        assert_eq!((cpu_time, wall_time), (maxima.cpu_time, maxima.wall_time));
        assert_eq!((memory, inodes), (maxima.memory, maxima.inodes));
        assert_eq!((got.disk, got.output), (Limits::run_defaults().disk, Limits::run_defaults().output));
        let named = LimitsRequest { cpu_time: Some(Duration::from_secs(1)), ..LimitsRequest::default() };
        let got = named.resolve(&Limits::run_defaults(), &maxima).unwrap();
        assert_eq!(got.wall_time, maxima.wall_time, "three times the cpu limit and one second is more");
    }

    #[test]
    fn an_unknown_limit_is_refused() {
        assert!(serde_json::from_str::<LimitsRequest>(r#"{"cpu_time":1}"#).is_err());
    }
}
