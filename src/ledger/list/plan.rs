//! The effect of taking in a list, in figures.

use crate::ledger::{books::Tally, rules::SameBy};

/// A row that is the same as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// Its line.
    pub line: u64,
    /// The other's line in this list; `None` where the other was mailed from an earlier list.
    pub first_line: Option<u64>,
    /// By what they are the same.
    pub by: SameBy,
}

/// The effect of taking in a list.
///
/// `rows` is the sum of `new`, `changed`, `unchanged`, `returned`, `corrected`, `changed_after_sent`,
/// `changed_after_end`,
/// `duplicates`, `mailed_before`, `refused_before` and `invalid`, and also the total of `tally`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Rows of the list.
    pub rows: u64,
    /// Rows that the ledger did not know: they wait for their turn.
    pub new: u64,
    /// Rows that wait for their turn and say something else now.
    pub changed: u64,
    /// Rows that say what they said.
    pub unchanged: u64,
    /// Rows that had left the list and are back: they wait for their turn.
    pub returned: u64,
    /// Rows that were refused or expired and have another mailbox now: they wait for their turn again.
    pub corrected: u64,
    /// Rows that say something else now, but a mail has left, or may have: they stay, nothing is sent again.
    pub changed_after_sent: u64,
    /// Rows that say something else now, but were rejected, expired or suppressed: they stay.
    pub changed_after_end: u64,
    /// Rows that are the same as another.
    pub duplicates: u64,
    /// Rows whose key another occasion has mailed: they stay out.
    pub mailed_before: u64,
    /// Rows whose mailbox does not exist, as another occasion found out: they stay out.
    pub refused_before: u64,
    /// Rows with a problem.
    pub invalid: u64,
    /// Rows of the former list that were not mailed and are not in this one. They are not among `rows`.
    pub withdrawn: u64,
    /// The rows of the list by state.
    pub tally: Tally,
}
