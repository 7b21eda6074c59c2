//! The ground of `selftest`, programs compiled here, and negative controls: runs one case with all that must hold.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Result, anyhow};
use images::rootfs::Rootfs;
use sandbox::spec::{RootBind, RootSpec};
use sandbox::{BoxServer, ServerConfig};
use selftest::expect::Control;
use selftest::{Case, Ground, Happened};

use super::control::Controls;
use super::disturb::Running;
use super::judged;
use super::programs::{Folder, HELLO, VICTIM};

/// Everything a case needs.
#[derive(Debug)]
pub struct Lab {
    ground: Ground,
    programs: Folder,
    controls: Result<Controls, String>,
    /// The image with real compilers.
    host: Rootfs,
    dir: PathBuf,
}

impl Lab {
    /// Opens it with its files below `dir`, and compiles what `cases` need unless `built` has it.
    ///
    /// # Errors
    /// What the suite cannot work without.
    pub fn open(dir: &Path, cases: &[Case], built: Option<&Path>) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let server = BoxServer::spawn(ServerConfig::default())?;
        let programs = match built {
            Some(built) => Folder::built(built),
            None => Folder::build(cases, &dir.join("programs"))?,
        };
        // Controls run as nobody and have to come by.
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
        let host = images::Store::open(&dir.join("images"))?.host()?;
        let bind = |(source, target): (_, _)| RootBind { source, target };
        let binds = host.binds.iter().cloned().map(bind).collect();
        let compiler = RootSpec { lower: host.layers.clone(), binds };
        let controls = Controls::open(dir).map_err(|e| format!("{e:#}"));
        let ground = Ground::prepare(server, compiler, programs.read(HELLO)?, dir).map_err(|e| anyhow!(e))?;
        Ok(Self { ground, programs, controls, host, dir: dir.to_owned() })
    }

    /// Boxes and the watched host.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// What of the design cannot be seen or done here, each a sentence.
    pub fn blind_spots(&self) -> Vec<String> {
        let controls =
            self.controls.as_ref().err().map(|why| format!("negative controls in plain namespaces: {why}"));
        self.ground.oracle().blind_spots().into_iter().map(str::to_owned).chain(controls).collect()
    }

    /// Runs a case and holds the host against itself. `alone`, nothing else runs: then what is counted must be as
    /// before too, and the case must prove that it is alive.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn attack(&self, case: &Case, alone: bool) -> Result<Happened> {
        let programs = self.programs.of(case)?;
        let once = || {
            let disturbance = Running::start(case);
            let happened = if case.expect.judge.is_some() {
                let program = (!case.attacks_compiler()).then_some(programs.attack.as_slice());
                judged::judge(case, self.ground.boxes().0, &self.host, program, &self.dir)
            } else {
                self.ground.once(case, &programs)
            };
            // Before the host is looked at again: it must be as it was.
            disturbance.map(Running::finish).transpose().map_err(|e| format!("{e:#}"))?;
            happened
        };
        let happened = self.ground.around(case, alone, once).map_err(|e| anyhow!(e))?;
        if alone {
            self.control(case)?;
        }
        Ok(happened)
    }

    fn control(&self, case: &Case) -> Result<()> {
        match (case.expect.control, &case.expect.control_limits, &self.controls) {
            (Some(Control::PlainNamespaces), _, Ok(controls)) => {
                controls.succeeds(case, &self.programs.path(&case.name))
            }
            (Some(Control::WiderLimits), Some(limits), _) => {
                self.ground.control(case, &self.programs.read(&case.name)?, limits).map_err(|e| anyhow!(e))
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
        self.ground.victim(&self.programs.read(VICTIM)?, stop).map_err(|e| anyhow!(e))
    }

    /// Waits until everything boxes made is gone.
    ///
    /// # Errors
    /// What is still there.
    pub fn nothing_left(&self) -> Result<()> {
        self.ground.nothing_left().map_err(|e| anyhow!(e))
    }
}
