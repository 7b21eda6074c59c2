//! The worker's handle on its boxes: starts the box server, makes boxes, keeps warm ones.
//!
//! ```text
//!  worker thread --plan, sockets--> box server --clone3--> init --fork--> program process
//!       ^  |                                                |  ^               |
//!       |  +--- attach to cgroups, write id maps -----------+  |               |
//!       +------ Born, Unshared, Ready (listener) --------------+---------------+
//! ```
//! A warm box never executed foreign code; it is used once and destroyed.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::birth::{Birth, kill_and_wait, quarantine};
use crate::cgroup::{self, BoxGroup, WorkerGroups};
use crate::channel;
use crate::error::SandboxError;
use crate::ids::{IdPool, Lease};
use crate::spec::{Profile, RootSpec, RunSpec};
use crate::start::{default_run_dir, make_skeleton, sweep_run_dir, worker_groups};
use crate::supervisor::Supervisor;
use crate::wire::BoxPlan;

/// Warm boxes older than this are thrown away.
const WARM_AGE: Duration = Duration::from_secs(600);

/// So many boxes that could not be killed are no accident any more (sandbox.md 4.3, 15).
pub const RETIRED_MAX: u32 = 2;

/// How the box server is to run.
#[derive(Debug, Clone, Default)]
pub struct ServerConfig {
    /// Directory for id leases and mount points; default `/run/tribunal` for root, else below the temporary
    /// directory.
    pub run_dir: Option<PathBuf>,
    /// Warm boxes kept per kind; 0 makes every box when it is asked for.
    pub warm: usize,
    /// Work without cgroups even where there are some; results are `sampled`.
    pub without_cgroups: bool,
}

/// A running box server. Cheap to clone; the server ends with its last handle.
#[derive(Debug, Clone)]
pub struct BoxServer {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    server: Supervisor,
    /// Boxes that could not be killed.
    retired: AtomicU32,
    groups: Option<WorkerGroups>,
    ids: Option<IdPool>,
    /// Ids for which the server was told to make a user namespace ahead.
    next: Mutex<Option<Lease>>,
    base: PathBuf,
    skeleton: PathBuf,
    counter: AtomicU64,
    warm: usize,
    pool: Mutex<HashMap<BoxKind, Vec<WarmBox>>>,
    refill: Mutex<Option<std::sync::mpsc::Sender<BoxKind>>>,
    // Last: removed after everything in it is unused.
    _dir: tempfile::TempDir,
}

/// What makes two warm boxes interchangeable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BoxKind {
    root: RootSpec,
    profile: Profile,
    disk_bytes: u64,
    inodes: u32,
    writable: bool,
}

impl BoxKind {
    pub(crate) fn of(spec: &RunSpec) -> Self {
        Self {
            root: spec.root.clone(),
            profile: spec.profile,
            disk_bytes: spec.limits.disk.get(),
            inodes: spec.limits.inodes,
            writable: spec.writable,
        }
    }
}

/// A box that waits for its program.
#[derive(Debug)]
pub(crate) struct WarmBox {
    pub(crate) init: OwnedFd,
    pub(crate) program: OwnedFd,
    pub(crate) pidfd: OwnedFd,
    pub(crate) pid: i32,
    pub(crate) stage: OwnedFd,
    pub(crate) listener: OwnedFd,
    /// Largest resident set of the waiting program process, bytes: what getrusage(2) will at least report.
    pub(crate) own_rss: u64,
    pub(crate) group: Option<BoxGroup>,
    pub(crate) lease: Option<Lease>,
    pub(crate) made: Instant,
}

impl BoxServer {
    /// Starts the box server and the worker's control groups.
    ///
    /// # Errors
    /// [`SandboxError::Unavailable`] names the missing mechanism and how to get it.
    pub fn spawn(config: ServerConfig) -> Result<Self, SandboxError> {
        let root = nix::unistd::geteuid().is_root();
        let run_dir = config.run_dir.clone().unwrap_or_else(|| default_run_dir(root));
        std::fs::create_dir_all(&run_dir)
            .map_err(SandboxError::host(format!("make the run directory `{}`", run_dir.display())))?;
        sweep_run_dir(&run_dir);
        let pid = std::process::id();
        let dir = tempfile::Builder::new()
            .prefix(&format!("box-{pid}-{}-", cgroup::start_time(pid).unwrap_or(0)))
            .tempdir_in(&run_dir)
            .map_err(SandboxError::host(format!("make a directory in `{}`", run_dir.display())))?;
        let base = dir.path().join("base");
        let skeleton = make_skeleton(dir.path()).map_err(SandboxError::host("make the skeleton of boxes"))?;
        std::fs::create_dir(&base).map_err(SandboxError::host("make the base of boxes"))?;
        let groups = if config.without_cgroups { None } else { worker_groups(root)? };
        let ids = if root {
            let ids = IdPool::new(run_dir.join("ids"));
            Some(ids.map_err(SandboxError::host("make the directory of id leases"))?)
        } else {
            None
        };
        let server = Supervisor::start(base.clone())?;
        let inner = Arc::new(Inner {
            server,
            retired: AtomicU32::new(0),
            groups,
            ids,
            next: Mutex::new(None),
            base,
            skeleton,
            counter: AtomicU64::new(0),
            warm: config.warm,
            pool: Mutex::default(),
            refill: Mutex::new(None),
            _dir: dir,
        });
        if config.warm > 0 {
            start_refill(&inner);
        }
        Ok(Self { inner })
    }

    /// How far figures of this host's boxes can be trusted.
    pub fn accounting(&self) -> proto::facts::Accounting {
        if self.inner.groups.is_some() {
            proto::facts::Accounting::Exact
        } else {
            proto::facts::Accounting::Sampled
        }
    }

    /// The control group layout in use: `v1-hybrid`, `v1`, `v2`, or `none`.
    pub fn cgroup_layout(&self) -> &'static str {
        self.inner.groups.as_ref().map_or("none", |g| g.layout().name())
    }

    /// How many boxes could not be killed within their budget. Their host ids stay locked; from
    /// [`RETIRED_MAX`] on this process should take no more work.
    pub fn retired(&self) -> u32 {
        self.inner.retired.load(Ordering::Relaxed)
    }

    /// How often the box server had died and another one was started.
    pub fn restarts(&self) -> u32 {
        self.inner.server.restarts()
    }

    /// Takes a warm box of the kind, or makes one.
    pub(crate) fn take(&self, kind: &BoxKind) -> Result<WarmBox, SandboxError> {
        match self.inner.pop(kind) {
            Some(warm) => Ok(warm),
            None => self.inner.prepare(kind),
        }
    }

    /// Makes ready, in the background, what the next run of the kind will need. Called when a program has ended
    /// and not earlier: it would take a cpu and cache from the program while that is being measured.
    pub(crate) fn ready_next(&self, kind: &BoxKind) {
        match &*self.inner.refill.lock().expect("no panic while held") {
            Some(refill) => drop(refill.send(kind.clone())),
            None => self.inner.look_ahead(),
        }
    }

    /// Destroys a box and gives its ids back.
    pub(crate) fn destroy(&self, warm: WarmBox) -> Result<(), SandboxError> {
        self.inner.destroy(warm)
    }

    /// Makes sure `n` warm boxes for runs like `spec` exist, for benchmarks and start-up.
    pub fn warm_up(&self, spec: &RunSpec, n: usize) -> Result<(), SandboxError> {
        let kind = BoxKind::of(spec);
        loop {
            let have = self.inner.pool.lock().expect("no panic while held").get(&kind).map_or(0, Vec::len);
            if have >= n {
                return Ok(());
            }
            let warm = self.inner.prepare(&kind)?;
            self.inner.look_ahead();
            self.inner.pool.lock().expect("no panic while held").entry(kind.clone()).or_default().push(warm);
        }
    }
}

impl Inner {
    fn pop(&self, kind: &BoxKind) -> Option<WarmBox> {
        loop {
            let warm = self.pool.lock().expect("no panic while held").get_mut(kind)?.pop()?;
            if warm.is_alive() {
                return Some(warm);
            }
            // Its server or its init was killed.
            let _ = self.destroy(warm);
        }
    }

    /// Makes one box, up to the point where only the program is missing.
    pub(crate) fn prepare(&self, kind: &BoxKind) -> Result<WarmBox, SandboxError> {
        // Where the init is cloned into its group, the group has to be there; elsewhere it is made while the
        // server clones.
        let before = self.groups.as_ref().is_some_and(WorkerGroups::cloned_into);
        let mut group = if before { self.group()? } else { None };
        let lease = match self.next.lock().expect("no panic while held").take() {
            Some(lease) => Some(lease),
            None => self.lease()?,
        };
        let plan = self.plan(kind, lease.as_ref())?;
        let (init, init_end) = channel::pair().map_err(SandboxError::host("make a socket pair"))?;
        let (program, program_end) = channel::pair().map_err(SandboxError::host("make a socket pair"))?;
        let text = serde_json::to_vec(&plan).expect("a plan is plain data");
        let mut fds = vec![init_end.as_fd(), program_end.as_fd()];
        fds.extend(group.as_ref().and_then(BoxGroup::entry));
        let line = self.server.send(&text, &fds)?;
        drop((init_end, program_end));
        if !before {
            group = self.group()?;
        }
        let mut birth = Birth { group, lease, init, program, born: None, stage: None, mapped: false };
        match birth.complete(&line) {
            Ok((listener, own_rss)) => birth.finish(listener, own_rss),
            Err(e) => {
                if !birth.abort(self.ids.as_ref()) {
                    self.retired.fetch_add(1, Ordering::Relaxed);
                }
                Err(e)
            }
        }
    }

    /// Tells the server that it has time for what the next box will need, and for which ids. A lost hint costs
    /// only that time.
    pub(crate) fn look_ahead(&self) {
        let mut next = self.next.lock().expect("no panic while held");
        if next.is_none() {
            *next = self.lease().ok().flatten();
        }
        // Sent under the lock: the hint is on the line before any plan that uses its ids.
        let base = next.as_ref().map(Lease::base);
        let hint = serde_json::to_vec(&base).expect("a number");
        let _ = self.server.send(&hint, &[]);
    }

    fn lease(&self) -> Result<Option<Lease>, SandboxError> {
        let lease = self.ids.as_ref().map(IdPool::lease).transpose();
        lease.map_err(SandboxError::host("lease a range of host ids"))
    }

    /// A fresh group for one box.
    fn group(&self) -> Result<Option<BoxGroup>, SandboxError> {
        let Some(groups) = &self.groups else { return Ok(None) };
        let name = self.counter.fetch_add(1, Ordering::Relaxed).to_string();
        groups.create_box(&name).map(Some).map_err(SandboxError::host("make the control group of a box"))
    }

    fn plan(&self, kind: &BoxKind, lease: Option<&Lease>) -> Result<BoxPlan, SandboxError> {
        let mut lower = vec![layer(&self.skeleton)?];
        for dir in &kind.root.lower {
            lower.push(layer(dir)?);
        }
        if kind.root.lower.is_empty() {
            return Err(SandboxError::BadSpec("the root has no layer".into()));
        }
        let mut binds = Vec::new();
        for bind in &kind.root.binds {
            let target = layer(&bind.target)?;
            // overlayfs wants two layers where there is no upper; the empty one adds nothing.
            binds.push((vec![layer(&self.skeleton.with_file_name("empty"))?, layer(&bind.source)?], target));
        }
        Ok(BoxPlan {
            lower,
            binds,
            base: layer(&self.base)?,
            disk_bytes: kind.disk_bytes,
            inodes: kind.inodes,
            writable: kind.writable,
            host_id: lease.map(Lease::base),
        })
    }

    fn destroy(&self, warm: WarmBox) -> Result<(), SandboxError> {
        let WarmBox { pidfd, group, lease, .. } = warm;
        if let Err(e) = kill_and_wait(group.as_ref(), &pidfd) {
            quarantine(group, lease);
            self.retired.fetch_add(1, Ordering::Relaxed);
            return Err(e);
        }
        if let Some(Err(e)) = group.map(BoxGroup::remove) {
            // The box is dead and its outcome true; an empty group left behind goes with the worker's.
            tracing::warn!(error = %e, "could not remove the control group of a box");
        }
        if let (Some(ids), Some(lease)) = (&self.ids, lease) {
            ids.give_back(lease);
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let pool = std::mem::take(&mut *self.pool.lock().expect("no panic while held"));
        for warm in pool.into_values().flatten() {
            let _ = self.destroy(warm);
        }
    }
}

/// overlayfs separates its layers by colons and its options by commas.
fn layer(path: &Path) -> Result<String, SandboxError> {
    match path.to_str() {
        Some(text) if path.is_absolute() && !text.contains([':', ',', '\\']) => Ok(text.to_owned()),
        _ => Err(SandboxError::BadSpec(format!(
            "`{}` cannot be part of a root: an absolute UTF-8 path without `:`, `,` and `\\` is needed",
            path.display()
        ))),
    }
}

/// Keeps the pool full: one thread, woken by each [`BoxServer::ready_next`].
fn start_refill(inner: &Arc<Inner>) {
    let (sender, receiver) = std::sync::mpsc::channel::<BoxKind>();
    *inner.refill.lock().expect("no panic while held") = Some(sender);
    let weak = Arc::downgrade(inner);
    let _ = std::thread::Builder::new().name("box-pool".into()).spawn(move || {
        while let Ok(kind) = receiver.recv() {
            let Some(inner) = weak.upgrade() else { return };
            let old: Vec<WarmBox> = {
                let mut pool = inner.pool.lock().expect("no panic while held");
                let mut old = Vec::new();
                for (other, boxes) in pool.iter_mut() {
                    // Kinds that are not in use make room; of this kind only the aged go.
                    let (stale, keep) =
                        std::mem::take(boxes).into_iter().partition(|b| b.made.elapsed() > WARM_AGE);
                    *boxes = keep;
                    old.extend::<Vec<_>>(stale);
                    if *other != kind && boxes.len() > inner.warm {
                        old.extend(boxes.drain(inner.warm..));
                    }
                }
                pool.retain(|_, boxes| !boxes.is_empty());
                while pool.len() > 8 {
                    let Some(other) = pool.keys().find(|k| **k != kind).cloned() else { break };
                    old.extend(pool.remove(&other).into_iter().flatten());
                }
                old
            };
            for warm in old {
                let _ = inner.destroy(warm);
            }
            let have = inner.pool.lock().expect("no panic while held").get(&kind).map_or(0, Vec::len);
            if have < inner.warm {
                match inner.prepare(&kind) {
                    Ok(warm) => {
                        inner.look_ahead();
                        inner.pool.lock().expect("no panic while held").entry(kind).or_default().push(warm);
                    }
                    Err(e) => tracing::debug!(error = %e, "could not make a warm box"),
                }
            }
        }
    });
}
