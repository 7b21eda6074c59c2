//! `tribunal check`: only the checker, on files at hand.

use std::path::Path;
use std::sync::Arc;

use proto::verdict::Verdict;
use serde_json::json;
use worker::engine::{Question, check_default};
use worker::{JudgeError, Rejected};

use crate::args::CheckArgs;
use crate::context::{Settings, open_problem, runtime, scratch};
use crate::output::{Failure, print_json, print_line};

pub(crate) fn main(args: &CheckArgs, settings: &Settings) -> Result<u8, Failure> {
    let flags: Option<Vec<String>> =
        args.validator_flags.as_ref().map(|line| line.split_ascii_whitespace().map(str::to_owned).collect());
    let (input, answer, output) = (read(&args.input)?, read(&args.answer)?, read(&args.output)?);
    let checked = match &args.problem {
        None => {
            let flags = flags.unwrap_or_default();
            checker::Flags::parse(&flags).map_err(|e| Failure::usage(format!("--validator-flags: {e}")))?;
            Ok(check_default(&answer, &output, &flags))
        }
        Some(path) => {
            let scratch = scratch()?;
            let loaded = open_problem(path, scratch.path())?;
            let boxes = Settings::boxes(0)?;
            let engine = settings.engine(boxes, &settings.store()?);
            let question = Question { input, answer, output };
            runtime()?.block_on(engine.check(&loaded.problem, flags, question))
        }
    };
    let (verdict, reason) = match checked {
        Ok(checked) => (checked.verdict, checked.reason),
        Err(JudgeError::Rejected(why @ Rejected::Flags(_))) => return Err(Failure::usage(why)),
        Err(other) => (Verdict::SE, Some(other.to_string())),
    };
    if args.json {
        print_json(&json!({ "verdict": verdict, "reason": reason, "score": null }))?;
    } else {
        let why = reason.map(|r| format!(": {r}")).unwrap_or_default();
        print_line(&format!("{verdict} ({}){why}", verdict.title()))?;
    }
    Ok(match verdict {
        Verdict::AC => 0,
        Verdict::WA => 1,
        _ => 3,
    })
}

fn read(file: &Path) -> Result<Arc<[u8]>, Failure> {
    std::fs::read(file)
        .map(Arc::from)
        .map_err(|e| Failure::usage(format!("could not read {}: {e}", file.display())))
}
