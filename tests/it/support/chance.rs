//! Random numbers with a seed that a failing test prints.

use std::{io::Write, ops::Range, time::Duration};

/// A source of random numbers. If the test fails while it lives, it tells its seed.
pub(crate) struct Chance {
    what: &'static str,
    source: fastrand::Rng,
    seed: u64,
}

impl Chance {
    /// A new seed, or that of `LINKPOST_TEST_SEED`.
    pub(crate) fn new(what: &'static str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
        let given = std::env::var("LINKPOST_TEST_SEED").ok();
        let seed = given
            .map_or_else(|| fastrand::u64(..), |text| text.parse().expect("LINKPOST_TEST_SEED is a number"));
        Self::seeded(what, seed)
    }

    /// A seed of one's own choice.
    pub(crate) fn seeded(what: &'static str, seed: u64) -> Self {
        Self { what, source: fastrand::Rng::with_seed(seed), seed }
    }

    /// A number of the range.
    pub(crate) fn below(&mut self, range: Range<usize>) -> usize {
        self.source.usize(range)
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
        let micros = u64::try_from(longest.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(self.source.u64(..micros)));
    }

    /// Another order.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        self.source.shuffle(all);
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
