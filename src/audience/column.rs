//! A column of a list, and the header that names it.

use std::collections::BTreeSet;

use csv::StringRecord;

use super::{Address, text, values::Role};
use crate::{campaign::ColumnType, problem::Place};

/// Which columns the templates use; those that the campaign file and the keys name are used anyhow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// Any of them: every column is examined.
    All,
    /// Those of these names.
    Names(BTreeSet<String>),
}

impl Used {
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => !name.is_empty(),
            Self::Names(names) => names.contains(name),
        }
    }
}

/// A column of the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// The name as the header spells it.
    pub(super) title: String,
    /// The name for templates and settings; empty where there is none.
    pub(super) name: String,
    /// The other name under which the templates know it.
    pub(super) also: Option<String>,
    pub(super) kind: ColumnType,
    pub(super) role: Role,
    pub(super) multiline: bool,
    pub(super) required: bool,
    /// Whether anything uses it. Of a column that nothing uses, no cell is examined or kept for the mail.
    pub(super) used: bool,
}

impl Column {
    /// The name in words.
    pub(super) fn words(&self, at: usize) -> String {
        if self.title.is_empty() { format!("{}", at + 1) } else { self.title.clone() }
    }
}

/// The header of a list, and some of the rows below it.
pub(super) struct Header<'a> {
    pub(super) cells: &'a StringRecord,
    pub(super) samples: &'a [StringRecord],
    pub(super) place: Place,
}

/// Whether a cell is an address.
pub(super) fn holds_address(cell: &str) -> bool {
    Address::parse(text::trimmed(cell)).is_ok()
}
