//! YAML with line numbers: a small tree, read under a budget, then taken apart key by key.
//!
//! Readers ask a [`Fields`] for each key they know; what is left over at the end is an unknown key. Every
//! complaint goes into the package's findings with the line of the value it is about.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Spanned, UserMessageFormatter};

use crate::diagnostic::Findings;

/// Largest YAML file read.
pub const MAX_BYTES: u64 = 256 << 10;
/// Most lists and mappings within each other.
const MAX_DEPTH: usize = 20;
/// Most values of a file, those that aliases repeat counted each time.
const MAX_NODES: usize = 50_000;
/// Most aliases of a file.
const MAX_ALIASES: usize = 100;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub line: u32,
    pub value: Value,
}

/// What YAML can say.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    /// A number with its text as written, so that `1e-6` stays `1e-6`.
    Number(f64, String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A mapping's key and where it stands.
#[derive(Debug, Clone)]
pub struct Key {
    pub name: String,
    pub line: u32,
}

impl Value {
    /// What it is, with its article.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(..) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// The tree before line numbers and number texts are drawn from the spans.
enum Raw {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
        Ok(Raw::Number(v as f64))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
        Ok(Raw::Number(v as f64))
    }
    fn visit_i128<E>(self, v: i128) -> Result<Raw, E> {
        Ok(Raw::Number(v as f64))
    }
    fn visit_u128<E>(self, v: u128) -> Result<Raw, E> {
        Ok(Raw::Number(v as f64))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
        Ok(Raw::Number(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
        Ok(Raw::Text(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Raw, E> {
        Ok(Raw::Text(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = seq.next_element()? {
            out.push(item);
        }
        Ok(Raw::List(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = map.next_entry()? {
            out.push(entry);
        }
        Ok(Raw::Map(out))
    }
}

fn node(raw: Spanned<Raw>, source: &str) -> Node {
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(b) => Value::Bool(b),
        Raw::Number(n) => {
            let span = raw.defined.span();
            let text = span
                .byte_offset()
                .zip(span.byte_len())
                .and_then(|(at, len)| source.get(at as usize..(at + len) as usize))
                .map_or_else(|| n.to_string(), |t| t.trim().to_owned());
            Value::Number(n, text)
        }
        Raw::Text(t) => Value::Text(t),
        Raw::List(items) => Value::List(items.into_iter().map(|i| node(i, source)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(k, v)| (Key { name: k.value, line: k.referenced.line() as u32 }, node(v, source)))
                .collect(),
        ),
    };
    Node { line: raw.referenced.line() as u32, value }
}

/// Reads the mapping at the top of a YAML file. An empty file is an empty mapping. What cannot be read is
/// reported and gives `None`.
pub fn read<'a>(path: &'a str, source: &str, findings: &mut Findings) -> Option<Fields<'a>> {
    if source.trim().is_empty() {
        return Some(Fields::new(path, "", 1, Vec::new()));
    }
    let raw: Spanned<Raw> = match serde_saphyr::from_str_with_options(
        source,
        serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES, max_aliases: MAX_ALIASES, max_documents: 1 },
            strict_booleans: true,
        },
    ) {
        Ok(raw) => raw,
        Err(e) => {
            let line = e.location().map(|l| l.line() as u32).filter(|l| *l > 0);
            findings.error(path, line, wrong(&e));
            return None;
        }
    };
    let top = node(raw, source);
    match top.value {
        Value::Map(entries) => Some(Fields::new(path, "", top.line, entries)),
        Value::Null => Some(Fields::new(path, "", top.line, Vec::new())),
        other => {
            findings.error(
                path,
                Some(top.line),
                format!("the file holds {}; a mapping of `key: value` is needed", other.kind()),
            );
            None
        }
    }
}

/// What is wrong, in words for who wrote the file and not for a user of the library that reads it.
fn wrong(error: &Error) -> String {
    let error = error.without_snippet();
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map_or_else(|| "a key".to_owned(), |key| format!("`{}`", cut(key, 60)));
            format!("{key} is there before in the same mapping; each key may stand there once")
        }
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "a second YAML document begins here; a file of a package is one".to_owned()
        }
        // What an alias stands for; its line is told anyway.
        Error::AliasError { error, .. } => wrong(error),
        Error::Budget { .. } => {
            format!(
                "this is more than is read of a file: {MAX_DEPTH} levels, {MAX_NODES} values, {MAX_ALIASES} aliases"
            )
        }
        _ => {
            let text = error.render_with_formatter(&UserMessageFormatter);
            format!("this is not valid YAML: {}", cut(text.lines().next().unwrap_or_default(), 300))
        }
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// A mapping whose keys are taken out one by one.
#[derive(Debug)]
pub struct Fields<'a> {
    path: &'a str,
    /// `limits.` inside `limits`, empty at the top.
    prefix: String,
    /// Line of the mapping itself.
    pub line: u32,
    entries: Vec<(Key, Node)>,
}

impl<'a> Fields<'a> {
    fn new(path: &'a str, prefix: &str, line: u32, entries: Vec<(Key, Node)>) -> Self {
        Self { path, prefix: prefix.to_owned(), line, entries }
    }

    /// The mapping `entries` found under `key` of another one.
    pub fn nested(path: &'a str, key: &str, line: u32, entries: Vec<(Key, Node)>) -> Self {
        Self::new(path, &format!("{key}."), line, entries)
    }

    /// Takes `key` out; null counts as absent.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|(k, _)| k.name == key)?;
        let (_, node) = self.entries.swap_remove(at);
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    fn complain(&self, findings: &mut Findings, key: &str, line: u32, got: &str, want: &str) {
        findings.error(self.path, Some(line), format!("`{}{key}` is {got}; {want} is needed", self.prefix));
    }

    /// Takes a text; numbers and booleans give their text.
    pub fn text(&mut self, key: &str, findings: &mut Findings) -> Option<(String, u32)> {
        let node = self.take(key)?;
        match node.value {
            Value::Text(t) | Value::Number(_, t) => Some((t, node.line)),
            Value::Bool(b) => Some((b.to_string(), node.line)),
            other => {
                self.complain(findings, key, node.line, other.kind(), "a text");
                None
            }
        }
    }

    /// Takes a boolean.
    pub fn boolean(&mut self, key: &str, findings: &mut Findings) -> Option<bool> {
        let node = self.take(key)?;
        if let Value::Bool(b) = node.value {
            return Some(b);
        }
        self.complain(findings, key, node.line, &shown(&node.value), "`true` or `false`");
        None
    }

    /// Takes a positive number not above `max`; `what` names it with its unit.
    pub fn positive(
        &mut self,
        key: &str,
        what: &str,
        max: f64,
        findings: &mut Findings,
    ) -> Option<(f64, u32)> {
        let node = self.take(key)?;
        match node.value {
            Value::Number(n, _) if n > 0.0 && n <= max => Some((n, node.line)),
            ref other => {
                let want = format!("a positive number of {what}, at most {max},");
                self.complain(findings, key, node.line, &shown(other), &want);
                None
            }
        }
    }

    /// Takes a number with its text as written, and its line.
    pub fn number(&mut self, key: &str, findings: &mut Findings) -> Option<(f64, String, u32)> {
        let node = self.take(key)?;
        match node.value {
            Value::Number(n, text) => Some((n, text, node.line)),
            ref other => {
                self.complain(findings, key, node.line, &shown(other), "a number");
                None
            }
        }
    }

    /// The line of the value of `key`, when it is there.
    pub fn line_of(&self, key: &str) -> Option<u32> {
        self.entries.iter().find(|(k, _)| k.name == key).map(|(_, node)| node.line)
    }

    /// Takes a positive whole number not above `max`.
    pub fn whole(&mut self, key: &str, what: &str, max: u32, findings: &mut Findings) -> Option<u64> {
        let node = self.take(key)?;
        match node.value {
            Value::Number(n, _) if n >= 1.0 && n <= f64::from(max) && n.fract() == 0.0 => Some(n as u64),
            ref other => {
                let want = format!("a whole positive number of {what}, at most {max},");
                self.complain(findings, key, node.line, &shown(other), &want);
                None
            }
        }
    }

    /// Takes words: a list of scalars as it is, or a text cut at white space.
    pub fn words(&mut self, key: &str, findings: &mut Findings) -> Option<(Vec<String>, u32)> {
        let node = self.take(key)?;
        let mut out = Vec::new();
        match node.value {
            Value::Text(t) | Value::Number(_, t) => out.extend(t.split_ascii_whitespace().map(str::to_owned)),
            Value::List(items) => {
                for item in items {
                    match item.value {
                        Value::Text(t) | Value::Number(_, t) => out.push(t),
                        Value::Bool(b) => out.push(b.to_string()),
                        other => {
                            self.complain(findings, key, item.line, other.kind(), "a list of words");
                            return None;
                        }
                    }
                }
            }
            other => {
                self.complain(findings, key, node.line, other.kind(), "a text or a list of words");
                return None;
            }
        }
        Some((out, node.line))
    }

    /// Whether `key` is there and a text.
    pub fn is_text(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, n)| k.name == key && matches!(n.value, Value::Text(_)))
    }

    /// Whether `key` is there and a mapping.
    pub fn is_mapping(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, n)| k.name == key && matches!(n.value, Value::Map(_)))
    }

    /// The keys of the mapping under `key`; `None` where there is none.
    pub(crate) fn keys_of(&self, key: &str) -> Option<Vec<String>> {
        let (_, node) = self.entries.iter().find(|(k, _)| k.name == key)?;
        let Value::Map(entries) = &node.value else { return None };
        Some(entries.iter().map(|(k, _)| k.name.clone()).collect())
    }

    /// Takes a mapping.
    pub fn mapping(&mut self, key: &str, findings: &mut Findings) -> Option<Fields<'a>> {
        let node = self.take(key)?;
        match node.value {
            Value::Map(entries) => {
                Some(Fields::new(self.path, &format!("{}{key}.", self.prefix), node.line, entries))
            }
            other => {
                self.complain(findings, key, node.line, &shown(&other), "a mapping");
                None
            }
        }
    }

    /// Takes every entry that is a mapping, in the order of the file.
    pub fn take_mappings(&mut self) -> Vec<(Key, Node)> {
        let (mut mappings, rest): (Vec<_>, Vec<_>) =
            self.entries.drain(..).partition(|(_, node)| matches!(node.value, Value::Map(_)));
        self.entries = rest;
        // `take` swaps entries about.
        mappings.sort_by_key(|(key, _)| key.line);
        mappings
    }

    /// The keys nobody took yet.
    pub fn keys(&self) -> Vec<String> {
        self.entries.iter().map(|(k, _)| k.name.clone()).collect()
    }

    /// Takes keys that say nothing about judging.
    pub fn ignore(&mut self, keys: &[&str]) {
        self.entries.retain(|(k, _)| !keys.contains(&k.name.as_str()));
    }

    /// Every entry still there.
    pub fn rest(self) -> Vec<(Key, Node)> {
        self.entries
    }

    /// Reports what nobody took: an error when `strict`, else a warning.
    pub fn finish(self, strict: bool, known: &str, findings: &mut Findings) {
        let mut left = self.entries;
        left.sort_by_key(|(k, _)| k.line);
        for (key, _) in left {
            let name: String = key.name.chars().take(60).collect();
            let message = format!("unknown key `{}{name}`; known are {known}", self.prefix);
            if strict {
                findings.error(self.path, Some(key.line), message);
            } else {
                findings.warning(self.path, Some(key.line), format!("{message}; it is ignored"));
            }
        }
    }
}

/// A value as a message quotes it.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(b) => format!("`{b}`"),
        Value::Number(_, t) | Value::Text(t) => format!("`{}`", t.chars().take(60).collect::<String>()),
        other => other.kind().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(source: &str) -> (Option<Fields<'static>>, Findings) {
        let mut findings = Findings::default();
        (read("p.yaml", source, &mut findings), findings)
    }

    #[test]
    fn numbers_keep_their_text_and_values_their_lines() {
        let (top, mut f) = fields("a: 1\nflags:\n  - float_tolerance\n  - 1e-6\nname: 1.10\n");
        let mut top = top.unwrap();
        assert_eq!(top.words("flags", &mut f).unwrap(), (vec!["float_tolerance".into(), "1e-6".into()], 3));
        assert_eq!(top.text("name", &mut f).unwrap(), ("1.10".to_owned(), 5));
        top.finish(true, "`name`", &mut f);
        assert_eq!(f.list.len(), 1);
        assert_eq!((f.list[0].line, f.failed()), (Some(1), true));
    }

    #[test]
    fn broken_yaml_and_duplicate_keys_are_reported_with_their_line() {
        for (source, line) in [
            ("a: 1\nb: [1\n", None),
            ("a: 1\na: 2\n", Some(2)),
            ("a: 1\nb: \x27x\n", None),
            ("- a\n", Some(1)),
        ] {
            let (top, f) = fields(source);
            assert!(top.is_none() && f.failed(), "{source:?}");
            assert!(
                f.list[0].line.is_some() && (line.is_none() || f.list[0].line == line),
                "{source:?}: {:?}",
                f.list
            );
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_named_without_advice_for_programmers() {
        for (source, line, message) in [
            ("a: 1\na: 2\n", 2, "`a` is there before in the same mapping; each key may stand there once"),
            (
                "l:\n  {b: 1, c: 2,\n   b: 3}\n",
                3,
                "`b` is there before in the same mapping; each key may stand there once",
            ),
        ] {
            let (top, f) = fields(source);
            assert!(top.is_none() && f.failed());
            assert_eq!((f.list[0].line, f.list[0].message.as_str()), (Some(line), message), "{source:?}");
        }
        for broken in [
            "a: [1\n",
            "a: *b\n",
            "a: 1\n---\nb: 2\n",
            "a: !!int x\n",
            "\ta: 1\n",
            "a: \"\\q\"\n",
            "<<: 1\n",
            "? [a]\n: 1\n",
            "a: 'x\n",
        ] {
            let (_, f) = fields(broken);
            for found in &f.list {
                for word in ["Options", "Policy", "from_", "serde", "::", "deserializ", " { "] {
                    assert!(!found.message.contains(word), "{broken:?}: {found}");
                }
            }
        }
    }

    #[test]
    fn alias_bombs_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb += &["a", &i.to_string(), ": &a", &i.to_string(), " [", &refs, "]\n"].concat();
        }
        assert!(fields(&bomb).1.failed());
    }

    #[test]
    fn a_wrong_type_is_named_with_what_would_be_right() {
        let (top, mut f) = fields("limits:\n  memory: 0\n  time: soon\n");
        let mut limits = top.unwrap().mapping("limits", &mut f).unwrap();
        assert!(limits.whole("memory", "MiB", 100, &mut f).is_none());
        assert!(limits.positive("time", "seconds", 100.0, &mut f).is_none());
        assert_eq!(
            f.list[0].message,
            "`limits.memory` is `0`; a whole positive number of MiB, at most 100, is needed"
        );
        assert_eq!((f.list[0].line, f.list[1].line), (Some(2), Some(3)));
    }
}
