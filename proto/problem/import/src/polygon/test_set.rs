//! Tests of a Polygon test set: numbered files, which have to be there.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use roxmltree::Node;

use super::{FILE, Source};
use crate::draft::Case;
use crate::write::Content;
use crate::{Log, xml};

/// Most tests read; a package may have no more cases.
const MAX_TESTS: usize = 10_000;
/// Bytes of a file in which its first line has to end for CR LF to be looked for.
const LOOKED_AT: u64 = 64 << 10;
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
            Some(xml::line(set)),
            format!("there are {} tests; at most {MAX_TESTS} are possible", tests.len()),
        );
        return None;
    }
    let claimed =
        xml::child(set, "test-count").and_then(|n| n.text()).and_then(|t| t.trim().parse::<usize>().ok());
    if claimed.is_some_and(|n| n != tests.len()) {
        let message =
            format!("`test-count` is {}, and {} tests are listed", claimed.unwrap_or_default(), tests.len());
        log.refuse(FILE, Some(xml::line(set)), message);
        return None;
    }
    let mut missing = 0;
    let mut cases = Vec::with_capacity(tests.len());
    for (i, test) in tests.iter().enumerate() {
        let (input, answer) = (numbered(&input, i + 1), numbered(&answer, i + 1));
        let mut content = |path: &str, what: &str| {
            let found = source.tree.files.get(path).map(|entry| Content::File(entry.disk.clone()));
            if found.is_none() {
                missing += 1;
                if missing <= MAX_NAMED {
                    log.refuse(path, None, format!("{what} is missing{}", what_to_do(*test)));
                }
            }
            found
        };
        let (input, answer) = (content(&input, "the input"), content(&answer, "the answer"));
        if let (Some(input), Some(answer)) = (input, answer) {
            cases.push(Case { input, answer, sample: test.attribute("sample") == Some("true") });
        }
    }
    if missing > MAX_NAMED {
        log.refuse(FILE, None, format!("{missing} files of tests are missing"));
    }
    (missing == 0).then(|| {
        line_ends(&mut cases, log);
        cases
    })
}

/// Archives for Windows end lines with CR LF, which programs do not see there; here they would.
fn line_ends(cases: &mut [Case], log: &mut Log) {
    let mut changed = 0;
    for content in cases.iter_mut().flat_map(|case| [&mut case.input, &mut case.answer]) {
        if let Content::File(path) = content
            && let Some(bytes) = without_carriage_returns(path)
        {
            *content = Content::Bytes(bytes);
            changed += 1;
        }
    }
    if changed > 0 {
        log.change(FILE, None, format!("{changed} files of tests end their lines with CR LF, as archives for Windows do; they end with LF in the package, as they are read at home"));
    }
}

/// The text with LF in place of CR LF; `None` where some line ends otherwise, or there is none.
fn without_carriage_returns(path: &Path) -> Option<Vec<u8>> {
    let mut begin = Vec::new();
    fs::File::open(path).ok()?.take(LOOKED_AT).read_to_end(&mut begin).ok()?;
    let first = begin.iter().position(|byte| *byte == b'\n')?;
    if first == 0 || begin[first - 1] != b'\r' {
        return None;
    }
    let text = fs::read(path).ok()?;
    let mut lines = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\r' if text.get(at + 1) == Some(&b'\n') => {}
            b'\n' if at == 0 || text[at - 1] != b'\r' => return None,
            byte => lines.push(*byte),
        }
    }
    Some(lines)
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
        log.refuse(FILE, Some(xml::line(set)), format!("`{name}` is missing"));
        return None;
    };
    let text = node.text().unwrap_or_default().trim();
    let parsed = parse(text);
    if parsed.is_none() {
        let shown: String = text.chars().take(80).collect();
        log.refuse(
            FILE,
            Some(xml::line(node)),
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
    fn line_ends_change_only_where_every_line_has_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, want) in [
            ("1\r\n2\r\n", Some("1\n2\n")),
            ("\r\n3", Some("\n3")),
            ("1\r\n2\n", None),
            ("1\n2\r\n", None),
            ("1\r2", None),
            ("\n\r\n", None),
            ("", None),
        ] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(without_carriage_returns(file.path()).as_deref(), want.map(str::as_bytes), "{text:?}");
        }
    }

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
