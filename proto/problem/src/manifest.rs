//! `problem.yaml` of either version.

use crate::diagnostic::Findings;
use crate::limits;
use crate::model::{FormatVersion, ProblemLimits};
use crate::tree::Tree;
use crate::yaml::{self, Fields, Value};

pub(crate) const FILE: &str = "problem.yaml";

const KNOWN: &str = "`problem_format_version`, `type`, `name`, `uuid`, `version`, `credits`, `source`, `license`, \
                     `rights_owner`, `embargo_until`, `limits`, `keywords`, `languages`, `allow_file_writing`, \
                     `constants`";
const KNOWN_LEGACY: &str = "`problem_format_version`, `type`, `name`, `uuid`, `author`, `source`, `source_url`, \
                            `license`, `rights_owner`, `limits`, `validation`, `validator_flags`, `keywords`, \
                            `grading`, `languages`";
const LICENSES: [&str; 7] =
    ["unknown", "public domain", "cc0", "cc by", "cc by-sa", "educational", "permission"];

/// What `problem.yaml` says.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) version: FormatVersion,
    pub(crate) title: Option<String>,
    pub(crate) uuid: Option<String>,
    pub(crate) limits: ProblemLimits,
    /// Legacy: whether `validation` starts with `custom`.
    pub(crate) custom_validation: bool,
    /// Legacy: `validator_flags`, and their line.
    pub(crate) validator_flags: (Vec<String>, u32),
    pub(crate) languages: Option<Vec<String>>,
    pub(crate) allow_file_writing: bool,
}

/// Reads it. `None` when there is nothing to go on with.
pub(crate) fn read(tree: &Tree, findings: &mut Findings) -> Option<Manifest> {
    if !tree.files.contains_key(FILE) {
        findings.error(FILE, None, "the file is missing; every problem package has one at its top");
        return None;
    }
    let text = tree.text(FILE, yaml::MAX_BYTES, findings)?;
    let mut top = yaml::read(FILE, &text, findings)?;
    let version = match top.text("problem_format_version", findings) {
        None => FormatVersion::Legacy,
        Some((v, _)) if v == "legacy" || v == "legacy-icpc" => FormatVersion::Legacy,
        Some((v, _)) if v == "2025-09" => FormatVersion::V2025_09,
        Some((v, line)) if v.starts_with("2023-07") || v == "draft" => {
            findings.unsupported(
                FILE,
                Some(line),
                "the drafts of 2023-07; say `problem_format_version: 2025-09` and follow it",
            );
            return None;
        }
        Some((v, line)) => {
            let shown: String = v.chars().take(60).collect();
            findings.error(
                FILE,
                Some(line),
                format!("`{shown}` is no format version; `2025-09`, `legacy` or `legacy-icpc` is needed"),
            );
            return None;
        }
    };
    let mut manifest = Manifest {
        version,
        title: title(&mut top, findings),
        uuid: top.text("uuid", findings).map(|(t, _)| t),
        limits: limits::read(&mut top, version, FILE, findings),
        custom_validation: false,
        validator_flags: (Vec::new(), 1),
        languages: languages(&mut top, findings),
        allow_file_writing: true,
    };
    kind(&mut top, version, findings);
    license(&mut top, findings);
    match version {
        FormatVersion::Legacy => legacy(&mut manifest, tree, top, findings),
        FormatVersion::V2025_09 => v2025(&mut manifest, top, findings),
    }
    if manifest.limits.cpu_time.is_none() && !findings.failed() {
        let key = "`limits.time_limit`";
        findings.warning(
            FILE,
            None,
            format!("no time limit is given; the judge's default is used until {key} says one"),
        );
    }
    Some(manifest)
}

fn legacy(manifest: &mut Manifest, tree: &Tree, mut top: Fields<'_>, findings: &mut Findings) {
    if let Some((words, line)) = top.words("validation", findings) {
        match words.first().map(String::as_str) {
            Some("default") if words.len() == 1 => {}
            Some("custom") => manifest.custom_validation = true,
            _ => {
                let shown = words.join(" ");
                findings.error(
                    FILE,
                    Some(line),
                    format!("`validation` is `{shown}`; `default` or `custom` is needed"),
                );
            }
        }
        for word in words.iter().skip(1).filter(|_| manifest.custom_validation) {
            match word.as_str() {
                "score" | "interactive" | "multi-pass" => {
                    findings.unsupported(FILE, Some(line), &format!("`validation: custom {word}`"));
                }
                other => findings.error(
                    FILE,
                    Some(line),
                    format!("`validation: custom {other}` means nothing; `custom` is needed"),
                ),
            }
        }
    }
    if let Some(flags) = top.words("validator_flags", findings) {
        manifest.validator_flags = flags;
    }
    if manifest.limits.cpu_time.is_none() {
        manifest.limits.cpu_time = limits::from_other_files(tree, findings);
    }
    top.ignore(&[
        "author",
        "source",
        "source_url",
        "rights_owner",
        "keywords",
        "grading",
        "version",
        "credits",
    ]);
    top.finish(false, KNOWN_LEGACY, findings);
}

fn v2025(manifest: &mut Manifest, mut top: Fields<'_>, findings: &mut Findings) {
    if manifest.title.is_none() {
        findings.error(FILE, None, "`name` is missing; a text, or a mapping of language to text, is needed");
    }
    if manifest.uuid.is_none() {
        findings.warning(
            FILE,
            None,
            "`uuid` is missing; the format asks for one, so that the problem keeps its identity when renamed",
        );
    }
    manifest.allow_file_writing = top.boolean("allow_file_writing", findings).unwrap_or(false);
    if let Some(constants) = top.mapping("constants", findings) {
        let line = constants.line;
        if !constants.rest().is_empty() {
            findings.unsupported(FILE, Some(line), "`constants`");
        }
    }
    top.ignore(&["version", "credits", "source", "rights_owner", "embargo_until", "keywords"]);
    top.finish(true, KNOWN, findings);
}

fn title(top: &mut Fields<'_>, findings: &mut Findings) -> Option<String> {
    let node = top.take("name")?;
    match node.value {
        Value::Text(t) | Value::Number(_, t) if !t.trim().is_empty() => Some(t.trim().to_owned()),
        Value::Map(entries) => {
            let text = |value: &Value| match value {
                Value::Text(t) | Value::Number(_, t) => Some(t.trim().to_owned()),
                _ => None,
            };
            let english = entries.iter().find(|(k, _)| k.name == "en").or(entries.first());
            let title = english.and_then(|(_, n)| text(&n.value));
            if title.is_none() {
                findings.error(
                    FILE,
                    Some(node.line),
                    "`name` holds no text; a mapping such as `en: A title` is needed",
                );
            }
            title
        }
        _ => {
            findings.error(
                FILE,
                Some(node.line),
                "`name` is not a text; a text, or a mapping of language to text, is needed",
            );
            None
        }
    }
}

fn kind(top: &mut Fields<'_>, version: FormatVersion, findings: &mut Findings) {
    let in_one_text = top.is_text("type");
    let Some((words, line)) = top.words("type", findings) else { return };
    if version == FormatVersion::V2025_09 && words.len() > 1 && in_one_text {
        findings.warning(FILE, Some(line), "several types in one text; a list is the right form");
    }
    for word in &words {
        match word.as_str() {
            "pass-fail" => {}
            "scoring" | "interactive" | "multi-pass" | "submit-answer" => {
                findings.unsupported(FILE, Some(line), &format!("`type: {word}`"));
            }
            other => {
                let shown: String = other.chars().take(60).collect();
                let want =
                    "`pass-fail`, `scoring`, `interactive`, `multi-pass` and `submit-answer` are known";
                findings.error(FILE, Some(line), format!("`type` is `{shown}`; {want}"));
            }
        }
    }
}

fn languages(top: &mut Fields<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let (words, line) = top.words("languages", findings)?;
    if words.iter().any(|w| w == "all") {
        return None;
    }
    if words.is_empty() {
        findings.error(
            FILE,
            Some(line),
            "`languages` allows none; `all` or a list of language codes is needed",
        );
    }
    Some(words)
}

fn license(top: &mut Fields<'_>, findings: &mut Findings) {
    if let Some((text, line)) = top.text("license", findings)
        && !LICENSES.contains(&text.as_str())
    {
        findings.warning(FILE, Some(line), format!("`license` is not one of {}", LICENSES.join(", ")));
    }
}
