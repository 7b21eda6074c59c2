//! Running a case in a box and holding what happened against what must happen.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use proto::facts::{Exit, LimitEvent, LimitHit, RunFacts};
use proto::limits::{Limits, LimitsRequest};
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, Profile, RootSpec, RunOutcome, RunSpec, Stdin};
use sandbox::{BoxServer, Cancel};

use crate::case::{ATTACK_CPP, Case};
use crate::expect::Expect;

/// The line every attack finds on standard input unless its case says otherwise.
pub const INPUT: &str = "pristine input\n";

/// What a program is told as its first argument when it is to prove that its attack is alive.
pub const CONTROL: &str = "CONTROL";

/// What stands in `args` for the cpu time limit in effect, milliseconds: it may be stretched.
const CPU_MS: &str = "{cpu_ms}";

/// A wall limit moves by what the program waited for a cpu, to at most this many times itself.
const WALL_STRETCH_MAX: u32 = 4;

/// From a limit to a dead box: half a second on an idle host (H12), more on a loaded one.
const KILL_BUDGET: Duration = Duration::from_secs(2);

/// What the two clocks that cpu and wall time are read from may differ by.
const CLOCK_SLACK: Duration = Duration::from_millis(50);

/// Most of an attack's output that a message quotes, characters.
const QUOTE_MAX: usize = 400;

/// What came of one run that was as it must be.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The verdict it got.
    pub verdict: Verdict,
    /// How it ended, and at which limit.
    pub how: String,
    /// What the box observed.
    pub facts: RunFacts,
}

/// The bounds of an attack unless its case names others: small, so that reaching them takes no time.
pub fn defaults() -> Limits {
    Limits {
        cpu_time: Duration::from_millis(500),
        wall_time: Duration::from_secs(3),
        memory: Bytes::mib(64),
        processes: 32,
        ..Limits::run_defaults()
    }
}

/// The bounds of an attack on the compiler.
pub fn compile_defaults() -> Limits {
    Limits {
        cpu_time: Duration::from_secs(5),
        wall_time: Duration::from_secs(20),
        memory: Bytes::mib(512),
        file_size: Bytes::mib(64),
        disk: Bytes::mib(128),
        ..Limits::compile_defaults()
    }
}

/// A run of `program` as `./program` over `root`.
pub fn spec(root: &RootSpec, program: &[u8], limits: Limits) -> RunSpec {
    RunSpec {
        root: root.clone(),
        argv: vec!["./program".into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        files: vec![BoxFile { path: "program".into(), content: program.into(), executable: true }],
        stdin: Stdin::Bytes(INPUT.as_bytes().into()),
        // All that may be written: what is stored of it is held against the limit.
        keep_stdout: limits.output.get() as usize,
        overflow: None,
        keep_stderr: limits.output.get() as usize,
        limits,
        profile: Profile::Default,
        writable: true,
        collect: Vec::new(),
    }
}

impl Case {
    /// Runs the attack once over `root`, beside its peer when it has one.
    ///
    /// # Errors
    /// How what happened differs from what must happen, or why nothing could.
    pub fn run(
        &self,
        server: &BoxServer,
        root: &RootSpec,
        program: &[u8],
        peer: Option<&[u8]>,
    ) -> Result<Happened, String> {
        let spec = self.spec(root, program, &self.expect.limits, &self.expect.args)?;
        let Some(peer) = peer else { return self.expect.hold(&spec.limits, &run(server, &spec)?) };
        let peer_spec = self.spec(root, peer, &self.expect.limits, &self.expect.peer.args)?;
        let start = Barrier::new(2);
        let together = |spec: &RunSpec| {
            start.wait();
            run(server, spec)
        };
        let (ours, theirs) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| together(&peer_spec));
            let ours = together(&spec);
            (ours, theirs.join().unwrap_or_else(|_| Err("the peer's thread panicked".to_owned())))
        });
        let happened = self.expect.hold(&spec.limits, &ours?)?;
        self.expect.peer_expect().hold(&peer_spec.limits, &theirs?).map_err(|e| format!("the peer: {e}"))?;
        Ok(happened)
    }

    /// Runs the program as its own control in a box with wider limits: the attack must succeed there.
    ///
    /// # Errors
    /// What it ended with instead.
    pub fn control(
        &self,
        server: &BoxServer,
        root: &RootSpec,
        program: &[u8],
        limits: &LimitsRequest,
    ) -> Result<(), String> {
        let args: Vec<String> = std::iter::once(CONTROL.to_owned()).chain(self.expect.args.clone()).collect();
        let spec = self.spec(root, program, limits, &args)?;
        let outcome = run(server, &spec)?;
        if outcome.facts.exit == Some(Exit::Code(0)) {
            return Ok(());
        }
        Err(format!("the control ended with {:?}; it said \"{}\"", outcome.facts.exit, quote(&outcome)))
    }

    /// Gives the source to the compiler in a box over `root`, an image that has one.
    ///
    /// # Errors
    /// How what happened differs from what must happen, or why nothing could.
    pub fn compile(&self, server: &BoxServer, root: &RootSpec) -> Result<Happened, String> {
        let expect = &self.expect;
        let limits = expect.limits.resolve(&compile_defaults(), &Limits::default_maxima());
        let mut spec = self.spec(root, &[], &expect.limits, &[])?;
        spec.limits = limits.map_err(|e| e.to_string())?;
        let argv: &[String] = &expect.compiler;
        let plain = || ["g++", "-O1", "-o", "a.out", ATTACK_CPP].map(String::from).to_vec();
        spec.argv = if argv.is_empty() { plain() } else { argv.to_vec() };
        spec.files.retain(|file| file.path != "program");
        spec.files.extend(self.sources.iter().map(|(name, content)| BoxFile {
            path: name.clone(),
            content: content.as_slice().into(),
            executable: false,
        }));
        let outcome = run(server, &spec)?;
        let log = String::from_utf8_lossy(&outcome.stderr.bytes);
        for lacks in &expect.log_lacks {
            if log.contains(lacks) {
                return Err(format!("the log has {lacks:?}: {}", log.escape_debug()));
            }
        }
        for has in &expect.log_has {
            if !log.contains(has) {
                return Err(format!("the log lacks {has:?}: {}", log.escape_debug()));
            }
        }
        let compiled = outcome.facts.exit == Some(Exit::Code(0));
        let verdict = if compiled { Verdict::OK } else { Verdict::CE };
        if !expect.verdict.contains(&verdict) {
            return Err(format!("{verdict}, expected {:?}: {}", expect.verdict, log.escape_debug()));
        }
        sane(&outcome.facts, &spec.limits)?;
        let how = if compiled { "it compiled".to_owned() } else { ended(&outcome.facts) };
        Ok(Happened { verdict, how, facts: outcome.facts })
    }

    fn spec(
        &self,
        root: &RootSpec,
        program: &[u8],
        limits: &LimitsRequest,
        args: &[String],
    ) -> Result<RunSpec, String> {
        let expect = &self.expect;
        let limits = limits.resolve(&defaults(), &Limits::default_maxima()).map_err(|e| e.to_string())?;
        let mut spec = spec(root, program, limits);
        // The case's own limit, also where the program is its own control.
        let cpu = expect.limits.cpu_time.unwrap_or(defaults().cpu_time).as_millis().to_string();
        spec.argv.extend(args.iter().map(|arg| arg.replace(CPU_MS, &cpu)));
        spec.env.extend(expect.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        spec.files.extend(expect.files.iter().map(|(name, text)| BoxFile {
            path: name.clone(),
            content: text.as_bytes().into(),
            executable: false,
        }));
        let text = expect.stdin.as_deref().unwrap_or(INPUT);
        spec.stdin = if expect.stdin_file {
            Stdin::Fd(Arc::new(
                host_file(text).map_err(|e| format!("a file for standard input: {e}"))?.into(),
            ))
        } else {
            Stdin::Bytes(text.as_bytes().into())
        };
        spec.collect = expect.collect.iter().map(|p| Collect::read(p, 1 << 20)).collect();
        spec.profile = expect.profile.profile();
        Ok(spec)
    }
}

fn host_file(text: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn run(server: &BoxServer, spec: &RunSpec) -> Result<RunOutcome, String> {
    server.run(spec, &Cancel::new()).map_err(|e| format!("the box failed: {}", chain(&e)))
}

/// The error and all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Expect {
    /// What must come of the peer, as an expectation of its own.
    fn peer_expect(&self) -> Self {
        Self {
            verdict: self.peer.verdict.clone(),
            stdout: self.peer.stdout.clone(),
            signal: None,
            exit_code: None,
            limit_hit: None,
            note: None,
            cpu_ms_min: None,
            output_max: None,
            ..self.clone()
        }
    }

    /// Holds an outcome against it.
    ///
    /// # Errors
    /// The first difference, as a sentence.
    pub fn hold(&self, limits: &Limits, outcome: &RunOutcome) -> Result<Happened, String> {
        let facts = &outcome.facts;
        let classified = checker::classify(facts, limits);
        let verdict = classified.verdict.unwrap_or(Verdict::OK);
        let said = || quote(outcome);
        let must = |holds: bool, what: &dyn Fn() -> String| if holds { Ok(()) } else { Err(what()) };
        must(self.verdict.contains(&verdict), &|| {
            format!("verdict {verdict}, expected {:?}; it said \"{}\"; {facts:?}", self.verdict, said())
        })?;
        must(self.signal.is_none_or(|signal| facts.exit == Some(Exit::Signal(signal))), &|| {
            format!("ended with {:?}", facts.exit)
        })?;
        must(self.exit_code.is_none_or(|code| facts.exit == Some(Exit::Code(code))), &|| {
            format!("ended with {:?}", facts.exit)
        })?;
        must(self.limit_hit.is_none() || self.limit_hit == classified.limit_hit, &|| {
            format!("limit {:?}, expected {:?}", classified.limit_hit, self.limit_hit)
        })?;
        must(self.stdout.as_ref().is_none_or(|text| outcome.stdout.bytes == text.as_bytes()), &|| {
            format!("it said \"{}\"", said())
        })?;
        must(self.note.as_ref().is_none_or(|note| classified.notes.contains(note)), &|| {
            format!("notes {:?}", classified.notes)
        })?;
        must(self.cpu_ms_min.is_none_or(|ms| facts.cpu_time >= Duration::from_millis(ms)), &|| {
            format!("only {:?} of cpu time", facts.cpu_time)
        })?;
        must(self.output_max.is_none_or(|most| facts.output_bytes() <= most), &|| {
            format!("{} bytes of output", facts.output_bytes())
        })?;
        must(self.output_bytes.is_none_or(|exactly| facts.output_bytes() == exactly), &|| {
            format!("{} bytes of output", facts.output_bytes())
        })?;
        self.hold_files(outcome)?;
        stored(limits, outcome)?;
        sane(facts, limits)?;
        Ok(Happened { verdict, how: ended(facts), facts: facts.clone() })
    }
}

impl Expect {
    fn hold_files(&self, outcome: &RunOutcome) -> Result<(), String> {
        let (came, refused) = (outcome.files.len(), outcome.refused.len());
        let names: Vec<_> = outcome.files.iter().map(|f| f.path.escape_ascii().to_string()).collect();
        if let Some(text) = &self.content
            && let Some(other) = outcome.files.iter().find(|file| file.bytes != text.as_bytes())
        {
            return Err(format!("`{}` has another content", other.path.escape_ascii()));
        }
        if self.content.is_some() && self.collected.is_none() {
            let all = came + refused == self.collect.len();
            return if all {
                Ok(())
            } else {
                Err(format!("collected {names:?}, refused {:?}", outcome.refused))
            };
        }
        if came != self.collected.unwrap_or(0) {
            return Err(format!("collected {names:?}"));
        }
        if refused == self.refused { Ok(()) } else { Err(format!("refused {:?}", outcome.refused)) }
    }
}

/// Both streams together are stored up to the output limit and not a byte further; past it, up to it.
fn stored(limits: &Limits, outcome: &RunOutcome) -> Result<(), String> {
    let (bound, stored) = (limits.output.get(), outcome.stdout.bytes.len() + outcome.stderr.bytes.len());
    let counted = outcome.facts.output_bytes();
    if stored as u64 == counted.min(bound) && counted <= bound + 1 {
        return Ok(());
    }
    Err(format!("{stored} bytes of output are stored and {counted} counted; {bound} may be written"))
}

/// Figures that cannot be otherwise, whatever was run (H12).
fn sane(facts: &RunFacts, limits: &Limits) -> Result<(), String> {
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    // Dying takes cpu time too, after the wall clock of the run stood still.
    if facts.cpu_time > facts.wall_time * cpus + CLOCK_SLACK + KILL_BUDGET {
        return Err(format!("{:?} of cpu time in {:?} on {cpus} cpus", facts.cpu_time, facts.wall_time));
    }
    if facts.wall_time > limits.wall_time * WALL_STRETCH_MAX + KILL_BUDGET {
        return Err(format!("ended after {:?}", facts.wall_time));
    }
    // Where the kernel keeps no peak, the memory figure of an OOM kill is the last sample before it, so it alone may
    // stand below its bound.
    let sampled = |e: &LimitEvent| e.limit == LimitHit::Memory && facts.memory_peak_raw.is_none();
    let below = |e: &&LimitEvent| e.bound == 0 || (e.value < e.bound && !sampled(e));
    if let Some(event) = facts.limit_events.iter().find(below) {
        return Err(format!("a limit fired below its bound: {event:?}"));
    }
    Ok(())
}

fn ended(facts: &RunFacts) -> String {
    let how = match (&facts.violation, facts.exit) {
        (Some(call), _) => {
            let number = call.syscall;
            format!("killed at {}", call.name.clone().unwrap_or_else(|| format!("system call {number}")))
        }
        (None, Some(Exit::Code(code))) => format!("exit {code}"),
        (None, Some(Exit::Signal(signal))) => format!("signal {signal}"),
        (None, None) => "killed".to_owned(),
    };
    match facts.limit_events.first() {
        Some(event) => format!("{how}, limit {:?}", event.limit),
        None => how,
    }
}

fn quote(outcome: &RunOutcome) -> String {
    let text: String = String::from_utf8_lossy(&outcome.stdout.bytes).chars().take(QUOTE_MAX).collect();
    text.escape_debug().to_string()
}
