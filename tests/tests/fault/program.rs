//! The program in the boxes, and the run descriptions around it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proto::limits::Limits;
use proto::units::Bytes;
use sandbox::spec::{Profile, RootSpec, RunSpec, Stdin};

/// A compiled program, and a place for run directories.
pub(crate) struct Lab {
    pub(crate) dir: PathBuf,
    /// The only layer of every box here.
    pub(crate) layer: PathBuf,
}

impl Lab {
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let layer = dir.join("layer");
        std::fs::create_dir(&layer)?;
        for path in [dir, &layer] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
        }
        // A machine without a compiler is given the program.
        if let Some(built) = std::env::var_os("TRIBUNAL_FAULT_PROGRAM") {
            std::fs::copy(&built, layer.join("program")).context("the program that was built elsewhere")?;
            return Ok(Self { dir: dir.to_owned(), layer });
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fault/program.c");
        let mut cc = Command::new("cc");
        cc.args(["-static", "-O1", "-o"]).arg(layer.join("program")).arg(source);
        ensure!(cc.status().context("a C compiler is needed")?.success(), "program.c does not compile");
        Ok(Self { dir: dir.to_owned(), layer })
    }
}

/// A run of `/program` with these words.
pub(crate) fn spec(layer: &Path, words: &[&str]) -> RunSpec {
    RunSpec {
        root: RootSpec { lower: vec![layer.to_owned()], binds: vec![] },
        argv: std::iter::once("/program").chain(words.iter().copied()).map(str::to_owned).collect(),
        env: Vec::new(),
        files: Vec::new(),
        stdin: Stdin::Empty,
        keep_stdout: 1 << 20,
        overflow: None,
        keep_stderr: 4096,
        limits: Limits {
            // Nothing here is about time: these only end what hangs.
            wall_time: Duration::from_secs(30),
            cpu_time: Duration::from_secs(10),
            processes: 8,
            disk: Bytes::mib(1),
            inodes: 64,
            ..Limits::run_defaults()
        },
        profile: Profile::Default,
        writable: true,
        collect: Vec::new(),
    }
}
