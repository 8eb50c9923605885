//! The destination of a message: a relay over SMTP, or a folder. A reply becomes an [`crate::ledger::Outcome`].
//!
//! [`Delivery`] is the place, a [`Courier`] one worker's way to it. A mail goes in two steps, and between them the
//! ledger writes down that it is tried: [`Courier::offer`] asks whether the mail is wanted, [`Ready::transfer`] hands
//! it over and wants the [`Intent`] for that.

mod breaker;
mod courier;
pub mod outbox;
mod relays;
pub mod smtp;
mod stop;

pub use breaker::Patience;
pub use relays::{Relays, Trouble};
pub use smtp::Remark;
pub use stop::Stop;

use crate::{
    audience::{Address, RecipientKey},
    ledger::{Claim, Intent, Outcome},
    message::Message,
};

/// The destination of messages.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// One relay or several over SMTP.
    Smtp(Relays),
    /// A folder, for looking at.
    Outbox(outbox::Outbox),
}

/// One worker's way to the place.
pub enum Courier {
    /// A connection to a relay, or none yet.
    Smtp(courier::Courier),
    /// A folder.
    Outbox(outbox::Courier),
}

/// The answer to an offer.
pub enum Offer<'a> {
    /// The mail is awaited.
    Ready(Ready<'a>),
    /// Nothing was handed over, and this is why.
    Refused(Outcome),
    /// The connection had gone before the mail was offered: nothing is known about it.
    Gone,
}

/// A mail that is awaited. Dropped, it is not delivered.
pub struct Ready<'a> {
    place: Place<'a>,
    key: RecipientKey,
    sha256: [u8; 32],
}

enum Place<'a> {
    Smtp(courier::Ready<'a>),
    Outbox(outbox::Ready<'a>),
}

impl Delivery {
    /// A way to the place, one for each worker.
    #[must_use]
    pub fn courier(&self) -> Courier {
        match self {
            Self::Smtp(relays) => Courier::Smtp(courier::Courier::new(relays.clone())),
            Self::Outbox(outbox) => Courier::Outbox(outbox.courier()),
        }
    }

    /// Nobody tried for a while: an outage before that does not count.
    pub fn forget_outage(&self) {
        match self {
            Self::Smtp(relays) => relays.forget_outage(),
            Self::Outbox(_) => {}
        }
    }

    /// Leaves a relay alone for the rest of the run; whether there is another that goes on.
    #[must_use]
    pub fn rest(&self, relay: &str) -> bool {
        match self {
            Self::Smtp(relays) => relays.rest(relay),
            Self::Outbox(_) => false,
        }
    }
}

impl Courier {
    /// Waits until the place can take a mail: for a relay, until there is a connection. Dropped while it waits, it has
    /// changed nothing.
    pub async fn ready(&mut self, tell: impl Fn(Trouble)) -> Result<(), Stop> {
        match self {
            Self::Smtp(courier) => courier.ready(tell).await,
            Self::Outbox(_) => Ok(()),
        }
    }

    /// The news in the end of the last mail about us and the place. To be asked once per mail.
    pub fn take_remark(&mut self, tell: impl Fn(Trouble)) -> Remark {
        match self {
            Self::Smtp(courier) => courier.take_remark(tell),
            Self::Outbox(_) => Remark::None,
        }
    }

    /// The relay of the last mail, host and port; `None` where there is none.
    #[must_use]
    pub fn relay(&self) -> Option<String> {
        match self {
            Self::Smtp(courier) => courier.relay(),
            Self::Outbox(_) => None,
        }
    }

    /// Asks whether the mail is wanted. Nothing that could complete it has left when this returns.
    ///
    /// A message that was not composed for the claim's recipient is rejected here, before a byte of it moves.
    pub async fn offer<'a>(
        &'a mut self,
        claim: &Claim,
        message: &'a Message,
        tell: impl Fn(Trouble),
    ) -> Result<Offer<'a>, Stop> {
        let claimed = claim.recipient();
        if !agree((&claimed.key, &claimed.address), (message.key(), message.recipient())) {
            return Ok(Offer::Refused(mixed_up()));
        }
        let place = match self {
            Self::Smtp(courier) => {
                let envelope =
                    smtp::Envelope { sender: message.sender().clone(), recipient: message.mailbox().clone() };
                match courier.offer(&envelope, message.bytes(), tell).await? {
                    courier::Offer::Ready(ready) => Place::Smtp(ready),
                    courier::Offer::Refused(outcome) => return Ok(Offer::Refused(outcome)),
                    courier::Offer::Gone => return Ok(Offer::Gone),
                }
            }
            Self::Outbox(courier) => Place::Outbox(courier.offer(message.recipient(), message.bytes())),
        };
        Ok(Offer::Ready(Ready { place, key: message.key().clone(), sha256: message.sha256() }))
    }

    /// Ends the conversation.
    pub async fn close(self) {
        match self {
            Self::Smtp(courier) => courier.close().await,
            Self::Outbox(_) => {}
        }
    }
}

impl Ready<'_> {
    /// Hands the mail over. The intent is the proof that the try is on disk.
    ///
    /// Once polled, see it through: dropped half-way, the outcome is unknown.
    pub async fn transfer(self, intent: &Intent, message: &Message) -> Outcome {
        let claimed = intent.recipient();
        let same = agree((&claimed.key, &claimed.address), (message.key(), message.recipient()))
            && self.key == *message.key()
            && self.sha256 == message.sha256();
        if !same {
            self.abandon().await;
            return mixed_up();
        }
        match self.place {
            Place::Smtp(ready) => ready.transfer().await,
            Place::Outbox(ready) => ready.transfer().await,
        }
    }

    /// Takes the offer back: the mail is not delivered.
    pub async fn abandon(self) {
        match self.place {
            Place::Smtp(ready) => ready.abandon().await,
            Place::Outbox(_) => {}
        }
    }
}

/// Whether claim and message are about the same person: if not, a stranger would be signed in.
fn agree(claimed: (&RecipientKey, &Address), composed: (&RecipientKey, &Address)) -> bool {
    claimed == composed
}

fn mixed_up() -> Outcome {
    Outcome::Rejected { reason: "the message was composed for somebody else: nothing was sent".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_for_somebody_else_is_told_apart() {
        let key = |key: &str| RecipientKey(key.into());
        let address = |text| Address::parse(text).expect("an address");
        let (ada, bob) = (address("ada@example.com"), address("bob@example.com"));
        assert!(agree((&key("ada"), &ada), (&key("ada"), &ada)));
        assert!(!agree((&key("ada"), &ada), (&key("bob"), &ada)));
        assert!(!agree((&key("ada"), &ada), (&key("ada"), &bob)));
    }
}
