//! The parts and bounds of a run, the news that it reports, and the reasons that end it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    clock::Clock,
    delivery::{Delivery, Stop, Trouble},
    email::Letter,
    ledger::{LedgerError, Run, Selection, Settled},
    pacing::{Caps, Pace},
    replies::Refusal,
    schedule::Window,
    token::{IssueError, TokenIssuer},
};

/// Everything that sending needs, put together by a command.
pub struct Parts {
    /// The proof that this process may work on the campaign.
    pub run: Arc<Run>,
    /// The issuer of tokens.
    pub issuer: TokenIssuer,
    /// The words.
    pub letter: Arc<Letter>,
    /// The way out of the messages.
    pub delivery: Delivery,
    /// The rate.
    pub pace: Pace,
    /// The most mails in any hour and day.
    pub caps: Caps,
    /// The clock.
    pub clock: Clock,
}

/// The part of the campaign that a run takes on.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The number of connections at once.
    pub connections: usize,
    /// At most so many mails; `None`: all.
    pub limit: Option<u64>,
    /// The chosen recipients.
    pub selection: Selection,
    /// How long after the first try a mail may still leave.
    pub not_after: SignedDuration,
    /// Whether a schedule runs it: then a mail that was never tried may leave so long after the occasion's time.
    pub scheduled: bool,
    /// Whether to stay until every deferred mail has come to an end.
    pub wait: bool,
    /// Whether refusals are taken at their word, however many people are refused in the same words.
    pub accept_refusals: bool,
    /// The time of day at which mails may leave; `None`: at any time.
    pub window: Option<Window>,
}

/// News of a run that goes on.
#[derive(Debug)]
pub enum News {
    /// A mail is through.
    Settled(Settled),
    /// A relay cannot be reached, or can again.
    Trouble(Trouble),
    /// A relay said that we are too fast.
    Slower {
        /// Mails a second from now on.
        rate: f64,
        /// What it said.
        reason: String,
    },
    /// No further mail may leave until then: an hour or a day holds as many as it may.
    Capped {
        /// When the next may leave.
        until: Timestamp,
    },
    /// A relay's quota is used up; the others go on.
    Resting(Refusal),
    /// Refusals that were booked against people turned out to be about us: these rows wait again.
    PutBack {
        /// How many.
        rows: u64,
    },
    /// Mails that were never tried have expired.
    Expired {
        /// How many.
        rows: u64,
    },
    /// Nothing is due now: the run waits.
    Waiting {
        /// When the next mail is due.
        due: Timestamp,
    },
}

/// Why a run ended before its time. Nobody's mail is lost: unsent rows wait in the ledger.
#[derive(Debug)]
pub enum Halt {
    /// The ledger cannot record.
    Ledger(LedgerError),
    /// The relay takes nothing from us.
    Relay(Stop),
    /// What the relay or the token service refuses is us: the next ones would be lost as well.
    Refused {
        /// The last of the refusals.
        refusal: Refusal,
        /// How many of the last answers said so.
        refused: usize,
        /// What is the same in refusals that were booked against people before it was understood.
        sameness: Option<String>,
    },
    /// The token service gives nothing, or the ledger cannot record what it gave.
    Tokens(IssueError),
    /// The machine's clock jumped while the run went on: what is due cannot be told any more.
    ClockJumped(SignedDuration),
    /// The run was ended from outside before the relay had answered.
    Interrupted,
    /// A fault of the program: a worker panicked.
    Fault,
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}
