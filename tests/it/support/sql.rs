//! The ledger behind the program's back: the one file of the tests that knows which database it is.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

use std::path::Path;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Decode, FromRow, Sqlite, SqliteConnection, Type,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::fixture::Fixture;

/// A connection of its own. Every method panics where the statement fails, unless it says otherwise.
pub(crate) struct Sql(SqliteConnection);

/// Opens a ledger that is there.
pub(crate) async fn sql(ledger: impl AsRef<Path>) -> Sql {
    connect(SqliteConnectOptions::new().filename(ledger)).await
}

/// One number out of the ledger of a fixture.
pub(crate) async fn number(fixture: &Fixture, query: &str) -> i64 {
    sql(fixture.path("linkpost.db")).await.value(query).await
}

/// Opens a ledger for reading alone.
pub(crate) async fn read_only(ledger: impl AsRef<Path>) -> Sql {
    connect(SqliteConnectOptions::new().filename(ledger).read_only(true)).await
}

/// Opens a ledger that lets references to nothing be made, as damage does.
pub(crate) async fn unchecked(ledger: impl AsRef<Path>) -> Sql {
    connect(SqliteConnectOptions::new().filename(ledger).foreign_keys(false)).await
}

async fn connect(options: SqliteConnectOptions) -> Sql {
    Sql(options.connect().await.unwrap())
}

impl Sql {
    /// Runs a text, which may hold several statements.
    pub(crate) async fn run(&mut self, text: &str) {
        if let Err(error) = self.try_run(text).await {
            panic!("{text}: {error}");
        }
    }

    /// The same, where it may fail; the error in words.
    pub(crate) async fn try_run(&mut self, text: &str) -> Result<(), String> {
        let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.0).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    /// Takes the lock under which alone anything is written, and keeps it until [`unlock`](Self::unlock) or the end.
    pub(crate) async fn lock(&mut self) {
        self.run("begin immediate").await;
    }

    /// Gives the lock back.
    pub(crate) async fn unlock(&mut self) {
        self.run("rollback").await;
    }

    /// Every row of a query, as a tuple.
    pub(crate) async fn rows<T>(&mut self, query: &str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        sqlx::query_as(AssertSqlSafe(query)).fetch_all(&mut self.0).await.unwrap()
    }

    /// The only column of every row.
    pub(crate) async fn values<T>(&mut self, query: &str) -> Vec<T>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + Send + Unpin,
    {
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut self.0).await.unwrap()
    }

    /// The only value of a query.
    pub(crate) async fn value<T>(&mut self, query: &str) -> T
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + Send + Unpin,
    {
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut self.0).await.unwrap()
    }

    /// The only value of a query that looks for a text.
    pub(crate) async fn value_of(&mut self, query: &str, sought: &str) -> String {
        sqlx::query_scalar(AssertSqlSafe(query)).bind(sought).fetch_one(&mut self.0).await.unwrap()
    }

    /// Closes the connection; a lock goes with it.
    pub(crate) async fn close(self) {
        self.0.close().await.unwrap();
    }
}
