//! The suite again as a user without rights: the mode `rootless`, tested on a host where we are root.
//!
//! `nobody` gets a copy of this executable, of the programs and of the corpus, in a folder of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use selftest::Case;

use super::programs::Folder;
use super::suite::Options;

/// The user that nothing belongs to.
const NOBODY: &str = "65534";

/// Runs the suite as [`NOBODY`]; its exit status.
///
/// # Errors
/// When it cannot be started: we are not root, or there is no setpriv.
pub fn run(cases: &[Case], options: &Options) -> Result<i32> {
    ensure!(nix::unistd::geteuid().is_root(), "--rootless is for root; everybody else is rootless as it is");
    let dir = tempfile::tempdir()?;
    let at = |name: &str| dir.path().join(name);
    open_to_all(dir.path(), 0o755)?;
    Folder::build(cases, &at("programs"))?;
    copy_tree(&super::folder(), &at("corpus"))?;
    fs::copy("/proc/self/exe", at("hostile"))?;
    open_to_all(&at("hostile"), 0o755)?;
    fs::create_dir(at("tmp"))?;
    open_to_all(&at("tmp"), 0o1777)?;
    println!("suite tests::hostile-rootless");
    let status = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all"])
        .arg(at("hostile"))
        .args(["--mode", "rootless", "--built"])
        .arg(at("programs"))
        .args(options.selection())
        .env("TMPDIR", at("tmp"))
        .env("TRIBUNAL_HOSTILE_DIR", at("corpus"))
        .current_dir(dir.path())
        .status()
        .context("the rootless suite needs setpriv: apt-get install util-linux")?;
    Ok(status.code().unwrap_or(1))
}

/// Copies a folder of folders of files, readable for all.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    open_to_all(to, 0o755)?;
    for entry in fs::read_dir(from)? {
        let (path, kind) = {
            let entry = entry?;
            (entry.path(), entry.file_type()?)
        };
        let target = to.join(path.file_name().context("an entry has a name")?);
        if kind.is_dir() {
            copy_tree(&path, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target)?;
            open_to_all(&target, 0o644)?;
        }
    }
    Ok(())
}

/// Sets a mode whatever our umask is.
fn open_to_all(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}
