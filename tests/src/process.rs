//! The executable under test: found, started, watched, killed by its id.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a process may take until it says that it works.
const START: Duration = Duration::from_mins(1);
/// How long a process may take to end after SIGTERM.
const STOP: Duration = Duration::from_mins(1);

/// The executable: `TRIBUNAL_BIN`, else `tribunal` beside this test in the target folder.
///
/// # Panics
/// When it was not built.
pub fn executable() -> PathBuf {
    if let Some(named) = std::env::var_os("TRIBUNAL_BIN") {
        return PathBuf::from(named);
    }
    let test = std::env::current_exe().expect("this test has a path");
    let found = test.ancestors().skip(1).map(|dir| dir.join("tribunal")).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("`tribunal` is not built; run `cargo build -p tribunal` or set TRIBUNAL_BIN")
    })
}

/// A command line over the executable, with no configuration from outside.
pub fn tribunal(data: &Path) -> Command {
    let mut command = Command::new(executable());
    command.arg("--data").arg(data).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("TRIBUNAL_") || name.starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    // Tests are about runs; those about the cache turn it on.
    command.env("TRIBUNAL__CACHE__MAX", "off");
    command
}

/// Runs it to its end.
///
/// # Panics
/// When it cannot be started.
pub fn finish(command: &mut Command) -> Output {
    command.output().expect("the executable can be started")
}

/// The one JSON document on stdout.
///
/// # Panics
/// When stdout is anything else.
pub fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("not one JSON document ({e}): {text}\n{said}"))
}

/// Gives a new data folder the images of the test data, so that nothing is built twice: its `images` is a
/// link there.
///
/// # Panics
/// When the link cannot be made.
pub fn share_images(data: &Path) {
    if let Some(from) = std::env::var_os("TRIBUNAL_TEST_DATA") {
        std::fs::create_dir_all(data).expect("the data folder can be made");
        std::os::unix::fs::symlink(Path::new(&from).join("images"), data.join("images"))
            .expect("a link to the images can be made");
    }
}

/// A running process; dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Vec<String>,
}

impl Running {
    /// Starts `command` and waits for a line of stdout that starts with `ready`.
    ///
    /// # Panics
    /// When it ends, or does not say so within a minute.
    pub fn start(command: &mut Command, ready: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the executable can be started");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    // The test has what it waited for; the pipe is drained so that nobody blocks on it.
                }
            }
        });
        let mut running = Self { child, lines: Vec::new() };
        let deadline = Instant::now() + START;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(left) {
                Ok(line) => {
                    running.lines.push(line);
                    if running.lines.last().is_some_and(|l| l.starts_with(ready)) {
                        return running;
                    }
                }
                Err(ended) => panic!("it did not say `{ready}` ({ended}); it said {:?}", running.lines),
            }
        }
    }

    /// The rest of the first line that starts with `prefix`.
    pub fn said(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(prefix))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a crash would be.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL can be sent");
        let _ = self.child.wait();
    }

    /// SIGTERM, then the exit status; `None` when it did not end in time.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn terminate(mut self) -> Option<i32> {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|s| s.success()), "SIGTERM can be sent");
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `tribunal serve` on a free port over `data`, with our own problems.
///
/// # Panics
/// When it does not come up.
pub fn serve(data: &Path) -> (Running, crate::client::Api) {
    let mut command = tribunal(data);
    command.args(["serve", "--listen", "127.0.0.1:0", "--problems"]).arg(crate::corpus::problems_folder());
    let running = Running::start(&mut command, "listening on ");
    let api = crate::client::Api::new(running.said("listening on ").expect("it said where"), None);
    (running, api)
}
