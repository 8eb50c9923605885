//! The SMTP conversation, on our own wire: every phase, every reply and every deadline is ours to judge.
//!
//! [`Relay`] is where mail goes. On a [`Connection`] a mail is offered (nothing that could complete it leaves), then
//! transferred. [`crate::delivery`] adds the proof that the try is on disk.

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

pub use body::{Body, Flaw};
pub use capabilities::Capabilities;
pub use connection::{Connection, Envelope, Offered, Transaction};
pub use lettre::transport::smtp::authentication::Mechanism;
pub use reply::{Class, LONGEST_LINE, LONGEST_REPLY, MOST_LINES, Reply, ReplyError, ReplyParser};
pub use settings::{Deadlines, Login, RelaySettings, SHORTEST_DOT, SettingsError, Tls};
pub use verdict::Remark;

use std::{fmt, sync::Arc};

use self::{open::OpenError, tls::Encryption};
use crate::delivery::stop::Stop;

/// A relay, its settings checked and its certificates loaded.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    settings: RelaySettings,
    encryption: Option<Encryption>,
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

    /// One try to connect and sign in.
    pub async fn connect(&self) -> Result<Box<Connection>, Stop> {
        let Inner { settings, encryption } = self.0.as_ref();
        open::open(settings, encryption.as_ref()).await.map_err(|error| match error {
            OpenError::Stop(stop) => stop,
            OpenError::Again(reason) => Stop::Unreachable { relay: self.name(), reason },
        })
    }
}

/// Prints the relay's name alone.
impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({})", self.name())
    }
}
