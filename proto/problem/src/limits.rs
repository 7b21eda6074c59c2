//! Limits of a package: the `limits` mapping of either version, and the files that other systems keep the
//! time limit in.

use std::time::Duration;

use proto::units::Bytes;

use crate::diagnostic::Findings;
use crate::model::{FormatVersion, ProblemLimits};
use crate::score::Score;
use crate::timing::TimeRule;
use crate::tree::Tree;
use crate::yaml::Fields;

/// Longest time a package can ask for, in seconds: over a day helps nobody.
const MAX_SECONDS: f64 = 100_000.0;
/// Shortest time limit that can be measured.
const MIN_SECONDS: f64 = 0.001;
/// Most passes a package can ask for.
const MAX_PASSES: u32 = 1000;
/// Passes of a multi-pass problem that names none.
pub(crate) const PASSES: u32 = 2;
/// Most MiB a package can ask for (1 TiB).
const MAX_MIB: u32 = 1 << 20;

const KNOWN: &str = "`time_limit`, `time_resolution`, `time_multipliers`, `memory`, `output`, `code`, \
                     `compilation_time`, `compilation_memory`, `validation_time`, `validation_memory`, \
                     `validation_output`, `validation_passes`";
const KNOWN_LEGACY: &str = "`time_limit`, `time_multiplier`, `time_safety_margin`, `memory`, `output`, `code`, \
                            `compilation_time`, `compilation_memory`, `validation_time`, `validation_memory`, \
                            `validation_output`, `validation_passes`";

/// The format's defaults.
fn defaults(version: FormatVersion) -> ProblemLimits {
    ProblemLimits {
        cpu_time: None,
        memory: Bytes::mib(2048),
        output: Bytes::mib(8),
        code: Bytes::kib(128),
        compilation_time: Duration::from_mins(1),
        compilation_memory: Bytes::mib(2048),
        validation_time: Duration::from_mins(1),
        validation_memory: Bytes::mib(2048),
        validation_output: Bytes::mib(8),
        validation_passes: PASSES,
        time_rule: match version {
            FormatVersion::Legacy => TimeRule::legacy(),
            FormatVersion::Draft2023_07 | FormatVersion::V2025_09 => TimeRule::v2025(),
        },
    }
}

/// Takes `limits` out of the manifest.
pub(crate) fn read(
    top: &mut Fields<'_>,
    version: FormatVersion,
    path: &str,
    findings: &mut Findings,
) -> ProblemLimits {
    let mut limits = defaults(version);
    let Some(mut fields) = top.mapping("limits", findings) else { return limits };
    let time = fields.positive("time_limit", "seconds", MAX_SECONDS, findings);
    limits.cpu_time = time.and_then(|(s, line)| seconds(path, Some(line), s, findings));
    for (key, slot) in
        [("compilation_time", &mut limits.compilation_time), ("validation_time", &mut limits.validation_time)]
    {
        if let Some((s, line)) = fields.positive(key, "seconds", MAX_SECONDS, findings) {
            *slot = seconds(path, Some(line), s, findings).unwrap_or(*slot);
        }
    }
    for (key, slot) in [
        ("memory", &mut limits.memory),
        ("output", &mut limits.output),
        ("compilation_memory", &mut limits.compilation_memory),
        ("validation_memory", &mut limits.validation_memory),
        ("validation_output", &mut limits.validation_output),
    ] {
        if let Some(mib) = fields.whole(key, "MiB", MAX_MIB, findings) {
            *slot = Bytes::mib(mib);
        }
    }
    if let Some(kib) = fields.whole("code", "KiB", MAX_MIB, findings) {
        limits.code = Bytes::kib(kib);
    }
    // In legacy it comes with `multi-pass`, an extension of other judges.
    let line = fields.line_of("validation_passes");
    if let Some(passes) = fields.whole("validation_passes", "passes", MAX_PASSES, findings) {
        limits.validation_passes = passes as u32;
        if passes < 2 {
            findings.error(path, line, "`limits.validation_passes` is `1`; at least 2 are needed");
        }
    }
    let rule = &mut limits.time_rule;
    match version {
        FormatVersion::Legacy => {
            for (key, slot) in
                [("time_multiplier", &mut rule.ac_to_limit), ("time_safety_margin", &mut rule.limit_to_tle)]
            {
                factor(&mut fields, key, path, slot, findings);
            }
            fields.finish(false, KNOWN_LEGACY, findings);
        }
        FormatVersion::Draft2023_07 | FormatVersion::V2025_09 => {
            if let Some((value, text, line)) = fields.number("time_resolution", findings) {
                match Score::parse(&text) {
                    Some(exact) if (MIN_SECONDS..=MAX_SECONDS).contains(&value) => rule.resolution = exact,
                    _ => drop(seconds(path, Some(line), value.min(0.0), findings)),
                }
            }
            if let Some(mut factors) = fields.mapping("time_multipliers", findings) {
                for (key, slot) in [
                    ("ac_to_time_limit", &mut rule.ac_to_limit),
                    ("time_limit_to_tle", &mut rule.limit_to_tle),
                ] {
                    factor(&mut factors, key, path, slot, findings);
                }
                factors.finish(true, "`ac_to_time_limit`, `time_limit_to_tle`", findings);
            }
            fields.finish(version == FormatVersion::V2025_09, KNOWN, findings);
        }
    }
    limits
}

/// Takes a safety factor: at least 1.
fn factor(fields: &mut Fields<'_>, key: &str, path: &str, slot: &mut Score, findings: &mut Findings) {
    let Some((value, text, line)) = fields.number(key, findings) else { return };
    match Score::parse(&text) {
        Some(exact) if exact >= Score::ONE && value <= MAX_SECONDS => *slot = exact,
        _ => findings.error(
            path,
            Some(line),
            format!(
                "`{key}` is `{}`; a factor of at least 1 is needed",
                text.chars().take(60).collect::<String>()
            ),
        ),
    }
}

fn seconds(path: &str, line: Option<u32>, value: f64, findings: &mut Findings) -> Option<Duration> {
    if (MIN_SECONDS..=MAX_SECONDS).contains(&value) {
        return Some(Duration::from_secs_f64(value));
    }
    findings.error(
        path,
        line,
        format!("a time of {value} s cannot be kept; {MIN_SECONDS} to {MAX_SECONDS} seconds are possible"),
    );
    None
}

/// The time limit kept outside `problem.yaml`: `domjudge-problem.ini`, then `.timelimit`.
pub(crate) fn from_other_files(tree: &Tree, findings: &mut Findings) -> Option<Duration> {
    const INI: &str = "domjudge-problem.ini";
    const FILE: &str = ".timelimit";
    if let Some(text) = tree.text(INI, 64 << 10, findings) {
        for (i, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once('=') else { continue };
            if key.trim().eq_ignore_ascii_case("timelimit") {
                return number(INI, i as u32 + 1, value.trim().trim_matches(['\'', '"']), findings);
            }
        }
    }
    let text = tree.text(FILE, 1 << 10, findings)?;
    number(FILE, 1, text.trim(), findings)
}

fn number(path: &str, line: u32, text: &str, findings: &mut Findings) -> Option<Duration> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => seconds(path, Some(line), value, findings),
        _ => {
            let shown: String = text.chars().take(60).collect();
            findings.error(
                path,
                Some(line),
                format!("`{shown}` is no time limit; a number of seconds such as `2` is needed"),
            );
            None
        }
    }
}
