//! The bytes of one mail and whom they are for: what passes from `email`, which makes it, to `delivery`, which carries
//! it. Only composing makes one, after proving that the bytes hold this recipient's token and nobody else's.

use std::fmt;

use jiff::Timestamp;

use crate::audience::{Address, RecipientKey};

/// The bytes of one mail, checked, and whom they are for.
pub struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sender: lettre::Address,
    pub(crate) recipient: Address,
    /// The recipient as a command takes it.
    pub(crate) mailbox: lettre::Address,
    pub(crate) key: RecipientKey,
    pub(crate) id: String,
    pub(crate) date: Timestamp,
    pub(crate) sha256: [u8; 32],
    pub(crate) unsubscribe_id: String,
}

impl Message {
    /// The final bytes: 7-bit, CRLF, not dot-stuffed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The envelope sender (`MAIL FROM`).
    #[must_use]
    pub fn sender(&self) -> &lettre::Address {
        &self.sender
    }

    /// The envelope recipient (`RCPT TO`).
    #[must_use]
    pub fn recipient(&self) -> &Address {
        &self.recipient
    }

    /// The envelope recipient as a command takes it.
    #[must_use]
    pub fn mailbox(&self) -> &lettre::Address {
        &self.mailbox
    }

    /// Whom the message was composed for.
    #[must_use]
    pub fn key(&self) -> &RecipientKey {
        &self.key
    }

    /// The `Message-ID`, with angle brackets.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.id
    }

    /// The `Date`.
    #[must_use]
    pub fn date(&self) -> Timestamp {
        self.date
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The opaque id in the unsubscribe link.
    #[must_use]
    pub fn unsubscribe_id(&self) -> &str {
        &self.unsubscribe_id
    }
}

/// A message holds a live token: it never prints itself.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.id)
    }
}
