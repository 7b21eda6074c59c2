//! XML without surprises: no document type, so no entities of its own; a bounded number of nodes; lines.

use problem::tree::Tree;
use roxmltree::{Document, Node, ParsingOptions};

use crate::Log;

/// Largest XML file read.
pub(crate) const MAX_BYTES: u64 = 8 << 20;
/// Most elements, attributes and texts of one file.
const MAX_NODES: u32 = 400_000;
/// Most attributes of one element: the parser compares each with every other.
const MAX_ATTRIBUTES: usize = 2000;

/// Reads the file's text; what is wrong is refused.
pub(crate) fn text(tree: &Tree, path: &str, log: &mut Log) -> Option<String> {
    let text = tree.text(path, MAX_BYTES, &mut log.findings)?;
    // Before the parser sees it; `<` never stands in an attribute, so each element lies between two of them.
    if text.split('<').any(|element| element.matches('=').count() > MAX_ATTRIBUTES) {
        log.refuse(path, None, format!("an element has more than {MAX_ATTRIBUTES} attributes"));
        return None;
    }
    Some(text)
}

/// Takes the text apart.
pub(crate) fn parse<'a>(path: &str, text: &'a str, log: &mut Log) -> Option<Document<'a>> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, entity_resolver: None };
    match Document::parse_with_options(text, options) {
        Ok(document) => Some(document),
        Err(e) => {
            let row = e.pos().row;
            let why = match e {
                roxmltree::Error::DtdDetected => {
                    "it has a document type; files without one are read".to_owned()
                }
                other => other.to_string().chars().take(200).collect(),
            };
            log.refuse(path, Some(row), format!("this is not XML that can be read: {why}"));
            None
        }
    }
}

/// The line of an element.
pub(crate) fn line(node: Node<'_, '_>) -> Option<u32> {
    Some(node.document().text_pos_at(node.range().start).row)
}

/// The first element of this name directly in `node`.
pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// Every element of this name directly in `node`.
pub(crate) fn children<'a, 'i>(node: Node<'a, 'i>, name: &str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

/// The first element at the end of this path of names below `node`.
pub(crate) fn at<'a, 'i>(node: Node<'a, 'i>, path: &[&str]) -> Option<Node<'a, 'i>> {
    path.iter().try_fold(node, |node, name| child(node, name))
}

/// An attribute that says something.
pub(crate) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attribute(name).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let mut log = Log::default();
        assert!(parse("p.xml", text, &mut log).is_none(), "{text}");
        log.findings.list[0].to_string()
    }

    #[test]
    fn entities_of_its_own_are_refused() {
        let bomb =
            "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;&x;\">]>\n<a>&y;&y;&y;</a>";
        assert!(refused(bomb).contains("document type"));
        assert!(refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>").contains("document type"));
        assert!(refused("<a>&nobody;</a>").contains("p.xml:1"));
    }

    #[test]
    fn crowds_are_bounded_and_depth_costs_nothing() {
        let crowd = format!("<a>{}</a>", "<b/>".repeat(MAX_NODES as usize));
        assert!(refused(&crowd).contains("limit"));
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert!(parse("p.xml", &deep, &mut Log::default()).is_some());
    }
}
