//! One submission through a harness: into a box, and its leavings into a report.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker::{Classified, classify};
use course::{
    Bundle, FILE_MAX, ImageCommand, Leavings, Left, Live, Report, STDOUT_MAX, Status, Tree, WORK, in_work,
    settle,
};
use proto::limits::Limits;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Collect, Follow, Profile, RootSpec, RunOutcome, RunSpec, Stdin};
use sandbox::{BoxServer, Cancel, SandboxError};
use serde_json::json;

use crate::hear::{Ear, OnHeard};
use crate::separate::Separate;

/// Makes the directories, takes the place to work in, and becomes the harness. `$1` and `$2` are directories
/// below `/w`, `$3` is where to work.
const START: &str = r#"mkdir -p -- "$1" "$2" && cd -- "$3" || exit 127; shift 3; exec "$@""#;
/// The same for a harness whose submission runs elsewhere: the line to there moves out of the way of scripts that
/// read standard input.
const START_SEPARATE: &str =
    r#"exec 3<&0 </dev/null; mkdir -p -- "$1" "$2" && cd -- "$3" || exit 127; shift 3; exec "$@""#;

/// What all submissions of a harness stand on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The image's tree with the harness's [`Layer`](course::Layer) on top.
    pub root: RootSpec,
    /// The image's environment.
    pub env: Vec<(String, String)>,
    /// What the image would run.
    pub command: ImageCommand,
    /// Bounds of one submission.
    pub limits: Limits,
    /// The harness's files, as [`prepare`](crate::prepare) left them.
    pub files: Tree,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No submission can be graded this way.
    #[error("{0}")]
    Harness(String),
    /// We failed.
    #[error("{0}")]
    Ours(String),
}

/// One submission to be graded.
#[derive(Debug)]
pub struct Run<'a> {
    /// The harness.
    pub bundle: &'a Bundle,
    /// What it stands on.
    pub ground: &'a Ground,
    /// What the student handed in.
    pub submission: &'a Tree,
    /// Whose it is.
    pub id: &'a str,
    /// When it was handed in, RFC 3339.
    pub created_at: &'a str,
    /// Ends it early; what it then returns means nothing.
    pub cancel: &'a Cancel,
    /// Who hears of tests that are reported meanwhile.
    pub heard: Option<&'a OnHeard>,
}

impl Run<'_> {
    /// Grades it in a box. Blocks.
    ///
    /// # Errors
    /// [`RunError::Harness`] when image and harness do not fit, else ours. Whatever the submission does is in
    /// the report.
    pub fn grade(&self, boxes: &BoxServer) -> Result<Report, RunError> {
        self.grade_with_facts(boxes).map(|(report, _)| report)
    }

    /// The same, with how the harness's box ended; nothing of that where no box could be made for the submission.
    ///
    /// # Errors
    /// As [`grade`](Self::grade).
    pub fn grade_with_facts(&self, boxes: &BoxServer) -> Result<(Report, Option<Classified>), RunError> {
        let mut spec = self.spec()?;
        let follow = self.follow();
        let outcome = if self.bundle.separate {
            Separate::new(self.ground, self.submission).run(boxes, &mut spec, self.cancel, follow.as_ref())
        } else {
            run_twice(boxes, &spec, self.cancel, follow.as_ref())
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(SandboxError::BadSpec(what)) => {
                let why = "the submission does not fit into the box";
                return Ok((Report::empty(Status::Failed, format!("{why}: {what}"), why), None));
            }
            Err(e) => return Err(run_error(&e)),
        };
        let ended = classify(&outcome.facts, &spec.limits);
        if ended.verdict == Some(Verdict::SE) {
            return Err(RunError::Ours(ended.reason.unwrap_or_else(|| "the box failed".to_owned())));
        }
        let (results, lines) = (self.results(), self.lines());
        let left = Leavings {
            results: left(&outcome, &results),
            lines: left(&outcome, &lines),
            facts: &outcome.facts,
            ended: &ended,
        };
        let mut report = settle(&left, self.bundle.schema, self.bundle.plan.as_deref());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        report.stdout = text(&outcome.stdout.bytes) + &text(&outcome.stderr.bytes);
        report.shared_box = !self.bundle.separate;
        report.stdout_truncated = outcome.stdout.truncated || outcome.stderr.truncated;
        Ok((report, Some(ended)))
    }

    fn results(&self) -> String {
        in_work(&self.bundle.results)
    }

    /// What is read while the harness works. What was told before a box failed stays told by the one that is made again.
    fn follow(&self) -> Option<Follow> {
        let live = Live::new(self.bundle.schema, self.bundle.plan.as_deref());
        let to = |heard: &OnHeard| Arc::new(Ear::new(live, heard.clone()));
        self.heard.map(|heard| Follow { path: self.lines(), max_bytes: FILE_MAX, to: to(heard) })
    }

    fn lines(&self) -> String {
        // results.json -> results.jsonl, beside it.
        let results = self.results();
        format!("{}.jsonl", results.strip_suffix(".json").unwrap_or(&results))
    }

    fn spec(&self) -> Result<RunSpec, RunError> {
        let (bundle, ground) = (self.bundle, self.ground);
        let command = match &bundle.command {
            Some(command) => command.clone(),
            None if !ground.command.argv.is_empty() => ground.command.argv.clone(),
            None => {
                let what = "the harness names no command and its image has neither Entrypoint nor Cmd; \
                            name one with `command` in harness.toml";
                return Err(RunError::Harness(what.to_owned()));
            }
        };
        let default_dir = if ground.command.work_dir.is_empty() { "/" } else { &ground.command.work_dir };
        let work_dir = bundle.work_dir.as_deref().unwrap_or(default_dir);
        let results = self.results();
        let folder = results.rsplit_once('/').map_or("", |(folder, _)| folder);
        let start = if bundle.separate { START_SEPARATE } else { START };
        let work = |path: &str| format!("{WORK}/{path}");
        let mut argv = ["/bin/sh", "-c", start, "harness"].map(str::to_owned).to_vec();
        argv.extend([work(self.made_ahead(folder)), work(&in_work(&bundle.submission)), work_dir.to_owned()]);
        argv.extend(command);
        Ok(RunSpec {
            root: ground.root.clone(),
            argv,
            env: self.env(),
            files: self.files(folder),
            stdin: Stdin::Empty,
            keep_stdout: STDOUT_MAX,
            overflow: None,
            keep_stderr: STDOUT_MAX,
            limits: ground.limits.clone(),
            profile: Profile::Default,
            writable: true,
            collect: [results.clone(), self.lines()].map(|path| Collect::read(path, FILE_MAX)).to_vec(),
        })
    }

    /// The folder that is there when the harness begins, of the results' `folder`. PrairieLearn makes none, so that its
    /// graders do, and end when there is one already ("External grading", a note on `/grade/results`).
    fn made_ahead<'f>(&self, folder: &'f str) -> &'f str {
        match folder.rsplit_once('/') {
            Some((above, _)) if self.bundle.format == "prairielearn" => above,
            _ => folder,
        }
    }

    fn env(&self) -> Vec<(String, String)> {
        environment(&self.ground.env, &self.bundle.env)
    }

    /// The harness's files, the submission's, and what the formats tell a harness. Nothing is placed where
    /// results appear: what is found there was written by this run. A submission may lie all around that place.
    fn files(&self, results_folder: &str) -> Vec<BoxFile> {
        let taken = format!("{results_folder}/");
        let submission = in_work(&self.bundle.submission);
        let own = self.ground.files.files.iter().map(|(path, entry)| (in_work(&format!("/{path}")), entry));
        let own = own.filter(|(path, _)| !path.starts_with(&taken));
        let results = [self.results(), self.lines()];
        let below = |path: &str, place: &String| {
            path.strip_prefix(place.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let handed_in =
            self.submission.files.iter().map(|(path, entry)| (format!("{submission}/{path}"), entry));
        let handed_in = handed_in.filter(|(path, _)| !results.iter().any(|place| below(path, place)));
        let mut files: Vec<BoxFile> = own
            .chain(handed_in)
            .map(|(path, entry)| BoxFile {
                path,
                content: entry.content.clone().into(),
                executable: entry.executable,
            })
            .collect();
        let mut tell = |at: &Option<String>, what: serde_json::Value| {
            if let Some(at) = at {
                let content = what.to_string().into_bytes().into();
                files.push(BoxFile { path: in_work(at), content, executable: false });
            }
        };
        tell(&self.bundle.metadata, self.metadata());
        tell(&self.bundle.data, self.data());
        files
    }

    /// What Gradescope tells of a submission, as far as it is known here.
    fn metadata(&self) -> serde_json::Value {
        json!({
            "id": self.id, "created_at": self.created_at, "submission_method": "upload",
            "assignment": {
                "id": 0, "course_id": 0, "title": "", "due_date": null, "late_due_date": null,
                "release_date": null, "group_size": null, "group_submission": false, "total_points": null,
            },
            "users": [{ "id": self.id, "name": self.id, "email": "" }],
            "previous_submissions": [],
        })
    }

    /// What PrairieLearn tells of a submission, as far as it is known here.
    fn data(&self) -> serde_json::Value {
        let files: Vec<_> = self
            .submission
            .files
            .iter()
            .map(|(name, entry)| json!({ "name": name, "contents": STANDARD.encode(&entry.content) }))
            .collect();
        json!({
            "params": {}, "correct_answers": {}, "raw_submitted_answers": {}, "format_errors": {},
            "partial_scores": {}, "score": 0, "feedback": {}, "variant_seed": "1", "options": {},
            "submitted_answers": { "_files": files }, "gradable": true,
        })
    }
}

/// The image's variables, changed as `changes` says, with a home that can be written.
pub(crate) fn environment(
    image: &[(String, String)],
    changes: &[(String, Option<String>)],
) -> Vec<(String, String)> {
    let mut env = image.to_vec();
    env.retain(|(key, _)| key != "HOME");
    env.push(("HOME".to_owned(), WORK.to_owned()));
    for (key, value) in changes {
        env.retain(|(k, _)| k != key);
        if let Some(value) = value {
            env.push((key.clone(), value.clone()));
        }
    }
    env
}

/// Runs it, once more when the box itself failed.
pub(crate) fn run_twice(
    boxes: &BoxServer,
    spec: &RunSpec,
    cancel: &Cancel,
    follow: Option<&Follow>,
) -> Result<RunOutcome, SandboxError> {
    match boxes.run_following(spec, cancel, follow) {
        Err(first @ (SandboxError::Setup { .. } | SandboxError::Lost { .. } | SandboxError::Host { .. })) => {
            tracing::warn!(error = %first, "a box failed; trying once more");
            boxes.run_following(spec, cancel, follow)
        }
        other => other,
    }
}

pub(crate) fn run_error(error: &SandboxError) -> RunError {
    match error {
        SandboxError::Exec { .. } => RunError::Harness(format!(
            "the image has no /bin/sh, which starts every harness ({error}); name another one with --image"
        )),
        other => {
            let mut text = other.to_string();
            if let Some(cause) = std::error::Error::source(other) {
                text = format!("{text}: {cause}");
            }
            RunError::Ours(text)
        }
    }
}

fn left(outcome: &RunOutcome, path: &str) -> Left {
    if let Some(file) = outcome.files.iter().find(|file| file.path == path.as_bytes()) {
        return Left::Bytes(file.bytes.clone());
    }
    let inside = format!("{path}/");
    if outcome.files.iter().any(|file| file.path.starts_with(inside.as_bytes())) {
        return Left::Refused("is a folder".to_owned());
    }
    match outcome.refused.iter().find(|(refused, _)| refused == path) {
        Some((_, why)) if why != "does not exist" => Left::Refused(why.clone()),
        _ => Left::Absent,
    }
}
