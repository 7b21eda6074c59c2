//! Tests that a harness reports while it works, from its box to those who watch.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use course::{Heard, Live};
use sandbox::spec::Follower;

/// Told each test as it is reported. Called by the thread that watches the box: it must not wait.
#[derive(Clone)]
pub struct OnHeard(Arc<dyn Fn(Heard) + Send + Sync>);

impl OnHeard {
    /// Tells `tell`.
    pub fn new(tell: impl Fn(Heard) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for OnHeard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnHeard")
    }
}

/// Makes tests of the bytes of `results.jsonl`.
#[derive(Debug)]
pub(crate) struct Ear {
    live: Mutex<Live>,
    tell: OnHeard,
}

impl Ear {
    pub(crate) fn new(live: Live, tell: OnHeard) -> Self {
        Self { live: Mutex::new(live), tell }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Live) -> T) -> T {
        work(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Follower for Ear {
    fn begin(&self) {
        self.with(Live::begin);
    }

    fn take(&self, bytes: &[u8]) {
        for heard in self.with(|live| live.take(bytes)) {
            (self.tell.0)(heard);
        }
    }
}
