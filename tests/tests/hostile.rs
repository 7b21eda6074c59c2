//! Runs every folder of `tests/hostile/` in a real box and holds the host against itself after each.
//!
//! A harness of its own, because the process must be able to become the box server before any thread
//! exists. Arguments: a part of a name to select, `--parallel N` for N at once (default 1), `--build DIR` only
//! compiles the programs into DIR, `--built DIR` takes them from there (for a machine without a compiler).

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use proto::facts::{Exit, LimitHit};
use proto::limits::{Limits, LimitsRequest};
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, Profile, RootBind, RootSpec, RunOutcome, RunSpec, Stdin};
use sandbox::{BoxServer, Cancel, ServerConfig};
use serde::Deserialize;

/// What must come of an attack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// Its number in the catalogue.
    id: String,
    /// What it shows.
    why: String,
    /// Any of these.
    verdict: Vec<Verdict>,
    #[serde(default)]
    signal: Option<i32>,
    #[serde(default)]
    limit_hit: Option<LimitHit>,
    #[serde(default)]
    stdout: Option<String>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    cpu_ms_min: Option<u64>,
    #[serde(default)]
    output_max: Option<u64>,
    #[serde(default)]
    collect: Vec<String>,
    #[serde(default)]
    refused: usize,
    #[serde(default)]
    log_lacks: Vec<String>,
    #[serde(default)]
    times: Option<u32>,
    #[serde(default)]
    limits: LimitsRequest,
}

struct Attack {
    name: String,
    dir: PathBuf,
    expect: Expect,
}

struct Lab {
    built: Option<PathBuf>,
    server: BoxServer,
    root: RootSpec,
    compiler: RootSpec,
    scratch: PathBuf,
    canary: PathBuf,
    listener: UnixListener,
}

fn main() -> Result<()> {
    if sandbox::is_box_server() {
        sandbox::box_server_main()
    }
    let mut args = std::env::args().skip(1);
    let (mut filter, mut parallel, mut built) = (String::new(), 1, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--parallel" => parallel = args.next().context("--parallel needs a number")?.parse()?,
            "--build" => return build_all(Path::new(&args.next().context("--build needs a directory")?)),
            "--built" => built = Some(PathBuf::from(args.next().context("--built needs a directory")?)),
            flag if flag.starts_with("--") => {}
            part => part.clone_into(&mut filter),
        }
    }
    if std::env::var_os("TRIBUNAL_HOSTILE_PARALLEL").is_some() {
        parallel = 8;
    }
    let mut attacks = load(&filter)?;
    if built.is_some() {
        // Attacks on the compiler need one.
        attacks.retain(|a| a.dir.join("attack.c").exists());
    }
    let dir = tempfile::tempdir()?;
    let lab = Lab::open(dir.path(), built)?;
    // The first box leases what later ones share; the host is compared from there on.
    lab.hello()?;
    println!(
        "\nrunning {} hostile programs, {parallel} at once, {}",
        attacks.len(),
        lab.server.cgroup_layout()
    );
    let failed = run_all(&lab, &attacks, parallel);
    // Once more all at once: the racy ones meet each other.
    let failed_together = if parallel == 1 && filter.is_empty() { run_all(&lab, &attacks, 8) } else { 0 };
    let rounds = if parallel == 1 && filter.is_empty() { 2 } else { 1 };
    let failures = failed + failed_together;
    let verdict = if failures == 0 { "ok" } else { "FAILED" };
    let passed = attacks.len() * rounds - failures;
    println!(
        "\ntest result: {verdict}. {passed} passed; {failures} failed; 0 ignored; 0 measured; 0 filtered out"
    );
    std::process::exit(i32::from(failures > 0));
}

/// The program that reads a line and says it again.
const HELLO: &str = "hello";

fn hostile_dir() -> PathBuf {
    std::env::var_os("TRIBUNAL_HOSTILE_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile"), PathBuf::from)
}

/// Compiles an attack, or [`HELLO`], as a static program.
fn compile(name: &str, out: &Path) -> Result<()> {
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O1", "-pthread", "-w", "-o"]).arg(out);
    let status = if name == HELLO {
        let source = out.with_extension("c");
        std::fs::write(
            &source,
            "#include <stdio.h>\nint main(void) { char b[64]; puts(fgets(b, 64, stdin)); return 0; }\n",
        )?;
        cc.arg(&source).status()?
    } else {
        cc.arg(hostile_dir().join(name).join("attack.c")).status()?
    };
    ensure!(status.success(), "{name} does not compile");
    Ok(())
}

fn build_all(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    for attack in load("")? {
        if attack.dir.join("attack.c").exists() {
            compile(&attack.name, &dir.join(&attack.name))?;
        }
    }
    compile(HELLO, &dir.join(HELLO))
}

fn load(filter: &str) -> Result<Vec<Attack>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(hostile_dir())? {
        let dir = entry?.path();
        let name = dir.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if !dir.is_dir() || !name.contains(filter) {
            continue;
        }
        let text = std::fs::read_to_string(dir.join("expect.toml"))
            .with_context(|| format!("{name}/expect.toml"))?;
        let expect = toml::from_str(&text).with_context(|| format!("{name}/expect.toml"))?;
        found.insert(name.clone(), Attack { name, dir, expect });
    }
    Ok(found.into_values().collect())
}

fn run_all(lab: &Lab, attacks: &[Attack], parallel: usize) -> usize {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| {
                while let Some(attack) = attacks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    let result = lab.attack(attack, parallel == 1);
                    let (id, why) = (&attack.expect.id, &attack.expect.why);
                    let label = if parallel == 1 { "hostile" } else { "hostile together" };
                    match result {
                        Ok(()) => println!(
                            "test {label}::{} ... ok ({id}, {} ms)",
                            attack.name,
                            begun.elapsed().as_millis()
                        ),
                        Err(e) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("test {label}::{} ... FAILED ({id}: {why})\n    {e:#}", attack.name);
                        }
                    }
                }
            });
        }
    });
    failed.load(Ordering::Relaxed)
}

impl Lab {
    fn open(dir: &Path, built: Option<PathBuf>) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let layer = dir.join("layer");
        std::fs::create_dir_all(layer.join("bin"))?;
        for path in [dir, &layer] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
        }
        std::fs::write(layer.join("bin/x"), "image content")?;
        let canary = dir.join("canary");
        std::fs::write(&canary, "canary")?;
        let host = images::Store::open(&dir.join("images"))?.host()?;
        let address = SocketAddr::from_abstract_name("tribunal-canary")?;
        let listener = UnixListener::bind_addr(&address).context("another hostile run is under way")?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            built,
            server: BoxServer::spawn(ServerConfig::default())?,
            root: RootSpec { lower: vec![layer], binds: vec![] },
            compiler: RootSpec {
                lower: host.layers,
                binds: host.binds.into_iter().map(|(source, target)| RootBind { source, target }).collect(),
            },
            scratch: dir.to_owned(),
            canary,
            listener,
        })
    }

    fn attack(&self, attack: &Attack, alone: bool) -> Result<()> {
        let before = Host::look(self, alone)?;
        let clock_before = clock()?;
        for _ in 0..attack.expect.times.unwrap_or(1) {
            if attack.dir.join("attack.cpp").exists() {
                self.compile_attack(attack)?;
            } else {
                self.run_attack(attack)?;
            }
        }
        let after = Host::look(self, alone)?;
        ensure!(before == after, "the host changed: {}", before.difference(&after));
        ensure!((clock()? - clock_before).abs() < 5.0, "the host's clock jumped");
        ensure!(self.listener.accept().is_err(), "somebody reached the host's canary socket");
        self.hello()
    }

    fn program(&self, name: &str) -> Result<Vec<u8>> {
        if let Some(dir) = &self.built {
            return std::fs::read(dir.join(name)).with_context(|| format!("{name} was not built"));
        }
        let out = self.scratch.join(format!("{name}-{:?}", std::thread::current().id()));
        compile(name, &out)?;
        let bytes = std::fs::read(&out)?;
        std::fs::remove_file(&out)?;
        Ok(bytes)
    }

    fn spec(&self, limits: Limits) -> RunSpec {
        RunSpec {
            root: self.root.clone(),
            argv: vec!["./program".into()],
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            files: Vec::new(),
            stdin: Stdin::Bytes(b"pristine input\n".to_vec().into()),
            keep_stdout: 64 << 10,
            keep_stderr: 64 << 10,
            limits,
            profile: Profile::Default,
            writable: true,
            collect: Vec::new(),
        }
    }

    fn run_attack(&self, attack: &Attack) -> Result<()> {
        let expect = &attack.expect;
        let defaults = Limits {
            cpu_time: Duration::from_millis(500),
            wall_time: Duration::from_secs(3),
            memory: Bytes::mib(64),
            processes: 32,
            ..Limits::run_defaults()
        };
        let limits = expect.limits.resolve(&defaults, &Limits::default_maxima())?;
        let mut spec = self.spec(limits.clone());
        let program = self.program(&attack.name)?;
        spec.files = vec![BoxFile { path: "program".into(), content: program.into(), executable: true }];
        spec.collect =
            expect.collect.iter().map(|p| Collect { path: p.clone(), max_bytes: 1 << 20 }).collect();
        let outcome = self.server.run(&spec, &Cancel::new())?;
        judge(expect, &limits, &outcome)
    }

    fn compile_attack(&self, attack: &Attack) -> Result<()> {
        let limits = Limits {
            cpu_time: Duration::from_secs(5),
            wall_time: Duration::from_secs(20),
            memory: Bytes::mib(512),
            file_size: Bytes::mib(64),
            disk: Bytes::mib(128),
            ..Limits::compile_defaults()
        };
        let source = std::fs::read(attack.dir.join("attack.cpp"))?;
        let spec = RunSpec {
            root: self.compiler.clone(),
            argv: ["g++", "-O1", "-o", "a.out", "attack.cpp"].map(String::from).to_vec(),
            files: vec![BoxFile { path: "attack.cpp".into(), content: source.into(), executable: false }],
            ..self.spec(limits)
        };
        let outcome = self.server.run(&spec, &Cancel::new())?;
        ensure!(outcome.facts.exit != Some(Exit::Code(0)), "it compiled");
        let log = String::from_utf8_lossy(&outcome.stderr.bytes).into_owned();
        for lacks in &attack.expect.log_lacks {
            ensure!(!log.contains(lacks), "the log has {lacks:?}: {}", log.escape_debug());
        }
        ensure!(attack.expect.verdict == [Verdict::CE], "a compile attack expects CE");
        Ok(())
    }

    /// The next run in line is not disturbed.
    fn hello(&self) -> Result<()> {
        let mut spec = self.spec(Limits::run_defaults());
        let program = self.program(HELLO)?;
        spec.files = vec![BoxFile { path: "program".into(), content: program.into(), executable: true }];
        let outcome = self.server.run(&spec, &Cancel::new())?;
        ensure!(outcome.facts.exit == Some(Exit::Code(0)), "hello ended with {:?}", outcome.facts);
        ensure!(outcome.stdout.bytes == b"pristine input\n\n", "hello read a changed input");
        Ok(())
    }
}

fn judge(expect: &Expect, limits: &Limits, outcome: &RunOutcome) -> Result<()> {
    let facts = &outcome.facts;
    let classified = checker::classify(facts, limits);
    let verdict = classified.verdict.unwrap_or(Verdict::OK);
    let said = String::from_utf8_lossy(&outcome.stdout.bytes).chars().take(400).collect::<String>();
    let said = said.escape_debug();
    ensure!(
        expect.verdict.contains(&verdict),
        "verdict {verdict}, expected {:?}; it said \"{said}\"; {facts:?}",
        expect.verdict
    );
    if let Some(signal) = expect.signal {
        ensure!(facts.exit == Some(Exit::Signal(signal)), "ended with {:?}", facts.exit);
    }
    if let Some(limit) = expect.limit_hit {
        ensure!(classified.limit_hit == Some(limit), "limit {:?}", classified.limit_hit);
    }
    if let Some(text) = &expect.stdout {
        ensure!(outcome.stdout.bytes == text.as_bytes(), "it said \"{said}\"");
    }
    if let Some(note) = &expect.note {
        ensure!(classified.notes.iter().any(|n| n == note), "notes {:?}", classified.notes);
    }
    if let Some(ms) = expect.cpu_ms_min {
        ensure!(facts.cpu_time >= Duration::from_millis(ms), "only {:?} of cpu time", facts.cpu_time);
    }
    if let Some(most) = expect.output_max {
        ensure!(facts.output_bytes() <= most, "{} bytes of output", facts.output_bytes());
    }
    ensure!(outcome.files.is_empty(), "collected {:?}", outcome.files);
    ensure!(outcome.refused.len() == expect.refused, "refused {:?}", outcome.refused);
    ensure!(
        facts.wall_time <= limits.wall_time + Duration::from_millis(500),
        "ended after {:?}",
        facts.wall_time
    );
    Ok(())
}

/// What must be the same after an attack.
#[derive(Debug, PartialEq)]
struct Host {
    mounts: String,
    canary: (u64, u32, i64, Vec<u8>),
    hostname: String,
    /// What only a run on its own can compare: living boxes, their groups, our descriptors.
    alone: Option<(usize, usize, usize)>,
}

impl Host {
    /// What is only in one of both, for people.
    fn difference(&self, after: &Host) -> String {
        let lines = |h: &Host| h.mounts.lines().map(str::to_owned).collect::<Vec<_>>();
        let (old, new) = (lines(self), lines(after));
        let gone: Vec<_> = old.iter().filter(|l| !new.contains(l)).collect();
        let come: Vec<_> = new.iter().filter(|l| !old.contains(l)).collect();
        format!(
            "mounts gone {gone:?}, mounts come {come:?}, (processes, groups, descriptors) {:?} -> {:?}, canary {:?} -> {:?}",
            self.alone, after.alone, self.canary, after.canary
        )
    }

    fn look(lab: &Lab, alone: bool) -> Result<Self> {
        if alone {
            lab.server.settle()?;
        }
        let meta = std::fs::metadata(&lab.canary)?;
        Ok(Self {
            mounts: std::fs::read_to_string("/proc/self/mountinfo")?,
            canary: (meta.nlink(), meta.mode(), meta.mtime(), std::fs::read(&lab.canary)?),
            hostname: std::fs::read_to_string("/proc/sys/kernel/hostname")?,
            alone: if alone { Some((boxed_processes()?, groups()?, descriptors()?)) } else { None },
        })
    }
}

/// Realtime at boot, in seconds: changes only when somebody sets a clock.
fn clock() -> Result<f64> {
    let uptime: f64 = std::fs::read_to_string("/proc/uptime")?
        .split(' ')
        .next()
        .and_then(|t| t.parse().ok())
        .context("/proc/uptime")?;
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() - uptime)
}

/// Living processes of boxes: below our own box server and in another pid namespace (the server's own helpers
/// come and go in ours).
fn boxed_processes() -> Result<usize> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
        let field =
            |name: &str| status.lines().find_map(|l| l.strip_prefix(name))?.trim().parse::<u32>().ok();
        let nested = status.lines().any(|l| l.starts_with("NSpid:") && l.split_whitespace().count() > 2);
        if let (Some(pid), Some(parent)) = (field("Pid:"), field("PPid:")) {
            parents.insert(pid, (parent, nested));
        }
    }
    let ours = |mut pid: u32| {
        while let Some((parent, _)) = parents.get(&pid) {
            if *parent == std::process::id() {
                return true;
            }
            pid = *parent;
        }
        false
    };
    Ok(parents.iter().filter(|(pid, (_, nested))| *nested && ours(**pid)).count())
}

/// Groups of boxes below this process's own.
fn groups() -> Result<usize> {
    let prefix = format!("tribunal-{}-", std::process::id());
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    let mut count = 0;
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                count +=
                    usize::from(dir.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix)));
                open.push(entry.path());
            }
        }
    }
    Ok(count)
}

fn descriptors() -> Result<usize> {
    let open = std::fs::read_dir("/proc/self/fd")?.count();
    if open == 0 {
        bail!("no descriptors");
    }
    Ok(open)
}
