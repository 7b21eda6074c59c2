//! The ground attacks run on: boxes over a nearly empty root, and the host watched around each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::facts::{Accounting, Exit, RunFacts};
use proto::limits::{Limits, LimitsRequest};
use proto::verdict::Verdict;
use sandbox::spec::{RootSpec, Stdin};
use sandbox::{BoxServer, Cancel};

use crate::boxes::{Happened, INPUT, chain, spec};
use crate::case::Case;
use crate::expect::{Image, Mode};
use crate::honest::VICTIM_SAYS;
use crate::image;
use crate::oracle::Oracle;

/// Most an honest run after an attack may use more than before it, bytes over its first figure.
const HELLO_MEMORY_SLACK: u64 = 2 << 20;

/// The compiled programs of one case; both absent where the case attacks the compiler.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// `attack.c`.
    pub attack: Vec<u8>,
    /// `peer.c`.
    pub peer: Option<Vec<u8>>,
}

/// Boxes, their roots and the watched host.
#[derive(Debug)]
pub struct Ground {
    server: BoxServer,
    root: RootSpec,
    compiler: RootSpec,
    dir: PathBuf,
    oracle: Oracle,
    hello: Vec<u8>,
    /// Memory of the honest program before anything hostile ran.
    hello_memory: Option<u64>,
    mode: Mode,
}

impl Ground {
    /// Prepares it with its files below `dir`. `compiler` is the root of an image with compilers, `hello` the compiled
    /// [`crate::honest::HELLO_C`].
    ///
    /// # Errors
    /// What it cannot work without, as a sentence.
    pub fn prepare(
        server: BoxServer,
        compiler: RootSpec,
        hello: Vec<u8>,
        dir: &Path,
    ) -> Result<Self, String> {
        let failed = |e: io::Error| format!("could not prepare `{}`: {e}", dir.display());
        let root = image::plain(dir).map_err(failed)?;
        // The first box leases what later ones share; the host is compared from there on.
        let first = honest(&server, &root, &hello)?;
        let root_user = nix::unistd::geteuid().is_root();
        let mode = Mode::of(root_user, server.cgroup_layout());
        if first.accounting != mode.accounting() {
            return Err(format!("in mode {} a result was labelled {:?}", mode.name(), first.accounting));
        }
        settle(&server)?;
        let oracle = Oracle::open(dir).map_err(failed)?;
        let hello_memory = first.memory_bytes;
        Ok(Self { server, root, compiler, dir: dir.to_owned(), oracle, hello, hello_memory, mode })
    }

    /// How this host lets boxes work.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The box server's control group layout.
    pub fn layout(&self) -> &'static str {
        self.server.cgroup_layout()
    }

    /// The boxes, and the nearly empty root attacks run over.
    pub fn boxes(&self) -> (&BoxServer, &RootSpec) {
        (&self.server, &self.root)
    }

    /// The host's side.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Runs a case as often as it asks and holds the host against itself. `alone`, nothing else of this process runs:
    /// then what is counted must be as before too.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn attack(&self, case: &Case, programs: &Programs, alone: bool) -> Result<Happened, String> {
        self.around(case, alone, || self.once(case, programs))
    }

    /// As [`attack`](Self::attack), for a caller who runs the case in another way.
    ///
    /// # Errors
    /// What `once` says, and what is not as it must be.
    pub fn around(
        &self,
        case: &Case,
        alone: bool,
        once: impl Fn() -> Result<Happened, String>,
    ) -> Result<Happened, String> {
        let before = self.oracle.look().map_err(|e| e.to_string())?;
        let mut happened = once()?;
        for _ in 1..case.expect.repeat {
            happened = once()?;
        }
        if happened.facts.accounting != self.mode.accounting() {
            return Err(format!(
                "in mode {} it was labelled {:?}",
                self.mode.name(),
                happened.facts.accounting
            ));
        }
        if happened.verdict == Verdict::MLE && self.mode.accounting() == Accounting::Sampled {
            return Err("MLE was claimed from sampled figures".to_owned());
        }
        self.oracle.unchanged(&before)?;
        let hello = honest(&self.server, &self.root, &self.hello)?;
        if let (Some(first), Some(now)) = (self.hello_memory, hello.memory_bytes)
            && hello.accounting == Accounting::Exact
            && now > first + HELLO_MEMORY_SLACK
        {
            return Err(format!("an honest run used {first} bytes before and {now} after"));
        }
        if alone {
            self.nothing_left()?;
        }
        Ok(happened)
    }

    /// Runs a case once and holds what happened against what must happen; the host is not looked at.
    ///
    /// # Errors
    /// How both differ.
    pub fn once(&self, case: &Case, programs: &Programs) -> Result<Happened, String> {
        if case.attacks_compiler() {
            return case.compile(&self.server, &self.compiler);
        }
        let root = match case.expect.image {
            Image::Plain => self.root.clone(),
            Image::Hostile => image::hostile(&self.dir, &programs.attack)
                .map_err(|e| format!("could not make the hostile image: {e}"))?,
        };
        case.run(&self.server, &root, &programs.attack, programs.peer.as_deref())
    }

    /// Runs the program of a case as its own control, with these limits.
    ///
    /// # Errors
    /// When it does not succeed.
    pub fn control(&self, case: &Case, program: &[u8], limits: &LimitsRequest) -> Result<(), String> {
        case.control(&self.server, &self.root, program, limits)
    }

    /// Fails when the oracle does not see a box while it lives: then it would not see one that stayed either.
    ///
    /// # Errors
    /// What is not seen.
    pub fn oracle_sees_a_living_box(&self) -> Result<(), String> {
        let (read, write) = nix::unistd::pipe().map_err(|e| format!("could not make a pipe: {e}"))?;
        let mut waits = spec(&self.root, &self.hello, Limits::run_defaults());
        waits.stdin = Stdin::Fd(Arc::new(read));
        let cancel = Cancel::new();
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| self.server.run(&waits, &cancel));
            let seen = self.oracle.sees_a_box(self.layout() != "none");
            cancel.cancel();
            seen
        });
        // Only now: at its end of input the program would have gone by itself.
        drop((write, waits, cancel));
        seen?;
        self.nothing_left()
    }

    /// Waits until everything boxes made is gone.
    ///
    /// # Errors
    /// What is still there.
    pub fn nothing_left(&self) -> Result<(), String> {
        settle(&self.server)?;
        self.oracle.nothing_left()
    }

    /// Runs the compiled [`crate::honest::VICTIM_C`] again and again until `stop`; how often it ran.
    ///
    /// # Errors
    /// The first time it was disturbed.
    pub fn victim(&self, program: &[u8], stop: &AtomicBool) -> Result<usize, String> {
        let mut runs = 0;
        while !stop.load(Ordering::Relaxed) {
            let said = right(&self.server, &self.root, program)?.0;
            if said != VICTIM_SAYS.as_bytes() {
                return Err(format!("a victim beside said {:?}", String::from_utf8_lossy(&said)));
            }
            runs += 1;
        }
        Ok(runs)
    }
}

/// Boxes are cleaned up beside the next run; this waits for it.
fn settle(server: &BoxServer) -> Result<(), String> {
    server.settle().map_err(|e| format!("the box server does not settle: {}", chain(&e)))
}

/// The next run in line is not disturbed, and its input is what it was.
fn honest(server: &BoxServer, root: &RootSpec, program: &[u8]) -> Result<RunFacts, String> {
    let (said, facts) = right(server, root, program)?;
    if said != format!("{INPUT}\n").into_bytes() {
        return Err(format!("an honest run read a changed input: {:?}", String::from_utf8_lossy(&said)));
    }
    Ok(facts)
}

/// Runs a program that must exit 0; what it said.
fn right(server: &BoxServer, root: &RootSpec, program: &[u8]) -> Result<(Vec<u8>, RunFacts), String> {
    let outcome = server.run(&spec(root, program, Limits::run_defaults()), &Cancel::new());
    let outcome = outcome.map_err(|e| format!("the box of an honest run failed: {}", chain(&e)))?;
    if outcome.facts.exit != Some(Exit::Code(0)) {
        return Err(format!("an honest run ended with {:?}", outcome.facts));
    }
    Ok((outcome.stdout.bytes, outcome.facts))
}
