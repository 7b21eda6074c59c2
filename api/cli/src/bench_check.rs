//! `tribunal bench check`: how fast output is compared, beside `cmp`, and another validator where one is named,
//! on the same files in the same rounds.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use checker::{Flags, compare_streams};
use serde_json::json;

use crate::context::scratch;
use crate::output::{Failure, note, print_json, print_line};

/// What is compared: a name, the validator's flags, and how answer and output write line `n`.
struct Case {
    name: &'static str,
    flags: &'static str,
    answer: fn(u64, &mut String),
    output: fn(u64, &mut String),
    /// Whether both are the same bytes, so that `cmp` reads them to the end, too.
    equal: bool,
}

const CASES: [Case; 5] = [
    Case { name: "equal_tokens", flags: "", answer: tokens, output: tokens, equal: true },
    Case { name: "equal_floats", flags: "float_tolerance 1e-6", answer: floats, output: floats, equal: true },
    Case {
        name: "floats_written_otherwise",
        flags: "float_tolerance 1e-6",
        answer: floats,
        output: longer_floats,
        equal: false,
    },
    Case { name: "trailing_spaces", flags: "", answer: tokens, output: spaced, equal: false },
    Case { name: "crlf", flags: "", answer: tokens, output: crlf, equal: false },
];

fn tokens(n: u64, line: &mut String) {
    let _ = writeln!(line, "{} {} {}", n, n.wrapping_mul(2_654_435_761) % 1_000_000_007, n % 97);
}

fn spaced(n: u64, line: &mut String) {
    tokens(n, line);
    line.insert(line.len() - 1, ' ');
}

fn crlf(n: u64, line: &mut String) {
    tokens(n, line);
    line.insert(line.len() - 1, '\r');
}

fn floats(n: u64, line: &mut String) {
    let x = n.wrapping_mul(2_654_435_761) % 1_000_000_007;
    let _ = writeln!(line, "{}.{:06} {}.5", x % 1000, x % 1_000_000, n);
}

fn longer_floats(n: u64, line: &mut String) {
    let x = n.wrapping_mul(2_654_435_761) % 1_000_000_007;
    let _ = writeln!(line, "{}.{:06}0 {}.50", x % 1000, x % 1_000_000, n);
}

pub(crate) fn main(megabytes: u32, rounds: u32, beside: Option<&Path>, as_json: bool) -> Result<u8, Failure> {
    let scratch = scratch()?;
    let bytes = u64::from(megabytes) * 1_000_000;
    let mut rows = Vec::new();
    for case in &CASES {
        note(&format!("{}: {megabytes} MB, {rounds} rounds", case.name));
        let (answer, lines) = write(&scratch.path().join("answer"), bytes, u64::MAX, case.answer)?;
        let (output, _) = write(&scratch.path().join("output"), u64::MAX, lines, case.output)?;
        let size = std::fs::metadata(&answer).map_err(Failure::ours)?.len() as f64;
        let flags = Flags::parse_line(case.flags).map_err(Failure::ours)?;
        let (mut own, mut cmp, mut other) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            own.push(size / 1e6 / seconds(|| compare(&answer, &output, &flags))?);
            if case.equal {
                cmp.push(size / 1e6 / seconds(|| run_cmp(&answer, &output))?);
            }
            if let Some(validator) = beside {
                let run = || run_validator(validator, &answer, &output, case.flags, scratch.path());
                other.push(size / 1e6 / seconds(run)?);
            }
        }
        let some = |values: Vec<f64>| (!values.is_empty()).then(|| median(values));
        rows.push((case, median(own), some(cmp), some(other)));
    }
    if as_json {
        let cases: Vec<_> = rows
            .iter()
            .map(|(case, own, cmp, other)| {
                json!({
                    "name": case.name, "flags": case.flags, "mb_per_s": own, "cmp_mb_per_s": cmp,
                    "beside_mb_per_s": other,
                })
            })
            .collect();
        return print_json(&json!({ "bytes": bytes, "rounds": rounds, "cases": cases })).map(|()| 0);
    }
    for (case, own, cmp, other) in rows {
        let cmp = cmp.map_or(String::new(), |mb| format!("  cmp {mb:>8.0} MB/s"));
        let other = other.map_or(String::new(), |mb| format!("  beside {mb:>8.0} MB/s"));
        print_line(&format!("{:<26} {own:>8.0} MB/s{cmp}{other}", case.name))?;
    }
    Ok(0)
}

/// Writes lines until there are so many bytes or so many lines; gives the number of lines.
fn write(path: &Path, bytes: u64, lines: u64, line: fn(u64, &mut String)) -> Result<(PathBuf, u64), Failure> {
    let mut file = BufWriter::new(File::create(path).map_err(Failure::ours)?);
    let (mut text, mut written, mut n) = (String::new(), 0, 0);
    while written < bytes && n < lines {
        text.clear();
        line(n, &mut text);
        file.write_all(text.as_bytes()).map_err(Failure::ours)?;
        written += text.len() as u64;
        n += 1;
    }
    file.flush().map_err(Failure::ours)?;
    Ok((path.to_owned(), n))
}

fn compare(answer: &Path, output: &Path, flags: &Flags) -> Result<(), Failure> {
    let open = |path| File::open(path).map_err(Failure::ours);
    let got = compare_streams(&mut open(answer)?, &mut open(output)?, flags).map_err(Failure::ours)?;
    match got.difference {
        None => Ok(()),
        Some(difference) => Err(Failure::ours(format!("equal files were found to differ: {difference}"))),
    }
}

fn run_cmp(answer: &Path, output: &Path) -> Result<(), Failure> {
    let status = Command::new("cmp").args([answer, output]).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::ours(format!("cmp ended with {status}"))),
        Err(e) => Err(Failure::ours(format!("cmp cannot be run: {e}"))),
    }
}

/// Another output validator, called as the package format says; the answer stands for the input, too.
fn run_validator(
    validator: &Path,
    answer: &Path,
    output: &Path,
    flags: &str,
    scratch: &Path,
) -> Result<(), Failure> {
    let name = validator.display();
    let stdin = File::open(output).map_err(Failure::ours)?;
    let feedback = scratch.join("feedback");
    std::fs::create_dir_all(&feedback).map_err(Failure::ours)?;
    let mut command = Command::new(validator);
    // The format's feedback folder ends in a slash.
    command.arg(answer).arg(answer).arg(feedback.join("")).args(flags.split_ascii_whitespace());
    match command.stdin(stdin).stdout(Stdio::null()).status() {
        Ok(status) if status.code() == Some(42) => Ok(()),
        Ok(status) => Err(Failure::usage(format!("--beside {name} ended with {status}, not with 42"))),
        Err(e) => Err(Failure::usage(format!("--beside {name} cannot be run: {e}"))),
    }
}

fn seconds(work: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
