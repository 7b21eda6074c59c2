//! "Alive", every few seconds: renews the leases of the running claims and learns which of them to stop.

use std::sync::Arc;

use tokio::time::MissedTickBehavior;

use super::Shared;

/// Beats until it is aborted.
pub(super) async fn beat(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(shared.config.heartbeat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        once(&shared).await;
    }
}

/// One beat. A store that forgot this worker is told again; one that cannot be reached is asked next time.
async fn once(shared: &Shared) {
    let beat = shared.running.heartbeat();
    match shared.coordinator.heartbeat(shared.config.id, &beat).await {
        Ok(reply) => {
            for judgement in reply.stop {
                tracing::info!(judgement.id = %judgement, "the store took a claim back");
                shared.running.revoke(judgement);
            }
            if !reply.known
                && let Err(error) = shared.coordinator.register(&shared.config.registration()).await
            {
                tracing::warn!(%error, "could not register again");
            }
        }
        Err(error) => tracing::warn!(%error, "the heartbeat did not get through"),
    }
}
