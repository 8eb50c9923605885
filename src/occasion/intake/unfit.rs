//! More rows with a problem than may be left out, and what was wished for.

use std::path::PathBuf;

use crate::{campaign::Leeway, problem::Problem};

/// What becomes of rows with a problem, as whoever started the run wishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Whether to go on without them.
    pub skip: bool,
    /// The file for them.
    pub file: Option<PathBuf>,
    /// Whether a schedule runs it: nobody is there to wish otherwise.
    pub scheduled: bool,
}

/// More rows with a problem than may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The first of them.
    pub shown: Vec<Problem>,
    /// How many there are.
    pub total: u64,
    /// How many rows the list has.
    pub rows: u64,
    /// How many the campaign file allows.
    pub leeway: Option<Leeway>,
    /// What was wished for.
    pub wishes: Wishes,
}
