//! Boxes, programs and the watched host: runs one case with all that must hold around it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ::images::rootfs::Rootfs;
use anyhow::{Context as _, Result, anyhow, ensure};
use proto::facts::{Exit, RunFacts};
use proto::limits::Limits;
use sandbox::spec::{RootBind, RootSpec};
use sandbox::{BoxServer, Cancel, ServerConfig};
use selftest::boxes::{INPUT, spec};
use selftest::expect::{Control, Image};
use selftest::{Case, Happened, Mode};

use super::control::Controls;
use super::oracle::Oracle;
use super::programs::{HELLO, Programs, VICTIM, VICTIM_SAYS};
use super::{images, judged};

/// Most an honest run after an attack may use more than before it, bytes over its first figure.
const HELLO_MEMORY_SLACK: u64 = 2 << 20;

/// Everything a case needs.
#[derive(Debug)]
pub struct Lab {
    server: BoxServer,
    programs: Programs,
    root: RootSpec,
    compiler: RootSpec,
    host: Rootfs,
    dir: PathBuf,
    oracle: Oracle,
    controls: Result<Controls, String>,
    /// Memory of the honest program before anything hostile ran.
    hello_memory: Option<u64>,
    mode: Mode,
}

impl Lab {
    /// Opens it with its files below `dir`, and compiles what `cases` need unless `built` has it.
    ///
    /// # Errors
    /// What the suite cannot work without.
    pub fn open(dir: &Path, cases: &[Case], built: Option<&Path>) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let server = BoxServer::spawn(ServerConfig::default())?;
        let root = images::plain(dir)?;
        let programs = match built {
            Some(built) => Programs::built(built),
            None => Programs::build(cases, &dir.join("programs"))?,
        };
        for path in [dir.to_owned(), dir.join("programs")].iter().filter(|path| path.exists()) {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
        }
        let host = ::images::Store::open(&dir.join("images"))?.host()?;
        let controls = Controls::open(dir).map_err(|e| format!("{e:#}"));
        // The first box leases what later ones share; the host is compared from there on.
        let first = hello(&server, &root, &programs)?;
        let mode = Mode::of(nix::unistd::geteuid().is_root(), server.cgroup_layout());
        Ok(Self {
            server,
            programs,
            root,
            compiler: RootSpec {
                lower: host.layers.clone(),
                binds: host
                    .binds
                    .iter()
                    .map(|(source, target)| RootBind { source: source.clone(), target: target.clone() })
                    .collect(),
            },
            host,
            dir: dir.to_owned(),
            oracle: Oracle::open(dir)?,
            controls,
            hello_memory: first.memory_bytes,
            mode,
        })
    }

    /// How this host lets boxes work.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The box server's control group layout.
    pub fn layout(&self) -> &'static str {
        self.server.cgroup_layout()
    }

    /// What of the design cannot be seen or done here, each a sentence.
    pub fn blind_spots(&self) -> Vec<String> {
        let controls =
            self.controls.as_ref().err().map(|why| format!("negative controls in plain namespaces: {why}"));
        self.oracle.blind_spots().into_iter().map(str::to_owned).chain(controls).collect()
    }

    /// What stands for the canaries' names in an `expect.toml`.
    ///
    /// # Errors
    /// When a socket does not know its own address.
    pub fn names(&self) -> Result<Vec<(&'static str, String)>> {
        self.oracle.names()
    }

    /// Runs a case as often as it asks, and holds the host against itself. `alone`, nothing else runs: then what is
    /// counted must be as before too, and the case must prove that it is alive.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn attack(&self, case: &Case, alone: bool) -> Result<Happened> {
        let before = self.oracle.look()?;
        let mut happened = None;
        for _ in 0..case.expect.repeat {
            happened = Some(self.once(case).map_err(|e| anyhow!(e))?);
        }
        self.oracle.unchanged(&before)?;
        let hello = hello(&self.server, &self.root, &self.programs)?;
        if let (Some(first), Some(now)) = (self.hello_memory, hello.memory_bytes) {
            ensure!(
                now <= first + HELLO_MEMORY_SLACK,
                "an honest run used {first} bytes before and {now} after"
            );
        }
        if alone {
            self.oracle.nothing_left()?;
            self.control(case)?;
        }
        happened.context("`repeat` is at least 1")
    }

    fn once(&self, case: &Case) -> Result<Happened, String> {
        if case.expect.judge.is_some() {
            let program = if case.attacks_compiler() { None } else { Some(self.programs.read(&case.name)) };
            let program = program.transpose().map_err(|e| format!("{e:#}"))?;
            return judged::judge(case, &self.server, &self.host, program.as_deref(), &self.dir);
        }
        if case.attacks_compiler() {
            return case.compile(&self.server, &self.compiler);
        }
        let read = |e: anyhow::Error| format!("{e:#}");
        let program = self.programs.read(&case.name).map_err(read)?;
        let peer = self.programs.peer(case).map_err(read)?;
        match case.expect.image {
            Image::Plain => case.run(&self.server, &self.root, &program, peer.as_deref()),
            Image::Hostile => {
                let root = images::hostile(&self.dir, &program).map_err(read)?;
                case.run(&self.server, &root, &program, peer.as_deref())
            }
        }
    }

    fn control(&self, case: &Case) -> Result<()> {
        match (case.expect.control, &case.expect.control_limits, &self.controls) {
            (Some(Control::PlainNamespaces), _, Ok(controls)) => {
                controls.succeeds(case, &self.programs.path(&case.name))
            }
            (Some(Control::WiderLimits), Some(limits), _) => {
                let program = self.programs.read(&case.name)?;
                case.control(&self.server, &self.root, &program, limits).map_err(|e| anyhow!(e))
            }
            // Where it cannot be made, `blind_spots` says so once for all.
            (Some(Control::PlainNamespaces), _, Err(_)) | (Some(Control::WiderLimits) | None, _, _) => Ok(()),
        }
    }

    /// Runs the victim again and again until `stop`; how often it ran.
    ///
    /// # Errors
    /// The first time it was disturbed.
    pub fn victim(&self, stop: &AtomicBool) -> Result<usize> {
        let program = self.programs.read(VICTIM)?;
        let mut runs = 0;
        while !stop.load(Ordering::Relaxed) {
            let outcome =
                self.server.run(&spec(&self.root, &program, Limits::run_defaults()), &Cancel::new())?;
            ensure!(
                outcome.facts.exit == Some(Exit::Code(0)),
                "a victim beside ended with {:?}",
                outcome.facts
            );
            let said = String::from_utf8_lossy(&outcome.stdout.bytes);
            ensure!(said == VICTIM_SAYS, "a victim beside said {said:?}");
            runs += 1;
        }
        Ok(runs)
    }

    /// Waits until everything boxes made is gone.
    ///
    /// # Errors
    /// What is still there.
    pub fn nothing_left(&self) -> Result<()> {
        self.oracle.nothing_left()
    }
}

/// The next run in line is not disturbed, and its input is what it was.
fn hello(server: &BoxServer, root: &RootSpec, programs: &Programs) -> Result<RunFacts> {
    let program = programs.read(HELLO)?;
    let outcome = server.run(&spec(root, &program, Limits::run_defaults()), &Cancel::new())?;
    ensure!(outcome.facts.exit == Some(Exit::Code(0)), "hello ended with {:?}", outcome.facts);
    ensure!(outcome.stdout.bytes == format!("{INPUT}\n").into_bytes(), "hello read a changed input");
    Ok(outcome.facts)
}

/// The folder that `--build` fills for another machine.
///
/// # Errors
/// The first case that does not compile.
pub fn build(cases: &[Case], dir: &Path) -> Result<PathBuf> {
    Programs::build(cases, dir)?;
    Ok(dir.to_owned())
}
