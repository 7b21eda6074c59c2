//! PrairieLearn's `results.json`: a score between 0 and 1, and tests with points.

use problem::score::Score;
use serde_json::{Map, Value};

use crate::findings::Findings;
use crate::report::TestResult;
use crate::results::{Reader, Said, by_points, object};

/// Reads the format.
pub(crate) fn read(bytes: &[u8], findings: &mut Findings) -> Option<Said> {
    let map = object(bytes, "results.json", findings)?;
    let mut read = Reader::new("results.json", findings);
    let output = both(&mut read, &map, "message", "output");
    let mut said = Said { output, output_truncated: read.was_cut(), ..Said::default() };
    said.tests = read.tests(&map, test);
    // `succeeded: false` is how older graders say that they broke down.
    for key in ["gradable", "succeeded"] {
        match map.get(key) {
            None | Some(Value::Null | Value::Bool(true)) => {}
            Some(Value::Bool(false)) => said.ungradable = Some(why(&map, key)),
            Some(_) => read.add(key, "is neither true nor false; true is taken"),
        }
    }
    if said.ungradable.is_some() {
        return Some(said);
    }
    said.score = read.points(&map, "score");
    match said.score {
        Some(score) if score > Score::ONE => {
            read.add("score", format!("is {score}, above 1; it counts 0"));
            said.score = Some(Score::ZERO);
        }
        Some(_) => {}
        None if said.tests.iter().any(|t| t.score.is_some() && t.max_score.is_some()) => {
            said.score = share(&said.tests);
        }
        None => {
            read.add("score", "is missing; a number from 0 to 1 is needed");
            return None;
        }
    }
    said.max_score = Some(Score::ONE);
    Some(said)
}

/// The part of all points, where a grader gives points and no score.
fn share(tests: &[TestResult]) -> Option<Score> {
    let sum =
        |of: fn(&TestResult) -> Option<Score>| tests.iter().filter_map(of).try_fold(Score::ZERO, Score::plus);
    let (got, most) = (sum(|t| t.score)?, sum(|t| t.max_score)?);
    Some(got.over(most).unwrap_or(Score::ZERO).min(Score::ONE))
}

fn why(map: &Map<String, Value>, key: &str) -> String {
    let texts: Vec<&str> = match map.get("format_errors") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).take(20).collect(),
        _ => map.get("message").and_then(Value::as_str).into_iter().collect(),
    };
    let text = crate::findings::cut(&texts.join("; "), 2000);
    if text.is_empty() { format!("the grader said `{key}: false` and no reason") } else { text }
}

fn both(read: &mut Reader<'_>, map: &Map<String, Value>, first: &str, second: &str) -> Option<String> {
    let texts: Vec<String> = [first, second].into_iter().filter_map(|key| read.text(map, key)).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// One test. Pictures are left out.
pub(crate) fn test(read: &mut Reader<'_>, n: usize, test: &Map<String, Value>) -> TestResult {
    let score = read.points(test, "points");
    let max_score = read.most(test, "max_points");
    let description = read.text(test, "description");
    let said = both(read, test, "message", "output");
    let output: Vec<String> = description.into_iter().chain(said).collect();
    TestResult {
        name: read.name(test, n),
        score,
        max_score,
        status: by_points(score, max_score),
        output: (!output.is_empty()).then(|| output.join("\n")),
        output_truncated: read.was_cut(),
        ..TestResult::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Option<Said>, Vec<String>) {
        let mut findings = Findings::default();
        let said = read(text.as_bytes(), &mut findings);
        (said, findings.into_list().into_iter().map(|f| format!("{} {}", f.place, f.message)).collect())
    }

    #[test]
    fn a_whole_file_is_read_and_its_pictures_left_out() {
        let (said, findings) = read_text(
            r#"{"gradable": true, "score": 0.25, "message": "done", "output": "log", "images": [{"url": "x"}],
                "tests": [{"name": "T1", "description": "adds", "points": 1, "max_points": 1,
                           "message": "fine", "output": "ok", "images": ["x"]},
                          {"name": "T2", "points": 0, "max_points": 3}]}"#,
        );
        let said = said.unwrap();
        assert_eq!((findings.len(), said.output.as_deref()), (0, Some("done\nlog")));
        assert_eq!((said.score.unwrap().to_string(), said.max_score), ("0.25".to_owned(), Some(Score::ONE)));
        assert_eq!(said.tests[0].output.as_deref(), Some("adds\nfine\nok"));
        assert_eq!(said.tests[1].status.as_deref(), Some("failed"));
    }

    #[test]
    fn a_score_is_between_zero_and_one_or_counts_nothing() {
        for (text, score) in [
            (r#"{"score": 1.5}"#, "0"),
            (r#"{"score": -1}"#, "0"),
            (r#"{"score": "1"}"#, "0"),
            (r#"{"tests": [{"points": 1, "max_points": 4}, {"points": 2, "max_points": 4}]}"#, "0.375"),
            (r#"{"tests": [{"points": 9, "max_points": 4}]}"#, "1"),
            (r#"{"tests": [{"points": 9, "max_points": 0}]}"#, "0"),
        ] {
            assert_eq!(read_text(text).0.unwrap().score.unwrap().to_string(), score, "{text}");
        }
        let (said, findings) = read_text(r#"{"message": "hello"}"#);
        assert!(said.is_none() && findings[0].contains("score is missing"), "{findings:?}");
    }

    #[test]
    fn an_ungradable_submission_carries_its_reasons_and_no_score() {
        let (said, _) =
            read_text(r#"{"gradable": false, "score": 1, "format_errors": ["line 3", "line 4"]}"#);
        let said = said.unwrap();
        assert_eq!((said.ungradable.as_deref(), said.score), (Some("line 3; line 4"), None));
        assert!(read_text(r#"{"succeeded": false}"#).0.unwrap().ungradable.is_some());
    }
}
