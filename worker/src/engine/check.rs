//! Only the checker, on bytes at hand: `tribunal check`.

use std::sync::Arc;

use problem::model::{Problem, Validator};
use proto::verdict::Verdict;
use sandbox::spec::Content;

use super::decide::Word;
use super::plan::Data;
use super::{Engine, decide, outputs, plan, validator};
use crate::error::{JudgeError, Rejected};

/// Bytes to be judged.
#[derive(Debug, Clone)]
pub struct Question {
    /// The test's input.
    pub input: Arc<[u8]>,
    /// The right answer.
    pub answer: Arc<[u8]>,
    /// What a program wrote.
    pub output: Arc<[u8]>,
}

/// The checker's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// AC, WA, or JE when the checker is at fault.
    pub verdict: Verdict,
    /// Why, for judges.
    pub reason: Option<String>,
}

impl Engine {
    /// Asks the problem's validator. Without `flags` it gets those of the problem's last case, which are
    /// those of its secret data.
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
            let (answer, output) = (Data::Bytes(question.answer), Content::Bytes(question.output));
            let word = match decide::own_checker(problem.sidecar.checker.as_deref(), &flags) {
                Ok(how) => decide::compared(outputs::compare(&answer, output, how, &self.aside).await?),
                Err(why) => Word::plain(Verdict::JE, Some(why), None),
            };
            return Ok(Checked { verdict: word.verdict, reason: word.reason });
        }
        let plan = plan::validator_plan(problem);
        let ready = self.validators.prepare(&*self.runner, &self.toolchains, &plan).await?;
        let validators = match ready {
            Ok(validators) => validators,
            Err(why) => return Ok(Checked { verdict: Verdict::JE, reason: Some(why) }),
        };
        let Question { input, answer, output } = question;
        let points = problem.cases.len().checked_sub(1).is_some_and(|last| plan::takes_points(problem, last));
        let [input, answer, output] = [input, answer, output].map(Content::Bytes);
        let asked =
            validator::Asked { input, answer, output, args: &flags, points, beside: &[], feedback: &[] };
        let word = validator::ask_all(&*self.runner, &plan, &validators, &asked).await?.word;
        Ok(Checked { verdict: word.verdict, reason: word.reason })
    }
}
