//! The liveness of a run: what shows that it is alive, and which other runs of its occasion are dead.

use super::lock::RunLock;

/// An occasion that this run holds. Whatever it is, it is gone as soon as the process is.
#[derive(Debug)]
pub(in crate::ledger) enum Holding {
    /// A lock of the operating system on a file beside the ledger. One run at a time has it.
    File(#[expect(dead_code, reason = "held, and freed when it is dropped")] RunLock),
}

impl Holding {
    /// The dead among the runs that left rows of the occasion held, by their epochs.
    ///
    /// Whoever has the lock of the occasion has it alone, so any other run is dead:
    /// `races::every_other_epoch_of_an_occasion_is_dead_when_a_run_begins`.
    pub(in crate::ledger) fn dead(&self, epochs: Vec<i64>) -> Vec<i64> {
        match self {
            Self::File(_) => epochs,
        }
    }
}
