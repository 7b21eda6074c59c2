//! The wall clock of one run: when its limit fires, and what moves it.
//!
//! A program is only charged with time it could have used. What it waited for a processor, what its watcher stood still
//! and what another program took of its time all move the limit. Used by `watch`; pure, so that every case is a test.

use std::time::Duration;

/// A wall limit is an idle limit when less than this share of it was cpu time.
const IDLE_SHARE: f64 = 0.10;

/// A program that was ready to run but got no cpu is not slow: its wall limit moves by what it waited, to at
/// most this many times the limit. Otherwise an overloaded host turns TLE into ILE, and AC into ILE. One that waited
/// longer than that is not judged at all: the host failed it.
const STRETCH: u32 = 4;

/// A watcher that wakes this much later than it asked for was itself stopped: by SIGSTOP, by a paused virtual
/// machine, by a host out of breath. Well above what a loaded host delays a wake-up by, so that the limit does not
/// creep.
const STALL: Duration = Duration::from_secs(1);

/// A clock that stands: longer than anything runs, and far from where durations overflow.
const NEVER: Duration = Duration::from_secs(1 << 32);

/// What a look at the clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WallState {
    /// There is time left.
    Open,
    /// The time is over, and the program hardly worked in it.
    Idle,
    /// The time is over.
    Over,
    /// The time is over, and the host gave the program no processor for most of it.
    Starved,
}

/// The clock. All times count from the start of the run.
#[derive(Debug)]
pub(crate) struct Wall {
    limit: Duration,
    /// When the limit fires, as far as is known now.
    end: Duration,
    /// When the clock began to count.
    from: Duration,
    /// How long the watcher itself stood still. Nobody knows what the program did meanwhile.
    stalled: Duration,
    /// Time another program took of ours.
    lent: Duration,
}

impl Wall {
    /// Counts from the start of the run.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, end: limit, from: Duration::ZERO, stalled: Duration::ZERO, lent: Duration::ZERO }
    }

    /// Stands until [`start`](Self::start).
    pub(crate) fn hold(&mut self) {
        self.end = NEVER;
    }

    /// Counts from `now`, to `most` at first.
    pub(crate) fn start(&mut self, now: Duration, most: Duration) {
        self.from = now;
        self.end = now + most;
    }

    /// The watcher stood still for so long.
    pub(crate) fn stall(&mut self, stall: Duration) {
        self.stalled += stall;
        self.end += stall;
    }

    /// Another program took `lent` of the time in all so far.
    pub(crate) fn lend(&mut self, lent: Duration) {
        let more = lent.saturating_sub(self.lent);
        self.lent += more;
        self.end += more;
    }

    /// Fires at `now + by`, to look again.
    pub(crate) fn postpone(&mut self, now: Duration, by: Duration) {
        self.end = now + by;
    }

    /// When the limit fires, as far as is known now.
    pub(crate) fn end(&self) -> Duration {
        self.end
    }

    /// Time that was the program's own.
    pub(crate) fn watched(&self, now: Duration) -> Duration {
        now.saturating_sub(self.stalled + self.lent + self.from)
    }

    /// The part of the time a program waited for a cpu that is believed.
    pub(crate) fn believed(&self, waited: Duration) -> Duration {
        waited.min(self.limit * (STRETCH - 1))
    }

    /// Moves the limit for a program that `waited` for a cpu and `used` so much of one, and tells what is left.
    ///
    /// Threads that keep each other waiting use the time up themselves: where a program had half of a processor all the
    /// time, its wait is its own doing.
    pub(crate) fn look(&mut self, now: Duration, used: Duration, waited: Duration) -> WallState {
        let believed = self.believed(waited);
        self.end = self.end.max(self.limit + believed + self.from + self.stalled + self.lent);
        let watched = self.watched(now);
        match () {
            () if now < self.end => WallState::Open,
            () if waited > believed && used < watched / 2 => WallState::Starved,
            () if used.as_secs_f64() < watched.as_secs_f64() * IDLE_SHARE => WallState::Idle,
            () => WallState::Over,
        }
    }
}

/// How long the watcher stood still when a wait of `asked` took `took`: nothing below [`STALL`].
pub(crate) fn overslept(asked: Duration, took: Duration) -> Duration {
    match took.saturating_sub(asked) {
        late if late > STALL => late,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What a fresh clock of four seconds shows.
    fn look(now: u64, used: u64, waited: u64) -> WallState {
        Wall::new(s(4)).look(s(now), s(used), s(waited))
    }

    #[test]
    fn the_wall_limit_moves_by_the_wait_for_a_cpu_and_not_without_end() {
        assert_eq!(look(3, 0, 0), WallState::Open);
        assert_eq!(look(4, 0, 0), WallState::Idle);
        assert_eq!(look(4, 1, 0), WallState::Over);
        assert_eq!(look(6, 1, 3), WallState::Open, "it may still use what it waited for");
        assert_eq!(look(7, 1, 3), WallState::Over);
        assert_eq!(look(15, 1, 100), WallState::Open);
    }

    #[test]
    fn a_program_the_host_starved_is_not_judged_and_one_that_starves_itself_is() {
        assert_eq!(look(16, 1, 100), WallState::Starved);
        assert_eq!(look(16, 0, 100), WallState::Starved, "that is not idle");
        assert_eq!(look(16, 1, 12), WallState::Idle, "all of its wait was made good");
        assert_eq!(look(16, 30, 100), WallState::Over, "its threads kept each other waiting");
        let mut late = Wall::new(s(4));
        late.start(s(100), s(4));
        assert_eq!(
            late.look(s(116), s(1), s(100)),
            WallState::Starved,
            "what was before its start is not its time"
        );
        assert_eq!(late.look(s(116), s(9), s(100)), WallState::Over);
    }

    #[test]
    fn a_clock_that_stands_or_lost_time_fires_later() {
        let mut wall = Wall::new(s(4));
        wall.hold();
        assert_eq!(wall.look(s(1000), s(0), s(0)), WallState::Open);
        wall.start(s(1000), s(4));
        wall.stall(s(10));
        wall.lend(s(2));
        wall.lend(s(2));
        assert_eq!((wall.end(), wall.watched(s(1014))), (s(1016), s(2)));
        wall.postpone(s(1016), s(1));
        assert_eq!(wall.look(s(1016), s(0), s(0)), WallState::Open);
    }

    #[test]
    fn a_late_watcher_is_no_slow_program_and_a_little_late_is_not_late() {
        let ms = Duration::from_millis;
        assert_eq!(overslept(ms(100), ms(10_100)), ms(10_000));
        assert_eq!(overslept(ms(100), ms(900)), ms(0));
        assert_eq!(overslept(ms(5000), ms(20)), ms(0), "woken early by an event");
    }
}
