//! `tribunal check`: only the checker, on files at hand.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::Arc;

use checker::{Comparison, Flags, compare_streams, simple};
use proto::verdict::Verdict;
use serde_json::json;
use worker::engine::{Checked, Question};
use worker::{JudgeError, Rejected};

use crate::args::CheckArgs;
use crate::context::{Settings, open_problem, scratch};
use crate::output::{Failure, plain, print_json, print_line};
use crate::stop;

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
            Ok(Checked { verdict, reason: compared.difference.map(|d| d.to_string()), score: None })
        }
        Some(path) => {
            let (input, answer, output) = (read(&args.input)?, read(&args.answer)?, read(&args.output)?);
            let question = Question { input, answer, output };
            let boxes = Settings::boxes(0);
            stop::unless_stopped(async {
                let scratch = scratch()?;
                let loaded = open_problem(path, scratch.path())?;
                let engine = settings.engine(boxes?, &settings.store()?);
                Ok(engine.check(&loaded.problem, flags, question).await)
            })?
        }
    };
    let Checked { verdict, reason, score } = match checked {
        Ok(checked) => checked,
        Err(JudgeError::Rejected(why @ (Rejected::Flags(_) | Rejected::NothingToCheck(_)))) => {
            return Err(Failure::usage(why));
        }
        Err(other) => Checked { verdict: Verdict::SE, reason: Some(other.to_string()), score: None },
    };
    if args.json {
        print_json(&json!({ "verdict": verdict, "reason": reason, "score": score }))?;
    } else {
        let why = reason.map(|r| format!(": {r}")).unwrap_or_default();
        let worth = score.map(|score| format!(", score {score}")).unwrap_or_default();
        print_line(&plain(&format!("{verdict} ({}){worth}{why}", verdict.title())))?;
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
    // A pipe cannot be read twice, and the place of a difference asks for that. Nor can a named one be opened twice: its
    // writer is gone by then.
    let (answer, output) = (whole(&args.answer, answer)?, whole(&args.output, output)?);
    compare_streams(&mut Cursor::new(answer), &mut Cursor::new(output), &flags).map_err(Failure::usage)
}

fn by_name(name: &str, args: &CheckArgs) -> Result<Comparison, Failure> {
    let named = simple::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = simple::NAMED.iter().map(|named| named.name).collect();
        Failure::usage(format!("--checker: `{name}` is unknown; one of {} is needed", known.join(", ")))
    })?;
    Ok((named.compare)(&read(&args.answer)?, &read(&args.output)?))
}

fn whole(path: &Path, mut file: File) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
    Ok(bytes)
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("could not read {}: {error}", file.display()))
}

fn read(file: &Path) -> Result<Arc<[u8]>, Failure> {
    std::fs::read(file).map(Arc::from).map_err(|e| unreadable(file, &e))
}
