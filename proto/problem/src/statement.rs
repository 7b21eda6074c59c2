//! The statement, when it is text a page can show.

use std::collections::BTreeSet;

use crate::diagnostic::Findings;
use crate::manifest::FILE;
use crate::model::FormatVersion;
use crate::tree::Tree;

/// Largest statement read.
const MAX_BYTES: u64 = 1 << 20;

/// Tells a package without a statement, and one whose statements and names (`None` for a single one) are not in the same
/// languages.
pub(crate) fn languages(
    tree: &Tree,
    names: Option<&[String]>,
    version: FormatVersion,
    findings: &mut Findings,
) {
    let legacy = version == FormatVersion::Legacy;
    let folders = if legacy { &["problem_statement"][..] } else { &["statement", "problem_statement"] };
    let mut found: BTreeSet<String> = BTreeSet::new();
    for folder in folders {
        for (name, _) in tree.under(folder) {
            let Some(rest) = name.strip_prefix("problem.") else { continue };
            let (language, kind) = rest.split_once('.').unwrap_or(("en", rest));
            if ["tex", "md", "pdf", "txt"].contains(&kind) {
                found.insert(language.to_owned());
            }
        }
    }
    if found.is_empty() {
        let (folder, odd) = if legacy { ("problem_statement", "statement") } else { ("statement", "") };
        if legacy && tree.has_folder(odd) {
            let message = "a legacy package has its statement in `problem_statement/`";
            return findings.warning(odd, None, message);
        }
        let message = "there is no statement; `problem.en.md`, or `.tex` or `.pdf`, is needed";
        return findings.warning(folder, None, message);
    }
    if legacy {
        return;
    }
    let named: BTreeSet<String> = match names {
        Some(names) => names.iter().cloned().collect(),
        None => BTreeSet::from(["en".to_owned()]),
    };
    if named != found {
        let list = |all: &BTreeSet<String>| all.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("`name` is in {}, and the statements are in {}", list(&named), list(&found));
        findings.warning(FILE, None, message);
    }
}

/// Markdown before plain text, English before other languages, the 2025-09 folder before the legacy one.
pub(crate) fn read(tree: &Tree, findings: &mut Findings) -> Option<String> {
    let mut found: Vec<(u8, String)> = Vec::new();
    for folder in ["statement", "problem_statement"] {
        for (name, _) in tree.under(folder) {
            let Some(rest) = name.strip_prefix("problem.") else { continue };
            let rank = match rest {
                "en.md" => 0,
                "md" => 1,
                "en.txt" => 2,
                "txt" => 3,
                other if other.ends_with(".md") && !other.contains('/') => 4,
                _ => continue,
            };
            found.push((rank, format!("{folder}/{name}")));
        }
    }
    let (_, path) = found.into_iter().min_by_key(|(rank, _)| *rank)?;
    tree.text(&path, MAX_BYTES, findings)
}
