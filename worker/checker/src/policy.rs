//! How a judge goes through the cases of a pass-fail problem: what a failure stops, and what it makes.

use std::fmt;
use std::str::FromStr;

use proto::verdict::Verdict;

/// A way to go through the cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The first failure in order decides and ends the judging.
    #[default]
    Icpc,
    /// Every case is run; the first failure in order decides.
    All,
    /// Every case is run; the worst verdict decides.
    Worst,
    /// A failure ends its group and nothing else; the first failure in order decides.
    Oi,
    /// Every case is run as far as its hard limits, for those who set the problem.
    Analyst,
}

/// Every policy with its word.
pub const POLICIES: [(&str, Policy); 5] = [
    ("icpc", Policy::Icpc),
    ("all", Policy::All),
    ("worst", Policy::Worst),
    ("oi", Policy::Oi),
    ("analyst", Policy::Analyst),
];

/// What a failed case stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stops {
    /// Nothing.
    Nothing,
    /// The cases of its group.
    Group,
    /// Everything after it.
    Everything,
}

impl Policy {
    /// What a case with this verdict stops. A failure of ours stops everything under any policy: no later
    /// case can mend it.
    pub const fn stops(self, verdict: Verdict) -> Stops {
        if verdict.passes() {
            return Stops::Nothing;
        }
        match (self, verdict) {
            (_, Verdict::SE) | (Policy::Icpc, _) => Stops::Everything,
            (Policy::Oi, _) => Stops::Group,
            (Policy::All | Policy::Worst | Policy::Analyst, _) => Stops::Nothing,
        }
    }

    /// Whether a failure of the submission's stops nothing.
    pub const fn runs_all(self) -> bool {
        match self {
            Policy::All | Policy::Worst | Policy::Analyst => true,
            Policy::Icpc | Policy::Oi => false,
        }
    }

    /// The verdict of some cases in judging order; `None` when none of them was run.
    pub fn verdict(self, cases: impl Iterator<Item = Verdict>) -> Option<Verdict> {
        let mut all: Option<Verdict> = None;
        for v in cases.filter(|v| *v != Verdict::SK) {
            all = Some(match all {
                None => v,
                Some(before) if before.passes() && v.passes() => {
                    // OK says only that nothing was compared, so one that was compared says more.
                    let less = v == Verdict::OK || (before != Verdict::OK && badness(v) <= badness(before));
                    if less { before } else { v }
                }
                Some(before) if before.passes() => v,
                Some(before) if self == Policy::Worst && badness(v) > badness(before) => v,
                Some(before) => before,
            });
        }
        all
    }
}

/// Rank of the format's `worst_error`, our own words put beside the ones they come from.
pub const fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::OK | Verdict::AC | Verdict::SK => 0,
        Verdict::PA => 1,
        Verdict::WA => 2,
        Verdict::OLE => 3,
        Verdict::ILE => 4,
        Verdict::TLE => 5,
        Verdict::MLE => 6,
        Verdict::RTE => 7,
        Verdict::SV => 8,
        Verdict::CE => 9,
        Verdict::JE => 10,
        Verdict::SE => 11,
    }
}

/// A word that names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a policy: one of icpc, all, worst, oi, analyst is needed")]
pub struct UnknownPolicy(String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
        let known = POLICIES.iter().find(|(name, _)| *name == word).map(|(_, policy)| *policy);
        known.ok_or_else(|| UnknownPolicy(word.chars().take(60).collect()))
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(POLICIES.iter().find(|(_, policy)| policy == self).map_or("icpc", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use Verdict::{AC, JE, MLE, OK, PA, RTE, SE, SK, TLE, WA};

    use super::*;

    #[test]
    fn every_policy_makes_and_stops_what_its_row_says() {
        #[rustfmt::skip]
        let rows: &[(&str, &[Verdict], Option<Verdict>)] = &[
            ("icpc", &[], None),
            ("icpc", &[SK, SK], None),
            ("icpc", &[AC, OK, AC], Some(AC)),
            ("icpc", &[OK, OK], Some(OK)),
            ("icpc", &[AC, WA, TLE], Some(WA)),
            ("all", &[AC, WA, TLE, SE], Some(WA)),
            ("oi", &[TLE, SK, RTE], Some(TLE)),
            ("analyst", &[AC, RTE, JE], Some(RTE)),
            ("worst", &[AC, WA, TLE, WA], Some(TLE)),
            ("worst", &[WA, MLE, RTE, TLE], Some(RTE)),
            ("worst", &[WA, JE, RTE], Some(JE)),
            ("worst", &[AC, PA, AC], Some(PA)),
            ("worst", &[AC, AC], Some(AC)),
        ];
        for (word, cases, want) in rows {
            let policy: Policy = word.parse().unwrap();
            assert_eq!(policy.verdict(cases.iter().copied()), *want, "{policy} {cases:?}");
        }
        for (policy, verdict, stops) in [
            (Policy::Icpc, AC, Stops::Nothing),
            (Policy::Icpc, WA, Stops::Everything),
            (Policy::All, WA, Stops::Nothing),
            (Policy::Worst, RTE, Stops::Nothing),
            (Policy::Analyst, TLE, Stops::Nothing),
            (Policy::Oi, TLE, Stops::Group),
            (Policy::Oi, SE, Stops::Everything),
            (Policy::All, SE, Stops::Everything),
        ] {
            assert_eq!(policy.stops(verdict), stops, "{policy} {verdict}");
        }
        for (word, policy) in POLICIES {
            assert_eq!(policy.to_string(), word);
            assert_eq!(policy.runs_all(), policy.stops(WA) == Stops::Nothing, "{word}");
        }
        assert!("best".parse::<Policy>().unwrap_err().to_string().contains("icpc, all"));
    }
}
