//! The place of a ledger, and what follows from it: how it is made and opened, what shows that a run lives, and where
//! the files beside it lie.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    connection::{Connection, ReadPool},
    file_checks,
    holding::Holding,
    last_run::LastRun,
    lock::{Holder, RunLock, occasion_file},
    sqlite,
};
use crate::{campaign::CampaignId, clock::Clock, ledger::rules::LedgerError, private_file::Readers};

/// The place of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A `SQLite` file of this machine.
    File(PathBuf),
}

impl Location {
    /// Whether there is a ledger already.
    pub(in crate::ledger) fn is_there(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
        }
    }

    /// Makes an empty ledger, closed to others, unless there is one.
    pub(in crate::ledger) fn create(&self) -> Result<(), LedgerError> {
        match self {
            Self::File(path) => file_checks::create(path),
        }
    }

    /// Opens the ledger, with its schema up to date: the connection that writes, those that read, and who else may read
    /// it. Made and brought up to date by one program at a time, so whoever finds an empty one may use it:
    /// `races::a_ledger_that_is_being_made_is_whole_for_whoever_finds_it`.
    pub(in crate::ledger) async fn connect(
        &self,
        clock: Clock,
        busy_timeout: Duration,
    ) -> Result<(Connection, ReadPool, Readers), LedgerError> {
        match self {
            Self::File(path) => {
                let open_to = file_checks::check(path)?;
                let (writer, readers) = sqlite::open(path, clock, busy_timeout).await?;
                Ok((writer, readers, open_to))
            }
        }
    }

    /// Runs `look` on a ledger that stays as it is, whatever its schema. Waits for no lock; `None` where there is no
    /// ledger, or that of an older program without the table.
    pub(in crate::ledger) async fn look<T>(
        &self,
        look: impl AsyncFn(&mut Connection) -> Result<Option<T>, LedgerError>,
    ) -> Result<Option<T>, LedgerError> {
        if !self.is_there() {
            return Ok(None);
        }
        match self {
            Self::File(path) => sqlite::look(path, look).await,
        }
    }

    /// Takes an occasion for one run; [`LedgerError::Busy`] at once where another has it.
    pub(in crate::ledger) fn hold(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        holder: &Holder,
    ) -> Result<Holding, LedgerError> {
        match self {
            Self::File(path) => {
                let file = occasion_file(path, campaign, occasion, "lock");
                RunLock::take(&file, holder).map(Holding::File)
            }
        }
    }

    /// The file for the outcomes of an occasion that the database does not take.
    pub(in crate::ledger) fn journal(&self, campaign: &CampaignId, occasion: &str) -> PathBuf {
        occasion_file(self.beside(), campaign, occasion, "journal")
    }

    /// The number of the newest run, kept in the file that is `wanted` or beside the ledger.
    pub(in crate::ledger) fn last_run(&self, wanted: Option<&Path>) -> LastRun {
        LastRun::at(wanted.map_or_else(|| file_checks::beside(self.beside(), ".last-run"), Path::to_owned))
    }

    /// The path that the names of the ledger's other files begin with.
    fn beside(&self) -> &Path {
        match self {
            Self::File(path) => path,
        }
    }
}

impl<P: AsRef<Path>> From<P> for Location {
    fn from(path: P) -> Self {
        Self::File(path.as_ref().to_owned())
    }
}

/// Without a secret.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
        }
    }
}
