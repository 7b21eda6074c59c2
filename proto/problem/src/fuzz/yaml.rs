//! Packages whose YAML a fuzzer changes line by line: what no change of single bytes comes upon in a lifetime.

use std::fs;
use std::path::Path;

/// A file and what it holds.
type Text = (&'static str, &'static str);

/// What every version has.
const COMMON: [Text; 6] = [
    ("data/sample/1.in", "1\n"),
    ("data/sample/1.ans", "1\n"),
    ("submissions/accepted/a.py", "print(1)\n"),
    ("submissions/wrong_answer/b.py", "print(2)\n"),
    ("statement/problem.en.md", "x\n"),
    ("tribunal.yaml", "checker: lines\ninput_file: in.txt\noutput_file: out.txt\n"),
];

const NEW: [Text; 7] = [
    (
        "problem.yaml",
        "problem_format_version: 2025-09\ntype: scoring\nname:\n  en: T\nuuid: u\nversion: 2\n\
         credits:\n  authors:\n  - name: A\n    email: a@b.c\n  translators: {sv: B}\nsource:\n- {name: S, url: u}\n\
         license: cc by\nrights_owner: A\nembargo_until: 2020-01-01\n\
         limits:\n  time_limit: 1.5\n  time_resolution: 0.5\n  time_multipliers:\n    ac_to_time_limit: 2.0\n    time_limit_to_tle: 1.5\n  memory: 256\n  output: 8\n  code: 128\n  compilation_time: 60\n  validation_memory: 512\n\
         keywords: [a, b]\nlanguages: [cpp, python3]\nallow_file_writing: true\nconstants: {n: 5, s: x, r: {value: 1, tex: y}}\n",
    ),
    (
        "data/secret/test_group.yaml",
        "max_score: 100\nscore_aggregation: sum\noutput_validator_args: [float_tolerance, 1e-6]\nfull_feedback: false\n",
    ),
    (
        "data/secret/1-a/test_group.yaml",
        "max_score: 40\nscore_aggregation: min\nrequire_pass: [sample]\nargs: [x]\ninput_validator_args: [y]\n",
    ),
    ("data/secret/1-a/1.in", "1\n"),
    ("data/secret/1-a/1.ans", "1\n"),
    ("data/secret/1-a/1.yaml", "args: [a, b]\nhint: h\ndescription: d\noutput_validator_args: []\n"),
    (
        "submissions/submissions.yaml",
        "accepted/*:\n  permitted: [AC]\n  secret/*: {required: [AC], score: 40, use_for_time_limit: lower}\n\
         wrong_answer/b.py:\n  language: python3\n  entrypoint: b.py\n  permitted: [WA, AC]\n  message: m\n  score: [0, 100]\n",
    ),
];

const OLD: [Text; 7] = [
    (
        "problem.yaml",
        "problem_format_version: legacy\ntype: scoring\nname: T\nauthor: A\nsource: S\nsource_url: u\nlicense: cc by-sa\n\
         limits:\n  time_multiplier: 5\n  time_safety_margin: 2\n  memory: 256\n  output: 8\n\
         validation: default\nvalidator_flags: case_sensitive float_tolerance 1e-6\nkeywords: a b\n\
         grading:\n  objective: max\n  show_test_data_groups: true\n",
    ),
    (
        "data/testdata.yaml",
        "grader_flags: ignore_sample\ngrading: default\non_reject: continue\nrange: 0 100\n",
    ),
    (
        "data/secret/testdata.yaml",
        "on_reject: break\ngrader_flags: min\naccept_score: 40\nreject_score: 0\nrange: 0 40\n\
         input_validator_flags: x\noutput_validator_flags: case_sensitive\n",
    ),
    ("data/secret/1.in", "1\n"),
    ("data/secret/1.ans", "1\n"),
    ("domjudge-problem.ini", "timelimit = 1\n"),
    ("graders/grade.py", "print('AC 1')\n"),
];

/// What stands in the place of a value, or anywhere.
const VALUES: &[&str] = &[
    "",
    "null",
    "~",
    "true",
    "yes",
    "on",
    "-1",
    "0",
    "-0",
    "1",
    "2",
    "1.5",
    "1e400",
    "-1e400",
    "1e-400",
    ".nan",
    ".inf",
    "-.Inf",
    "NaN",
    "inf",
    "0x10",
    "0o17",
    "1_000",
    "1,5",
    "+3",
    "99999999999999999999999999",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775809",
    "1.0000000000000000000000000001",
    "4294967296",
    "[]",
    "{}",
    "[[[[[]]]]]",
    "[a, [b]]",
    "[1, 1]",
    "{a: {b: c}}",
    "{a: 1, a: 2}",
    "{1: 2, [3]: 4}",
    "[1, 2",
    "{a",
    "*a",
    "&a x",
    "&a [*a]",
    "&a {b: *a}",
    "!!str 1",
    "!!int 1.5",
    "!!float .nan",
    "!!binary aGk=",
    "!!null x",
    "!x y",
    "!!set {a}",
    "!!timestamp 2020-01-01",
    "!include /etc/passwd",
    "|",
    "|9\n  x",
    ">-\n    folded\n     more",
    "'",
    "''",
    "\"",
    "\"\\u0000\"",
    "\"\\uD800\"",
    "\"\\x\"",
    "'\u{202e}a'",
    "é",
    "\u{feff}",
    "\u{0}",
    "\u{7f}",
    "\u{2028}",
    "2024-02-30",
    "2020-01-01T00:00:00Z",
    "=",
    "? x",
    "<<: *a",
    "<<: {a: b}",
    "<<",
    "- - - a",
    "--- ",
    "...",
    "%YAML 9.9",
    "# c",
    "@",
    "`",
    "100%",
    "${HOME}",
    "{{n}}",
    "unbounded",
    "pass-fail",
    "scoring",
    "[scoring, interactive]",
    "interactive",
    "multi-pass",
    "submit-answer",
    "[pass-fail, scoring]",
    "custom score interactive",
    "sum",
    "min",
    "secret",
    "[secret/1-a]",
    "sample",
    "../x",
    "/",
    ".",
    "*",
    "**",
    "{a,b",
    "[!]",
    "AC",
    "[TLE, XX]",
    "lower",
    "0 0",
    "100 0",
    "0 inf",
    "nan nan",
    "1e1000000000",
    "0.000000000000000000000000000001",
    "float_tolerance -1",
    "float_tolerance nan",
    "case_sensitive case_sensitive",
    "2023-07-draft",
    "legacy-icpc",
    "2099-01",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

/// Most changes of one package.
const CHANGES_MAX: usize = 12;

/// Lays out a package in order and changes its YAML: the first byte says which package, then three each which line of
/// which file, and how.
pub(super) fn lay_out(bytes: &[u8], root: &Path) {
    let mut bytes = bytes.iter().map(|b| usize::from(*b));
    let mut files: Vec<(&str, String)> =
        COMMON.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    let version = bytes.next().unwrap_or_default() % 3;
    let own = if version == 1 { &OLD } else { &NEW };
    files.extend(own.iter().map(|(path, text)| (*path, (*text).to_owned())));
    if version == 2 {
        // The least that is one, so that what is left out has its default.
        files.retain(|(path, _)| !path.ends_with(".yaml"));
        files.push((
            "problem.yaml",
            "problem_format_version: 2025-09\nname: T\nuuid: u\nlimits: {time_limit: 1}\n".to_owned(),
        ));
    }
    for _ in 0..CHANGES_MAX {
        let (Some(place), Some(how), Some(what)) = (bytes.next(), bytes.next(), bytes.next()) else { break };
        let texts: Vec<usize> = (0..files.len()).filter(|at| files[*at].0.ends_with(".yaml")).collect();
        let text = &mut files[texts[place % texts.len()]].1;
        *text = changed(text, place / texts.len() * 7 + how / 8, how % 8, what);
    }
    for (path, text) in files {
        let at = root.join(path);
        let _ = fs::create_dir_all(at.parent().unwrap_or(root));
        let _ = fs::write(at, text);
    }
}

/// `text` with its line `line`, counted round, changed in one of eight ways.
fn changed(text: &str, line: usize, how: usize, what: usize) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let at = line % lines.len();
    let value = VALUES[what % VALUES.len()];
    match how {
        // Another value.
        0 | 1 => {
            let key = lines[at].find(": ").map_or(lines[at].len(), |end| end + 1);
            lines[at] = format!("{} {value}", &lines[at][..key]);
        }
        // Another key.
        2 => {
            let indent = lines[at].len() - lines[at].trim_start().len();
            let rest = lines[at].find(':').map_or("", |colon| &lines[at][colon..]).to_owned();
            lines[at] = format!("{}{value}{rest}", " ".repeat(indent));
        }
        // Again, elsewhere.
        3 => {
            let copy = lines[at].clone();
            lines.insert(what % (lines.len() + 1), copy);
        }
        4 => {
            lines.remove(at);
        }
        // Further in, or out.
        5 => {
            let before = ["\t", " ", "  ", "    ", "- ", "", "? ", "&a ", "!t "][what % 9];
            lines[at] = format!("{before}{}", if what >= 128 { lines[at].trim_start() } else { &lines[at] });
        }
        // Anything anywhere.
        6 => {
            let mut place = what % (lines[at].len() + 1);
            while !lines[at].is_char_boundary(place) {
                place -= 1;
            }
            lines[at].insert_str(place, value);
        }
        // The whole in another way.
        _ => {
            let text = lines.join("\n");
            return match what % 7 {
                0 => text.replace('\n', "\r\n"),
                1 => format!("\u{feff}{text}"),
                2 => text.replace("  ", "\t"),
                3 => text.replace('\n', "\r"),
                4 => format!("{text}\n---\n{text}"),
                5 => format!("{}{text}{}", "[".repeat(what), "]".repeat(what)),
                _ => format!("x: &a [{}]\n{text}", "a, ".repeat(what * 20)),
            };
        }
    }
    lines.join("\n")
}
