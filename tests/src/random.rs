//! Numbers that look random and can be had again: a failing test prints its seed.

/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, good enough to pick points and bytes.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in the environment variable `name`, else one of the clock; printed, so that it can be set.
    ///
    /// # Panics
    /// When the variable holds no number.
    pub fn seed(name: &str) -> u64 {
        let seed = std::env::var(name).map_or_else(
            |_| std::time::UNIX_EPOCH.elapsed().map_or(1, |d| d.as_nanos() as u64),
            |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")),
        );
        println!("{name}={seed} replays");
        seed
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is not 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next_u64() % n
    }
}
