//! `tribunal check`: only the checker, on files at hand.

use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use checker::{Comparison, Flags, compare_streams, simple};
use proto::verdict::Verdict;
use serde_json::json;
use worker::engine::{Checked, Question};
use worker::{JudgeError, Rejected};

use crate::args::CheckArgs;
use crate::context::{Settings, open_problem, runtime, scratch};
use crate::output::{Failure, print_json, print_line};

pub(crate) fn main(args: &CheckArgs, settings: &Settings) -> Result<u8, Failure> {
    let flags: Option<Vec<String>> =
        args.validator_flags.as_ref().map(|line| line.split_ascii_whitespace().map(str::to_owned).collect());
    let checked = match &args.problem {
        None => {
            // It takes no part in the comparison, and a name that leads nowhere is still a mistake.
            File::open(&args.input).map_err(|e| unreadable(&args.input, &e))?;
            let compared = match &args.checker {
                None => by_default(args, &flags.unwrap_or_default())?,
                Some(name) => by_name(name, args)?,
            };
            let verdict = if compared.accepted { Verdict::AC } else { Verdict::WA };
            Ok(Checked { verdict, reason: compared.difference.map(|d| d.to_string()) })
        }
        Some(path) => {
            let (input, answer, output) = (read(&args.input)?, read(&args.answer)?, read(&args.output)?);
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
        Err(JudgeError::Rejected(why @ (Rejected::Flags(_) | Rejected::NothingToCheck(_)))) => {
            return Err(Failure::usage(why));
        }
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

/// The default validator over the files themselves, however large: memory stays the same.
fn by_default(args: &CheckArgs, flags: &[String]) -> Result<Comparison, Failure> {
    let flags = Flags::parse(flags).map_err(|e| Failure::usage(format!("--validator-flags: {e}")))?;
    let open = |path: &Path| File::open(path).map_err(|e| unreadable(path, &e));
    let (mut answer, mut output) = (open(&args.answer)?, open(&args.output)?);
    let plain = |file: &File| file.metadata().is_ok_and(|meta| meta.is_file());
    if plain(&answer) && plain(&output) {
        return compare_streams(&mut answer, &mut output, &flags).map_err(Failure::usage);
    }
    // A pipe cannot be read twice, and the place of a difference asks for that.
    let (answer, output) = (read(&args.answer)?, read(&args.output)?);
    compare_streams(&mut Cursor::new(answer), &mut Cursor::new(output), &flags).map_err(Failure::usage)
}

fn by_name(name: &str, args: &CheckArgs) -> Result<Comparison, Failure> {
    let named = simple::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = simple::NAMED.iter().map(|named| named.name).collect();
        Failure::usage(format!("--checker: `{name}` is unknown; one of {} is needed", known.join(", ")))
    })?;
    Ok((named.compare)(&read(&args.answer)?, &read(&args.output)?))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("could not read {}: {error}", file.display()))
}

fn read(file: &Path) -> Result<Arc<[u8]>, Failure> {
    std::fs::read(file).map(Arc::from).map_err(|e| unreadable(file, &e))
}
