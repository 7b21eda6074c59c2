//! The verdict of an interaction: two programs, and who of them ended first.
//!
//! A validator that said no before the submission ended decides, because all the submission did afterwards
//! came of a closed pipe. Otherwise the submission answers for itself first, then the validator speaks.

use proto::verdict::Verdict;

use crate::external::Judged;

/// Who ended first, as the one supervisor of both saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum First {
    /// The submission.
    Submission,
    /// The validator.
    Validator,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// The submission's own facts.
    Submission,
    /// The validator.
    Validator,
}

/// The verdict, and who made it. `submission` is the verdict by its facts, `None` when it ran clean;
/// `validator` is AC, WA, JE or SE as its own run was read.
pub fn decide(first: First, submission: Option<Verdict>, validator: &Judged) -> (Verdict, By) {
    match (validator.verdict, submission) {
        // Our own failure on either side is never anybody's fault.
        (Verdict::SE, _) | (_, Some(Verdict::SE)) => (Verdict::SE, By::Validator),
        (Verdict::WA, _) if first == First::Validator => (Verdict::WA, By::Validator),
        // A validator that broke by itself, while the submission was still there to talk to.
        (Verdict::JE, _) if first == First::Validator => (Verdict::JE, By::Validator),
        (_, Some(verdict)) => (verdict, By::Submission),
        (verdict, None) => (verdict, By::Validator),
    }
}

#[cfg(test)]
mod tests {
    use First::{Submission, Validator};
    use Verdict::{AC, JE, RTE, SE, TLE, WA};

    use super::*;

    #[test]
    fn who_ended_first_decides_what_counts() {
        type Row = (First, Option<Verdict>, Verdict, (Verdict, By));
        #[rustfmt::skip]
        let rows: &[Row] = &[
            (Submission, None, AC, (AC, By::Validator)),
            (Submission, None, WA, (WA, By::Validator)),
            (Submission, None, JE, (JE, By::Validator)),
            (Submission, Some(RTE), WA, (RTE, By::Submission)),
            (Submission, Some(TLE), AC, (TLE, By::Submission)),
            // It crashed, and the validator fell over the closed pipe.
            (Submission, Some(RTE), JE, (RTE, By::Submission)),
            (Validator, None, AC, (AC, By::Validator)),
            // It was told no, and died of the closed pipe or waited for ever.
            (Validator, Some(RTE), WA, (WA, By::Validator)),
            (Validator, Some(TLE), WA, (WA, By::Validator)),
            (Validator, Some(RTE), AC, (RTE, By::Submission)),
            (Validator, Some(TLE), AC, (TLE, By::Submission)),
            (Validator, Some(TLE), JE, (JE, By::Validator)),
            (Validator, None, SE, (SE, By::Validator)),
            (Submission, Some(SE), WA, (SE, By::Validator)),
        ];
        for (first, submission, validator, want) in rows {
            let given = Ok(crate::scoring::Given::Nothing);
            let judged = Judged { verdict: *validator, reason: None, feedback: None, given };
            assert_eq!(decide(*first, *submission, &judged), *want, "{first:?} {submission:?} {validator}");
        }
    }
}
