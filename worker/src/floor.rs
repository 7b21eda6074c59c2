//! The floor of this machine: boxes share it, but for the few runs that must have it to themselves.
//!
//! A run that missed its time limit by little is made again where nothing else runs, so that the noise of
//! neighbours does not decide. The lock is fair: whoever asks for the floor alone waits for the boxes that
//! run, and boxes that come later wait behind it, so neither starves. A holder never asks again before it
//! let go, which is what keeps it from locking itself out.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Many share it, or one has it.
#[derive(Debug, Default)]
pub struct Floor(RwLock<()>);

impl Floor {
    /// A place among others, for as long as the guard lives: for one step of work with all its boxes.
    pub async fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().await
    }

    /// The whole floor: no box that has a place on it runs until the guard is dropped.
    pub async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn whoever_is_alone_meets_nobody_and_everybody_gets_through() {
        let (floor, here) = (Arc::new(Floor::default()), Arc::new(AtomicUsize::new(0)));
        let everybody = (0..64).map(|n| {
            let (floor, here) = (Arc::clone(&floor), Arc::clone(&here));
            tokio::spawn(async move {
                if n % 4 == 0 {
                    let _alone = floor.alone().await;
                    assert_eq!(here.fetch_add(1, Ordering::SeqCst), 0, "somebody else is here");
                    tokio::task::yield_now().await;
                    assert_eq!(here.fetch_sub(1, Ordering::SeqCst), 1, "somebody came");
                } else {
                    let _shared = floor.shared().await;
                    here.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    here.fetch_sub(1, Ordering::SeqCst);
                }
            })
        });
        for one in everybody.collect::<Vec<_>>() {
            one.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_place_asked_for_later_waits_behind_who_wants_to_be_alone() {
        let floor = Floor::default();
        let first = floor.shared().await;
        let mut alone = std::pin::pin!(floor.alone());
        assert!(futures::poll!(alone.as_mut()).is_pending());
        let mut late = std::pin::pin!(floor.shared());
        assert!(futures::poll!(late.as_mut()).is_pending(), "else newcomers could starve it");
        drop(first);
        drop(alone.await);
        drop(late.await);
    }
}
