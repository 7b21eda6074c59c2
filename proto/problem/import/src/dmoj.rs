//! DMOJ: a problem folder with `init.yml`, its tests beside it or in an archive.
//!
//! Python of a problem (`custom_judge`, checkers in `.py`) runs inside the judge there and is refused here.
//! Limits of time and memory are the site's, not the problem's: they come by flags.

mod cases;
mod checker;

use std::path::{Path, PathBuf};

use problem::tree::Tree;
use problem::yaml::{self, Fields, Value};

use crate::draft::Draft;
use crate::write::Content;
use crate::{Format, Log, Options};

pub(crate) const FILE: &str = Format::Dmoj.marker();

/// Files of the problem: its folder first, then its archive.
struct Store<'a> {
    folder: &'a Tree,
    archive: Option<Tree>,
    /// Whether line ends are left as they are.
    binary: bool,
}

impl Store<'_> {
    fn find(&self, path: &str) -> Option<PathBuf> {
        let path = path.strip_prefix("./").unwrap_or(path);
        let found = self.folder.files.get(path).or_else(|| self.archive.as_ref()?.files.get(path));
        found.map(|entry| entry.disk.clone())
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.archive.as_ref().unwrap_or(self.folder).files.keys()
    }
}

pub(crate) fn read(
    tree: &Tree,
    name: &str,
    options: &Options,
    scratch: &Path,
    log: &mut Log,
) -> Option<Draft> {
    let text = tree.text(FILE, yaml::MAX_BYTES, &mut log.findings)?;
    let mut top = yaml::read(FILE, &text, &mut log.findings)?;
    let mut draft = Draft {
        main: FILE,
        identity: name.to_owned(),
        titles: vec![("en".to_owned(), name.to_owned())],
        ..Draft::default()
    };
    log.change(FILE, None, format!("init.yml has no title; `{name}` is used"));
    refused(&mut top, log);
    dropped(&mut top, log);
    let binary = top.boolean("binary_data", &mut log.findings).unwrap_or(false);
    let mut store = Store { folder: tree, archive: None, binary };
    if let Some((path, line)) = top.text("archive", &mut log.findings) {
        store.archive = archive(tree, &path, line, scratch, log);
    }
    limits(&mut top, &mut draft, log);
    if checker::interactive(&mut top, &store, &mut draft, log) {
        if let Some(node) = top.take("checker") {
            log.change(FILE, Some(node.line), "the interactor decides; `checker` is left out");
        }
    } else {
        checker::read(&mut top, &store, &mut draft, log);
    }
    signature(&mut top, &store, &mut draft, log);
    file_io(&mut top, &mut draft, log);
    cases::read(&mut top, &store, options, &mut draft, log);
    computed(&mut top, log);
    log.rest(FILE, "DMOJ", top);
    Some(draft)
}

/// What no package can say.
fn refused(top: &mut Fields<'_>, log: &mut Log) {
    for (key, why) in [
        (
            "custom_judge",
            "it is Python that runs inside the DMOJ judge and decides everything; write an output validator (and, where it talks with the program, `type: interactive`) that does the same",
        ),
        (
            "generator",
            "the tests come from a program that is run when judging; run it, put its files beside init.yml and name them with `in` and `out`",
        ),
        ("grader", "it is of an old DMOJ and is no longer judged there"),
        (
            "io_redirects",
            "it is of an old DMOJ and is no longer judged there; `file_io: {input: …, output: …}` names the files",
        ),
    ] {
        if let Some(node) = top.take(key) {
            log.refuse(FILE, Some(node.line), format!("`{key}` cannot be carried over: {why}"));
        }
    }
}

/// Keys that end with `+`: their values are Python that an old DMOJ ran to find out what they say.
fn computed(top: &mut Fields<'_>, log: &mut Log) {
    for key in top.keys() {
        if key.ends_with('+')
            && let Some(node) = top.take(&key)
        {
            let key: String = key.chars().take(60).collect();
            let message = format!(
                "`{key}` cannot be carried over: its value is Python that an old DMOJ runs; write what comes of it as \
                 `{}`",
                key.trim_end_matches('+')
            );
            log.refuse(FILE, Some(node.line), message);
        }
    }
}

/// What is left out, told one by one.
fn dropped(top: &mut Fields<'_>, log: &mut Log) {
    for (key, what) in [
        ("wall_time_factor", "the judge's own wall time is used"),
        ("output_prefix_length", "how much of an output is shown is the judge's policy"),
        ("hints", "hints of DMOJ's executors have no meaning here"),
        ("unbuffered", "programs have their own buffering; the language decides"),
        ("symlinks", "programs see no file of the judge"),
        ("meta", "it says nothing about judging"),
        ("feedback", "what contestants see is the judge's policy"),
    ] {
        if let Some(node) = top.take(key) {
            log.change(FILE, Some(node.line), format!("`{key}` is left out: {what}"));
        }
    }
}

fn archive(tree: &Tree, path: &str, line: u32, scratch: &Path, log: &mut Log) -> Option<Tree> {
    let shown: String = path.chars().take(100).collect();
    let Some(entry) = tree.files.get(path.strip_prefix("./").unwrap_or(path)) else {
        log.refuse(
            FILE,
            Some(line),
            format!("`archive` is `{shown}`, which is not there; put the zip beside init.yml"),
        );
        return None;
    };
    if entry.size > problem::MAX_ZIP_BYTES {
        log.refuse(
            path,
            None,
            format!("the archive has {} bytes; at most {} are read", entry.size, problem::MAX_ZIP_BYTES),
        );
        return None;
    }
    let target = scratch.join("archive");
    let unpacked = std::fs::read(&entry.disk)
        .and_then(|bytes| std::fs::create_dir(&target).map(|()| bytes))
        .map_err(|e| e.to_string())
        .and_then(|bytes| problem::unpack_zip(&bytes, &target, problem::MAX_TOTAL_BYTES, problem::MAX_FILES));
    match unpacked {
        Ok(()) => Some(Tree::list(&target, &mut log.findings)),
        Err(why) => {
            log.refuse(path, None, why);
            None
        }
    }
}

fn limits(top: &mut Fields<'_>, draft: &mut Draft, log: &mut Log) {
    if let Some((seconds, _)) = top.positive("time_limit", "seconds", 100_000.0, &mut log.findings) {
        draft.time_ms = Some((seconds * 1000.0).round() as u64).filter(|ms| *ms > 0);
    }
    if let Some(kib) = top.whole("memory_limit", "KiB", u32::MAX, &mut log.findings) {
        draft.memory_bytes = Some(kib * 1024);
    }
    let length = top.whole("output_limit_length", "bytes", u32::MAX, &mut log.findings);
    // DMOJ's default of 24 MiB is more than the format's, and answers tell what is needed.
    draft.output_bytes = length;
}

/// A driver with the entry point, and the header that solutions include.
fn signature(top: &mut Fields<'_>, store: &Store<'_>, draft: &mut Draft, log: &mut Log) {
    let Some(mut grader) = top.mapping("signature_grader", &mut log.findings) else { return };
    let line = grader.line;
    for key in ["entry", "header"] {
        let Some((path, line)) = grader.text(key, &mut log.findings) else {
            log.refuse(
                FILE,
                Some(line),
                format!("`signature_grader.{key}` is missing; the name of a file is needed"),
            );
            continue;
        };
        let name = path.rsplit('/').next().unwrap_or(&path);
        let cpp = name
            .rsplit_once('.')
            .is_some_and(|(_, e)| matches!(e, "cpp" | "cc" | "cxx" | "h" | "hpp" | "hh"));
        match store.find(&path).filter(|_| cpp) {
            Some(at) => {
                draft.files.insert(format!("include/cpp/{name}"), Content::File(at));
            }
            None => log.refuse(
                FILE,
                Some(line),
                format!(
                    "`signature_grader.{key}` is `{path}`; a C++ source or header that is there is needed"
                ),
            ),
        }
    }
    let main = grader.boolean("allow_main", &mut log.findings);
    grader.finish(true, "`entry`, `header`, `allow_main`", &mut log.findings);
    log.change(FILE, Some(line), "the signature grader becomes `include/cpp/`: it is compiled with submissions in C++; other languages are judged without it");
    if main == Some(true) {
        log.change(
            FILE,
            Some(line),
            "`allow_main` is left out: a submission with a `main` of its own does not link",
        );
    }
}

fn file_io(top: &mut Fields<'_>, draft: &mut Draft, log: &mut Log) {
    let Some(mut files) = top.mapping("file_io", &mut log.findings) else { return };
    let [input, output] = ["input", "output"].map(|key| {
        let (name, line) = files.text(key, &mut log.findings)?;
        log.plain_name(FILE, Some(line), &format!("file_io.{key}"), name)
    });
    draft.input_file = input;
    draft.output_file = output;
    files.finish(true, "`input`, `output`", &mut log.findings);
}

/// The text of a node that is a scalar.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Number(_, text) => Some(text.clone()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}
