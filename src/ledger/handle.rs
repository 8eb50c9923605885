//! The ledger's file: opening it, and what can be asked without being a run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    rules::LedgerError,
    store::{Holder, LastRun, RunLock, file_checks, schema},
    writer::{self, Requests},
};
use crate::{clock::Clock, private_file::Readers, scratch::Scratch};

/// How long to wait for the migration lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long between two looks at the migration lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const READERS: u32 = 4;

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
    pub(in crate::ledger) readers: SqlitePool,
    open_to: Readers,
    /// Behind the connections, so that it goes after them.
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
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(wanted.busy_timeout)
            .foreign_keys(true)
            .disable_statement_logging();
        let readers = options.clone().read_only(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);

        // sqlx takes no lock with SQLite, and two programs that start together must not both make the tables.
        let lock = lock_for_migration(path, clock).await?;
        let mut connection = options.connect().await.map_err(|error| unreadable(path, error))?;
        read_back(&mut connection, wanted.busy_timeout).await?;
        schema::migrate(&mut connection, path).await?;
        drop(lock);

        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(readers);
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

/// The lock under which the tables are made and changed.
async fn lock_for_migration(path: &Path, clock: Clock) -> Result<RunLock, LedgerError> {
    let file = file_checks::beside(path, ".lock");
    let holder = Holder::this(clock.now());
    let mut waited = Duration::ZERO;
    loop {
        match RunLock::take(&file, &holder) {
            Err(LedgerError::Busy { .. }) if waited < LOCK_TIMEOUT => {
                tokio::time::sleep(LOCK_PAUSE).await;
                waited += LOCK_PAUSE;
            }
            done => return done,
        }
    }
}

/// Looks whether the database does what it was told: durability is not believed, it is read back.
async fn read_back(connection: &mut SqliteConnection, busy: Duration) -> Result<(), LedgerError> {
    let journal: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&mut *connection).await?;
    let synchronous: i64 = sqlx::query_scalar("pragma synchronous").fetch_one(&mut *connection).await?;
    let foreign_keys: i64 = sqlx::query_scalar("pragma foreign_keys").fetch_one(&mut *connection).await?;
    let busy_timeout: i64 = sqlx::query_scalar("pragma busy_timeout").fetch_one(&mut *connection).await?;
    let found = (journal.as_str(), synchronous, foreign_keys, i128::from(busy_timeout));
    let full = 2;
    if found == ("wal", full, 1, i128::try_from(busy.as_millis()).unwrap_or_default()) {
        return Ok(());
    }
    Err(LedgerError::refused(
        format!(
            "the ledger runs with journal_mode={journal}, synchronous={synchronous}, foreign_keys={foreign_keys}, \
             busy_timeout={busy_timeout}, expected wal, 2, 1, {}",
            busy.as_millis()
        ),
        "keep the ledger on a local disk that allows locks and shared memory",
    ))
}

/// An error of opening; a file that is no database at all is the user's to mend.
fn unreadable(path: &Path, error: sqlx::Error) -> LedgerError {
    const NOT_A_DATABASE: &str = "26";
    let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    if code.as_deref() == Some(NOT_A_DATABASE) {
        return LedgerError::refused(
            format!("`{}` is no ledger", path.display()),
            "name another file; a missing one is created",
        );
    }
    LedgerError::storage(&format!("open the ledger `{}`", path.display()), error)
}
