//! `tribunal judge`: one submission against one package, in this process.

mod again;

use std::sync::Arc;

use checker::policy::Policy;
use proto::job::SourceFile;
use proto::report::Judgement;
use proto::verdict::Verdict;
use sandbox::BoxServer;
use worker::engine::ANSWERS;
use worker::{Against, JudgeError, Submission};

use crate::args::JudgeArgs;
use crate::context::{Settings, open_problem, scratch, tell_host_image};
use crate::output::{Failure, note, print_json, print_line};
use crate::{report, sources, stop};

pub(crate) fn main(args: &JudgeArgs, settings: &Settings) -> Result<u8, Failure> {
    if let Some(from) = &args.from {
        return again::main(args, from, settings);
    }
    let files = sources::load(&args.sources)?;
    // Before any thread; a machine without boxes is told only after a package that cannot be used.
    let boxes = Settings::boxes(0);
    stop::unless_stopped(judge(args, settings, files, boxes))
}

async fn judge(
    args: &JudgeArgs,
    settings: &Settings,
    files: Vec<SourceFile>,
    boxes: Result<BoxServer, Failure>,
) -> Result<u8, Failure> {
    let scratch = scratch()?;
    let loaded = open_problem(&args.problem, scratch.path())?;
    let language = if loaded.problem.submit_answer {
        None
    } else {
        Some(sources::language_of(args.language.as_deref(), &files)?)
    };
    let boxes = boxes?;
    let store = settings.store()?;
    if let Some(language) = language {
        tell_host_image(&store, language);
    }

    let language = language.map_or(ANSWERS, |l| l.id.as_str()).to_owned();
    let submission = Submission { language, files, all: args.all, only: args.only.clone() };
    let policy = policy(args);
    let against = Against::Problem(Arc::new(loaded.problem));
    let engine =
        settings.without_cache(args.no_cache).engine(boxes, &store).with_parallel_cases(args.jobs as usize);
    let judgement = match engine.judge_under(policy, &submission, &against, &mut |_| {}).await {
        Ok(judgement) => judgement,
        Err(JudgeError::Rejected(why)) => return Err(Failure::usage(why)),
        Err(JudgeError::Failed { cause, .. } | JudgeError::NoRoom { cause, .. }) => {
            Judgement::system_error(&submission.language, cause)
        }
    };
    if args.json {
        print_json(&judgement)?;
    } else {
        print_line(&report::text(&judgement))?;
    }
    Ok(status(&judgement, &args.expect))
}

fn policy(args: &JudgeArgs) -> Policy {
    args.policy.unwrap_or(if args.all { Policy::All } else { Policy::Icpc })
}

fn status(judgement: &Judgement, expect: &[Verdict]) -> u8 {
    if judgement.verdict == Verdict::SE {
        return 3;
    }
    if expect.is_empty() || expect.contains(&judgement.verdict) {
        return 0;
    }
    let wanted: Vec<_> = expect.iter().map(|v| v.code()).collect();
    note(&format!("the verdict is {}, expected was {}", judgement.verdict, wanted.join(" or ")));
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_tells_our_failure_from_an_unexpected_verdict() {
        let mut judgement = Judgement::system_error("cpp", "why".to_owned());
        assert_eq!(status(&judgement, &[]), 3);
        assert_eq!(status(&judgement, &[Verdict::AC]), 3);
        judgement.verdict = Verdict::WA;
        assert_eq!(status(&judgement, &[]), 0);
        assert_eq!(status(&judgement, &[Verdict::AC]), 1);
        assert_eq!(status(&judgement, &[Verdict::AC, Verdict::WA]), 0);
    }
}
