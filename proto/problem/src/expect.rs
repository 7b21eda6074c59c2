//! What a package expects of its own submissions: by folder, or by `@EXPECTED_RESULTS@` in the source.

use proto::verdict::Verdict;

use crate::model::Expectation;

use Verdict::{AC, CE, ILE, MLE, OLE, PA, RTE, TLE, WA};

/// What a folder under `submissions/` expects, and the one verdict it names.
pub(crate) struct Folder {
    pub(crate) expected: Expectation,
    pub(crate) verdict: Option<Verdict>,
    /// Whether `@EXPECTED_RESULTS@` in a source has no say here.
    pub(crate) official: bool,
}

/// Folder, permitted, required, the verdict it names. `rejected` and `brute_force` are of 2025-09, the
/// slow and partial ones of legacy; the last four are our own, because the formats have no word for them.
type Row = (&'static str, &'static [Verdict], &'static [Verdict], Option<Verdict>);

pub(crate) const FOLDERS: [Row; 12] = [
    ("accepted", &[AC], &[AC], Some(AC)),
    ("wrong_answer", &[AC, WA], &[WA], Some(WA)),
    ("time_limit_exceeded", &[AC, TLE], &[TLE], Some(TLE)),
    ("run_time_error", &[AC, RTE], &[RTE], Some(RTE)),
    ("rejected", &[AC, WA, TLE, RTE], &[WA, TLE, RTE], None),
    ("brute_force", &[AC, TLE, RTE], &[TLE, RTE], None),
    ("partially_accepted", &[], &[], Some(PA)),
    ("slow_accepted", &[AC, TLE], &[], None),
    ("idle_limit_exceeded", &[AC, ILE], &[ILE], Some(ILE)),
    ("memory_limit_exceeded", &[AC, MLE], &[MLE], Some(MLE)),
    ("output_limit_exceeded", &[AC, OLE], &[OLE], Some(OLE)),
    ("compile_error", &[CE], &[CE], Some(CE)),
];

/// Folders in which `@EXPECTED_RESULTS@` is ignored.
const OFFICIAL: [&str; 4] = ["accepted", "wrong_answer", "time_limit_exceeded", "run_time_error"];

/// The expectation of a folder; `None` when nobody knows its name.
pub(crate) fn folder(name: &str) -> Option<Folder> {
    FOLDERS.iter().find(|row| row.0 == name).map(|(name, permitted, required, verdict)| Folder {
        expected: Expectation { permitted: permitted.to_vec(), required: required.to_vec() },
        verdict: *verdict,
        official: OFFICIAL.contains(name),
    })
}

/// The verdicts after `@EXPECTED_RESULTS@:` in a source; `Err` quotes a word nobody knows.
pub(crate) fn tagged(source: &[u8]) -> Option<Result<Vec<Verdict>, String>> {
    const TAG: &[u8] = b"@EXPECTED_RESULTS@:";
    let at = source.windows(TAG.len()).position(|w| w == TAG)? + TAG.len();
    let line = source[at..].split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let words = line
        .trim_end_matches("*/")
        .trim_end_matches("-->")
        .split(',')
        .map(str::trim)
        .filter(|w| !w.is_empty());
    Some(words.map(verdict_word).collect::<Result<Vec<_>, _>>().map(|lists| {
        let mut all: Vec<Verdict> = lists.concat();
        all.sort_unstable();
        all.dedup();
        all
    }))
}

/// DOMjudge's words, in its spelling and with underscores.
fn verdict_word(word: &str) -> Result<Vec<Verdict>, String> {
    let upper = word.to_ascii_uppercase().replace('_', "-");
    Ok(match upper.as_str() {
        "CORRECT" | "ACCEPTED" => vec![AC],
        "WRONG-ANSWER" | "NO-OUTPUT" => vec![WA],
        "TIMELIMIT" | "TIME-LIMIT" | "TIME-LIMIT-EXCEEDED" => vec![TLE],
        "RUN-ERROR" | "RUN-TIME-ERROR" | "RUNTIME-ERROR" => vec![RTE],
        "COMPILER-ERROR" | "COMPILE-ERROR" => vec![CE],
        "OUTPUT-LIMIT" | "OUTPUT-LIMIT-EXCEEDED" => vec![OLE],
        "MEMORY-LIMIT" | "MEMORY-LIMIT-EXCEEDED" => vec![MLE],
        "CHECK-MANUALLY" => Vec::new(),
        _ => return Err(word.chars().take(60).collect()),
    })
}

/// The expectation of a list of final verdicts: one of them must come out, AC may come before.
pub(crate) fn one_of(list: &[Verdict]) -> Expectation {
    if list.is_empty() {
        return Expectation { permitted: Vec::new(), required: Vec::new() };
    }
    let mut permitted = list.to_vec();
    if !list.contains(&AC) && !list.contains(&CE) {
        permitted.insert(0, AC);
    }
    Expectation { permitted, required: if list.contains(&AC) { Vec::new() } else { list.to_vec() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_read_in_either_spelling_and_any_comment() {
        for (source, want) in [
            ("// @EXPECTED_RESULTS@: WRONG-ANSWER\n", Some(Ok(vec![WA]))),
            ("/* @EXPECTED_RESULTS@: timelimit, CORRECT */", Some(Ok(vec![AC, TLE]))),
            ("# @EXPECTED_RESULTS@: RUN_ERROR,MEMORY_LIMIT\r\n", Some(Ok(vec![MLE, RTE]))),
            ("# @EXPECTED_RESULTS@: CHECK-MANUALLY", Some(Ok(vec![]))),
            ("# @EXPECTED_RESULTS@: MAYBE", Some(Err("MAYBE".to_owned()))),
            ("nothing", None),
        ] {
            assert_eq!(tagged(source.as_bytes()), want, "{source}");
        }
    }

    #[test]
    fn a_required_verdict_is_always_permitted() {
        for (name, permitted, required, verdict) in FOLDERS {
            assert!(required.iter().all(|v| permitted.contains(v)), "{name}");
            // A part of the score is a word on the whole and never on one case.
            assert!(verdict.is_none_or(|v| v == PA || required == [v]), "{name}");
        }
        let mixed = one_of(&[WA, TLE]);
        assert_eq!((mixed.permitted, mixed.required), (vec![AC, WA, TLE], vec![WA, TLE]));
        // What is accepted at the end needs nothing else, and what does not compile accepts nothing before.
        for (list, permitted, required) in [
            (&[AC][..], &[AC][..], &[][..]),
            (&[TLE, AC], &[TLE, AC], &[]),
            (&[CE], &[CE], &[CE]),
            (&[], &[], &[]),
        ] {
            let got = one_of(list);
            assert_eq!((&got.permitted[..], &got.required[..]), (permitted, required), "{list:?}");
        }
    }
}
