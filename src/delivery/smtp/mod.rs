//! The SMTP conversation, on our own wire: every phase, every reply and every deadline is ours to judge.
//!
//! [`Relay`] is where mail goes; each worker has one [`Courier`], and each courier at most one connection. A mail is
//! offered (nothing that could complete it leaves), then transferred. [`crate::delivery`] adds the proof that the
//! try is on disk.

mod auth;
mod body;
mod capabilities;
mod connection;
mod open;
mod reply;
mod settings;
mod stream;
mod tls;
mod verdict;
mod wire;

pub use capabilities::Capabilities;
pub use lettre::transport::smtp::authentication::Mechanism;
pub use reply::{Class, LONGEST_LINE, LONGEST_REPLY, MOST_LINES, Reply, ReplyError, ReplyParser};
pub use settings::{Deadlines, Login, RelaySettings, SHORTEST_DOT, SettingsError, Tls};
pub use verdict::Remark;

use std::{fmt, sync::Arc};

use tokio::time::sleep;

use self::{
    body::Body,
    connection::{Connection, Offered, Transaction},
    open::OpenError,
    tls::Encryption,
};
use crate::{
    audience::Address,
    delivery::stop::Stop,
    ledger::Outcome,
    replies::{Fault, Identity, Reading, Refusal},
};

/// Who sends, and to whom: MAIL and RCPT.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `MAIL FROM`.
    pub sender: Address,
    /// `RCPT TO`.
    pub recipient: Address,
}

/// Addresses are people: it never prints itself.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelope")
    }
}

/// A relay, its settings checked and its certificates loaded.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    settings: RelaySettings,
    encryption: Option<Encryption>,
}

/// One worker's way to the relay. Owns at most one connection.
pub struct Courier {
    relay: Relay,
    idle: Option<Box<Connection>>,
    remark: Remark,
}

/// The relay's answer to an offer.
pub enum Offer<'a> {
    /// It waits for the body.
    Ready(Ready<'a>),
    /// No mail was handed over, and this is why.
    Refused(Outcome),
}

/// A mail that the relay waits for. Dropped, it closes the connection, and nothing is delivered.
pub struct Ready<'a> {
    idle: &'a mut Option<Box<Connection>>,
    remark: &'a mut Remark,
    transaction: Transaction,
    body: Body<'a>,
}

impl Relay {
    /// Checks the settings and loads the certificates. Touches no network.
    pub fn new(settings: RelaySettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let encryption = match settings.tls {
            Tls::Implicit | Tls::StartTls => {
                Some(Encryption::new(&settings.host, settings.ca_file.as_deref())?)
            }
            Tls::LoopbackPlaintext | Tls::Plaintext => None,
        };
        Ok(Self(Arc::new(Inner { settings, encryption })))
    }

    /// A courier without a connection yet.
    #[must_use]
    pub fn courier(&self) -> Courier {
        Courier { relay: self.clone(), idle: None, remark: Remark::None }
    }

    /// The relay for people: `mail.example.com:465`.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.settings.name()
    }

    /// Connects, signs in and leaves: is the world ready, and what can the relay do.
    pub async fn probe(&self) -> Result<Capabilities, Stop> {
        let connection = self.connect().await?;
        let capabilities = connection.capabilities().clone();
        connection.quit().await;
        Ok(capabilities)
    }

    async fn connect(&self) -> Result<Box<Connection>, Stop> {
        let Inner { settings, encryption } = self.0.as_ref();
        let (mut pause, mut attempt) = (settings.connect_pause, 1);
        loop {
            match open::open(settings, encryption.as_ref()).await {
                Ok(connection) => return Ok(connection),
                Err(OpenError::Stop(stop)) => return Err(stop),
                Err(OpenError::Again(reason)) if attempt >= settings.connect_attempts => {
                    return Err(Stop::Unreachable { relay: self.name(), reason });
                }
                Err(OpenError::Again(reason)) => tracing::debug!(attempt, reason, "no connection"),
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2);
            attempt += 1;
        }
    }
}

/// Prints the relay's name alone.
impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({})", self.name())
    }
}

impl Courier {
    /// Connects if needed, then MAIL, RCPT, DATA up to `354`. Nothing that could complete the mail has left.
    ///
    /// `message` is 7-bit, CRLF, not dot-stuffed. Any connection that is not in step is closed and replaced.
    pub async fn offer<'a>(&'a mut self, envelope: &Envelope, message: &'a [u8]) -> Result<Offer<'a>, Stop> {
        self.remark = Remark::None;
        let body = match Body::check(message) {
            Ok(body) => body,
            Err(flaw) => return Ok(Offer::Refused(Outcome::Rejected { reason: flaw.to_string() })),
        };
        let mut offered = self.connection().await?.offer(envelope, body).await;
        if let Offered::Stale(reason) = &offered {
            tracing::debug!(reason, "the connection had gone");
            let again = self.relay.connect().await;
            if let Err(Stop::Unreachable { reason, .. }) = &again {
                self.remark = Remark::Lost(reason.clone());
            }
            offered = again?.offer(envelope, body).await;
        }
        let relay = || self.relay.name();
        match offered {
            Offered::Ready(transaction) => {
                Ok(Offer::Ready(Ready { idle: &mut self.idle, remark: &mut self.remark, transaction, body }))
            }
            Offered::Refused(outcome, connection, remark) => {
                (self.idle, self.remark) = (connection, remark);
                Ok(Offer::Refused(outcome))
            }
            Offered::Sender(reason) => {
                let reading = Reading::new(Fault::Identity(Identity::Sender), true);
                Err(Stop::Refused(Refusal { relay: Some(relay()), reading: Box::new(reading), reason }))
            }
            Offered::Stale(reason) => {
                self.remark = Remark::Lost(reason.clone());
                Ok(Offer::Refused(Outcome::Deferred { reason }))
            }
        }
    }

    /// Opens a connection if there is none that takes another mail.
    pub async fn ready(&mut self) -> Result<(), Stop> {
        let connection = self.connection().await?;
        self.idle = Some(connection);
        Ok(())
    }

    /// Whether there is a connection that takes another mail.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        let settings = &self.relay.0.settings;
        self.idle
            .as_ref()
            .is_some_and(|idle| !idle.is_spent(settings.messages_per_connection, settings.connection_age))
    }

    /// What the end of the last mail says about us and the relay, once.
    pub fn remark(&mut self) -> Remark {
        std::mem::replace(&mut self.remark, Remark::None)
    }

    /// Ends the conversation: QUIT, and a short wait.
    pub async fn close(self) {
        if let Some(connection) = self.idle {
            connection.quit().await;
        }
    }

    /// The connection, taken out: while it is in use there is none to reuse.
    async fn connection(&mut self) -> Result<Box<Connection>, Stop> {
        let settings = &self.relay.0.settings;
        match self.idle.take() {
            Some(idle) if !idle.is_spent(settings.messages_per_connection, settings.connection_age) => {
                return Ok(idle);
            }
            Some(spent) => spent.quit().await,
            None => {}
        }
        self.relay.connect().await
    }
}

impl Ready<'_> {
    /// The body and the final dot. From here on the mail may arrive: see to it that the try is on record.
    pub async fn transfer(self) -> Outcome {
        let (outcome, connection, remark) = self.transaction.transfer(self.body).await;
        (*self.idle, *self.remark) = (connection, remark);
        outcome
    }

    /// Closes the connection without completing the mail.
    pub async fn abandon(self) {
        self.transaction.hang_up().await;
    }
}
