//! Only the checker, on bytes at hand or files of any length: `tribunal check`.

use checker::Scorer;
use problem::model::{Problem, Validator};
use proto::report::TestReport;
use proto::verdict::Verdict;
use sandbox::spec::Content;

use super::decide::Word;
use super::{Engine, blocking, outputs, plan, validator};
use crate::error::{JudgeError, Rejected};

/// Bytes to be judged.
#[derive(Debug, Clone)]
pub struct Question {
    /// The test's input.
    pub input: Content,
    /// The right answer.
    pub answer: Content,
    /// What a program wrote.
    pub output: Content,
}

impl Question {
    /// As judging asks it: what is short is given as bytes, the rest as files.
    async fn short_at_hand(self) -> Result<Self, JudgeError> {
        let at_hand = |content, what: &str| match content {
            Content::Bytes(_) => Ok(content),
            Content::File(file) => outputs::short_at_hand(file)
                .map_err(|e| JudgeError::failed(format!("could not read the {what}: {e}"))),
        };
        let Self { input, answer, output } = self;
        blocking(move || -> Result<_, JudgeError> {
            let (input, answer) = (at_hand(input, "input")?, at_hand(answer, "answer")?);
            Ok(Self { input, answer, output: at_hand(output, "output")? })
        })
        .await?
    }
}

/// The checker's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// AC, WA, or JE when the checker is at fault.
    pub verdict: Verdict,
    /// Why, for judges.
    pub reason: Option<String>,
    /// What the output is worth as that of the problem's last case, where that has points.
    pub score: Option<String>,
}

impl Engine {
    /// Asks the problem's validator, and makes of what it says what judging would. Without `flags` it gets those of the
    /// problem's last case, which are those of its secret data.
    ///
    /// # Errors
    /// `Rejected::Flags` for flags the default validator does not know, `Rejected::NothingToCheck` where output alone
    /// decides nothing, `Failed` when no box could be had.
    pub async fn check(
        &self,
        problem: &Problem,
        flags: Option<Vec<String>>,
        question: Question,
    ) -> Result<Checked, JudgeError> {
        if problem.interactive || problem.multi_pass {
            return Err(Rejected::NothingToCheck(problem.name.clone()).into());
        }
        let flags =
            flags.or_else(|| problem.cases.last().map(|c| c.validator_args.clone())).unwrap_or_default();
        if problem.validator == Validator::Default {
            checker::Flags::parse(&flags).map_err(|e| Rejected::Flags(e.to_string()))?;
            let name = problem.sidecar.checker.as_deref();
            let word = outputs::own_word(name, &flags, question.answer, question.output).await?;
            return Ok(valued(problem, word));
        }
        let plan = plan::validator_plan(problem);
        let ready = self.validators.prepare(&*self.runner, &self.toolchains, &plan).await?;
        let validators = match ready {
            Ok(validators) => validators,
            Err(why) => return Ok(valued(problem, Word::plain(Verdict::JE, Some(why), None))),
        };
        let Question { input, answer, output } = question.short_at_hand().await?;
        let points = problem.cases.len().checked_sub(1).is_some_and(|last| plan::takes_points(problem, last));
        let asked =
            validator::Asked { input, answer, output, args: &flags, points, beside: &[], feedback: &[] };
        Ok(valued(problem, validator::ask_all(&*self.runner, &plan, &validators, &asked).await?.word))
    }
}

/// The word with its score, or as the judge error that a score which may not be makes it.
fn valued(problem: &Problem, word: Word) -> Checked {
    let (scorer, last) = (Scorer::new(problem), problem.cases.len().checked_sub(1));
    let Word { verdict, reason, given, .. } = word;
    let Some((scorer, last)) = scorer.zip(last) else { return Checked { verdict, reason, score: None } };
    let case = &problem.cases[last];
    let mut test = TestReport::not_run(&case.name, &case.group, verdict, reason);
    scorer.score(last, &mut test, given);
    Checked { verdict: test.verdict, reason: test.reason, score: test.score }
}
