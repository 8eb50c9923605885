//! When a relay cannot be reached, asking it again and again helps nobody: after a failure it is left alone for a while,
//! then one worker tries, and only if that goes well do the others follow.
//!
//! The waits grow from a second up to the pause of [`Patience`]. All times are monotonic.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The wait after the first failure; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The limits after which a relay is left alone, and after which the run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// So many failures in a row, over all connections, make the full pause.
    pub failures: u32,
    /// The time that the relay is left alone then, before one connection tries again.
    pub pause: Duration,
    /// The time without a mail getting through after which the run ends.
    pub give_up_after: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(30), give_up_after: Duration::from_mins(10) }
    }
}

/// The state of one relay, shared by all workers.
#[derive(Debug)]
pub(super) struct Breaker {
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    circuit: Circuit,
    /// Failures since the last mail that was answered.
    failures: u32,
    /// The first and the last of them.
    failing: Option<(Instant, Instant)>,
    reason: String,
}

/// The right to try, in the words of an electric circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    /// Mails flow: anybody.
    Closed,
    /// Nobody until then, and then one.
    Open(Instant),
    /// One is trying.
    HalfOpen,
}

/// The answer to a worker that wants to connect.
#[derive(Debug)]
pub(super) enum Turn<'a> {
    /// Try, and say how it went.
    Try(Pass<'a>),
    /// The circuit is open: not before then.
    Open(Instant),
    /// Another one is trying.
    HalfOpen,
}

/// The right to try once. Dropped without a word, it lets the next one try.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

/// A failure, as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    /// The time that the relay is left alone.
    pub(super) again_in: Duration,
    /// The number of them in a row.
    pub(super) failures: u32,
    /// Whether that is the full pause, after too many of them.
    pub(super) pausing: bool,
    /// Whether nothing has got through for too long.
    pub(super) exhausted: bool,
}

impl Breaker {
    pub(super) fn new(patience: Patience) -> Self {
        let state = State { circuit: Circuit::Closed, failures: 0, failing: None, reason: String::new() };
        Self { patience, state: Mutex::new(state) }
    }

    /// Whether a worker may try now.
    pub(super) fn turn(&self) -> Turn<'_> {
        let mut state = self.state();
        let probe = match state.circuit {
            Circuit::Closed => false,
            Circuit::Open(until) if until > Instant::now() => return Turn::Open(until),
            Circuit::Open(_) => true,
            Circuit::HalfOpen => return Turn::HalfOpen,
        };
        if probe {
            state.circuit = Circuit::HalfOpen;
        }
        Turn::Try(Pass { breaker: self, probe })
    }

    /// A mail was answered, whatever the answer. Whether that ends an outage.
    pub(super) fn answered(&self) -> bool {
        let mut state = self.state();
        let was_out = state.failures > 0;
        *state = State { circuit: Circuit::Closed, failures: 0, failing: None, reason: String::new() };
        was_out
    }

    /// No connection, or one that broke off in the middle of a mail.
    pub(super) fn failed(&self, reason: &str) -> Failure {
        let now = Instant::now();
        let Patience { failures, pause, give_up_after } = self.patience;
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        reason.clone_into(&mut state.reason);
        let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(state.failures - 1));
        let pausing = state.failures >= failures;
        let again_in = if pausing { pause } else { doubled.min(pause) };
        let begun = state.failing.map_or(now, |(first, _)| first);
        state.failing = Some((begun, now));
        state.circuit = Circuit::Open(now + again_in);
        let exhausted = now - begun >= give_up_after;
        Failure { again_in, failures: state.failures, pausing, exhausted }
    }

    /// Whether nothing has got through for too long.
    pub(super) fn is_exhausted(&self) -> bool {
        self.state().failing.is_some_and(|(first, last)| last - first >= self.patience.give_up_after)
    }

    /// Nobody tried for a while: what failed before says nothing about how long the relay has been out of reach.
    pub(super) fn forget_outage(&self) {
        self.state().failing = None;
    }

    /// The last event.
    pub(super) fn reason(&self) -> String {
        self.state().reason.clone()
    }

    /// The state is whole after every statement: a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// There is a connection: the others may follow. The failures are forgotten only when a mail is answered.
    pub(super) fn connected(self) {
        self.breaker.state().circuit = Circuit::Closed;
    }

    /// There is none.
    pub(super) fn failed(self, reason: &str) -> Failure {
        self.breaker.failed(reason)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if self.probe && state.circuit == Circuit::HalfOpen {
            state.circuit = Circuit::Open(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn may_try(breaker: &Breaker) -> bool {
        matches!(breaker.turn(), Turn::Try(_))
    }

    #[tokio::test(start_paused = true)]
    async fn the_waits_double_up_to_the_pause() {
        let breaker = Breaker::new(Patience::default());
        let mut waits = Vec::new();
        for _ in 0..7 {
            let failure = breaker.failed("refused");
            waits.push(failure.again_in.as_secs());
            assert!(matches!(breaker.turn(), Turn::Open(_)));
            tokio::time::advance(failure.again_in).await;
        }
        assert_eq!(waits, [1, 2, 4, 8, 30, 30, 30]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_is_longer_than_the_pause() {
        let patience = Patience { failures: 20, pause: Duration::from_secs(3), ..Patience::default() };
        let breaker = Breaker::new(patience);
        let mut waits = Vec::new();
        for _ in 0..5 {
            let failure = breaker.failed("refused");
            assert!(!failure.pausing, "these are not too many yet");
            waits.push(failure.again_in.as_secs());
            tokio::time::advance(failure.again_in).await;
            assert!(may_try(&breaker));
        }
        assert_eq!(waits, [1, 2, 3, 3, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_pause_one_tries_and_the_others_follow_if_it_went_well() {
        let breaker = Breaker::new(Patience::default());
        breaker.failed("refused");
        pass(1).await;
        let Turn::Try(probe) = breaker.turn() else { panic!("nobody may try") };
        assert!(matches!(breaker.turn(), Turn::HalfOpen));
        drop(probe);
        let Turn::Try(probe) = breaker.turn() else { panic!("a probe that was given up blocks the next") };
        probe.failed("refused");
        assert!(!may_try(&breaker));
        pass(2).await;
        let Turn::Try(probe) = breaker.turn() else { panic!("nobody may try") };
        probe.connected();
        assert!(may_try(&breaker) && may_try(&breaker));
        assert_eq!(breaker.failed("cut").again_in.as_secs(), 4, "connections that carry no mail count on");
        assert!(breaker.answered());
        assert!(may_try(&breaker) && !breaker.answered());
        assert_eq!(breaker.failed("refused").again_in.as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn hope_ends_after_ten_minutes_without_an_answer() {
        let breaker = Breaker::new(Patience::default());
        let begun = Instant::now();
        loop {
            let failure = breaker.failed("refused");
            assert_eq!(failure.exhausted, begun.elapsed() >= Duration::from_mins(10));
            assert_eq!(breaker.is_exhausted(), failure.exhausted);
            if failure.exhausted {
                break;
            }
            tokio::time::advance(failure.again_in).await;
        }
        assert!(begun.elapsed() < Duration::from_mins(11));
        pass(3600).await;
        breaker.forget_outage();
        assert!(!breaker.failed("refused").exhausted, "an hour in which nobody tried is no outage");
    }
}
