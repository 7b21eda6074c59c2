//! Two programs that talk with each other, each in its own box: one loop starts, relays, watches and ends both.
//!
//! ```text
//!  program --stdout--> | pump, outlet | --stdin--> partner
//!          <--stdin--- | outlet, pump | <--stdout-
//! ```
//! Because every end is seen here before the other side can feel it, "it crashed, and so the partner was not content"
//! and "the partner was not content, and so it was ended" are two different orders. A program whose partner left
//! content may say more: it is read, counted and thrown away. Used by the worker for interactive problems; nothing here
//! knows what a verdict is.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proto::facts::{Exit, RunFacts};

use crate::collect::{self, Found};
use crate::error::SandboxError;
use crate::files;
use crate::keeper::{BoxKind, BoxServer, WarmBox};
use crate::outlet::{Outlet, Recorder};
use crate::pump::Pump;
use crate::run::{Cancel, Start, inlet};
use crate::spec::{BoxTimes, PairOutcome, PairSpec, PartnerState, RunOutcome, RunSpec, Side};
use crate::watch::{End, Watch, wait};

/// How often a partner that is busy is looked at again before it counts as one that does not wait: while it works on
/// what the program says, one look may find it between two reads.
const LOOKS: u32 = 40;

/// How long after the end of its output a partner counts as one that goes on without speaking. It is asked for too
/// whether it is ending: then its end is what the other side hears of.
const LINGER: Duration = Duration::from_millis(100);

/// Time between those looks.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A pair that did not come to an end, and whose box it was.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct PairError {
    /// Whose box.
    pub side: Side,
    /// What happened.
    pub source: SandboxError,
}

/// The same for one side.
fn of(side: Side) -> impl Fn(SandboxError) -> PairError {
    move |source| PairError { side, source }
}

impl BoxServer {
    /// Runs two programs that talk with each other, each in a box of its own. Blocks until both boxes are gone.
    ///
    /// # Errors
    /// As [`BoxServer::run`], with the side.
    pub fn run_pair(&self, spec: &PairSpec, cancel: &Cancel) -> Result<PairOutcome, PairError> {
        let begun = Instant::now();
        let kinds = [BoxKind::of(&spec.program), BoxKind::of(&spec.partner)];
        let [program_kind, partner_kind] = kinds;
        let program = self.take(&program_kind, &spec.program.limits).map_err(of(Side::Program))?;
        let partner = match self.take(&partner_kind, &spec.partner.limits) {
            Ok(partner) => partner,
            Err(e) => {
                self.destroy(program, program_kind).map_err(of(Side::Program))?;
                return Err(of(Side::Partner)(e));
            }
        };
        let result = self.talk_in(&program, &partner, spec, cancel, begun);
        let torn = Instant::now();
        // Both, whatever came of the first.
        let program_gone = self.destroy(program, program_kind).map_err(of(Side::Program));
        let partner_gone = self.destroy(partner, partner_kind).map_err(of(Side::Partner));
        let destroyed = program_gone.and(partner_gone);
        let mut outcome = result?;
        destroyed?;
        outcome.program.times.teardown += torn.elapsed();
        Ok(outcome)
    }

    fn talk_in(
        &self,
        program: &WarmBox,
        partner: &WarmBox,
        spec: &PairSpec,
        cancel: &Cancel,
        begun: Instant,
    ) -> Result<PairOutcome, PairError> {
        let (ours, theirs) = (of(Side::Program), of(Side::Partner));
        files::place(program, &spec.program).map_err(&ours)?;
        files::place(partner, &spec.partner).map_err(&theirs)?;
        let recorder = Rc::new(RefCell::new(Recorder::new(spec.keep_transcript)));
        let (program_in, to_program) = inlet().map_err(&ours)?;
        let (partner_in, to_partner) = inlet().map_err(&theirs)?;
        let program_start = Start::reading(&spec.program, self.accounting(), program_in).map_err(&ours)?;
        let partner_start =
            Start::letting_go(&spec.partner, self.accounting(), partner_in).map_err(&theirs)?;
        let to_partner = Outlet::new(Side::Program, to_partner, Rc::clone(&recorder));
        let to_program = Outlet::new(Side::Partner, to_program, Rc::clone(&recorder));
        let mut partner = partner_start
            .begin(partner, &spec.partner, cancel, |out| Pump::joined(out, to_program))
            .map_err(&theirs)?;
        partner.hold_wall();
        let program = program_start
            .begin(program, &spec.program, cancel, |out| Pump::joined(out, to_partner))
            .map_err(&ours)?;
        let setup = begun.elapsed();
        let mut talk = Talk {
            spec,
            program,
            partner,
            first: None,
            state: None,
            looks: 0,
            in_grace: false,
            facts: [None, None],
        };
        talk.until_both_ended()?;
        talk.into_outcome(&recorder, setup)
    }
}

/// A talk that is going on.
struct Talk<'a> {
    spec: &'a PairSpec,
    program: Watch<'a>,
    partner: Watch<'a>,
    first: Option<Side>,
    state: Option<PartnerState>,
    /// How often the partner was found busy since it was last found waiting.
    looks: u32,
    /// Whether the program ended badly and the partner is given a moment to say what it thinks of it.
    in_grace: bool,
    /// The program's and the partner's, once they ended.
    facts: [Option<RunFacts>; 2],
}

impl Talk<'_> {
    fn until_both_ended(&mut self) -> Result<(), PairError> {
        let (ours, theirs) = (of(Side::Program), of(Side::Partner));
        while !(self.program.is_over() && self.partner.is_over()) {
            let most = self.until_look_at_silence();
            let ([program, partner], stall) = wait([&self.program, &self.partner], most).map_err(&ours)?;
            // The partner first: where both ended at once, neither can have died of the other.
            let end = if self.in_grace && self.partner.wall_is_over() {
                Some(self.partner.dismiss())
            } else {
                self.partner.step(partner, stall, &self.spec.partner.argv[0]).map_err(&theirs)?
            };
            if let Some(end) = end {
                self.partner_ended(end)?;
            }
            self.pass_on_silence()?;
            if self.program.is_over() {
                self.program.step(program, stall, "").map_err(&ours)?;
                continue;
            }
            if self.program.wall_is_over() && !self.partner.is_over() {
                self.look_at_partner().map_err(&theirs)?;
            }
            let end = self.program.step(program, stall, &self.spec.program.argv[0]).map_err(&ours)?;
            if let Some(end) = end {
                self.program_ended(end)?;
            }
        }
        Ok(())
    }

    /// Since when the partner says no more, where the program does not know that yet.
    fn silent_since(&mut self) -> Option<Instant> {
        if self.partner.is_over() { None } else { self.partner.out().outlet().and_then(|o| o.silent_since()) }
    }

    /// Time until a partner that says no more is looked at.
    fn until_look_at_silence(&mut self) -> Duration {
        let left = |since: Instant| LINGER.saturating_sub(since.elapsed()).max(LOOK_AGAIN);
        self.silent_since().map_or(Duration::MAX, left)
    }

    /// Tells the program that its partner says no more, once that is no part of the partner's end.
    fn pass_on_silence(&mut self) -> Result<(), PairError> {
        let lingered = self.silent_since().is_some_and(|since| since.elapsed() >= LINGER);
        if lingered
            && !self.partner.may_be_ending()
            && let Some(outlet) = self.partner.out().outlet()
        {
            outlet.end().map_err(SandboxError::host("write to a program")).map_err(of(Side::Program))?;
        }
        Ok(())
    }

    fn partner_ended(&mut self, end: End) -> Result<(), PairError> {
        let busy = self.partner.busy().map_err(of(Side::Partner))?;
        let facts = self.partner.settle(end).map_err(of(Side::Partner))?;
        self.program.lend(busy.max(facts.cpu_time));
        let accepts = |code| self.spec.partner_content.contains(&code);
        let content =
            matches!(facts.exit, Some(Exit::Code(code)) if accepts(code)) && facts.limit_events.is_empty();
        self.facts[1] = Some(facts);
        self.first.get_or_insert(Side::Partner);
        // What it said last is read before its end. What the program still says goes nowhere, and does not end it:
        // whether a last word comes before or after a partner that did not wait for it is chance.
        if let Some(outlet) = self.partner.out().outlet() {
            outlet.end().map_err(SandboxError::host("write to a program")).map_err(of(Side::Program))?;
        }
        if let Some(outlet) = self.program.out().outlet() {
            outlet.discard();
        }
        if !content && !self.program.is_over() {
            let end = self.program.dismiss();
            self.facts[0] = Some(self.program.settle(end).map_err(of(Side::Program))?);
        }
        Ok(())
    }

    fn program_ended(&mut self, end: End) -> Result<(), PairError> {
        // Everything of it is dead when this returns; only then may its partner read the end.
        let facts = self.program.settle(end).map_err(of(Side::Program))?;
        let clean = facts.exit == Some(Exit::Code(0)) && facts.limit_events.is_empty();
        self.facts[0] = Some(facts);
        self.first.get_or_insert(Side::Program);
        if let Some(outlet) = self.program.out().outlet() {
            outlet.end().map_err(SandboxError::host("write to a partner")).map_err(of(Side::Partner))?;
        }
        if !self.partner.is_over() {
            let limit = self.spec.partner.limits.wall_time;
            self.in_grace = !clean;
            self.partner.start_wall(if clean { limit } else { limit.min(self.spec.grace) });
        }
        Ok(())
    }

    /// The program's wall-clock time is over: first it gets back what its partner took, then the partner is asked
    /// where it is.
    fn look_at_partner(&mut self) -> Result<(), SandboxError> {
        self.program.lend(self.partner.busy()?);
        if !self.program.wall_is_over() {
            return Ok(());
        }
        let unread_by_program = self.partner.out().outlet().is_some_and(|outlet| outlet.is_full());
        let unread_by_partner = self.program.out().outlet().is_some_and(|outlet| outlet.has_unread());
        let waits =
            unread_by_program || (!unread_by_partner && self.partner.waits_for_input().unwrap_or(true));
        if waits {
            self.state = Some(PartnerState::Waiting);
            return Ok(());
        }
        self.state = Some(PartnerState::Elsewhere);
        self.looks += 1;
        if self.looks < LOOKS {
            self.program.postpone(LOOK_AGAIN);
        }
        Ok(())
    }

    fn into_outcome(self, recorder: &RefCell<Recorder>, setup: Duration) -> Result<PairOutcome, PairError> {
        let torn = Instant::now();
        let [Some(program_facts), Some(partner_facts)] = self.facts else {
            return Err(of(Side::Program)(SandboxError::Lost { during: "run" }));
        };
        let expired = program_facts.exit.is_none() && !program_facts.limit_events.is_empty();
        let mut program = outcome(self.program, &self.spec.program, program_facts);
        let partner = outcome(self.partner, &self.spec.partner, partner_facts);
        program.times = BoxTimes { setup, teardown: torn.elapsed() };
        Ok(PairOutcome {
            program,
            partner,
            first: self.first.unwrap_or(Side::Program),
            partner_state: self.state.filter(|_| expired),
            transcript: recorder.borrow_mut().finish(),
        })
    }
}

fn outcome(watch: Watch<'_>, spec: &RunSpec, facts: RunFacts) -> RunOutcome {
    let Found { files, opened, empty, refused } =
        collect::collect(watch.stage(), &spec.collect, &spec.limits);
    let (stdout, stderr) = watch.into_captured();
    RunOutcome { facts, stdout, stderr, files, opened, empty, refused, times: BoxTimes::default() }
}
