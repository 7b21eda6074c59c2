//! The process that unpacks a layer: ourselves executed again, shut in before the first byte of the layer is read.
//!
//! ```text
//! whoever wants a layer                    root or not
//!   └─ helper                              no network, its root is the directory it fills, nobody's user, no
//!        stdin   the packed layer          capability, no new privileges, Landlock: nothing executes
//!        stdout  what it did, one JSON line each
//! ```
//! A hole in a decompressor or in our own reading of archives (sandbox.md R18) then reaches the new directory and
//! nothing else. Both digests are checked in here, by code that had to read the bytes anyway; a helper that was taken
//! over could lie about them, and would have gained a layer its own author chose to be wrong.
//!
//! The executable's `main` asks [`is_unpacker`] before it makes a thread.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
};
use nix::sched::CloneFlags;
use nix::unistd::{Gid, Uid};
use proto::id::Digest;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::process::{Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use crate::error::{Doing as _, ImageError, Result};
use crate::layer::entries::broken;
use crate::layer::unpack::{Caps, Expected, Packing, Unpacked, unpack_telling};

/// Name the executable is given, by which it knows what it is to be.
const NAME: &str = "tribunal-unpack";
/// The user and group that own unpacked layers where root keeps the store: below the ranges boxes get (0x7000_0000 and
/// up) and above what /etc/subuid hands out, so neither a box nor a person of this host is this user.
pub(crate) const OWNER: u32 = 0x6fff_fff0;
/// Longest line the helper may write; a message has a name of 120 characters at most.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Packed bytes between two reports of progress.
const REPORT_EVERY: u64 = 4 << 20;
/// Address space: a million names and two decompressors need a quarter of it.
const MEMORY: u64 = 2 << 30;

/// What to do, as the helper's one argument.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    dir: PathBuf,
    packing: Packing,
    digest: Digest,
    size: u64,
    diff_id: Digest,
    caps: Caps,
}

/// What the helper says, one per line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// It could not be shut in; nothing was read.
    Open {
        doing: String,
        cause: String,
    },
    /// Packed bytes so far.
    Bytes(u64),
    Done(Unpacked),
    Hostile {
        entry: String,
        problem: String,
    },
    Broken {
        cause: String,
    },
    Mismatch {
        packed: bool,
        expected: Digest,
        found: Digest,
    },
    NoXattr {
        cause: String,
    },
    Failed {
        path: PathBuf,
        errno: Option<i32>,
        cause: String,
    },
}

/// Whether this process was executed to unpack a layer. A question for `main`, before it makes a thread.
pub fn is_unpacker() -> bool {
    std::env::args_os().next().is_some_and(|name| name == NAME)
}

/// Unpacks the layer on standard input. First statement of `main` when [`is_unpacker`].
pub fn unpacker_main() -> ! {
    let said = run().unwrap_or_else(|said| said);
    say(&said);
    std::process::exit(0)
}

/// Unpacks into `dir`, which exists, is empty and, where we are root, belongs to [`OWNER`].
///
/// # Errors
/// As [`unpack`](crate::layer::unpack::unpack); [`ImageError::Helper`] when the helper could not be shut in.
pub(crate) fn unpack(
    packed: File,
    packing: Packing,
    expected: &Expected<'_>,
    caps: Caps,
    dir: &Path,
    tell: &mut dyn FnMut(u64),
) -> Result<Unpacked> {
    let job = Job {
        dir: dir.to_path_buf(),
        packing,
        digest: expected.digest.clone(),
        size: expected.size,
        diff_id: expected.diff_id.clone(),
        caps,
    };
    let job = serde_json::to_string(&job).map_err(io::Error::other).doing("encode a job for", dir)?;
    let failed = |problem: String| ImageError::Helper { problem };
    let mut child = Command::new("/proc/self/exe")
        .arg0(NAME)
        .arg(job)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(packed))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("the helper process could not be started ({error})")))?;
    let last = match child.stdout.take() {
        Some(out) => listen(out, tell),
        None => None,
    };
    let _ = child.kill();
    let status = child.wait().map_err(|error| failed(format!("the helper process was lost ({error})")))?;
    match last {
        Some(said) => answer(said, dir),
        None => Err(failed(format!(
            "the helper process ended without an answer ({}); if the system log has nothing of it, the executable must call \
             images::unpacker_main() first when images::is_unpacker()",
            status.signal().map_or_else(|| status.to_string(), |signal| format!("signal {signal}"))
        ))),
    }
}

/// Reads until something other than progress is said.
fn listen(out: impl Read, tell: &mut dyn FnMut(u64)) -> Option<Said> {
    let mut lines = BufReader::new(out);
    loop {
        let mut line = Vec::new();
        (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
        match serde_json::from_slice(&line).ok()? {
            Said::Bytes(done) => tell(done),
            last => return Some(last),
        }
    }
}

fn answer(said: Said, dir: &Path) -> Result<Unpacked> {
    Err(match said {
        Said::Done(unpacked) => return Ok(unpacked),
        Said::Bytes(_) => ImageError::Helper { problem: "the helper process stopped half-way".to_owned() },
        Said::Open { doing, cause } => ImageError::Helper {
            problem: format!(
                "the helper process could not {doing} ({cause}). Root with CAP_SYS_ADMIN or user namespaces are needed, \
                 as for boxes; `tribunal doctor` tells more"
            ),
        },
        Said::Hostile { entry, problem } => ImageError::HostileLayer { entry, problem },
        Said::Broken { cause } => broken(io::Error::other(cause)),
        Said::Mismatch { packed, expected, found } => ImageError::DigestMismatch {
            what: if packed { "the packed layer" } else { "the unpacked layer" },
            expected,
            found,
        },
        Said::NoXattr { cause } => {
            ImageError::NoXattr { path: dir.to_path_buf(), source: io::Error::other(cause) }
        }
        Said::Failed { path, errno, cause } => ImageError::Io {
            doing: "unpack",
            path: dir.join(path.strip_prefix("/").unwrap_or(&path)),
            source: errno.map_or_else(|| io::Error::other(cause), io::Error::from_raw_os_error),
        },
    })
}

fn say(said: &Said) {
    if let Ok(mut text) = serde_json::to_vec(said) {
        text.push(b'\n');
        // Nobody listens any more: then nobody wants the layer.
        if io::stdout().write_all(&text).is_err() {
            std::process::exit(1);
        }
    }
}

fn run() -> std::result::Result<Said, Said> {
    let wrong = |cause: String| Said::Open { doing: "read its job".to_owned(), cause };
    let text = std::env::args().nth(1).ok_or_else(|| wrong("there is none".to_owned()))?;
    let job: Job = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    shut_in(&job.dir)
        .map_err(|(doing, error)| Said::Open { doing: doing.to_owned(), cause: error.to_string() })?;
    let expected = Expected { digest: &job.digest, size: job.size, diff_id: &job.diff_id };
    let told = std::sync::atomic::AtomicU64::new(0);
    let tell = |done: u64| {
        use std::sync::atomic::Ordering::Relaxed;
        if done >= told.load(Relaxed) + REPORT_EVERY {
            told.store(done, Relaxed);
            say(&Said::Bytes(done));
        }
    };
    let result = unpack_telling(io::stdin(), job.packing, &expected, job.caps, Path::new("/"), tell);
    Ok(result.map_or_else(told_of, Said::Done))
}

/// An error in words that survive the way between processes.
fn told_of(error: ImageError) -> Said {
    match error {
        ImageError::HostileLayer { entry, problem } => Said::Hostile { entry, problem },
        ImageError::BrokenLayer { source } => Said::Broken { cause: source.to_string() },
        ImageError::DigestMismatch { what, expected, found } => {
            Said::Mismatch { packed: what == "the packed layer", expected, found }
        }
        ImageError::NoXattr { source, .. } => Said::NoXattr { cause: source.to_string() },
        ImageError::Io { path, source, .. } => {
            Said::Failed { path, errno: source.raw_os_error(), cause: source.to_string() }
        }
        other => Said::Failed { path: PathBuf::from("/"), errno: None, cause: other.to_string() },
    }
}

/// What was tried and how it failed.
type Shut = std::result::Result<(), (&'static str, io::Error)>;

trait Trying<T> {
    fn to(self, doing: &'static str) -> std::result::Result<T, (&'static str, io::Error)>;
}

impl<T, E: Into<io::Error>> Trying<T> for std::result::Result<T, E> {
    fn to(self, doing: &'static str) -> std::result::Result<T, (&'static str, io::Error)> {
        self.map_err(|error| (doing, error.into()))
    }
}

/// Shuts this process into `dir`. It has one thread, and nothing it was given has been read.
fn shut_in(dir: &Path) -> Shut {
    die_with_parent()?;
    let root = rustix::process::geteuid().is_root();
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    // Root's own namespaces where it may make them; else, as for everybody, a user namespace of our own.
    let as_root = root && nix::sched::unshare(namespaces).is_ok();
    if !as_root {
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        nix::sched::unshare(namespaces | CloneFlags::CLONE_NEWUSER).to("make namespaces of its own")?;
        let map = |file: &str, text: String| std::fs::write(format!("/proc/self/{file}"), text);
        map("setgroups", "deny".to_owned()).to("map its user")?;
        map("uid_map", format!("{0} {0} 1", uid.as_raw())).to("map its user")?;
        map("gid_map", format!("{0} {0} 1", gid.as_raw())).to("map its group")?;
    }
    enter(dir)?;
    if as_root {
        let (uid, gid) = (Uid::from_raw(OWNER), Gid::from_raw(OWNER));
        nix::unistd::setgroups(&[]).to("leave its groups")?;
        nix::unistd::setresgid(gid, gid, gid).to("become another group")?;
        nix::unistd::setresuid(uid, uid, uid).to("become another user")?;
        // Changing ids takes it back (sandbox.md M21).
        die_with_parent()?;
    }
    drop_capabilities()?;
    bound()?;
    forbid_executing()
}

fn die_with_parent() -> Shut {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).to("tie itself to its parent")
}

/// Makes `dir` the root, and the old root unreachable.
fn enter(dir: &Path) -> Shut {
    use rustix::mount::{mount_bind, mount_change, mount_remount, unmount};
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).to("keep its mounts to itself")?;
    mount_bind(dir, dir).to("mount its directory")?;
    // In a user namespace flags of the mount below are locked, and this may be refused; nothing executes anyway.
    let _ = mount_remount(
        dir,
        MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
        "",
    );
    std::env::set_current_dir(dir).to("enter its directory")?;
    rustix::process::pivot_root(".", ".").to("change its root")?;
    unmount(".", UnmountFlags::DETACH).to("leave the old root")?;
    std::env::set_current_dir("/").to("enter its root")
}

fn drop_capabilities() -> Shut {
    rustix::thread::set_no_new_privs(true).to("forbid new privileges")?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    // Ambient ones go with the permitted (capabilities(7)); nothing is ever executed that could gain from the bounding set.
    rustix::thread::set_capabilities(None, none).to("give up its capabilities")
}

fn bound() -> Shut {
    let limits =
        [(Resource::Core, 0), (Resource::As, MEMORY), (Resource::Nofile, 64), (Resource::Memlock, 0)];
    for (resource, most) in limits {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        rustix::process::setrlimit(resource, limit).to("bound itself")?;
    }
    Ok(())
}

/// The wall behind the others, as far as the kernel has it: nothing executes, no TCP, no signal and no abstract socket
/// leaves.
fn forbid_executing() -> Shut {
    let files: BitFlags<AccessFs> = AccessFs::from_all(ABI::V5);
    let root = PathFd::new("/").map_err(|error| ("open its root", io::Error::other(error.to_string())))?;
    let enforce = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(files)?
            .handle_access(AccessNet::from_all(ABI::V4))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .add_rule(PathBeneath::new(root, files & !(AccessFs::Execute | AccessFs::IoctlDev)))?
            .restrict_self()
    };
    enforce()
        .map(drop)
        .map_err(|error: RulesetError| ("forbid executing", io::Error::other(error.to_string())))
}
