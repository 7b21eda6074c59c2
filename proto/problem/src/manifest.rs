//! `problem.yaml` of every version.

use crate::constants::{self, Constants};
use crate::diagnostic::Findings;
use crate::limits;
use crate::metadata;
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

/// What `problem.yaml` says.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) version: FormatVersion,
    pub(crate) title: Option<String>,
    /// Languages that `name` is given in; `None` for a single text.
    pub(crate) named_in: Option<Vec<String>>,
    pub(crate) uuid: Option<String>,
    pub(crate) limits: ProblemLimits,
    pub(crate) kind: Kind,
    /// Legacy: whether `validation` starts with `custom`.
    pub(crate) custom_validation: bool,
    /// Legacy: `validator_flags`, and their line.
    pub(crate) validator_flags: (Vec<String>, u32),
    pub(crate) languages: Option<Vec<String>>,
    pub(crate) allow_file_writing: bool,
    pub(crate) constants: Constants,
}

/// What `type`, and in legacy `validation` and `grading`, make of the problem.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kind {
    pub(crate) scoring: bool,
    pub(crate) interactive: bool,
    pub(crate) multi_pass: bool,
    pub(crate) submit_answer: bool,
    /// Legacy: whether the validator gives scores.
    pub(crate) validator_scores: bool,
    /// Legacy: whether less is better.
    pub(crate) minimise: bool,
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
            let message =
                "the drafts of 2023-07 became 2025-09; the package is read as that, older names let through";
            findings.warning(FILE, Some(line), message);
            FormatVersion::Draft2023_07
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
    let named_in = top.keys_of("name");
    let mut manifest = Manifest {
        version,
        named_in,
        title: title(&mut top, findings),
        uuid: top.text("uuid", findings).map(|(t, _)| t),
        limits: limits::read(&mut top, version, FILE, findings),
        kind: kind(&mut top, version, findings),
        custom_validation: false,
        validator_flags: (Vec::new(), 1),
        languages: languages(&mut top, findings),
        allow_file_writing: true,
        constants: Constants::default(),
    };
    metadata::read(&mut top, version, findings);
    match version {
        FormatVersion::Legacy => legacy(&mut manifest, tree, top, findings),
        FormatVersion::Draft2023_07 | FormatVersion::V2025_09 => {
            v2025(&mut manifest, tree, top, findings);
        }
    }
    if manifest.limits.validation_passes != limits::PASSES && !manifest.kind.multi_pass {
        let message = "`limits.validation_passes` has no effect in a problem that is not `multi-pass`";
        findings.warning(FILE, None, message);
    }
    if manifest.limits.cpu_time.is_none() && !manifest.kind.submit_answer && !findings.failed() {
        let message = "no time limit is given (`limits.time_limit`); each judge infers its own from how long \
                       the accepted submissions take there";
        findings.warning(FILE, None, message);
    }
    Some(manifest)
}

fn legacy(manifest: &mut Manifest, tree: &Tree, mut top: Fields<'_>, findings: &mut Findings) {
    validation(manifest, &mut top, findings);
    if let Some(flags) = top.words("validator_flags", findings) {
        manifest.validator_flags = flags;
    }
    if manifest.limits.cpu_time.is_none() {
        manifest.limits.cpu_time = limits::from_other_files(tree, findings);
    }
    grading(manifest, &mut top, findings);
    top.ignore(&["author", "source_url"]);
    top.finish(false, KNOWN_LEGACY, findings);
}

/// `validation` of legacy: whether the validator is the package's own, and what it does.
fn validation(manifest: &mut Manifest, top: &mut Fields<'_>, findings: &mut Findings) {
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
                "score" => {
                    manifest.kind.validator_scores = true;
                    if !std::mem::replace(&mut manifest.kind.scoring, true) {
                        let message =
                            "`validation: custom score` makes the problem a scoring one; say `type: scoring`";
                        findings.warning(FILE, Some(line), message);
                    }
                }
                "interactive" => manifest.kind.interactive = true,
                "multi-pass" => {
                    manifest.kind.multi_pass = true;
                    let message =
                        "`multi-pass` in a legacy package is an extension of other judges; it is understood";
                    findings.warning(FILE, Some(line), message);
                }
                other => findings.error(
                    FILE,
                    Some(line),
                    format!("`validation: custom {other}` means nothing; `custom` is needed"),
                ),
            }
        }
    }
}

/// `grading` of legacy: whether more points are better.
fn grading(manifest: &mut Manifest, top: &mut Fields<'_>, findings: &mut Findings) {
    if let Some(mut grading) = top.mapping("grading", findings) {
        match grading.text("objective", findings) {
            None => {}
            Some((word, _)) if word == "max" => {}
            Some((word, _)) if word == "min" => manifest.kind.minimise = true,
            Some((word, line)) => {
                let shown: String = word.chars().take(60).collect();
                let message = format!("`grading.objective` is `{shown}`; `min` or `max` is needed");
                findings.error(FILE, Some(line), message);
            }
        }
        grading.ignore(&["show_test_data_groups"]);
        grading.finish(false, "`objective`, `show_test_data_groups`", findings);
    }
}

fn v2025(manifest: &mut Manifest, tree: &Tree, mut top: Fields<'_>, findings: &mut Findings) {
    let draft = manifest.version == FormatVersion::Draft2023_07;
    if manifest.title.is_none() && !findings.failed() {
        findings.error(FILE, None, "`name` is missing; a text, or a mapping of language to text, is needed");
    }
    if manifest.uuid.is_none() {
        findings.warning(
            FILE,
            None,
            "`uuid` is missing; the format asks for one, so that the problem keeps its identity when renamed",
        );
    }
    let writes = top.boolean("allow_file_writing", findings);
    // The drafts had no such key, and their judges let programs write.
    manifest.allow_file_writing = writes.unwrap_or(draft);
    manifest.constants = constants::read(&mut top, findings);
    if let Some((text, line)) = top.text("embargo_until", findings)
        && !is_moment(&text)
    {
        let shown: String = text.chars().take(60).collect();
        let want = "a day `YYYY-MM-DD` or a moment `YYYY-MM-DDThh:mm:ssZ` is needed";
        findings.error(FILE, Some(line), format!("`embargo_until` is `{shown}`; {want}"));
    }
    let kind = manifest.kind;
    if kind.submit_answer && (kind.interactive || kind.multi_pass) {
        findings.error(FILE, None, "`type: submit-answer` cannot be `interactive` or `multi-pass`");
    }
    if draft {
        if let Some(flags) = top.words("validator_flags", findings) {
            findings.warning(FILE, Some(flags.1), "`validator_flags` is an older name; `output_validator_args` in test_group.yaml is the newer one");
            manifest.validator_flags = flags;
        }
        if manifest.limits.cpu_time.is_none() {
            manifest.limits.cpu_time = limits::from_other_files(tree, findings);
        }
        for key in ["validation", "grading"] {
            if let Some(line) = top.line_of(key) {
                let message = format!("`{key}` is of legacy; it is obeyed, as the drafts began with it");
                findings.warning(FILE, Some(line), message);
            }
        }
        validation(manifest, &mut top, findings);
        grading(manifest, &mut top, findings);
        top.ignore(&["author", "source_url"]);
    }
    top.finish(!draft, KNOWN, findings);
}

/// `YYYY-MM-DD`, or that with `Thh:mm:ssZ`, of numbers that a calendar may have.
fn is_moment(text: &str) -> bool {
    let shape = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text
                .bytes()
                .zip(shape.bytes())
                .all(|(b, s)| if s == b'0' { b.is_ascii_digit() } else { b == s })
    };
    let number = |from: usize| text.get(from..from + 2).and_then(|t| t.parse::<u8>().ok());
    let within = |from, least, most| number(from).is_some_and(|n| (least..=most).contains(&n));
    let day = shape(text, "0000-00-00") || shape(text, "0000-00-00T00:00:00Z");
    day && within(5, 1, 12)
        && within(8, 1, 31)
        && (text.len() == 10 || (within(11, 0, 23) && within(14, 0, 59) && within(17, 0, 60)))
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

fn kind(top: &mut Fields<'_>, version: FormatVersion, findings: &mut Findings) -> Kind {
    let in_one_text = top.is_text("type");
    let mut kind = Kind::default();
    let Some((words, line)) = top.words("type", findings) else { return kind };
    if version != FormatVersion::Legacy && words.len() > 1 && in_one_text {
        findings.warning(FILE, Some(line), "several types in one text; a list is the right form");
    }
    let mut pass_fail = false;
    for word in &words {
        match word.as_str() {
            "pass-fail" => pass_fail = true,
            "scoring" => kind.scoring = true,
            "interactive" => kind.interactive = true,
            "multi-pass" => kind.multi_pass = true,
            "submit-answer" => kind.submit_answer = true,
            other => {
                let shown: String = other.chars().take(60).collect();
                let want =
                    "`pass-fail`, `scoring`, `interactive`, `multi-pass` and `submit-answer` are known";
                findings.error(FILE, Some(line), format!("`type` is `{shown}`; {want}"));
            }
        }
    }
    if words.is_empty() {
        findings.error(FILE, Some(line), "`type` names nothing; `pass-fail` or `scoring` is needed");
    }
    if let Some(twice) = words.iter().enumerate().find(|(i, word)| words[..*i].contains(word)) {
        findings.warning(FILE, Some(line), format!("`type` names `{}` twice", twice.1));
    }
    if pass_fail && kind.scoring {
        findings.error(FILE, Some(line), "`type` is both `pass-fail` and `scoring`; only one is possible");
    }
    kind
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_or_a_second_of_it_in_utc_as_a_calendar_may_have_it() {
        for text in [
            "2026-01-01",
            "2026-12-31",
            "2026-01-01T00:00:00Z",
            "2026-12-31T23:59:59Z",
            "2016-12-31T23:59:60Z",
            "2026-10-09T08:07:06Z",
        ] {
            assert!(is_moment(text), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-1-1",
            "2026-00-10",
            "2026-13-10",
            "2026-10-00",
            "2026-10-32",
            "2026/10/10",
            "2026-10-10T",
            "2026-10-10T10:00:00",
            "2026-10-10 10:00:00Z",
            "2026-10-10T24:00:00Z",
            "2026-10-10T10:60:00Z",
            "2026-10-10T10:00:61Z",
            "2026-10-10T10:00:00z",
            "2026-10-10T10:00:00Z ",
            "x026-10-10",
            "2026-10-1x",
            "2026-1\u{661}-0",
        ] {
            assert!(!is_moment(text), "{text}");
        }
    }
}
