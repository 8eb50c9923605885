//! The reasons that end a run: the relay, the settings or the encryption would stop every mail alike.

use crate::replies::Refusal;

/// A reason that would be the same for every recipient, so none of them is marked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// No connection, or the relay keeps saying "later".
    #[error("the relay `{relay}` is out of reach: {reason}")]
    Unreachable {
        /// Host and port.
        relay: String,
        /// The event, or the relay's words.
        reason: String,
    },
    /// The relay refuses us, and no recipient can change that.
    #[error("{0}")]
    Refused(Refusal),
    /// The connection cannot be encrypted, or the certificate is not trusted.
    #[error("the connection to the relay `{relay}` cannot be protected: {reason}")]
    Tls {
        /// Host and port.
        relay: String,
        /// The mistake.
        reason: String,
    },
    /// The settings forbid what they ask for.
    #[error("{reason}")]
    Settings {
        /// The mistake.
        reason: String,
    },
}
