//! The judge's words. One row per verdict; everything that lists verdicts is generated from [`Verdict::ALL`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The judge's word on a test case, a group, or a whole submission.
///
/// There is no default: a value exists only where somebody decided it (nothing unset reads as accepted).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub enum Verdict {
    /// Accepted.
    AC,
    /// Accepted in part: some score, not the full one.
    PA,
    /// Wrong answer.
    WA,
    /// Ran clean with nothing to compare.
    OK,
    /// CPU time limit exceeded.
    TLE,
    /// Idle or wall-clock limit exceeded.
    ILE,
    /// Memory limit exceeded.
    MLE,
    /// Output limit exceeded.
    OLE,
    /// Run-time error: non-zero exit status or a signal.
    RTE,
    /// Security violation: a system call no honest program makes.
    SV,
    /// Compile error.
    CE,
    /// Skipped: another test or group already decided.
    SK,
    /// Judge error: the problem's checker or package is at fault.
    JE,
    /// System error: we are at fault.
    SE,
}

impl Verdict {
    /// Every verdict, in the order documents list them.
    pub const ALL: [Verdict; 14] = [
        Verdict::AC,
        Verdict::PA,
        Verdict::WA,
        Verdict::OK,
        Verdict::TLE,
        Verdict::ILE,
        Verdict::MLE,
        Verdict::OLE,
        Verdict::RTE,
        Verdict::SV,
        Verdict::CE,
        Verdict::SK,
        Verdict::JE,
        Verdict::SE,
    ];

    /// The code as it stands in JSON.
    pub const fn code(self) -> &'static str {
        match self {
            Verdict::AC => "AC",
            Verdict::PA => "PA",
            Verdict::WA => "WA",
            Verdict::OK => "OK",
            Verdict::TLE => "TLE",
            Verdict::ILE => "ILE",
            Verdict::MLE => "MLE",
            Verdict::OLE => "OLE",
            Verdict::RTE => "RTE",
            Verdict::SV => "SV",
            Verdict::CE => "CE",
            Verdict::SK => "SK",
            Verdict::JE => "JE",
            Verdict::SE => "SE",
        }
    }

    /// A few words for people.
    pub const fn title(self) -> &'static str {
        match self {
            Verdict::AC => "accepted",
            Verdict::PA => "partially accepted",
            Verdict::WA => "wrong answer",
            Verdict::OK => "ran, nothing to compare",
            Verdict::TLE => "time limit exceeded",
            Verdict::ILE => "idle or wall-clock limit exceeded",
            Verdict::MLE => "memory limit exceeded",
            Verdict::OLE => "output limit exceeded",
            Verdict::RTE => "run-time error",
            Verdict::SV => "security violation",
            Verdict::CE => "compile error",
            Verdict::SK => "skipped",
            Verdict::JE => "judge error",
            Verdict::SE => "system error",
        }
    }

    /// Whether a test with this verdict lets an `icpc` run go on.
    pub const fn passes(self) -> bool {
        matches!(self, Verdict::AC | Verdict::OK | Verdict::PA)
    }

    /// Whether a package that expects `expected` is content with `self`: ILE satisfies TLE; MLE, OLE and
    /// SV satisfy RTE, because the package formats have no word for them.
    pub fn satisfies(self, expected: Verdict) -> bool {
        self == expected
            || (expected == Verdict::TLE && self == Verdict::ILE)
            || (expected == Verdict::RTE && matches!(self, Verdict::MLE | Verdict::OLE | Verdict::SV))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The text names no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a verdict: one of AC PA WA OK TLE ILE MLE OLE RTE SV CE SK JE SE is needed")]
pub struct UnknownVerdict(pub String);

impl FromStr for Verdict {
    type Err = UnknownVerdict;
    fn from_str(s: &str) -> Result<Self, UnknownVerdict> {
        Verdict::ALL.into_iter().find(|v| v.code() == s).ok_or_else(|| UnknownVerdict(s.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_parses_from_its_code_and_its_json() {
        for v in Verdict::ALL {
            assert_eq!(v.code().parse::<Verdict>(), Ok(v));
            assert_eq!(serde_json::to_value(v).unwrap(), v.code());
        }
        let codes: std::collections::BTreeSet<_> = Verdict::ALL.iter().map(|v| v.code()).collect();
        assert_eq!(codes.len(), Verdict::ALL.len());
    }
}
