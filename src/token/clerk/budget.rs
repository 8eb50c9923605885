//! The rate of questions to Clerk: the key's budget is shared with the live application, so a part of it is left alone.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::pacing::Pace;

/// The part of the rate that remains at the worst.
const FLOOR: f64 = 0.05;
/// The part of the full rate that each good answer brings back.
const RECOVERY: f64 = 0.005;
/// The window of Clerk's limits on invitations.
const HOUR: Duration = Duration::from_hours(1);

/// A rate that gives way when Clerk says "too many", and comes back with every good answer.
#[derive(Debug)]
pub(super) struct Budget {
    pace: Pace,
    full: f64,
    closed_until: Mutex<Option<Instant>>,
}

/// At most so many calls in any hour.
#[derive(Debug)]
pub(super) struct Hourly {
    calls: Mutex<VecDeque<Instant>>,
    at_most: usize,
}

impl Budget {
    /// `rate` is in requests a second.
    pub(super) fn new(rate: f64) -> Self {
        Self { pace: Pace::per_second(rate, 1), full: rate, closed_until: Mutex::new(None) }
    }

    /// The rate without throttling, in requests a second.
    pub(super) fn full(&self) -> f64 {
        self.full
    }

    /// Waits for its turn. Dropped while it waits, it has taken nothing.
    pub(super) async fn ready(&self) {
        loop {
            self.opened().await;
            self.pace.ready().await;
            // Clerk may have said "too many" to somebody else meanwhile, and means all of us.
            if self.closed().is_none_or(|until| until <= Instant::now()) {
                return;
            }
        }
    }

    /// Clerk said "too many": nobody asks for the time it names, and all go slower afterwards.
    pub(super) fn throttled(&self, wait: Duration) {
        let now = Instant::now();
        let until = now + wait;
        let mut closed = self.closed();
        // Those that were under way together are one warning.
        let first = closed.is_none_or(|until| until <= now);
        *closed = Some(closed.map_or(until, |known| known.max(until)));
        if first {
            self.pace.set_rate((self.pace.rate() / 2.0).max(self.full * FLOOR));
        }
    }

    /// Clerk answered.
    pub(super) fn went_well(&self) {
        let rate = self.pace.rate();
        if rate < self.full {
            self.pace.set_rate(self.full.min(rate + self.full * RECOVERY));
        }
    }

    async fn opened(&self) {
        loop {
            let until = *self.closed();
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    /// A time, whole after every statement: a panic elsewhere does not spoil it.
    fn closed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.closed_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hourly {
    pub(super) fn new(at_most: usize) -> Self {
        Self { calls: Mutex::default(), at_most }
    }

    /// Waits until another call fits into the hour, and takes it. One caller at a time.
    pub(super) async fn ready(&self) {
        loop {
            let wait = self.take(Instant::now());
            match wait {
                Ok(()) => return,
                Err(until) => sleep_until(until).await,
            }
        }
    }

    fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        while calls.front().is_some_and(|first| *first + HOUR <= now) {
            calls.pop_front();
        }
        match calls.front() {
            Some(first) if calls.len() >= self.at_most => Err(*first + HOUR),
            _ => {
                calls.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn passes(budget: &Budget, count: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..count {
            budget.ready().await;
            times.push(start.elapsed().as_millis());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_closes_for_all_and_halves_the_rate_once() {
        let budget = Budget::new(10.0);
        assert_eq!(passes(&budget, 3).await, [0, 100, 200]);
        budget.throttled(Duration::from_secs(2));
        budget.throttled(Duration::from_secs(1));
        let times = passes(&budget, 3).await;
        assert_eq!(times, [2_000, 2_200, 2_400]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_pace_when_it_is_too_many_waits_on() {
        let budget = Budget::new(1.0);
        let start = Instant::now();
        budget.ready().await;
        let waiting = async {
            budget.ready().await;
            start.elapsed().as_millis()
        };
        let said = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            budget.throttled(Duration::from_secs(5));
        };
        let (passed, ()) = tokio::join!(waiting, said);
        assert_eq!(passed, 5_500, "its turn came after 1 s, while nobody was to ask");
    }

    #[tokio::test(start_paused = true)]
    async fn good_answers_bring_the_rate_back_and_no_further() {
        let budget = Budget::new(10.0);
        budget.throttled(Duration::ZERO);
        assert!((budget.pace.rate() - 5.0).abs() < 1e-9);
        for _ in 0..1_000 {
            budget.went_well();
        }
        assert!((budget.pace.rate() - 10.0).abs() < 1e-9);
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(1)).await;
            budget.throttled(Duration::ZERO);
        }
        assert!((budget.pace.rate() - 0.5).abs() < 1e-9, "the floor");
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_holds_so_many_calls_and_no_more() {
        let hourly = Hourly::new(3);
        let start = Instant::now();
        for expected in [0, 0, 0, 3600, 3600, 3600, 7200] {
            hourly.ready().await;
            assert_eq!(start.elapsed().as_secs(), expected);
        }
    }
}
