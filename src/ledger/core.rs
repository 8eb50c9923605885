//! What the writer knows of a run, and where an outcome goes that the database does not take.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::{LedgerError, journal::Journal, lock::RunLock, settle::Settlement};

/// What the writer knows of a run.
#[derive(Debug)]
pub(super) struct RunCore {
    pub(super) occasion: i64,
    pub(super) epoch: i64,
    pub(super) journal: Mutex<Journal>,
    /// Why an outcome could not be written: the run may finish what it holds and start nothing. The first cause stays,
    /// since whoever is refused on its account may be the one that is heard.
    pub(super) stopped: OnceLock<LedgerError>,
    /// Here, so that it outlives a request whose caller is gone.
    pub(super) _lock: RunLock,
}

impl RunCore {
    /// Refuses to start anything once an outcome could not be written.
    pub(super) fn check_going(&self) -> Result<(), LedgerError> {
        self.stopped.get().map_or(Ok(()), |cause| Err(cause.clone()))
    }

    /// Keeps an outcome that the database did not take, and says so: the caller stops either way.
    pub(super) fn keep(&self, settlement: &Settlement, cause: &LedgerError) -> LedgerError {
        let _later = self.stopped.set(cause.clone());
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // A write and an fsync on the writer's thread: the run is over, nobody is kept waiting who could go on.
        match journal.append(settlement) {
            Ok(()) => LedgerError::Storage(format!(
                "{cause}; the outcome is kept in `{}`, and the next run enters it",
                journal.path().display()
            )),
            Err(error) => LedgerError::Storage(format!(
                "{cause}; the outcome could not be kept in `{}` either ({error}), so the row becomes `unknown`",
                journal.path().display()
            )),
        }
    }
}
