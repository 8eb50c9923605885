//! Why a timing is refused.

/// Why a timing is refused: what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TimingError {
    /// What was found and what was expected.
    pub message: String,
    /// The remedy, as one line.
    pub hint: Option<String>,
}
