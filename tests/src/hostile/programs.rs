//! The programs of the suite, compiled on the host before anything runs: each attack and peer, an honest program
//! that says its input again, and a victim that computes beside the attacks.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use selftest::case::{ATTACK_C, PEER_C};
use selftest::honest::{HELLO_C, VICTIM_C};
use selftest::{Case, Programs as Compiled};

/// The program that reads a line and says it again.
pub const HELLO: &str = "hello";
/// The program that computes for a moment and says what came of it.
pub const VICTIM: &str = "victim";
/// Where the sources lie below the folder.
const SOURCES: &str = "sources";

/// A folder of compiled programs.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// Compiles everything `cases` need into `dir`, as many at once as there are cpus.
    ///
    /// # Errors
    /// The first case that does not compile, or no C compiler.
    pub fn build(cases: &[Case], dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
        let mut jobs: Vec<(String, &[u8], &[String])> =
            vec![(HELLO.into(), HELLO_C.as_bytes(), &[]), (VICTIM.into(), VICTIM_C.as_bytes(), &[])];
        for case in cases {
            for (file, name) in [(ATTACK_C, case.name.clone()), (PEER_C, peer(&case.name))] {
                jobs.extend(
                    case.sources.get(file).map(|text| (name, text.as_slice(), &case.expect.cflags[..])),
                );
            }
        }
        std::fs::create_dir_all(dir.join(SOURCES))?;
        for (name, text) in cases.iter().flat_map(|case| case.headers.iter()) {
            std::fs::write(dir.join(SOURCES).join(name), text)?;
        }
        let next = AtomicUsize::new(0);
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let work = || -> Result<()> {
                while let Some((name, text, flags)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    compile(name, text, flags, dir)?;
                }
                Ok(())
            };
            let threads: Vec<_> = (0..cpus).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("compiling does not panic"))
        })?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Programs that [`Folder::build`] made elsewhere.
    pub fn built(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The program of a case, [`HELLO`] or [`VICTIM`].
    ///
    /// # Errors
    /// When it was not built.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        std::fs::read(self.path(name)).with_context(|| format!("{name} was not built"))
    }

    /// What a case needs to run.
    ///
    /// # Errors
    /// When it was not built.
    pub fn of(&self, case: &Case) -> Result<Compiled> {
        if case.attacks_compiler() {
            return Ok(Compiled::default());
        }
        let peer = case.expect.pair.then(|| self.read(&peer(&case.name))).transpose()?;
        Ok(Compiled { attack: self.read(&case.name)?, peer })
    }

    /// Where the program of a case lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn peer(name: &str) -> String {
    format!("{name}.peer")
}

fn compile(name: &str, text: &[u8], flags: &[String], dir: &Path) -> Result<()> {
    // A folder below the headers, as in the corpus.
    let folder = dir.join(SOURCES).join(name);
    std::fs::create_dir_all(&folder)?;
    let source = folder.join(ATTACK_C);
    std::fs::write(&source, text)?;
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O1", "-pthread", "-w", "-o"]).arg(dir.join(name)).arg(&source).args(flags);
    let status = cc.status().context("the suite needs a C compiler: apt-get install gcc libc6-dev")?;
    ensure!(status.success(), "{name} does not compile");
    // Whatever our umask is: as its own control it is run by nobody.
    std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
