//! Looks for what was kept long enough, until the service stops. Several services over one database may: each erases in
//! short transactions, and what the other one took is not there any more.

use std::sync::Arc;
use std::time::Duration;

use proto::id::Digest;

use crate::app::App;
use crate::store::{Erased, StoreError};
use crate::time::now_ms;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// The same while one look does not do it all.
const GO_ON: Duration = Duration::from_secs(1);

/// Erases until the service stops.
pub(crate) async fn sweep(app: Arc<App>) {
    let (mut orphans, mut pause) = (None, GO_ON);
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match once(&app, &mut orphans, now_ms()).await {
            Ok(erased) if erased.more => GO_ON,
            Ok(_) => LOOK_EVERY,
            Err(e) => {
                tracing::error!(error = %e, "what was kept long enough could not be erased");
                LOOK_EVERY
            }
        };
    }
}

/// One look; `orphans` is where the look at blobs goes on.
pub(crate) async fn once(app: &App, orphans: &mut Option<Digest>, now: i64) -> Result<Erased, StoreError> {
    let mut erased = app.store.erase_old(&app.retention, now).await?;
    (erased.blobs, *orphans) = app.store.erase_orphans(orphans.as_ref(), now).await?;
    app.metrics.erased(&erased);
    let Erased { submissions, sources, outputs, revisions, blobs, .. } = erased;
    if submissions + sources + outputs + revisions + blobs > 0 {
        tracing::info!(submissions, sources, outputs, revisions, blobs, "erased what was kept long enough");
    }
    Ok(erased)
}
