//! How often one address may ask. The memory is fixed: an address is a cell among 65,536, found by a secret hash, so
//! that strangers who share a cell are rare and nobody can choose to be one.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

const CELLS: usize = 1 << 16;

/// So many a minute, all at once or spread out (GCRA: each cell holds the time at which it is empty again).
pub(super) struct Limiter {
    cells: Box<[AtomicU64]>,
    hasher: RandomState,
    start: Instant,
    /// Microseconds that one request costs.
    cost: u64,
}

const MINUTE: u64 = 60_000_000;

impl Limiter {
    pub(super) fn per_minute(number: u32) -> Self {
        let cells = (0..CELLS).map(|_| AtomicU64::new(0)).collect();
        let cost = MINUTE / u64::from(number.max(1));
        Self { cells, hasher: RandomState::new(), start: Instant::now(), cost: cost.max(1) }
    }

    /// Counts a request of this address; `Err`: one too many, and how long to wait.
    pub(super) fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let now = self.now();
        let step = |empty: u64| {
            let next = empty.max(now) + self.cost;
            (next <= now + MINUTE).then_some(next)
        };
        let taken = self.cell(address).fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        taken.map(drop).map_err(|empty| self.wait(empty, now))
    }

    /// Whether there is room for one more of this address, without counting it.
    pub(super) fn look(&self, address: IpAddr) -> Result<(), Duration> {
        let (now, empty) = (self.now(), self.cell(address).load(Ordering::Relaxed));
        if empty.max(now) + self.cost <= now + MINUTE { Ok(()) } else { Err(self.wait(empty, now)) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX / 2)
    }

    fn wait(&self, empty: u64, now: u64) -> Duration {
        Duration::from_micros((empty + self.cost).saturating_sub(now + MINUTE))
    }

    fn cell(&self, address: IpAddr) -> &AtomicU64 {
        let key = match address.to_canonical() {
            IpAddr::V4(address) => u64::from(u32::from(address)),
            // A household has a /64, and would have 2^64 tries otherwise.
            IpAddr::V6(address) => u64::try_from(u128::from(address) >> 64).unwrap_or_default(),
        };
        let at = usize::try_from(self.hasher.hash_one(key) % CELLS as u64).unwrap_or_default();
        self.cells.get(at).expect("the remainder is below the number of cells")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minutes_worth_is_let_in_and_the_next_when_its_time_has_come() {
        let limiter = Limiter::per_minute(10);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..10 {
            assert_eq!(limiter.look(one), Ok(()));
            assert_eq!(limiter.take(one), Ok(()));
        }
        assert_eq!(limiter.take(one), Err(Duration::from_secs(6)));
        assert_eq!(limiter.look(one), Err(Duration::from_secs(6)));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(limiter.take(one), Ok(()));
        assert!(limiter.take(one).is_err());
        tokio::time::advance(Duration::from_mins(1)).await;
        for _ in 0..10 {
            assert_eq!(limiter.take(one), Ok(()));
        }
        assert!(limiter.take(one).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_household_is_one_address_and_its_neighbour_another() {
        let limiter = Limiter::per_minute(1);
        let check = |address: &str, good: bool| {
            assert_eq!(limiter.take(address.parse().unwrap()).is_ok(), good, "{address}");
        };
        check("2001:db8:1:2::1", true);
        check("2001:db8:1:2:ffff::9", false);
        check("::ffff:192.0.2.7", true);
        check("192.0.2.7", false);
    }
}
