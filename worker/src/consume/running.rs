//! The claims this worker works on, and the two ways in which one ends from outside.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::http::{Heartbeat, RunningClaim};
use proto::id::{Fence, JudgementId};
use tokio::sync::watch;

/// Why a job stops before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nobody said so.
    No,
    /// The store took the claim back: cancelled, or granted to somebody else. Nothing is reported.
    Revoked,
    /// This worker shuts down: another attempt has to be made.
    HandBack,
}

#[derive(Debug)]
struct Claim {
    fence: Fence,
    stop: watch::Sender<Stop>,
}

/// All claims in work.
#[derive(Debug, Default)]
pub(super) struct Running {
    claims: Mutex<HashMap<JudgementId, Claim>>,
    draining: AtomicBool,
    handing_back: AtomicBool,
}

impl Running {
    fn claims(&self) -> MutexGuard<'_, HashMap<JudgementId, Claim>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a granted claim; the guard takes it out again.
    pub(super) fn enter(&self, judgement: JudgementId, fence: Fence) -> Entered<'_> {
        let first = if self.handing_back.load(Ordering::SeqCst) { Stop::HandBack } else { Stop::No };
        let (stop, told) = watch::channel(first);
        self.claims().insert(judgement, Claim { fence, stop });
        Entered { running: self, judgement, fence, told }
    }

    /// From now on heartbeats say that no more jobs are taken.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Stops every claim, those that are still being granted included.
    pub(super) fn hand_back_all(&self) {
        self.handing_back.store(true, Ordering::SeqCst);
        for claim in self.claims().values() {
            claim.stop.send_replace(Stop::HandBack);
        }
    }

    /// Whether jobs are to be handed back at once.
    pub(super) fn is_handing_back(&self) -> bool {
        self.handing_back.load(Ordering::SeqCst)
    }

    /// Stops the claim on `judgement`, if there is one.
    pub(super) fn revoke(&self, judgement: JudgementId) {
        if let Some(claim) = self.claims().get(&judgement) {
            claim.stop.send_replace(Stop::Revoked);
        }
    }

    /// What the next heartbeat says.
    pub(super) fn heartbeat(&self) -> Heartbeat {
        let running =
            self.claims().iter().map(|(id, c)| RunningClaim { judgement_id: *id, fence: c.fence }).collect();
        Heartbeat { running, draining: self.draining.load(Ordering::SeqCst), ..Heartbeat::default() }
    }
}

/// A claim in work.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    running: &'a Running,
    judgement: JudgementId,
    fence: Fence,
    told: watch::Receiver<Stop>,
}

impl Entered<'_> {
    /// Resolves when the claim has to stop, with the reason.
    pub(super) async fn stopped(&mut self) -> Stop {
        let told = self.told.wait_for(|stop| *stop != Stop::No).await.map(|stop| *stop);
        match told {
            Ok(stop) => stop,
            // A newer claim of the same judgement took the entry's place: this one is worth nothing.
            Err(_) => Stop::Revoked,
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut claims = self.running.claims();
        // A newer claim of the same judgement, granted to this worker, is not ours to remove.
        if claims.get(&self.judgement).is_some_and(|claim| claim.fence == self.fence) {
            claims.remove(&self.judgement);
        }
    }
}
