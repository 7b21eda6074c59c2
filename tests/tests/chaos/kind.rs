//! What can break.

/// One thing that breaks for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A worker is killed.
    WorkerKilled,
    /// An API is killed.
    ApiKilled,
    /// Connections to the broker are cut.
    BrokerCut,
    /// The broker refuses connections.
    BrokerRefuses,
    /// The database refuses connections.
    DatabaseRefuses,
    /// The broker and all its processes are killed.
    BrokerKilled,
    /// The database and all its processes are killed.
    DatabaseKilled,
    /// No byte more goes on the database's disk.
    DatabaseFull,
    /// None goes on the disk of a worker's data directory.
    WorkerFull,
    /// None goes on the disk of the APIs' blobs.
    BlobsFull,
    /// Packets between a worker and the broker are dropped.
    WorkerBrokerSilent,
    /// Those between a worker and its API.
    WorkerApiSilent,
    /// Those between an API and the broker.
    ApiBrokerSilent,
    /// Those between an API and the database.
    ApiDatabaseSilent,
    /// Those between the database and everybody, as the database sees it.
    DatabaseSilent,
}

impl Kind {
    pub(crate) const ALL: [Kind; 15] = [
        Kind::WorkerKilled,
        Kind::ApiKilled,
        Kind::BrokerCut,
        Kind::BrokerRefuses,
        Kind::DatabaseRefuses,
        Kind::BrokerKilled,
        Kind::DatabaseKilled,
        Kind::DatabaseFull,
        Kind::WorkerFull,
        Kind::BlobsFull,
        Kind::WorkerBrokerSilent,
        Kind::WorkerApiSilent,
        Kind::ApiBrokerSilent,
        Kind::ApiDatabaseSilent,
        Kind::DatabaseSilent,
    ];

    /// Those that drop packets.
    pub(crate) const SILENT: [Kind; 5] = [
        Kind::ApiDatabaseSilent,
        Kind::WorkerBrokerSilent,
        Kind::WorkerApiSilent,
        Kind::ApiBrokerSilent,
        Kind::DatabaseSilent,
    ];

    pub(crate) fn is_silence(self) -> bool {
        Self::SILENT.contains(&self)
    }
}
