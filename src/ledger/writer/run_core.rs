//! A run as the writer knows it, and the way of an outcome that the database does not take.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::journal::Journal;
use crate::ledger::{rules::LedgerError, store::Holding, tries::Settlement};

/// A run as the writer knows it.
#[derive(Debug)]
pub(in crate::ledger) struct RunCore {
    pub(in crate::ledger) occasion: i64,
    pub(in crate::ledger) epoch: i64,
    pub(in crate::ledger) journal: Mutex<Journal>,
    /// The cause for which an outcome could not be written: the run may finish what it holds and start nothing. The
    /// first cause stays, since whoever is refused on its account may be the one that is heard.
    pub(in crate::ledger) stopped: OnceLock<LedgerError>,
    /// Here, so that it outlives a request whose caller is gone.
    pub(in crate::ledger) _holding: Holding,
}

impl RunCore {
    /// Refuses to start anything once an outcome could not be written.
    pub(in crate::ledger) fn check_going(&self) -> Result<(), LedgerError> {
        self.stopped.get().map_or(Ok(()), |cause| Err(cause.clone()))
    }

    /// Keeps an outcome that the database did not take, and says so: the caller stops either way.
    pub(in crate::ledger) fn keep(&self, settlement: &Settlement, cause: &LedgerError) -> LedgerError {
        let _later = self.stopped.set(cause.clone());
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // A write and an fsync on the writer's thread: the run is over, nobody is kept waiting who could go on.
        match journal.append(settlement) {
            Ok(()) => cause.with_words(format!(
                "{cause}; the outcome is kept in `{}`, and the next run enters it",
                journal.path().display()
            )),
            Err(error) => cause.with_words(format!(
                "{cause}; the outcome could not be kept in `{}` either ({error}), so the row becomes `unknown`",
                journal.path().display()
            )),
        }
    }
}
