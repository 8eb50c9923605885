//! The handle of a ledger: opening it, and what its handles share.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    rules::LedgerError,
    store::{LastRun, Location, ReadPool},
    writer::{self, Requests},
};
use crate::{clock::Clock, private_file::Readers, scratch::Scratch};

/// Options for the use of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The longest wait for another program that writes.
    pub busy_timeout: Duration,
    /// The file that keeps the number of the newest run; `None`: beside the ledger, with `.last-run` appended.
    pub last_run: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(30), last_run: None }
    }
}

/// The database of everything that was sent, and is to be. Cheap to clone; a clone is the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(in crate::ledger) inner: Arc<Inner>,
}

/// The part that a ledger's handles share.
#[derive(Debug)]
pub(in crate::ledger) struct Inner {
    pub(in crate::ledger) location: Location,
    pub(in crate::ledger) clock: Clock,
    pub(in crate::ledger) last_run: LastRun,
    pub(in crate::ledger) requests: Requests,
    pub(in crate::ledger) readers: ReadPool,
    open_to: Readers,
    /// Declared last: the folder is removed after the connections are closed.
    scratch: Option<Scratch>,
}

impl Ledger {
    /// Opens a ledger; makes it (a file 0600, in a folder 0700) where there is none.
    ///
    /// Refused are files that others can read, network filesystems, databases that are no ledger, and the ledger of a
    /// newer program.
    pub async fn open(at: &Location, clock: Clock, options: &Options) -> Result<Self, LedgerError> {
        at.create()?;
        Self::connect(at, clock, options, None).await
    }

    /// Opens a ledger that is there; `None` where there is none.
    pub async fn find(at: &Location, clock: Clock, options: &Options) -> Result<Option<Self>, LedgerError> {
        if at.is_there() { Self::connect(at, clock, options, None).await.map(Some) } else { Ok(None) }
    }

    /// Opens a ledger that has to be there.
    pub async fn open_existing(at: &Location, clock: Clock, options: &Options) -> Result<Self, LedgerError> {
        Self::find(at, clock, options).await?.ok_or_else(|| {
            LedgerError::refused(
                format!("there is no ledger `{at}`"),
                "`linkpost send` makes it; rehearsals have one of their own",
            )
        })
    }

    /// A ledger in a temporary folder, gone when its last handle is: for looking at what would be.
    pub async fn scratch(clock: Clock) -> Result<Self, LedgerError> {
        let folder =
            Scratch::new().map_err(|error| LedgerError::storage("make a temporary folder", error))?;
        let at = Location::File(folder.path().join("ledger.db"));
        at.create()?;
        Self::connect(&at, clock, &Options::default(), Some(folder)).await
    }

    /// Removes the files of a scratch ledger, whoever holds a handle of it still. Any other stays as it is.
    pub fn discard(self) -> Result<(), LedgerError> {
        let removed = self.inner.scratch.as_ref().map_or(Ok(()), Scratch::remove);
        removed.map_err(|error| LedgerError::storage("remove the temporary folder", error))
    }

    async fn connect(
        at: &Location,
        clock: Clock,
        options: &Options,
        scratch: Option<Scratch>,
    ) -> Result<Self, LedgerError> {
        let (connection, readers, open_to) = at.connect(clock, options.busy_timeout).await?;
        let requests = writer::spawn(connection, clock);
        let last_run = at.last_run(options.last_run.as_deref());
        let location = at.clone();
        Ok(Self { inner: Arc::new(Inner { location, clock, last_run, requests, readers, open_to, scratch }) })
    }

    /// The readers of the file, by its mode.
    #[must_use]
    pub fn open_to(&self) -> Readers {
        self.inner.open_to
    }

    /// Its place.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.inner.location
    }

    /// Closes the files after all that was handed over, so that the database is one whole file. What is asked of a run
    /// afterwards fails.
    pub async fn close(self) -> Result<(), LedgerError> {
        // The last connection to go folds the write-ahead log into the file, and one that only reads cannot.
        self.inner.readers.close().await;
        self.inner.requests.close().await
    }
}
