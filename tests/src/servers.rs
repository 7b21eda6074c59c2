//! The RabbitMQ and the PostgreSQL that tests of several processes share, and those that one test kills.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

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

/// A RabbitMQ and a durable PostgreSQL of one test's own, which it may kill; they end with it.
#[derive(Debug)]
pub struct Mortal {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// URL of the broker, the same after each start.
    pub broker: String,
    /// URL of the database server, the same after each start.
    pub database: String,
    /// Goes after the servers have ended.
    _folder: tempfile::TempDir,
}

/// One of the two servers of [`Mortal`].
#[derive(Debug, Clone, Copy)]
pub enum Server {
    /// The RabbitMQ.
    Broker,
    /// The PostgreSQL.
    Database,
}

impl Mortal {
    /// Starts both; says what is skipped where one is not installed.
    ///
    /// # Panics
    /// When one does not come up.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        // The servers run as users of their own, who have to pass.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("it is ours");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/mortal-services");
        // In a group of its own: what interrupts the test lets it end the servers in peace.
        let mut shell = Command::new(script)
            .arg(folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script can be started");
        let orders = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("stdout is piped"));
        let (broker, database) = (String::new(), String::new());
        let mut servers = Self { shell, orders, answers, broker, database, _folder: folder };
        let answer = servers.answer();
        let words: Vec<&str> = answer.split(' ').collect();
        match words[..] {
            ["ready", broker, database] => {
                (servers.broker, servers.database) = (broker.to_owned(), database.to_owned());
                Some(servers)
            }
            ["missing", what] => {
                println!("SKIPPED: {what} is not installed");
                None
            }
            _ => panic!("the servers did not start: {answer:?}"),
        }
    }

    /// SIGKILL to the server and to every process below it.
    ///
    /// # Panics
    /// When that failed.
    pub fn kill(&mut self, server: Server) {
        self.order("kill", server);
    }

    /// Starts a killed server over what it left behind, on its port; returns when it accepts connections.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn revive(&mut self, server: Server) {
        self.order("start", server);
    }

    /// Fills the disk of the database until nothing more goes on it; other users than root have no disk to fill,
    /// and the script says so. Returns when the database has felt it.
    ///
    /// # Panics
    /// When that failed.
    pub fn fill_disk(&mut self) {
        self.order("fill", Server::Database);
    }

    /// Frees the disk of the database; starts the database when it has ended for want of space.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn free_disk(&mut self) {
        self.order("free", Server::Database);
    }

    fn order(&mut self, what: &str, server: Server) {
        let name = match server {
            Server::Broker => "rabbitmq",
            Server::Database => "postgres",
        };
        let orders = self.orders.as_mut().expect("open until the end");
        writeln!(orders, "{what} {name}").expect("the script reads");
        assert_eq!(self.answer(), "done", "{what} {name}");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the script writes text");
        line.trim_end().to_owned()
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.shell.wait();
    }
}
