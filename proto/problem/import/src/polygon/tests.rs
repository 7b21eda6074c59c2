//! Tests of a Polygon test set: numbered files, which have to be there.

use roxmltree::Node;

use super::{FILE, Source};
use crate::draft::Case;
use crate::write::Content;
use crate::{Log, xml};

/// Most tests read; a package may have no more cases.
const MAX_TESTS: usize = 10_000;
/// Missing files named one by one.
const MAX_NAMED: usize = 10;

pub(super) fn read(source: Source<'_, '_>, log: &mut Log) -> Option<Vec<Case>> {
    let set = source.testset;
    let input = pattern(set, "input-path-pattern", log)?;
    let answer = pattern(set, "answer-path-pattern", log)?;
    let tests = list(set);
    if tests.len() > MAX_TESTS {
        log.refuse(
            FILE,
            xml::line(set),
            format!("there are {} tests; at most {MAX_TESTS} are possible", tests.len()),
        );
        return None;
    }
    let claimed =
        xml::child(set, "test-count").and_then(|n| n.text()).and_then(|t| t.trim().parse::<usize>().ok());
    if claimed.is_some_and(|n| n != tests.len()) {
        let message =
            format!("`test-count` is {}, and {} tests are listed", claimed.unwrap_or_default(), tests.len());
        log.refuse(FILE, xml::line(set), message);
        return None;
    }
    let mut missing = 0;
    let mut cases = Vec::with_capacity(tests.len());
    for (i, test) in tests.iter().enumerate() {
        let (input, answer) = (numbered(&input, i + 1), numbered(&answer, i + 1));
        let mut content = |path: &str, what: &str| match source.tree.files.get(path) {
            Some(entry) => Some(Content::File(entry.disk.clone())),
            None => {
                missing += 1;
                if missing <= MAX_NAMED {
                    let message = format!("{what} is missing{}", what_to_do(*test));
                    log.refuse(path, None, message);
                }
                None
            }
        };
        let (input, answer) = (content(&input, "the input"), content(&answer, "the answer"));
        if let (Some(input), Some(answer)) = (input, answer) {
            cases.push(Case { input, answer, sample: test.attribute("sample") == Some("true") });
        }
    }
    if missing > MAX_NAMED {
        log.refuse(FILE, None, format!("{missing} files of tests are missing"));
    }
    (missing == 0).then_some(cases)
}

/// The tests of a set in order.
pub(super) fn list<'a, 'i>(set: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    xml::child(set, "tests").into_iter().flat_map(|tests| xml::children(tests, "test")).collect()
}

fn what_to_do(test: Node<'_, '_>) -> String {
    let command = match xml::attribute(test, "cmd") {
        Some(command) => {
            format!(": there is only the command `{}`", command.chars().take(80).collect::<String>())
        }
        None => String::new(),
    };
    format!(
        "{command}; take the full package (Polygon: Packages, Create package, full, then the linux or windows \
         archive), or run its doall.sh first"
    )
}

/// A path with one number in it, as `(before, width, after)`.
type Pattern = (String, usize, String);

fn pattern(set: Node<'_, '_>, name: &str, log: &mut Log) -> Option<Pattern> {
    let Some(node) = xml::child(set, name) else {
        log.refuse(FILE, xml::line(set), format!("`{name}` is missing"));
        return None;
    };
    let text = node.text().unwrap_or_default().trim();
    let parsed = parse(text);
    if parsed.is_none() {
        let shown: String = text.chars().take(80).collect();
        log.refuse(
            FILE,
            xml::line(node),
            format!("`{name}` is `{shown}`; a path with one number such as `tests/%02d` is needed"),
        );
    }
    parsed
}

fn parse(text: &str) -> Option<Pattern> {
    let (before, rest) = text.split_once('%')?;
    let (width, after) = rest.split_once('d')?;
    let digits = width.strip_prefix('0').unwrap_or(width);
    let width = if digits.is_empty() { 1 } else { digits.parse().ok().filter(|n| *n <= 9)? };
    (!after.contains('%')).then(|| (before.to_owned(), width, after.to_owned()))
}

/// The path of test `n` by a pattern such as `tests/%02d`.
pub(super) fn path(pattern: &str, n: usize) -> Option<String> {
    parse(pattern).map(|pattern| numbered(&pattern, n))
}

fn numbered((before, width, after): &Pattern, n: usize) -> String {
    format!("{before}{n:0width$}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_one_number() {
        for (text, third) in [("tests/%02d", "tests/03"), ("%d.in", "3.in"), ("t/%03d.a", "t/003.a")] {
            assert_eq!(numbered(&parse(text).unwrap(), 3), third);
        }
        for text in ["tests/01", "%s", "%02x", "%02d/%02d", "%99d", "%", "%-2d"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
