//! How fast a core of this machine is beside a stated reference, measured once at the start.
//!
//! One round is 2^21 dependent steps: a 64-bit xorshift chooses a word of a table of 256 KiB, which is read, mixed into
//! a sum and written back. Integer units and the nearer caches decide it, as they decide most submissions. Of
//! [`ROUNDS`] rounds the fastest counts, by the processor time of the thread, so that neighbours matter little. A core
//! that needs [`REFERENCE`] has speed 1, one that needs half of it 2.
//!
//! The figure is told, so that an operator sees that two workers differ; no limit is ever changed by it. Builds without
//! optimisation measure themselves and tell a figure far below 1.

use std::hint::black_box;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// What a round takes on the reference: the fastest rounds of a 2020s server core at about 3 GHz take 4 to 5 ms.
const REFERENCE: Duration = Duration::from_millis(5);
/// Enough that one of them is not disturbed.
const ROUNDS: u32 = 5;
/// Words of the table.
const WORDS: usize = 1 << 15;
/// Steps of a round.
const STEPS: u32 = 1 << 21;

/// Measures; takes about 25 ms in a release. `None` where the processor time of a thread cannot be read.
pub fn measure() -> Option<f64> {
    let mut table = vec![0; WORDS];
    let mut best: Option<Duration> = None;
    for _ in 0..ROUNDS {
        let before = thread_time()?;
        black_box(round(black_box(&mut table)));
        let took = thread_time()?.checked_sub(before)?;
        best = Some(best.map_or(took, |best| best.min(took)));
    }
    let best = best.filter(|best| !best.is_zero())?;
    // Three digits: more would pretend that it repeats better than it does.
    Some((REFERENCE.as_secs_f64() / best.as_secs_f64() * 1e3).round() / 1e3)
}

fn round(table: &mut [u64]) -> u64 {
    let (mut x, mut sum) = (0x9e37_79b9_7f4a_7c15_u64, 0_u64);
    for _ in 0..STEPS {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        let at = (x >> 49) as usize % WORDS;
        table[at] = table[at].wrapping_add(x) ^ sum;
        sum = sum.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(table[at]);
    }
    sum
}

fn thread_time() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_does_the_same_work_each_time_and_the_speed_is_a_positive_number() {
        let fresh = || round(&mut vec![0; WORDS]);
        assert_eq!(fresh(), fresh());
        let speed = measure().expect("Linux has the clock");
        assert!(speed.is_finite() && speed > 0.0, "{speed}");
    }
}
