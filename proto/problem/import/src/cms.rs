//! CMS, the Italian format: `task.yaml`, `input/`, `output/`, `gen/GEN`, `sol/`, `check/` (or `cor/`), `att/`.
//!
//! Task types Batch and Communication. Checkers and managers are binaries there; their sources beside them are
//! what is carried over, because no binary of somebody else's is run here.

mod programs;
mod subtasks;

use problem::tree::Tree;
use problem::yaml::{self, Fields};

use crate::draft::{Case, Draft};
use crate::write::Content;
use crate::{Format, Log, Options};

pub(crate) const FILE: &str = Format::Cms.marker();

/// Most tests read.
const MAX_TESTS: u64 = 10_000;

/// Keys that say nothing of what a submission gets, to nobody. The last four are of tasks older than CMS, whose reader
/// passes over them, too: the checker is found by its file, and the task type by the manager's.
const SILENT: [&str; 15] = [
    "author",
    "version",
    "tags",
    "primary_language",
    "statements",
    "difficulty",
    "syllabuslevel",
    "only_gen",
    "editor",
    "category",
    "source",
    "auxiliary",
    "correttore",
    "diff",
    "type",
];

/// Keys that are left out, and why: told once for all of them that are there.
const LEFT_OUT: [(&[&str], &str); 6] = [
    (
        &["public_testcases", "risultati", "feedback_level"],
        "which results contestants see is the judge's policy",
    ),
    (&["score_precision"], "scores are exact and never rounded before they are shown"),
    (
        &["score_mode"],
        "a package says what one submission is worth; what several of a contestant are worth together is the contest's",
    ),
    (
        &[
            "token_mode",
            "token_max_number",
            "token_min_interval",
            "token_gen_initial",
            "token_gen_number",
            "token_gen_interval",
            "token_gen_max",
            "token_initial",
            "token_total",
            "token_max",
            "token_gen_time",
        ],
        "there are no tokens here: every submission shows what the judge's policy shows",
    ),
    (
        &[
            "max_submission_number",
            "max_user_test_number",
            "min_submission_interval",
            "min_user_test_interval",
        ],
        "how often contestants may submit is the contest's",
    ),
    (
        &["languages", "submission_format", "title_translations"],
        "a submission is in any language the judge has, under any name, and the title is the one of `title`",
    ),
];

/// Keys of CMS's relatives that change what judging means, and what is missing here.
const REFUSED: [(&str, &str); 5] = [
    (
        "exponent",
        "outputs are compared as numbers within a tolerance: use a checker, or write the package by hand with `float_tolerance`",
    ),
    ("output_only_testcases", "some tests take a file in place of a program's run"),
    ("output_optional_testcases", "some tests take a file in place of a program's run"),
    ("task_type", "the task type is found by its files: `check/manager` for Communication, else Batch"),
    ("task_type_parameters", "what they say is found by the task's files"),
];

pub(crate) fn read(tree: &Tree, options: &Options, log: &mut Log) -> Option<Draft> {
    let text = tree.text(FILE, yaml::MAX_BYTES, &mut log.findings)?;
    let mut top = yaml::read(FILE, &text, &mut log.findings)?;
    let name = one_of(&mut top, ["name", "nome_breve"], log).unwrap_or_else(|| "task".to_owned());
    let title = one_of(&mut top, ["title", "nome"], log).unwrap_or_else(|| name.clone());
    let language =
        top.text("primary_language", &mut log.findings).map_or_else(|| "it".to_owned(), |(code, _)| code);
    let mut draft =
        Draft { main: FILE, identity: name, titles: vec![("en".to_owned(), title)], ..Draft::default() };
    if top.boolean("output_only", &mut log.findings) == Some(true) {
        log.refuse(FILE, None, "`output_only` tasks take one file for each test; in a package that is `type: submit-answer`, and what it is handed in as has to be decided by hand");
        return None;
    }
    limits(&mut top, &mut draft, log);
    let programs = programs::read(tree, &mut top, &mut draft, log);
    let layout = subtasks::read(tree, &mut top, programs, options, log);
    if let Some(layout) = layout {
        tests(tree, layout.tests, &mut draft, log);
        draft.parts = Some(layout.parts);
    }
    left_out(&mut top, log);
    for (key, why) in REFUSED {
        if let Some(node) = top.take(key) {
            log.refuse(FILE, Some(node.line), format!("`{key}` cannot be carried over: {why}"));
        }
    }
    top.ignore(&SILENT);
    log.rest(FILE, "CMS", top);
    attachments(tree, &language, &mut draft, log);
    Some(draft)
}

/// The value of the newer of two names for a key, or of the older.
fn one_of(top: &mut Fields<'_>, names: [&str; 2], log: &mut Log) -> Option<String> {
    let [new, old] = names.map(|name| top.text(name, &mut log.findings).map(|(text, _)| text));
    new.or(old)
}

fn limits(top: &mut Fields<'_>, draft: &mut Draft, log: &mut Log) {
    for key in ["time_limit", "timeout"] {
        if let Some((seconds, _)) = top.positive(key, "seconds", 100_000.0, &mut log.findings) {
            draft.time_ms = draft.time_ms.or(Some((seconds * 1000.0).round() as u64).filter(|ms| *ms > 0));
        }
    }
    for key in ["memory_limit", "memlimit"] {
        if let Some(mib) = top.whole(key, "MiB", 1 << 20, &mut log.findings) {
            draft.memory_bytes = draft.memory_bytes.or(Some(mib << 20));
        }
    }
}

fn left_out(top: &mut Fields<'_>, log: &mut Log) {
    for (keys, why) in LEFT_OUT {
        let there: Vec<(u32, &str)> =
            keys.iter().filter_map(|key| Some((top.take(key)?.line, *key))).collect();
        if let Some(line) = there.iter().map(|(line, _)| *line).min() {
            let names = there.iter().map(|(_, key)| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let verb = if there.len() == 1 { "is" } else { "are" };
            log.change(FILE, Some(line), format!("{names} {verb} left out: {why}"));
        }
    }
}

fn tests(tree: &Tree, count: u64, draft: &mut Draft, log: &mut Log) {
    for i in 0..count {
        let mut content = |folder: &str| {
            let path = format!("{folder}/{folder}{i}.txt");
            let found = tree.files.get(&path).map(|entry| Content::File(entry.disk.clone()));
            if found.is_none() {
                let advice = "the file is missing; generate the tests first (cmsMake), nothing is run here";
                log.refuse(&path, None, advice);
            }
            found
        };
        if let (Some(input), Some(answer)) = (content("input"), content("output")) {
            draft.cases.push(Case { input, answer, sample: false });
        }
    }
}

/// Attachments, and the statement.
fn attachments(tree: &Tree, language: &str, draft: &mut Draft, log: &mut Log) {
    let mut any = false;
    for (path, entry) in tree.under("att") {
        any = true;
        draft.files.insert(format!("attachments/{path}"), Content::File(entry.disk.clone()));
    }
    if any {
        log.change("att", None, "attachments stay attachments; examples among them are not made samples, because nothing says which they are");
    }
    let plain =
        language.len() <= 8 && language.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-');
    let code = if plain { language } else { "it" };
    for path in ["statement/statement.pdf", "testo/testo.pdf"] {
        if let Some(entry) = tree.files.get(path) {
            draft.files.insert(format!("statement/problem.{code}.pdf"), Content::File(entry.disk.clone()));
        }
    }
}
