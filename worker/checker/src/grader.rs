//! A legacy package's own grader: what it is asked about a group, and what its answer means.
//!
//! The program runs in a box, by `worker`; here are only the lines. It reads one line for each result inside
//! the group, `VERDICT score`, and writes one such line. Whatever else it does is the package's fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use problem::score::Score;
use proto::facts::RunFacts;
use proto::limits::Limits;
use proto::verdict::Verdict;

use crate::classify::classify;
use crate::excerpt::message;

/// Most bytes of its answer that are looked at; one line needs no more.
pub const ANSWER_MAX: usize = 4 << 10;

/// One question. Equal questions have equal answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Its arguments: the group's `grader_flags`.
    pub flags: Vec<String>,
    /// What it reads.
    pub input: String,
}

/// Verdict and score, or what the grader did wrong.
pub type Word = Result<(Verdict, Score), String>;

/// What a grader said so far.
pub type Grades = BTreeMap<Asked, Word>;

impl Asked {
    /// The question about a group whose results these are, in judging order.
    pub fn new(flags: &[String], results: impl Iterator<Item = (Verdict, Score)>) -> Self {
        let input = results.fold(String::new(), |mut text, (verdict, score)| {
            let _ = writeln!(text, "{} {score}", code(verdict));
            text
        });
        Self { flags: flags.to_vec(), input }
    }
}

/// The format's table of codes has these four.
const fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::AC | Verdict::OK => "AC",
        Verdict::TLE | Verdict::ILE => "TLE",
        Verdict::RTE | Verdict::MLE | Verdict::OLE | Verdict::SV => "RTE",
        Verdict::WA | Verdict::PA | Verdict::CE | Verdict::SK | Verdict::JE | Verdict::SE => "WA",
    }
}

/// Reads one run of the grader at `name`; `Err` is a failure of the box, ours to try again.
///
/// # Errors
/// Why the run says nothing about the grader.
pub fn interpret(
    name: &str,
    facts: &RunFacts,
    limits: &Limits,
    stdout: &[u8],
    stderr: &[u8],
) -> Result<Word, String> {
    let ran = classify(facts, limits);
    let fault = match ran.verdict {
        None => match line(stdout) {
            Ok(word) => return Ok(Ok(word)),
            Err(why) => why,
        },
        Some(Verdict::SE) => return Err(format!("grader {name}: {}", ran.reason.unwrap_or_default())),
        Some(_) => ran.reason.unwrap_or_default(),
    };
    let said = message(stderr, 1024).map_or(String::new(), |said| format!("\n{said}"));
    Ok(Err(format!("grader {name}: {fault}{said}")))
}

fn line(stdout: &[u8]) -> Word {
    let shown = String::from_utf8_lossy(&stdout[..stdout.len().min(60)]).into_owned();
    let wrong = || format!("it wrote {shown:?}; one line with a verdict and a score is needed");
    let text = std::str::from_utf8(stdout).ok().filter(|text| text.len() <= ANSWER_MAX).ok_or_else(wrong)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [verdict, score] = words[..] else { return Err(wrong()) };
    let plain = |score: &str| {
        let digits = score.strip_prefix('-').unwrap_or(score);
        digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    let verdict = match verdict {
        "AC" => Verdict::AC,
        "WA" => Verdict::WA,
        "TLE" => Verdict::TLE,
        "RTE" => Verdict::RTE,
        "MLE" => Verdict::MLE,
        "OLE" => Verdict::OLE,
        "JE" => return Err("it said JE: it found the package at fault".to_owned()),
        _ => return Err(wrong()),
    };
    let score = Some(score).filter(|score| plain(score)).and_then(Score::parse).ok_or_else(wrong)?;
    if text.starts_with(verdict.code()) { Ok((verdict, score)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::facts::Exit;

    use super::*;
    use crate::external::tests::facts;

    fn score(text: &str) -> Score {
        Score::parse(text).unwrap()
    }

    #[test]
    fn a_grader_reads_a_line_for_each_result_in_the_formats_four_words() {
        let results = [
            (Verdict::AC, "1"),
            (Verdict::ILE, "0"),
            (Verdict::MLE, "0"),
            (Verdict::SV, "0"),
            (Verdict::WA, "2.50"),
        ];
        let asked = Asked::new(&["x".to_owned()], results.iter().map(|(v, s)| (*v, score(s))));
        assert_eq!(asked.input, "AC 1\nTLE 0\nRTE 0\nRTE 0\nWA 2.5\n");
    }

    #[test]
    fn one_line_of_verdict_and_score_is_an_answer_and_nothing_else_is() {
        for (text, want) in [
            ("AC 12.5\n", Some((Verdict::AC, "12.5"))),
            ("WA   -3", Some((Verdict::WA, "-3"))),
            ("OLE 0 \n", Some((Verdict::OLE, "0"))),
            ("TLE 1", Some((Verdict::TLE, "1"))),
            ("RTE 1", Some((Verdict::RTE, "1"))),
            ("MLE 1", Some((Verdict::MLE, "1"))),
            ("", None),
            ("AC", None),
            ("AC x", None),
            ("AC 1e3", None),
            ("AC 1.2.3", None),
            (" AC 1", None),
            ("AC 1\nAC 2\n", None),
            ("SE 0", None),
            ("JE 0", None),
            ("ac 1", None),
        ] {
            let want = want.map(|(verdict, text)| (verdict, score(text)));
            assert_eq!(line(text.as_bytes()).ok(), want, "{text:?}");
        }
        assert!(line(b"AC \xff").is_err());
        assert!(line(b"JE 0").unwrap_err().contains("it found the package at fault"));
        let padded = |len: usize| format!("{:len$}", "AC 1");
        assert_eq!(line(padded(ANSWER_MAX).as_bytes()), Ok((Verdict::AC, Score::ONE)));
        assert!(line(padded(ANSWER_MAX + 1).as_bytes()).is_err(), "nobody looks further than {ANSWER_MAX}");
    }

    #[test]
    fn a_grader_that_breaks_is_the_packages_fault_and_a_box_that_breaks_is_ours() {
        let said = |facts: &RunFacts, stdout: &[u8], stderr: &[u8]| {
            interpret("graders/g.py", facts, &Limits::run_defaults(), stdout, stderr)
        };
        let well = facts(Exit::Code(0));
        assert_eq!(said(&well, b"AC 2\n", b"chatter"), Ok(Ok((Verdict::AC, score("2")))));
        let slow = RunFacts { cpu_time: Duration::from_secs(99), ..well.clone() };
        for (facts, stdout, stderr, told) in [
            (&well, &b"2"[..], &b""[..], "grader graders/g.py: it wrote \"2\"; one line"),
            (&facts(Exit::Code(1)), b"AC 2\n", b"oops", "grader graders/g.py: exit status 1\noops"),
            (&slow, b"AC 2\n", b"", "grader graders/g.py: cpu time limit"),
        ] {
            let word = said(facts, stdout, stderr).unwrap().unwrap_err();
            assert!(word.starts_with(told), "{word}");
        }
        let gone = RunFacts { exit: None, ..well };
        assert!(said(&gone, b"AC 2\n", b"").unwrap_err().starts_with("grader graders/g.py: the box"));
    }
}
