//! The decisions of the engine over prepared facts: no root, no box.

use std::sync::Arc;

use checker::policy::Policy;
use proto::facts::{Exit, LimitHit};
use proto::job::{InlineTest, SourceFile};
use proto::limits::LimitsRequest;
use proto::report::{CompileStatus, Judgement};
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{Collected, RunOutcome, RunSpec};

use super::{Against, Progress, Submission};
use crate::error::{JudgeError, Rejected};
use crate::runner::RunError;
use crate::testing::{
    Counts, FakeRunner, bytes_of, compiled, engine, engine_with, is_compile, problem, ran, stdin_of,
    too_slow, with_own_heap,
};

use Verdict::{AC, CE, ILE, JE, MLE, OK, RTE, SK, TLE, WA};

fn submission(all: bool) -> Submission {
    Submission {
        language: "cpp".to_owned(),
        files: vec![SourceFile { name: "a.cpp".to_owned(), content: b"int main() {}".to_vec() }],
        all,
        only: Vec::new(),
    }
}

/// Judges with a program whose run on each input is `program`, and a validator that is `validator`.
async fn judge_with(
    runner: &Arc<FakeRunner>,
    problem: problem::Problem,
    submission: &Submission,
) -> Result<Judgement, JudgeError> {
    let against = Against::Problem(Arc::new(problem));
    engine(Arc::clone(runner) as _).judge(submission, &against, &mut |_| {}).await
}

/// A program that behaves by its input's word.
fn behave(spec: &RunSpec) -> RunOutcome {
    match stdin_of(spec).as_str() {
        "slow" => too_slow(spec),
        "crash" => ran(Exit::Signal(11), "right"),
        "fail" => ran(Exit::Code(1), "right"),
        "wrong" => ran(Exit::Code(0), "wrong"),
        _ => ran(Exit::Code(0), "right\n"),
    }
}

fn honest() -> Arc<FakeRunner> {
    FakeRunner::new(|spec| Ok(if is_compile(spec) { compiled() } else { behave(spec) }))
}

fn verdicts(judgement: &Judgement) -> Vec<Verdict> {
    judgement.tests.iter().map(|t| t.verdict).collect()
}

#[tokio::test]
async fn a_right_program_is_accepted_and_compiled_once() {
    let runner = honest();
    let (_folder, problem) = problem(&[("x", "right"), ("y", "right")], None);
    let judgement = judge_with(&runner, problem, &submission(false)).await.unwrap();
    assert_eq!((judgement.verdict, verdicts(&judgement)), (AC, vec![AC, AC]));
    assert_eq!(runner.commands().len(), 3, "one compile run and two cases");
    assert_eq!(judgement.compile.unwrap().status, CompileStatus::Ok);
}

#[tokio::test]
async fn the_first_failure_in_order_decides_and_the_rest_is_skipped() {
    for ahead in [1, 4] {
        let runner = honest();
        let cases = [("x", "right"), ("slow", "right"), ("wrong", "right"), ("x", "right")];
        let (_folder, problem) = problem(&cases, None);
        let against = Against::Problem(Arc::new(problem));
        let engine = engine(Arc::clone(&runner) as _).with_parallel_cases(ahead);
        let mut told = Vec::new();
        let judgement = engine
            .judge(&submission(false), &against, &mut |p| {
                if let Progress::Tested { index, test, .. } = p {
                    told.push((index, test.verdict));
                }
            })
            .await
            .unwrap();
        assert_eq!((judgement.verdict, verdicts(&judgement)), (TLE, vec![AC, TLE, SK, SK]), "{ahead} ahead");
        assert_eq!(told, [(0, AC), (1, TLE), (2, SK), (3, SK)]);
        assert_eq!(judgement.tests[1].limit_hit, Some(LimitHit::CpuTime));
        assert!(judgement.tests[2].cpu_time_ms.is_none(), "a skipped case has no figures");
    }
}

#[tokio::test]
async fn all_runs_every_case_and_keeps_the_first_failure() {
    let cases = [("wrong", "right"), ("slow", "right"), ("x", "right")];
    let (_folder, problem) = problem(&cases, None);
    let judgement = judge_with(&honest(), problem, &submission(true)).await.unwrap();
    assert_eq!((judgement.verdict, verdicts(&judgement)), (WA, vec![WA, TLE, AC]));
    assert!(judgement.tests[0].reason.as_deref().unwrap().contains("expected"));
    assert_eq!(judgement.tests[0].feedback, None, "the contestant sees no byte of the answer");
}

#[tokio::test]
async fn a_crash_with_the_right_output_is_a_run_time_error() {
    let (_folder, problem) = problem(&[("crash", "right"), ("fail", "right")], None);
    let judgement = judge_with(&honest(), problem, &submission(true)).await.unwrap();
    assert_eq!(verdicts(&judgement), [RTE, RTE]);
    assert_eq!((judgement.tests[0].signal, judgement.tests[1].exit_code), (Some(11), Some(1)));
}

#[tokio::test]
async fn a_compile_error_runs_nothing() {
    let runner = FakeRunner::new(|_| Ok(ran(Exit::Code(1), "a.cpp:1: expected `;`")));
    let (_folder, problem) = problem(&[("x", "right")], None);
    let judgement = judge_with(&runner, problem, &submission(false)).await.unwrap();
    assert_eq!((judgement.verdict, verdicts(&judgement)), (CE, vec![SK]));
    assert!(judgement.compile.unwrap().log.contains("expected `;`"));
    assert_eq!((runner.commands().len(), judgement.reason), (1, None));
}

#[tokio::test]
async fn a_compiler_that_leaves_no_artifact_or_hits_a_limit_is_a_compile_error() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let silent = FakeRunner::new(|_| Ok(ran(Exit::Code(0), "")));
    let judgement = judge_with(&silent, problem.clone(), &submission(false)).await.unwrap();
    assert_eq!(judgement.verdict, CE);
    let slow = FakeRunner::new(|spec| Ok(too_slow(spec)));
    let judgement = judge_with(&slow, problem, &submission(false)).await.unwrap();
    assert_eq!(judgement.verdict, CE);
    assert_eq!(judgement.compile.unwrap().limit_hit, Some(LimitHit::CpuTime));
}

#[tokio::test]
async fn a_box_that_fails_once_is_tried_again_and_twice_is_never_a_verdict() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    for (failures, fails) in [(1, false), (9, true)] {
        let counts = Counts::default();
        let runner = FakeRunner::new(move |spec| {
            if is_compile(spec) {
                return Ok(compiled());
            }
            if counts.add("run") < failures {
                Err(RunError::Box("broken".to_owned()))
            } else {
                Ok(behave(spec))
            }
        });
        let judged = judge_with(&runner, problem.clone(), &submission(false)).await;
        match judged {
            Ok(judgement) => assert!(!fails && judgement.verdict == AC),
            Err(JudgeError::Failed { retry, .. }) => assert!(fails && retry),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_run_without_evidence_is_our_failure() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let runner = FakeRunner::new(|spec| {
        let mut outcome = if is_compile(spec) { compiled() } else { ran(Exit::Code(0), "right") };
        if !is_compile(spec) {
            outcome.facts.exit = None;
        }
        Ok(outcome)
    });
    let judged = judge_with(&runner, problem, &submission(false)).await;
    assert!(matches!(judged, Err(JudgeError::Failed { retry: true, .. })), "{judged:?}");
}

#[tokio::test]
async fn a_program_the_kernel_will_not_start_is_the_authors_and_a_missing_interpreter_ours() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let refuse =
        |spec: &RunSpec| RunError::Exec { program: spec.argv[0].clone(), cause: "ENOEXEC".to_owned() };
    let runner =
        FakeRunner::new(move |spec| if is_compile(spec) { Ok(compiled()) } else { Err(refuse(spec)) });
    let judgement = judge_with(&runner, problem.clone(), &submission(false)).await.unwrap();
    assert_eq!(judgement.verdict, RTE);

    let runner = FakeRunner::new(move |spec| {
        if spec.argv.iter().any(|a| a == "-c") { Ok(ran(Exit::Code(0), "")) } else { Err(refuse(spec)) }
    });
    let python = Submission {
        language: "python3".to_owned(),
        files: vec![SourceFile { name: "a.py".to_owned(), content: b"print()".to_vec() }],
        ..submission(false)
    };
    let judged = judge_with(&runner, problem, &python).await;
    assert!(matches!(judged, Err(JudgeError::Failed { .. })), "{judged:?}");
}

/// A runner whose validator (the program that is asked about `_judge/`) is `validator`.
fn with_validator(validator: fn(&RunSpec) -> RunOutcome) -> Arc<FakeRunner> {
    FakeRunner::new(move |spec| {
        Ok(if is_compile(spec) {
            compiled()
        } else if spec.argv.iter().any(|a| a == "_judge/feedback/") {
            validator(spec)
        } else {
            behave(spec)
        })
    })
}

#[tokio::test]
async fn a_custom_validator_decides_and_its_faults_are_judge_errors() {
    for (validator, want) in [
        ((|_| ran(Exit::Code(42), "")) as fn(&RunSpec) -> RunOutcome, AC),
        (|_| ran(Exit::Code(43), ""), WA),
        (|_| ran(Exit::Code(0), ""), JE),
        (|_| ran(Exit::Code(1), ""), JE),
        (|_| ran(Exit::Signal(11), ""), JE),
        (too_slow, JE),
    ] {
        let (_folder, problem) = problem(&[("x", "right"), ("x", "right")], Some("int main() {}"));
        let judgement = judge_with(&with_validator(validator), problem, &submission(false)).await.unwrap();
        assert_eq!(judgement.verdict, want);
    }
}

#[tokio::test]
async fn a_validator_is_never_asked_about_a_run_that_did_not_end_clean() {
    let (_folder, problem) = problem(&[("slow", "right")], Some("int main() {}"));
    let runner = with_validator(|_| ran(Exit::Signal(6), ""));
    let judgement = judge_with(&runner, problem, &submission(false)).await.unwrap();
    assert_eq!(judgement.verdict, TLE);
    assert_eq!(runner.commands().len(), 3, "two compile runs and one case");
}

#[tokio::test]
async fn a_validator_gets_input_answer_and_output_and_its_messages_come_back() {
    let (_folder, problem) = problem(&[("x", "the answer")], Some("int main() {}"));
    let runner = with_validator(|spec| {
        let file =
            |name: &str| spec.files.iter().find(|f| f.path == name).map(|f| bytes_of(&f.content)).unwrap();
        assert_eq!(file("_judge/input.in"), b"x");
        assert_eq!(file("_judge/answer.ans"), b"the answer");
        assert_eq!(stdin_of(spec), "right\n");
        assert_eq!(spec.argv[1..4], ["_judge/input.in", "_judge/answer.ans", "_judge/feedback/"]);
        let mut outcome = ran(Exit::Code(43), "");
        let said = |name: &str, text: &str| Collected {
            path: format!("_judge/feedback/{name}").into_bytes(),
            executable: false,
            bytes: text.into(),
        };
        outcome.files = vec![said("judgemessage.txt", "secret"), said("teammessage.txt", "try again")];
        outcome
    });
    let judgement = judge_with(&runner, problem, &submission(false)).await.unwrap();
    assert_eq!(judgement.tests[0].reason.as_deref(), Some("secret"));
    assert_eq!(judgement.tests[0].feedback.as_deref(), Some("try again"));
}

#[tokio::test]
async fn a_validator_that_does_not_compile_is_a_judge_error_not_a_compile_error() {
    let (_folder, problem) = problem(&[("x", "right")], Some("int main() {"));
    let counts = Counts::default();
    let runner = FakeRunner::new(move |spec| {
        Ok(match (is_compile(spec), counts.add("run")) {
            (true, 0) => compiled(),
            (true, _) => ran(Exit::Code(1), "expected `}`"),
            (false, _) => behave(spec),
        })
    });
    let judgement = judge_with(&runner, problem, &submission(false)).await.unwrap();
    assert_eq!((judgement.verdict, verdicts(&judgement)), (JE, vec![SK]));
    assert!(judgement.reason.unwrap().contains("expected `}`"));
}

fn inline(stdin: &str, expected: Option<&str>) -> InlineTest {
    InlineTest { stdin: stdin.into(), expected_output: expected.map(Into::into), args: vec!["-n".to_owned()] }
}

async fn judge_inline(
    runner: Arc<FakeRunner>,
    tests: Vec<InlineTest>,
    limits: LimitsRequest,
) -> Result<Judgement, JudgeError> {
    engine(runner as _).judge(&submission(true), &Against::Tests { tests, limits }, &mut |_| {}).await
}

#[tokio::test]
async fn tests_of_a_request_bring_their_output_back_and_are_ok_without_an_answer() {
    let runner = honest();
    let tests = vec![inline("x", None), inline("x", Some("right")), inline("x", Some("left"))];
    let judgement = judge_inline(Arc::clone(&runner), tests, LimitsRequest::default()).await.unwrap();
    assert_eq!(verdicts(&judgement), [OK, AC, WA]);
    assert_eq!(judgement.tests[0].stdout.as_deref(), Some("right\n"));
    assert_eq!(judgement.tests[0].stdout_truncated, Some(false));
    assert_eq!(judgement.tests[0].name, "test-1");
    assert_eq!(runner.commands()[1].last().unwrap(), "-n");
}

#[tokio::test]
async fn long_output_is_compared_whole_and_shown_in_part() {
    let long = "x".repeat(100_000);
    let printed = long.clone();
    let runner =
        FakeRunner::new(move |s| Ok(if is_compile(s) { compiled() } else { ran(Exit::Code(0), &printed) }));
    let judgement =
        judge_inline(runner, vec![inline("", Some(&long))], LimitsRequest::default()).await.unwrap();
    assert_eq!(judgement.verdict, AC);
    assert_eq!(judgement.tests[0].stdout.as_ref().unwrap().len(), 64 << 10);
    assert_eq!(judgement.tests[0].stdout_truncated, Some(true));
}

#[tokio::test]
async fn secret_output_never_stands_in_a_report() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let judgement = judge_with(&honest(), problem, &submission(false)).await.unwrap();
    assert_eq!((&judgement.tests[0].stdout, &judgement.tests[0].stderr), (&None, &None));
}

#[tokio::test]
async fn requests_that_cannot_be_judged_are_refused_before_anything_runs() {
    let runner = honest();
    let engine = engine(Arc::clone(&runner) as _);
    let tests = |limits| Against::Tests { tests: vec![inline("", None)], limits };
    let file = |name: &str| SourceFile { name: name.to_owned(), content: Vec::new() };
    let zero = LimitsRequest { processes: Some(0), ..LimitsRequest::default() };
    for (submission, against) in [
        (
            Submission { language: "none-such".to_owned(), ..submission(false) },
            tests(LimitsRequest::default()),
        ),
        (Submission { files: vec![file("../a.cpp")], ..submission(false) }, tests(LimitsRequest::default())),
        (Submission { files: Vec::new(), ..submission(false) }, tests(LimitsRequest::default())),
        (
            Submission { files: vec![file("a.cpp"), file("a.cpp")], ..submission(false) },
            tests(LimitsRequest::default()),
        ),
        (submission(false), tests(zero)),
        (submission(false), Against::Tests { tests: Vec::new(), limits: LimitsRequest::default() }),
        (Submission { only: vec!["nope".to_owned()], ..submission(false) }, tests(LimitsRequest::default())),
    ] {
        let judged = engine.judge(&submission, &against, &mut |_| {}).await;
        assert!(matches!(judged, Err(JudgeError::Rejected(_))), "{submission:?}: {judged:?}");
    }
    assert!(runner.commands().is_empty());
}

#[tokio::test]
async fn a_language_the_problem_does_not_allow_is_refused_by_name() {
    let (_folder, mut problem) = problem(&[("x", "right")], None);
    problem.languages = Some(vec!["python3".to_owned()]);
    let judged = judge_with(&honest(), problem, &submission(false)).await;
    assert!(matches!(judged, Err(JudgeError::Rejected(Rejected::LanguageNotAllowed { .. }))), "{judged:?}");
}

#[tokio::test]
async fn a_missing_time_limit_is_two_seconds_and_says_so() {
    let (_folder, mut problem) = problem(&[("x", "right")], None);
    problem.limits.cpu_time = None;
    let judgement = judge_with(&honest(), problem, &submission(false)).await.unwrap();
    assert_eq!(judgement.limits.unwrap().cpu_time.as_secs(), 2);
    assert_eq!(judgement.notes, ["time_limit_defaulted"]);
}

#[tokio::test]
async fn the_languages_overhead_is_on_top_of_the_memory_limit() {
    let limits = LimitsRequest { memory: Some(proto::units::Bytes::mib(100)), ..LimitsRequest::default() };
    let against = Against::Tests { tests: vec![inline("x", None)], limits };
    let python = Submission {
        language: "python3".to_owned(),
        files: vec![SourceFile { name: "a.py".to_owned(), content: b"print()".to_vec() }],
        ..submission(false)
    };
    let judgement = engine(honest() as _).judge(&python, &against, &mut |_| {}).await.unwrap();
    let overhead = language::by_id("python3").unwrap().memory_overhead.unwrap();
    assert_eq!(judgement.limits.unwrap().memory.get(), (100 << 20) + overhead.get());
}

#[tokio::test]
async fn a_program_starts_where_its_package_says() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let against = Against::Problem(Arc::new(problem));
    let file = |name: &str| SourceFile { name: name.to_owned(), content: b"print()".to_vec() };
    let python = Submission {
        language: "python3".to_owned(),
        files: vec![file("__main__.py"), file("other.py")],
        ..submission(false)
    };
    for (named, started) in [(None, "__main__.py"), (Some("other.py"), "other.py")] {
        let runner = FakeRunner::new(|_| Ok(ran(Exit::Code(0), "right")));
        let engine = engine(Arc::clone(&runner) as _);
        engine.judge_from(named, Policy::Icpc, &python, &against, &mut |_| {}).await.unwrap();
        assert_eq!(runner.commands().pop().unwrap().last().unwrap(), started);
    }
    let engine = engine(honest() as _);
    let refused = engine.judge_from(Some("none.py"), Policy::Icpc, &python, &against, &mut |_| {}).await;
    assert!(matches!(refused, Err(JudgeError::Rejected(Rejected::Entry(_)))), "{refused:?}");
}

#[tokio::test]
async fn a_languages_profile_is_for_its_programs_and_not_for_its_compiler() {
    for profile in sandbox::spec::Profile::ALL {
        let runner = honest();
        let cpp = language::by_id("cpp").unwrap().clone();
        let cpp = language::Language { profile: profile.name().to_owned(), ..cpp };
        let (_folder, problem) = problem(&[("x", "right")], None);
        let against = Against::Problem(Arc::new(problem));
        let engine = engine_with(Arc::clone(&runner) as _, [cpp]);
        engine.judge(&submission(false), &against, &mut |_| {}).await.unwrap();
        let runs = runner.runs.lock().unwrap();
        assert_eq!(runs.len(), 2);
        for spec in runs.iter() {
            let wanted = if is_compile(spec) { sandbox::spec::Profile::Default } else { profile };
            assert_eq!(spec.profile, wanted);
        }
    }
}

#[tokio::test]
async fn idling_is_ile_with_the_facts_behind_it() {
    let runner = FakeRunner::new(|spec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        let mut outcome = too_slow(spec);
        outcome.facts.limit_events[0].limit = LimitHit::Idle;
        Ok(outcome)
    });
    let (_folder, problem) = problem(&[("x", "right")], None);
    let judgement = judge_with(&runner, problem, &submission(false)).await.unwrap();
    assert_eq!((judgement.verdict, judgement.tests[0].limit_hit), (ILE, Some(LimitHit::Idle)));
    assert!(judgement.tests[0].facts.is_some());
}

#[tokio::test]
async fn a_heap_gets_the_limit_and_the_words_of_a_case_are_left_as_they_are() {
    let runner = FakeRunner::new(|_| Ok(ran(Exit::Code(0), "right")));
    let word = "a\u{1}5\u{1}b\u{1}{memory_mib}".to_owned();
    let tests = vec![InlineTest { args: vec![word.clone()], ..inline("x", Some("right")) }];
    let limits = LimitsRequest { memory: Some(Bytes::mib(256)), ..LimitsRequest::default() };
    let sent = Submission { language: "javascript".to_owned(), ..submission(true) };
    let against = Against::Tests { tests, limits };
    engine(Arc::clone(&runner) as _).judge(&sent, &against, &mut |_| {}).await.unwrap();
    let command = runner.commands().pop().unwrap();
    assert!(command.contains(&"--max-old-space-size=256".to_owned()), "{command:?}");
    assert_eq!(command.last(), Some(&word));
}

#[tokio::test]
async fn what_a_program_said_of_its_failure_is_quoted_without_what_steers_a_terminal() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let runner = FakeRunner::new(|spec| {
        let mut outcome = ran(Exit::Code(3), "");
        outcome.stderr.bytes = b"\n \x1b[31mno\0 \xff\r\n".to_vec();
        Ok(if is_compile(spec) { compiled() } else { outcome })
    });
    let judgement = judge_with(&runner, problem, &submission(true)).await.unwrap();
    assert_eq!(judgement.tests[0].reason.as_deref(), Some("exit status 3; stderr: [31mno \u{fffd}"));
}

#[tokio::test]
async fn a_heap_that_is_full_is_mle_and_a_slow_language_has_more_time() {
    let (_folder, problem) = problem(&[("x", "right")], None);
    let against = Against::Problem(Arc::new(problem));
    for (said, verdict) in [("heap is full", MLE), ("something else", RTE)] {
        let runner = FakeRunner::new(move |spec| {
            let mut outcome = ran(Exit::Code(3), "");
            outcome.stderr.bytes = said.into();
            Ok(if is_compile(spec) { compiled() } else { outcome })
        });
        let own = with_own_heap(2.0);
        let engine = engine_with(runner as _, [own]);
        let judgement = engine.judge(&submission(true), &against, &mut |_| {}).await.unwrap();
        assert_eq!(judgement.verdict, verdict, "{said}");
        let plain = engine_with(honest() as _, [with_own_heap(1.0)]);
        let plain = plain.judge(&submission(true), &against, &mut |_| {}).await.unwrap();
        assert_eq!(judgement.limits.unwrap().cpu_time, plain.limits.unwrap().cpu_time * 2);
    }
}

#[tokio::test]
async fn a_long_output_is_judged_by_what_flowed_over_and_by_the_facts_first() {
    let long = "a line of the answer\n".repeat(100_000);
    let wrong = long.replacen("answer\n", "anwser\n", 90_000).replacen("anwser", "answer", 89_999);
    let (_folder, problem) = problem(&[("right", &long), ("wrong", &long), ("crash", &long)], None);
    let runner = FakeRunner::new(move |spec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        let (text, exit) = match stdin_of(spec).as_str() {
            "right" => (&long, Exit::Code(0)),
            "wrong" => (&wrong, Exit::Code(0)),
            _ => (&wrong, Exit::Signal(11)),
        };
        assert!(spec.keep_stdout < text.len(), "it is not kept whole");
        let overflow = spec.overflow.as_ref().expect("somebody compares it meanwhile");
        overflow.begin();
        text.as_bytes().chunks(65_536).for_each(|part| overflow.take(part));
        let mut outcome = ran(exit, &text[..spec.keep_stdout]);
        outcome.stdout.truncated = true;
        outcome.facts.stdout_bytes = text.len() as u64;
        Ok(outcome)
    });
    let judgement = judge_with(&runner, problem, &submission(true)).await.unwrap();
    assert_eq!(verdicts(&judgement), [AC, WA, RTE]);
    let reason = judgement.tests[1].reason.as_deref().unwrap();
    assert!(reason.starts_with("line 90000, column 15"), "{reason}");
}
