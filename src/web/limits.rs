//! How often one address may guess. The memory is fixed: an address is a cell among 65,536, found by a secret hash, so
//! that strangers who share a cell are rare and nobody can choose to be one.
//!
//! A good link is never refused: an office has one address, and so has everybody behind a proxy. Addresses that ask a
//! lot, or guess, are let in a few at a time, so that a flood costs no more than these few.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

const CELLS: usize = 1 << 16;
/// So many requests of addresses that ask a lot are at work at a time.
const IN_TURN: usize = 4;

/// Who may ask at once, who in turn, and who has guessed enough.
pub(super) struct Limits {
    requests: Limiter,
    guesses: Limiter,
    turns: Semaphore,
}

impl Limits {
    /// Requests and guesses a minute of one address.
    pub(super) fn new(requests: u32, guesses: u32) -> Self {
        let (requests, guesses) = (Limiter::per_minute(requests), Limiter::per_minute(guesses));
        Self { requests, guesses, turns: Semaphore::new(IN_TURN) }
    }

    /// Lets a request in: at once, or in its turn where its address has asked or guessed a lot. The turn lasts for as
    /// long as what is returned is kept.
    pub(super) async fn let_in(&self, address: IpAddr) -> Option<SemaphorePermit<'_>> {
        let calm = self.requests.take(address).is_ok() && self.guesses.look(address).is_ok();
        if calm { None } else { self.turns.acquire().await.ok() }
    }

    /// Counts what nobody was ever sent; `Err`: it was one too many, and how long to wait.
    pub(super) fn guess(&self, address: IpAddr) -> Result<(), Duration> {
        self.guesses.take(address)
    }

    /// Whether there is room for another guess, without counting it.
    pub(super) fn may_guess(&self, address: IpAddr) -> Result<(), Duration> {
        self.guesses.look(address)
    }
}

/// So many a minute, all at once or spread out (GCRA: each cell holds the time at which it is empty again).
struct Limiter {
    cells: Box<[AtomicU64]>,
    hasher: RandomState,
    start: Instant,
    /// Microseconds that one request costs.
    cost: u64,
}

const MINUTE: u64 = 60_000_000;

impl Limiter {
    fn per_minute(number: u32) -> Self {
        let cells = (0..CELLS).map(|_| AtomicU64::new(0)).collect();
        let cost = MINUTE / u64::from(number.max(1));
        Self { cells, hasher: RandomState::new(), start: Instant::now(), cost: cost.max(1) }
    }

    /// Counts a request of this address; `Err`: one too many, and how long to wait.
    fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let now = self.now();
        let step = |empty: u64| {
            let next = empty.max(now) + self.cost;
            (next <= now + MINUTE).then_some(next)
        };
        let taken = self.cell(address).fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        taken.map(drop).map_err(|empty| self.wait(empty, now))
    }

    /// Whether there is room for one more of this address, without counting it.
    fn look(&self, address: IpAddr) -> Result<(), Duration> {
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
        // The next household of the same provider, and of the same /48.
        check("2001:db8:1:3::1", true);
        check("2001:db8:1:3::2", false);
        check("2001:db8:2:2::1", true);
        check("::ffff:192.0.2.7", true);
        check("192.0.2.7", false);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_a_lot_is_let_in_a_few_at_a_time_and_nobody_else_waits() {
        let limits = Limits::new(3, 10);
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..3 {
            assert!(limits.let_in(one).await.is_none());
        }
        let mut turns = Vec::new();
        for _ in 0..IN_TURN {
            turns.push(limits.let_in(one).await.expect("in its turn"));
        }
        let next = limits.let_in(one);
        tokio::pin!(next);
        assert!(tokio::time::timeout(Duration::from_millis(1), next.as_mut()).await.is_err());
        assert!(limits.let_in(other).await.is_none());
        turns.pop();
        assert!(next.await.is_some());
    }
}
