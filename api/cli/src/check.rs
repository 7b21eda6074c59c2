//! `tribunal check`: only the checker, on files at hand, which are read piece by piece however large they are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use checker::{Comparison, Flags, live::Live, simple};
use proto::verdict::Verdict;
use sandbox::spec::{Content, OpenFile};
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
            File::open(&args.input).map_err(|e| Failure::usage(told(&args.input, &e)))?;
            let how = match &args.checker {
                None => Live::Tokens(parsed(&flags.unwrap_or_default())?),
                Some(name) => by_name(name)?,
            };
            let compared = compare(&how, args)?;
            let verdict = if compared.accepted { Verdict::AC } else { Verdict::WA };
            Ok(Checked { verdict, reason: compared.difference.map(|d| d.to_string()), score: None })
        }
        Some(path) => {
            let given = |path: &Path| opened(path).map(Content::File);
            let question = Question {
                input: given(&args.input)?,
                answer: given(&args.answer)?,
                output: given(&args.output)?,
            };
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

fn parsed(flags: &[String]) -> Result<Flags, Failure> {
    Flags::parse(flags).map_err(|e| Failure::usage(format!("--validator-flags: {e}")))
}

fn by_name(name: &str) -> Result<Live, Failure> {
    Live::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = simple::NAMED.iter().map(|named| named.name).collect();
        Failure::usage(format!("--checker: `{name}` is unknown; one of {} is needed", known.join(", ")))
    })
}

fn compare(how: &Live, args: &CheckArgs) -> Result<Comparison, Failure> {
    let (answer, output) = (opened(&args.answer)?, opened(&args.output)?);
    let side = |path, file: &OpenFile| file.reader().map(|from| Side { path, from });
    let compared = side(&args.answer, &answer).and_then(|mut a| {
        let compared = how.compare_streams(&mut a, &mut side(&args.output, &output)?);
        // The word on a file that somebody wrote to meanwhile is on neither of the two that it was.
        for (path, file) in [(&args.answer, &answer), (&args.output, &output)] {
            file.unchanged().map_err(|e| told(path, &e))?;
        }
        compared
    });
    compared.map_err(Failure::usage)
}

/// A file as it is read by a checker.
struct Side<'a> {
    path: &'a Path,
    from: sandbox::spec::Reading,
}

impl Read for Side<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.from.read(into).map_err(|e| told(self.path, &e))
    }
}

impl Seek for Side<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.from.seek(to)
    }
}

/// The file at `path`. What comes through a pipe, which can neither be read again nor opened a second time, goes to a
/// file without a name first; and so does what says that it has no bytes, because files of /proc say so, too.
fn opened(path: &Path) -> Result<OpenFile, Failure> {
    let open = || -> io::Result<OpenFile> {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_file() && meta.len() > 0 {
            return file.try_into();
        }
        let mut aside = tempfile::tempfile()?;
        io::copy(&mut file, &mut aside)?;
        aside.try_into()
    };
    open().map_err(|e| Failure::usage(told(path, &e)))
}

fn told(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("could not read {}: {error}", path.display()))
}
