//! One worker's way to the relays: at most one connection, and one mail after the other on it.

use tokio::time::sleep_until;

use super::{
    relays::{Next, Relays, Trouble},
    smtp::{Body, Connection, Envelope, Offered, Remark, Transaction},
    stop::Stop,
};
use crate::ledger::Outcome;

/// A worker's connection to one of the relays, or none yet.
pub struct Courier {
    relays: Relays,
    /// The relay of the last mail.
    at: Option<usize>,
    /// The connection, in step and between two mails.
    idle: Option<Box<Connection>>,
    remark: Remark,
}

/// The relay's answer to an offer.
pub(super) enum Offer<'a> {
    /// It waits for the body.
    Ready(Ready<'a>),
    /// No mail was handed over, and this is why.
    Refused(Outcome),
    /// There is no connection any more: nothing was offered.
    Gone,
}

/// A mail that the relay waits for. Dropped, it closes the connection, and nothing is delivered.
pub(super) struct Ready<'a> {
    idle: &'a mut Option<Box<Connection>>,
    remark: &'a mut Remark,
    transaction: Transaction<'a>,
}

impl Courier {
    /// A courier without a connection yet.
    pub(super) fn new(relays: Relays) -> Self {
        Self { relays, at: None, idle: None, remark: Remark::None }
    }

    /// Waits until there is a connection to a relay. Dropped while it waits, it has changed nothing.
    ///
    /// An error ends the run: a relay refuses us, or none could be reached for too long.
    pub(super) async fn ready(&mut self, tell: impl Fn(Trouble)) -> Result<(), Stop> {
        if let (Some(idle), Some(at)) = (&self.idle, self.at)
            && !idle.is_spent()
            && !self.relays.rests(at)
        {
            return Ok(());
        }
        self.at = None;
        if let Some(spent) = self.idle.take() {
            spent.quit().await;
        }
        let relays = self.relays.clone();
        loop {
            let changed = relays.changed();
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
                    if let Some(connection) = relays.connect(at, pass, &tell).await? {
                        (self.at, self.idle) = (Some(at), Some(connection));
                        return Ok(());
                    }
                }
            }
        }
    }

    /// MAIL, RCPT, DATA up to `354`. Nothing that could complete the mail has left.
    ///
    /// `message` is 7-bit, CRLF, not dot-stuffed. A connection that had gone since the last mail is replaced once, by
    /// one to the same relay: relays close idle connections as they like, and that says nothing about this mail.
    pub(super) async fn offer<'a>(
        &'a mut self,
        envelope: &Envelope,
        message: &'a [u8],
        tell: impl Fn(Trouble),
    ) -> Result<Offer<'a>, Stop> {
        self.remark = Remark::None;
        let body = match Body::check(message) {
            Ok(body) => body,
            Err(flaw) => return Ok(Offer::Refused(Outcome::Rejected { reason: flaw.to_string() })),
        };
        let Some(connection) = self.connection(&tell).await? else { return Ok(Offer::Gone) };
        let mut offered = connection.offer(envelope, body).await;
        if let Offered::Stale(reason) = &offered {
            tracing::debug!(reason, "the connection had gone");
            let Some(connection) = self.reconnect(&tell).await? else { return Ok(Offer::Gone) };
            offered = connection.offer(envelope, body).await;
        }
        match offered {
            Offered::Ready(transaction) => {
                Ok(Offer::Ready(Ready { idle: &mut self.idle, remark: &mut self.remark, transaction }))
            }
            Offered::Refused(outcome, connection, remark) => {
                (self.idle, self.remark) = (connection, remark);
                Ok(Offer::Refused(outcome))
            }
            Offered::Stop(stop) => Err(stop),
            Offered::Stale(reason) => {
                self.remark = Remark::Lost(reason.clone());
                Ok(Offer::Refused(Outcome::Deferred { reason }))
            }
        }
    }

    /// The news in the last mail's end about us and the relay, once per mail; the relay's record takes it in.
    pub(super) fn take_remark(&mut self, tell: impl Fn(Trouble)) -> Remark {
        let remark = std::mem::replace(&mut self.remark, Remark::None);
        if let Some(at) = self.at {
            self.relays.record(at, &remark, tell);
        }
        remark
    }

    /// The relay of the last mail, host and port.
    pub(super) fn relay(&self) -> Option<String> {
        self.relays.name_of(self.at?)
    }

    /// Ends the conversation: QUIT, and a short wait.
    pub(super) async fn close(self) {
        if let Some(connection) = self.idle {
            connection.quit().await;
        }
    }

    /// The connection, taken out: while it is in use there is none to reuse. One that waited too long is replaced.
    async fn connection(&mut self, tell: impl Fn(Trouble)) -> Result<Option<Box<Connection>>, Stop> {
        match self.idle.take() {
            Some(idle) if !idle.is_spent() => return Ok(Some(idle)),
            Some(spent) => spent.quit().await,
            None => {}
        }
        self.reconnect(tell).await
    }

    /// One try to connect to the same relay, where its record allows it now.
    async fn reconnect(&self, tell: impl Fn(Trouble)) -> Result<Option<Box<Connection>>, Stop> {
        let Some(at) = self.at else { return Ok(None) };
        let Some(pass) = self.relays.again(at) else { return Ok(None) };
        self.relays.connect(at, pass, tell).await
    }
}

impl Ready<'_> {
    /// The body and the final dot. From here on the mail may arrive: the try must be on record.
    pub(super) async fn transfer(self) -> Outcome {
        let (outcome, connection, remark) = self.transaction.transfer().await;
        (*self.idle, *self.remark) = (connection, remark);
        outcome
    }

    /// Closes the connection without completing the mail.
    pub(super) async fn abandon(self) {
        self.transaction.hang_up().await;
    }
}
