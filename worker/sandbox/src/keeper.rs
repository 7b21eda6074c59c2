//! The worker's handle on its boxes: starts the box server, makes boxes, keeps warm ones.
//!
//! ```text
//!  worker thread --plan, line, groups--> box server --clone3--> init --vfork, execve--> program
//!       ^  |                                  |                  |  ^
//!       |  +--- id maps, then the program ----|------------------|--+
//!       +------ Born -------------------------+      Ready ------+
//! ```
//! A warm box never executed foreign code; it is used once and destroyed.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::limits::Limits;

use crate::birth::{Birth, kill_and_wait, quarantine, receive};
use crate::cgroup::{BoxGroup, WorkerGroups};
use crate::channel;
use crate::chores::{Chores, Remains};
use crate::error::SandboxError;
use crate::held_dir::HeldDir;
use crate::ids::{IdPool, Lease};
use crate::run::{MEMORY_OVERHEAD, TASKS_OVERHEAD};
use crate::spec::{Profile, RootSpec, RunSpec};
use crate::start::{default_run_dir, make_skeleton, worker_groups};
use crate::supervisor::Supervisor;
use crate::wire::{BoxPlan, Request};

/// Warm boxes older than this are thrown away.
const WARM_AGE: Duration = Duration::from_mins(10);

/// Most kinds of warm boxes kept.
const KINDS_MAX: usize = 8;

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

/// Control groups that wait, made, for their box.
const SPARE_GROUPS: usize = 2;

/// What a box server has and had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCounts {
    /// Boxes that wait for a program.
    pub ready: u64,
    /// Boxes made since the start.
    pub made: u64,
    /// Boxes destroyed since the start; those that could not be killed are not among them.
    pub destroyed: u64,
}

/// A running box server. Cheap to clone; the server ends with its last handle.
#[derive(Debug, Clone)]
pub struct BoxServer {
    // First: its thread uses the rest.
    chores: Arc<Chores>,
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    server: Supervisor,
    /// Boxes that could not be killed.
    retired: AtomicU32,
    made: AtomicU64,
    destroyed: AtomicU64,
    ids: Option<IdPool>,
    /// Ids for which the server was told to make a user namespace ahead.
    next: Mutex<Option<Lease>>,
    base: PathBuf,
    skeleton: PathBuf,
    counter: AtomicU64,
    warm: usize,
    pool: Mutex<HashMap<BoxKind, Vec<WarmBox>>>,
    /// Groups nobody was in yet.
    spare: Mutex<Vec<BoxGroup>>,
    // After the boxes and groups in it.
    groups: Option<WorkerGroups>,
    // Last: removed after everything in it is unused.
    _dir: HeldDir,
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
    pub(crate) pidfd: OwnedFd,
    pub(crate) pid: i32,
    pub(crate) stage: OwnedFd,
    /// Keeps the mount namespace, so that its end waits until the facts are read.
    pub(crate) mounts: OwnedFd,
    pub(crate) listener: OwnedFd,
    /// Largest resident set of the waiting init, bytes: what getrusage(2) will at least report of the program.
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
        let dir = HeldDir::make(&run_dir, "run-")
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
            made: AtomicU64::new(0),
            destroyed: AtomicU64::new(0),
            ids,
            next: Mutex::new(None),
            base,
            skeleton,
            counter: AtomicU64::new(0),
            warm: config.warm,
            pool: Mutex::default(),
            spare: Mutex::default(),
            groups,
            _dir: dir,
        });
        let chores = Arc::new(Chores::start(Arc::clone(&inner))?);
        Ok(Self { chores, inner })
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

    /// How many boxes wait for a program now, were made, and were destroyed.
    pub fn pool(&self) -> PoolCounts {
        let pool = self.inner.pool.lock().expect("no panic while held");
        PoolCounts {
            ready: pool.values().map(Vec::len).sum::<usize>() as u64,
            made: self.inner.made.load(Ordering::Relaxed),
            destroyed: self.inner.destroyed.load(Ordering::Relaxed),
        }
    }

    /// How often the box server had died and another one was started.
    pub fn restarts(&self) -> u32 {
        self.inner.server.restarts()
    }

    /// Takes a warm box of the kind, or makes one, and bounds it.
    pub(crate) fn take(&self, kind: &BoxKind, limits: &Limits) -> Result<WarmBox, SandboxError> {
        match self.inner.pop(kind) {
            Some(warm) => match bound(warm.group.as_ref(), limits) {
                Ok(()) => Ok(warm),
                Err(e) => self.inner.kill(warm).map(|remains| self.chores.bury(remains)).and(Err(e)),
            },
            None => self.inner.prepare(kind, Some(limits)),
        }
    }

    /// Destroys a box: every process of it is dead when this returns; the rest is taken down after that, and
    /// then what the next run of its kind will need is made ready. Not earlier: that would take a cpu and cache
    /// from a program that is being measured.
    pub(crate) fn destroy(&self, warm: WarmBox, kind: BoxKind) -> Result<(), SandboxError> {
        self.chores.bury(self.inner.kill(warm)?);
        self.chores.ready(kind);
        Ok(())
    }

    /// Waits until nothing is left of finished runs and what can be made ahead for the next one is made.
    ///
    /// # Errors
    /// When the box server is gone.
    pub fn settle(&self) -> Result<(), SandboxError> {
        self.chores.wait();
        let (line, end) = channel::pair().map_err(SandboxError::host("make a socket pair"))?;
        self.inner.look_ahead(Some(end))?;
        receive(&line)?.map(drop).ok_or(SandboxError::Lost { during: "made ready" })
    }

    /// Makes sure `n` warm boxes for runs like `spec` exist, for benchmarks and start-up.
    pub fn warm_up(&self, spec: &RunSpec, n: usize) -> Result<(), SandboxError> {
        let kind = BoxKind::of(spec);
        loop {
            let have = self.inner.pool.lock().expect("no panic while held").get(&kind).map_or(0, Vec::len);
            if have >= n {
                return Ok(());
            }
            let warm = self.inner.prepare(&kind, None)?;
            self.inner.look_ahead(None)?;
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
            if let Ok(remains) = self.kill(warm) {
                self.bury(remains);
            }
        }
    }

    /// Makes one box, up to the point where only the program is missing. Limits that are known already are set
    /// while the server clones.
    pub(crate) fn prepare(&self, kind: &BoxKind, limits: Option<&Limits>) -> Result<WarmBox, SandboxError> {
        let group = self.group()?;
        let lease = match self.next.lock().expect("no panic while held").take() {
            Some(lease) => Some(lease),
            None => self.lease()?,
        };
        let plan = self.plan(kind, lease.as_ref(), group.as_ref())?;
        let (init, init_end) = channel::pair().map_err(SandboxError::host("make a socket pair"))?;
        let text = serde_json::to_vec(&Request::Make(plan)).expect("a plan is plain data");
        let mut fds = vec![init_end.as_fd()];
        fds.extend(group.as_ref().and_then(BoxGroup::entry));
        fds.extend(group.iter().flat_map(BoxGroup::tasks));
        let line = self.server.send(&text, &fds)?;
        drop(init_end);
        let bounded = limits.map_or(Ok(()), |limits| bound(group.as_ref(), limits));
        let mut birth = Birth { group, lease, init, born: None, orphan: false };
        match birth.complete(&line).and_then(|ready| bounded.map(|()| ready)) {
            Ok(ready) => birth.finish(ready).inspect(|_| {
                self.made.fetch_add(1, Ordering::Relaxed);
            }),
            Err(e) => {
                if !birth.abort(self.ids.as_ref()) {
                    self.retired.fetch_add(1, Ordering::Relaxed);
                }
                Err(e)
            }
        }
    }

    /// Tells the server that it has time for what the next box will need, and for which ids. It answers on
    /// `done` when that is made.
    pub(crate) fn look_ahead(&self, done: Option<OwnedFd>) -> Result<(), SandboxError> {
        let mut next = self.next.lock().expect("no panic while held");
        if next.is_none() {
            *next = self.lease()?;
        }
        // Sent under the lock: the hint is on the line before any plan that uses its ids.
        let hint = Request::Ahead(next.as_ref().map(Lease::base));
        let text = serde_json::to_vec(&hint).expect("a number");
        let fds: Vec<_> = done.iter().map(AsFd::as_fd).collect();
        self.server.send(&text, &fds).map(drop)
    }

    fn lease(&self) -> Result<Option<Lease>, SandboxError> {
        let lease = self.ids.as_ref().map(IdPool::lease).transpose();
        lease.map_err(SandboxError::host("lease a range of host ids"))
    }

    /// A group for one box that nobody was ever in.
    fn group(&self) -> Result<Option<BoxGroup>, SandboxError> {
        match self.spare.lock().expect("no panic while held").pop() {
            Some(group) => Ok(Some(group)),
            None => self.new_group(),
        }
    }

    fn new_group(&self) -> Result<Option<BoxGroup>, SandboxError> {
        let Some(groups) = &self.groups else { return Ok(None) };
        let name = self.counter.fetch_add(1, Ordering::Relaxed).to_string();
        groups.create_box(&name).map(Some).map_err(SandboxError::host("make the control group of a box"))
    }

    fn plan(
        &self,
        kind: &BoxKind,
        lease: Option<&Lease>,
        group: Option<&BoxGroup>,
    ) -> Result<BoxPlan, SandboxError> {
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
            profile: kind.profile,
            host_id: lease.map(Lease::base),
            enters: group.is_some_and(|g| g.entry().is_some()),
        })
    }

    /// Ends every process of a box.
    fn kill(&self, warm: WarmBox) -> Result<Remains, SandboxError> {
        let WarmBox { init, pidfd, stage, mounts, listener, group, lease, .. } = warm;
        if let Err(e) = kill_and_wait(group.as_ref(), &pidfd) {
            quarantine(group, lease);
            self.retired.fetch_add(1, Ordering::Relaxed);
            return Err(e);
        }
        Ok(Remains { group, lease, descriptors: vec![init, pidfd, listener, mounts, stage] })
    }

    /// Takes down what is left of a dead box.
    pub(crate) fn bury(&self, remains: Remains) {
        let Remains { group, lease, descriptors } = remains;
        self.destroyed.fetch_add(1, Ordering::Relaxed);
        drop(descriptors);
        if let Some(Err(e)) = group.map(BoxGroup::remove) {
            // The box is dead and its outcome true; an empty group left behind goes with the worker's.
            tracing::warn!(error = %e, "could not remove the control group of a box");
        }
        if let (Some(ids), Some(lease)) = (&self.ids, lease) {
            ids.give_back(lease);
        }
    }

    /// Makes what the next run of the kind will need: groups, namespaces, and as many warm boxes as are wanted.
    pub(crate) fn make_ready(&self, kind: &BoxKind) {
        let made = self.spare_groups().and_then(|()| self.look_ahead(None)).and_then(|()| self.fill(kind));
        if let Err(e) = made {
            // The next run makes it, or says why it cannot.
            tracing::debug!(error = %e, "could not make ready for the next box");
        }
    }

    fn spare_groups(&self) -> Result<(), SandboxError> {
        while self.groups.is_some() && self.spare.lock().expect("no panic while held").len() < SPARE_GROUPS {
            let group = self.new_group()?;
            self.spare.lock().expect("no panic while held").extend(group);
        }
        Ok(())
    }

    /// Adds one warm box of the kind when there are too few, after making room.
    fn fill(&self, kind: &BoxKind) -> Result<(), SandboxError> {
        if self.warm == 0 {
            return Ok(());
        }
        for warm in self.aged(kind) {
            self.bury(self.kill(warm)?);
        }
        let have = self.pool.lock().expect("no panic while held").get(kind).map_or(0, Vec::len);
        if have < self.warm {
            let warm = self.prepare(kind, None)?;
            self.look_ahead(None)?;
            self.pool.lock().expect("no panic while held").entry(kind.clone()).or_default().push(warm);
        }
        Ok(())
    }

    /// Takes out of the pool what is too old, and what makes room for `kind`.
    fn aged(&self, kind: &BoxKind) -> Vec<WarmBox> {
        let mut pool = self.pool.lock().expect("no panic while held");
        let mut old = Vec::new();
        for (other, boxes) in pool.iter_mut() {
            // Kinds that are not in use make room; of this kind only the aged go.
            let (stale, keep) =
                std::mem::take(boxes).into_iter().partition::<Vec<_>, _>(|b| b.made.elapsed() > WARM_AGE);
            *boxes = keep;
            old.extend(stale);
            if other != kind && boxes.len() > self.warm {
                old.extend(boxes.drain(self.warm..));
            }
        }
        pool.retain(|_, boxes| !boxes.is_empty());
        while pool.len() > KINDS_MAX {
            let Some(other) = pool.keys().find(|k| *k != kind).cloned() else { break };
            old.extend(pool.remove(&other).into_iter().flatten());
        }
        old
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let pool = std::mem::take(&mut *self.pool.lock().expect("no panic while held"));
        for warm in pool.into_values().flatten() {
            if let Ok(remains) = self.kill(warm) {
                self.bury(remains);
            }
        }
    }
}

/// Sets the limits that control groups hold.
fn bound(group: Option<&BoxGroup>, limits: &Limits) -> Result<(), SandboxError> {
    let Some(group) = group else { return Ok(()) };
    let memory = limits.memory.get().saturating_add(MEMORY_OVERHEAD);
    group
        .limit(memory, limits.processes.saturating_add(TASKS_OVERHEAD))
        .map_err(SandboxError::host("set the limits of a box"))
}

/// overlayfs separates its layers by colons and its options by commas.
pub(crate) fn layer(path: &Path) -> Result<String, SandboxError> {
    match path.to_str() {
        Some(text) if path.is_absolute() && !text.contains([':', ',', '\\', '\0']) => Ok(text.to_owned()),
        _ => Err(SandboxError::BadSpec(format!(
            "`{}` cannot be part of a root: an absolute UTF-8 path without `:`, `,` and `\\` is needed",
            path.display()
        ))),
    }
}
