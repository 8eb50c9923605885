//! The only place with memory: every row of every list, and what became of it.
//!
//! [`Ledger`] is the database. [`Run`] proves that this process may work on a campaign. [`Claim`] proves that the run
//! holds one recipient; [`Run::intend`] turns it into an [`Intent`], which proves that the try is on disk, and only an
//! intent can carry a message body to a relay. Either is moved into [`Run::settle`], so nothing is settled twice.
//!
//! Rules ([`State`], the reconciliation of lists) are plain functions. One writer owns the one connection that writes:
//! it commits what waits as one group, and a caller that goes away takes nothing with it.

mod answers;
mod batch;
mod books;
mod campaign_file;
mod claims;
mod core;
mod enlist;
mod error;
mod files;
mod group;
mod hold;
mod journal;
mod landing;
mod last_run;
mod leave;
mod limits;
mod lock;
mod minted;
mod occasions;
mod once;
mod place;
#[cfg(test)]
mod plans;
mod purge;
mod reconcile;
mod resolve;
mod retry;
mod run;
mod schema;
mod settle;
mod start;
mod states;
mod store;
mod tick;
mod tokens;
#[cfg(test)]
mod transitions;
mod tries;
mod verify;
mod words;
mod writer;

pub use answers::{AnswerCount, Given, Returns};
pub use books::{Books, Gone, ListFacts, RowView, Tally};
pub use campaign_file::CampaignFile;
pub use enlist::{Duplicate, Enlistment, ListMark, NewMark, Plan, SameBy};
pub use error::LedgerError;
pub use files::{NewFile, TakenFile};
pub use landing::{PageFacts, Redeemed, Redemption, Sending, Standing, Ticket};
pub use leave::{Leaver, Left};
pub use limits::Rest;
pub use minted::{Minted, Revoked};
pub use occasions::Skipped;
pub use purge::PurgeReport;
pub use resolve::{Decision, Resolution, Source, UnknownRow};
pub use retry::{Back, PutBack, Stays};
pub use run::{Accept, Run};
pub use states::State;
pub use store::{Ledger, Options};
pub use tick::{PAUSED, Tick};
pub use tokens::{Asked, LiveToken, MINTED, Question, TokenEnd, TokenKind, TokenTally, UsedLink, hash_of};
pub use verify::Check;
pub use words::printable;

use jiff::Timestamp;

pub use crate::private_file::Readers;

use crate::audience::{Recipient, RecipientKey};

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
    /// How often a relay said "later", before or after an intent.
    deferrals: u32,
    /// The token of the earlier try, to be rebuilt.
    token: Option<TokenRecord>,
    /// The `Date` of the first try.
    first_date: Option<Timestamp>,
    /// Whether no relay has heard of it yet, or not since it was put back.
    untried: bool,
    /// When it was put back, if it ever was.
    again: Option<Timestamp>,
}

/// Proof that the try is on disk: a message body may leave.
#[derive(Debug)]
#[must_use = "an intent that is not settled becomes `unknown`"]
pub struct Intent {
    claim: Claim,
}

/// What a run holds of a recipient, to be settled.
#[derive(Debug)]
pub enum Held {
    /// Nothing was sent: only a refusal can be settled.
    Claim(Claim),
    /// The body may have left: anything can be.
    Intent(Intent),
}

/// Whether a body may leave.
#[derive(Debug)]
#[must_use = "without looking at it nobody knows whether the body may leave"]
#[expect(clippy::large_enum_variant, reason = "it lives for a moment and is nearly always the large one")]
pub enum Intended {
    /// The try is on disk.
    Go(Intent),
    /// The run does not hold the recipient any more, or the address was suppressed meanwhile. No mail; the state tells
    /// which.
    Withdrawn(State),
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
    /// A definite no that is about us and not about the recipient: the row waits as before, and keeps the reason.
    Requeued {
        /// The reply.
        reason: String,
    },
    /// Handed over, and nobody can say whether it arrived.
    Unknown {
        /// What happened.
        reason: String,
    },
}

/// A settled row, for the reporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The line in the list.
    pub line: u64,
    /// Whom it is about. Personal where the list has no user ids.
    pub key: RecipientKey,
    /// The state now.
    pub state: State,
    /// Why, for every state but `sent`: printable, at most 1 KiB, the recipient's address masked.
    pub reason: Option<String>,
}

/// What the start of a run found lying about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Rows that a dead run had claimed: they wait for their turn again.
    pub released: u64,
    /// Rows whose answer a dead run never recorded: they became `unknown`.
    pub unknown: u64,
    /// Outcomes that could only be kept in the journal and were now entered.
    pub replayed: u64,
}

/// Which recipients to claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Canonical addresses or user ids; empty means all.
    pub only: Vec<String>,
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

    /// Whether no relay has heard of it yet, or not since it was put back.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.untried
    }

    /// When it was put back after it had come to its end; `None` where it never was.
    #[must_use]
    pub fn again(&self) -> Option<Timestamp> {
        self.again
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

impl Held {
    fn claim(&self) -> &Claim {
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
