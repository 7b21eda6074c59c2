//! DMOJ's tests: a list of cases and batches, or patterns over the names of files.

use std::collections::{BTreeMap, BTreeSet};

use problem::score::Score;
use problem::yaml::{Fields, Node, Value};
use regex::Regex;

use super::{FILE, Store, scalar};
use crate::draft::{self, Case, Draft, How, Need, Part};
use crate::write::Content;
use crate::{Log, Options, pattern};

/// Most cases read.
const MAX_CASES: usize = 10_000;

/// DMOJ's own patterns (`dmoj/problem.py`), which some write out. Case is one to it in all of them.
const WRITTEN_OUT: [&str; 2] = [
    r"^(?=.*?\.in|in).*?(?:(?:^|\W)(?P<batch>\d+)[^\d\s]+)?(?P<case>\d+)[^\d\s]*$",
    r"^(?=.*?\.out|out).*?(?:(?:^|\W)(?P<batch>\d+)[^\d\s]+)?(?P<case>\d+)[^\d\s]*$",
];

/// One of them without its look-ahead, which asks for `.in` or `in` somewhere in the name.
const DEFAULT_PATTERN: &str = r"^.*?(?:(?:^|\W)(?P<batch>\d+)[^\d\s]+)?(?P<case>\d+)[^\d\s]*$";

/// What a case says, or inherits of its batch or of the whole problem.
#[derive(Debug, Clone)]
struct Inherited {
    points: Score,
    input: Option<String>,
    output: Option<String>,
}

impl Inherited {
    /// What these fields say, and of the rest what is inherited.
    fn of(fields: &mut Fields<'_>, inherited: &Inherited, log: &mut Log) -> Self {
        let mut file = |key: &str, of: &Option<String>| {
            fields.text(key, &mut log.findings).map(|(name, _)| name).or(of.clone())
        };
        let (input, output) = (file("in", &inherited.input), file("out", &inherited.output));
        Self { points: points(fields, log).unwrap_or(inherited.points), input, output }
    }
}

/// Parts so far.
struct Made<'a, 'b> {
    store: &'a Store<'b>,
    draft: &'a mut Draft,
    parts: Vec<Part>,
    /// Part of each batch, by its number.
    batches: Vec<usize>,
    /// Keys of single cases that are left out and told, each once.
    left_out: BTreeSet<&'static str>,
}

pub(super) fn read(
    top: &mut Fields<'_>,
    store: &Store<'_>,
    options: &Options,
    draft: &mut Draft,
    log: &mut Log,
) {
    let none = Inherited { points: Score::ONE, input: None, output: None };
    let inherited = Inherited::of(top, &none, log);
    let line = top.line_of("short_circuit");
    let chained = top.boolean("short_circuit", &mut log.findings).unwrap_or(false);
    let mut made = Made { store, draft, parts: Vec::new(), batches: Vec::new(), left_out: BTreeSet::new() };
    let pretests = top.take("pretest_test_cases");
    if let Some(node) = &pretests {
        made.list(node, &inherited, log);
        let cases: Vec<usize> = made.parts.drain(..).flat_map(|part| part.cases).collect();
        made.batches.clear();
        made.parts = vec![part("pretests", Score::ZERO, How::All, cases, Some(node.line))];
        log.change(FILE, Some(node.line), "pretests are a group that is worth nothing and that every other group waits for; judging them alone is not possible");
    }
    match top.take("test_cases") {
        Some(node) => match &node.value {
            Value::List(_) => made.list(&node, &inherited, log),
            Value::Map(entries) => {
                let fields = Fields::nested(FILE, "test_cases", node.line, entries.clone());
                made.patterns(Some(fields), node.line, &inherited, log);
            }
            Value::Null | Value::Bool(_) | Value::Number(..) | Value::Text(_) => {
                log.refuse(
                    FILE,
                    Some(node.line),
                    "`test_cases` is neither a list of cases nor a mapping with patterns",
                );
            }
        },
        None if store.archive.is_some() => made.patterns(None, 1, &inherited, log),
        None => log.refuse(FILE, None, "`test_cases` is missing"),
    }
    let (mut parts, has_pretests) = (made.parts, pretests.is_some());
    waiting(&mut parts, has_pretests, chained, line, log);
    worthless(&mut parts, usize::from(has_pretests), log);
    let equal = parts
        .iter()
        .all(|part| part.how != How::All && part.points == parts[0].points && part.needs.is_empty());
    if equal && parts.len() > 1 {
        let total =
            parts.iter().try_fold(Score::ZERO, |all, part| all.plus(part.points)).unwrap_or(Score::ZERO);
        parts =
            vec![part("tests", total, How::Each, parts.iter().flat_map(|p| p.cases.clone()).collect(), None)];
    }
    if !options.pass_fail {
        log.change(FILE, None, "the package is scored by its points; whether a part of them counts is set on the DMOJ site and not here: use `--pass-fail` where it does not");
    }
    draft.parts = Some(parts);
}

/// What has to pass before a part is run.
fn waiting(parts: &mut [Part], pretests: bool, chained: bool, line: Option<u32>, log: &mut Log) {
    if chained {
        log.change(FILE, line, "`short_circuit`: each group waits for the one before it");
    }
    for (at, part) in parts.iter_mut().enumerate().skip(1) {
        let before = if chained { Some(at - 1) } else { pretests.then_some(0) };
        if let Some(before) = before.map(Need::Part)
            && !part.needs.contains(&before)
        {
            part.needs.push(before);
        }
    }
}

/// Whoever fails a case of no points gets none for all that follow (`dmoj/judge.py`).
fn worthless(parts: &mut [Part], from: usize, log: &mut Log) {
    let none = |part: &Part| part.points == Score::ZERO;
    if parts[from..].iter().all(none) {
        return;
    }
    for at in (from..parts.len()).filter(|at| none(&parts[*at])).collect::<Vec<_>>() {
        log.change(FILE, parts[at].line, "this is worth no points, so that everything after it waits for it");
        for later in &mut parts[at + 1..] {
            if !later.needs.contains(&Need::Part(at)) {
                later.needs.push(Need::Part(at));
            }
        }
    }
}

fn part(name: &str, points: Score, how: How, cases: Vec<usize>, line: Option<u32>) -> Part {
    Part { name: name.to_owned(), points, how, cases, needs: Vec::new(), line, input_args: Vec::new() }
}

fn points(fields: &mut Fields<'_>, log: &mut Log) -> Option<Score> {
    let (_, text, line) = fields.number("points", &mut log.findings)?;
    let score = draft::points(&text);
    if score.is_none() {
        let shown: String = text.chars().take(40).collect();
        log.refuse(FILE, Some(line), format!("`points` is `{shown}`; {}", draft::POINTS));
    }
    score
}

fn mapping<'f>(node: &Node, log: &mut Log) -> Option<Fields<'f>> {
    if let Value::Map(entries) = &node.value {
        return Some(Fields::nested(FILE, "test_cases", node.line, entries.clone()));
    }
    log.refuse(FILE, Some(node.line), "a case is a mapping such as `{in: 1.in, out: 1.out, points: 10}`");
    None
}

impl Made<'_, '_> {
    fn list(&mut self, node: &Node, inherited: &Inherited, log: &mut Log) {
        let Value::List(items) = &node.value else {
            return log.refuse(FILE, Some(node.line), "a list of cases is needed");
        };
        for item in items {
            let Some(mut fields) = mapping(item, log) else { continue };
            let own = Inherited::of(&mut fields, inherited, log);
            match fields.take("batched") {
                Some(batch) => self.batch(&batch, fields, &own, log),
                None => {
                    if let Some(case) = self.case(fields, &own, item.line, log) {
                        let name = format!("case-{}", case + 1);
                        self.parts.push(part(&name, own.points, How::Least, vec![case], Some(item.line)));
                    }
                }
            }
        }
    }

    fn batch(&mut self, batch: &Node, mut fields: Fields<'_>, own: &Inherited, log: &mut Log) {
        let Value::List(items) = &batch.value else {
            return log.refuse(FILE, Some(batch.line), "`batched` is no list of cases");
        };
        let mut cases = Vec::new();
        for item in items {
            let Some(mut inner) = mapping(item, log) else { continue };
            if let Some(nested) = inner.take("batched") {
                log.refuse(FILE, Some(nested.line), "a batch lies in a batch; DMOJ knows no such thing");
                continue;
            }
            if inner.take("points").is_some() && self.left_out.insert("points") {
                log.change(
                    FILE,
                    Some(item.line),
                    "points of a case inside a batch are left out, here and in every other batch: the batch gives its own, all or nothing",
                );
            }
            let own = Inherited::of(&mut inner, own, log);
            cases.extend(self.case(inner, &own, item.line, log));
        }
        let name = format!("batch-{}", self.batches.len() + 1);
        let mut made = part(&name, own.points, How::All, cases, Some(batch.line));
        if let Some(node) = fields.take("dependencies") {
            made.needs = self.needs(&node, log);
        }
        self.own_settings(&mut fields, "batch", log);
        log.rest(FILE, "DMOJ", fields);
        self.batches.push(self.parts.len());
        self.parts.push(made);
    }

    fn needs(&self, node: &Node, log: &mut Log) -> Vec<Need> {
        let items = match &node.value {
            Value::List(items) => items.clone(),
            _ => vec![node.clone()],
        };
        let mut needs = Vec::new();
        for item in items {
            let number = scalar(&item.value).and_then(|text| text.parse::<usize>().ok());
            match number.and_then(|n| self.batches.get(n.checked_sub(1)?)) {
                Some(at) => needs.push(Need::Part(*at)),
                None => log.refuse(
                    FILE,
                    Some(item.line),
                    "`dependencies` names numbers of batches before this one, from 1",
                ),
            }
        }
        needs
    }

    /// What a case or a batch has of its own and a package has once for all.
    fn own_settings(&mut self, fields: &mut Fields<'_>, whose: &str, log: &mut Log) {
        for key in [
            "checker",
            "generator",
            "generator_args",
            "generator_in",
            "io_redirects",
            "output_limit_length",
            "time_limit",
            "memory_limit",
        ] {
            if let Some(node) = fields.take(key) {
                log.refuse(
                    FILE,
                    Some(node.line),
                    format!(
                        "`{key}` of a single {whose} cannot be carried over; a package has one for all its cases"
                    ),
                );
            }
        }
        for key in ["output_prefix_length", "binary_data", "wall_time_factor"] {
            if let Some(node) = fields.take(key)
                && self.left_out.insert(key)
            {
                let message = format!(
                    "`{key}` of a single {whose} is left out here and wherever else it stands: what the whole problem says counts"
                );
                log.change(FILE, Some(node.line), message);
            }
        }
    }

    fn case(&mut self, mut fields: Fields<'_>, own: &Inherited, line: u32, log: &mut Log) -> Option<usize> {
        self.own_settings(&mut fields, "case", log);
        log.rest(FILE, "DMOJ", fields);
        // An interactor and a checker of the problem's own may have no use for an answer.
        if own.output.is_none() && !self.draft.interactive && !self.draft.testlib {
            log.refuse(
                FILE,
                Some(line),
                "the case needs `out`: without an answer there is nothing to compare with",
            );
            return None;
        }
        for (key, file) in [("in", &own.input), ("out", &own.output)] {
            if file.is_none() && self.left_out.insert(key) {
                let message = format!(
                    "there is no `{key}` here and wherever else it is missing: the file is empty, as in DMOJ"
                );
                log.change(FILE, Some(line), message);
            }
        }
        self.add(own.input.as_deref(), own.output.as_deref(), line, log)
    }

    fn add(&mut self, input: Option<&str>, output: Option<&str>, line: u32, log: &mut Log) -> Option<usize> {
        if self.draft.cases.len() >= MAX_CASES {
            log.refuse(FILE, Some(line), format!("there are more than {MAX_CASES} cases"));
            return None;
        }
        let mut content = |path: Option<&str>| match path {
            Some(path) => self.content(path, line, log),
            None => Some(Content::Bytes(Vec::new())),
        };
        let (input, answer) = (content(input)?, content(output)?);
        self.draft.cases.push(Case { input, answer, sample: false });
        Some(self.draft.cases.len() - 1)
    }

    /// A file of the problem with its line ends as DMOJ gives them.
    fn content(&self, path: &str, line: u32, log: &mut Log) -> Option<Content> {
        let Some(at) = self.store.find(path) else {
            let shown: String = path.chars().take(100).collect();
            log.refuse(FILE, Some(line), format!("`{shown}` is neither beside init.yml nor in the archive"));
            return None;
        };
        if self.store.binary {
            return Some(Content::File(at));
        }
        match std::fs::read(&at) {
            Ok(bytes) if bytes.contains(&b'\r') || !matches!(bytes.last(), None | Some(b'\n')) => {
                Some(Content::Bytes(with_line_ends(&bytes)))
            }
            Ok(_) => Some(Content::File(at)),
            Err(e) => {
                log.refuse(path, None, format!("the file cannot be read: {e}"));
                None
            }
        }
    }

    /// Cases by the names of files: numbers in them order cases and batches.
    fn patterns(&mut self, fields: Option<Fields<'_>>, line: u32, inherited: &Inherited, log: &mut Log) {
        let mut fields = fields.unwrap_or_else(|| Fields::nested(FILE, "test_cases", line, Vec::new()));
        let input = pattern(&mut fields, "input_format", log);
        let output = pattern(&mut fields, "output_format", log);
        let points: Vec<Score> = match fields.words("case_points", &mut log.findings) {
            Some((words, line)) => {
                let read: Option<_> = words.iter().map(|word| draft::points(word)).collect();
                if read.is_none() {
                    log.refuse(FILE, Some(line), format!("`case_points`: {}", draft::POINTS));
                }
                read.unwrap_or_default()
            }
            None => Vec::new(),
        };
        fields.finish(true, "`input_format`, `output_format`, `case_points`", &mut log.findings);
        let (Ok(input), Ok(output)) = (input, output) else { return };
        let inputs = self.matching(input.as_ref(), "in", log);
        let outputs = self.matching(output.as_ref(), "out", log);
        if inputs.is_empty() {
            return log.refuse(FILE, Some(line), "no file's name fits `input_format`");
        }
        // By the batch's number, or by the case's own where it is in none.
        let mut groups: BTreeMap<(Number, bool), Vec<NamedCase>> = BTreeMap::new();
        for (key, name) in &inputs {
            let Some(answer) = outputs.get(key) else {
                log.refuse(FILE, Some(line), format!("`{name}` has no output file by `output_format`"));
                continue;
            };
            let (batch, case) = key.clone();
            let group = batch.map_or_else(|| (case.clone(), false), |batch| (batch, true));
            groups.entry(group).or_default().push((case, name.clone(), answer.clone()));
        }
        for (i, ((_, batched), mut files)) in groups.into_iter().enumerate() {
            files.sort();
            let cases: Vec<usize> = files
                .iter()
                .filter_map(|(_, input, answer)| self.add(Some(input), Some(answer), line, log))
                .collect();
            let worth = points.get(i).copied().unwrap_or(inherited.points);
            let (name, how) = if batched { ("batch", How::All) } else { ("case", How::Least) };
            self.parts.push(part(&format!("{name}-{}", i + 1), worth, how, cases, Some(line)));
        }
    }

    fn matching(
        &self,
        pattern: Option<&Regex>,
        word: &str,
        log: &mut Log,
    ) -> BTreeMap<(Option<Number>, Number), String> {
        let default = Regex::new(DEFAULT_PATTERN).ok();
        let mut found = BTreeMap::new();
        for name in self.store.names() {
            let small = name.to_ascii_lowercase();
            let usual = || small.contains(&format!(".{word}")) || small.starts_with(word);
            let regex = pattern.or_else(|| default.as_ref().filter(|_| usual()));
            let Some(captures) = regex.and_then(|regex| regex.captures(name)) else { continue };
            let group = |name: &str| captures.name(name).map(|m| Number::of(m.as_str()));
            if let Some(case) = group("case")
                && let Some(other) = found.insert((group("batch"), case), name.clone())
            {
                let message =
                    format!("`{other}` and `{name}` have the same numbers; patterns have to tell them apart");
                log.refuse(FILE, None, message);
            }
        }
        found
    }
}

/// Text whose lines all end in one line feed, the last one, too.
fn with_line_ends(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(text.len() + 1);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && text[at - 1] == b'\r' => {}
            b'\r' => lines.push(b'\n'),
            byte => lines.push(*byte),
        }
    }
    if !matches!(lines.last(), None | Some(b'\n')) {
        lines.push(b'\n');
    }
    lines
}

/// The number of a case, its input file and its output file.
type NamedCase = (Number, String, String);

/// What was refused stands in the log.
struct Refused;

/// A number, or a word where there is none; words come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Word(String),
    Of(u64),
}

impl Number {
    fn of(text: &str) -> Self {
        text.parse().map_or_else(|_| Number::Word(text.to_owned()), Number::Of)
    }
}

/// A pattern of the problem's own; `None` stands for DMOJ's.
fn pattern(fields: &mut Fields<'_>, key: &str, log: &mut Log) -> Result<Option<Regex>, Refused> {
    let Some((text, line)) = fields.text(key, &mut log.findings) else { return Ok(None) };
    if WRITTEN_OUT.contains(&text.as_str()) {
        return Ok(None);
    }
    // As Python's `match` with IGNORECASE, which DMOJ uses: at the start of the name.
    match pattern::python(&text, true) {
        Some(regex) if regex.capture_names().flatten().any(|name| name == "case") => Ok(Some(regex)),
        Some(_) => {
            log.refuse(FILE, Some(line), format!("`{key}` has no group `(?P<case>…)`"));
            Err(Refused)
        }
        None => {
            log.refuse(
                FILE,
                Some(line),
                format!("`{key}` is no pattern that can be used: {}", pattern::USABLE),
            );
            Err(Refused)
        }
    }
}
