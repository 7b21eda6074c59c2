//! What the judged submissions say of the package: how far the time limit is from the fast and the slow, which
//! cases tell right from wrong, and where the data is weak. Pure.

use std::time::Duration;

use problem::model::{ExampleSubmission, Problem};
use problem::timing::TimeRule;
use problem::{Diagnostic, Severity};
use proto::verdict::Verdict;

use crate::verify_one::Verified;

/// Most warnings of one kind.
const WARNINGS_MAX: usize = 20;

/// The submission that comes nearest to the limit from one side, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nearest {
    pub(crate) submission: String,
    pub(crate) case: String,
    pub(crate) cpu_time_ms: f64,
    /// Whether it was stopped there, and takes longer still.
    pub(crate) at_least: bool,
}

/// One language's room on both sides of the time limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Margin {
    pub(crate) language: String,
    pub(crate) slowest_accepted: Option<Nearest>,
    pub(crate) fastest_too_slow: Option<Nearest>,
}

/// One case and the submissions that fail it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CaseStudy {
    pub(crate) name: String,
    /// Submissions that were to fail somewhere and fail here.
    pub(crate) kills: Vec<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Study {
    pub(crate) margins: Vec<Margin>,
    pub(crate) cases: Vec<CaseStudy>,
    pub(crate) warnings: Vec<Diagnostic>,
    /// Submissions that were not judged; while there are some, what nobody fails is not known.
    pub(crate) left_out: usize,
}

impl Study {
    /// Cases that no submission fails.
    pub(crate) fn unfailed(&self) -> impl Iterator<Item = &str> + Clone {
        self.cases.iter().filter(|case| case.kills.is_empty()).map(|case| case.name.as_str())
    }
}

/// What is wrong with a package whose submissions all have to fail somewhere: nothing shows that anybody can pass. One
/// whose submissions expect nothing of themselves, such as an imported one, is not held to it.
pub(crate) fn nobody_passes(problem: &Problem) -> Option<Diagnostic> {
    let expects = |s: &ExampleSubmission| !s.expected.permitted.is_empty() || !s.expected.required.is_empty();
    let passes = |s: &ExampleSubmission| s.rules.iter().any(|rule| rule.permitted == [Verdict::AC]);
    let submissions = &problem.submissions;
    (submissions.iter().any(expects) && !submissions.iter().any(passes)).then(|| Diagnostic {
        severity: Severity::Error,
        path: "submissions".to_owned(),
        line: None,
        message: "no submission has to be accepted; at least one under submissions/accepted is needed"
            .to_owned(),
    })
}

/// Studies what came of the submissions of `problem` under a time limit of `limit`.
pub(crate) fn study(problem: &Problem, limit: Duration, submissions: &[Verified]) -> Study {
    let margins = margins(submissions);
    let wrong: Vec<&Verified> = submissions.iter().filter(|s| s.must_fail() && !s.tests.is_empty()).collect();
    let cases: Vec<CaseStudy> = problem
        .cases
        .iter()
        .map(|case| CaseStudy {
            name: case.name.clone(),
            kills: wrong
                .iter()
                .filter(|s| s.killed_by().any(|name| name == case.name))
                .map(|s| s.path.clone())
                .collect(),
        })
        .collect();
    let mut warnings = thin_margins(&margins, limit, rule_of(problem));
    let left_out = problem.submissions.len().saturating_sub(submissions.len());
    if submissions.is_empty() || left_out > 0 {
        // Nobody tried anything, or not all that could, so there is nothing to say of the data.
    } else if wrong.is_empty() {
        warnings.push(warning(
            "submissions",
            "no submission is expected to fail: nothing tries the data".to_owned(),
        ));
    } else {
        warnings.extend(one_killer(problem, &wrong));
        warnings.extend(idle_groups(problem, &cases));
    }
    Study { margins, cases, warnings, left_out }
}

/// Margins asked for. Legacy's factors make a limit and do not bind one that is named.
fn rule_of(problem: &Problem) -> TimeRule {
    match problem.version {
        problem::model::FormatVersion::Legacy => TimeRule::v2025(),
        problem::model::FormatVersion::Draft2023_07 | problem::model::FormatVersion::V2025_09 => {
            problem.limits.time_rule
        }
    }
}

/// By language, in the order of their names.
fn margins(submissions: &[Verified]) -> Vec<Margin> {
    let mut languages: Vec<&String> = submissions.iter().filter_map(|s| s.language.as_ref()).collect();
    languages.sort_unstable();
    languages.dedup();
    let all = languages.into_iter().map(|language| {
        let own = || submissions.iter().filter(|s| s.language.as_ref() == Some(language));
        let accepted = own().filter(|s| s.must_pass() && s.ok).filter_map(|s| {
            let (case, cpu_time_ms) = s.slowest()?;
            Some(Nearest { submission: s.path.clone(), case: case.to_owned(), cpu_time_ms, at_least: false })
        });
        let slow = own().filter_map(|s| {
            let slow = s.too_slow.as_ref()?;
            Some(Nearest {
                submission: s.path.clone(),
                case: slow.case.clone(),
                cpu_time_ms: slow.cpu_time_ms,
                at_least: slow.at_least,
            })
        });
        Margin {
            language: language.clone(),
            slowest_accepted: accepted.reduce(|a, b| if b.cpu_time_ms > a.cpu_time_ms { b } else { a }),
            fastest_too_slow: slow.reduce(|a, b| if b.cpu_time_ms < a.cpu_time_ms { b } else { a }),
        }
    });
    all.filter(|m| m.slowest_accepted.is_some() || m.fastest_too_slow.is_some()).collect()
}

fn thin_margins(margins: &[Margin], limit: Duration, rule: TimeRule) -> Vec<Diagnostic> {
    let factor = |score: problem::score::Score| score.to_string().parse::<f64>().unwrap_or(1.0);
    let (fast, slow) = (factor(rule.ac_to_limit), factor(rule.limit_to_tle));
    let limit_ms = limit.as_secs_f64() * 1e3;
    let mut found = Vec::new();
    for margin in margins {
        if let Some(near) = margin.slowest_accepted.as_ref().filter(|n| n.cpu_time_ms * fast > limit_ms) {
            found.push(warning(
                &near.submission,
                format!(
                    "takes {:.0} ms on {}, and the time limit of {limit_ms:.0} ms is less than {fast} times that",
                    near.cpu_time_ms, near.case
                ),
            ));
        }
        if let Some(near) = margin.fastest_too_slow.as_ref().filter(|n| n.cpu_time_ms < limit_ms * slow) {
            found.push(warning(
                &near.submission,
                format!(
                    "is too slow by little: {:.0} ms on {}, where the time limit of {limit_ms:.0} ms asks for {slow} \
                     times as much",
                    near.cpu_time_ms, near.case
                ),
            ));
        }
    }
    found
}

/// Wrong submissions that a single case finds out: lose it, and they are accepted.
fn one_killer(problem: &Problem, wrong: &[&Verified]) -> Vec<Diagnostic> {
    if problem.cases.len() < 2 {
        return Vec::new();
    }
    let found = wrong.iter().filter_map(|s| {
        let mut killers = s.killed_by();
        let (only, more) = (killers.next()?, killers.next());
        more.is_none()
            .then(|| warning(&s.path, format!("only {only} finds it out; every other case accepts it")))
    });
    found.take(WARNINGS_MAX).collect()
}

/// Groups with points of their own that no wrong submission loses.
fn idle_groups(problem: &Problem, cases: &[CaseStudy]) -> Vec<Diagnostic> {
    let idle = |inside: &[usize]| !inside.is_empty() && inside.iter().all(|at| cases[*at].kills.is_empty());
    let found = problem.groups.iter().filter(|g| g.name != "sample" && idle(&g.cases)).map(|group| {
        let path = format!("data/{}", group.name);
        warning(&path, "no submission fails here: the group tells nothing apart".to_owned())
    });
    found.take(WARNINGS_MAX).collect()
}

fn warning(path: &str, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, path: path.to_owned(), line: None, message }
}

#[cfg(test)]
pub(crate) mod tests {
    use proto::report::TestReport;
    use proto::verdict::Verdict::{AC, TLE, WA};

    use super::*;
    use crate::verify_one::TooSlow;

    /// A submission as it came out of the cases `sample/1`, `secret/1`, `secret/2`, each with its time.
    pub(crate) fn judged(
        path: &str,
        permitted: &[Verdict],
        required: &[Verdict],
        came: [(Verdict, f64); 3],
    ) -> Verified {
        let names = ["sample/1", "secret/1", "secret/2"];
        let tests = names.iter().zip(came).map(|(name, (verdict, ms))| {
            let group = name.split('/').next().unwrap_or_default();
            let mut test = TestReport::not_run(name, group, verdict, None);
            test.cpu_time_ms = Some(ms);
            test
        });
        Verified {
            path: path.to_owned(),
            language: Some(if path.contains(".py") { "python3" } else { "cpp" }.to_owned()),
            rules: Vec::new(),
            permitted: permitted.to_vec(),
            required: required.to_vec(),
            verdict: Some(came.iter().map(|c| c.0).find(|v| *v != AC).unwrap_or(AC)),
            ok: true,
            score: None,
            max_score: None,
            tests: tests.collect(),
            too_slow: None,
            bounds: worker::engine::TimeBounds::default(),
            reason: None,
        }
    }

    pub(crate) fn three_cases() -> (tempfile::TempDir, Problem) {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("problem.yaml", "problem_format_version: 2025-09\nname: T\nuuid: u\nlimits: {time_limit: 1}\n"),
            ("data/sample/1.in", ""),
            ("data/sample/1.ans", ""),
            ("data/secret/1.in", ""),
            ("data/secret/1.ans", ""),
            ("data/secret/2.in", ""),
            ("data/secret/2.ans", ""),
        ];
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let problem = problem::read_dir(folder.path()).unwrap().problem;
        (folder, problem)
    }

    #[test]
    fn a_package_in_which_nobody_passes_is_told() {
        let told = |submissions: &[&str]| {
            let (folder, _) = three_cases();
            for path in submissions {
                let path = folder.path().join("submissions").join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "# @EXPECTED_RESULTS@: CORRECT\n").unwrap();
            }
            nobody_passes(&problem::read_dir(folder.path()).unwrap().problem).map(|d| d.severity)
        };
        assert_eq!(told(&["wrong_answer/a.py", "time_limit_exceeded/b.py"]), Some(Severity::Error));
        assert_eq!(told(&["wrong_answer/a.py", "accepted/b.py"]), None);
        assert_eq!(told(&["wrong_answer/a.py", "tagged/b.py"]), None);
        assert_eq!(told(&["partially_accepted/a.py"]), None);
        assert_eq!(told(&[]), None, "the reader warns of that");
    }

    fn words(study: &Study) -> Vec<String> {
        study.warnings.iter().map(ToString::to_string).collect()
    }

    const SECOND: Duration = Duration::from_secs(1);
    const FAST: (Verdict, f64) = (AC, 5.0);

    #[test]
    fn margins_are_those_of_the_nearest_in_each_language() {
        let (_folder, problem) = three_cases();
        let mut slow = judged("s.py", &[AC, TLE], &[TLE], [FAST, FAST, (TLE, 1001.0)]);
        slow.too_slow = Some(TooSlow { case: "secret/2".to_owned(), cpu_time_ms: 1200.0, at_least: false });
        let submissions = [
            judged("a.cpp", &[AC], &[AC], [FAST, (AC, 40.0), (AC, 30.0)]),
            judged("b.cpp", &[AC], &[AC], [FAST, (AC, 20.0), (AC, 30.0)]),
            judged("c.py", &[AC], &[AC], [FAST, (AC, 501.0), (AC, 30.0)]),
            slow,
        ];
        let study = study(&problem, SECOND, &submissions);
        let near =
            |n: &Option<Nearest>| n.as_ref().map(|n| (n.submission.clone(), n.case.clone(), n.cpu_time_ms));
        assert_eq!(study.margins.len(), 2);
        let [cpp, python] = &study.margins[..] else { panic!() };
        assert_eq!(near(&cpp.slowest_accepted), Some(("a.cpp".into(), "secret/1".into(), 40.0)));
        assert_eq!(near(&cpp.fastest_too_slow), None);
        assert_eq!(near(&python.slowest_accepted), Some(("c.py".into(), "secret/1".into(), 501.0)));
        assert_eq!(near(&python.fastest_too_slow), Some(("s.py".into(), "secret/2".into(), 1200.0)));
        let said = words(&study);
        assert!(said[0].contains("c.py: takes 501 ms on secret/1"), "{said:?}");
        assert!(said[1].contains("s.py: is too slow by little: 1200 ms"), "{said:?}");
        assert!(said[2].contains("s.py: only secret/2 finds it out"), "{said:?}");
        assert_eq!(said.len(), 3);
    }

    #[test]
    fn cases_know_whom_they_kill_and_weak_data_is_told() {
        let (_folder, problem) = three_cases();
        let wrong = (WA, 5.0);
        let both = judged("w.cpp", &[AC, WA], &[WA], [FAST, wrong, wrong]);
        let one = judged("v.cpp", &[AC, WA], &[WA], [FAST, FAST, wrong]);
        let study_of = |submissions: &[Verified]| study(&problem, SECOND, submissions);
        let strong = study_of(&[both, one]);
        let kills: Vec<usize> = strong.cases.iter().map(|c| c.kills.len()).collect();
        assert_eq!(kills, [0, 1, 2]);
        assert_eq!(strong.unfailed().collect::<Vec<_>>(), ["sample/1"]);
        assert_eq!(
            words(&strong),
            ["warning: v.cpp: only secret/2 finds it out; every other case accepts it"]
        );

        let samples_only = study_of(&[judged("w.cpp", &[AC, WA], &[WA], [wrong, FAST, FAST])]);
        let said = words(&samples_only);
        assert!(
            said.iter().any(|w| w.starts_with("warning: data/secret: no submission fails here")),
            "{said:?}"
        );

        let nobody = study_of(&[judged("a.cpp", &[AC], &[AC], [FAST; 3])]);
        assert!(words(&nobody)[0].contains("no submission is expected to fail"), "{:?}", words(&nobody));
        assert!(study_of(&[]).warnings.is_empty());
    }
}
