//! Where scores meet reports: the score of one case, and groups and the whole of a judgement.

use problem::score::Score;
use proto::report::{GivenScore, Judgement, TestReport};
use proto::verdict::Verdict;

use super::{Decided, Given, Scorer};
use crate::grader::{Asked, Grades};

impl Scorer<'_> {
    /// Gives a decided case its score; what the validator may not give makes it a judge error.
    pub fn score(&self, case: usize, test: &mut TestReport, given: Result<Given, String>) {
        let decided = given.and_then(|given| {
            let score = self.case(case, Decided { verdict: test.verdict, given })?;
            Ok((score, given))
        });
        match decided {
            Ok((score, given)) => {
                // What broke under a case has not said what it is worth.
                let said = !matches!(test.verdict, Verdict::JE | Verdict::SE);
                test.score = score.filter(|_| said).map(|s| s.to_string());
                test.max_score = self.max_of(case).map(|s| s.to_string());
                test.given = match given {
                    Given::Nothing => None,
                    Given::Score(score) => Some(GivenScore::Score(score.to_string())),
                    Given::Multiplier(part) => Some(GivenScore::Multiplier(part.to_string())),
                };
            }
            // A failure of ours is not turned into one of the package.
            Err(_) if test.verdict == Verdict::SE => {}
            Err(why) => {
                test.verdict = Verdict::JE;
                test.reason = Some(format!("validator: {why}"));
                test.feedback = None;
            }
        }
    }

    /// Makes groups, score and the overall verdict of a judgement. `places` has each test's index in the
    /// problem.
    ///
    /// # Errors
    /// What has to be asked of the package's grader first.
    pub fn fold_into(
        &self,
        judgement: &mut Judgement,
        places: &[Option<usize>],
        grades: &Grades,
    ) -> Result<(), Asked> {
        let not_run = Decided { verdict: Verdict::SK, given: Given::Nothing };
        let mut decided = vec![not_run; self.len()];
        for (test, place) in judgement.tests.iter().zip(places) {
            if let Some(slot) = place.and_then(|i| decided.get_mut(i)) {
                *slot = Decided { verdict: test.verdict, given: given_of(test) };
            }
        }
        let scored = self.fold(&decided, grades)?;
        judgement.verdict = scored.verdict;
        judgement.score = scored.score.map(|s| s.to_string());
        judgement.max_score = self.max().map(|s| s.to_string());
        judgement.reason = scored.reason;
        judgement.groups = scored.groups;
        Ok(())
    }
}

/// What a report says was given. It stands there exactly, nine places being all that is ever read.
pub fn given_of(test: &TestReport) -> Given {
    let read = |text: &str| Score::parse(text).unwrap_or(Score::ZERO);
    match &test.given {
        None => Given::Nothing,
        Some(GivenScore::Score(text)) => Given::Score(read(text)),
        Some(GivenScore::Multiplier(text)) => Given::Multiplier(read(text)),
    }
}
