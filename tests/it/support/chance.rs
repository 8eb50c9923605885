//! Random numbers with a seed that a failing test prints.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io::Write,
    ops::Range,
    time::Duration,
};

/// A source of random numbers (`SplitMix64`). If the test fails while it lives, it tells its seed.
pub(crate) struct Chance {
    what: &'static str,
    seed: u64,
    state: u64,
}

impl Chance {
    /// A new seed, or that of `LINKPOST_TEST_SEED`.
    pub(crate) fn new(what: &'static str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
        let given = std::env::var("LINKPOST_TEST_SEED").ok();
        let seed = given.map_or_else(
            || RandomState::new().build_hasher().finish(),
            |text| text.parse().expect("LINKPOST_TEST_SEED is a number"),
        );
        Self::seeded(what, seed)
    }

    /// A seed of one's own choice.
    pub(crate) fn seeded(what: &'static str, seed: u64) -> Self {
        Self { what, seed, state: seed }
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range.
    pub(crate) fn below(&mut self, range: Range<usize>) -> usize {
        let span = u64::try_from(range.end - range.start).unwrap();
        range.start + usize::try_from(self.draw() % span).unwrap()
    }

    /// Whether an event of this many percent happens.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(0..100) < percent
    }

    /// One of them.
    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(0..of.len())]
    }

    /// Lets a random time up to `longest` pass: for what is to happen at any instant, and not at an event.
    pub(crate) fn pause(&mut self, longest: Duration) {
        let micros = self.draw() % u64::try_from(longest.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(micros));
    }

    /// Another order.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(0..at + 1));
        }
    }
}

impl Drop for Chance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (what, seed) = (self.what, self.seed);
            let _deaf = writeln!(std::io::stderr(), "failing seed of {what}: LINKPOST_TEST_SEED={seed}");
        }
    }
}
