//! From test cases to groups and the overall verdict of a pass-fail problem, as the policy has it.

use proto::report::{GroupReport, TestReport};
use proto::verdict::Verdict;

use crate::policy::Policy;

/// Groups and the overall verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The judge's word on the whole.
    pub verdict: Verdict,
    /// Why, when no single case tells.
    pub reason: Option<String>,
    /// Every group, in the order of its first case.
    pub groups: Vec<GroupReport>,
}

/// Folds the reports of all cases, given in judging order. Skipped cases (SK) decide nothing by themselves.
pub fn fold(tests: &[TestReport], policy: Policy) -> Folded {
    let mut names: Vec<&str> = Vec::new();
    for test in tests {
        if !names.contains(&test.group.as_str()) {
            names.push(&test.group);
        }
    }
    let groups = names
        .into_iter()
        .map(|name| {
            let inside = tests.iter().filter(|t| t.group == name).map(|t| t.verdict);
            let verdict = policy.verdict(inside).unwrap_or(Verdict::SK);
            GroupReport { name: name.to_owned(), verdict, score: None, max_score: None }
        })
        .collect();
    let (verdict, reason) = match policy.verdict(tests.iter().map(|t| t.verdict)) {
        Some(v) if v.passes() && tests.iter().any(|t| t.verdict == Verdict::SK) => {
            (Verdict::SE, Some("cases were skipped although none had failed".to_owned()))
        }
        Some(v) => (v, None),
        None if tests.is_empty() => (Verdict::JE, Some("the problem has no test cases".to_owned())),
        None => (Verdict::SE, Some("no test case was run".to_owned())),
    };
    Folded { verdict, reason, groups }
}

#[cfg(test)]
mod tests {
    use Verdict::{AC, JE, OK, RTE, SE, SK, TLE, WA};

    use super::*;

    fn folded(cases: &[(&str, Verdict)]) -> Folded {
        let tests: Vec<_> = cases
            .iter()
            .enumerate()
            .map(|(i, (group, v))| TestReport::not_run(&format!("{group}/{i}"), group, *v, None))
            .collect();
        fold(&tests, Policy::Icpc)
    }

    #[test]
    fn the_first_case_that_fails_decides() {
        for (cases, want) in [
            (vec![AC, AC], AC),
            (vec![AC, TLE, WA], TLE),
            (vec![WA, SE], WA),
            (vec![AC, SE, WA], SE),
            (vec![RTE, SK, SK], RTE),
            (vec![OK, OK], OK),
            (vec![OK, AC, OK], AC),
            (vec![], JE),
            (vec![SK], SE),
            (vec![AC, SK], SE),
        ] {
            let named: Vec<_> = cases.iter().map(|v| ("secret", *v)).collect();
            assert_eq!(folded(&named).verdict, want, "{cases:?}");
        }
    }

    #[test]
    fn the_worst_case_decides_where_the_policy_says_so() {
        let cases = [("sample", AC), ("secret", WA), ("secret", RTE), ("secret", TLE)];
        let tests: Vec<_> =
            cases.iter().map(|(group, v)| TestReport::not_run("x", group, *v, None)).collect();
        let got = fold(&tests, Policy::Worst);
        assert_eq!((got.verdict, got.groups[1].verdict), (RTE, RTE));
        assert_eq!(fold(&tests, Policy::All).verdict, WA);
    }

    #[test]
    fn groups_are_folded_by_themselves_in_order() {
        let got = folded(&[("sample", AC), ("secret/a", WA), ("secret/b", SK), ("sample", TLE)]);
        let groups: Vec<_> = got.groups.iter().map(|g| (g.name.as_str(), g.verdict)).collect();
        assert_eq!(groups, [("sample", TLE), ("secret/a", WA), ("secret/b", SK)]);
        assert_eq!(got.verdict, WA);
    }
}
