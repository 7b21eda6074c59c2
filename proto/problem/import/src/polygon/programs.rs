//! Programs of a Polygon problem: sources of checkers and interactors, validators, solutions, graders.

use std::collections::BTreeSet;
use std::fs;

use problem::tree::Entry;
use roxmltree::Node;

use super::FILE;
use crate::draft::{Draft, includes_testlib};
use crate::write::Content;
use crate::{Log, xml};

/// Largest source carried over.
const MAX_SOURCE: u64 = 4 << 20;

/// A source of the package.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its path at home.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    /// The C++ standard its type names; 17 when none.
    pub(super) standard: u32,
}

impl Source {
    pub(super) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(super) fn extension(&self) -> &str {
        self.file_name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    pub(super) fn is_cpp(&self) -> bool {
        is_cpp(&self.path)
    }
}

fn is_cpp(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| matches!(extension, "cpp" | "cc" | "cxx" | "c++"))
}

/// The source that `asset` names; what keeps it from being used is refused.
pub(super) fn source_of(
    source: super::Source<'_, '_>,
    asset: Node<'_, '_>,
    what: &str,
    log: &mut Log,
) -> Option<Source> {
    let line = Some(xml::line(asset));
    let Some(node) = xml::child(asset, "source") else {
        log.refuse(FILE, line, format!("the {what} has no `source`; a binary alone cannot be used"));
        return None;
    };
    let path = xml::attribute(node, "path").unwrap_or_default();
    let Some(entry) = source.tree.files.get(path) else {
        let shown: String = path.chars().take(100).collect();
        log.refuse(FILE, line, format!("the {what}'s source `{shown}` is missing from the package"));
        return None;
    };
    let bytes = bytes_of(path, entry, log)?;
    let kind = xml::attribute(node, "type").unwrap_or_default();
    let standard = [23, 20, 17, 14, 11].into_iter().find(|n| kind.contains(&n.to_string())).unwrap_or(17);
    let found = Source { path: path.to_owned(), bytes, standard };
    if !found.is_cpp() && found.extension() != "py" {
        let kind: String = kind.chars().take(40).collect();
        log.refuse(
            path,
            None,
            format!(
                "the {what} is in `{kind}`; C++ and Python programs are carried over, so it has to be written anew in \
                 one of them, at Polygon or as `output_validator/` of a package"
            ),
        );
        return None;
    }
    Some(found)
}

fn bytes_of(path: &str, entry: &Entry, log: &mut Log) -> Option<Vec<u8>> {
    if entry.size > MAX_SOURCE {
        log.refuse(
            path,
            None,
            format!("the source has {} bytes; at most {MAX_SOURCE} are carried over", entry.size),
        );
        return None;
    }
    match fs::read(&entry.disk) {
        Ok(bytes) => Some(bytes),
        Err(e) => {
            log.refuse(path, None, format!("the file cannot be read: {e}"));
            None
        }
    }
}

pub(super) fn copy(program: &Source, folder: &str, name: &str, draft: &mut Draft) {
    draft.files.insert(format!("{folder}/{name}"), Content::Bytes(program.bytes.clone()));
}

/// Puts every header among the resources into `folder`, and tells when `testlib.h` is needed and not there.
pub(super) fn headers(
    source: super::Source<'_, '_>,
    folder: &str,
    programs: &[&Source],
    draft: &mut Draft,
    log: &mut Log,
) {
    for (path, entry) in resources(source) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let header = name.rsplit_once('.').is_some_and(|(_, e)| matches!(e, "h" | "hpp" | "hh" | "inc"));
        if header && entry.size <= MAX_SOURCE {
            draft
                .files
                .entry(format!("{folder}/{name}"))
                .or_insert_with(|| Content::File(entry.disk.clone()));
        }
    }
    for program in programs {
        if includes_testlib(&program.bytes) && !draft.files.contains_key(&format!("{folder}/testlib.h")) {
            log.change(&program.path, None, format!("testlib.h is not in the package, and the program includes it: put the file into `{folder}/`, or it does not compile"));
        }
    }
}

fn resources<'a>(source: super::Source<'a, '_>) -> impl Iterator<Item = (&'a str, &'a Entry)> {
    let listed = xml::at(source.problem, &["files", "resources"]);
    listed
        .into_iter()
        .flat_map(|resources| xml::children(resources, "file").collect::<Vec<_>>())
        .filter_map(|file| xml::attribute(file, "path"))
        .filter_map(move |path| source.tree.files.get_key_value(path))
        .map(|(path, entry)| (path.as_str(), entry))
}

/// A `build` script that compiles these: artifact, source, C++ standard.
pub(super) fn build(programs: &[(&str, &str, u32)]) -> String {
    let mut text = "#!/bin/sh\n# Written by `tribunal problem import`.\nset -e\n".to_owned();
    for (artifact, source, standard) in programs {
        text += &compile(artifact, source, *standard);
    }
    text
}

/// One line of such a script.
pub(super) fn compile(artifact: &str, source: &str, standard: u32) -> String {
    format!("g++ -x c++ -std=gnu++{standard} -O2 -pipe -o {artifact} {source}\n")
}

/// Validators, solutions and graders.
pub(super) fn read(source: super::Source<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let Some(assets) = xml::child(source.problem, "assets") else { return };
    let validators = xml::child(assets, "validators").or(Some(assets));
    for (i, node) in
        validators.into_iter().flat_map(|v| xml::children(v, "validator").collect::<Vec<_>>()).enumerate()
    {
        validator(source, node, i + 1, draft, log);
    }
    solutions(source, assets, draft, log);
    graders(source, draft, log);
}

/// A testlib validator exits with 0 for a good input and 3 for any other; the format wants 42 and 43.
fn validator(source: super::Source<'_, '_>, node: Node<'_, '_>, n: usize, draft: &mut Draft, log: &mut Log) {
    let path =
        xml::child(node, "source").and_then(|source| xml::attribute(source, "path")).unwrap_or_default();
    if !is_cpp(path) && !path.is_empty() {
        return log.change(path, None, "the validator is not in C++ and is left out");
    }
    let Some(program) = source_of(source, node, "validator", log) else { return };
    let folder = format!("input_validators/validator-{n}");
    copy(&program, &folder, "validator.cpp", draft);
    headers(source, &folder, &[&program], draft, log);
    let build = build(&[("validator", "validator.cpp", program.standard)]);
    let run = include_bytes!("../shims/validator.sh").to_vec();
    draft.files.insert(format!("{folder}/build"), Content::Script(build.into_bytes()));
    draft.files.insert(format!("{folder}/run"), Content::Script(run));
    log.change(&program.path, None, "the validator's exit status 0 becomes 42 and any other the program itself gives becomes 43, by a script that starts it");
    let asks = String::from_utf8_lossy(&program.bytes).contains("group()");
    if !asks {
        for part in draft.parts.iter_mut().flatten() {
            part.input_args.clear();
        }
    }
    let set = xml::child(node, "testset");
    let pattern =
        set.and_then(|set| xml::child(set, "input-path-pattern")).and_then(|p| p.text()).unwrap_or_default();
    for (i, test) in set.into_iter().flat_map(super::test_set::list).enumerate() {
        let Some(path) = super::test_set::path(pattern.trim(), i + 1) else { continue };
        if xml::attribute(test, "verdict").is_some_and(|v| v.eq_ignore_ascii_case("invalid"))
            && let Some(entry) = source.tree.files.get(&path)
        {
            draft
                .files
                .insert(format!("data/invalid_input/{n}-{:02}.in", i + 1), Content::File(entry.disk.clone()));
        }
    }
}

/// Tag, folder under `submissions/`, what `submissions.yaml` has to say of the folder.
const TAGS: [(&str, &str, &str); 11] = [
    ("main", "accepted", ""),
    ("accepted", "accepted", ""),
    ("wrong-answer", "wrong_answer", ""),
    ("presentation-error", "wrong_answer", ""),
    ("time-limit-exceeded", "time_limit_exceeded", ""),
    ("memory-limit-exceeded", "memory_limit_exceeded", ""),
    ("rejected", "rejected", ""),
    ("failed", "rejected", ""),
    (
        "time-limit-exceeded-or-accepted",
        "slow_or_accepted",
        "  permitted: [AC, TLE]\n  use_for_time_limit: false\n",
    ),
    (
        "time-limit-exceeded-or-memory-limit-exceeded",
        "slow_or_large",
        "  permitted: [AC, TLE, RTE]\n  required: [TLE, RTE]\n",
    ),
    ("memory-limit-exceeded-or-accepted", "large_or_accepted", "  permitted: [AC, RTE]\n"),
];

/// Types of solutions that end with `.py` and would be taken for Python 3.
const PYTHON_2: [&str; 2] = ["python.2", "python.pypy2"];

fn solutions(source: super::Source<'_, '_>, assets: Node<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let mut told = BTreeSet::new();
    for solution in xml::child(assets, "solutions")
        .into_iter()
        .flat_map(|s| xml::children(s, "solution").collect::<Vec<_>>())
    {
        let tag = xml::attribute(solution, "tag").unwrap_or_default();
        let line = Some(xml::line(solution));
        let path = xml::child(solution, "source").and_then(|s| xml::attribute(s, "path")).unwrap_or_default();
        let Some((_, folder, says)) = TAGS.iter().find(|(known, ..)| *known == tag) else {
            let shown: String = tag.chars().take(60).collect();
            log.change(FILE, line, format!("solution `{path}` with the tag `{shown}` is left out"));
            continue;
        };
        let kind = xml::child(solution, "source").and_then(|s| xml::attribute(s, "type")).unwrap_or_default();
        if PYTHON_2.contains(&kind) {
            log.change(
                FILE,
                line,
                format!("solution `{path}` is in `{kind}`, which no image here runs, and is left out"),
            );
            continue;
        }
        let Some(entry) = source.tree.files.get(path).filter(|entry| entry.size <= MAX_SOURCE) else {
            log.change(FILE, line, format!("solution `{path}` is missing or too large and is left out"));
            continue;
        };
        if xml::child(solution, "extra-tags").is_some_and(|tags| tags.has_children()) {
            log.change(FILE, line, format!("tags of `{path}` for single groups or test sets are left out"));
        }
        if tag == "presentation-error" {
            log.change(
                FILE,
                line,
                format!("`{path}` is expected to be a wrong answer: the format knows no presentation error"),
            );
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
            .collect();
        let mut at = format!("submissions/{folder}/{plain}");
        if draft.files.contains_key(&at) {
            let n = draft.files.len();
            at = format!("submissions/{folder}/{n}-{plain}");
        }
        draft.files.insert(at, Content::File(entry.disk.clone()));
        if !says.is_empty() && told.insert(*folder) {
            draft.expectations += &format!("{folder}:\n{says}");
        }
    }
}

/// Resources compiled together with a solution: the format's `include/`.
fn graders(source: super::Source<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let listed = xml::at(source.problem, &["files", "resources"]);
    for file in listed.into_iter().flat_map(|r| xml::children(r, "file").collect::<Vec<_>>()) {
        let for_solutions = xml::child(file, "assets").is_some_and(|assets| {
            xml::children(assets, "asset").any(|a| a.attribute("name") == Some("SOLUTION"))
        });
        if !for_solutions {
            continue;
        }
        let path = xml::attribute(file, "path").unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
        let cpp = matches!(extension, "cpp" | "cc" | "cxx" | "h" | "hpp" | "hh");
        match source.tree.files.get(path).filter(|_| cpp) {
            Some(entry) => {
                draft.files.insert(format!("include/cpp/{name}"), Content::File(entry.disk.clone()));
                log.change(FILE, Some(xml::line(file)), format!("`{name}` is compiled with solutions in C++, as `include/cpp/`"));
            }
            None => log.change(FILE, Some(xml::line(file)), format!("`{name}`, which solutions are compiled or run with at home, is left out: only C++ graders are carried over")),
        }
    }
}
