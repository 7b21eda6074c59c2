//! Interactive and multi-pass cases over prepared facts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use problem::model::{Problem, Protocol, Validator};
use proto::facts::{Exit, LimitEvent, LimitHit};
use proto::job::SourceFile;
use proto::report::{Interaction, Judgement, Said, Talker, TestReport};
use proto::verdict::Verdict::{AC, ILE, JE, MLE, RTE, WA};
use sandbox::spec::{
    Collected, Content, PairOutcome, PairSpec, PartnerState, RunOutcome, RunSpec, Side, Transcript,
};

use super::{Against, Engine, Question, Submission};
use crate::error::{JudgeError, Rejected};
use crate::runner::{PairRunError, RunError, Runner};
use crate::testing::{
    FakeRunner, bytes_of, compiled, engine, engine_with, is_compile, problem, ran, stdin_of, with_own_heap,
};

fn submission() -> Submission {
    let file = SourceFile { name: "a.cpp".to_owned(), content: b"int main() {}".to_vec() };
    Submission { language: "cpp".to_owned(), files: vec![file], all: true, only: Vec::new() }
}

fn judge(runner: Arc<dyn Runner>, change: impl Fn(&mut Problem)) -> Result<Judgement, JudgeError> {
    judge_on(&engine(runner), change)
}

fn judge_on(engine: &Engine, change: impl Fn(&mut Problem)) -> Result<Judgement, JudgeError> {
    let (_folder, mut problem) = problem(&[("secret input", "answer")], Some("int main() {}"));
    change(&mut problem);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(engine.judge(&submission(), &Against::Problem(Arc::new(problem)), &mut |_| {}))
}

/// What ends nobody by itself: the box was taken down for the other's sake.
fn ended() -> RunOutcome {
    let mut outcome = ran(Exit::Code(0), "");
    outcome.facts.exit = None;
    outcome
}

fn pair(first: Side, program: RunOutcome, partner: RunOutcome) -> PairOutcome {
    PairOutcome { program, partner, first, partner_state: None, transcript: Transcript::default() }
}

fn idle(spec: &PairSpec) -> RunOutcome {
    let bound = spec.program.limits.wall_time.as_nanos() as u64;
    let mut outcome = ended();
    let event = LimitEvent { limit: LimitHit::Idle, observed_ns: bound, value: bound, bound };
    outcome.facts.limit_events = vec![event];
    outcome
}

fn talk(
    script: impl Fn(&PairSpec) -> Result<PairOutcome, PairRunError> + Send + Sync + 'static,
) -> Result<Judgement, JudgeError> {
    judge(FakeRunner::talking(script), |problem| problem.interactive = true)
}

#[test]
fn the_validators_no_counts_and_the_time_after_it_does_not() {
    let judgement = talk(|spec| {
        let mut late = ended();
        late.facts.cpu_time = spec.program.limits.cpu_time * 2;
        Ok(pair(Side::Partner, late, ran(Exit::Code(43), "")))
    })
    .unwrap();
    let test = &judgement.tests[0];
    assert_eq!((judgement.verdict, test.cpu_time_ms), (WA, Some(1000.0)));
    assert_eq!(test.interaction.as_ref().unwrap().ended_first, Talker::Validator);
}

#[test]
fn an_interactor_over_testlib_is_read_by_its_own_statuses_and_its_checker_has_the_last_word() {
    #[rustfmt::skip]
    let rows = [
        (0, "ok", 0, AC, true), (0, "ok", 1, WA, true), (0, "ok", 3, JE, true), (0, "ok", 42, WA, true),
        (1, "wrong answer", 0, WA, false), (2, "wrong output format", 0, WA, false), (3, "FAIL", 0, JE, false),
        (42, "", 0, WA, false), (7, "points 1", 0, JE, false), (1, "FAIL", 0, JE, false), (9, "", 0, JE, false),
    ];
    for (status, said, checker, verdict, asked) in rows {
        let runner = FakeRunner::talking_beside(
            move |spec| {
                if is_compile(spec) {
                    return Ok(compiled());
                }
                let names = ["_judge/input.in", "_judge/output.out", "_judge/answer.ans"];
                assert_eq!(spec.argv[spec.argv.len() - 3..], names);
                let output = spec.files.iter().find(|file| file.path == names[1]).unwrap();
                assert_eq!(bytes_of(&output.content), b"said");
                Ok(ran(Exit::Code(checker), ""))
            },
            move |spec| {
                assert!([0, 7, 50].iter().all(|status| spec.partner_content.contains(status)));
                assert!([1, 2, 3, 42_000].iter().all(|status| !spec.partner_content.contains(status)));
                let mut interactor = ran(Exit::Code(status), "");
                interactor.stderr.bytes = said.into();
                let path = b"_judge/output.out".to_vec();
                interactor.files = vec![Collected { path, executable: false, bytes: b"said".to_vec() }];
                Ok(pair(Side::Partner, ran(Exit::Code(0), ""), interactor))
            },
        );
        let judgement = judge(Arc::clone(&runner) as _, |problem| {
            problem.interactive = true;
            problem.sidecar.protocol = Protocol::Testlib;
            if let Validator::Custom(programs) = &mut problem.validator {
                programs.push(programs[0].clone());
            }
        });
        assert_eq!(judgement.unwrap().verdict, verdict, "{status} {said}, then {checker}");
        let checks = runner.runs.lock().unwrap().iter().filter(|spec| !is_compile(spec)).count() - 1;
        assert_eq!(checks == 1, asked, "{status} {said}");
    }
}

#[test]
fn a_heap_that_is_full_is_mle_while_it_talks_too() {
    let runner = FakeRunner::talking(|_| {
        let mut full = ran(Exit::Code(3), "");
        full.stderr.bytes = b"heap is full".to_vec();
        Ok(pair(Side::Program, full, ran(Exit::Code(43), "")))
    });
    let engine = engine_with(runner, [with_own_heap(1.0)]);
    let judgement = judge_on(&engine, |problem| problem.interactive = true).unwrap();
    assert_eq!(judgement.verdict, MLE);
}

#[test]
fn a_judgement_of_ten_thousand_talks_fits_into_a_message() {
    let said = Said { from: Talker::Validator, at_ms: 12345.678, text: "x".repeat(256), bytes: 1 << 20 };
    let mut room = super::interactive::Room::default();
    let mut kept = 0;
    for _ in 0..10_000 {
        let mut test = TestReport::not_run("secret/1", "secret", WA, None);
        test.interaction = Some(Box::new(Interaction {
            ended_first: Talker::Validator,
            validator_waited: None,
            transcript: vec![said.clone(); 16],
            omitted_after: 8,
            omitted: 3,
            validator_facts: None,
        }));
        room.hold(&mut test);
        let interaction = test.interaction.unwrap();
        kept += serde_json::to_string(&interaction.transcript).unwrap().len();
        assert_eq!(interaction.transcript.len() as u64 + interaction.omitted, 19);
    }
    assert!((100 << 10..1 << 20).contains(&kept), "{kept} bytes of transcripts");
}

#[test]
fn output_alone_of_an_interactive_problem_is_not_checked() {
    let (_folder, mut problem) = problem(&[("in", "out")], Some("int main() {}"));
    problem.interactive = true;
    let nothing: Content = Vec::new().into();
    let question = Question { input: nothing.clone(), answer: nothing.clone(), output: nothing };
    let engine: Engine = engine(FakeRunner::new(|_| Ok(compiled())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(engine.check(&problem, None, question)).unwrap_err();
    assert!(matches!(refused, JudgeError::Rejected(Rejected::NothingToCheck(_))), "{refused}");
    assert!(refused.to_string().contains("tribunal judge"), "{refused}");
}

#[test]
fn a_crash_before_the_validators_no_is_a_crash() {
    for partner in [ran(Exit::Code(43), ""), ran(Exit::Code(1), ""), ended()] {
        let judgement =
            talk(move |_| Ok(pair(Side::Program, ran(Exit::Signal(6), ""), partner.clone()))).unwrap();
        assert_eq!(judgement.verdict, RTE);
    }
}

#[test]
fn a_silent_validator_is_a_judge_error_and_a_waiting_one_is_not() {
    for (state, verdict, words) in [
        (PartnerState::Waiting, ILE, "the validator waited for it"),
        (PartnerState::Elsewhere, JE, "neither read nor wrote"),
    ] {
        let judgement = talk(move |spec| {
            Ok(PairOutcome { partner_state: Some(state), ..pair(Side::Program, idle(spec), ended()) })
        })
        .unwrap();
        let reason = judgement.tests[0].reason.clone().unwrap();
        assert_eq!(judgement.verdict, verdict, "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn the_validator_alone_has_the_input_and_the_submission_only_its_files() {
    talk(|spec| {
        let paths = |spec: &RunSpec| spec.files.iter().map(|f| f.path.clone()).collect::<Vec<_>>();
        assert_eq!(stdin_of(&spec.program), "");
        assert_eq!(paths(&spec.program), ["a.cpp", "a.out"]);
        assert!(paths(&spec.partner).contains(&"_judge/input.in".to_owned()));
        Ok(pair(Side::Program, ran(Exit::Code(0), ""), ran(Exit::Code(42), "")))
    })
    .unwrap();
}

#[test]
fn a_pair_without_evidence_is_our_failure() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let failed = talk(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(pair(Side::Program, ended(), ended()))
    });
    assert!(matches!(failed, Err(JudgeError::Failed { .. })), "{failed:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 2, "tried once more");
    let broken = talk(|_| Err(PairRunError { side: Side::Partner, error: RunError::Box("gone".to_owned()) }));
    assert!(matches!(broken, Err(JudgeError::Failed { retry: true, .. })), "{broken:?}");
}

#[test]
fn a_program_that_cannot_start_is_its_authors_fault_on_either_side() {
    for (side, verdict) in [(Side::Program, RTE), (Side::Partner, JE)] {
        let judgement = talk(move |_| {
            let error = RunError::Exec { program: "./a.out".to_owned(), cause: "no".to_owned() };
            Err(PairRunError { side, error })
        })
        .unwrap();
        assert_eq!(judgement.verdict, verdict);
    }
}

/// A runner whose validator answers each pass with a status and files of its feedback directory; a name that ends in `/`
/// is an empty directory there.
fn passing(
    passes: &'static [(i32, &'static [(&'static str, &'static str)])],
) -> (Arc<FakeRunner>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let runner = FakeRunner::new(move |spec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        if spec.collect.is_empty() {
            let mut run = ran(Exit::Code(0), "output");
            run.facts.cpu_time *= 1 + count.load(Ordering::Relaxed) as u32 % 2;
            return Ok(run);
        }
        let (status, files) = passes[count.fetch_add(1, Ordering::Relaxed)];
        let mut outcome = ran(Exit::Code(status), "");
        let (empty, files): (Vec<_>, Vec<_>) = files.iter().partition(|(name, _)| name.ends_with('/'));
        outcome.empty = empty
            .iter()
            .map(|(name, _)| format!("_judge/feedback/{}", name.trim_end_matches('/')).into_bytes())
            .collect();
        outcome.files = files
            .iter()
            .map(|(name, text)| Collected {
                path: format!("_judge/feedback/{name}").into_bytes(),
                executable: false,
                bytes: text.as_bytes().to_vec(),
            })
            .collect();
        Ok(outcome)
    });
    (runner, asked)
}

fn multi_pass(problem: &mut Problem) {
    problem.multi_pass = true;
    problem.limits.validation_passes = 2;
}

#[test]
fn the_next_pass_reads_what_the_validator_wrote_and_the_rest_of_the_feedback_stays() {
    let (runner, _) = passing(&[(42, &[("nextpass.in", "second"), ("log/a", "kept")]), (42, &[])]);
    let judgement = judge(Arc::clone(&runner) as Arc<dyn Runner>, multi_pass).unwrap();
    let test = &judgement.tests[0];
    assert_eq!(judgement.verdict, AC);
    assert_eq!(test.passes.iter().map(|p| p.cpu_time_ms).collect::<Vec<_>>(), [Some(3.0), Some(6.0)]);
    assert_eq!(test.cpu_time_ms, Some(6.0), "the largest of all passes");
    let runs = runner.runs.lock().unwrap();
    let of_submission: Vec<String> = runs.iter().filter(|s| s.collect.is_empty()).map(stdin_of).collect();
    assert_eq!(of_submission, ["secret input", "second"]);
    let last = runs.last().unwrap();
    let file = |path: &str| last.files.iter().find(|f| f.path == path).map(|f| bytes_of(&f.content));
    assert_eq!(file("_judge/feedback/log/a"), Some(b"kept".to_vec()));
    assert_eq!(file("_judge/feedback/nextpass.in"), None);
    assert_eq!(file("_judge/input.in"), Some(b"second".to_vec()));
}

#[test]
fn a_next_pass_that_may_not_be_is_a_judge_error() {
    const NEXT: &[(&str, &str)] = &[("nextpass.in", "more")];
    for (passes, verdict, words) in [
        (&[(43, NEXT)][..], JE, "rejected the output"),
        (&[(42, NEXT), (42, NEXT)], JE, "`limits.validation_passes` is 2"),
        (&[(1, NEXT)], JE, "exit status 1"),
        (&[(42, &[("nextpass.in/a", "more")])], JE, "`nextpass.in` is a directory"),
        (&[(42, &[("nextpass.in/", "")])], JE, "`nextpass.in` is a directory"),
        (&[(42, &[("old/", ""), ("more/nextpass.in/", "")])], AC, ""),
        (&[(42, &[("old/nextpass.in", "more"), ("nextpass.in.bak", "")])], AC, ""),
        (&[(42, NEXT), (43, &[])], WA, ""),
    ] {
        let (runner, asked) = passing(passes);
        let judgement = judge(runner, multi_pass).unwrap();
        let reason = judgement.tests[0].reason.clone().unwrap_or_default();
        assert_eq!((judgement.verdict, asked.load(Ordering::Relaxed)), (verdict, passes.len()), "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn without_multi_pass_the_file_means_nothing() {
    let (runner, asked) = passing(&[(42, &[("nextpass.in", "more")])]);
    let judgement = judge(runner, |_| {}).unwrap();
    assert_eq!((judgement.verdict, asked.load(Ordering::Relaxed)), (AC, 1));
    assert!(judgement.tests[0].passes.is_empty());
}
