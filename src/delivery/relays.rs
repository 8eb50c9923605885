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
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    breaker::{Breaker, Failure, Pass, Patience, Turn},
    smtp::{self, Envelope, Remark},
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

/// What there is to tell about a relay while a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No connection, or one that broke off.
    Failed {
        /// Host and port.
        relay: String,
        /// What happened.
        reason: String,
        /// How long it is left alone.
        again_in: Duration,
        /// How many failures there were in a row, over all connections.
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
        let Failure { again_in, failures, pausing, hopeless: _ } = failure;
        Self::Failed { relay, reason, again_in, failures, pausing }
    }
}

/// One worker's way to the relays: a connection to one of them, or none yet.
pub struct Courier {
    relays: Relays,
    at: Option<(usize, smtp::Courier)>,
}

/// What to do next for a connection.
enum Next<'a> {
    Try(usize, Pass<'a>),
    Wait(Option<Instant>),
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

    /// A courier without a connection yet.
    #[must_use]
    pub fn courier(&self) -> Courier {
        Courier { relays: self.clone(), at: None }
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
    pub fn rested(&self) {
        for place in &self.0.places {
            place.breaker.rested();
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

    /// Picks a relay to connect to.
    fn next(&self) -> Next<'_> {
        let (mut soonest, mut probed) = (None, false);
        for at in self.order() {
            let Some(place) = self.0.places.get(at).filter(|place| !place.rests()) else { continue };
            match place.breaker.turn() {
                Turn::Try(pass) if !self.is_hopeless() => {
                    self.took(at);
                    return Next::Try(at, pass);
                }
                Turn::Try(_) => {}
                Turn::Later(until) => {
                    soonest = Some(soonest.map_or(until, |soonest: Instant| soonest.min(until)));
                }
                Turn::Probed => probed = true,
            }
        }
        if self.is_hopeless() {
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

    fn is_hopeless(&self) -> bool {
        self.0.places.iter().filter(|place| !place.rests()).all(|place| place.breaker.is_hopeless())
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

impl Courier {
    /// Waits until there is a connection to a relay. Dropped while it waits, it has changed nothing.
    ///
    /// An error ends the run: a relay refuses us, or none could be reached for too long.
    pub async fn ready(&mut self, tell: impl Fn(Trouble)) -> Result<(), Stop> {
        if let Some((at, courier)) = &self.at
            && courier.is_connected()
            && self.relays.0.places.get(*at).is_some_and(|place| !place.rests())
        {
            return Ok(());
        }
        if let Some((_, spent)) = self.at.take() {
            spent.close().await;
        }
        let relays = self.relays.clone();
        loop {
            let changed = relays.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match relays.next() {
                Next::GiveUp(stop) => return Err(stop),
                Next::Wait(Some(until)) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = changed => {}
                },
                Next::Wait(None) => changed.await,
                Next::Try(at, pass) => {
                    // In this order: the pass is given back before the others are woken.
                    let (_wake, pass) = (Wake(&relays.0.changed), pass);
                    let Some(place) = relays.0.places.get(at) else { continue };
                    let mut courier = place.relay.courier();
                    match courier.ready().await {
                        Ok(()) => {
                            pass.opened();
                            self.at = Some((at, courier));
                            return Ok(());
                        }
                        Err(Stop::Unreachable { relay, reason }) => {
                            let failure = pass.failed(&reason);
                            tell(Trouble::failed(relay, reason, failure));
                        }
                        Err(stop) => return Err(stop),
                    }
                }
            }
        }
    }

    /// Offers a mail on the connection; `None` where there is none any more: nothing was offered.
    pub async fn offer<'a>(
        &'a mut self,
        envelope: &Envelope,
        message: &'a [u8],
    ) -> Result<Option<smtp::Offer<'a>>, Stop> {
        let Some((_, courier)) = &mut self.at else { return Ok(None) };
        match courier.offer(envelope, message).await {
            Ok(offer) => Ok(Some(offer)),
            Err(Stop::Unreachable { .. }) => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    /// What the last mail's end says about us and the relay; the relay's record is kept here. Once per mail.
    pub fn conclude(&mut self, tell: impl Fn(Trouble)) -> Remark {
        let Some((at, courier)) = &mut self.at else { return Remark::None };
        let Some(place) = self.relays.0.places.get(*at) else { return Remark::None };
        let remark = courier.remark();
        match &remark {
            Remark::None => {}
            Remark::Lost(reason) => {
                let failure = place.breaker.failed(reason);
                tell(Trouble::failed(place.relay.name(), reason.clone(), failure));
            }
            Remark::Taken | Remark::Refused(_) => {
                if place.breaker.answered() {
                    tell(Trouble::Back { relay: place.relay.name() });
                    self.relays.0.changed.notify_waiters();
                }
            }
        }
        remark
    }

    /// The relay of the last mail, host and port.
    #[must_use]
    pub fn relay(&self) -> Option<String> {
        let (at, _) = self.at.as_ref()?;
        self.relays.0.places.get(*at).map(|place| place.relay.name())
    }

    /// Ends the conversation.
    pub async fn close(self) {
        if let Some((_, courier)) = self.at {
            courier.close().await;
        }
    }
}

/// However a try ends, those who wait for it look again.
struct Wake<'a>(&'a Notify);

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}
