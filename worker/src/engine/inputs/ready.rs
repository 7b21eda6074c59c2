//! A package's input validators, made ready to be asked: programs compiled, specifications understood.

use std::sync::Arc;

use checker::checktestdata::{is_specification, understand};
use problem::Diagnostic;
use problem::model::{ProbeKind, Problem, Program as Source};

use super::super::compile::Program;
use super::super::plan::{ValidatorPlan, validator_plan};
use super::super::validator::compile_all;
use super::super::{Engine, blocking};
use super::{error, warning};
use crate::error::JudgeError;

/// What looks at inputs.
#[derive(Debug)]
pub(super) enum Looks {
    /// A program, asked in a box.
    Program(Arc<Program>),
    /// A checktestdata specification that can be understood: its text, interpreted by us in a box.
    Specification(Arc<[u8]>),
}

/// Input validators by their path in the package.
pub(super) type Ready = Vec<(String, Looks)>;

impl Engine {
    /// The package's input validators; `None` when one of them cannot be used, or there is none.
    pub(super) async fn input_validators(
        &self,
        problem: &Problem,
        found: &mut Vec<Diagnostic>,
    ) -> Result<Option<Ready>, JudgeError> {
        if problem.input_validators.is_empty() {
            found.push(warning("input_validators", "no input validator looks at the inputs".to_owned()));
            if let Some(probe) = problem.probes.iter().find(|p| p.kind == ProbeKind::InvalidInput) {
                let message = "nothing rejects this input: there is no input validator".to_owned();
                found.push(error(&format!("data/{}.in", probe.name), message));
            }
            return Ok(None);
        }
        let mut ready = Vec::new();
        for source in &problem.input_validators {
            let looks = if is_specification(source) {
                let (constants, source) = (problem.constants.clone(), source.clone());
                let read = move || understand(&source, &constants, |path| std::fs::read(path));
                let understood = blocking(read).await?.map_err(|e| {
                    JudgeError::failed(format!("could not read a specification of the package: {e}"))
                })?;
                understood.map(|text| Looks::Specification(text.into()))
            } else {
                self.compile_one(problem, source).await?
            };
            match looks {
                Ok(looks) => ready.push((source.path.clone(), looks)),
                Err(why) => found.push(why),
            }
        }
        Ok((ready.len() == problem.input_validators.len()).then_some(ready))
    }

    async fn compile_one(
        &self,
        problem: &Problem,
        source: &Source,
    ) -> Result<Result<Looks, Diagnostic>, JudgeError> {
        let plan = ValidatorPlan { programs: vec![source.clone()], ..validator_plan(problem) };
        let unusable = |why: &str| error(&source.path, format!("this input validator cannot be used: {why}"));
        Ok(match compile_all(&*self.runner, &self.toolchains, &plan).await? {
            Ok(mut compiled) => {
                compiled.pop().map(Looks::Program).ok_or_else(|| unusable("it is no program"))
            }
            Err(why) => Err(unusable(&why)),
        })
    }
}
