//! Pairs of programs that talk with each other: eight at once, given up in the middle, and one that has the last word.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use proto::facts::{Exit, LimitHit};
use sandbox::spec::{PairOutcome, PairSpec, Side};
use sandbox::{BoxServer, Cancel, PairError, SandboxError, ServerConfig};

use crate::host;
use crate::program::{self, Lab};
use crate::soak::Census;

/// Pairs at once.
const TOGETHER: usize = 8;

/// Questions of one talk.
const QUESTIONS: usize = 300;

fn pair(lab: &Lab, program: &[&str], partner: &[&str]) -> PairSpec {
    PairSpec {
        program: program::spec(&lab.layer, program),
        partner: program::spec(&lab.layer, partner),
        partner_content: vec![42],
        grace: Duration::from_secs(1),
        keep_transcript: 256,
    }
}

/// Runs so many of them at once; `meanwhile` gets what cancels each.
fn together(
    server: &BoxServer,
    spec: &PairSpec,
    meanwhile: impl FnOnce(&[Cancel]),
) -> Result<Vec<Result<PairOutcome, PairError>>> {
    let cancels: Vec<Cancel> = (0..TOGETHER).map(|_| Cancel::new()).collect();
    std::thread::scope(|scope| {
        let run = |cancel: &Cancel| server.run_pair(spec, cancel);
        let threads: Vec<_> = cancels.iter().map(|cancel| scope.spawn(move || run(cancel))).collect();
        meanwhile(&cancels);
        threads.into_iter().map(|t| t.join().map_err(|_| anyhow!("a thread panicked"))).collect()
    })
}

fn well(outcome: &PairOutcome) -> Result<()> {
    let (program, partner) = (&outcome.program.facts, &outcome.partner.facts);
    ensure!(partner.exit == Some(Exit::Code(42)) && program.exit == Some(Exit::Code(0)), "{outcome:?}");
    ensure!(outcome.first == Side::Partner, "the partner ends the talk: {outcome:?}");
    ensure!(program.stdout_bytes == partner.stdout_bytes, "what was said came back: {outcome:?}");
    let said = outcome.transcript.head.first().context("a transcript")?;
    ensure!((said.from, said.bytes.as_slice()) == (Side::Partner, b"0\n"), "{said:?}");
    Ok(())
}

pub(crate) fn talks_eight_at_once_and_cancelled_ones_leave_nothing(lab: &Lab) -> Result<()> {
    let run_dir = lab.dir.join("talk");
    let server =
        BoxServer::spawn(ServerConfig { run_dir: Some(run_dir.clone()), ..ServerConfig::default() })?;
    let talk = pair(lab, &["answer"], &["ask", &QUESTIONS.to_string()]);
    let silent = pair(lab, &["stay"], &["ask", "1"]);
    let round = || -> Result<()> {
        for outcome in together(&server, &talk, |_| {})? {
            well(&outcome?)?;
        }
        // Some are caught while their boxes are made, some while they wait.
        let given_up = together(&server, &silent, |cancels| {
            for cancel in cancels {
                std::thread::sleep(Duration::from_millis(20));
                cancel.cancel();
            }
        })?;
        for outcome in given_up {
            let cancelled = matches!(&outcome, Err(PairError { source: SandboxError::Cancelled, .. }));
            ensure!(cancelled, "it was cancelled: {outcome:?}");
        }
        Ok(())
    };
    // Once, so that what is made once is there.
    round()?;
    server.settle()?;
    let before = Census::take(&run_dir)?;
    for _ in 0..3 {
        round()?;
    }
    server.settle()?;
    host::until(|| Ok(Census::take(&run_dir)?.same(&before)))?;
    let after = Census::take(&run_dir)?;
    ensure!(after.same(&before), "something is left: before {before:?}, after {after:?}");
    Ok(())
}

pub(crate) fn a_last_word_to_a_content_partner_that_left_harms_nobody(lab: &Lab) -> Result<()> {
    let run_dir = lab.dir.join("last-word");
    let server = BoxServer::spawn(ServerConfig { run_dir: Some(run_dir), ..ServerConfig::default() })?;
    // Less than a pipe holds, more than all buffers on the way hold, and more than it may say.
    for bytes in [1_usize, 1 << 20, 1 << 30] {
        let spec = pair(lab, &["last_word", &bytes.to_string()], &["leave", "42"]);
        let outcome = server.run_pair(&spec, &Cancel::new())?;
        let facts = &outcome.program.facts;
        ensure!(outcome.first == Side::Partner, "{outcome:?}");
        let limit = spec.program.limits.output.get();
        if bytes as u64 > limit {
            let hit: Vec<LimitHit> = facts.limit_events.iter().map(|event| event.limit).collect();
            ensure!(hit == [LimitHit::Output] && facts.stdout_bytes > limit, "{facts:?}");
        } else {
            ensure!(facts.exit == Some(Exit::Code(0)) && facts.limit_events.is_empty(), "{facts:?}");
            ensure!(facts.stdout_bytes >= bytes as u64, "{facts:?}");
        }
    }
    // Not content, it takes the program with it.
    let spec = pair(lab, &["last_word", "1"], &["leave", "43"]);
    let outcome = server.run_pair(&spec, &Cancel::new())?;
    let facts = &outcome.program.facts;
    ensure!(
        outcome.first == Side::Partner && facts.exit.is_none() && facts.limit_events.is_empty(),
        "{outcome:?}"
    );
    Ok(())
}

pub(crate) fn a_partner_that_says_no_more_is_heard_to_say_no_more_and_its_end_comes_first(
    lab: &Lab,
) -> Result<()> {
    let run_dir = lab.dir.join("silence");
    let server = BoxServer::spawn(ServerConfig { run_dir: Some(run_dir), ..ServerConfig::default() })?;
    let silent = pair(lab, &["until_end"], &["shut"]);
    let outcome = server.run_pair(&silent, &Cancel::new())?;
    let (program, partner) = (&outcome.program.facts, &outcome.partner.facts);
    ensure!(program.exit == Some(Exit::Code(0)) && partner.exit == Some(Exit::Code(42)), "{outcome:?}");
    ensure!(outcome.first == Side::Program, "the program ended at the end of its input: {outcome:?}");
    // The end of a partner's output that comes of its end is no news before that end.
    for (status, ends) in [("43", None), ("42", Some(Exit::Code(0)))] {
        let leaves = pair(lab, &["until_end"], &["leave", status]);
        for outcome in (0..5)
            .map(|_| together(&server, &leaves, |_| {}))
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
        {
            let outcome = outcome?;
            ensure!(outcome.first == Side::Partner && outcome.program.facts.exit == ends, "{outcome:?}");
        }
    }
    Ok(())
}
