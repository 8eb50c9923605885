//! The only place with memory: every row of every list, and what became of it.
//!
//! [`Ledger`] is the database. [`Run`] proves that this process may work on a campaign. [`Claim`] proves that the run
//! holds one recipient; [`Run::intend`] turns it into an [`Intent`], which proves that the try is on disk, and only an
//! intent can carry a message body to a relay. Either is moved into [`Run::settle`], so nothing is settled twice.

use std::fmt;

use jiff::Timestamp;

use crate::audience::Recipient;

/// What became of a row. The names are the same in SQL, in the code and on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits for its turn.
    Pending,
    /// A run holds it; nothing was sent.
    Claimed,
    /// The intent is on disk; the body may be on its way.
    Sending,
    /// The relay took it: exactly `250` after the final dot.
    Sent,
    /// The relay refused it for good.
    Rejected,
    /// The relay said "later".
    Deferred,
    /// Its time ran out before the relay took it.
    Expired,
    /// Handed over, answer unknown. Never moves by itself.
    Unknown,
    /// On the suppression list.
    Suppressed,
    /// Left the list before it was mailed.
    Withdrawn,
    /// The row has a problem.
    Invalid,
    /// Another row has the same key or the same mailbox.
    Duplicate,
}

/// A token as the ledger keeps it: enough to rebuild it and to redeem it, never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// SHA-256 of the `jti`: what a redemption looks up.
    pub jti_hash: [u8; 32],
    /// The key that signs it.
    pub kid: String,
    /// `iat`, Unix seconds.
    pub issued_at: i64,
    /// `exp`, Unix seconds.
    pub expires_at: i64,
    /// Counts the tokens that this recipient was minted: 1, 2, …
    pub generation: u32,
}

/// Proof that this run holds one recipient. Nothing was sent.
#[derive(Debug)]
#[must_use = "a claim that is not settled or released stays claimed until the next run recovers it"]
pub struct Claim {
    /// The row's number in the ledger.
    id: i64,
    /// Whom it is about.
    recipient: Recipient,
    /// How many tries went before: intents, not claims.
    attempts: u32,
    /// The token of the earlier try, to be rebuilt.
    token: Option<TokenRecord>,
    /// The `Date` of the first try.
    first_date: Option<Timestamp>,
}

/// Proof that the try is on disk: a message body may leave.
#[derive(Debug)]
#[must_use = "an intent that is not settled becomes `unknown`"]
pub struct Intent {
    claim: Claim,
}

/// What a try is, recorded before the body leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// The token inside.
    pub token: TokenRecord,
    /// The `Message-ID`, with angle brackets: the same on every try.
    pub message_id: String,
    /// SHA-256 of the bytes.
    pub message_sha256: [u8; 32],
    /// The `Date` header.
    pub date: Timestamp,
    /// The opaque id in the unsubscribe link.
    pub unsubscribe_id: String,
}

/// The relay's answer, or how it was missed. A refused mail is data, never an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `250` after the final dot, with the text (queue id), escaped and cut.
    Accepted {
        /// The reply, escaped and cut to 1 KiB.
        reply: String,
    },
    /// A definite and lasting no.
    Rejected {
        /// The reply or our own reason.
        reason: String,
    },
    /// A definite no for now, or nothing was handed over.
    Deferred {
        /// The reply or what happened.
        reason: String,
    },
    /// Handed over, and nobody can say whether it arrived.
    Unknown {
        /// What happened.
        reason: String,
    },
}

impl State {
    /// Every state, in the order of the tables.
    pub const ALL: [Self; 12] = [
        Self::Sent,
        Self::Pending,
        Self::Claimed,
        Self::Sending,
        Self::Deferred,
        Self::Rejected,
        Self::Expired,
        Self::Unknown,
        Self::Suppressed,
        Self::Withdrawn,
        Self::Invalid,
        Self::Duplicate,
    ];

    /// The state's name in SQL and in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Rejected => "rejected",
            Self::Deferred => "deferred",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
            Self::Suppressed => "suppressed",
            Self::Withdrawn => "withdrawn",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Claim {
    /// Whom it is about.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The token of an earlier try.
    #[must_use]
    pub fn token(&self) -> Option<&TokenRecord> {
        self.token.as_ref()
    }

    /// The `Date` of the first try.
    #[must_use]
    pub fn first_date(&self) -> Option<Timestamp> {
        self.first_date
    }

    /// How many tries went before.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl Intent {
    /// Whom it is about.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        self.claim.recipient()
    }
}
