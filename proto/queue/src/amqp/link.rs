//! One connection that several parts share, made when somebody needs it and again when it broke.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;

use crate::QueueError;

/// The broker counts as gone when it is silent for two of these, in seconds.
const HEARTBEAT_S: u16 = 10;
/// How long one try to connect may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Pauses between tries.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A way to the broker.
pub(super) struct Link {
    uri: AMQPUri,
    /// Host, port and virtual host: all of the URL that may be told.
    shown: String,
    name: &'static str,
    connection: Mutex<Option<Arc<Connection>>>,
    down: AtomicBool,
}

impl Link {
    pub(super) fn new(url: &str, name: &'static str) -> Result<Arc<Self>, QueueError> {
        let mut uri: AMQPUri = url.parse().map_err(|_| QueueError::Refused {
            what: "the broker's URL".into(),
            cause: "write it as `amqp://USER:PASSWORD@HOST:PORT/VHOST` (`%2f` is the default virtual host)"
                .into(),
        })?;
        uri.query.heartbeat = Some(uri.query.heartbeat.unwrap_or(HEARTBEAT_S));
        let shown = format!("the broker at {}:{}", uri.authority.host, uri.authority.port);
        Ok(Arc::new(Self { uri, shown, name, connection: Mutex::new(None), down: AtomicBool::new(false) }))
    }

    /// A fresh channel; connects first when there is no connection.
    pub(super) async fn channel(&self) -> Result<Channel, QueueError> {
        let connection = self.connection().await?;
        connection.create_channel().await.map_err(|e| self.unavailable(&e))
    }

    async fn connection(&self) -> Result<Arc<Connection>, QueueError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|c| c.status().connected()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let properties = ConnectionProperties::default().with_connection_name(self.name.into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let connection = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(connection)) => Arc::new(connection),
            Ok(Err(e)) => return Err(self.failed(self.unavailable(&e))),
            Err(_) => {
                let cause = format!("no answer within {} s", CONNECT.as_secs());
                return Err(self.failed(QueueError::Unavailable { what: self.shown.clone(), cause }));
            }
        };
        self.down.store(false, Ordering::Relaxed);
        tracing::info!(broker = %self.shown, "connected");
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// Says once that the broker is gone, until it is back.
    fn failed(&self, error: QueueError) -> QueueError {
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(error = %error, "the broker cannot be reached; trying again until it can");
        }
        error
    }

    /// What went wrong, without secrets.
    pub(super) fn unavailable(&self, error: &lapin::Error) -> QueueError {
        QueueError::Unavailable { what: self.shown.clone(), cause: error.to_string() }
    }

    /// The other side said no.
    pub(super) fn refused(&self, cause: impl Into<String>) -> QueueError {
        QueueError::Refused { what: self.shown.clone(), cause: cause.into() }
    }
}

/// Growing pauses with jitter, so that many workers do not come back in the same moment.
pub(super) struct Pauses {
    next: Duration,
}

impl Pauses {
    pub(super) fn new() -> Self {
        Self { next: PAUSE }
    }

    pub(super) fn reset(&mut self) {
        self.next = PAUSE;
    }

    /// The next pause: from half of it to the whole.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(PAUSE_MAX);
        let random = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0;
        whole.mul_f64(0.5 + random / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_never_vanish() {
        let mut pauses = Pauses::new();
        for _ in 0..20 {
            let pause = pauses.next();
            assert!(pause >= PAUSE / 2 && pause <= PAUSE_MAX, "{pause:?}");
        }
        assert!(pauses.next() >= PAUSE_MAX / 2);
        pauses.reset();
        assert!(pauses.next() <= PAUSE);
    }
}
