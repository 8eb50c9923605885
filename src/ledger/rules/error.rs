//! What can keep a run from working with the ledger.

use std::fmt;

/// Why the ledger could not do it. A caller decides by the variant: try later, stop, or have it put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerError {
    /// Another run holds the campaign's occasion.
    Busy {
        /// Host, process id and since when.
        holder: String,
    },
    /// The occasion was skipped or given up, maybe by another program a moment ago: nothing of it is sent any more.
    Over {
        /// Its name.
        occasion: String,
        /// Why.
        reason: String,
    },
    /// The ledger cannot be read or written. Nothing new may be started.
    Storage(String),
    /// The ledger is in order but must not be used like this.
    Refused {
        /// What was found and what was expected.
        message: String,
        /// The remedy, as one line.
        hint: String,
    },
}

impl LedgerError {
    /// A failure of the storage while `doing` something.
    pub(in crate::ledger) fn storage(doing: &str, cause: impl fmt::Display) -> Self {
        Self::Storage(format!("failed to {doing}: {cause}"))
    }

    /// A refusal with its remedy.
    pub(in crate::ledger) fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { holder } => write!(f, "another run is at work on this campaign: {holder}"),
            Self::Over { occasion, reason } => write!(f, "the occasion `{occasion}` is over: {reason}"),
            Self::Storage(what) => f.write_str(what),
            Self::Refused { message, hint } => write!(f, "{message}\n  hint: {hint}"),
        }
    }
}

impl std::error::Error for LedgerError {}

/// An SQL error becomes a storage error; the statement's values are not in its text.
impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::storage("use the ledger", error)
    }
}
