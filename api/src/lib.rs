//! The HTTP service and its store.
//!
//! ```text
//!  clients ──> routes ──> store (truth) ──> embedded queue ──> worker in this process
//!                 ^          ^   │ └──> webhooks ──> callback URLs
//!             watchers       │   └──> dispatch ──> broker ──> workers elsewhere
//!                 ^          │                        │
//!               events <── ingest <───────────────────┘  reports, events
//! ```
//! A submission, its judgement and its waiting job are written in one transaction before the client hears
//! 201. Workers ask for claims; only the report that carries the current fence is stored. Nothing here runs or
//! unpacks anything, knows a language that no worker registered, or reads the environment; SQL is written in
//! `store` alone.

#![forbid(unsafe_code)]

mod app;
mod auth;
#[cfg(test)]
mod brokered_tests;
mod config;
mod connections;
mod dispatch;
mod embedded;
mod error;
mod events;
mod first_tokens;
mod ingest;
mod metrics;
mod neighbours;
mod overhead;
mod package;
mod redact;
mod retention;
mod routes;
mod routing;
mod service;
mod store;
mod story;
#[cfg(test)]
mod testing;
pub mod time;
mod trace;
mod ui;
mod watch;
mod webhooks;

pub use config::{Broker, ServiceConfig};
pub use redact::redact;
pub use routes::openapi_json;
pub use service::{InstallError, Service, StartError};
pub use store::{Entry, Retention, S3Config, Scope, Store, StoreError};
pub use webhooks::target::Allowed;

/// The machine architecture that jobs are for: this service's own.
pub(crate) const CAPABILITY: &str = std::env::consts::ARCH;
