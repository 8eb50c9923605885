//! Proofs of what a run holds, and the outcomes of a try.

use jiff::Timestamp;

use super::states::State;
use crate::audience::Recipient;

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
    pub(in crate::ledger) id: i64,
    /// The recipient.
    pub(in crate::ledger) recipient: Recipient,
    /// The number of tries before: intents, not claims.
    pub(in crate::ledger) attempts: u32,
    /// The number of times that a relay said "later", before or after an intent.
    pub(in crate::ledger) deferrals: u32,
    /// The token of the earlier try, to be rebuilt.
    pub(in crate::ledger) token: Option<TokenRecord>,
    /// The `Date` of the first try.
    pub(in crate::ledger) first_date: Option<Timestamp>,
    /// Whether no relay has heard of it yet, or not since it was put back.
    pub(in crate::ledger) untried: bool,
    /// The time at which it was put back, if it ever was.
    pub(in crate::ledger) again: Option<Timestamp>,
}

/// Proof that the try is on disk: a message body may leave.
#[derive(Debug)]
#[must_use = "an intent that is not settled becomes `unknown`"]
pub struct Intent {
    pub(in crate::ledger) claim: Claim,
}

/// A claim or an intent, to be settled.
#[derive(Debug)]
pub enum Held {
    /// Nothing was sent: only a refusal can be settled.
    Claim(Claim),
    /// The body may have left: anything can be.
    Intent(Intent),
}

/// The answer to a recorded try: whether a body may leave.
#[derive(Debug)]
#[must_use = "without looking at it nobody knows whether the body may leave"]
#[expect(clippy::large_enum_variant, reason = "it lives for a moment and is nearly always the large one")]
pub enum Intended {
    /// The try is on disk.
    Go(Intent),
    /// The run does not hold the recipient any more, or the address was suppressed meanwhile: no mail. The state
    /// says which.
    Withdrawn(State),
}

/// A try, recorded before the body leaves.
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
    /// A definite no that is about us and not about the recipient: the row waits as before, and keeps the reason.
    Requeued {
        /// The reply.
        reason: String,
    },
    /// Handed over, and nobody can say whether it arrived.
    Unknown {
        /// The event.
        reason: String,
    },
}

impl Claim {
    /// The recipient.
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

    /// Whether no relay has heard of it yet, or not since it was put back.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.untried
    }

    /// The time at which it was put back after it had come to its end; `None` where it never was.
    #[must_use]
    pub fn again(&self) -> Option<Timestamp> {
        self.again
    }

    /// The number of tries before.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl Intent {
    /// The recipient.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        self.claim.recipient()
    }
}

impl Held {
    pub(in crate::ledger) fn claim(&self) -> &Claim {
        match self {
            Self::Claim(claim) => claim,
            Self::Intent(intent) => &intent.claim,
        }
    }
}

impl From<Claim> for Held {
    fn from(claim: Claim) -> Self {
        Self::Claim(claim)
    }
}

impl From<Intent> for Held {
    fn from(intent: Intent) -> Self {
        Self::Intent(intent)
    }
}
