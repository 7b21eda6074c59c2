//! The programs of the suite, compiled on the host before anything runs: each attack and peer, an honest program
//! that says its input again, and a victim that computes beside the attacks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use selftest::Case;
use selftest::case::{ATTACK_C, PEER_C};

use super::folder;

/// The program that reads a line and says it again.
pub const HELLO: &str = "hello";
/// The program that computes for a moment and says what came of it.
pub const VICTIM: &str = "victim";
/// What [`VICTIM`] says when nobody disturbs it.
pub const VICTIM_SAYS: &str = "3000000 pristine input\n";

const HELLO_C: &str =
    "#include <stdio.h>\nint main(void) { char b[64]; puts(fgets(b, 64, stdin)); return 0; }\n";
const VICTIM_C: &str = "#include <stdio.h>
int main(void) {
    char line[64];
    volatile unsigned n = 0;
    for (unsigned i = 0; i < 3000000; i++) n += 1;
    printf(\"%u %s\", n, fgets(line, sizeof line, stdin));
    return 0;
}
";

/// A folder of compiled programs.
#[derive(Debug)]
pub struct Programs {
    dir: PathBuf,
}

impl Programs {
    /// Compiles everything `cases` need into `dir`, as many at once as there are cpus.
    ///
    /// # Errors
    /// The first case that does not compile, or no C compiler.
    pub fn build(cases: &[Case], dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut jobs: Vec<(String, &[u8], &[String])> =
            vec![(HELLO.into(), HELLO_C.as_bytes(), &[]), (VICTIM.into(), VICTIM_C.as_bytes(), &[])];
        for case in cases {
            for (file, name) in [(ATTACK_C, case.name.clone()), (PEER_C, peer(&case.name))] {
                jobs.extend(
                    case.sources.get(file).map(|text| (name, text.as_slice(), &case.expect.cflags[..])),
                );
            }
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

    /// Programs that [`Programs::build`] made elsewhere.
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

    /// The peer's program of a case that has one.
    ///
    /// # Errors
    /// When it was not built.
    pub fn peer(&self, case: &Case) -> Result<Option<Vec<u8>>> {
        if case.expect.pair { self.read(&peer(&case.name)).map(Some) } else { Ok(None) }
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
    let source = dir.join(format!("{name}.c"));
    std::fs::write(&source, text)?;
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O1", "-pthread", "-w", "-o"]).arg(dir.join(name)).arg(&source).args(flags);
    // Headers that several attacks share lie beside their folders.
    cc.arg("-I").arg(folder());
    let status = cc.status().context("the suite needs a C compiler: apt-get install gcc libc6-dev")?;
    ensure!(status.success(), "{name} does not compile");
    Ok(())
}
