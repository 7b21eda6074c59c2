//! The RabbitMQ and the PostgreSQL that tests of several processes share.

use std::process::Command;

/// The URLs of both, from `TRIBUNAL_TEST_AMQP` and `TRIBUNAL_TEST_POSTGRES`; without them says what is skipped.
pub fn servers() -> Option<(String, String)> {
    let named = std::env::var("TRIBUNAL_TEST_AMQP").ok().zip(std::env::var("TRIBUNAL_TEST_POSTGRES").ok());
    if named.is_none() {
        println!("SKIPPED: TRIBUNAL_TEST_AMQP and TRIBUNAL_TEST_POSTGRES name no servers");
    }
    named
}

/// A new database on the server; its URL.
pub fn fresh_database(server: &str) -> String {
    let name = format!("tribunal_{}", uuid::Uuid::new_v4().simple());
    let made = Command::new("psql").args([server, "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(made.is_ok_and(|s| s.success()), "a database can be made with psql");
    let (base, _) = server.rsplit_once('/').expect("a URL of PostgreSQL names a database");
    format!("{base}/{name}")
}
