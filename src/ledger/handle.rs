//! The ledger's file: opening it, and what can be asked without being a run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    rules::LedgerError,
    store::{LastRun, ReadPool, file_checks, sqlite},
    writer::{self, Requests},
};
use crate::{clock::Clock, private_file::Readers, scratch::Scratch};

/// How a ledger is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long to wait for another program that writes.
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

/// What a ledger's handles share.
#[derive(Debug)]
pub(in crate::ledger) struct Inner {
    pub(in crate::ledger) path: PathBuf,
    pub(in crate::ledger) clock: Clock,
    pub(in crate::ledger) last_run: LastRun,
    pub(in crate::ledger) requests: Requests,
    pub(in crate::ledger) readers: ReadPool,
    open_to: Readers,
    /// Declared last: the folder is removed after the connections are closed.
    scratch: Option<Scratch>,
}

impl Ledger {
    /// Opens a ledger; makes it (0600, in a folder 0700) where there is none.
    ///
    /// Refused are files that others can read, network filesystems, databases that are no ledger, and the ledger of a
    /// newer program.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, LedgerError> {
        Self::open_with(path, clock, &Options::default()).await
    }

    /// The same with other options.
    pub async fn open_with(path: &Path, clock: Clock, options: &Options) -> Result<Self, LedgerError> {
        file_checks::create(path)?;
        Self::connect(path, clock, options, None).await
    }

    /// Opens a ledger that is there.
    pub async fn open_existing(path: &Path, clock: Clock) -> Result<Self, LedgerError> {
        Self::open_existing_with(path, clock, &Options::default()).await
    }

    /// The same with other options.
    pub async fn open_existing_with(
        path: &Path,
        clock: Clock,
        options: &Options,
    ) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::refused(
                format!("there is no ledger `{}`", path.display()),
                "`linkpost send` makes it; rehearsals have one of their own",
            ));
        }
        Self::connect(path, clock, options, None).await
    }

    /// A ledger in a temporary folder, gone when its last handle is: for looking at what would be.
    pub async fn scratch(clock: Clock) -> Result<Self, LedgerError> {
        let folder =
            Scratch::new().map_err(|error| LedgerError::storage("make a temporary folder", error))?;
        let path = folder.path().join("ledger.db");
        file_checks::create(&path)?;
        Self::connect(&path, clock, &Options::default(), Some(folder)).await
    }

    /// Removes the files of a scratch ledger, whoever holds a handle of it still. Any other stays as it is.
    pub fn discard(self) -> Result<(), LedgerError> {
        let removed = self.inner.scratch.as_ref().map_or(Ok(()), Scratch::remove);
        removed.map_err(|error| LedgerError::storage("remove the temporary folder", error))
    }

    async fn connect(
        path: &Path,
        clock: Clock,
        wanted: &Options,
        scratch: Option<Scratch>,
    ) -> Result<Self, LedgerError> {
        let open_to = file_checks::check(path)?;
        let (connection, readers) = sqlite::open(path, clock, wanted.busy_timeout).await?;
        let requests = writer::spawn(connection, clock);
        let path = path.to_owned();
        let last_run =
            LastRun::at(wanted.last_run.clone().unwrap_or_else(|| file_checks::beside(&path, ".last-run")));
        Ok(Self { inner: Arc::new(Inner { path, clock, last_run, requests, readers, open_to, scratch }) })
    }

    /// Who may read the file.
    #[must_use]
    pub fn open_to(&self) -> Readers {
        self.inner.open_to
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Closes the files after all that was handed over, so that the database is one whole file. What is asked of a run afterwards fails.
    pub async fn close(self) -> Result<(), LedgerError> {
        // The last connection to go folds the write-ahead log into the file, and one that only reads cannot.
        self.inner.readers.close().await;
        self.inner.requests.close().await
    }
}
