//! Who got no mail and will get none, and whether that is news.

use crate::{
    ledger::{LedgerError, Run, State, Tally},
    replies::sameness,
    settings::Expected,
};

/// So many refusals are looked through for what is most often said.
const PAGE: u32 = 2_000;

/// Those of an occasion's current list who were refused or came too late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Refused.
    pub rejected: u64,
    /// Too late.
    pub expired: u64,
    /// With a problem.
    pub invalid: u64,
    /// All who were meant to get a mail.
    pub mails: u64,
}

impl Refused {
    /// Counts them. `decided`: how many were refused by a decision of somebody's.
    #[must_use]
    pub fn of(tally: &Tally, decided: u64) -> Self {
        let nobody = [State::Duplicate, State::Withdrawn].map(|state| tally.get(state)).into_iter().sum();
        Self {
            rejected: tally.get(State::Rejected).saturating_sub(decided),
            expired: tally.get(State::Expired),
            invalid: tally.get(State::Invalid),
            mails: tally.total().saturating_sub(nobody),
        }
    }

    /// How many were meant to get a mail and get none, but for a problem of their row.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.rejected + self.expired
    }

    /// Whether that is more than was to be expected.
    #[must_use]
    pub fn is_news(&self, expected: Expected) -> bool {
        expected.is_exceeded(self.lost(), self.mails)
    }
}

/// What is said most often, in the words of the first who was told so.
pub async fn most_often(run: &Run) -> Result<Option<String>, LedgerError> {
    let rows = run.rows(State::Rejected, 0, PAGE).await?;
    let mut kinds: Vec<(String, String, u64)> = Vec::new();
    for reason in rows.into_iter().filter(|row| row.listed).filter_map(|row| row.reason) {
        let same = sameness(&reason);
        match kinds.iter_mut().find(|(kind, ..)| *kind == same) {
            Some((_, _, number)) => *number += 1,
            None => kinds.push((same, reason, 1)),
        }
    }
    Ok(kinds.into_iter().max_by_key(|(_, _, number)| *number).map(|(_, reason, _)| reason))
}
