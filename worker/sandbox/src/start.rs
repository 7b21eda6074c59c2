//! What has to exist before the first box: run directory, skeleton, control groups, the box server itself.
//!
//! Used by `keeper` once per worker process.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::birth::{failed, receive};
use crate::cgroup::{self, WorkerGroups};
use crate::channel::{self, Tag};
use crate::error::SandboxError;
use crate::server;

pub(crate) fn default_run_dir(root: bool) -> PathBuf {
    if root {
        PathBuf::from("/run/tribunal")
    } else {
        std::env::temp_dir().join(format!("tribunal-{}", nix::unistd::geteuid()))
    }
}

/// Topmost layer of every box: real directories at the mount points, whatever the image has there.
pub(crate) fn make_skeleton(dir: &Path) -> std::io::Result<PathBuf> {
    let skeleton = dir.join("skeleton");
    for name in ["proc", "dev", "tmp", "w"] {
        std::fs::create_dir_all(skeleton.join(name))?;
    }
    std::fs::create_dir(dir.join("empty"))?;
    use std::os::unix::fs::PermissionsExt;
    for path in [skeleton.clone(), dir.join("empty"), dir.to_owned()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(skeleton)
}

pub(crate) fn worker_groups(root: bool) -> Result<Option<WorkerGroups>, SandboxError> {
    // What could not be made writable is told by what then cannot be made.
    if root && let Err(e) = cgroup::make_writable() {
        tracing::debug!(error = %e, "control groups that are mounted read-only stay so");
    }
    let made = cgroup::detect().and_then(|layout| WorkerGroups::create(layout).map_err(|e| e.to_string()));
    match made {
        Ok(groups) => Ok(Some(groups)),
        // Without delegation an ordinary user has no groups; figures are then sampled and say so.
        Err(_) if !root => Ok(None),
        Err(cause) => Err(SandboxError::Unavailable {
            what: format!("no control groups for boxes: {cause}"),
            how: "mount the memory and pids controllers writable (in a container: a private cgroup \
                  namespace with a writable /sys/fs/cgroup; under systemd: Delegate=yes)"
                .into(),
        }),
    }
}

/// Executes ourselves as the box server, with a line as its standard input and an empty environment.
pub(crate) fn start_server(base: &Path) -> Result<OwnedFd, SandboxError> {
    let (line, other) = channel::pair().map_err(SandboxError::host("make a socket pair"))?;
    let base = base.to_owned();
    let (done, result) = std::sync::mpsc::channel();
    // PR_SET_PDEATHSIG fires when the thread that forked ends, so that thread lives as long as the server.
    std::thread::Builder::new()
        .name("box-server-parent".into())
        .spawn(move || {
            let child = Command::new("/proc/self/exe")
                .arg0(server::NAME)
                .arg(base)
                .env_clear()
                .stdin(Stdio::from(other))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            match child {
                Ok(mut child) => {
                    let _ = done.send(Ok(()));
                    // Reaps it, too.
                    let _ = child.wait();
                }
                Err(e) => {
                    let _ = done.send(Err(e));
                }
            }
        })
        .map_err(SandboxError::host("start a thread"))?;
    match result.recv() {
        Ok(Ok(())) => {}
        Ok(Err(e)) => return Err(SandboxError::host("execute the box server")(e)),
        Err(_) => return Err(SandboxError::Lost { during: "started" }),
    }
    match receive(&line)? {
        Some((frame, _)) if frame.tag == Tag::Ready => Ok(line),
        Some((frame, _)) => Err(failed(frame)),
        None => Err(SandboxError::Unavailable {
            what: "the box server did not start".into(),
            how: "the executable must call sandbox::box_server_main() first when sandbox::is_box_server()"
                .into(),
        }),
    }
}
