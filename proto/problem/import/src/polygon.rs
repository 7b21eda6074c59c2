//! Polygon: the folder or zip of a full package, described by `problem.xml`.
//!
//! Generated tests have to be there as files: nothing of the source is run. A checker of the standard set
//! becomes the judge's own where the two mean the same for the answers at hand, else its source is kept.

mod checker;
mod points;
mod programs;
mod rest;
mod statement;
mod test_set;

use problem::tree::Tree;
use roxmltree::Node;

use crate::draft::Draft;
use crate::write::Content;
use crate::{Format, Log, Options, xml};

pub(crate) const FILE: &str = Format::Polygon.marker();

/// What is read, and where.
#[derive(Debug, Clone, Copy)]
struct Source<'a, 'i> {
    tree: &'a Tree,
    problem: Node<'a, 'i>,
    /// The test set that counts.
    testset: Node<'a, 'i>,
    pass_fail: bool,
}

pub(crate) fn read(tree: &Tree, options: &Options, log: &mut Log) -> Option<Draft> {
    let text = xml::text(tree, FILE, log)?;
    let document = xml::parse(FILE, &text, log)?;
    let problem = document.root_element();
    if !problem.has_tag_name("problem") {
        log.refuse(FILE, Some(1), "the top element is not `problem`");
        return None;
    }
    let testset = testset(problem, log)?;
    let source = Source { tree, problem, testset, pass_fail: options.pass_fail };
    let mut draft = Draft { main: FILE, ..Draft::default() };
    names(problem, &mut draft, log);
    limits(source, &mut draft, log);
    judging(problem, &mut draft, log)?;
    draft.cases = test_set::read(source, log)?;
    points::read(source, &mut draft, log);
    checker::read(source, &mut draft, log);
    programs::read(source, &mut draft, log);
    statement::read(source, &mut draft, log);
    materials(source, &mut draft, log);
    rest::tell(problem, log);
    Some(draft)
}

/// The test set `tests`, or the only one.
fn testset<'a, 'i>(problem: Node<'a, 'i>, log: &mut Log) -> Option<Node<'a, 'i>> {
    let Some(judging) = xml::child(problem, "judging") else {
        log.refuse(FILE, None, "there is no `judging`, and so no test");
        return None;
    };
    let all: Vec<_> = xml::children(judging, "testset").collect();
    let named = all.iter().find(|set| set.attribute("name") == Some("tests"));
    let Some(chosen) = named.or(all.first()).copied() else {
        log.refuse(FILE, Some(xml::line(judging)), "there is no `testset` in `judging`");
        return None;
    };
    for other in all.iter().filter(|set| **set != chosen) {
        let name = other.attribute("name").unwrap_or_default();
        log.change(
            FILE,
            Some(xml::line(*other)),
            format!("test set `{name}` is left out; a package has one set of tests"),
        );
    }
    Some(chosen)
}

/// What contestants are given beside the statement.
fn materials(source: Source<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let listed = xml::child(source.problem, "materials");
    for node in listed.into_iter().flat_map(|all| xml::children(all, "material")) {
        let path = xml::attribute(node, "path").unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or(path);
        let message = if let Some(entry) = source.tree.files.get(path) {
            draft.files.insert(format!("attachments/{name}"), Content::File(entry.disk.clone()));
            format!("material `{name}` becomes an attachment, which whoever sees the problem may have")
        } else {
            let shown: String = path.chars().take(100).collect();
            format!("material `{shown}` is missing from the package and is left out")
        };
        log.change(FILE, Some(xml::line(node)), message);
    }
}

fn names(problem: Node<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let url = xml::attribute(problem, "url").or(xml::attribute(problem, "short-name"));
    url.unwrap_or_default().clone_into(&mut draft.identity);
    let mut unknown = Vec::new();
    for name in xml::child(problem, "names").into_iter().flat_map(|names| xml::children(names, "name")) {
        let (Some(title), Some(language)) = (xml::attribute(name, "value"), xml::attribute(name, "language"))
        else {
            continue;
        };
        match statement::language(language) {
            Some(code) if draft.titles.iter().all(|(known, _)| known != code) => {
                draft.titles.push((code.to_owned(), title.to_owned()));
            }
            Some(_) => {}
            None => unknown.push((title, language, xml::line(name))),
        }
    }
    for (i, (title, language, line)) in unknown.into_iter().enumerate() {
        let language: String = language.chars().take(40).collect();
        // Better under a wrong language than not at all.
        let what = if i == 0 && draft.titles.is_empty() {
            draft.titles.push(("en".to_owned(), title.to_owned()));
            "stands as the English one"
        } else {
            "is left out"
        };
        let message = format!("the name in `{language}` {what}: no code is known for the language");
        log.change(FILE, Some(line), message);
    }
    if draft.titles.is_empty() {
        draft.titles =
            vec![("en".to_owned(), xml::attribute(problem, "short-name").unwrap_or("Untitled").to_owned())];
    }
}

fn limits(source: Source<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let mut number = |name: &str, unit: &str| {
        let node = xml::child(source.testset, name)?;
        let text = node.text().unwrap_or_default().trim();
        let found = text.parse::<u64>().ok().filter(|n| (1..=1 << 50).contains(n));
        if found.is_none() {
            let shown: String = text.chars().take(40).collect();
            log.refuse(
                FILE,
                Some(xml::line(node)),
                format!("`{name}` is `{shown}`; a positive number of {unit} is needed"),
            );
        }
        found
    };
    draft.time_ms = number("time-limit", "milliseconds");
    draft.memory_bytes = number("memory-limit", "bytes");
}

fn judging(problem: Node<'_, '_>, draft: &mut Draft, log: &mut Log) -> Option<()> {
    let judging = xml::child(problem, "judging")?;
    if let Some(count) = xml::attribute(judging, "run-count")
        && count != "1"
    {
        let shown: String = count.chars().take(20).collect();
        let message = format!(
            "`run-count` is `{shown}`: the program runs again on what came of its first run, which the interactor or \
             checker turns into a second input; a multi-pass package needs an output validator that writes \
             `nextpass.in` instead, and has to be written by hand"
        );
        log.refuse(FILE, Some(xml::line(judging)), message);
    }
    // `stdin` and `stdout` say the same as nothing.
    let mut file = |key: &str, standard: &str| {
        let name = xml::attribute(judging, key).filter(|name| *name != standard)?;
        log.plain_name(FILE, Some(xml::line(judging)), key, name.to_owned())
    };
    draft.input_file = file("input-file", "stdin");
    draft.output_file = file("output-file", "stdout");
    Some(())
}
