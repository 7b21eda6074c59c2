//! Keys of `problem.yaml` that are for people: who made the problem, where it comes from, under which licence.
//!
//! No judging depends on them, so nothing here refuses a package: what the format does not know is a warning, because
//! a credit under a misspelt key is one that nobody is given.

use crate::diagnostic::Findings;
use crate::manifest::FILE;
use crate::model::FormatVersion;
use crate::yaml::{Fields, Key, Node, Value};

const LICENSES: [&str; 7] =
    ["unknown", "public domain", "cc0", "cc by", "cc by-sa", "educational", "permission"];
/// Keys of `credits` with persons.
const ROLES: [&str; 5] = ["authors", "contributors", "testers", "packagers", "acknowledgements"];
const PERSON: [&str; 4] = ["name", "email", "orcid", "kattis"];

/// Takes them.
pub(crate) fn read(top: &mut Fields<'_>, version: FormatVersion, findings: &mut Findings) {
    let license = top.text("license", findings);
    if let Some((text, line)) = &license
        && !LICENSES.contains(&text.as_str())
    {
        findings.warning(FILE, Some(*line), format!("`license` is not one of {}", LICENSES.join(", ")));
    }
    let owner = top.take("rights_owner");
    if let (Some(owner), Some((text, _))) = (&owner, &license)
        && text == "public domain"
    {
        let message = "`license: public domain` has no `rights_owner`";
        findings.warning(FILE, Some(owner.line), message);
    }
    let (credits, source) = (top.take("credits"), top.take("source"));
    top.ignore(&["version", "keywords"]);
    if version == FormatVersion::Legacy {
        return;
    }
    if let Some((text, line)) = &license
        && !["unknown", "public domain"].contains(&text.as_str())
        && ![owner.as_ref(), credits.as_ref().and_then(authors), source.as_ref()]
            .into_iter()
            .flatten()
            .any(says)
    {
        let message = format!(
            "`license: {}` needs somebody whose licence it is: a `rights_owner`, else `credits` with `authors`, else a `source`",
            short(text)
        );
        findings.warning(FILE, Some(*line), message);
    }
    if let Some(node) = credits {
        self::credits(node, findings);
    }
    if let Some(node) = source {
        each(node, "source", findings, &|node, findings| map(node, "source", &["name", "url"], findings));
    }
}

/// The authors in `credits`, which names one where it is no mapping.
fn authors(credits: &Node) -> Option<&Node> {
    let Value::Map(entries) = &credits.value else { return Some(credits) };
    entries.iter().find(|(key, _)| key.name == "authors").map(|(_, node)| node)
}

/// Whether anything is said there.
fn says(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Text(text) => !text.trim().is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(entries) => !entries.is_empty(),
        Value::Bool(_) | Value::Number(..) => true,
    }
}

fn credits(node: Node, findings: &mut Findings) {
    let Value::Map(entries) = node.value else { return person(node, "credits", findings) };
    for (key, node) in entries {
        let path = format!("credits.{}", short(&key.name));
        if ROLES.contains(&key.name.as_str()) {
            each(node, &path, findings, &|node, findings| person(node, &path, findings));
        } else if key.name == "translators" {
            let Value::Map(languages) = node.value else {
                wrong(&node, &path, "a mapping of language to persons", findings);
                continue;
            };
            for (language, node) in languages {
                let path = format!("{path}.{}", short(&language.name));
                each(node, &path, findings, &|node, findings| person(node, &path, findings));
            }
        } else {
            unknown(&key, "credits.", &format!("{}, translators", ROLES.join(", ")), findings);
        }
    }
}

/// One, or several in a list.
fn each(node: Node, path: &str, findings: &mut Findings, one: &dyn Fn(Node, &mut Findings)) {
    match node.value {
        Value::List(items) if items.is_empty() => {
            findings.warning(FILE, Some(node.line), format!("`{path}` is an empty list"));
        }
        Value::List(items) => items.into_iter().for_each(|item| one(item, findings)),
        _ => one(node, findings),
    }
}

fn person(node: Node, path: &str, findings: &mut Findings) {
    map(node, path, &PERSON, findings);
}

/// A text, or a mapping with `name` and what else is known.
fn map(node: Node, path: &str, known: &[&str], findings: &mut Findings) {
    match node.value {
        Value::Text(_) | Value::Number(..) => {}
        Value::Map(entries) => {
            if !entries.iter().any(|(key, _)| key.name == "name") {
                findings.warning(FILE, Some(node.line), format!("`{path}` has no `name`"));
            }
            for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
                unknown(key, &format!("{path}."), &known.join(", "), findings);
            }
        }
        _ => wrong(&node, path, "a text, or a mapping with `name`,", findings),
    }
}

fn unknown(key: &Key, above: &str, known: &str, findings: &mut Findings) {
    let message = format!("unknown key `{above}{}`; known are {known}; it is ignored", short(&key.name));
    findings.warning(FILE, Some(key.line), message);
}

fn wrong(node: &Node, path: &str, want: &str, findings: &mut Findings) {
    let message = format!("`{path}` is {}; {want} is needed", node.value.kind());
    findings.warning(FILE, Some(node.line), message);
}

fn short(name: &str) -> String {
    name.chars().take(60).collect()
}
