//! The mount tree of a box: overlay root, fresh /proc, a /dev of five nodes, one capped tmpfs behind /w,
//! /tmp and /dev/shm, and no /sys at all. Nothing is masked, because nothing that needs masking is mounted.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mknodat};
use rustix::fs::{Gid, Mode as RMode, OFlags, ResolveFlags, Uid, openat2};

use super::{At, Failure};
use crate::error::Step;
use crate::wire::{BoxPlan, PROGRAM_ID};

const NONE: Option<&str> = None;
const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

/// Inodes of a box's tmpfs that are ours: its root, w, tmp and shm.
pub(crate) const OWN_INODES: u64 = 4;

/// Device nodes: name and minor number under major 1 (Linux Documentation/admin-guide/devices.txt).
const NODES: [(&str, u64); 5] = [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)];

/// Builds the tree below `plan.base` and makes it the root; [`detach_old_root`] has to follow. Returns the tmpfs behind /w, /tmp and
/// /dev/shm (its `w`, `tmp`, `shm`), opened with O_PATH: it outlives the box and is how files are placed and
/// collected.
pub(crate) fn build(plan: &BoxPlan) -> Result<OwnedFd, Failure> {
    let base = Path::new(&plan.base);
    let root = base.join("root");
    let stage = base.join("stage");
    if plan.host_id.is_none() {
        // Rootless: the server had no right to mount, so the place is made here, in our own namespace.
        private()?;
        place(base)?;
    }
    let writable = stage_tmpfs(plan, &stage)?;
    overlay(&plan.lower, &root).at(Step::Overlay, 0)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::open(&root, flags, RMode::empty()).at(Step::Overlay, 1)?;
    for (i, (lower, target)) in (0..).zip(&plan.binds) {
        let target = directory(&top, target).at(Step::Bind, i)?;
        overlay(lower, fd_path(&target).as_ref()).at(Step::Bind, i)?;
    }
    proc(&top)?;
    dev(&top, plan.host_id.is_some())?;
    for (i, name) in (0..).zip(["w", "tmp", "dev/shm"]) {
        let target = directory(&top, name).at(Step::Place, i)?;
        let source = stage.join(name.rsplit('/').next().unwrap_or(name));
        mount(Some(&source), fd_path(&target).as_str(), NONE, MsFlags::MS_BIND, NONE).at(Step::Place, i)?;
    }
    read_only_dev(&root)?;
    pivot(&top)?;
    Ok(writable)
}

/// Makes every mount of this namespace private, so that nothing here reaches the host.
pub(crate) fn private() -> Result<(), Failure> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).at(Step::WorkDir, 0)
}

/// Puts a small tmpfs with the two mount points over `base`.
pub(crate) fn place(base: &Path) -> Result<(), Failure> {
    mount(Some("none"), base, Some("tmpfs"), QUIET, Some("size=64k,nr_inodes=8,mode=0755"))
        .at(Step::WorkDir, 1)?;
    for name in ["root", "stage"] {
        std::fs::create_dir(base.join(name)).at(Step::WorkDir, 2)?;
    }
    Ok(())
}

fn stage_tmpfs(plan: &BoxPlan, stage: &Path) -> Result<OwnedFd, Failure> {
    let inodes = u64::from(plan.inodes) + OWN_INODES;
    let options = format!("size={},nr_inodes={inodes},mode=0755", plan.disk_bytes);
    mount(Some("none"), stage, Some("tmpfs"), QUIET, Some(options.as_str())).at(Step::WorkDir, 3)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(stage, flags, RMode::empty()).at(Step::WorkDir, 4)?;
    for (i, (name, mode)) in (5..).zip([("w", 0o755), ("tmp", 0o1777), ("shm", 0o1777)]) {
        rustix::fs::mkdirat(&dir, name, RMode::empty()).at(Step::WorkDir, i)?;
        // mkdir is subject to the umask; chmod is not.
        let fd = rustix::fs::openat(
            &dir,
            name,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            RMode::empty(),
        )
        .at(Step::WorkDir, i)?;
        rustix::fs::fchmod(&fd, RMode::from_raw_mode(mode)).at(Step::WorkDir, i)?;
        if let Some(base) = plan.host_id {
            let id = if name == "w" && plan.writable { base + PROGRAM_ID } else { base };
            rustix::fs::fchown(&fd, Some(Uid::from_raw(id)), Some(Gid::from_raw(id))).at(Step::WorkDir, i)?;
        }
    }
    Ok(dir)
}

/// A read-only overlay of `lower` at `target`. Each box has its own, so locks and watches on a shared layer
/// do not meet (sandbox.md M20).
///
/// The layers are named by descriptor, because the options are what `/proc/self/mountinfo` shows to the
/// program, and host paths are none of its business.
fn overlay(lower: &[String], target: &Path) -> nix::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut layers = Vec::with_capacity(lower.len());
    for path in lower {
        let layer = rustix::fs::open(path.as_str(), flags, RMode::empty());
        layers.push(layer.map_err(|e| nix::Error::from_raw(e.raw_os_error()))?);
    }
    let names: Vec<String> = layers.iter().map(fd_path).collect();
    let options = format!("lowerdir={},userxattr,metacopy=off,index=off,xino=off", names.join(":"));
    mount(Some("none"), target, Some("overlay"), QUIET | MsFlags::MS_RDONLY, Some(options.as_str()))
}

/// Opens a directory of the root without following any symlink of the image.
fn directory(root: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(
        root,
        name.trim_start_matches('/'),
        flags | OFlags::NOFOLLOW,
        RMode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
}

fn fd_path(fd: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

fn proc(root: &OwnedFd) -> Result<(), Failure> {
    let target = directory(root, "proc").at(Step::Proc, 0)?;
    let flags = QUIET | MsFlags::MS_NOEXEC;
    mount(Some("proc"), fd_path(&target).as_str(), Some("proc"), flags, Some("subset=pid,hidepid=invisible"))
        .at(Step::Proc, 1)
}

fn dev(root: &OwnedFd, may_mknod: bool) -> Result<(), Failure> {
    let target = directory(root, "dev").at(Step::Dev, 0)?;
    let options = Some("size=16k,nr_inodes=16,mode=0755");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("none"), fd_path(&target).as_str(), Some("tmpfs"), flags, options).at(Step::Dev, 1)?;
    // Opened again: the descriptor from before leads below the mount.
    let dev = directory(root, "dev").at(Step::Dev, 2)?;
    let mode = Mode::from_bits_truncate(0o666);
    // The modes given are the modes meant.
    let umask = nix::sys::stat::umask(Mode::empty());
    for (i, (name, minor)) in (3..).zip(NODES) {
        if may_mknod {
            mknodat(&dev, name, SFlag::S_IFCHR, mode, makedev(1, minor)).at(Step::Dev, i)?;
        } else {
            let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
            let node = rustix::fs::openat(&dev, name, flags, RMode::from_raw_mode(0o666)).at(Step::Dev, i)?;
            let source = Path::new("/dev").join(name);
            mount(Some(&source), fd_path(&node).as_str(), NONE, MsFlags::MS_BIND, NONE).at(Step::Dev, i)?;
        }
    }
    nix::sys::stat::umask(umask);
    let links = [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")];
    for (i, (name, to)) in (8..).zip(links) {
        rustix::fs::symlinkat(format!("/proc/self/{to}"), &dev, name).at(Step::Dev, i)?;
    }
    rustix::fs::mkdirat(&dev, "shm", RMode::from_raw_mode(0o755)).at(Step::Dev, 12)
}

fn read_only_dev(root: &Path) -> Result<(), Failure> {
    let dev = root.join("dev");
    let flags =
        MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(NONE, &dev, NONE, flags, NONE).at(Step::Dev, 13)
}

/// pivot_root(2) with the old root stacked over the new one (its manual page's `pivot_root(".", ".")`).
fn pivot(root: &OwnedFd) -> Result<(), Failure> {
    nix::unistd::fchdir(root).at(Step::Pivot, 0)?;
    nix::unistd::pivot_root(".", ".").at(Step::Pivot, 1)
}

/// Takes the old root out of the namespace for good. Waits for an RCU grace period, which is why the program
/// process may be stripped meanwhile; nothing foreign runs before this is done.
pub(crate) fn detach_old_root() -> Result<(), Failure> {
    umount2(".", MntFlags::MNT_DETACH).at(Step::Pivot, 2)?;
    nix::unistd::chdir("/").at(Step::Pivot, 3)
}
