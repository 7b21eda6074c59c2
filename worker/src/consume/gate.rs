//! Whether jobs are taken: what the operator wants, and whether the host is fit. Told by the heartbeat, watched by the
//! loop that takes jobs.

use proto::http::Order;
use tokio::sync::watch;

use crate::fitness::{FIT_AGAIN, UNFIT};

/// What is known now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) order: Order,
    pub(super) unfit: Option<String>,
}

impl State {
    /// Whether no job is taken.
    pub(super) fn closed(&self) -> bool {
        self.order != Order::Work || self.unfit.is_some()
    }
}

/// The gate in front of the queue.
#[derive(Debug)]
pub(super) struct Gate(watch::Sender<State>);

impl Gate {
    pub(super) fn new(unfit: Option<String>) -> Self {
        if let Some(why) = &unfit {
            tracing::warn!(why, "taking no jobs: {UNFIT}");
        }
        Self(watch::Sender::new(State { order: Order::Work, unfit }))
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }

    pub(super) fn unfit(&self) -> Option<String> {
        self.0.borrow().unfit.clone()
    }

    /// What the operator wants.
    pub(super) fn operator(&self, order: Order) {
        self.change(|state| {
            if state.order != order {
                tracing::info!(order = order.name(), "the operator's order");
            }
            state.order = order;
        });
    }

    /// Whether the host is fit.
    pub(super) fn host(&self, unfit: Option<String>) {
        self.change(|state| {
            match (&state.unfit, &unfit) {
                (None, Some(why)) => {
                    tracing::warn!(why, "taking no more jobs: {UNFIT}");
                }
                (Some(_), None) => tracing::info!("{FIT_AGAIN}"),
                _ => {}
            }
            state.unfit = unfit;
        });
    }

    fn change(&self, with: impl FnOnce(&mut State)) {
        self.0.send_if_modified(|state| {
            let before = state.clone();
            with(state);
            *state != before
        });
    }
}
