//! "Alive", every few seconds: renews the leases of the running claims, tells whether the host is fit and what was
//! counted, and learns which claims to stop and what the operator wants.

use std::sync::Arc;

use proto::http::WorkerCounts;
use tokio::time::MissedTickBehavior;

use super::Shared;

/// Beats until it is aborted.
pub(super) async fn beat(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(shared.config.heartbeat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shared.ask_now.notified() => {}
        }
        once(&shared).await;
    }
}

/// One beat. A store that forgot this worker is told again; one that cannot be reached is asked next time.
async fn once(shared: &Shared) {
    shared.packages.yield_room();
    let unfit = shared.config.fitness.look().await;
    shared.gate.host(unfit.clone());
    let mut beat = shared.running.heartbeat();
    let (packages_found, packages_fetched) = shared.packages.counts();
    let counts = shared.engine.runner().counts();
    beat.counted = Some(WorkerCounts { packages_found, packages_fetched, ..counts });
    beat.unfit = unfit;
    beat.room = shared.packages.room();
    match shared.coordinator.heartbeat(shared.config.id, &beat).await {
        Ok(reply) => {
            for judgement in reply.stop {
                tracing::info!(judgement.id = %judgement, "the store took a claim back");
                shared.running.revoke(judgement);
            }
            shared.gate.operator(reply.order);
            let registration = shared.registration();
            if !reply.known
                && let Err(error) = shared.coordinator.register(&registration).await
            {
                tracing::warn!(%error, "could not register again");
            }
        }
        Err(error) => tracing::warn!(%error, "the heartbeat did not get through"),
    }
}
