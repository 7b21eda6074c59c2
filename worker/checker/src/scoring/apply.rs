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

#[cfg(test)]
mod tests {
    use problem::model::Problem;
    use proto::report::TestReport;

    use super::*;

    fn score(text: &str) -> Score {
        Score::parse(text).unwrap()
    }

    /// A scored problem of one case, which is worth 10.
    fn problem() -> (tempfile::TempDir, Problem) {
        let dir = tempfile::Builder::new().prefix("given").tempdir().unwrap();
        let manifest =
            "problem_format_version: 2025-09\nname: S\nuuid: u\ntype: scoring\nlimits: {time_limit: 1}\n";
        std::fs::create_dir_all(dir.path().join("data/secret")).unwrap();
        for (path, text) in [
            ("problem.yaml", manifest),
            ("data/secret/1.in", ""),
            ("data/secret/1.ans", ""),
            ("data/secret/test_group.yaml", "max_score: 10\nscore_aggregation: min\n"),
        ] {
            std::fs::write(dir.path().join(path), text).unwrap();
        }
        let problem = problem::read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}")).problem;
        (dir, problem)
    }

    #[test]
    fn a_case_has_the_score_that_was_given_and_what_may_not_be_given_is_a_judge_error() {
        use Verdict::{AC, JE, SE, WA};
        let (_dir, problem) = problem();
        let scorer = Scorer::new(&problem).unwrap();
        let half = GivenScore::Multiplier("0.5".to_owned());
        let seven = GivenScore::Score("7".to_owned());
        type Row<'a> = (Verdict, Result<Given, &'a str>, (Verdict, Option<&'a str>, Option<GivenScore>));
        let rows: &[Row<'_>] = &[
            (AC, Ok(Given::Nothing), (AC, Some("10"), None)),
            (AC, Ok(Given::Score(score("7"))), (AC, Some("7"), Some(seven))),
            (AC, Ok(Given::Multiplier(score("0.5"))), (AC, Some("5"), Some(half))),
            (WA, Ok(Given::Nothing), (WA, Some("0"), None)),
            // What broke has not said what it is worth.
            (JE, Ok(Given::Nothing), (JE, None, None)),
            (SE, Ok(Given::Nothing), (SE, None, None)),
            (AC, Ok(Given::Score(score("11"))), (JE, None, None)),
            (WA, Ok(Given::Score(score("1"))), (JE, None, None)),
            (AC, Err("score.txt is no number"), (JE, None, None)),
            (SE, Err("score.txt is no number"), (SE, None, None)),
        ];
        for (verdict, given, (to, worth, kept)) in rows {
            let mut test = TestReport::not_run("secret/1", "secret", *verdict, Some("as it was".to_owned()));
            test.feedback = Some("for the team".to_owned());
            scorer.score(0, &mut test, given.map_err(str::to_owned));
            assert_eq!((test.verdict, test.score.as_deref()), (*to, *worth), "{verdict} {given:?}");
            assert_eq!(&test.given, kept, "{verdict} {given:?}");
            if *to == JE && *verdict != JE {
                let told = test.reason.as_deref().unwrap();
                assert!(told.starts_with("validator: ") && test.feedback.is_none(), "{told}");
            } else {
                assert_eq!(test.reason.as_deref(), Some("as it was"));
                assert_eq!(test.feedback.as_deref(), Some("for the team"));
            }
            test.given.clone_from(kept);
            let again = if kept.is_some() { given.unwrap() } else { Given::Nothing };
            assert_eq!(given_of(&test), again, "what stands in a report is read back");
        }
    }
}
