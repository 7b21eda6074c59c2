//! The time limit a package does not name: made from how long its own submissions take.
//!
//! 2025-09: the smallest multiple of the resolution with `slowest accepted * ac_to_time_limit <= limit` and
//! `limit * time_limit_to_tle <= fastest too slow`. Legacy is the same rule with a resolution of a second,
//! `time_multiplier` and `time_safety_margin`. Exact arithmetic: 0.1 s times 2 is 0.2 s.

use std::time::Duration;

use crate::score::Score;

/// The factors of one package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRule {
    /// The limit is a multiple of this many seconds.
    pub resolution: Score,
    /// Slowest accepted run times this is at most the limit.
    pub ac_to_limit: Score,
    /// The limit times this is at most the fastest run that is too slow.
    pub limit_to_tle: Score,
}

/// Why no limit fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// Nothing bounds it from below.
    #[error(
        "no submission says how long an accepted run takes; at least one under submissions/accepted is needed"
    )]
    NoAccepted,
    /// The bounds contradict each other.
    #[error(
        "a time limit of at least {least} s is needed for the accepted submissions, and of at most {most} s for \
         those that are too slow; make the slow ones slower, the accepted ones faster, or change \
         `limits.time_multipliers`"
    )]
    NoneFits {
        /// The smallest multiple above the accepted ones.
        least: Score,
        /// The greatest limit below the slow ones.
        most: Score,
    },
    /// The numbers are absurd.
    #[error("the times are too large to compute a time limit from")]
    TooLarge,
}

impl TimeRule {
    /// The rule of 2025-09 when a package changes nothing.
    pub fn v2025() -> Self {
        let three = Score::whole(3);
        let half = three.shared(2).unwrap_or(three);
        Self { resolution: Score::ONE, ac_to_limit: Score::whole(2), limit_to_tle: half }
    }

    /// The rule of legacy when a package changes nothing.
    pub fn legacy() -> Self {
        Self { resolution: Score::ONE, ac_to_limit: Score::whole(5), limit_to_tle: Score::whole(2) }
    }

    /// How many hundredths of the limit a run that is too slow must use at least, rounded up; at most ten times
    /// the limit.
    pub fn margin_percent(&self) -> u32 {
        let percent = self.limit_to_tle.times(Score::whole(100)).and_then(Score::ceiling);
        percent.and_then(|p| u32::try_from(p).ok()).unwrap_or(u32::MAX).min(1000)
    }

    /// The time limit for the slowest run that bounds it from below and the fastest of the slowest runs that
    /// bound it from above.
    ///
    /// # Errors
    /// See [`TimingError`].
    pub fn infer(
        &self,
        accepted: Option<Duration>,
        too_slow: Option<Duration>,
    ) -> Result<Duration, TimingError> {
        let accepted = accepted.ok_or(TimingError::NoAccepted)?;
        let large = || TimingError::TooLarge;
        let least = seconds(accepted)
            .and_then(|t| t.times(self.ac_to_limit)?.over(self.resolution)?.ceiling())
            .and_then(|steps| Score::parse(&steps.max(1).to_string())?.times(self.resolution))
            .ok_or_else(large)?;
        if let Some(slow) = too_slow {
            self.below(least, slow)?;
        }
        let text = least.to_string();
        text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or_else(large)
    }
}

impl TimeRule {
    /// Whether the fastest run that is too slow is slow enough for this limit.
    ///
    /// # Errors
    /// See [`TimingError`].
    pub fn leaves(&self, limit: Duration, too_slow: Duration) -> Result<(), TimingError> {
        self.below(seconds(limit).ok_or(TimingError::TooLarge)?, too_slow)
    }

    fn below(&self, limit: Score, too_slow: Duration) -> Result<(), TimingError> {
        let most = seconds(too_slow).and_then(|t| t.over(self.limit_to_tle)).ok_or(TimingError::TooLarge)?;
        if limit > most { Err(TimingError::NoneFits { least: limit, most }) } else { Ok(()) }
    }
}

fn seconds(time: Duration) -> Option<Score> {
    Score::parse(&format!("{}.{:09}", time.as_secs(), time.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_multiple_between_the_bounds_is_the_limit() {
        let score = |t: &str| Score::parse(t).unwrap();
        let ms = Duration::from_millis;
        let tenth = TimeRule { resolution: score("0.1"), ..TimeRule::v2025() };
        for (rule, accepted, slow, want) in [
            (TimeRule::v2025(), 400, None, Some(1000)),
            (TimeRule::v2025(), 500, Some(1500), Some(1000)),
            (TimeRule::v2025(), 501, Some(3000), Some(2000)),
            (TimeRule::v2025(), 501, Some(2999), None),
            (TimeRule::v2025(), 0, None, Some(1000)),
            (tenth, 100, Some(300), Some(200)),
            (tenth, 101, None, Some(300)),
            (TimeRule::legacy(), 200, Some(2000), Some(1000)),
            (TimeRule::legacy(), 201, None, Some(2000)),
            (TimeRule::legacy(), 201, Some(3999), None),
        ] {
            let got = rule.infer(Some(ms(accepted)), slow.map(ms));
            assert_eq!(got.clone().ok(), want.map(ms), "{accepted} {slow:?}: {got:?}");
        }
        assert_eq!(TimeRule::legacy().leaves(ms(1000), ms(2000)), Ok(()));
        assert!(TimeRule::legacy().leaves(ms(1000), ms(1999)).is_err());
        assert_eq!((TimeRule::v2025().margin_percent(), TimeRule::legacy().margin_percent()), (150, 200));
        assert_eq!(TimeRule::legacy().infer(None, Some(ms(1))), Err(TimingError::NoAccepted));
        let none = TimeRule::v2025().infer(Some(ms(700)), Some(ms(2700))).unwrap_err().to_string();
        assert!(none.contains("at least 2 s") && none.contains("at most 1.8 s"), "{none}");
    }
}
