//! Steps of image recipes, run in boxes: no network, a read-only image, an unprivileged user, and what is left
//! in the work directory comes back after the box is dead.

use std::time::Duration;

use images::{Rootfs, RunStep, StepFile};
use proto::facts::Exit;
use proto::limits::Limits;
use proto::units::Bytes;
use sandbox::spec::{BoxFile, Collect, Profile, RunSpec, Stdin};
use sandbox::{BoxServer, Cancel};

use crate::context::root_spec;
use crate::output::{Failure, chain};

/// Bytes of a failed command's output that are shown.
const LOG_MAX: usize = 8 << 10;
/// Most that a step may leave.
const LEFT_MAX: u64 = 1 << 30;

/// Boxes for steps, or why there are none: most recipes need none.
pub(crate) struct StepBoxes {
    server: Result<BoxServer, String>,
}

impl StepBoxes {
    pub(crate) fn new(server: Result<BoxServer, Failure>) -> Self {
        Self { server: server.map_err(|why| why.to_string()) }
    }
}

/// A step packs a whole standard library at times; nobody else is judged meanwhile.
fn limits() -> Limits {
    Limits {
        cpu_time: Duration::from_mins(20),
        wall_time: Duration::from_hours(1),
        memory: Bytes::gib(6),
        output: Bytes::mib(64),
        file_size: Bytes::gib(1),
        disk: Bytes::gib(3),
        inodes: 1 << 17,
        ..Limits::compile_defaults()
    }
}

impl RunStep for StepBoxes {
    fn run(&self, root: &Rootfs, argv: &[String], files: &[StepFile]) -> Result<Vec<StepFile>, String> {
        let server = self.server.as_ref().map_err(Clone::clone)?;
        let mut env = root.env.clone();
        env.extend([("HOME".to_owned(), "/tmp".to_owned()), ("LC_ALL".to_owned(), "C.UTF-8".to_owned())]);
        let files: Result<Vec<BoxFile>, String> = files
            .iter()
            .map(|file| {
                let path = String::from_utf8(file.path.clone()).map_err(|e| e.to_string())?;
                Ok(BoxFile { path, content: file.bytes.as_slice().into(), executable: file.executable })
            })
            .collect();
        let spec = RunSpec {
            root: root_spec(root),
            argv: argv.to_vec(),
            env,
            files: files?,
            stdin: Stdin::Empty,
            keep_stdout: LOG_MAX,
            overflow: None,
            keep_stderr: LOG_MAX,
            limits: limits(),
            profile: Profile::Default,
            writable: true,
            collect: vec![Collect::read(".", LEFT_MAX)],
        };
        let outcome = server.run(&spec, &Cancel::new()).map_err(|e| chain(&e))?;
        if outcome.facts.exit != Some(Exit::Code(0)) {
            let (out, err) = (outcome.stdout.bytes, outcome.stderr.bytes);
            return Err(format!(
                "{}{}it ended with {:?}, limits {:?}",
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(&err),
                outcome.facts.exit,
                outcome.facts.limit_events
            ));
        }
        if let Some((path, why)) = outcome.refused.first() {
            return Err(format!("it left `{path}`, which cannot be taken: {why}"));
        }
        let taken = outcome.files.into_iter().map(|file| StepFile {
            path: file.path,
            executable: file.executable,
            bytes: file.bytes,
        });
        Ok(taken.collect())
    }
}
