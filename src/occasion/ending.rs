//! How an occasion stands when a run on it has ended.

use crate::ledger::{State, Tally};

/// The end of a run, as far as it matters to whoever started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everybody is settled.
    Settled,
    /// Mails wait: a later run goes on with them.
    Waits,
    /// A person has to look: mails without an answer, or people who got none.
    Undecided,
}

impl Ending {
    /// Reads the end off the books. `unknown` counts the mails without an answer, also those of rows that have left the
    /// list: they wait for a decision all the same. `strict`: a person looks at everybody who got no mail.
    #[must_use]
    pub fn of(tally: &Tally, unknown: u64, strict: bool) -> Self {
        let failed = [State::Rejected, State::Expired, State::Invalid];
        if tally.waiting() > 0 {
            Self::Waits
        } else if unknown > 0 || (strict && failed.iter().any(|state| tally.get(*state) > 0)) {
            Self::Undecided
        } else {
            Self::Settled
        }
    }
}
