//! The verdict of an interaction: two programs, and who of them ended first.
//!
//! A validator that said no before the submission ended decides, because all the submission did afterwards
//! came of a closed pipe. Otherwise the submission answers for itself first, then the validator speaks. A submission
//! that ran out of wall-clock time is to blame for it only when the validator waited for it.

use proto::verdict::Verdict;

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
    /// The validator's word.
    Validator,
    /// That the validator left the submission waiting.
    Silence,
}

/// Where the validator was when the submission's wall-clock time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whereabouts {
    /// It waited for the submission.
    Waiting,
    /// It did something else: the submission owed it nothing.
    Elsewhere,
}

/// What is known of an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Who ended first.
    pub first: First,
    /// The verdict by the submission's own facts; `None` when it ran clean, or was ended because the validator had
    /// said no.
    pub submission: Option<Verdict>,
    /// AC, WA, JE or SE as the validator's own run was read; `None` when it was ended because the submission had
    /// failed.
    pub validator: Option<Verdict>,
    /// Where the validator was when the submission's wall-clock time ran out, if it did.
    pub whereabouts: Option<Whereabouts>,
}

/// The verdict, and what made it.
pub fn decide(ended: &Ended) -> (Verdict, By) {
    let Ended { first, submission, validator, whereabouts } = *ended;
    let blameless = submission == Some(Verdict::ILE) && whereabouts == Some(Whereabouts::Elsewhere);
    match (validator, submission) {
        // Our own failure on either side is never anybody's fault; two that were ended for each other's sake are none.
        (Some(Verdict::SE), _) | (_, Some(Verdict::SE)) | (None, None) => (Verdict::SE, By::Validator),
        (Some(no @ (Verdict::WA | Verdict::JE)), _) if first == First::Validator => (no, By::Validator),
        (_, Some(Verdict::ILE)) if blameless => (Verdict::JE, By::Silence),
        (_, Some(verdict)) => (verdict, By::Submission),
        (Some(verdict), None) => (verdict, By::Validator),
    }
}

#[cfg(test)]
mod tests {
    use First::{Submission, Validator};
    use Verdict::{AC, ILE, JE, MLE, OLE, RTE, SE, SV, TLE, WA};
    use Whereabouts::{Elsewhere, Waiting};

    use super::*;

    #[test]
    fn who_ended_first_decides_what_counts() {
        type Row = (First, Option<Verdict>, Option<Verdict>, (Verdict, By));
        #[rustfmt::skip]
        let rows: &[Row] = &[
            // The submission ended first and well: the validator has the word.
            (Submission, None, Some(AC), (AC, By::Validator)),
            (Submission, None, Some(WA), (WA, By::Validator)),
            (Submission, None, Some(JE), (JE, By::Validator)),
            (Submission, None, Some(SE), (SE, By::Validator)),
            // It ended first and badly; what the validator made of the closed pipe does not count.
            (Submission, Some(RTE), Some(WA), (RTE, By::Submission)),
            (Submission, Some(RTE), Some(AC), (RTE, By::Submission)),
            (Submission, Some(RTE), Some(JE), (RTE, By::Submission)),
            (Submission, Some(RTE), None, (RTE, By::Submission)),
            (Submission, Some(TLE), Some(AC), (TLE, By::Submission)),
            (Submission, Some(TLE), Some(WA), (TLE, By::Submission)),
            (Submission, Some(TLE), Some(JE), (TLE, By::Submission)),
            (Submission, Some(OLE), Some(WA), (OLE, By::Submission)),
            (Submission, Some(MLE), Some(WA), (MLE, By::Submission)),
            (Submission, Some(SV), Some(WA), (SV, By::Submission)),
            (Submission, Some(ILE), Some(WA), (ILE, By::Submission)),
            // The validator ended first and accepted: the submission still has to end well.
            (Validator, None, Some(AC), (AC, By::Validator)),
            (Validator, Some(RTE), Some(AC), (RTE, By::Submission)),
            (Validator, Some(TLE), Some(AC), (TLE, By::Submission)),
            (Validator, Some(OLE), Some(AC), (OLE, By::Submission)),
            (Validator, Some(ILE), Some(AC), (ILE, By::Submission)),
            // It ended first and said no: whatever the submission died of came of that.
            (Validator, None, Some(WA), (WA, By::Validator)),
            (Validator, Some(RTE), Some(WA), (WA, By::Validator)),
            (Validator, Some(TLE), Some(WA), (WA, By::Validator)),
            (Validator, Some(OLE), Some(WA), (WA, By::Validator)),
            // It broke while the submission was there to talk to.
            (Validator, None, Some(JE), (JE, By::Validator)),
            (Validator, Some(RTE), Some(JE), (JE, By::Validator)),
            (Validator, Some(TLE), Some(JE), (JE, By::Validator)),
            (Validator, None, Some(SE), (SE, By::Validator)),
            // A failure of ours is nobody's.
            (Submission, Some(SE), Some(WA), (SE, By::Validator)),
            (Validator, Some(SE), Some(WA), (SE, By::Validator)),
            (Submission, Some(RTE), Some(SE), (SE, By::Validator)),
            (Submission, None, None, (SE, By::Validator)),
        ];
        for (first, submission, validator, want) in rows {
            let ended =
                Ended { first: *first, submission: *submission, validator: *validator, whereabouts: None };
            assert_eq!(decide(&ended), *want, "{ended:?}");
        }
    }

    #[test]
    fn who_was_waited_for_answers_for_the_wait() {
        type Row = (First, Option<Verdict>, Option<Verdict>, Whereabouts, (Verdict, By));
        #[rustfmt::skip]
        let rows: &[Row] = &[
            (Submission, Some(ILE), None, Waiting, (ILE, By::Submission)),
            (Submission, Some(ILE), Some(WA), Waiting, (ILE, By::Submission)),
            (Submission, Some(ILE), None, Elsewhere, (JE, By::Silence)),
            (Submission, Some(ILE), Some(WA), Elsewhere, (JE, By::Silence)),
            // Its cpu time is its own, wherever the validator was.
            (Submission, Some(TLE), Some(WA), Elsewhere, (TLE, By::Submission)),
            // A validator that said no has decided already.
            (Validator, Some(ILE), Some(WA), Elsewhere, (WA, By::Validator)),
        ];
        for (first, submission, validator, whereabouts, want) in rows {
            let whereabouts = Some(*whereabouts);
            let ended = Ended { first: *first, submission: *submission, validator: *validator, whereabouts };
            assert_eq!(decide(&ended), *want, "{ended:?}");
        }
    }
}
