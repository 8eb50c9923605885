//! One relay or several: the first in order that can be reached, or shares by weight.
//!
//! A mail changes to another relay only while nothing of it was offered. Once a relay has said anything about it, its
//! outcome goes to the ledger, and what is unknown there is never offered to anybody again.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use super::{
    breaker::{Breaker, Failure, Pass, Patience, Turn},
    smtp::{self, Connection, Remark},
    stop::Stop,
};

/// The relays of a run and how they do. A clone is the same relays.
#[derive(Clone)]
pub struct Relays(Arc<Inner>);

struct Inner {
    places: Vec<Place>,
    /// Shares by weight: what each relay is owed (smooth weighted round robin). `None`: in order.
    shares: Option<Mutex<Vec<i64>>>,
    /// A relay is back, or another probe may start.
    changed: Notify,
}

struct Place {
    relay: smtp::Relay,
    weight: u32,
    breaker: Breaker,
    /// Left alone for the rest of the run: its quota is used up.
    rests: AtomicBool,
}

/// News of a relay while a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No connection, or one that broke off.
    Failed {
        /// Host and port.
        relay: String,
        /// The event.
        reason: String,
        /// The time that it is left alone.
        again_in: Duration,
        /// The number of failures in a row, over all connections.
        failures: u32,
        /// Whether that is the full pause, after too many of them.
        pausing: bool,
    },
    /// Mails get through again.
    Back {
        /// Host and port.
        relay: String,
    },
}

impl Place {
    fn rests(&self) -> bool {
        self.rests.load(Ordering::Relaxed)
    }
}

impl Trouble {
    fn failed(relay: String, reason: String, failure: Failure) -> Self {
        let Failure { again_in, failures, pausing, exhausted: _ } = failure;
        Self::Failed { relay, reason, again_in, failures, pausing }
    }
}

/// The next step towards a connection.
pub(super) enum Next<'a> {
    /// Connect to this relay.
    Try(usize, Pass<'a>),
    /// Wait for a change, and for no longer than this.
    Wait(Option<Instant>),
    /// End the run.
    GiveUp(Stop),
}

impl Relays {
    /// Relays in the order of preference, or with a share each where every one has a weight.
    #[must_use]
    pub fn new(relays: Vec<(smtp::Relay, Option<u32>)>, patience: Patience) -> Self {
        let weighted = relays.len() > 1 && relays.iter().all(|(_, weight)| weight.is_some());
        let shares = weighted.then(|| Mutex::new(vec![0; relays.len()]));
        let place = |(relay, weight): (smtp::Relay, Option<u32>)| Place {
            relay,
            weight: weight.unwrap_or(1),
            breaker: Breaker::new(patience),
            rests: AtomicBool::new(false),
        };
        let places = relays.into_iter().map(place).collect();
        Self(Arc::new(Inner { places, shares, changed: Notify::new() }))
    }

    /// The relays for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.places.iter().map(|place| place.relay.name()).collect::<Vec<_>>().join(", ")
    }

    /// Connects to each relay, signs in and leaves; ends at the first that refuses. Returns each relay's name and what
    /// it can do.
    pub async fn probe(&self) -> Result<Vec<(String, smtp::Capabilities)>, Stop> {
        let mut answers = Vec::new();
        for place in &self.0.places {
            answers.push((place.relay.name(), place.relay.probe().await?));
        }
        Ok(answers)
    }

    /// Nobody tried for a while: an outage before that does not count.
    pub fn forget_outage(&self) {
        for place in &self.0.places {
            place.breaker.forget_outage();
        }
    }

    /// Leaves a relay alone for the rest of the run, unless it is the last; whether there is another that goes on.
    #[must_use]
    pub fn rest(&self, relay: &str) -> bool {
        let awake = |place: &&Place| !place.rests();
        let others = self.0.places.iter().filter(awake).any(|place| place.relay.name() != relay);
        if others {
            for place in self.0.places.iter().filter(|place| place.relay.name() == relay) {
                place.rests.store(true, Ordering::Relaxed);
            }
            self.0.changed.notify_waiters();
        }
        others
    }

    /// Waits until a relay is back, or another probe may start.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }

    /// Whether a relay is left alone for the rest of the run.
    pub(super) fn rests(&self, at: usize) -> bool {
        self.0.places.get(at).is_none_or(Place::rests)
    }

    /// The name of a relay, host and port.
    pub(super) fn name_of(&self, at: usize) -> Option<String> {
        self.0.places.get(at).map(|place| place.relay.name())
    }

    /// The right to connect to this relay now; `None` where it is left alone, or another one tries.
    pub(super) fn again(&self, at: usize) -> Option<Pass<'_>> {
        match self.0.places.get(at)?.breaker.turn() {
            Turn::Try(pass) => Some(pass),
            Turn::Open(_) | Turn::HalfOpen => None,
        }
    }

    /// One try to connect to a relay. However it ends, those who wait look again.
    pub(super) async fn connect(
        &self,
        at: usize,
        pass: Pass<'_>,
        tell: impl Fn(Trouble),
    ) -> Result<Option<Box<Connection>>, Stop> {
        // In this order: the pass is given back before the others are woken.
        let (_wake, pass) = (Wake(&self.0.changed), pass);
        let Some(place) = self.0.places.get(at) else { return Ok(None) };
        match place.relay.connect().await {
            Ok(connection) => {
                pass.connected();
                Ok(Some(connection))
            }
            Err(Stop::Unreachable { relay, reason }) => {
                let failure = pass.failed(&reason);
                tell(Trouble::failed(relay, reason, failure));
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }

    /// Keeps in the relay's record what the end of a mail says about it.
    pub(super) fn record(&self, at: usize, remark: &Remark, tell: impl Fn(Trouble)) {
        let Some(place) = self.0.places.get(at) else { return };
        match remark {
            Remark::None => {}
            Remark::Lost(reason) => {
                let failure = place.breaker.failed(reason);
                tell(Trouble::failed(place.relay.name(), reason.clone(), failure));
            }
            Remark::Taken | Remark::Refused(_) => {
                if place.breaker.answered() {
                    tell(Trouble::Back { relay: place.relay.name() });
                    self.0.changed.notify_waiters();
                }
            }
        }
    }

    /// Picks a relay to connect to.
    pub(super) fn next(&self) -> Next<'_> {
        let (mut soonest, mut probed) = (None, false);
        for at in self.order() {
            let Some(place) = self.0.places.get(at).filter(|place| !place.rests()) else { continue };
            match place.breaker.turn() {
                Turn::Try(pass) if !self.is_exhausted() => {
                    self.took(at);
                    return Next::Try(at, pass);
                }
                Turn::Try(_) => {}
                Turn::Open(until) => {
                    soonest = Some(soonest.map_or(until, |soonest: Instant| soonest.min(until)));
                }
                Turn::HalfOpen => probed = true,
            }
        }
        if self.is_exhausted() {
            return Next::GiveUp(self.out_of_reach());
        }
        Next::Wait(if probed { None } else { soonest })
    }

    /// The relays in the order in which they are to be tried now.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.0.places.len()).collect();
        if let Some(shares) = &self.0.shares {
            let shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
            let owed = |at: &usize| {
                let weight = self.0.places.get(*at).map_or(0, |place| i64::from(place.weight));
                -(shares.get(*at).copied().unwrap_or_default() + weight)
            };
            order.sort_by_key(owed);
        }
        order
    }

    /// Books a connection on a relay's share.
    fn took(&self, taken: usize) {
        let Some(shares) = &self.0.shares else { return };
        let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let all: i64 = self.0.places.iter().map(|place| i64::from(place.weight)).sum();
        for (at, (share, place)) in shares.iter_mut().zip(&self.0.places).enumerate() {
            *share += i64::from(place.weight);
            if at == taken {
                *share -= all;
            }
            // A relay that was away for long does not get all that it missed at once.
            *share = (*share).clamp(-all, all);
        }
    }

    fn is_exhausted(&self) -> bool {
        self.0.places.iter().filter(|place| !place.rests()).all(|place| place.breaker.is_exhausted())
    }

    fn out_of_reach(&self) -> Stop {
        let reasons: Vec<_> = self.0.places.iter().map(|place| place.breaker.reason()).collect();
        Stop::Unreachable { relay: self.name(), reason: reasons.join("; ") }
    }
}

/// Prints the relays' names alone.
impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relays({})", self.name())
    }
}

/// One relay, as patient as can be expected.
impl From<smtp::Relay> for Relays {
    fn from(relay: smtp::Relay) -> Self {
        Self::new(vec![(relay, None)], Patience::default())
    }
}

/// However a try ends, those who wait for it look again.
struct Wake<'a>(&'a Notify);

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}
