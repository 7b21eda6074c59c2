//! Programs of a package: one file or one folder each. They are listed here and built by the worker.

use crate::diagnostic::Findings;
use crate::manifest::Manifest;
use crate::model::{FormatVersion, Program, Validator};
use crate::tree::Tree;

/// Most bytes of source in one program of the package.
const MAX_SOURCE: u64 = 16 << 20;

/// The programs directly in `folder`: each file and each folder is one. Sorted by path.
pub(crate) fn in_folder(tree: &Tree, folder: &str, findings: &mut Findings) -> Vec<Program> {
    let mut names: Vec<&str> = Vec::new();
    for (rel, _) in tree.under(folder) {
        let name = rel.split('/').next().unwrap_or(rel);
        if names.last() != Some(&name) && usable(name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| program(tree, &format!("{folder}/{name}"), findings)).collect()
}

/// Names the format knows: `[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,254}`. Others are ignored as if removed.
pub(crate) fn usable(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.len() <= 255
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || matches!(b, b'.' | b'-'))
}

/// The program at `path`: a file, or a folder with all its files.
fn program(tree: &Tree, path: &str, findings: &mut Findings) -> Program {
    let (files, size): (Vec<_>, u64) = if let Some(entry) = tree.files.get(path) {
        let name = path.rsplit('/').next().unwrap_or(path);
        (vec![(name.to_owned(), entry.disk.clone())], entry.size)
    } else {
        let files = tree.under(path).map(|(rel, e)| (rel.to_owned(), e.disk.clone())).collect();
        (files, tree.under(path).map(|(_, e)| e.size).sum())
    };
    if size > MAX_SOURCE {
        findings.error(path, None, format!("the program has {size} bytes; the maximum is {MAX_SOURCE}"));
    }
    let has_build = tree.files.contains_key(&format!("{path}/build"));
    Program { path: path.to_owned(), files, language: None, has_build }
}

/// What decides output against answer.
pub(crate) fn validator(tree: &Tree, manifest: &Manifest, findings: &mut Findings) -> Validator {
    const LEGACY: &str = "output_validators";
    const NEW: &str = "output_validator";
    match manifest.version {
        FormatVersion::V2025_09 => {
            if tree.has_folder(LEGACY) {
                findings.error(
                    LEGACY,
                    None,
                    format!(
                        "this is the folder of legacy packages; in 2025-09 it is `{NEW}/` with one program"
                    ),
                );
            }
            if tree.has_folder(NEW) {
                Validator::Custom(vec![program(tree, NEW, findings)])
            } else {
                Validator::Default
            }
        }
        FormatVersion::Legacy if manifest.custom_validation => {
            let programs = in_folder(tree, LEGACY, findings);
            if programs.is_empty() {
                findings.error(
                    LEGACY,
                    None,
                    "`validation: custom` needs at least one program in this folder",
                );
            }
            Validator::Custom(programs)
        }
        FormatVersion::Legacy => {
            for folder in [LEGACY, NEW].into_iter().filter(|f| tree.has_folder(f)) {
                findings.warning(
                    folder,
                    None,
                    "ignored, because `validation` in problem.yaml is not `custom`",
                );
            }
            Validator::Default
        }
    }
}

/// Refuses parts of a package that decide verdicts and are not obeyed yet.
pub(crate) fn refuse_unsupported(tree: &Tree, manifest: &Manifest, findings: &mut Findings) {
    if tree.has_folder("include") {
        findings.unsupported("include", None, "files added to submissions");
    }
    if manifest.version == FormatVersion::V2025_09 && tree.has_folder("static_validator") {
        findings.unsupported("static_validator", None, "static validators");
    }
}
