//! `SQLite`: opening the file, what is asked of the engine alone, and what its errors mean.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqliteConnection,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    connection::{Connection, ReadPool},
    file_checks,
    lock::{Holder, RunLock},
    schema,
    sql::Sql,
};
use crate::{
    clock::Clock,
    ledger::rules::{Caused, LedgerError, StorageCause},
};

/// The longest wait for the migration lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between two tries to take the migration lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const READERS: u32 = 4;
/// The longest wait of a look for a program that writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the file, with its schema up to date: the connection that writes, and those that read.
pub(super) async fn open(
    path: &Path,
    clock: Clock,
    busy_timeout: Duration,
) -> Result<(Connection, ReadPool), LedgerError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(busy_timeout)
        .foreign_keys(true)
        .disable_statement_logging();
    let readers = options.clone().read_only(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);

    // sqlx takes no lock with SQLite, and two programs that start together must not both make the tables.
    let lock = lock_for_migration(path, clock).await?;
    let mut connection = options.connect().await.map_err(|error| unreadable(path, &error))?;
    read_back(&mut connection, busy_timeout).await?;
    schema::migrate(&mut connection, path).await?;
    drop(lock);

    let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(readers);
    Ok((Connection::own(connection), ReadPool::new(readers)))
}

/// Runs `look` on a ledger that stays as it is, whatever its schema. Waits for no lock; `None` where the ledger of an
/// older program has no such table.
pub(super) async fn look<T>(
    path: &Path,
    look: impl AsyncFn(&mut Connection) -> Result<Option<T>, LedgerError>,
) -> Result<Option<T>, LedgerError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(PATIENCE);
    let options = options.disable_statement_logging();
    let with = async |options: SqliteConnectOptions| {
        let mut connection = Connection::own(options.connect().await?);
        match look(&mut connection).await {
            Err(LedgerError::Storage { words, .. }) if words.contains("no such table") => Ok(None),
            found => found,
        }
    };
    match with(options.clone()).await {
        // Where nothing can be written there is no shared memory either, which only a log needs.
        Err(_) if !file_checks::beside(path, "-wal").exists() => with(options.immutable(true)).await,
        found => found,
    }
}

impl Connection {
    /// Makes old bytes go from the files: free pages and the write-ahead log hold them still.
    pub(in crate::ledger) async fn wipe(&mut self) -> Result<(), LedgerError> {
        let failed = |error| LedgerError::storage("remove the old pages, though the rows are purged", error);
        sqlx::query("vacuum").execute(self.inner()).await.map_err(failed)?;
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(truncate)")
            .fetch_one(self.inner())
            .await
            .map_err(failed)?;
        if busy == 0 {
            return Ok(());
        }
        Err(LedgerError::refused(
            "the rows are purged, but the write-ahead log is in use and still holds the old ones",
            "end the other programs that read the ledger and purge again",
        ))
    }

    /// The damages of the files, in the engine's words.
    pub(in crate::ledger) async fn damage(&mut self) -> Result<Vec<String>, LedgerError> {
        let found: Vec<String> = self.all(Sql::sqlite("pragma integrity_check(20)"), &[]).await?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// The number of rows that refer to a row which is not there.
    pub(in crate::ledger) async fn orphans(&mut self) -> Result<usize, LedgerError> {
        Ok(self.rows(Sql::sqlite("pragma foreign_key_check"), &[]).await?.len())
    }

    /// A ledger without a file.
    #[cfg(test)]
    pub(in crate::ledger) async fn in_memory() -> Self {
        let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        schema::migrate(&mut connection, Path::new("test.db")).await.unwrap();
        Self::own(connection)
    }

    /// Runs a text, which may hold several statements.
    #[cfg(test)]
    pub(in crate::ledger) async fn script(&mut self, text: String) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(self.inner()).await.unwrap();
    }

    /// The steps in which a statement goes about its work.
    #[cfg(test)]
    pub(in crate::ledger) async fn steps_of(&mut self, sql: Sql) -> Vec<String> {
        use sqlx::Row;

        let query = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {}", sql.text())));
        let rows = query.fetch_all(self.inner()).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
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

/// Checks that the database does what it was asked to: durability is not believed, it is read back.
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
fn unreadable(path: &Path, error: &sqlx::Error) -> LedgerError {
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

/// An SQL error becomes a storage error; the statement's values are not in its text.
impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::storage("use the ledger", error)
    }
}

impl Caused for sqlx::Error {
    fn cause(&self) -> StorageCause {
        // The lower byte of an extended code is its family (sqlite.org/rescode.html).
        const BUSY_SNAPSHOT: u32 = 517;
        let code = self.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        match (code, code.map(|code| code & 0xff)) {
            (Some(BUSY_SNAPSHOT), _) => StorageCause::Conflict,
            (_, Some(5 | 6)) => StorageCause::Locked,
            (_, Some(13)) => StorageCause::Full,
            (_, Some(10 | 14)) => StorageCause::Gone,
            (None, _) if matches!(self, Self::PoolClosed | Self::PoolTimedOut | Self::WorkerCrashed) => {
                StorageCause::Gone
            }
            (Some(_) | None, _) => StorageCause::Other,
        }
    }
}

impl Caused for &sqlx::Error {
    fn cause(&self) -> StorageCause {
        (*self).cause()
    }
}

impl Caused for MigrateError {
    fn cause(&self) -> StorageCause {
        if let Self::Execute(error) | Self::ExecuteMigration(error, _) = self {
            error.cause()
        } else {
            StorageCause::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Sql, values},
        *,
    };

    const PUT: Sql = Sql::shared("insert into watch (campaign, since) values (?1, 0)");

    fn cause<T: std::fmt::Debug>(done: Result<T, LedgerError>) -> StorageCause {
        let error = done.unwrap_err();
        let LedgerError::Storage { cause, .. } = error else { panic!("{error}") };
        cause
    }

    #[tokio::test]
    async fn a_full_database_and_a_locked_one_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        file_checks::create(&path).unwrap();
        let (mut first, _) = open(&path, Clock::System, Duration::ZERO).await.unwrap();
        let (mut second, _) = open(&path, Clock::System, Duration::ZERO).await.unwrap();
        first.begin().await.unwrap();
        assert_eq!(cause(second.begin().await), StorageCause::Locked);
        first.roll_back().await;
        second.execute(PUT, values!["early"]).await.unwrap();

        first.script("pragma max_page_count = 1".to_owned()).await;
        let long = "x".repeat(100_000);
        assert_eq!(cause(first.execute(PUT, values![&long]).await), StorageCause::Full);
        assert_eq!(cause(first.execute(Sql::shared("select nothing"), &[]).await), StorageCause::Other);
    }
}
