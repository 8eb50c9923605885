//! Errors of the ledger.

use std::{fmt, io};

use crate::problem::Diagnosis;

/// An error of the ledger. A caller decides by the variant: try later, stop, or have it put right.
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
        /// The reason.
        reason: String,
    },
    /// The ledger cannot be read or written. Nothing new may be started.
    Storage {
        /// The failure in words.
        words: String,
        /// The kind of failure, which a caller decides by.
        cause: StorageCause,
    },
    /// The ledger is in order but must not be used like this.
    Refused(Diagnosis),
}

/// The kind of a failure of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageCause {
    /// The disk is full.
    Full,
    /// Another program holds the database.
    Locked,
    /// The database cannot be reached.
    Gone,
    /// Another transaction came first: the same one may work a moment later.
    Conflict,
    /// Anything else, damage included.
    Other,
}

/// An error that knows its kind of failure.
pub(in crate::ledger) trait Caused: fmt::Display {
    /// The kind of failure.
    fn cause(&self) -> StorageCause;
}

impl LedgerError {
    /// A failure of the storage while `doing` something.
    #[expect(clippy::needless_pass_by_value, reason = "the error ends here, as `map_err` hands it over")]
    pub(in crate::ledger) fn storage(doing: &str, error: impl Caused) -> Self {
        Self::Storage { words: format!("failed to {doing}: {error}"), cause: error.cause() }
    }

    /// A ledger that holds what it cannot hold.
    pub(in crate::ledger) fn broken(words: impl Into<String>) -> Self {
        Self::Storage { words: words.into(), cause: StorageCause::Other }
    }

    /// A ledger that is not there any more.
    pub(in crate::ledger) fn gone(words: &str) -> Self {
        Self::Storage { words: words.to_owned(), cause: StorageCause::Gone }
    }

    /// This failure with other words.
    pub(in crate::ledger) fn with_words(&self, words: String) -> Self {
        let cause = match self {
            Self::Storage { cause, .. } => *cause,
            Self::Busy { .. } | Self::Over { .. } | Self::Refused(_) => StorageCause::Other,
        };
        Self::Storage { words, cause }
    }

    /// A refusal with its remedy.
    pub(in crate::ledger) fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused(Diagnosis::new(message).hint(hint))
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { holder } => write!(f, "another run is at work on this campaign: {holder}"),
            Self::Over { occasion, reason } => write!(f, "the occasion `{occasion}` is over: {reason}"),
            Self::Storage { words, .. } => f.write_str(words),
            Self::Refused(diagnosis) => diagnosis.fmt(f),
        }
    }
}

impl std::error::Error for LedgerError {}

impl Caused for io::Error {
    fn cause(&self) -> StorageCause {
        let kind = self.kind();
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            StorageCause::Full
        } else if kind == io::ErrorKind::NotFound {
            StorageCause::Gone
        } else {
            StorageCause::Other
        }
    }
}
