//! The package's own submissions: `submissions/<folder>/<program>`, with what is expected of each.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use proto::verdict::Verdict;

use crate::diagnostic::Findings;
use crate::expect;
use crate::globs;
use crate::manifest::Manifest;
use crate::model::{ExampleSubmission, Expectation, FormatVersion, Program, Rule, TimeUse};
use crate::programs;
use crate::score::Score;
use crate::tree::Tree;
use crate::yaml::{self, Fields, Node, Value};

/// How far into a source `@EXPECTED_RESULTS@` is looked for.
const TAG_WITHIN: u64 = 256 << 10;
const FILE: &str = "submissions/submissions.yaml";
const KNOWN: &str = "`permitted`, `required`, `language`, `entrypoint`, `score`, `message`, `model_solution`, \
                     `use_for_time_limit`, `authors`, and globs of test groups and cases";
/// Most rules for one submission.
const MAX_RULES: usize = 1000;

/// Reads `submissions/`, sorted by path.
/// `data` has the names of test cases and groups, which rules may be about.
pub(crate) fn read(
    tree: &Tree,
    manifest: &Manifest,
    data: &[&str],
    findings: &mut Findings,
) -> Vec<ExampleSubmission> {
    unplaced(tree, findings);
    let mut folders: Vec<&str> =
        tree.under("submissions").filter_map(|(rel, _)| Some(rel.split_once('/')?.0)).collect();
    folders.dedup();
    let mut all = Vec::new();
    for folder in folders {
        for program in programs::in_folder(tree, &format!("submissions/{folder}"), findings) {
            all.push(by_folder(folder, program, findings));
        }
    }
    all.sort_by(|(a, _), (b, _)| a.program.path.cmp(&b.program.path));
    let (mut all, expecting): (Vec<_>, Vec<bool>) = all.into_iter().unzip();
    if all.is_empty() {
        findings.warning(
            "submissions",
            None,
            "there are no example submissions, so nothing shows that the data is right",
        );
    }
    if manifest.version != FormatVersion::Legacy
        && let Some(text) = tree.text(FILE, yaml::MAX_BYTES, findings)
        && let Some(fields) = yaml::read(FILE, &text, findings)
    {
        overrides(fields, manifest, data, &mut all, findings);
    }
    for (submission, _) in all.iter().zip(expecting).filter(|(_, expecting)| !expecting) {
        if submission.rules.iter().all(|rule| *rule == Rule::default()) {
            let message = "nothing is expected of it; the name of a known folder, submissions.yaml from 2025-09 on, or \
                           @EXPECTED_RESULTS@ in the source says what";
            findings.warning(&submission.program.path, None, message);
        }
    }
    all
}

/// Files that are meant as submissions, and are none where they lie or with their name.
fn unplaced(tree: &Tree, findings: &mut Findings) {
    for (rel, _) in tree.under("submissions") {
        let path = format!("submissions/{rel}");
        let parts: Vec<&str> = rel.split('/').collect();
        if let [name] = parts[..] {
            if path.ends_with("submissions.yml") {
                findings.warning(&path, None, format!("ignored: the file's name is `{FILE}`"));
            } else if path != FILE && programs::usable(name) && !is_note(name) {
                let message = "ignored: a submission lies in a folder that says what is expected of it, such as \
                               submissions/accepted";
                findings.warning(&path, None, message);
            }
        } else if let Some(odd) = parts.iter().take(2).find(|part| !programs::usable(part))
            && !odd.starts_with('.')
        {
            findings.warning(&path, None, format!("ignored: {}", programs::NAMES));
        }
    }
}

/// Whether people read the file and no compiler does.
fn is_note(name: &str) -> bool {
    name.starts_with("README")
        || [".md", ".txt", ".yaml", ".json"].iter().any(|ending| name.ends_with(ending))
}

/// The submission, and whether its folder or source says what is expected of it.
fn by_folder(folder: &str, program: Program, findings: &mut Findings) -> (ExampleSubmission, bool) {
    let known = expect::folder(folder);
    if !known.as_ref().is_some_and(|f| f.official)
        && let Some(tag) = program.files.iter().find_map(|(_, path)| expect::tagged(&head(path)))
    {
        match tag {
            Ok(list) => {
                let verdict = if let [only] = list[..] { Some(only) } else { None };
                return (example(program, expect::one_of(&list), verdict), true);
            }
            Err(word) => findings.warning(
                &program.path,
                None,
                format!("@EXPECTED_RESULTS@ names `{word}`, which nobody knows; it is ignored"),
            ),
        }
    }
    if let Some(f) = known {
        let mut example = example(program, f.expected, f.verdict);
        if folder == "brute_force" || folder == "slow_accepted" {
            example.rules[0].time_use = TimeUse::Never;
        }
        return (example, true);
    }
    let expected = Expectation { permitted: Vec::new(), required: Vec::new() };
    (example(program, expected, None), false)
}

fn example(program: Program, expected: Expectation, verdict: Option<Verdict>) -> ExampleSubmission {
    let Expectation { permitted, required } = expected.clone();
    let rules = vec![Rule { permitted, required, ..Rule::default() }];
    ExampleSubmission { program, expected, rules, entrypoint: None, model_solution: false, verdict }
}

/// The start of a source; empty when it cannot be read, which judging will report.
fn head(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(TAG_WITHIN).read_to_end(&mut bytes);
    }
    bytes
}

/// What one glob of `submissions.yaml` says.
struct Entry {
    language: Option<String>,
    entrypoint: Option<String>,
    model_solution: bool,
    /// The first is about all cases.
    rules: Vec<Rule>,
    /// Globs of cases with their lines.
    inside: Vec<(String, u32)>,
    /// Which of `permitted` and `required` the first has, be it an empty list.
    named: (bool, bool),
}

/// Applies `submissions.yaml`. Under a folder's name, keys replace what the folder expects; any other
/// glob adds rules.
fn overrides(
    fields: Fields<'_>,
    manifest: &Manifest,
    data: &[&str],
    all: &mut [ExampleSubmission],
    findings: &mut Findings,
) {
    // Held against each other at the end: keys may come in any order.
    let mut touched = vec![None; all.len()];
    for (key, node) in fields.rest() {
        let line = node.line;
        let Some(entry) = entry(&key.name, node, manifest, findings) else { continue };
        let is_folder = expect::folder(&key.name).is_some() || !key.name.contains(['/', '*', '{']);
        let mut hit = false;
        for (submission, touched) in all.iter_mut().zip(&mut touched) {
            let path =
                submission.program.path.strip_prefix("submissions/").unwrap_or(&submission.program.path);
            if globs::matches(&key.name, path) {
                hit = true;
                apply(submission, &entry, is_folder);
                *touched = Some(line);
            }
        }
        odd_glob(&key.name, key.line, hit, "submission", findings);
        for (glob, line) in &entry.inside {
            let hit = data.iter().any(|name| globs::matches(glob, name));
            odd_glob(glob, *line, hit, "test case or group", findings);
        }
    }
    for (submission, line) in all.iter_mut().zip(touched) {
        if let Some(line) = line {
            summarise(submission, line, findings);
        }
    }
}

/// Tells a glob that matches nothing, or has something in it that globs do not know.
fn odd_glob(glob: &str, line: u32, hit: bool, what: &str, findings: &mut Findings) {
    let shown: String = glob.chars().take(60).collect();
    let message = match (hit, globs::oddity(glob)) {
        (true, None) => return,
        (true, Some(why)) => format!("`{shown}`: {why}"),
        (false, None) => format!("`{shown}` matches no {what}"),
        (false, Some(why)) => format!("`{shown}` matches no {what}: {why}"),
    };
    findings.warning(FILE, Some(line), message);
}

fn entry(glob: &str, node: Node, manifest: &Manifest, findings: &mut Findings) -> Option<Entry> {
    let (mut fields, line) = mapping(glob, node, findings)?;
    let named = (fields.line_of("permitted").is_some(), fields.line_of("required").is_some());
    let mut entry = Entry {
        language: fields.text("language", findings).map(|(t, _)| t),
        entrypoint: fields.text("entrypoint", findings).map(|(t, _)| t),
        model_solution: fields.boolean("model_solution", findings).unwrap_or(false),
        rules: vec![rule(None, &mut fields, manifest, findings)],
        inside: Vec::new(),
        named,
    };
    fields.ignore(&["authors"]);
    for (cases, node) in fields.take_mappings() {
        if entry.rules.len() >= MAX_RULES {
            findings.error(FILE, Some(line), format!("there are more than {MAX_RULES} rules for one glob"));
            return None;
        }
        let (mut inner, _) = mapping(&cases.name, node, findings)?;
        let inside = cases.name.strip_prefix("data/").unwrap_or(&cases.name).to_owned();
        entry.inside.push((inside.clone(), cases.line));
        entry.rules.push(rule(Some(inside), &mut inner, manifest, findings));
        inner.finish(false, "`permitted`, `required`, `score`, `message`, `use_for_time_limit`", findings);
    }
    fields.finish(false, KNOWN, findings);
    let implied: Vec<Rule> = entry.rules.iter().filter_map(Rule::implied).collect();
    entry.rules.extend(implied);
    Some(entry)
}

fn mapping(key: &str, node: Node, findings: &mut Findings) -> Option<(Fields<'static>, u32)> {
    if let Value::Map(entries) = node.value {
        return Some((Fields::nested(FILE, key, node.line, entries), node.line));
    }
    let message = "a mapping with keys such as `permitted` and `required` is needed";
    findings.error(FILE, Some(node.line), message);
    None
}

fn rule(
    cases: Option<String>,
    fields: &mut Fields<'_>,
    manifest: &Manifest,
    findings: &mut Findings,
) -> Rule {
    let score_line = fields.line_of("score");
    let score = score(fields, findings);
    if score.is_some() && !manifest.kind.scoring {
        findings.warning(FILE, score_line, "`score` has no effect in a pass-fail problem");
    }
    Rule {
        cases,
        permitted: verdicts("permitted", fields, findings).unwrap_or_default(),
        required: verdicts("required", fields, findings).unwrap_or_default(),
        score: score.filter(|_| manifest.kind.scoring),
        message: fields.text("message", findings).map(|(t, _)| t).filter(|t| !t.is_empty()),
        time_use: time_use(fields, findings),
    }
}

fn time_use(fields: &mut Fields<'_>, findings: &mut Findings) -> TimeUse {
    match fields.text("use_for_time_limit", findings) {
        None => TimeUse::Inferred,
        Some((word, line)) => match word.as_str() {
            "true" => TimeUse::Inferred,
            "false" => TimeUse::Never,
            "lower" => TimeUse::Lower,
            "upper" => TimeUse::Upper,
            _ => {
                let message = "`use_for_time_limit` must be `true`, `false`, `lower` or `upper`";
                findings.error(FILE, Some(line), message);
                TimeUse::Inferred
            }
        },
    }
}

/// A number, or a list of the least and the greatest.
fn score(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<(Score, Score)> {
    let (words, line) = fields.words("score", findings)?;
    let numbers: Option<Vec<Score>> = words.iter().map(|word| Score::parse(word)).collect();
    match numbers.as_deref() {
        Some([only]) => Some((*only, *only)),
        Some([least, most]) if least <= most => Some((*least, *most)),
        _ => {
            let message = "`score` must be a number, or a list of two numbers, the smaller first";
            findings.error(FILE, Some(line), message);
            None
        }
    }
}

fn apply(submission: &mut ExampleSubmission, entry: &Entry, is_folder: bool) {
    if let Some(language) = &entry.language {
        submission.program.language = Some(language.clone());
    }
    if let Some(entrypoint) = &entry.entrypoint {
        submission.entrypoint = Some(entrypoint.clone());
    }
    submission.model_solution |= entry.model_solution;
    let (first, inner) = entry.rules.split_at(1);
    for rule in first {
        if is_folder {
            let base = &mut submission.rules[0];
            if entry.named.0 {
                base.permitted.clone_from(&rule.permitted);
            }
            if entry.named.1 {
                base.required.clone_from(&rule.required);
            }
            base.score = rule.score.or(base.score);
            base.message = rule.message.clone().or(base.message.take());
            if rule.time_use != TimeUse::Inferred {
                base.time_use = rule.time_use;
            }
        } else if *rule != Rule::default() {
            submission.rules.push(rule.clone());
        }
    }
    submission.rules.extend_from_slice(inner);
}

/// Draws the rules about all cases together, for people and for the JSON of `verify`.
fn summarise(submission: &mut ExampleSubmission, line: u32, findings: &mut Findings) {
    let whole = || submission.rules.iter().filter(|rule| rule.cases.is_none());
    let mut permitted: Vec<Verdict> = Vec::new();
    for list in whole().map(|rule| &rule.permitted).filter(|list| !list.is_empty()) {
        if permitted.is_empty() {
            permitted.clone_from(list);
        }
        permitted.retain(|v| list.contains(v));
        if permitted.is_empty() {
            let path = &submission.program.path;
            let message = format!("no verdict is left that every rule for {path} permits");
            return findings.error(FILE, Some(line), message);
        }
    }
    let required = whole().rfind(|rule| !rule.required.is_empty()).map(|rule| rule.required.clone());
    if let Some(wanted) = &required
        && !permitted.is_empty()
        && !wanted.iter().any(|v| permitted.contains(v))
    {
        let path = &submission.program.path;
        let words: Vec<&str> = wanted.iter().map(|v| v.code()).collect();
        let message = format!("{} is required of {path}, and no rule permits it", words.join(" or "));
        return findings.error(FILE, Some(line), message);
    }
    submission.expected = Expectation { permitted, required: required.unwrap_or_default() };
    submission.verdict = match (&submission.expected.required[..], &submission.expected.permitted[..]) {
        ([only], _) | ([], [only]) => Some(*only),
        // Rules that name no verdict leave the folder's word.
        ([], []) => submission.verdict,
        _ => None,
    };
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
