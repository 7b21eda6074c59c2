//! The statement, when it is text a page can show.

use crate::diagnostic::Findings;
use crate::tree::Tree;

/// Largest statement read.
const MAX_BYTES: u64 = 1 << 20;

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
