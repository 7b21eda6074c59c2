//! One pass of an interactive case: submission and validator talk, each in its own box, and one of them decides.
//!
//! The pair is run by `sandbox`, which says who ended first and where the validator was when the submission ran out of
//! time; `checker::interaction` makes the verdict of that. The validator alone has the input; where it is an interactor
//! over testlib, a checker may look at what it wrote down, and then has the word. What the submission did
//! after the validator's no, and what the validator did after the submission's failure, is nobody's fault.

use std::sync::Arc;
use std::time::{Duration, Instant};

use checker::interaction::{By, Ended, First, Whereabouts, decide};
use checker::{Classified, Given, classify};
use problem::model::Protocol;
use proto::facts::{LimitHit, RunFacts};
use proto::report::{Interaction, Said, Talker, TestReport};
use proto::units::round_ms;
use proto::verdict::Verdict;
use sandbox::spec::{
    BoxFile, Collect, Content, Line, PairOutcome, PairSpec, PartnerState, RunOutcome, Side, Stdin,
};

use super::case::{self, Pass, RunWith};
use super::compile::Program;
use super::decide::Word;
use super::files;
use super::outputs::IN_MEMORY;
use super::plan::{Check, Data};
use super::validator::{Answer, Asked, Place, ask_all};
use crate::error::JudgeError;
use crate::runner::{PairRunError, RunError, run_pair_twice};

/// How long a validator may still say what it thinks of a submission that failed.
const GRACE: Duration = Duration::from_secs(2);

/// Bytes kept of the begin, and as many of the end, of what was said: a report has one such for each case.
const TRANSCRIPT: usize = 2 << 10;

/// Bytes of transcripts in one judgement: a report has to fit into one message, however many cases it has.
const TRANSCRIPTS: usize = 512 << 10;

/// What an entry of a transcript takes in a report beside its text.
const ENTRY: usize = 80;

/// Exit statuses of a validator that is content, so that the submission still has to end well. In testlib's way that
/// is one that accepts, gives points, or a part of one hundred with the base of 16 that some builds use.
fn accepts(protocol: Protocol) -> Vec<i32> {
    match protocol {
        Protocol::Format => vec![42],
        Protocol::Testlib => [0, 7].into_iter().chain(16..=116).collect(),
    }
}

/// What room for transcripts is left in a judgement.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(TRANSCRIPTS)
    }
}

impl Room {
    /// Keeps a decided case's transcript while there is room. Nobody looks for what went wrong in an accepted case
    /// that is no sample.
    pub(super) fn hold(&mut self, test: &mut TestReport) {
        let wanted = test.sample || !test.verdict.passes();
        let Some(interaction) = &mut test.interaction else { return };
        let size: usize = interaction.transcript.iter().map(|said| said.text.len() + ENTRY).sum();
        if let Some(left) = self.0.checked_sub(size).filter(|_| wanted) {
            self.0 = left;
            return;
        }
        interaction.omitted += interaction.transcript.len() as u64;
        interaction.omitted_after = 0;
        interaction.transcript.clear();
    }
}

/// Lets the two talk. `input` is the validator's alone; `feedback` is what earlier passes left.
pub(super) async fn one_pass(
    on: RunWith<'_>,
    input: &Data,
    feedback: &[BoxFile],
) -> Result<Pass, JudgeError> {
    let (Check::Custom { answer, args, points }, Some(validator)) = (&on.case.check, on.validators.first())
    else {
        return Err(JudgeError::hopeless("an interactive problem without an output validator"));
    };
    let mut spec = case::spec_of(on, &Data::Bytes(Arc::from(&b""[..]))).await?;
    spec.stdin = Stdin::Empty;
    let (input, answer) = case::contents(input, answer).await?;
    let both = (input.clone(), answer.clone());
    let nothing = Vec::new().into();
    let asked =
        Asked { input, answer, output: nothing, args, points: *points, beside: &spec.files, feedback };
    let place = Place::of(&on.plan.validator, validator, asked.beside);
    let mut partner = place.spec(&on.plan.validator, validator, &asked);
    let checker = on.validators.get(1);
    if checker.is_some() {
        let most = on.plan.validator.limits.output.get();
        partner.collect.push(Collect { open_above: Some(IN_MEMORY), ..Collect::read(place.output(), most) });
    }
    let pair = PairSpec {
        program: spec,
        partner,
        partner_content: accepts(on.plan.validator.protocol),
        grace: GRACE,
        keep_transcript: TRANSCRIPT,
    };
    let started = Instant::now();
    let name = validator_name(on);
    let mut last = String::new();
    for _ in 0..2 {
        match run_pair_twice(on.runner, pair.clone()).await {
            Ok(mut outcome) => {
                case::note_full_heap(&mut outcome.program, on.plan, on.program, None);
                match judged(on, &place, &name, &outcome, started) {
                    Ok(pass) if checker.is_some() && plainly_accepted(&pass) => {
                        return checked(on, pass, &place, &outcome.partner, both, &pair.program.files).await;
                    }
                    Ok(pass) => return Ok(pass),
                    Err(why) => last = why,
                }
            }
            Err(failed) => return not_run(on, validator, &name, failed, started.elapsed()),
        }
    }
    Err(JudgeError::failed(format!("could not run case {}: {last}", on.case.name)))
}

/// Whether the interactor had the last word so far, accepted, and gave nothing with it.
fn plainly_accepted(pass: &Pass) -> bool {
    pass.spoken && pass.word.verdict == Verdict::AC && pass.word.given == Ok(Given::Nothing)
}

/// Lets the checker look at what an interactor over testlib left in its output file; its word is the case's.
async fn checked(
    on: RunWith<'_>,
    mut pass: Pass,
    place: &Place,
    interactor: &RunOutcome,
    asked: (Content, Content),
    beside: &[BoxFile],
) -> Result<Pass, JudgeError> {
    let Check::Custom { args, points, .. } = &on.case.check else { return Ok(pass) };
    let path = place.output();
    let left = files::left(interactor, &path);
    let lost = interactor.refused.iter().find(|(lost, _)| *lost == path);
    if let (None, Some((_, why))) = (&left, lost) {
        pass.word = Answer::je(format!("the interactor's output file {why}")).word;
        return Ok(pass);
    }
    let output = left.unwrap_or_else(|| Vec::new().into());
    let (input, answer) = asked;
    let asked = Asked { input, answer, output, args, points: *points, beside, feedback: &[] };
    let mut plan = on.plan.validator.clone();
    plan.programs.drain(..1);
    let started = Instant::now();
    pass.word = ask_all(on.runner, &plan, &on.validators[1..], &asked).await?.word;
    pass.check += started.elapsed();
    Ok(pass)
}

fn takes_points(on: RunWith<'_>) -> bool {
    matches!(on.case.check, Check::Custom { points: true, .. })
}

fn validator_name(on: RunWith<'_>) -> String {
    on.plan.validator.programs.first().map(|program| program.path.clone()).unwrap_or_default()
}

fn not_run(
    on: RunWith<'_>,
    validator: &Program,
    name: &str,
    failed: PairRunError,
    run: Duration,
) -> Result<Pass, JudgeError> {
    let PairRunError { side, error } = failed;
    if side == Side::Program {
        return case::unstartable(on, &error, run);
    }
    let own = validator.argv.first().is_some_and(|command| !command.starts_with("/usr/"));
    match error {
        RunError::Exec { .. } if own => {
            let mut test = TestReport::not_run(&on.case.name, &on.case.group, Verdict::JE, None);
            test.sample = on.case.sample;
            let Answer { word, feedback, lost } = Answer::je(format!("output validator {name}: {error}"));
            Ok(Pass { test, word, spoken: true, feedback, lost, run, check: Duration::ZERO })
        }
        RunError::BadSpec(_) => {
            Err(JudgeError::hopeless(format!("could not run output validator {name}: {error}")))
        }
        RunError::Exec { .. } | RunError::Box(_) | RunError::Unavailable { .. } => {
            Err(JudgeError::failed(format!("could not run output validator {name}: {error}")))
        }
    }
}

/// Makes the pass; the error says why the facts allow no verdict.
fn judged(
    on: RunWith<'_>,
    place: &Place,
    name: &str,
    outcome: &PairOutcome,
    started: Instant,
) -> Result<Pass, String> {
    let PairOutcome { program, partner, first, partner_state, .. } = outcome;
    let classified = if was_ended(&program.facts) {
        Classified { verdict: None, reason: None, ..classify(&program.facts, &on.plan.limits) }
    } else {
        classify(&program.facts, &on.plan.limits)
    };
    let answer =
        (!was_ended(&partner.facts)).then(|| place.read(name, &on.plan.validator, takes_points(on), partner));
    let ended = Ended {
        first: match first {
            Side::Program => First::Submission,
            Side::Partner => First::Validator,
        },
        submission: classified.verdict,
        validator: answer.as_ref().map(|answer| answer.word.verdict),
        whereabouts: partner_state.map(|state| match state {
            PartnerState::Waiting => Whereabouts::Waiting,
            PartnerState::Elsewhere => Whereabouts::Elsewhere,
        }),
    };
    let (verdict, by) = decide(&ended);
    if verdict == Verdict::SE {
        let validators = answer.and_then(|answer| answer.word.reason);
        return Err(validators
            .or(classified.reason)
            .unwrap_or_else(|| "neither of the two ended by itself".into()));
    }
    let mut test = case::report(on, program, &classified);
    test.interaction = Some(Box::new(interaction(outcome)));
    if by == By::Validator && ended.first == First::Validator {
        // What it did after it was decided does not count.
        let limit = round_ms(on.plan.limits.cpu_time);
        test.cpu_time_ms = test.cpu_time_ms.map(|cpu| cpu.min(limit));
    }
    test.check_time_ms = Some(round_ms(partner.facts.cpu_time));
    let Answer { word, feedback, lost } = match by {
        By::Validator => answer.ok_or_else(|| "a word of nobody".to_owned())?,
        By::Submission => {
            let said = answer.and_then(|answer| answer.word.reason);
            let reason = case::with_stderr(verdict, classified.reason, &program.stderr);
            let reason = with_wait(reason, classified.limit_hit, ended.whereabouts);
            let reason = match (reason, said) {
                (Some(reason), Some(said)) => Some(format!("{reason}; validator: {said}")),
                (reason, said) => reason.or(said),
            };
            Answer::of(Word::plain(verdict, reason, classified.feedback))
        }
        By::Silence => Answer::je(format!(
            "output validator {name}: it neither read nor wrote while the submission waited for it, until the \
             submission's wall-clock time was over"
        )),
    };
    let spoken = by != By::Submission;
    Ok(Pass { test, word, spoken, feedback, lost, run: started.elapsed(), check: Duration::ZERO })
}

/// Whether nothing but our own hand ended it: the other one had decided.
fn was_ended(facts: &RunFacts) -> bool {
    facts.exit.is_none() && facts.limit_events.is_empty() && facts.violation.is_none() && facts.oom_kills == 0
}

fn with_wait(
    reason: Option<String>,
    limit: Option<LimitHit>,
    whereabouts: Option<Whereabouts>,
) -> Option<String> {
    let waited = matches!(limit, Some(LimitHit::WallTime | LimitHit::Idle))
        && whereabouts == Some(Whereabouts::Waiting);
    if waited { reason.map(|reason| format!("{reason}; the validator waited for it")) } else { reason }
}

fn interaction(outcome: &PairOutcome) -> Interaction {
    let transcript = &outcome.transcript;
    Interaction {
        ended_first: talker(outcome.first),
        validator_waited: outcome.partner_state.map(|state| state == PartnerState::Waiting),
        transcript: transcript.head.iter().chain(&transcript.tail).map(said).collect(),
        omitted_after: transcript.head.len() as u64,
        omitted: transcript.omitted,
        validator_facts: Some(outcome.partner.facts.clone()),
    }
}

fn said(line: &Line) -> Said {
    Said {
        from: talker(line.from),
        at_ms: round_ms(line.at),
        text: String::from_utf8_lossy(&line.bytes).into_owned(),
        bytes: line.total,
    }
}

fn talker(side: Side) -> Talker {
    match side {
        Side::Program => Talker::Submission,
        Side::Partner => Talker::Validator,
    }
}
