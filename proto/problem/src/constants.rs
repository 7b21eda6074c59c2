//! `constants` of problem.yaml, and putting their values where `{{name}}` stands.
//!
//! Replaced are statements, validators, included files, example submissions and `test_group.yaml`; never
//! test data, never problem.yaml. A tag nobody defined stays as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::diagnostic::Findings;
use crate::yaml::{Fields, Value};

const FILE: &str = "problem.yaml";
/// Most constants of one package.
const MAX: usize = 1000;
/// Longest value, and longest tag looked for, in bytes.
const MAX_BYTES: usize = 4096;

/// Values by what stands between the braces: `name`, or `name.variant`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constants(BTreeMap<String, String>);

impl Constants {
    /// Whether the package defines none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with every defined tag replaced. A value is not looked through again.
    pub fn apply<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        if self.is_empty() || !text.windows(2).any(|w| w == b"{{") {
            return Cow::Borrowed(text);
        }
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
        while let Some(open) = rest.windows(2).position(|w| w == b"{{") {
            let inside = &rest[open + 2..rest.len().min(open + 2 + MAX_BYTES)];
            let value = inside.windows(2).position(|w| w == b"}}").and_then(|close| {
                let name = std::str::from_utf8(&inside[..close]).ok()?;
                Some((self.0.get(name)?, close))
            });
            if let Some((value, close)) = value {
                out.extend_from_slice(&rest[..open]);
                out.extend_from_slice(value.as_bytes());
                rest = &rest[open + 2 + close + 2..];
            } else {
                // One byte on, so that the inner pair of `{{{x}}` is found.
                out.extend_from_slice(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
        out.extend_from_slice(rest);
        Cow::Owned(out)
    }

    /// [`Constants::apply`] on text, which stays text.
    pub(crate) fn apply_text(&self, text: String) -> String {
        match self.apply(text.as_bytes()) {
            Cow::Borrowed(_) => text,
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// Takes `constants` out of the manifest. A value may stand in a mapping as `value`, with others of its spellings
/// (a number in TeX, a word) under `variants`, or beside it as the tool bapctools has them; `{{name.spelling}}` is one.
pub(crate) fn read(top: &mut Fields<'_>, findings: &mut Findings) -> Constants {
    let mut all = BTreeMap::new();
    let Some(fields) = top.mapping("constants", findings) else { return Constants::default() };
    for (key, node) in fields.rest() {
        let shown: String = key.name.chars().take(60).collect();
        if !is_name(&key.name) {
            let want = "a letter or `_`, then letters, digits and `_` are needed";
            findings.error(FILE, Some(key.line), format!("`constants.{shown}` is no name; {want}"));
            continue;
        }
        let mut put = |name: String, value: &Value, line: u32| match scalar(value) {
            Some(text) if text.len() <= MAX_BYTES && all.len() < MAX => drop(all.insert(name, text)),
            Some(_) => findings.error(
                FILE,
                Some(line),
                format!("`constants`: at most {MAX} values of at most {MAX_BYTES} bytes are possible"),
            ),
            None => findings.error(
                FILE,
                Some(line),
                format!(
                    "`constants.{shown}` is not a text, a number or a boolean, nor `value` with `variants`"
                ),
            ),
        };
        let Value::Map(entries) = node.value else {
            put(key.name, &node.value, node.line);
            continue;
        };
        if !entries.iter().any(|(part, _)| part.name == "value") {
            let message = format!("`constants.{shown}` has no `value`, which `{{{{{shown}}}}}` stands for");
            findings.error(FILE, Some(node.line), message);
            continue;
        }
        for (part, node) in entries {
            match (part.name.as_str(), &node.value) {
                ("variants", Value::Map(variants)) => {
                    for (variant, node) in variants {
                        put(format!("{}.{}", key.name, variant.name), &node.value, node.line);
                    }
                }
                (name, value) if is_name(name) => {
                    put(format!("{}.{name}", key.name), value, node.line);
                    if name == "value" {
                        put(key.name.clone(), value, node.line);
                    }
                }
                _ => put(String::new(), &Value::Null, part.line),
            }
        }
    }
    Constants(all)
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.len() <= 255
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(t) | Value::Number(_, t) => Some(t.clone()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_value_stand_beside_it_or_under_variants() {
        let read = |text: &str| {
            let mut findings = Findings::default();
            let mut top = crate::yaml::read(FILE, text, &mut findings).unwrap();
            let constants = read(&mut top, &mut findings);
            (constants, findings.list.first().map(|d| (d.line, d.message.clone())))
        };
        assert_eq!(read("constants:\n  _n1: 5\n").1, None);
        let beside = "constants:\n  n:\n    value: 5\n    TEX: \"10^{1}\"\n    word: five\n  m: 1.50\n";
        let under = "constants:\n  n: {value: 5, variants: {TEX: '10^{1}', word: five}}\n  m: 1.50\n";
        for text in [beside, under] {
            let (constants, found) = read(text);
            assert_eq!(found, None);
            let text = b"{{n}} {{n.value}} {{n.TEX}} {{n.word}} {{n.tex}} {{m}}";
            let put = String::from_utf8(constants.apply(text).into_owned()).unwrap();
            assert_eq!(put, "5 5 10^{1} five {{n.tex}} 1.50", "{text:?}");
        }
        for (text, line, words) in [
            ("constants:\n  n: {TEX: x}\n", 2, "`constants.n` has no `value`, which `{{n}}` stands for"),
            ("constants:\n  n:\n    value: 5\n    a-b: x\n", 4, "`constants.n` is not"),
            ("constants:\n  n:\n    value: 5\n    TEX: [x]\n", 4, "`constants.n` is not"),
            ("constants:\n  1n: 5\n", 2, "`constants.1n` is no name; a letter or `_`"),
            ("constants:\n  -n: 5\n", 2, "`constants.-n` is no name"),
            ("constants:\n  n-m: 5\n", 2, "`constants.n-m` is no name"),
        ] {
            let (line_found, message) = read(text).1.unwrap();
            assert!(
                line_found == Some(line) && message.starts_with(words),
                "{text}: {line_found:?} {message}"
            );
        }
    }

    #[test]
    fn so_many_constants_of_such_a_length_and_no_more() {
        let found = |text: &str| {
            let mut findings = Findings::default();
            let mut top = crate::yaml::read(FILE, text, &mut findings).unwrap();
            let Constants(all) = read(&mut top, &mut findings);
            (all.len(), findings.list.iter().map(|d| (d.line, d.message.clone())).collect::<Vec<_>>())
        };
        let told = "`constants`: at most 1000 values of at most 4096 bytes are possible";
        let long = |bytes: usize| format!("constants:\n  n: {}\n", "x".repeat(bytes));
        assert_eq!(found(&long(MAX_BYTES)), (1, vec![]));
        assert_eq!(found(&long(MAX_BYTES + 1)), (0, vec![(Some(2), told.to_owned())]));
        let many = |count: usize| {
            (0..count).fold("constants:\n".to_owned(), |text, at| text + &format!("  n{at}: {at}\n"))
        };
        assert_eq!(found(&many(MAX)), (MAX, vec![]));
        assert_eq!(found(&many(MAX + 1)), (MAX, vec![(Some(MAX as u32 + 2), told.to_owned())]));
    }

    #[test]
    fn defined_tags_are_replaced_once_and_others_stay() {
        let one = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let constants = Constants(BTreeMap::from([
            one("n", "10"),
            one("n.tex", "10^1"),
            one("loop", "{{loop}}"),
            one("_n", "_"),
        ]));
        for (text, want) in [
            ("x = {{n}};", "x = 10;"),
            ("{{n}}{{n.tex}}", "1010^1"),
            ("{{m}} {{ n }} {n} {{n}", "{{m}} {{ n }} {n} {{n}"),
            ("{{{n}}}", "{10}"),
            ("{{x{{n}}", "{{x10"),
            ("{{loop}}", "{{loop}}"),
            ("{{_n}}", "_"),
            ("", ""),
        ] {
            assert_eq!(constants.apply(text.as_bytes()), Cow::Borrowed(want.as_bytes()), "{text}");
        }
        assert!(matches!(Constants::default().apply(b"{{n}}"), Cow::Borrowed(_)));
        assert!(matches!(constants.apply(b"{n} {x{ }}"), Cow::Borrowed(_)), "nothing is copied without need");
    }
}
