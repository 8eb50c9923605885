//! A rate, shared by all workers, of mails or of requests: a token bucket on the monotonic clock (GCRA).

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The slowest rate: one mail in an hour.
const SLOWEST: f64 = 1.0 / 3600.0;
/// The slowest rate that a relay's complaints lead to: one mail in ten seconds.
const SLOWEST_PUSHED: f64 = 0.1;
/// Complaints within this time are one: several connections hear the same.
const ONE_COMPLAINT: Duration = Duration::from_secs(10);
/// The time between two rises of the rate, each by a tenth of the rate before the first complaint.
const STEP_EVERY: Duration = Duration::from_mins(1);
/// The time over which the real rate is measured, where none is set.
const MEASURED: Duration = Duration::from_secs(10);

/// Lets a mail pass so many times a second, after a first burst. First come, first served.
#[derive(Debug)]
pub struct Pace {
    /// Held by whoever waits in front, so that the others queue behind in order.
    front: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    rate: f64,
    burst: u32,
    /// The time at which the bucket is full again: the "theoretical arrival time" of the next mail.
    full_at: Instant,
    /// Set while a relay's complaints hold the rate down.
    pushed: Option<Pushed>,
    /// Since when, and how many mails passed: what the rate really is.
    measured: (Instant, u32),
    /// The rate of the measurement before this one.
    before: Option<f64>,
}

/// A rate that was pushed down.
#[derive(Debug, Clone, Copy)]
struct Pushed {
    /// The rate that was set: where it ends.
    set: f64,
    /// The rate before the first complaint: what the steps are a tenth of.
    normal: f64,
    /// The last complaint.
    complaint: Instant,
    /// The last step, up or down.
    step: Instant,
}

impl Pace {
    /// At most `rate` mails a second, and `burst` (at least one) at once after a rest.
    ///
    /// Infinity means no limit; what is no positive number counts as one mail in an hour.
    #[must_use]
    pub fn per_second(rate: f64, burst: u32) -> Self {
        let now = Instant::now();
        let state = State {
            rate: sane(rate),
            burst: burst.max(1),
            full_at: now,
            pushed: None,
            measured: (now, 0),
            before: None,
        };
        Self { front: tokio::sync::Mutex::new(()), state: Mutex::new(state), changed: Notify::new() }
    }

    /// The rate now, in mails a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.state().rate
    }

    /// Changes the rate at once, also for those who wait. What was used of the burst stays used.
    pub fn set_rate(&self, rate: f64) {
        let mut state = self.state();
        state.pushed = None;
        state.set_rate(sane(rate), Instant::now());
        drop(state);
        self.changed.notify_one();
    }

    /// A relay says that we are too fast: halves the rate, which then rises again by a tenth every minute. Returns the
    /// new rate, or nothing where the complaint is about what was halved already.
    pub fn slow_down(&self) -> Option<f64> {
        let slower = self.state().slow_down(Instant::now());
        self.changed.notify_one();
        slower
    }

    /// Waits for its turn. Dropped while it waits, it has taken nothing.
    pub async fn ready(&self) {
        let _front = self.front.lock().await;
        loop {
            let turn = self.state().take(Instant::now());
            match turn {
                Ok(()) => return,
                Err(time) => {
                    tokio::select! {
                        () = sleep_until(time) => {}
                        () = self.changed.notified() => {}
                    }
                }
            }
        }
    }

    /// The state is plain numbers, whole after every statement: a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.rate.recip())
    }

    /// Takes one mail from the bucket, or says when there will be one.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.recover(now);
        let interval = self.interval();
        let early = interval.saturating_mul(self.burst - 1);
        if let Some(due) = self.full_at.checked_sub(early).filter(|&due| due > now) {
            return Err(due);
        }
        self.full_at = self.full_at.max(now) + interval;
        let (since, passed) = self.measured;
        if now - since >= MEASURED {
            self.before = Some(self.real_rate(now));
            self.measured = (now, 1);
        } else {
            self.measured = (since, passed + 1);
        }
        Ok(())
    }

    /// The number of mails that pass in a second at present.
    fn real_rate(&self, now: Instant) -> f64 {
        let (since, passed) = self.measured;
        f64::from(passed) / (now - since).max(Duration::from_secs(1)).as_secs_f64()
    }

    fn slow_down(&mut self, now: Instant) -> Option<f64> {
        self.recover(now);
        let (set, normal) = match self.pushed {
            Some(pushed) if now - pushed.complaint < ONE_COMPLAINT => return None,
            Some(pushed) => (pushed.set, pushed.normal),
            // A limit that is never reached is not what the relay complains about.
            None => (self.rate, self.rate.min(self.before.unwrap_or(0.0).max(self.real_rate(now)))),
        };
        let slower = (self.rate.min(normal) / 2.0).max(SLOWEST_PUSHED).min(set);
        self.set_rate(slower, now);
        self.pushed = Some(Pushed { set, normal, complaint: now, step: now });
        Some(slower)
    }

    /// Steps up once a minute since the last complaint.
    fn recover(&mut self, now: Instant) {
        let Some(mut pushed) = self.pushed else { return };
        let steps = (now - pushed.step).as_secs() / STEP_EVERY.as_secs();
        if steps == 0 {
            return;
        }
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let rate = self.rate + pushed.normal / 10.0 * f64::from(steps);
        if rate >= pushed.normal {
            self.pushed = None;
            self.set_rate(pushed.set, now);
        } else {
            pushed.step += STEP_EVERY.saturating_mul(steps);
            self.pushed = Some(pushed);
            self.set_rate(rate, now);
        }
    }

    /// The mails that are missing from the bucket stay missing; each now takes the new interval to come back.
    fn set_rate(&mut self, rate: f64, now: Instant) {
        let missing = self.full_at.saturating_duration_since(now);
        let old = self.interval();
        self.rate = rate;
        let missing = if old.is_zero() { 0.0 } else { missing.as_secs_f64() / old.as_secs_f64() };
        self.full_at = now + self.interval().mul_f64(missing);
    }
}

fn sane(rate: f64) -> f64 {
    if rate.is_nan() { SLOWEST } else { rate.max(SLOWEST) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// The times at which `count` mails pass, in milliseconds.
    async fn passes(pace: &Pace, count: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..count {
            pace.ready().await;
            times.push(start.elapsed().as_millis());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn mails_pass_at_the_rate_after_the_burst() {
        assert_eq!(passes(&Pace::per_second(10.0, 1), 4).await, [0, 100, 200, 300]);
        assert_eq!(passes(&Pace::per_second(10.0, 3), 5).await, [0, 0, 0, 100, 200]);
        assert_eq!(passes(&Pace::per_second(0.5, 1), 3).await, [0, 2_000, 4_000]);
        assert_eq!(passes(&Pace::per_second(f64::INFINITY, 1), 3).await, [0, 0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_fills_the_bucket_and_no_more() {
        let pace = Pace::per_second(10.0, 2);
        passes(&pace, 2).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(passes(&pace, 4).await, [0, 0, 100, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn several_workers_share_one_rate_in_order() {
        let pace = Arc::new(Pace::per_second(10.0, 1));
        let start = Instant::now();
        let workers: Vec<_> = (0..5)
            .map(|_| {
                let pace = Arc::clone(&pace);
                tokio::spawn(async move {
                    pace.ready().await;
                    start.elapsed().as_millis()
                })
            })
            .collect();
        let mut times = Vec::new();
        for worker in workers {
            times.push(worker.await.expect("the worker ends"));
        }
        assert_eq!(times, [0, 100, 200, 300, 400]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rate_holds_for_those_who_wait_already() {
        let pace = Arc::new(Pace::per_second(0.01, 1));
        passes(&pace, 1).await;
        let waiting = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { passes(&pace, 2).await }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        pace.set_rate(10.0);
        let times = waiting.await.expect("the worker ends");
        assert!(times.iter().all(|&time| (100..=220).contains(&time)), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_takes_nothing() {
        let pace = Pace::per_second(1.0, 1);
        passes(&pace, 1).await;
        let gave_up = tokio::time::timeout(Duration::from_millis(500), pace.ready()).await;
        assert!(gave_up.is_err());
        assert_eq!(passes(&pace, 2).await, [500, 1_500]);
    }

    /// The rate, to a tenth of a mail.
    fn tenths(pace: &Pace) -> f64 {
        (pace.rate() * 10.0).round() / 10.0
    }

    #[tokio::test(start_paused = true)]
    async fn a_complaint_halves_the_rate_and_minutes_bring_it_back() {
        let pace = Pace::per_second(10.0, 1);
        passes(&pace, 50).await;
        assert_eq!(pace.slow_down(), Some(5.0));
        assert_eq!(pace.slow_down(), None, "several connections hear the same complaint");
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(pace.slow_down(), Some(2.5));
        let mut rates = Vec::new();
        for _ in 0..9 {
            tokio::time::sleep(Duration::from_mins(1)).await;
            pace.ready().await;
            rates.push(tenths(&pace));
        }
        assert_eq!(rates, [3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.0, 10.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_no_rate_is_set_the_real_one_is_halved() {
        let pace = Pace::per_second(f64::INFINITY, 1);
        for _ in 0..400 {
            pace.ready().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(pace.slow_down().map(f64::round), Some(10.0));
        tokio::time::sleep(Duration::from_mins(4)).await;
        pace.ready().await;
        assert_eq!(format!("{:.0}", pace.rate()), "18");
        tokio::time::sleep(Duration::from_mins(2)).await;
        pace.ready().await;
        assert!(pace.rate().is_infinite());
        let rare = Pace::per_second(f64::INFINITY, 1);
        assert_eq!(rare.slow_down(), Some(SLOWEST_PUSHED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_complaint_never_makes_a_slow_run_faster() {
        for rate in [0.15, 0.1, 0.05, SLOWEST] {
            let pace = Pace::per_second(rate, 1);
            assert_eq!(pace.slow_down(), Some(rate.min(SLOWEST_PUSHED)), "{rate}");
            tokio::time::sleep(Duration::from_mins(30)).await;
            pace.ready().await;
            assert!((pace.rate() - rate).abs() < f64::EPSILON, "{rate} is what it comes back to");
        }
    }

    #[test]
    fn what_is_no_rate_becomes_the_slowest() {
        for rate in [f64::NAN, 0.0, -1.0, f64::NEG_INFINITY] {
            assert!((sane(rate) - SLOWEST).abs() < f64::EPSILON, "{rate}");
        }
    }
}
