//! Whether a run so near its time limit that noise could have decided is made again, and which run counts.
//!
//! Only a run that failed by processor time is worth it: the least of several times counts, so a run that
//! passed can only pass again. All runs are recorded. To tell a near miss from an endless loop, a box gets
//! [`hard_limit`] and not the limit itself: a program that used that up is not near.

use std::time::Duration;

use proto::facts::LimitHit;
use proto::verdict::Verdict;

/// Runs are made again above this part of the limit, in hundredths.
pub const FROM_PERCENT: u32 = 90;
/// And below this part.
pub const TO_PERCENT: u32 = 125;
/// Most further runs of one case.
pub const RERUNS_MAX: usize = 2;

/// Processor time a run gets before it is killed: past the limit the verdict is certain, past this so is that
/// no other run can change it. `margin` is a larger part of the limit to look at, in hundredths, for whoever
/// wants to know how far off the slow ones are.
pub fn hard_limit(limit: Duration, margin: u32) -> Duration {
    limit.saturating_mul(TO_PERCENT.max(margin)) / 100
}

/// Whether a time is so near the limit that noise may decide.
pub fn near(cpu_time: Duration, limit: Duration) -> bool {
    let scaled = cpu_time.saturating_mul(100);
    scaled > limit.saturating_mul(FROM_PERCENT) && scaled < limit.saturating_mul(TO_PERCENT)
}

/// What one run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// The verdict by its facts; `None` when it ran clean.
    pub verdict: Option<Verdict>,
    /// The limit that decided.
    pub limit_hit: Option<LimitHit>,
    /// Processor time.
    pub cpu_time: Duration,
}

/// Whether the case is to be run again, on a slot of its own, after `runs` in the order they were made.
pub fn again(runs: &[Ran], limit: Duration) -> bool {
    let missed = |ran: &Ran| {
        let by_time = ran.verdict == Some(Verdict::TLE) && ran.limit_hit == Some(LimitHit::CpuTime);
        by_time && near(ran.cpu_time, limit)
    };
    !runs.is_empty() && runs.len() <= RERUNS_MAX && runs.iter().all(missed)
}

/// The index of the run that counts: the one with the least processor time, the earlier of two equal ones.
/// `None` without a run.
pub fn counting(runs: &[Ran]) -> Option<usize> {
    (0..runs.len()).min_by_key(|i| runs[*i].cpu_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(ms: u64) -> Ran {
        let over = ms > 1000;
        Ran {
            verdict: over.then_some(Verdict::TLE),
            limit_hit: over.then_some(LimitHit::CpuTime),
            cpu_time: Duration::from_millis(ms),
        }
    }

    #[test]
    fn only_a_time_limit_missed_by_little_is_tried_again_and_twice_at_most() {
        let limit = Duration::from_secs(1);
        for (runs, want) in [
            (&[][..], false),
            (&[ran(950)], false),
            (&[ran(1000)], false),
            (&[ran(1001)], true),
            (&[ran(1249)], true),
            (&[ran(1250)], false),
            (&[ran(3000)], false),
            (&[ran(1100), ran(1100)], true),
            (&[ran(1100), ran(990)], false),
            (&[ran(1100), ran(1600)], false),
            (&[ran(1100), ran(1100), ran(1100)], false),
        ] {
            assert_eq!(again(runs, limit), want, "{runs:?}");
        }
        let idle = Ran { limit_hit: Some(LimitHit::Idle), verdict: Some(Verdict::ILE), ..ran(1100) };
        assert!(!again(&[idle], limit));
        let crashed = Ran { limit_hit: None, verdict: Some(Verdict::RTE), ..ran(1100) };
        assert!(!again(&[crashed], limit));
        let otherwise = Ran { limit_hit: None, ..ran(1100) };
        assert!(!again(&[otherwise], limit), "only the kernel's clock is worth another look");
    }

    #[test]
    fn a_program_that_used_up_its_hard_limit_is_not_near() {
        let limit = Duration::from_secs(1);
        assert_eq!(hard_limit(limit, 100), Duration::from_millis(1250));
        assert_eq!(hard_limit(limit, 200), Duration::from_secs(2));
        assert!(!near(hard_limit(limit, 0), limit));
        assert!(near(limit, limit) && !near(Duration::from_millis(900), limit));
    }

    #[test]
    fn the_least_time_counts() {
        assert_eq!(counting(&[]), None);
        assert_eq!(counting(&[ran(1100), ran(990), ran(1050)]), Some(1));
        assert_eq!(counting(&[ran(1100), ran(1100)]), Some(0));
    }
}
