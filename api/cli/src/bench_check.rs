//! `tribunal bench check`: how fast output is compared, beside `cmp`, and another validator where one is named,
//! on the same files in the same rounds, in one order and the other by turns. What counts is how they stand to each
//! other within a round: a busy machine slows all of them, and moves processor time less than the clock.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use checker::{Flags, compare_streams};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

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

const TOLERANT: &str = "float_tolerance 1e-6";

const CASES: [Case; 9] = [
    Case { name: "equal_tokens", flags: "", answer: tokens, output: tokens, equal: true },
    Case { name: "equal_floats", flags: TOLERANT, answer: floats, output: floats, equal: true },
    Case { name: "floats_written_otherwise", flags: TOLERANT, answer: floats, output: longer, equal: false },
    Case { name: "floats_a_little_off", flags: TOLERANT, answer: floats, output: off, equal: false },
    Case { name: "floats_of_many_digits", flags: TOLERANT, answer: floats, output: long, equal: false },
    Case { name: "floats_with_exponents", flags: TOLERANT, answer: floats, output: powers, equal: false },
    Case { name: "trailing_spaces", flags: "", answer: tokens, output: spaced, equal: false },
    Case { name: "crlf", flags: "", answer: tokens, output: crlf, equal: false },
    Case { name: "other_case", flags: "", answer: upper, output: lower, equal: false },
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

fn longer(n: u64, line: &mut String) {
    written(n, "0", "0", line);
}

fn off(n: u64, line: &mut String) {
    written(n, "3217", "0000001", line);
}

fn long(n: u64, line: &mut String) {
    written(n, "00000000000", "00000000000000", line);
}

/// The numbers of [`floats`] with more digits behind them.
fn written(n: u64, first: &str, second: &str, line: &mut String) {
    let x = n.wrapping_mul(2_654_435_761) % 1_000_000_007;
    let _ = writeln!(line, "{}.{:06}{first} {}.5{second}", x % 1000, x % 1_000_000, n);
}

fn powers(n: u64, line: &mut String) {
    let x = n.wrapping_mul(2_654_435_761) % 1_000_000_007;
    let _ = writeln!(line, "{}{:06}e-6 {}5e-1", x % 1000, x % 1_000_000, n);
}

fn upper(n: u64, line: &mut String) {
    let _ = writeln!(line, "Case {n} YES");
}

fn lower(n: u64, line: &mut String) {
    let _ = writeln!(line, "case {n} Yes");
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Took {
    wall: f64,
    /// Of the processor: what else the machine does moves this little.
    cpu: f64,
}

/// What one side took, round by round.
#[derive(Debug, Default)]
struct Side(Vec<Took>);

impl Side {
    fn median(&self, of: impl Fn(&Took) -> f64) -> Option<f64> {
        median(self.0.iter().map(of).collect())
    }

    /// How many times as long this side took as `other` in the same round, in the middle of all rounds.
    fn ratio(&self, other: &Side, of: impl Fn(&Took) -> f64) -> Option<f64> {
        median(self.0.iter().zip(&other.0).map(|(a, b)| of(a) / of(b)).collect())
    }

    /// Megabytes per second of the clock, the same of processor time, and both beside `own`.
    fn json(&self, size: f64, own: &Side) -> Value {
        let speed = |of: fn(&Took) -> f64| self.median(of).map(|s| size / 1e6 / s);
        json!({
            "mb_per_s": speed(|t| t.wall), "mb_per_cpu_s": speed(|t| t.cpu),
            "ratio": self.ratio(own, |t| t.wall), "cpu_ratio": self.ratio(own, |t| t.cpu),
        })
    }
}

pub(crate) fn main(megabytes: u32, rounds: u32, beside: Option<&Path>, as_json: bool) -> Result<u8, Failure> {
    let scratch = scratch()?;
    let bytes = u64::from(megabytes) * 1_000_000;
    let mut cases = Vec::new();
    for case in &CASES {
        note(&format!("{}: {megabytes} MB, {rounds} rounds", case.name));
        let (answer, lines) = write(&scratch.path().join("answer"), bytes, u64::MAX, case.answer)?;
        let (output, _) = write(&scratch.path().join("output"), u64::MAX, lines, case.output)?;
        let size = std::fs::metadata(&answer).map_err(Failure::ours)?.len() as f64;
        let flags = Flags::parse_line(case.flags).map_err(Failure::ours)?;
        let (mut own, mut cmp, mut other) = (Side::default(), Side::default(), Side::default());
        // Nobody is the first to read what was just written.
        compare(&answer, &output, &flags)?;
        for round in 0..rounds {
            // Each is measured right before and right after each other one as often.
            let mut turns = [0, 1, 2];
            if round % 2 == 1 {
                turns.reverse();
            }
            for turn in turns {
                match (turn, beside) {
                    (0, Some(validator)) => {
                        let run = || run_validator(validator, &answer, &output, case.flags, scratch.path());
                        other.0.push(measured(run)?);
                    }
                    (1, _) => own.0.push(measured(|| compare(&answer, &output, &flags))?),
                    (2, _) if case.equal => cmp.0.push(measured(|| run_cmp(&answer, &output))?),
                    _ => {}
                }
            }
        }
        cases.push((case.name, case.flags, size, own, cmp, other));
    }
    if as_json {
        let cases: Vec<_> = cases
            .iter()
            .map(|(name, flags, size, own, cmp, other)| {
                let mut row = own.json(*size, own);
                row["name"] = json!(name);
                row["flags"] = json!(flags);
                row["cmp"] = cmp.json(*size, own);
                row["beside"] = other.json(*size, own);
                row
            })
            .collect();
        return print_json(&json!({ "bytes": bytes, "rounds": rounds, "cases": cases })).map(|()| 0);
    }
    for (name, _, size, own, cmp, other) in &cases {
        let mut line = format!("{name:<26}");
        for (label, side) in [("", own), ("  cmp", cmp), ("  beside", other)] {
            let Some(wall) = side.median(|t| t.wall) else { continue };
            let _ = write!(line, "{label} {:>6.0} MB/s", size / 1e6 / wall);
            if let (Some(wall), Some(cpu)) = (side.ratio(own, |t| t.wall), side.ratio(own, |t| t.cpu))
                && !label.is_empty()
            {
                let _ = write!(line, " (we are {wall:.2} times as fast, by processor time {cpu:.2})");
            }
        }
        print_line(&line)?;
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

/// Times `work`, which is done by this thread or by a child that ends with it.
fn measured(work: impl FnOnce() -> Result<(), Failure>) -> Result<Took, Failure> {
    let (started, before) = (Instant::now(), processor_seconds()?);
    work()?;
    Ok(Took { wall: started.elapsed().as_secs_f64(), cpu: processor_seconds()? - before })
}

/// Processor time of this thread and of all children that ended.
fn processor_seconds() -> Result<f64, Failure> {
    let usage = |who| getrusage(who).map_err(Failure::ours);
    let (own, children) = (usage(UsageWho::RUSAGE_THREAD)?, usage(UsageWho::RUSAGE_CHILDREN)?);
    let times = [own.user_time(), own.system_time(), children.user_time(), children.system_time()];
    Ok(times.iter().map(|t| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6).sum())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
