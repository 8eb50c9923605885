//! The list of people: CSV files as people really have them, row by row, each a [`Recipient`] or a [`RowProblem`].
//!
//! Owns encodings, dialect, columns, types and the address policy. It streams: nothing here holds more than one
//! record. It does not know who is a duplicate; that takes a memory, and the ledger is the only place with one.

mod address;
mod cells;
mod column;
mod columns;
mod dialect;
mod disguise;
mod domains;
mod encoding;
mod exports;
mod findings;
mod hints;
mod letters;
mod lines;
mod list_file;
pub mod mask;
mod names;
pub mod problems;
mod profile;
mod records;
mod row;
mod scan;
mod text;
mod top;
mod values;
mod whole_list;

pub use address::{Address, AddressError, is_reserved_domain};
pub use column::Used;
pub use dialect::Dialect;
pub use findings::{Finding, Findings, Mended, Tally};
pub use profile::{FileProfile, digest};
pub use whole_list::{Audience, Places};

use std::fmt;

use serde_json::{Map, Value};

use crate::problem::Diagnosis;

/// The columns of a row that anything uses, under their normalised names, typed as the campaign file says; an empty cell
/// is `null`.
pub type Fields = Map<String, Value>;

/// The cells of a row as they were read, those of columns that nothing uses among them.
#[derive(Clone, PartialEq, Default)]
pub struct Cells(pub(self) csv::StringRecord);

impl Cells {
    /// The cells in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter()
    }

    /// Their length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_slice().len()
    }

    /// Whether there is nothing in them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }
}

/// Tells nothing of what the list says.
impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cells", self.0.len())
    }
}

/// Separates the parts of a [`RecipientKey`]. Control characters are refused in every cell, so it cannot occur in one.
pub const KEY_SEPARATOR: char = '\u{1f}';

/// What makes a recipient one: at most one mail goes to a key per campaign and occasion.
///
/// The user id, or the canonical address where the list has no user ids; an abandoned cart adds the cart's id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipientKey(pub String);

/// Masked where it is an address, so that no log and no panic tells one.
impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecipientKey").field(&mask::text(&self.0)).finish()
    }
}

/// One good row of the list: everything about it was checked, nothing needs checking again.
#[derive(Clone, PartialEq)]
pub struct Recipient {
    /// The line of the list on which the record starts, from 1 (the header is line 1).
    pub line: u64,
    /// One mail per key.
    pub key: RecipientKey,
    /// Whom the link signs in: the `sub` of the token.
    pub user_id: String,
    /// Where the mail goes.
    pub address: Address,
    /// The name for the `To` header, where the list has one.
    pub name: Option<String>,
    /// What the templates use.
    pub fields: Fields,
    /// The row as it was read; nothing where it comes out of the ledger.
    pub cells: Cells,
}

/// Tells who it is, masked, and not what the list says about them.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("line", &self.line)
            .field("key", &self.key)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What is wrong with one row, as data. The row stays out of the campaign; it is never mended silently.
#[derive(Clone, PartialEq)]
pub struct RowProblem {
    /// The line on which the record starts, from 1.
    pub line: u64,
    /// The column's name as the header spells it, where one column is to blame.
    pub column: Option<String>,
    /// The thing that is wrong with it. Holds no whole address and no control character.
    pub what: Diagnosis,
    /// The cells as they were read, so that `--problems FILE` can hand them back for correction.
    pub cells: Vec<String>,
}

/// Tells the problem and not the cells.
impl fmt::Debug for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowProblem")
            .field("line", &self.line)
            .field("column", &self.column)
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

/// One record of the list.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A row that can be mailed.
    Good(Recipient),
    /// A row that cannot.
    Bad(RowProblem),
}
