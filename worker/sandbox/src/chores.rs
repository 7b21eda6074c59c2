//! What can wait until nobody does: taking down what a finished box leaves, and making ready what the next one
//! needs. One thread per box server; a run hands its box over when the facts are read and every process of it is
//! dead.
//!
//! Taking down a mount tree, a tmpfs and three control groups waits for the kernel several times; none of it can
//! change a fact. Host ids go back last, so that a range is never used again while anything of its box is left.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use crate::cgroup::BoxGroup;
use crate::error::SandboxError;
use crate::ids::Lease;
use crate::keeper::{BoxKind, Inner};

/// Most boxes that wait to be taken down; the next run waits with them. Bounds memory and descriptors when the
/// kernel is slower in taking down than the worker in running.
const WAITING_MAX: usize = 32;

/// What is left of a dead box.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) group: Option<BoxGroup>,
    pub(crate) lease: Option<Lease>,
    /// Its tmpfs, mount namespace, listener, lines: closing them is the taking down.
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Something to do.
#[derive(Debug)]
enum Chore {
    Bury(Remains),
    /// Make ready what the next run of the kind will need.
    Ready(BoxKind),
}

/// The thread, as long as somebody holds this.
#[derive(Debug)]
pub(crate) struct Chores {
    sender: Option<SyncSender<Chore>>,
    open: Arc<Open>,
    thread: Option<JoinHandle<()>>,
}

/// Counts the chores not yet done.
#[derive(Debug, Default)]
struct Open {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Open {
    fn add(&self, n: isize) {
        let mut count = self.count.lock().expect("no panic while held");
        *count = count.saturating_add_signed(n);
        self.changed.notify_all();
    }
}

impl Chores {
    /// Starts the thread for `inner`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(inner: Arc<Inner>) -> Result<Self, SandboxError> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let open = Arc::new(Open::default());
        let done = Arc::clone(&open);
        let thread = std::thread::Builder::new()
            .name("box-chores".into())
            .spawn(move || work(&inner, &receiver, &done))
            .map_err(SandboxError::host("start a thread"))?;
        Ok(Self { sender: Some(sender), open, thread: Some(thread) })
    }

    /// Takes a dead box down, soon.
    pub(crate) fn bury(&self, remains: Remains) {
        self.hand(Chore::Bury(remains));
    }

    /// Makes ready, soon, what the next run of the kind will need.
    pub(crate) fn ready(&self, kind: BoxKind) {
        self.hand(Chore::Ready(kind));
    }

    fn hand(&self, chore: Chore) {
        self.open.add(1);
        let sent = self.sender.as_ref().is_some_and(|sender| sender.send(chore).is_ok());
        if !sent {
            self.open.add(-1);
        }
    }

    /// Waits until everything handed over so far is done.
    pub(crate) fn wait(&self) {
        let count = self.open.count.lock().expect("no panic while held");
        drop(self.open.changed.wait_while(count, |count| *count > 0).expect("no panic while held"));
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(inner: &Inner, receiver: &Receiver<Chore>, open: &Open) {
    while let Ok(chore) = receiver.recv() {
        match chore {
            Chore::Bury(remains) => inner.bury(remains),
            Chore::Ready(kind) => inner.make_ready(&kind),
        }
        open.add(-1);
    }
}
