//! Why a timing is refused, or is odd.

/// The reason that a timing is refused: what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TimingError {
    /// What was found and what was expected.
    pub message: String,
    /// The remedy, as one line.
    pub hint: Option<String>,
}

/// What is odd about a schedule and may be meant all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What it comes to.
    pub message: String,
    /// What to write where it is not meant.
    pub hint: String,
}
