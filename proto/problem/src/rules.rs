//! What a package expects of one submission, rule by rule, and whether it came out so.
//!
//! A rule is about a set of verdicts over cases: all of them permitted, one of them required. Rules add up;
//! nothing here picks among them.

use proto::verdict::Verdict;

use crate::globs;
use crate::score::Score;

/// Whether a rule's submissions bound the time limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum TimeUse {
    /// As its verdicts say: from below where TLE is not permitted, from above where only TLE is required.
    #[default]
    Inferred,
    /// Not at all.
    Never,
    /// From below.
    Lower,
    /// From above.
    Upper,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Glob of the cases and groups it is about; `None` is about all.
    pub cases: Option<String>,
    /// Verdicts its cases may have; empty when anything goes.
    pub permitted: Vec<Verdict>,
    /// At least one of its cases has one of these; empty when none must.
    pub required: Vec<Verdict>,
    /// Least and greatest score, of the submission or of the named group.
    pub score: Option<(Score, Score)>,
    /// Part of the judge message of at least one of its cases.
    pub message: Option<String>,
    /// Its part in the time limit.
    pub time_use: TimeUse,
}

/// What scores came out.
#[derive(Debug, Clone, Default)]
pub struct Scores<'a> {
    /// That of the submission.
    pub whole: Option<Score>,
    /// Those of the test groups, by their names.
    pub groups: Vec<(&'a str, Option<Score>)>,
}

impl Scores<'_> {
    /// The submission's, or those of the groups that a glob names, each with its group.
    fn of(&self, glob: Option<&str>) -> Vec<(String, Option<Score>)> {
        let Some(glob) = glob else { return vec![(String::new(), self.whole)] };
        let named = self.groups.iter().filter(|(name, _)| globs::names(glob, name));
        let mut all: Vec<_> = named.map(|(name, score)| (format!(" in {name}"), *score)).collect();
        if all.is_empty() {
            all.push((format!(" in {glob}"), None));
        }
        all
    }
}

/// One case as it came out.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The case's name.
    pub name: &'a str,
    /// The judge's word.
    pub verdict: Verdict,
    /// What the validator told the judges.
    pub message: Option<&'a str>,
}

impl Rule {
    /// Whether the rule is about this case.
    pub fn covers(&self, case: &str) -> bool {
        self.cases.as_ref().is_none_or(|glob| globs::matches(glob, case))
    }

    /// Whether it bounds the time limit from below and from above.
    pub fn bounds(&self) -> (bool, bool) {
        match self.time_use {
            TimeUse::Inferred => (
                !self.permitted.is_empty() && !self.permitted.contains(&Verdict::TLE),
                self.required == [Verdict::TLE],
            ),
            TimeUse::Never => (false, false),
            TimeUse::Lower => (true, false),
            TimeUse::Upper => (false, true),
        }
    }

    /// Why the rule does not hold; `None` when it does.
    pub fn broken_by(&self, seen: &[Seen<'_>], scores: &Scores<'_>) -> Option<String> {
        let place = self.cases.as_ref().map_or(String::new(), |glob| format!(" in {glob}"));
        let covered = || seen.iter().filter(|s| self.covers(s.name));
        let meets = |v: Verdict, list: &[Verdict]| list.iter().any(|wanted| v.satisfies(*wanted));
        let words = |list: &[Verdict]| list.iter().map(|v| v.code()).collect::<Vec<_>>().join(", ");
        if !self.permitted.is_empty()
            && let Some(wrong) = covered().find(|s| !meets(s.verdict, &self.permitted))
        {
            return Some(format!(
                "{} is {}; permitted: {}",
                wrong.name,
                wrong.verdict,
                words(&self.permitted)
            ));
        }
        if !self.required.is_empty() && !covered().any(|s| meets(s.verdict, &self.required)) {
            return Some(format!("no case{place} is {}, which is required", words(&self.required)));
        }
        if let Some(part) = &self.message
            && !covered().any(|s| s.message.is_some_and(|m| m.contains(part.as_str())))
        {
            return Some(format!("no judge message{place} has `{part}`"));
        }
        let (least, most) = self.score?;
        scores.of(self.cases.as_deref()).into_iter().find_map(|(place, score)| match score {
            Some(got) if (least..=most).contains(&got) => None,
            Some(got) => Some(format!("the score{place} is {got}; {least} to {most} is expected")),
            None => Some(format!("there is no score{place}; {least} to {most} is expected")),
        })
    }

    /// What `use_for_time_limit` asks of the cases beside the time limit: `lower` is as good as a `permitted` without
    /// TLE, `upper` as a `required` of TLE alone.
    pub(crate) fn implied(&self) -> Option<Rule> {
        let of = |permitted: &[Verdict], required: &[Verdict]| Rule {
            cases: self.cases.clone(),
            permitted: permitted.to_vec(),
            required: required.to_vec(),
            time_use: TimeUse::Never,
            ..Rule::default()
        };
        match self.time_use {
            TimeUse::Inferred | TimeUse::Never => None,
            TimeUse::Lower => Some(of(&[Verdict::AC, Verdict::WA, Verdict::RTE], &[])),
            TimeUse::Upper => Some(of(&[], &[Verdict::TLE])),
        }
    }
}

#[cfg(test)]
mod tests {
    use Verdict::{AC, MLE, TLE, WA};

    use super::*;

    #[test]
    fn every_part_of_a_rule_can_break_it() {
        let seen = [
            Seen { name: "secret/a/1", verdict: AC, message: None },
            Seen { name: "secret/b/1-easy", verdict: WA, message: Some("line 3 is odd") },
            Seen { name: "secret/b/2-hard", verdict: TLE, message: None },
        ];
        let scores = Scores {
            whole: Some(Score::whole(30)),
            groups: vec![
                ("secret", Some(Score::whole(30))),
                ("secret/a", Some(Score::whole(20))),
                ("secret/b", Some(Score::whole(10))),
            ],
        };
        let rule = Rule::default();
        let range = |a, b| Some((Score::whole(a), Score::whole(b)));
        for (rule, broken) in [
            (rule.clone(), None),
            (Rule { permitted: vec![AC, WA, TLE], required: vec![TLE], ..rule.clone() }, None),
            (Rule { permitted: vec![AC, TLE], ..rule.clone() }, Some("secret/b/1-easy is WA")),
            (Rule { required: vec![MLE], ..rule.clone() }, Some("no case is MLE")),
            (Rule { cases: Some("secret/a".into()), permitted: vec![AC], ..rule.clone() }, None),
            (
                Rule { cases: Some("secret/*/*-{easy,x}".into()), required: vec![TLE], ..rule.clone() },
                Some("no case in secret/*/*-{easy,x} is TLE"),
            ),
            (Rule { message: Some("is odd".into()), ..rule.clone() }, None),
            (Rule { message: Some("Odd".into()), ..rule.clone() }, Some("no judge message has `Odd`")),
            (
                Rule { cases: Some("secret/a".into()), message: Some("odd".into()), ..rule.clone() },
                Some("no judge message in secret/a"),
            ),
            (Rule { score: range(30, 30), ..rule.clone() }, None),
            (Rule { score: range(0, 29), ..rule.clone() }, Some("the score is 30; 0 to 29")),
            (Rule { cases: Some("x".into()), score: range(0, 1), ..rule.clone() }, Some("no score in x")),
            (Rule { cases: Some("secret/{a,b}".into()), score: range(10, 20), ..rule.clone() }, None),
            (
                Rule { cases: Some("secret/*".into()), score: range(20, 20), ..rule.clone() },
                Some("the score in secret/b is 10; 20 to 20"),
            ),
        ] {
            let got = rule.broken_by(&seen, &scores);
            assert_eq!(got.is_some(), broken.is_some(), "{rule:?}: {got:?}");
            assert!(got.unwrap_or_default().contains(broken.unwrap_or_default()), "{rule:?}");
        }
    }

    #[test]
    fn the_time_limit_is_bounded_as_the_verdicts_say_unless_told_otherwise() {
        for (permitted, required, time_use, want) in [
            (vec![AC], vec![], TimeUse::Inferred, (true, false)),
            (vec![AC, TLE], vec![TLE], TimeUse::Inferred, (false, true)),
            (vec![], vec![TLE, WA], TimeUse::Inferred, (false, false)),
            (vec![AC], vec![], TimeUse::Never, (false, false)),
            (vec![], vec![], TimeUse::Lower, (true, false)),
            (vec![AC], vec![], TimeUse::Upper, (false, true)),
        ] {
            let rule = Rule { permitted, required, time_use, ..Rule::default() };
            assert_eq!(rule.bounds(), want, "{rule:?}");
            assert_eq!(rule.implied().is_some(), matches!(time_use, TimeUse::Lower | TimeUse::Upper));
        }
    }
}
