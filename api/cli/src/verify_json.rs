//! A verification as the document of commands.md.

use problem::rules::Rule;
use problem::score::Score;
use proto::verdict::Verdict;
use serde_json::{Map, Value, json};

use crate::verify::Verification;
use crate::verify_one::Verified;
use crate::verify_study::{Margin, Nearest};

pub(crate) fn document(v: &Verification) -> Value {
    json!({
        "ok": v.ok(),
        "time_limit_ms": v.time_limit_ms,
        "diagnostics": v.diagnostics,
        "only": v.only,
        "left_out": v.study.left_out,
        "submissions": v.submissions.iter().map(submission).collect::<Vec<_>>(),
        "margins": v.study.margins.iter().map(margin).collect::<Vec<_>>(),
        "cases": v.study.cases.iter().map(|c| json!({ "name": c.name, "kills": c.kills })).collect::<Vec<_>>(),
    })
}

fn submission(s: &Verified) -> Value {
    json!({
        "path": s.path,
        "language": s.language,
        "expected": expected(s),
        "verdict": s.verdict,
        "score": s.score,
        "ok": s.ok,
        "slowest_ms": s.slowest().map(|(_, ms)| ms),
        "slowest": s.slowest().map(|(case, _)| case),
        "max_score": s.max_score,
        "reason": s.reason,
        "failed": s.killed_by().collect::<Vec<_>>(),
        "tests": s.tests.iter().map(|t| json!({
            "name": t.name, "verdict": t.verdict, "score": t.score, "cpu_time_ms": t.cpu_time_ms,
            "cached": t.cached,
        })).collect::<Vec<_>>(),
    })
}

/// Rules about all cases drawn together, and those about some of them by their glob.
fn expected(s: &Verified) -> Value {
    let mut whole = s.rules.iter().filter(|rule| rule.cases.is_none());
    let score = whole.find_map(|rule| rule.score).map(range);
    let mut groups = Map::new();
    for rule in &s.rules {
        if let Some(glob) = &rule.cases {
            groups.insert(glob.clone(), part(rule));
        }
    }
    json!({ "permitted": s.permitted, "required": s.required, "score": score, "groups": groups })
}

fn part(rule: &Rule) -> Value {
    let verdicts = |list: &[Verdict]| list.iter().map(|v| v.code()).collect::<Vec<_>>();
    json!({
        "permitted": verdicts(&rule.permitted),
        "required": verdicts(&rule.required),
        "score": rule.score.map(range),
    })
}

/// Least and greatest, as decimal strings.
fn range((least, most): (Score, Score)) -> [String; 2] {
    [least.to_string(), most.to_string()]
}

fn margin(m: &Margin) -> Value {
    json!({
        "language": m.language,
        "slowest_accepted": m.slowest_accepted.as_ref().map(nearest),
        "fastest_too_slow": m.fastest_too_slow.as_ref().map(nearest),
    })
}

fn nearest(n: &Nearest) -> Value {
    json!({ "submission": n.submission, "test": n.case, "cpu_time_ms": n.cpu_time_ms, "at_least": n.at_least })
}

#[cfg(test)]
mod tests {
    use Verdict::{AC, WA};

    use super::*;
    use crate::verify_study::tests::judged;

    #[test]
    fn the_document_has_every_key_of_the_contract_and_the_expectation_of_each_group() {
        let mut wrong =
            judged("submissions/wrong_answer/x.py", &[AC, WA], &[WA], [(AC, 1.0), (WA, 41.0), (AC, 2.0)]);
        wrong.rules = vec![
            Rule { score: Some((Score::whole(0), Score::whole(40))), ..Rule::default() },
            Rule { cases: Some("secret/a".to_owned()), required: vec![WA], ..Rule::default() },
        ];
        let verification = Verification {
            package: "p".to_owned(),
            time_limit_ms: Some(2000.0),
            diagnostics: vec![problem::Diagnostic {
                severity: problem::Severity::Error,
                path: "problem.yaml".to_owned(),
                line: Some(3),
                message: "odd".to_owned(),
            }],
            submissions: vec![wrong],
            study: crate::verify_study::Study::default(),
            only: Vec::new(),
        };
        let document = document(&verification);
        assert_eq!(document["ok"], false);
        assert_eq!(document["time_limit_ms"], 2000.0);
        assert_eq!(
            document["diagnostics"][0],
            json!({ "severity": "error", "path": "problem.yaml", "line": 3, "message": "odd" })
        );
        let submission = &document["submissions"][0];
        assert_eq!(submission["path"], "submissions/wrong_answer/x.py");
        assert_eq!((&submission["language"], &submission["verdict"]), (&json!("python3"), &json!("WA")));
        assert_eq!((&submission["slowest_ms"], &submission["slowest"]), (&json!(41.0), &json!("secret/1")));
        assert_eq!(submission["failed"], json!(["secret/1"]));
        assert_eq!(
            submission["expected"],
            json!({
                "permitted": ["AC", "WA"], "required": ["WA"], "score": ["0", "40"],
                "groups": { "secret/a": { "permitted": [], "required": ["WA"], "score": null } },
            })
        );
    }
}
