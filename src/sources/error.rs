//! Why there is no list to read.

use crate::problem::Problem;

/// Why there is no list to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListError {
    /// It may be there later.
    NotYet(Problem),
    /// Somebody has to look.
    Wrong(Problem),
}
