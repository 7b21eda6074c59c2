//! A harness whose submission runs elsewhere: each command over the submission gets a fresh box of its own, and
//! the harness hears of it what it printed and how it ended.
//!
//! ```text
//!  harness's box --{"run": {"argv": […], "stdin_base64": …}}--> here --RunSpec--> a box with the submission
//!                <--{"status", "exit_code", "stdout_base64", …}--
//! ```
//! One JSON object a line, both ways, over a socket that is fd 3 of the harness. Nothing else leads from one box to
//! the other: the submission has no results to write, no tests to read and no harness to end.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker::classify;
use course::Tree;
use proto::limits::Limits;
use proto::units::{Bytes, opt_ms, round_ms};
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, Follow, Profile, RunOutcome, RunSpec, Stdin};
use sandbox::{BoxServer, Cancel, SandboxError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::run::{Ground, environment};

/// Longest request; most of it is standard input.
const REQUEST_MAX: u64 = 32 << 20;
/// Most commands of one submission.
const COMMANDS_MAX: usize = 2_000;
/// How much of stdout, and of stderr, a harness hears.
const OUTPUT_MAX: usize = 4 << 20;
/// CPU time of a command that names none.
const CPU_TIME: Duration = Duration::from_secs(10);

const HELPERS: [(&str, &str); 2] = [
    (".tribunal/lib/tribunal_box.py", include_str!("../helper/tribunal_box.py")),
    (".tribunal/lib/student", include_str!("../helper/student")),
];

/// The boxes of one submission.
#[derive(Debug)]
pub(crate) struct Separate<'a> {
    ground: &'a Ground,
    /// What the next command's work directory holds.
    files: Tree,
    commands: usize,
    /// Our own failure, which makes every answer worthless.
    broken: Option<SandboxError>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    run: Command,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    argv: Vec<String>,
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    stdin_base64: Option<String>,
    #[serde(rename = "cpu_time_ms", default, with = "opt_ms")]
    cpu_time: Option<Duration>,
    #[serde(default)]
    keep: bool,
}

impl<'a> Separate<'a> {
    pub(crate) fn new(ground: &'a Ground, submission: &Tree) -> Self {
        Self { ground, files: submission.clone(), commands: 0, broken: None }
    }

    /// Runs the harness of `spec`, and the submission's commands while it runs.
    pub(crate) fn run(
        mut self,
        boxes: &BoxServer,
        spec: &mut RunSpec,
        asked_to_stop: &Cancel,
        follow: Option<&Follow>,
    ) -> Result<RunOutcome, SandboxError> {
        let host = |source: io::Error| SandboxError::Host { what: "make a line to a harness".into(), source };
        let (ours, theirs) = UnixStream::pair().map_err(host)?;
        let end = ours.try_clone().map_err(host)?;
        spec.stdin = Stdin::Fd(Arc::new(OwnedFd::from(theirs)));
        for (path, text) in HELPERS {
            let content = text.as_bytes().into();
            spec.files.push(BoxFile { path: path.to_owned(), content, executable: true });
        }
        lead(&mut spec.env, "PYTHONPATH", "/w/.tribunal/lib");
        lead(&mut spec.env, "PATH", "/w/.tribunal/lib");
        spec.env.push(("TRIBUNAL_BOX_FD".to_owned(), "3".to_owned()));
        let cancel = Cancel::new();
        let outcome = std::thread::scope(|threads| {
            let serving = threads.spawn(|| self.serve(boxes, ours, &cancel));
            // Not twice: what the submission's boxes did cannot be taken back.
            let outcome = boxes.run_following(spec, asked_to_stop, follow);
            spec.stdin = Stdin::Empty;
            cancel.cancel();
            let _ = end.shutdown(Shutdown::Both);
            let _ = serving.join();
            outcome
        });
        match self.broken {
            Some(broken) => Err(broken),
            None => outcome,
        }
    }

    /// Answers until the harness is gone.
    fn serve(&mut self, boxes: &BoxServer, line: UnixStream, cancel: &Cancel) {
        let Ok(mut answers) = line.try_clone() else { return };
        let mut requests = BufReader::new(line);
        loop {
            let mut request = Vec::new();
            match (&mut requests).take(REQUEST_MAX + 1).read_until(b'\n', &mut request) {
                Ok(n) if n > 0 && request.ends_with(b"\n") => {}
                // Gone, or more than a request: there is no way to find the next one.
                _ => return,
            }
            let answer = self.answer(boxes, &request, cancel);
            let Some(answer) = answer else { return };
            if answers.write_all(format!("{answer}\n").as_bytes()).is_err() {
                return;
            }
        }
    }

    /// The answer; `None` when there is no point in one any more.
    fn answer(&mut self, boxes: &BoxServer, request: &[u8], cancel: &Cancel) -> Option<Value> {
        let command = match serde_json::from_slice::<Request>(request) {
            Ok(request) => request.run,
            Err(e) => return Some(json!({ "error": format!("the request cannot be read: {e}") })),
        };
        self.commands += 1;
        if self.commands > COMMANDS_MAX {
            return Some(json!({ "error": format!("more than {COMMANDS_MAX} commands for one submission") }));
        }
        let spec = match self.spec(&command) {
            Ok(spec) => spec,
            Err(why) => return Some(json!({ "error": why })),
        };
        let outcome = match run_again_once(boxes, &spec, cancel) {
            Ok(outcome) => outcome,
            Err(e @ (SandboxError::Exec { .. } | SandboxError::BadSpec(_))) => {
                return Some(json!({ "error": e.to_string() }));
            }
            Err(SandboxError::Cancelled) => return None,
            Err(e) => {
                self.broken = Some(e);
                return None;
            }
        };
        let ended = classify(&outcome.facts, &spec.limits);
        let status = match ended.verdict {
            None | Some(Verdict::RTE) if ended.signal.is_none() => "exited",
            None | Some(Verdict::RTE) => "signalled",
            Some(Verdict::SV) => "violation",
            Some(Verdict::SE) => {
                let source = io::Error::other(ended.reason.unwrap_or_default());
                self.broken = Some(SandboxError::Host { what: "run the submission".into(), source });
                return None;
            }
            Some(_) => "limit",
        };
        let answer = json!({
            "status": status, "exit_code": ended.exit_code, "signal": ended.signal,
            "limit_hit": ended.limit_hit, "reason": ended.feedback,
            "cpu_time_ms": round_ms(outcome.facts.cpu_time), "wall_time_ms": round_ms(outcome.facts.wall_time),
            "memory_bytes": outcome.facts.memory_bytes,
            "stdout_base64": STANDARD.encode(&outcome.stdout.bytes),
            "stderr_base64": STANDARD.encode(&outcome.stderr.bytes),
            "truncated": outcome.stdout.truncated || outcome.stderr.truncated,
        });
        if command.keep {
            self.keep(outcome);
        }
        Some(answer)
    }

    fn spec(&self, command: &Command) -> Result<RunSpec, String> {
        let stdin = match (&command.stdin, &command.stdin_base64) {
            (Some(_), Some(_)) => return Err("stdin and stdin_base64 exclude each other".to_owned()),
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text).map_err(|e| format!("stdin_base64: {e}"))?,
            (None, None) => Vec::new(),
        };
        if command.argv.is_empty() {
            return Err("argv is empty".to_owned());
        }
        let whole = &self.ground.limits;
        let cpu_time = command.cpu_time.unwrap_or(CPU_TIME).clamp(Duration::from_millis(1), whole.cpu_time);
        let limits = Limits {
            cpu_time,
            wall_time: Limits::wall_for(cpu_time).min(whole.wall_time),
            memory: whole.memory,
            disk: whole.disk.min(Bytes::mib(256)),
            inodes: whole.inodes.min(16_384),
            ..Limits::run_defaults()
        };
        let files = self.files.files.iter().map(|(path, entry)| BoxFile {
            path: path.clone(),
            content: entry.content.clone().into(),
            executable: entry.executable,
        });
        let whole_dir = Collect::read(".", limits.disk.get());
        Ok(RunSpec {
            root: self.ground.root.clone(),
            argv: command.argv.clone(),
            env: environment(&self.ground.env, &[]),
            files: files.collect(),
            stdin: Stdin::Bytes(stdin.into()),
            keep_stdout: OUTPUT_MAX,
            overflow: None,
            keep_stderr: OUTPUT_MAX,
            limits,
            profile: Profile::Default,
            writable: true,
            collect: if command.keep { vec![whole_dir] } else { Vec::new() },
        })
    }

    fn keep(&mut self, outcome: RunOutcome) {
        self.files = Tree::default();
        for file in outcome.files {
            if let Ok(path) = String::from_utf8(file.path) {
                self.files.put(&path, file.bytes, file.executable);
            }
        }
    }
}

/// Puts a folder in front of a list of them.
fn lead(env: &mut Vec<(String, String)>, key: &str, folder: &str) {
    match env.iter_mut().find(|(k, _)| k == key) {
        Some((_, list)) => *list = format!("{folder}:{list}"),
        None => env.push((key.to_owned(), folder.to_owned())),
    }
}

fn run_again_once(boxes: &BoxServer, spec: &RunSpec, cancel: &Cancel) -> Result<RunOutcome, SandboxError> {
    match boxes.run(spec, cancel) {
        Err(SandboxError::Setup { .. } | SandboxError::Lost { .. } | SandboxError::Host { .. }) => {
            boxes.run(spec, cancel)
        }
        other => other,
    }
}
