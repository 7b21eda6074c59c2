//! The box init: pid 1 of its pid namespace. Builds the box, gives up its own power, waits for the word to
//! start, starts the program and then only reaps.
//!
//! It is not dumpable and has another uid than the program, so the program can neither signal, trace nor read
//! it. The filters of the program are its own from the moment it says `Ready`. Of all capabilities it keeps
//! the two that turn its child into another user, in a user namespace with two users; when the program has
//! been executed it gives those up too. Its death kills the whole box.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{UsageWho, getrusage};

use crate::channel::{self, Frame, MESSAGE_MAX, Tag};
use crate::error::Step;
use crate::policy::Filters;
use crate::program::Program;
use crate::spec::Profile;
use crate::steps::{At, Failure, credentials, filters, landlock, mounts, namespaces};
use crate::sys;
use crate::wire::{BoxPlan, PROGRAM_ID, StartPlan, WORK_DIR};

/// How much likelier the kernel is to take the program than the init when memory runs out (oom_score_adj,
/// proc(5)).
const OOM_PROGRAM: &str = "500";

/// What the box server hands to an init.
#[derive(Debug)]
pub(crate) struct Hands {
    /// The line to the worker.
    pub(crate) worker: OwnedFd,
    /// `tasks` files of the control groups to join.
    pub(crate) tasks: Vec<OwnedFd>,
    /// The box's user namespace, when it was made ahead.
    pub(crate) user: Option<OwnedFd>,
}

/// Memory the init needs, from the box server's, so that it allocates nothing large itself.
#[derive(Debug)]
pub(crate) struct Room {
    /// For a message.
    pub(crate) message: Vec<u8>,
    /// The stack of [`sys::run_on_our_memory`].
    pub(crate) stack: Vec<u8>,
    /// Capabilities of [`credentials::keep`].
    pub(crate) kept: caps::CapsHashSet,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { message: vec![0; MESSAGE_MAX], stack: vec![0; sys::CHILD_STACK], kept: credentials::ids() }
    }
}

/// Runs as the init until everything in the box is dead.
pub(crate) fn main(plan: &BoxPlan, filters: &Filters, hands: Hands, room: &mut Room) -> ! {
    let Hands { worker, tasks, user } = hands;
    let ready = build(plan, filters, &worker, tasks, user, &room.kept);
    match ready.and_then(|(oom, word)| start(plan, &worker, oom, word, room)) {
        // The streams stay open here: their end would wake the worker before it can be told the program's. All but one
        // that somebody waits for the end of.
        Ok((pid, _streams)) => reap(pid, &worker, plan.host_id.is_some()),
        Err(failure) => report(&worker, failure),
    }
}

/// Tells the worker what failed and ends.
pub(crate) fn report(worker: &impl AsFd, failure: Failure) -> ! {
    let frame =
        Frame::new(Tag::Failed, failure.step as i64, i64::from(failure.index), i64::from(failure.errno));
    let _ = channel::send_frame(worker, frame, &[]);
    sys::exit(125);
}

/// Up to `Ready`. Returns what writes this process's oom_score_adj, and the word of its filter.
fn build(
    plan: &BoxPlan,
    filters: &Filters,
    worker: &OwnedFd,
    tasks: Vec<OwnedFd>,
    user: Option<OwnedFd>,
    kept: &caps::CapsHashSet,
) -> Result<(OomScore, u64), Failure> {
    // The server ignores SIGCHLD; with that inherited there would be no exit status to wait for.
    sys::reset_signals();
    credentials::die_with_parent()?;
    if plan.host_id.is_none() {
        // Rootless: the user namespace came first, and without a map no file can be made in it.
        be_mapped(worker)?;
    }
    let limits = namespaces::limits_dir()?;
    let oom = OomScore::open()?;
    let stage = mounts::build(plan)?;
    namespaces::hostname()?;
    if plan.profile == Profile::Loopback {
        sys::loopback_up().at(Step::Loopback, 0)?;
    }
    for (i, group) in (0..).zip(&tasks) {
        // We move ourselves, and before the cgroup namespace, so that it shows our groups as its roots.
        rustix::io::write(group, b"0").at(Step::Attach, i)?;
    }
    drop(tasks);
    namespaces::cgroup()?;
    namespaces::time()?;
    mounts::detach_old_root()?;
    let mounted = namespaces::own_mounts()?;
    // The user namespace is the last: nothing this box can reach is owned by it (sandbox.md M12).
    if plan.host_id.is_some() {
        credentials::drop_groups()?;
        if let Some(user) = user {
            namespaces::enter_user(&user)?;
        } else {
            unshare(CloneFlags::CLONE_NEWUSER).at(Step::UserNamespace, 0)?;
            be_mapped(worker)?;
        }
        credentials::become_id(0)?;
    }
    // A namespace made ahead forbids nesting already; that is read back rather than believed.
    if plan.host_id.is_none() || !namespaces::nesting_is_forbidden(&limits) {
        namespaces::forbid_nested(&limits)?;
    }
    credentials::bound()?;
    credentials::die_with_parent()?;
    sys::prctl(libc::PR_SET_DUMPABLE, 0, 0).at(Step::Ids, 3)?;
    nix::unistd::chdir(WORK_DIR).at(Step::Session, 1)?;
    if plan.host_id.is_some() { credentials::keep(kept) } else { credentials::clear() }?;
    landlock::only_own_programs()?;
    let (listener, word) = filters::install_classes(filters, plan.profile)?;
    let rss = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    let fds = [stage.as_fd(), mounted.as_fd(), listener.as_fd()];
    channel::send_frame(worker, Frame::new(Tag::Ready, rss, 0, 0), &fds).at(Step::Seccomp, 4)?;
    Ok((oom, word))
}

/// Asks the worker for the id maps of our user namespace. It has to know our pid before it can write them.
fn be_mapped(worker: &OwnedFd) -> Result<(), Failure> {
    channel::send_frame(worker, Frame::new(Tag::Unshared, 0, 0, 0), &[]).at(Step::UserNamespace, 2)?;
    match channel::receive_frame(worker).at(Step::UserNamespace, 10)? {
        Some((frame, _)) if frame.tag == Tag::Mapped => Ok(()),
        Some(_) => Err(Failure { step: Step::UserNamespace, index: 11, errno: libc::EPROTO }),
        // The worker is gone; so are we.
        None => sys::exit(125),
    }
}

/// Waits for the word and starts the program; returns its pid here and its streams.
fn start(
    plan: &BoxPlan,
    worker: &OwnedFd,
    mut oom: OomScore,
    word: u64,
    room: &mut Room,
) -> Result<(i32, [Option<OwnedFd>; 3]), Failure> {
    let (len, fds) = channel::receive(worker.as_fd(), &mut room.message).at(Step::Start, 0)?;
    if len == 0 {
        sys::exit(125);
    }
    let bad = Failure { step: Step::Start, index: 1, errno: libc::EPROTO };
    let start: StartPlan = serde_json::from_slice(&room.message[..len]).map_err(|_| bad)?;
    let id = plan.host_id.map(|_| PROGRAM_ID);
    let program = Program::new(&start, fds, id, word).ok_or(bad)?;
    oom.set(OOM_PROGRAM);
    let pid = sys::run_on_our_memory(&mut room.stack, &|| program.become_it(worker)).at(Step::Fork, 0)?;
    oom.restore();
    credentials::clear()?;
    let [input, output, errors] = program.into_streams();
    Ok((pid, [Some(input), Some(output).filter(|_| !start.lets_go), Some(errors)]))
}

/// This process's own oom_score_adj, opened while we may write it. The program inherits the raised value, and
/// the init goes back to its own: lowering to a value from before needs no capability.
#[derive(Debug)]
struct OomScore {
    file: File,
    own: String,
}

impl OomScore {
    fn open() -> Result<Self, Failure> {
        let mut file =
            File::options().read(true).write(true).open("/proc/self/oom_score_adj").at(Step::Session, 2)?;
        let mut own = String::new();
        file.read_to_string(&mut own).at(Step::Session, 3)?;
        Ok(Self { file, own })
    }

    // Where it cannot be written the init may be taken instead of the program, which reads as MLE just the same.
    fn set(&mut self, value: &str) {
        let _ = self.file.rewind().and_then(|()| self.file.write_all(value.as_bytes()));
    }

    fn restore(&mut self) {
        let own = std::mem::take(&mut self.own);
        self.set(&own);
    }
}

/// Reaps everything; tells the worker how the program ended. Then it leaves, which kills what is left, unless
/// the worker still wants to sample its `/proc` figures (rootless).
fn reap(program: i32, worker: &OwnedFd, leave: bool) -> ! {
    loop {
        match sys::wait_any() {
            Ok((pid, status, rss)) if pid == program => {
                let frame = Frame::new(Tag::Exited, i64::from(status), rss, 0);
                if channel::send_frame(worker, frame, &[]).is_err() {
                    sys::exit(125);
                }
                if leave {
                    sys::exit(0);
                }
            }
            Ok(_) => {}
            Err(e) if e.raw_os_error() == Some(libc::EINTR) => {}
            // ECHILD: everything is dead.
            Err(_) => sys::exit(0),
        }
    }
}
