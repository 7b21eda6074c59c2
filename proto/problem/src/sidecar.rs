//! `tribunal.yaml` at the top of a package: what this judge can do and the package format has no word for.
//!
//! Other tools ignore files they do not know at the top, so a package with one stays a package; it is only
//! here that these keys are obeyed. Importers write it for problems of other systems. Unknown keys are
//! errors, because a key nobody obeys is a problem judged wrongly.

use crate::diagnostic::Findings;
use crate::manifest::Manifest;
use crate::model::{FormatVersion, Protocol, Sidecar, Validator};
use crate::programs::usable;
use crate::score::{PLACES, Score};
use crate::tree::Tree;
use crate::yaml;

/// Its name.
pub const FILE: &str = "tribunal.yaml";

const KNOWN: &str = "`validator_protocol`, `checker`, `input_file`, `output_file`, `interactor`, \
                     `score_unit`";

/// Checkers a package may name. The judge's own list is held against this one by a test of `checker`.
pub const CHECKERS: [&str; 5] = ["default", "exact", "lines", "sorted", "unordered"];

/// Longest name of a file that stands for standard input or output.
const NAME_MAX: usize = 64;

/// Reads it, when it is there.
pub(crate) fn read(
    tree: &Tree,
    manifest: &Manifest,
    validator: &Validator,
    findings: &mut Findings,
) -> Sidecar {
    let mut sidecar = Sidecar::default();
    let Some(text) = tree.text(FILE, yaml::MAX_BYTES, findings) else { return sidecar };
    let Some(mut fields) = yaml::read(FILE, &text, findings) else { return sidecar };
    let custom = *validator != Validator::Default;
    if let Some((word, line)) = fields.text("validator_protocol", findings) {
        match word.as_str() {
            "testlib" if manifest.kind.multi_pass => {
                let message =
                    "`validator_protocol: testlib` is for checkers and interactors of a single pass";
                findings.error(FILE, Some(line), message);
            }
            "testlib" if custom => sidecar.protocol = Protocol::Testlib,
            "testlib" => {
                let message = "`validator_protocol` is `testlib`, and the package has no output validator";
                findings.error(FILE, Some(line), message);
            }
            "default" => {}
            _ => wrong(findings, line, "validator_protocol", &word, "`testlib` or `default`"),
        }
    }
    if let Some((word, line)) = fields.text("checker", findings) {
        if !CHECKERS.contains(&word.as_str()) {
            wrong(findings, line, "checker", &word, &format!("one of {}", CHECKERS.join(", ")));
        } else if custom {
            let message = "`checker` names one of the judge's own, and the package has an output validator; only one can decide";
            findings.error(FILE, Some(line), message);
        } else if word != "default" {
            sidecar.checker = Some(word);
        }
    }
    sidecar.interactor = interactor(&mut fields, &sidecar, manifest, validator, findings);
    sidecar.score_unit = score_unit(&mut fields, manifest, findings);
    let lines = ["input_file", "output_file"].map(|key| fields.line_of(key));
    sidecar.input_file = file_name("input_file", &mut fields, findings);
    sidecar.output_file = file_name("output_file", &mut fields, findings);
    fields.finish(true, KNOWN, findings);
    if let Some(line) = lines[0].or(lines[1]) {
        files_fit(&sidecar, manifest, line, lines[1], findings);
    }
    sidecar
}

fn wrong(findings: &mut Findings, line: u32, key: &str, got: &str, want: &str) {
    let shown: String = got.chars().take(60).collect();
    findings.error(FILE, Some(line), format!("`{key}` is `{shown}`; {want} is needed"));
}

/// The source of the interactor where a checker lies beside it.
fn interactor(
    fields: &mut yaml::Fields<'_>,
    sidecar: &Sidecar,
    manifest: &Manifest,
    validator: &Validator,
    findings: &mut Findings,
) -> Option<String> {
    let (name, line) = fields.text("interactor", findings)?;
    if sidecar.protocol != Protocol::Testlib || !manifest.kind.interactive {
        let message = "`interactor` is for an `interactive` problem with `validator_protocol: testlib`";
        findings.error(FILE, Some(line), message);
        return None;
    }
    let there = match validator {
        Validator::Custom(programs) => {
            matches!(&programs[..], [only] if only.files.iter().any(|(file, _)| *file == name))
        }
        Validator::Default => false,
    };
    if !there {
        wrong(findings, line, "interactor", &name, "a source file of the output validator");
        return None;
    }
    Some(name)
}

/// What a point of `max_score` is worth: a tenth, a hundredth and so on, so that points keep their decimal places
/// where the format has whole ones.
fn score_unit(fields: &mut yaml::Fields<'_>, manifest: &Manifest, findings: &mut Findings) -> Option<Score> {
    let (_, text, line) = fields.number("score_unit", findings)?;
    let tenths = (1..=PLACES).filter_map(|places| Score::ONE.shared(10usize.pow(places)));
    let unit = tenths.into_iter().find(|unit| Score::parse(&text) == Some(*unit));
    if unit.is_none() {
        wrong(findings, line, "score_unit", &text, "0.1, 0.01 and so on down to 1e-9");
    } else if !manifest.kind.scoring || manifest.version == FormatVersion::Legacy {
        let message = "`score_unit` is what a point of `max_score` is worth, and the package has none: it is pass-fail or legacy";
        findings.error(FILE, Some(line), message);
    }
    unit
}

/// What an input or output file may be called, in words.
pub const PLAIN_NAME: &str = "a plain file name of at most 64 letters, digits, `_`, `.` and `-`";

/// Whether an input or output file may be called so.
pub fn is_plain_name(name: &str) -> bool {
    usable(name) && name.len() <= NAME_MAX
}

fn file_name(key: &str, fields: &mut yaml::Fields<'_>, findings: &mut Findings) -> Option<String> {
    let (name, line) = fields.text(key, findings)?;
    if is_plain_name(&name) {
        return Some(name);
    }
    wrong(findings, line, key, &name, PLAIN_NAME);
    None
}

/// What files for input and output cannot go together with.
fn files_fit(
    sidecar: &Sidecar,
    manifest: &Manifest,
    line: u32,
    output_line: Option<u32>,
    findings: &mut Findings,
) {
    let kind = manifest.kind;
    if kind.interactive || kind.multi_pass || kind.submit_answer {
        let message = "`input_file` and `output_file` are for programs that run once on one input; \
                       the problem is `interactive`, `multi-pass` or `submit-answer`";
        findings.error(FILE, Some(line), message);
    }
    if sidecar.input_file.is_some() && sidecar.input_file == sidecar.output_file {
        findings.error(FILE, Some(line), "`input_file` and `output_file` are the same file; two are needed");
    }
    if sidecar.output_file.is_some() && !manifest.allow_file_writing {
        let message = match manifest.version {
            FormatVersion::V2025_09 => "`output_file` needs `allow_file_writing: true` in problem.yaml",
            FormatVersion::Legacy | FormatVersion::Draft2023_07 => {
                "`output_file` needs a package that lets programs write"
            }
        };
        findings.error(FILE, output_line, message);
    }
}
