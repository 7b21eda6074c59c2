//! A stored judgement made again under a package's rules of today: no run, but for its grader.

use std::sync::Arc;

use checker::grader::Grades;
use checker::policy::Policy;
use checker::reverdict::{Reverdict, re_verdict};
use problem::model::Problem;
use proto::report::Judgement;

use super::{Engine, grader, plan};
use crate::error::JudgeError;

impl Engine {
    /// Makes `stored` again for `problem` under `policy`: by the facts it has, with the limits and the scoring
    /// that the package names now. Its checker is not asked again; what it said stands.
    ///
    /// # Errors
    /// `Rejected` when the package cannot be judged, `Failed` when no box could be had for its grader.
    pub async fn re_verdict(
        &self,
        stored: &Judgement,
        problem: &Arc<Problem>,
        policy: Policy,
    ) -> Result<Reverdict, JudgeError> {
        let timed = self.timed(problem).await?.map_or_else(|| Arc::clone(problem), |(timed, _)| timed);
        let language = self.toolchains.languages().iter().find(|l| l.id == stored.language);
        let limits = plan::run_limits(&timed);
        let limits = language.map_or_else(|| limits.clone(), |l| plan::in_language(limits.clone(), l));
        let mut grades = Grades::new();
        // One question for each group and one for the whole.
        for _ in 0..=timed.groups.len() + 1 {
            match re_verdict(stored, Some(&timed), &limits, policy, &grades) {
                Ok(again) => return Ok(again),
                Err(asked) => {
                    let word = self.grade(&timed, &asked).await?;
                    grades.insert(asked, word);
                }
            }
        }
        Err(JudgeError::failed("a grader's questions have no end"))
    }

    async fn grade(
        &self,
        problem: &Problem,
        asked: &checker::grader::Asked,
    ) -> Result<checker::grader::Word, JudgeError> {
        let Some(by) = plan::grader_plan(problem) else {
            return Ok(Err("there is no grader".to_owned()));
        };
        let _place = self.floor.shared().await;
        match self.graders.prepare(&*self.runner, &self.toolchains, &by).await? {
            Ok(programs) => match programs.first() {
                Some(program) => grader::ask(&*self.runner, &by, program, asked).await,
                None => Ok(Err("there is no grader".to_owned())),
            },
            Err(why) => Ok(Err(why)),
        }
    }
}
