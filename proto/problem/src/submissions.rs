//! The package's own submissions: `submissions/<folder>/<program>`, with what is expected of each.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use proto::verdict::Verdict;

use crate::diagnostic::Findings;
use crate::expect;
use crate::model::{ExampleSubmission, Expectation, FormatVersion, Program};
use crate::programs;
use crate::tree::Tree;
use crate::yaml::{self, Fields};

/// How far into a source `@EXPECTED_RESULTS@` is looked for.
const TAG_WITHIN: u64 = 256 << 10;
const FILE: &str = "submissions/submissions.yaml";
const KNOWN: &str = "`permitted`, `required`, `language`, `entrypoint`, `score`, `message`, `model_solution`, \
                     `use_for_time_limit`, `authors`";

/// Reads `submissions/`, sorted by path.
pub(crate) fn read(tree: &Tree, version: FormatVersion, findings: &mut Findings) -> Vec<ExampleSubmission> {
    let mut folders: Vec<&str> =
        tree.under("submissions").filter_map(|(rel, _)| Some(rel.split_once('/')?.0)).collect();
    folders.dedup();
    let mut all = Vec::new();
    for folder in folders {
        for program in programs::in_folder(tree, &format!("submissions/{folder}"), findings) {
            all.push(by_folder(folder, program, findings));
        }
    }
    all.sort_by(|a, b| a.program.path.cmp(&b.program.path));
    if all.is_empty() {
        findings.warning(
            "submissions",
            None,
            "there are no example submissions, so nothing shows that the data is right",
        );
    }
    if version == FormatVersion::V2025_09
        && let Some(text) = tree.text(FILE, yaml::MAX_BYTES, findings)
        && let Some(fields) = yaml::read(FILE, &text, findings)
    {
        overrides(fields, &mut all, findings);
    }
    all
}

fn by_folder(folder: &str, program: Program, findings: &mut Findings) -> ExampleSubmission {
    let known = expect::folder(folder);
    if !known.as_ref().is_some_and(|f| f.official)
        && let Some(tag) = program.files.iter().find_map(|(_, path)| expect::tagged(&head(path)))
    {
        match tag {
            Ok(list) => {
                let verdict = if let [only] = list[..] { Some(only) } else { None };
                return ExampleSubmission { program, expected: expect::one_of(&list), verdict };
            }
            Err(word) => findings.warning(
                &program.path,
                None,
                format!("@EXPECTED_RESULTS@ names `{word}`, which nobody knows; it is ignored"),
            ),
        }
    }
    if let Some(f) = known {
        return ExampleSubmission { program, expected: f.expected, verdict: f.verdict };
    }
    let message =
        "the folder's name expects nothing; a known folder or @EXPECTED_RESULTS@ in the source does";
    findings.warning(&program.path, None, message);
    let expected = Expectation { permitted: Vec::new(), required: Vec::new() };
    ExampleSubmission { program, expected, verdict: None }
}

/// The start of a source; empty when it cannot be read, which judging will report.
fn head(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(TAG_WITHIN).read_to_end(&mut bytes);
    }
    bytes
}

/// Applies `submissions.yaml`. Under a folder's name, keys replace what the folder expects; any other
/// glob adds to it: fewer verdicts permitted, and its own ones required.
fn overrides(fields: Fields<'_>, all: &mut [ExampleSubmission], findings: &mut Findings) {
    for (key, node) in fields.rest() {
        let yaml::Value::Map(entries) = node.value else {
            findings.error(
                FILE,
                Some(node.line),
                "a mapping with keys such as `permitted` and `required` is needed",
            );
            continue;
        };
        let mut fields = Fields::nested(FILE, &key.name, node.line, entries);
        let permitted = verdicts("permitted", &mut fields, findings);
        let required = verdicts("required", &mut fields, findings);
        let language = fields.text("language", findings).map(|(t, _)| t);
        for ignored in ["entrypoint", "score", "message"] {
            if let Some(node) = fields.take(ignored) {
                findings.warning(FILE, Some(node.line), format!("`{ignored}` is not checked yet"));
            }
        }
        fields.ignore(&["model_solution", "use_for_time_limit", "authors"]);
        fields.finish(false, KNOWN, findings);
        let mut hit = false;
        for submission in all.iter_mut() {
            let path =
                submission.program.path.strip_prefix("submissions/").unwrap_or(&submission.program.path);
            if !matches(&key.name, path) {
                continue;
            }
            hit = true;
            if let Some(language) = &language {
                submission.program.language = Some(language.clone());
            }
            if permitted.is_none() && required.is_none() {
                continue;
            }
            apply(submission, !key.name.contains('/'), permitted.as_deref(), required.as_deref());
        }
        if !hit {
            findings.warning(
                FILE,
                Some(key.line),
                format!("`{}` matches no submission", key.name.chars().take(60).collect::<String>()),
            );
        }
    }
}

fn apply(
    submission: &mut ExampleSubmission,
    replace: bool,
    permitted: Option<&[Verdict]>,
    required: Option<&[Verdict]>,
) {
    let expected = &mut submission.expected;
    if let Some(list) = permitted {
        if replace || expected.permitted.is_empty() {
            expected.permitted = list.to_vec();
        } else {
            expected.permitted.retain(|v| list.contains(v));
        }
    }
    if let Some(list) = required {
        expected.required = list.to_vec();
    }
    submission.verdict = if let [only] = expected.required[..] { Some(only) } else { None };
}

/// Verdicts by their codes; `None` when the key is absent or wrong.
fn verdicts(key: &str, fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Vec<Verdict>> {
    let (words, line) = fields.words(key, findings)?;
    let mut out = Vec::new();
    for word in words {
        match word.parse() {
            Ok(v) => out.push(v),
            Err(e) => {
                findings.error(FILE, Some(line), format!("`{key}`: {e}"));
                return None;
            }
        }
    }
    Some(out)
}

/// Whether the glob matches the path or a folder above it. `*` stays within a component, `{a,b}` chooses.
fn matches(glob: &str, path: &str) -> bool {
    let alternatives = expand(glob);
    let parents = path.match_indices('/').map(|(i, _)| &path[..i]).chain([path]);
    parents.into_iter().any(|p| alternatives.iter().any(|g| star(g.as_bytes(), p.as_bytes())))
}

/// Every choice of `{a,b}` written out, 64 at most.
fn expand(glob: &str) -> Vec<String> {
    let (mut open, mut done) = (vec![glob.to_owned()], Vec::new());
    while let Some(g) = open.pop() {
        let braces = g.find('{').and_then(|a| Some((a, a + g[a..].find('}')?)));
        match braces {
            Some((a, b)) if done.len() + open.len() < 64 => {
                open.extend(
                    g[a + 1..b].split(',').map(|choice| format!("{}{choice}{}", &g[..a], &g[b + 1..])),
                );
            }
            _ => done.push(g),
        }
    }
    done
}

/// Greedy match with one point to come back to, so time is at most the product of the lengths.
fn star(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if g < glob.len() && glob[g] == b'*' {
            back = Some((g, t));
            g += 1;
        } else if g < glob.len() && glob[g] == text[t] {
            g += 1;
            t += 1;
        } else if let Some((bg, bt)) = back
            && text[bt] != b'/'
        {
            back = Some((bg, bt + 1));
            g = bg + 1;
            t = bt + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_the_format_says() {
        for (glob, path, want) in [
            ("accepted", "accepted/a.py", true),
            ("accepted/*", "accepted/a.py", true),
            ("*/a.py", "accepted/a.py", true),
            ("*", "accepted/a.py", true),
            ("*.py", "accepted/a.py", false),
            ("*/*.{py,cpp}", "x/a.cpp", true),
            ("{accepted,x}/a*", "x/ab.cpp", true),
            ("{accepted,x}/a*", "y/ab.cpp", false),
            ("a*c*e", "abcde", true),
            ("a*c*f", "abcde", false),
            ("wrong", "wrong_answer/a.py", false),
        ] {
            assert_eq!(matches(glob, path), want, "{glob} {path}");
        }
    }
}
