//! The full result of a job: one [`Judgement`] with its tests, as `tribunal judge --json` prints it, the API
//! stores it, and the queue carries it.
//!
//! Two views (decision 12): the structs hold the judge's view. [`Judgement::for_contestant`] removes all a
//! contestant may not see; every route, event and page uses it unless the token has the `judge` scope.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::facts::{Accounting, LimitHit, RunFacts};
use crate::graded::{Graded, GradedTest};
use crate::id::{Attempt, Digest, Fence, JudgementId, SubmissionId, WorkerId};
use crate::limits::Limits;
use crate::units::ms;
use crate::verdict::Verdict;

/// Version of the pure verdict function; stored with each judgement. 2: a run may go on past its time limit,
/// and what it meets there comes after it.
pub const POLICY_VERSION: u32 = 2;

/// Whether compiling worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompileStatus {
    /// An artifact was made.
    Ok,
    /// The compiler refused the program, or hit a limit; verdict CE.
    Error,
    /// The language is not compiled.
    Skipped,
}

/// What the compile run said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CompileReport {
    /// Whether it worked.
    pub status: CompileStatus,
    /// stdout and stderr of the compiler, capped at 64 KiB, lossy UTF-8.
    pub log: String,
    /// CPU time of the compiler.
    #[serde(rename = "cpu_time_ms", with = "ms")]
    #[schema(value_type = f64)]
    pub cpu_time: Duration,
    /// Wall-clock time of the compiler.
    #[serde(rename = "wall_time_ms", with = "ms")]
    #[schema(value_type = f64)]
    pub wall_time: Duration,
    /// The limit that ended it, if one did.
    #[serde(default)]
    pub limit_hit: Option<LimitHit>,
    /// Whether the artifact came from the cache.
    #[serde(default)]
    pub cached: bool,
}

/// One measured run of a test case, when it was run more than once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunRecord {
    /// CPU time in milliseconds.
    pub cpu_time_ms: f64,
    /// Wall-clock time in milliseconds.
    pub wall_time_ms: f64,
    /// Peak memory in bytes.
    pub memory_bytes: Option<u64>,
}

/// One pass of a test case that takes several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PassRecord {
    /// The judge's word on it.
    pub verdict: Verdict,
    /// CPU time in milliseconds.
    pub cpu_time_ms: Option<f64>,
    /// Wall-clock time in milliseconds.
    pub wall_time_ms: Option<f64>,
    /// Peak memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Bytes written to stdout and stderr.
    pub output_bytes: Option<u64>,
    /// Exit status.
    pub exit_code: Option<i32>,
    /// Signal number.
    pub signal: Option<i32>,
}

/// One of two that talk with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Talker {
    /// The submission.
    Submission,
    /// The output validator.
    Validator,
}

/// Something one of them wrote, as it was read at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Said {
    /// Who.
    pub from: Talker,
    /// When, in milliseconds since both were started.
    pub at_ms: f64,
    /// Its first bytes, lossy UTF-8.
    pub text: String,
    /// How many bytes there were.
    pub bytes: u64,
}

/// How a submission and an interactive validator got on; of several passes, in the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Interaction {
    /// Who ended first.
    pub ended_first: Talker,
    /// Whether the validator waited for the submission when that ran out of wall-clock time; null when it did not.
    pub validator_waited: Option<bool>,
    /// What was said: begin and end.
    pub transcript: Vec<Said>,
    /// How many entries are left out, after so many of the transcript.
    pub omitted_after: u64,
    /// Entries left out there.
    pub omitted: u64,
    /// What the box of the validator observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator_facts: Option<RunFacts>,
}

/// What a validator gave for an accepted case: the number as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GivenScore {
    /// `score.txt`.
    Score(String),
    /// `score_multiplier.txt`.
    Multiplier(String),
}

/// The result of one test case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TestReport {
    /// Path under `data/` without extension, such as `secret/02-small`; `test-1` for tests of a request.
    pub name: String,
    /// Its group, such as `secret`.
    pub group: String,
    /// The judge's word.
    pub verdict: Verdict,
    /// Why, for judges only: may quote secret data.
    pub reason: Option<String>,
    /// Score as a decimal string, for scored problems.
    pub score: Option<String>,
    /// Most that the case can give, for scored problems where it is bounded.
    #[serde(default)]
    pub max_score: Option<String>,
    /// What its validator gave; the score can be made again from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<GivenScore>,
    /// CPU time in milliseconds; null when the case did not run.
    pub cpu_time_ms: Option<f64>,
    /// Wall-clock time in milliseconds.
    pub wall_time_ms: Option<f64>,
    /// Peak memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Bytes written to stdout and stderr.
    pub output_bytes: Option<u64>,
    /// Exit status.
    pub exit_code: Option<i32>,
    /// Signal number.
    pub signal: Option<i32>,
    /// The limit that decided.
    pub limit_hit: Option<LimitHit>,
    /// What the contestant may see.
    pub feedback: Option<String>,
    /// How far the figures can be trusted.
    pub accounting: Option<Accounting>,
    /// Whether the run came from the cache.
    #[serde(default)]
    pub cached: bool,
    /// Every measured run, when there were several.
    #[serde(default)]
    pub runs: Vec<RunRecord>,
    /// Every pass, where the problem takes several; times and memory above are the largest of them, the rest is of
    /// the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<PassRecord>,
    /// How submission and validator got on, where they talk with each other. For judges, but for samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Box<Interaction>>,
    /// Stable strings such as `process_limit_reached`, `near_memory_limit`.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Time spent comparing the output, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_time_ms: Option<f64>,
    /// Program's stdout, only for tests given in the request, at most 64 KiB, lossy UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Program's stderr, only for tests given in the request, at most 64 KiB, lossy UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Whether `stdout` was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_truncated: Option<bool>,
    /// Whether `stderr` was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_truncated: Option<bool>,
    /// Exact bytes of stdout, base64, when they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_base64: Option<String>,
    /// Exact bytes of stderr, base64, when they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_base64: Option<String>,
    /// What the box observed; the verdict can be made again from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<RunFacts>,
    /// Whether the contestant may see which case this is and what its checker said (a sample).
    #[serde(default)]
    pub sample: bool,
    /// What a course's autograder said of it; the names of such tests are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graded: Option<Box<GradedTest>>,
}

impl TestReport {
    /// A case nobody ran, with `verdict` SK, JE or SE and the reason.
    pub fn not_run(name: &str, group: &str, verdict: Verdict, reason: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            group: group.to_owned(),
            verdict,
            reason,
            score: None,
            max_score: None,
            given: None,
            cpu_time_ms: None,
            wall_time_ms: None,
            memory_bytes: None,
            output_bytes: None,
            exit_code: None,
            signal: None,
            limit_hit: None,
            feedback: None,
            accounting: None,
            cached: false,
            runs: Vec::new(),
            passes: Vec::new(),
            interaction: None,
            notes: Vec::new(),
            check_time_ms: None,
            stdout: None,
            stderr: None,
            stdout_truncated: None,
            stderr_truncated: None,
            stdout_base64: None,
            stderr_base64: None,
            facts: None,
            sample: false,
            graded: None,
        }
    }

    /// The same report without what only judges may see.
    #[must_use]
    pub fn for_contestant(mut self) -> Self {
        if !self.sample {
            self.reason = None;
            self.interaction = None;
        }
        if let Some(interaction) = &mut self.interaction {
            interaction.validator_facts = None;
        }
        self.facts = None;
        self
    }
}

/// The result of one test group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupReport {
    /// Path under `data/`, such as `secret`.
    pub name: String,
    /// The judge's word on the group.
    pub verdict: Verdict,
    /// Score as a decimal string.
    pub score: Option<String>,
    /// Most that could be had.
    pub max_score: Option<String>,
}

/// Where the time of a judgement went. All in milliseconds of wall-clock time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Timing {
    /// From acceptance by the API until a worker was granted the claim; null outside the service.
    #[serde(default)]
    pub queue_ms: Option<f64>,
    /// Compiling.
    pub compile_ms: f64,
    /// Running all cases, boxes included.
    pub run_ms: f64,
    /// Comparing all outputs.
    pub check_ms: f64,
    /// The worker's whole time on the job.
    pub total_ms: f64,
}

/// Note on a judgement whose outputs were erased because they were kept long enough.
pub const OUTPUTS_ERASED: &str = "outputs_erased";

/// The judge's whole answer on one submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Judgement {
    /// The judge's word.
    pub verdict: Verdict,
    /// Score as a decimal string, for scored problems.
    pub score: Option<String>,
    /// Most that could be had, where it is bounded.
    #[serde(default)]
    pub max_score: Option<String>,
    /// Why, when no test tells: the cause of SE or JE, for judges.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the compile run said; null when it never started.
    pub compile: Option<CompileReport>,
    /// Every case, in judging order.
    pub tests: Vec<TestReport>,
    /// Every group.
    pub groups: Vec<GroupReport>,
    /// The limits in effect.
    pub limits: Option<Limits>,
    /// The language's id.
    pub language: String,
    /// Digest of the image everything ran in.
    pub image: Option<Digest>,
    /// `oci` or `host`.
    #[serde(default)]
    pub image_kind: Option<String>,
    /// Version of the verdict function.
    pub policy_version: u32,
    /// What a failed case stopped and which case decided: `icpc`, `all`, `worst`, `oi` or `analyst`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Where the time went.
    #[serde(default)]
    pub timing: Timing,
    /// Stable strings.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What a course's autograder said, where one judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graded: Option<Box<Graded>>,
}

/// What a contestant reads of a failure of ours.
const OURS: &str = "the judge failed, not the program; who runs it can see why";

impl Judgement {
    /// A judgement that says only that we failed.
    pub fn system_error(language: &str, reason: String) -> Self {
        Self {
            verdict: Verdict::SE,
            score: None,
            max_score: None,
            reason: Some(reason),
            compile: None,
            tests: Vec::new(),
            groups: Vec::new(),
            limits: None,
            language: language.to_owned(),
            image: None,
            image_kind: None,
            policy_version: POLICY_VERSION,
            policy: None,
            timing: Timing::default(),
            notes: Vec::new(),
            graded: None,
        }
    }

    /// The same without what programs, compilers and checkers wrote; verdicts, scores and figures stay. A note tells.
    #[must_use]
    pub fn without_outputs(mut self) -> Self {
        if let Some(compile) = &mut self.compile {
            compile.log.clear();
        }
        if self.verdict != Verdict::SE {
            self.reason = None;
        }
        for test in &mut self.tests {
            (test.reason, test.feedback, test.stdout, test.stderr) = (None, None, None, None);
            if let Some(interaction) = &mut test.interaction {
                interaction.transcript.clear();
            }
        }
        if let Some(graded) = &mut self.graded {
            graded.without_outputs();
        }
        if !self.notes.iter().any(|note| note == OUTPUTS_ERASED) {
            self.notes.push(OUTPUTS_ERASED.to_owned());
        }
        self
    }

    /// The same for a list: verdict, points and figures, without tests and without what programs, compilers and
    /// harnesses wrote.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.tests.clear();
        if let Some(compile) = &mut self.compile {
            compile.log.clear();
        }
        if let Some(graded) = &mut self.graded {
            graded.without_outputs();
            graded.shown = None;
        }
        self
    }

    /// The same judgement without what only judges may see. SE says that it is ours: why is about our machines, with
    /// their folders and what their system said.
    #[must_use]
    pub fn for_contestant(mut self) -> Self {
        self.keep_shown();
        self.tests = self.tests.into_iter().map(TestReport::for_contestant).collect();
        self.reason = (self.verdict == Verdict::SE).then(|| OURS.to_owned());
        self
    }

    /// Takes out what a course's autograder keeps from contestants. Without its word on that, everything.
    fn keep_shown(&mut self) {
        let Some(graded) = &mut self.graded else { return };
        let shown = graded.shown.take().unwrap_or_default();
        let mut place = 0..;
        self.tests.retain(|_| place.next().is_some_and(|n: u32| shown.tests.contains(&n)));
        if !shown.total {
            (self.score, self.max_score) = (None, None);
        }
        if !shown.output {
            (graded.output, graded.output_format, graded.output_truncated) = (None, None, false);
        }
        if !shown.stdout {
            (graded.stdout, graded.stdout_truncated) = (String::new(), false);
        }
        graded.diagnostics.clear();
    }
}

/// Queue message: the report of one attempt (`application/vnd.tribunal.report.v1+json`). Idempotent by
/// (judgement, attempt); only the current fence is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportMessage {
    /// Protocol of whoever made it ([`crate::skew`]).
    pub schema: u32,
    /// The judgement reported on.
    pub judgement_id: JudgementId,
    /// Its submission.
    pub submission_id: SubmissionId,
    /// The granted claim.
    pub attempt: Attempt,
    /// Its fencing token.
    pub fence: Fence,
    /// Who reports.
    pub worker_id: WorkerId,
    /// What happened.
    pub outcome: Outcome,
    /// The job's trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// One level above the verdict: three kinds of failure never share a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The submission was judged.
    Judged {
        /// The whole answer.
        judgement: Box<Judgement>,
    },
    /// We failed. The store decides whether another attempt is made.
    Failed {
        /// What went wrong, for operators and judges.
        cause: String,
        /// Whether another attempt can help.
        retry: bool,
        /// Nothing was tried for want of room on this worker's disk. It is no attempt, and is made again where and when
        /// there is room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        no_room: Option<NoRoom>,
    },
}

/// What does not fit on a worker's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRoom {
    /// What is too large.
    pub what: Stored,
    /// It fits where a package of so many bytes does ([`crate::http::RoomLeft`]).
    pub bytes: u64,
}

/// What a worker stores on its disk for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// The problem's package.
    Package,
    /// The language's image.
    Image,
}

impl Stored {
    /// Both.
    pub const ALL: [Stored; 2] = [Stored::Package, Stored::Image];

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Stored::Package => "package",
            Stored::Image => "image",
        }
    }
}

impl Outcome {
    /// An attempt that failed.
    pub fn failed(cause: impl Into<String>, retry: bool) -> Self {
        Outcome::Failed { cause: cause.into(), retry, no_room: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contestant_sees_of_a_graded_submission_what_its_harness_shows_and_nothing_without_its_word() {
        use crate::graded::{Shown, Status};
        let mut judgement = Judgement::system_error("python3", "SECRET".into());
        judgement.verdict = Verdict::OK;
        judgement.score = Some("3".into());
        judgement.tests =
            ["open", "SECRET"].map(|name| TestReport::not_run(name, "", Verdict::AC, None)).to_vec();
        let graded = |shown| Graded {
            format: "gradescope".into(),
            separate: false,
            status: Status::Graded,
            feedback: None,
            output: Some("SECRET".into()),
            output_format: None,
            output_truncated: false,
            stdout: "SECRET".into(),
            stdout_truncated: true,
            cpu_time_ms: None,
            wall_time_ms: None,
            memory_bytes: None,
            diagnostics: vec!["SECRET".into()],
            shown,
        };
        let view = |shown| {
            let judgement = Judgement { graded: Some(Box::new(graded(shown))), ..judgement.clone() };
            judgement.for_contestant()
        };
        let part = view(Some(Shown { tests: vec![0], ..Shown::default() }));
        assert_eq!((part.tests.len(), &part.score), (1, &None));
        assert!(!serde_json::to_string(&part).unwrap().contains("SECRET"));
        assert!(view(None).tests.is_empty());
        let brief =
            Judgement { graded: Some(Box::new(graded(None))), reason: None, ..judgement.clone() }.brief();
        assert!(!serde_json::to_string(&brief).unwrap().contains("SECRET"), "no test, no output");
        assert_eq!((brief.score.as_deref(), brief.graded.unwrap().status), (Some("3"), Status::Graded));
        let all = view(Some(Shown { tests: vec![0, 1], total: true, output: true, stdout: true }));
        assert_eq!((all.tests.len(), all.score.as_deref()), (2, Some("3")));
        assert!(
            all.graded
                .is_some_and(|g| g.output.is_some() && g.stdout == "SECRET" && g.diagnostics.is_empty())
        );
    }

    #[test]
    fn a_contestant_hears_of_our_failure_that_it_is_ours_and_nothing_of_our_machines() {
        let why = "could not keep an output for its validator: a file in `/srv/tribunal/outputs`: No space left on device (os error 28)";
        let judgement = Judgement::system_error("cpp", why.into());
        let shown = serde_json::to_string(&judgement.clone().for_contestant()).unwrap();
        assert!(["/srv", "outputs", "os error", "space"].iter().all(|word| !shown.contains(word)), "{shown}");
        assert!(shown.contains(OURS) && judgement.without_outputs().reason.as_deref() == Some(why));
    }

    #[test]
    fn a_contestant_sees_the_talk_of_samples_only_and_never_the_validators_facts() {
        let text = include_str!("../fixtures/report.v1.talk.json");
        let message: ReportMessage = serde_json::from_str(text).unwrap();
        let Outcome::Judged { judgement } = message.outcome else { panic!("a judgement") };
        let shown = judgement.for_contestant();
        let [sample, secret] = &shown.tests[..] else { panic!("two tests") };
        let talk = sample.interaction.as_ref().unwrap();
        assert!(!talk.transcript.is_empty() && talk.validator_facts.is_none());
        assert_eq!(secret.interaction, None);
        assert_eq!((secret.passes.len(), &secret.reason), (2, &None));
    }
}
