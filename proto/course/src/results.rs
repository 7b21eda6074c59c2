//! Gradescope's `results.json`, read as what it is: bytes that a student's program may have written.
//!
//! A value of the wrong kind is named with its place and counts nothing; it never spoils the rest. Only a file
//! that is no JSON object at all gives no result.

use problem::score::Score;
use serde_json::{Map, Value};

use crate::findings::{Findings, cut};
use crate::report::{TestResult, Visibility};

/// Largest results file, in bytes; Gradescope's and PrairieLearn's own limits are around 1 MB.
pub const FILE_MAX: u64 = 4 << 20;
/// Most tests of one submission.
pub(crate) const TESTS_MAX: usize = 5_000;
/// Most bytes of one text to show, and of all of them.
const TEXT_MAX: usize = 64 << 10;
const TEXTS_MAX: usize = 2 << 20;
/// Most bytes of what a harness keeps for itself.
const EXTRA_MAX: usize = 64 << 10;
const NAME_MAX: usize = 200;
const TAGS_MAX: usize = 20;

const FORMATS: [&str; 5] = ["text", "html", "simple_format", "md", "ansi"];

/// What a results file said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) tests: Vec<TestResult>,
    /// The total, when it was named.
    pub(crate) score: Option<Score>,
    /// What the total is out of, when the format says.
    pub(crate) max_score: Option<Score>,
    /// Why the submission is not to be graded at all.
    pub(crate) ungradable: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) output_truncated: bool,
    pub(crate) output_format: Option<String>,
    pub(crate) visibility: Visibility,
    pub(crate) stdout_visibility: Option<Visibility>,
    pub(crate) execution_time: Option<f64>,
    pub(crate) leaderboard: Option<Value>,
    pub(crate) extra_data: Option<Value>,
}

/// The JSON object in `bytes`; `None`, with a finding, when there is none.
///
/// Text of a submission ends up in results as it is: bytes that are no UTF-8, and halves of surrogate pairs, which
/// Python's `json` writes of such bytes (PEP 383), are replaced by U+FFFD and spoil nothing else.
pub(crate) fn object(bytes: &[u8], place: &str, findings: &mut Findings) -> Option<Map<String, Value>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let read: Result<Value, serde_json::Error> = serde_json::from_slice(bytes).or_else(|e| {
        let read = serde_json::from_str(&mend(bytes).ok_or(e)?)?;
        findings.add(place, "has text that is no Unicode; each such character is replaced by U+FFFD");
        Ok(read)
    });
    match read {
        Ok(Value::Object(map)) => Some(map),
        Ok(other) => {
            findings.add(place, format!("is {}; an object is needed", kind(&other)));
            None
        }
        Err(e) => {
            let text = String::from_utf8_lossy(bytes);
            let hint = if text.contains("NaN") || text.contains("Infinity") {
                " (NaN and Infinity, which some libraries write, are no JSON)"
            } else {
                ""
            };
            findings.add(place, format!("is no JSON: {e}{hint}"));
            None
        }
    }
}

/// `bytes` with U+FFFD in place of what is no Unicode, in bytes or as `\u` escapes; `None` when all of it is.
fn mend(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    let mut mended = matches!(text, std::borrow::Cow::Owned(_));
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let pair = surrogate(escape).zip(escape.get(6..).and_then(surrogate));
        let (text, length) = match (surrogate(escape), pair) {
            (Some(0xd800..=0xdbff), Some((_, 0xdc00..=0xdfff))) => (&escape[..12], 12),
            (Some(_), _) => ("\u{fffd}", 6),
            // Any other escape, of which the second character may be another backslash.
            (None, _) => {
                let length = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
                (&escape[..length], length)
            }
        };
        mended |= length == 6;
        out.push_str(text);
        rest = &escape[length..];
    }
    out.push_str(rest);
    mended.then_some(out)
}

/// The half of a surrogate pair that `text` begins with as an escape.
fn surrogate(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let code = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

/// Reads the format.
pub(crate) fn read(bytes: &[u8], findings: &mut Findings) -> Option<Said> {
    let map = object(bytes, "results.json", findings)?;
    let mut read = Reader::new("results.json", findings);
    let visibility = read.visibility(&map, "visibility").unwrap_or_default();
    let mut said = Said {
        score: read.points(&map, "score"),
        output: read.text(&map, "output"),
        output_truncated: read.was_cut(),
        output_format: read.format(&map, "output_format"),
        visibility,
        stdout_visibility: read.visibility(&map, "stdout_visibility"),
        execution_time: read.seconds(&map, "execution_time"),
        leaderboard: read.extra(&map, "leaderboard"),
        extra_data: read.extra(&map, "extra_data"),
        ..Said::default()
    };
    let form = read.format(&map, "test_output_format");
    said.tests = read.tests(&map, |read, n, test| read.gradescope_test(n, test, visibility));
    for test in said.tests.iter_mut().filter(|test| test.output.is_some() && test.output_format.is_none()) {
        test.output_format.clone_from(&form);
    }
    if said.score.is_none() && said.tests.is_empty() {
        read.add("", "has neither a score nor tests");
        return None;
    }
    Some(said)
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Reads values of one file and names what is wrong with them.
pub(crate) struct Reader<'a> {
    place: String,
    findings: &'a mut Findings,
    texts_left: usize,
    cut: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(place: impl Into<String>, findings: &'a mut Findings) -> Self {
        Self { place: place.into(), findings, texts_left: TEXTS_MAX, cut: false }
    }

    pub(crate) fn add(&mut self, key: &str, message: impl AsRef<str>) {
        let place = match (self.place.rsplit_once(": "), key) {
            (_, "") => self.place.clone(),
            (Some(_), key) => format!("{}.{key}", self.place),
            (None, key) => format!("{}: {key}", self.place),
        };
        self.findings.add(place, message);
    }

    fn wrong(&mut self, key: &str, value: &Value, needed: &str, done: &str) {
        self.add(key, format!("is {}; {needed} is needed; {done}", kind(value)));
    }

    /// Points: a number of at least zero. Anything else counts 0, and absent is absent.
    pub(crate) fn points(&mut self, map: &Map<String, Value>, key: &str) -> Option<Score> {
        match map.get(key)? {
            Value::Null => None,
            Value::Number(number) => match Score::parse(&number.to_string()) {
                Some(score) if score.is_negative() => {
                    self.add(key, format!("is {number}, below zero; it counts 0"));
                    Some(Score::ZERO)
                }
                Some(score) => Some(score),
                None => {
                    self.add(key, format!("is {number}, beyond all points; it counts 0"));
                    Some(Score::ZERO)
                }
            },
            other => {
                self.wrong(key, other, "a number", "it counts 0");
                Some(Score::ZERO)
            }
        }
    }

    /// The most points of a test; a bad value is no value.
    pub(crate) fn most(&mut self, map: &Map<String, Value>, key: &str) -> Option<Score> {
        match map.get(key)? {
            Value::Null => None,
            Value::Number(number) => {
                let read = Score::parse(&number.to_string()).filter(|s| !s.is_negative());
                if read.is_none() {
                    self.add(key, format!("is {number}; a number of at least 0 is needed; it is ignored"));
                }
                read
            }
            other => {
                self.wrong(key, other, "a number", "it is ignored");
                None
            }
        }
    }

    fn seconds(&mut self, map: &Map<String, Value>, key: &str) -> Option<f64> {
        match map.get(key)? {
            Value::Null => None,
            Value::Number(number) => number.as_f64().filter(|s| s.is_finite() && *s >= 0.0),
            other => {
                self.wrong(key, other, "a number of seconds", "it is ignored");
                None
            }
        }
    }

    /// A text to show, cut where it is too long.
    pub(crate) fn text(&mut self, map: &Map<String, Value>, key: &str) -> Option<String> {
        match map.get(key)? {
            Value::Null => None,
            Value::String(text) => Some(self.bounded(key, text)),
            other => {
                self.wrong(key, other, "a string", "it is ignored");
                None
            }
        }
    }

    /// Whether a text was cut since this was asked last.
    pub(crate) fn was_cut(&mut self) -> bool {
        std::mem::take(&mut self.cut)
    }

    fn bounded(&mut self, key: &str, text: &str) -> String {
        let most = TEXT_MAX.min(self.texts_left);
        if text.len() <= most {
            self.texts_left -= text.len();
            return text.to_owned();
        }
        let end = (0..=most).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
        self.texts_left -= end;
        self.cut = true;
        self.add(key, format!("has {} bytes; the first {end} are kept", text.len()));
        format!("{}\n[cut: {} bytes]", &text[..end], text.len())
    }

    fn format(&mut self, map: &Map<String, Value>, key: &str) -> Option<String> {
        let word = map.get(key).filter(|v| !v.is_null())?;
        let known = word.as_str().filter(|w| FORMATS.contains(w));
        if known.is_none() {
            self.add(key, format!("is none of {}; text is taken", FORMATS.join(", ")));
        }
        known.map(str::to_owned)
    }

    /// A visibility; one that cannot be read is the tightest.
    pub(crate) fn visibility(&mut self, map: &Map<String, Value>, key: &str) -> Option<Visibility> {
        let word = map.get(key).filter(|v| !v.is_null())?;
        Some(word.as_str().and_then(Visibility::parse).unwrap_or_else(|| {
            self.add(key, "is none of hidden, after_due_date, after_published, visible; hidden is taken");
            Visibility::Hidden
        }))
    }

    fn extra(&mut self, map: &Map<String, Value>, key: &str) -> Option<Value> {
        let value = map.get(key).filter(|v| !v.is_null())?;
        let size = value.to_string().len();
        if size > EXTRA_MAX {
            self.add(key, format!("has {size} bytes, more than {EXTRA_MAX}; it is left out"));
            return None;
        }
        Some(value.clone())
    }

    fn tags(&mut self, map: &Map<String, Value>) -> Vec<String> {
        match map.get("tags") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).take(TAGS_MAX).map(|t| cut(t, NAME_MAX)).collect()
            }
            Some(other) => {
                self.wrong("tags", other, "an array of strings", "it is ignored");
                Vec::new()
            }
        }
    }

    /// A name or number, which may be given as a JSON number.
    fn label(&mut self, map: &Map<String, Value>, key: &str) -> Option<String> {
        match map.get(key)? {
            Value::String(text) => Some(cut(text, NAME_MAX)).filter(|t| !t.trim().is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null => None,
            other => {
                self.wrong(key, other, "a string", "it is ignored");
                None
            }
        }
    }

    /// The name of test `n`, counted from 0.
    pub(crate) fn name(&mut self, map: &Map<String, Value>, n: usize) -> String {
        self.label(map, "name").unwrap_or_else(|| format!("test {}", n + 1))
    }

    /// Every object of the array `tests`.
    pub(crate) fn tests(
        &mut self,
        map: &Map<String, Value>,
        mut one: impl FnMut(&mut Self, usize, &Map<String, Value>) -> TestResult,
    ) -> Vec<TestResult> {
        let list = match map.get("tests") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.wrong("tests", other, "an array", "it is ignored");
                return Vec::new();
            }
        };
        if list.len() > TESTS_MAX {
            self.add("tests", format!("has {} tests; the first {TESTS_MAX} are read", list.len()));
        }
        let outer = self.place.clone();
        let mut tests = Vec::new();
        for (n, test) in list.iter().take(TESTS_MAX).enumerate() {
            let Some(test) = test.as_object() else {
                self.add(&format!("tests[{n}]"), format!("is {}; an object is needed", kind(test)));
                continue;
            };
            self.place = format!("{outer}: tests[{n}]");
            tests.push(one(self, n, test));
            self.place.clone_from(&outer);
        }
        tests
    }

    /// One test in Gradescope's words.
    pub(crate) fn gradescope_test(
        &mut self,
        n: usize,
        test: &Map<String, Value>,
        default: Visibility,
    ) -> TestResult {
        let score = self.points(test, "score");
        let max_score = self.most(test, "max_score");
        let said = match test.get("status") {
            None | Some(Value::Null) => None,
            Some(Value::String(word)) if word == "passed" || word == "failed" => Some(word.clone()),
            Some(_) => {
                self.add("status", "is neither `passed` nor `failed`; it is ignored");
                None
            }
        };
        TestResult {
            name: self.name(test, n),
            number: self.label(test, "number"),
            score,
            max_score,
            status: said.or_else(|| by_points(score, max_score)),
            visibility: self.visibility(test, "visibility").unwrap_or(default),
            output: self.text(test, "output"),
            output_truncated: self.was_cut(),
            output_format: self.format(test, "output_format"),
            tags: self.tags(test),
            extra_data: self.extra(test, "extra_data"),
            not_reported: None,
        }
    }
}

/// What its points say of a test.
pub(crate) fn by_points(score: Option<Score>, max: Option<Score>) -> Option<String> {
    Some(if score? >= max? { "passed" } else { "failed" }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Option<Said>, Vec<String>) {
        let mut findings = Findings::default();
        let said = read(text.as_bytes(), &mut findings);
        let list = findings.into_list();
        (said, list.into_iter().map(|f| format!("{} {}", f.place, f.message)).collect())
    }

    #[test]
    fn a_whole_file_is_read_with_every_key() {
        let (said, findings) = read_text(
            r#"{"score": 44.5, "execution_time": 136, "output": "all", "output_format": "md",
                "visibility": "after_due_date", "stdout_visibility": "visible", "extra_data": {"a": 1},
                "leaderboard": [{"name": "Accuracy", "value": 0.9}],
                "tests": [{"score": 2.0, "max_score": 2.0, "name": "one", "number": "1.1", "status": "failed",
                           "output": "text", "tags": ["t"], "visibility": "visible", "extra_data": {}},
                          {"score": 0.1, "max_score": 2}]}"#,
        );
        let said = said.unwrap();
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(said.score.unwrap().to_string(), "44.5");
        assert_eq!(
            (said.visibility, said.stdout_visibility),
            (Visibility::AfterDueDate, Some(Visibility::Visible))
        );
        let (one, two) = (&said.tests[0], &said.tests[1]);
        assert_eq!((one.status.as_deref(), one.visibility), (Some("failed"), Visibility::Visible));
        assert_eq!((two.name.as_str(), two.status.as_deref()), ("test 2", Some("failed")));
        assert_eq!(
            (two.visibility, two.score.unwrap().to_string()),
            (Visibility::AfterDueDate, "0.1".to_owned())
        );
    }

    #[test]
    fn the_form_of_all_outputs_is_that_of_those_that_name_none() {
        let (said, findings) = read_text(
            r#"{"output": "a", "test_output_format": "md", "test_name_format": "md",
                "tests": [{"name": "x", "score": 1, "output": "_a_"}, {"name": "y", "name_format": "html", "score": 1,
                "output": "b", "output_format": "text"}, {"name": "z", "status": "passed"}]}"#,
        );
        let said = said.unwrap();
        let forms: Vec<_> = said.tests.iter().map(|t| t.output_format.as_deref()).collect();
        assert_eq!(forms, [Some("md"), Some("text"), None]);
        assert_eq!((said.output_format, findings), (None, Vec::new()), "which is not that of the whole");
        let (_, findings) = read_text(r#"{"score": 1, "test_output_format": "rtf"}"#);
        assert!(findings[0].contains("test_output_format"), "{findings:?}");
    }

    #[test]
    fn each_wrong_value_is_named_with_its_place_and_counts_nothing() {
        for (text, place) in [
            (r#"{"tests": [{"score": "5"}]}"#, "results.json: tests[0].score is a string"),
            (r#"{"tests": [{"score": -5}]}"#, "results.json: tests[0].score is -5, below zero"),
            (r#"{"tests": [{"score": 1e300}]}"#, "results.json: tests[0].score is 1e+300, beyond"),
            (r#"{"tests": [{"score": [1]}]}"#, "results.json: tests[0].score is an array"),
            (r#"{"tests": [{"score": 0, "max_score": -1}]}"#, "results.json: tests[0].max_score is -1"),
            (r#"{"tests": [{"score": 0, "output": 7}]}"#, "results.json: tests[0].output is a number"),
            (r#"{"tests": [{"score": 0, "status": "ok"}]}"#, "results.json: tests[0].status is neither"),
            (r#"{"tests": [{"score": 0, "tags": "x"}]}"#, "results.json: tests[0].tags is a string"),
            (r#"{"score": 0, "tests": {"a": 1}}"#, "results.json: tests is an object"),
            (r#"{"score": 0, "tests": [3]}"#, "results.json: tests[0] is a number"),
            (r#"{"score": true}"#, "results.json: score is true or false"),
        ] {
            let (said, findings) = read_text(text);
            assert!(findings[0].starts_with(place), "{text}: {findings:?}");
            let said = said.unwrap();
            let total = said.tests.iter().filter_map(|t| t.score).chain(said.score);
            assert!(total.into_iter().all(|s| s == Score::ZERO), "{text}");
        }
        let (said, findings) = read_text(r#"{"tests": [{"score": 1, "visibility": "secret"}]}"#);
        assert_eq!(said.unwrap().tests[0].visibility, Visibility::Hidden, "in doubt nobody sees it");
        assert!(findings[0].contains("tests[0].visibility"));
    }

    #[test]
    fn what_is_no_object_of_results_gives_none_and_says_why() {
        let deep = "[".repeat(100_000);
        for (text, why) in [
            ("", "is no JSON"),
            ("nonsense", "is no JSON"),
            (r#"{"score": 1"#, "is no JSON"),
            (r#"{"score": NaN}"#, "NaN and Infinity"),
            (r#"{"score": 1e999}"#, "is no JSON"),
            (deep.as_str(), "recursion limit"),
            ("[1]", "is an array"),
            ("{}", "neither a score nor tests"),
        ] {
            let (said, findings) = read_text(text);
            assert!(said.is_none() && findings[0].contains(why), "{findings:?}");
        }
        let mut findings = Findings::default();
        assert!(read(b"\xff\xfe{", &mut findings).is_none());
    }

    #[test]
    fn text_that_is_no_unicode_is_replaced_and_spoils_nothing_else() {
        let with = |output: &[u8]| {
            let file =
                [&br#"{"tests": [{"name": "t", "score": 3, "output": ""#[..], output, b"\"}]}"].concat();
            let mut findings = Findings::default();
            let said = read(&file, &mut findings);
            let test = said.map(|said| said.tests[0].clone());
            (test.map(|t| (t.score.unwrap().to_string(), t.output.unwrap())), findings.into_list())
        };
        for (output, text, found) in [
            (&b"a\xff\xfeb"[..], "a\u{fffd}\u{fffd}b", 1),
            (br"a\udcff\ud83db", "a\u{fffd}\u{fffd}b", 1),
            (br"\uDC80\u0041\udc80", "\u{fffd}A\u{fffd}", 1),
            // Whole pairs, and what only looks like an escape, stay.
            (br"\ud83d\ude00 \\udc80", "\u{1f600} \\udc80", 0),
            (br"\udc80\ud83d\ude00\\\udc80\n", "\u{fffd}\u{1f600}\\\u{fffd}\n", 1),
            ("\u{e4}\\u00e4".as_bytes(), "\u{e4}\u{e4}", 0),
        ] {
            let (test, findings) = with(output);
            assert_eq!(test, Some(("3".to_owned(), text.to_owned())), "{output:?}: {findings:?}");
            assert_eq!(findings.len(), found, "{findings:?}");
        }
        let (none, findings) = with(b"\xff\" \xff");
        assert!(none.is_none() && findings[0].message.contains("is no JSON"), "{findings:?}");
        let mut findings = Findings::default();
        assert!(read("\u{feff}{\"score\": 1}".as_bytes(), &mut findings).is_some(), "a byte order mark");
    }

    #[test]
    fn floods_of_text_tests_and_findings_are_cut() {
        let long = "x".repeat(100_000);
        let (said, findings) = read_text(&format!(r#"{{"score": 1, "output": "{long}"}}"#));
        assert!(said.unwrap().output.unwrap().len() < 66_000 && findings[0].contains("first 65536"));
        let many = vec![r#"{"score": "x"}"#; TESTS_MAX + 1].join(",");
        let (said, findings) = read_text(&format!(r#"{{"tests": [{many}]}}"#));
        assert_eq!(said.unwrap().tests.len(), TESTS_MAX);
        assert!(findings.len() <= 101, "{}", findings.len());
    }
}
