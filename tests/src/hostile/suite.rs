//! What `tests/tests/hostile.rs` does: arguments, rounds, the table at the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use selftest::Case;
use selftest::catalogue::CATALOGUE;
use selftest::expect::Disturbance;
use selftest::shipped::{self, Unable};

use super::lab::Lab;
use super::programs::Folder;

/// How many at once in the second round.
const TOGETHER: usize = 8;

/// What was asked for on the command line.
#[derive(Debug, Default)]
pub struct Options {
    /// Only cases whose name has this, or whose number is this.
    filter: String,
    /// So many at once, in one round; without it one by one and then all together.
    parallel: Option<usize>,
    /// The rounds, so many times.
    repeat: usize,
    /// The mode this host must be in.
    mode: Option<String>,
    build: Option<PathBuf>,
    built: Option<PathBuf>,
    missing: bool,
    modes: bool,
    /// This machine is the suite's own: its clock may be set.
    set_clock: bool,
    /// Everything again as a user without rights.
    rootless: bool,
    /// Only the cases that `tribunal selftest` has too.
    shipped: bool,
    /// How many times longer than meant cpu and wall limits are: an emulated processor is slow.
    stretch: u32,
}

impl Options {
    /// The arguments that mean the same to the suite of another user: which cases, how many at once, how often.
    pub fn selection(&self) -> Vec<String> {
        let mut args = vec!["--repeat".to_owned(), self.repeat.to_string(), self.filter.clone()];
        if let Some(parallel) = self.parallel {
            args.extend(["--parallel".to_owned(), parallel.to_string()]);
        }
        args.extend(self.shipped.then(|| "--shipped".to_owned()));
        args
    }

    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// An argument without its value. Flags of cargo's own harness are passed over.
    pub fn read(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { repeat: 1, stretch: 1, ..Self::default() };
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--parallel" => options.parallel = Some(value()?.parse()?),
                "--repeat" => options.repeat = value()?.parse()?,
                "--stretch" => options.stretch = value()?.parse()?,
                "--mode" => options.mode = Some(value()?),
                "--build" => options.build = Some(value()?.into()),
                "--built" => options.built = Some(value()?.into()),
                "--missing" => options.missing = true,
                "--modes" => options.modes = true,
                "--set-clock" => options.set_clock = true,
                "--rootless" => options.rootless = true,
                "--shipped" => options.shipped = true,
                flag if flag.starts_with("--") => {}
                part => part.clone_into(&mut options.filter),
            }
        }
        ensure!(
            options.repeat > 0 && options.stretch > 0 && options.parallel != Some(0),
            "at least 1 is needed"
        );
        Ok(options)
    }
}

/// What came of a case in one round: the verdict, or nothing when it failed; milliseconds.
type Cell = (Option<String>, u128);

/// Runs what was asked for; the process's exit status.
///
/// # Errors
/// What the suite cannot work without.
pub fn main(options: &Options) -> Result<i32> {
    let mut cases = Case::read_all(&super::folder())?;
    if options.missing {
        print!("{}", super::missing(&cases));
        return Ok(0);
    }
    if options.modes {
        print!("{}", super::modes(&cases));
        return Ok(0);
    }
    if let Some(dir) = &options.build {
        Folder::build(&cases, dir)?;
        return Ok(0);
    }
    let all = cases.len();
    cases.retain(|case| {
        // Where the clock may be set, that case is chosen too: there are few such places.
        let clock = options.set_clock && case.expect.disturb == Some(Disturbance::Clock);
        (case.name.contains(&options.filter) || case.expect.id == options.filter)
            && (case.expect.shipped || !options.shipped || clock)
    });
    if options.rootless {
        return super::rootless::run(&cases, options);
    }
    let filtered = all - cases.len();
    let usual = selftest::boxes::defaults();
    for expect in cases.iter_mut().map(|case| &mut case.expect) {
        for limits in std::iter::once(&mut expect.limits).chain(&mut expect.control_limits) {
            limits.cpu_time = Some(limits.cpu_time.unwrap_or(usual.cpu_time) * options.stretch);
            limits.wall_time = Some(limits.wall_time.unwrap_or(usual.wall_time) * options.stretch);
        }
    }
    let dir = tempfile::tempdir()?;
    let lab = Lab::open(dir.path(), &cases, options.built.as_deref())?;
    let mode = lab.ground().mode();
    if let Some(wanted) = options.mode.as_deref().filter(|wanted| *wanted != mode.name()) {
        bail!("this host is in mode {}, not {wanted}", mode.name());
    }
    if let Err(e) = lab.ground().oracle_sees_a_living_box() {
        bail!("the suite cannot trust its own eyes: {e}");
    }
    for blind in lab.blind_spots() {
        println!("skipped: {blind}");
    }
    let rounds: Vec<usize> = match options.parallel {
        Some(parallel) => vec![parallel],
        // Once more all at once: the racy ones meet each other.
        None if options.filter.is_empty() => vec![1, TOGETHER],
        None => vec![1],
    };
    let rounds = rounds.repeat(options.repeat);
    let mut away = Vec::new();
    cases.retain(|case| {
        let why = match case.expect.left_out(mode) {
            Some(why) => Some(why.to_owned()),
            None if case.attacks_compiler() && !Path::new("/usr/bin/g++").exists() => {
                Some("there is no compiler here".to_owned())
            }
            None if case.expect.disturb == Some(Disturbance::Clock) && !options.set_clock => {
                Some("the clock of this machine may not be set (--set-clock)".to_owned())
            }
            // What the kernel spends for it, which is not on the program's clock, is more than that there.
            None if case.expect.id == "T12" && options.stretch > 1 => {
                Some("2 % of a limit cannot be told apart on an emulated processor".to_owned())
            }
            None if case.expect.disturb.is_some() && !rounds.contains(&1) => Some("it runs alone".to_owned()),
            None => None,
        };
        away.extend(why.iter().map(|why| (case.expect.id.clone(), case.name.clone(), why.clone())));
        why.is_none()
    });
    name_canaries(&mut cases, &lab.ground().oracle().names()?);
    println!(
        "\nrunning {} hostile programs in mode {}, groups {}",
        cases.len(),
        mode.name(),
        lab.ground().layout()
    );
    let mut table: Vec<Vec<Cell>> = vec![Vec::new(); cases.len()];
    let mut failures = 0;
    for (number, parallel) in rounds.iter().enumerate() {
        failures += round(&lab, &cases, *parallel, &mut table);
        if (number + 1) * options.repeat == rounds.len() {
            lab.ground().oracle().warmed()?;
        }
    }
    let runs: usize = table.iter().map(Vec::len).sum();
    print_table(&cases, &away, &rounds, &table);
    let without_compiler = selftest_without_a_compiler(&lab, dir.path());
    failures += usize::from(!without_compiler);
    let passed = (runs + 1).saturating_sub(failures);
    let word = if failures == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {failures} failed; 0 ignored; 0 measured; {filtered} filtered out"
    );
    Ok(i32::from(failures > 0))
}

/// Runs every case once, so many at once; how many failed, the victim and the leftovers included.
fn round(lab: &Lab, cases: &[Case], parallel: usize, table: &mut [Vec<Cell>]) -> usize {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cells: Mutex<BTreeMap<usize, Cell>> = Mutex::default();
    let over = AtomicBool::new(false);
    let label = if parallel == 1 { "hostile" } else { "hostile together" };
    let fail = |name: &str, why: &str| {
        failed.fetch_add(1, Ordering::Relaxed);
        println!("test {label}::{name} ... FAILED ({why})");
    };
    std::thread::scope(|scope| {
        let victim = (parallel > 1).then(|| scope.spawn(|| lab.victim(&over)));
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = cases.get(number) else { return };
                if parallel > 1 && case.expect.disturb.is_some() {
                    continue;
                }
                let begun = Instant::now();
                let result = lab.attack(case, parallel == 1);
                let ms = begun.elapsed().as_millis();
                let (id, why) = (&case.expect.id, &case.expect.why);
                let verdict = match result {
                    Ok(happened) => {
                        println!("test {label}::{} ... ok ({id}, {}, {ms} ms)", case.name, happened.verdict);
                        Some(happened.verdict.to_string())
                    }
                    Err(e) => {
                        fail(&case.name, &format!("{id}: {why})\n    {e:#}\n    ({ms} ms"));
                        None
                    }
                };
                cells.lock().expect("no panic while held").insert(number, (verdict, ms));
            }
        };
        let workers: Vec<_> = (0..parallel).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if worker.join().is_err() {
                fail("worker", "a thread panicked");
            }
        }
        over.store(true, Ordering::Relaxed);
        match victim.map(std::thread::ScopedJoinHandle::join) {
            Some(Ok(Ok(runs))) => println!("test {label}::victim ... ok ({runs} runs beside)"),
            Some(Ok(Err(e))) => fail("victim", &format!("{e:#}")),
            Some(Err(_)) => fail("victim", "its thread panicked"),
            None => {}
        }
    });
    if let Err(e) = lab.nothing_left() {
        fail("nothing_left", &format!("{e:#}"));
    }
    for (number, cell) in cells.into_inner().expect("no panic while held") {
        table[number].push(cell);
    }
    failed.into_inner()
}

/// `tribunal selftest` over an image without a compiler must say so, and not that nothing failed. It is tested here
/// because here are boxes over a root that has none.
fn selftest_without_a_compiler(lab: &Lab, dir: &Path) -> bool {
    let (server, root) = lab.ground().boxes();
    let result = shipped::run(server, root, &dir.join("selftest"), &shipped::cases(), |_| {});
    let ok = matches!(&result, Err(Unable::NoCompiler(why)) if why.contains("/usr/bin/gcc"));
    let word = if ok { "ok".to_owned() } else { format!("FAILED\n    {result:?}") };
    println!("test hostile::the_selftest_says_when_it_has_no_compiler ... {word}");
    ok
}

/// Puts the canaries' addresses where a case asks for them.
fn name_canaries(cases: &mut [Case], names: &[(&'static str, String)]) {
    let put = |text: &mut String| {
        for (name, value) in names {
            *text = text.replace(name, value);
        }
    };
    for case in cases {
        let expect = &mut case.expect;
        expect.args.iter_mut().chain(&mut expect.peer.args).chain(expect.env.values_mut()).for_each(put);
        expect.files.values_mut().for_each(put);
    }
}

fn print_table(cases: &[Case], away: &[(String, String, String)], rounds: &[usize], table: &[Vec<Cell>]) {
    let head: Vec<String> =
        rounds.iter().map(|n| if *n == 1 { "alone".into() } else { format!("{n} at once") }).collect();
    println!("\n{:<5}{:<26}{:<8}{:<9}milliseconds: {}", "id", "name", "result", "verdict", head.join(", "));
    let mut rows: Vec<(String, String)> = Vec::new();
    for (case, cells) in cases.iter().zip(table) {
        let result = if cells.iter().all(|(verdict, _)| verdict.is_some()) { "ok" } else { "FAILED" };
        let mut verdicts: Vec<&str> =
            cells.iter().map(|(verdict, _)| verdict.as_deref().unwrap_or("-")).collect();
        verdicts.dedup();
        let ms: Vec<String> = cells.iter().map(|(_, ms)| ms.to_string()).collect();
        let id = &case.expect.id;
        let line = format!("{id:<5}{:<26}{result:<8}{:<9}{}", case.name, verdicts.join("/"), ms.join(", "));
        rows.push((id.clone(), line));
    }
    for (id, name, why) in away {
        rows.push((id.clone(), format!("{id:<5}{name:<26}does not apply: {why}")));
    }
    let place = |id: &str| CATALOGUE.iter().position(|(number, _)| *number == id);
    rows.sort_by_key(|(id, _)| place(id));
    for (_, line) in &rows {
        println!("{line}");
    }
    let proved = cases.iter().filter(|case| case.expect.control.is_some()).count();
    let reasoned = cases.iter().filter(|case| case.expect.control_why.is_some()).count();
    let ids: std::collections::BTreeSet<&str> = cases.iter().flat_map(|case| case.expect.ids()).collect();
    println!(
        "{} of {} numbers of the catalogue ran; of {} cases {proved} have a negative control, {reasoned} a reason for none",
        ids.len(),
        CATALOGUE.len(),
        cases.len()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_the_suite_and_of_cargo_are_told_apart() {
        let read = |line: &str| Options::read(line.split_whitespace().map(str::to_owned));
        let options = read("--parallel 8 --show-output --repeat 20 --mode v1 fork").unwrap();
        assert_eq!((options.parallel, options.repeat, options.mode.as_deref()), (Some(8), 20, Some("v1")));
        assert_eq!(options.filter, "fork");
        assert!(read("--parallel").is_err() && read("--repeat 0").is_err() && read("--parallel 0").is_err());
    }
}
