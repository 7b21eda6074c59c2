//! Files of `data/` that look like test data and are none, or contradict each other.
//!
//! Nothing a package holds is dropped without a word: an answer without its input, settings under a name that the
//! version does not know, and a file of another version are told.

use crate::diagnostic::Findings;
use crate::model::FormatVersion;
use crate::settings::Folders;
use crate::tree::Tree;

/// Folders of `data/` with inputs.
const FOLDERS: [&str; 6] =
    ["sample", "secret", "invalid_input", "invalid_output", "invalid_answers", "valid_output"];

/// What belongs to a case, and says nothing without its input.
const BESIDE: [&str; 3] = [".ans", ".yaml", ".hint"];

/// Tells them.
pub(crate) fn tell(folders: &Folders<'_>, findings: &mut Findings) {
    let (right, wrong) = folders.file_names();
    let (tree, version) = (folders.tree, folders.manifest.version);
    let mut files_folder = "";
    for (rel, _) in tree.under("data") {
        let path = format!("data/{rel}");
        let (above, name) = rel.rsplit_once('/').unwrap_or(("", rel));
        let top = rel.split('/').next().unwrap_or_default();
        if let Some(at) = rel.find(".files/") {
            // Whatever a program finds beside itself is the case's own business.
            let folder = &rel[..at];
            if std::mem::replace(&mut files_folder, folder) != folder {
                files_of(tree, version, folder, findings);
            }
        } else if name == wrong && version != FormatVersion::Draft2023_07 {
            findings.error(&path, None, format!("this format version calls the file `{right}`"));
        } else if version == FormatVersion::V2025_09 && is_no_group(rel, right) {
            let message = "test groups are data/sample, data/secret and the folders directly in data/secret";
            findings.error(&path, None, message);
        } else if [right, wrong].contains(&name) {
        } else if let Some(stem) = name.strip_suffix(".yml") {
            findings.warning(&path, None, format!("ignored: the name of such a file is `{stem}.yaml`"));
        } else if name.ends_with(".args") {
            let message = "ignored: arguments of a case stand in its `.yaml`, under `args`";
            findings.warning(&path, None, message);
        } else if version == FormatVersion::Legacy && name.ends_with(".yaml") {
            let message = "ignored: a case of a legacy package has no settings of its own; its folder's are in \
                           `testdata.yaml`";
            findings.warning(&path, None, message);
        } else if FOLDERS.contains(&top)
            && let Some(stem) = BESIDE.iter().find_map(|ending| path.strip_suffix(ending))
            && !tree.files.contains_key(&format!("{stem}.in"))
        {
            findings.warning(&path, None, format!("ignored: there is no {stem}.in that it belongs to"));
        } else if name.ends_with(".in") && !FOLDERS.contains(&top) {
            findings.warning(&path, None, "ignored: test cases lie in data/sample and data/secret");
        } else if let Some(case) = name.strip_suffix(".in") {
            shown(folders, &format!("data/{above}/{case}"), findings);
        }
    }
    if version == FormatVersion::V2025_09 {
        mixed_groups(folders, findings);
    }
}

/// A folder of files for a case: of which case, and whether the version has such folders.
fn files_of(tree: &Tree, version: FormatVersion, case: &str, findings: &mut Findings) {
    let path = format!("data/{case}.files");
    if !tree.files.contains_key(&format!("data/{case}.in")) {
        findings.warning(&path, None, format!("ignored: there is no data/{case}.in that it belongs to"));
    } else if version == FormatVersion::Legacy {
        let message =
            "ignored: a legacy package has no files for a case; `problem_format_version: 2025-09` has";
        findings.warning(&path, None, message);
    }
}

/// What of a case is shown in place of what it is judged on must not contradict.
fn shown(folders: &Folders<'_>, case: &str, findings: &mut Findings) {
    let there = |ending: &str| folders.tree.files.contains_key(&format!("{case}.{ending}"));
    let mut both = |one: &str, other: &str| {
        if there(one) && there(other) {
            let path = format!("{case}.{other}");
            let message = format!(
                "`.{one}` and `.{other}` are shown for the same thing; only one of them may be there"
            );
            if folders.manifest.version == FormatVersion::V2025_09 {
                findings.error(&path, None, message);
            } else {
                findings.warning(&path, None, message);
            }
        }
    };
    both("out", "ans.statement");
    for other in ["out", "in.statement", "ans.statement"] {
        both("interaction", other);
    }
}

/// Whether `rel`, below `data/`, is a settings file in a folder that 2025-09 knows no group in.
fn is_no_group(rel: &str, file: &str) -> bool {
    let Some(folder) = rel.strip_suffix(file) else { return false };
    match folder.split('/').collect::<Vec<_>>()[..] {
        [""] => true,
        ["sample", ""] | ["secret", _] | ["secret", _, ""] | [] => false,
        [top, ..] => matches!(top, "sample" | "secret"),
    }
}

/// In 2025-09 `secret` has either cases or groups. Folders without any settings are let through beside
/// cases, as an earlier text of the format did.
fn mixed_groups(folders: &Folders<'_>, findings: &mut Findings) {
    let secret = || folders.tree.under("data/secret");
    if !secret().any(|(rel, _)| rel.split_once('/').is_some_and(|(_, rest)| rest == "test_group.yaml")) {
        return;
    }
    for (rel, _) in secret().filter(|(rel, _)| rel.ends_with(".in") && !rel.contains('/')) {
        let message = "data/secret has groups, so every case must lie in one of its folders";
        findings.error(&format!("data/secret/{rel}"), None, message);
    }
}
