//! Templates → [`Email`] → [`Message`]: the words, the headers, the bytes.
//!
//! Pure after loading: no network, no clock, no ledger. A [`Message`] can only be made by composing, and composing
//! proves that the bytes hold this recipient's token and nobody else's.

use jiff::Timestamp;

use crate::audience::{Address, RecipientKey};

/// A rendered mail, not yet addressed.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// The subject, one line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part, CSS inlined.
    pub html: String,
}

/// The bytes of one mail, checked, and whom they are for.
pub struct Message {
    bytes: Vec<u8>,
    sender: Address,
    recipient: Address,
    key: RecipientKey,
    message_id: String,
    date: Timestamp,
    sha256: [u8; 32],
    unsubscribe_id: String,
}

impl Message {
    /// The final bytes: 7-bit, CRLF, not dot-stuffed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The envelope sender (`MAIL FROM`).
    #[must_use]
    pub fn sender(&self) -> &Address {
        &self.sender
    }

    /// The envelope recipient (`RCPT TO`).
    #[must_use]
    pub fn recipient(&self) -> &Address {
        &self.recipient
    }

    /// Whom the message was composed for.
    #[must_use]
    pub fn key(&self) -> &RecipientKey {
        &self.key
    }

    /// The `Message-ID`, with angle brackets.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
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
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.message_id)
    }
}

/// A rendered mail holds a live token: it never prints itself.
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email")
    }
}
