//! What of `problem.xml` nobody reads: told, so that nothing a problem says is dropped without a word.
//!
//! Only elements that judging hangs on are looked at; what Polygon keeps for its own pages (properties, tags,
//! documents, stresses, binaries) is passed over.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::FILE;
use crate::{Log, xml};

/// Element, the attributes and the elements in it that are read or say nothing about judging.
type Known = (&'static str, &'static [&'static str], &'static [&'static str]);

const KNOWN: [Known; 15] = [
    (
        "problem",
        &["revision", "short-name", "url"],
        &[
            "names",
            "statements",
            "judging",
            "files",
            "assets",
            "properties",
            "stresses",
            "documents",
            "tags",
            "tutorials",
            "materials",
        ],
    ),
    (
        "judging",
        &[
            "cpu-name",
            "cpu-speed",
            "input-file",
            "output-file",
            "run-count",
            "treat-points-from-checker-as-percent",
        ],
        &["testset"],
    ),
    (
        "testset",
        &["name"],
        &[
            "time-limit",
            "memory-limit",
            "test-count",
            "input-path-pattern",
            "output-path-pattern",
            "answer-path-pattern",
            "tests",
            "groups",
        ],
    ),
    ("tests", &[], &["test"]),
    ("test", &["method", "cmd", "sample", "points", "group", "description", "from-file", "verdict"], &[]),
    ("groups", &[], &["group"]),
    ("group", &["name", "points", "points-policy", "feedback-policy"], &["dependencies"]),
    ("dependencies", &[], &["dependency"]),
    ("dependency", &["group"], &[]),
    ("assets", &[], &["checker", "interactor", "validators", "validator", "solutions", "asset"]),
    ("checker", &["name", "type"], &["source", "binary", "copy", "testset"]),
    ("interactor", &["name", "type"], &["source", "binary", "copy", "runs"]),
    ("validators", &[], &["validator"]),
    ("validator", &["name", "type"], &["source", "binary", "copy", "testset"]),
    ("solution", &["tag", "type", "note"], &["source", "binary", "extra-tags"]),
];

pub(super) fn tell(problem: Node<'_, '_>, log: &mut Log) {
    if let Some(node) = xml::child(problem, "tutorials") {
        log.change(
            FILE,
            Some(xml::line(node)),
            "tutorials are left out; `solution/` of the package is their place",
        );
    }
    let percent = "treat-points-from-checker-as-percent";
    let judging =
        xml::child(problem, "judging").filter(|node| xml::attribute(*node, percent) == Some("true"));
    if let Some(node) = judging {
        let message = format!(
            "`{percent}`: what the checker gives as points is hundredths of the test's points at home, and points in the \
             package; a checker that calls `quitp` has to be changed"
        );
        log.change(FILE, Some(xml::line(node)), message);
    }
    if let Some(node) = xml::at(problem, &["assets", "checker", "testset"])
        && node.descendants().any(|test| test.has_tag_name("test"))
    {
        log.change(FILE, Some(xml::line(node)), "the checker's own tests are left out");
    }
    // The same word of ten thousand tests is told once.
    let mut told = BTreeSet::new();
    for node in problem.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        let Some((_, attributes, children)) = KNOWN.iter().find(|(known, ..)| *known == name) else {
            continue;
        };
        let odd = node.attributes().map(|attribute| attribute.name()).filter(|odd| !attributes.contains(odd));
        let inner = node.children().filter(Node::is_element).map(|child| child.tag_name().name());
        for odd in odd.chain(inner.filter(|odd| !children.contains(odd))) {
            if told.insert((name, odd)) {
                let odd: String = odd.chars().take(60).collect();
                let message = format!("`{odd}` of `{name}` is nothing this importer knows, and is left out");
                log.change(FILE, Some(xml::line(node)), message);
            }
        }
    }
}
