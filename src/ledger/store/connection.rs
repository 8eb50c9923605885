//! The narrow waist: every statement of the ledger goes through these few functions.

use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction, pool::PoolConnection};

use super::{
    row::{Columns, Row},
    sql::Sql,
    value::Value,
};
use crate::ledger::rules::LedgerError;

/// A connection to the database.
#[derive(Debug)]
pub(in crate::ledger) struct Connection(Held);

#[derive(Debug)]
enum Held {
    Own(SqliteConnection),
    Pooled(PoolConnection<Sqlite>),
    Snapshot(Transaction<'static, Sqlite>),
}

/// Connections that only read.
#[derive(Debug)]
pub(in crate::ledger) struct ReadPool(SqlitePool);

impl Connection {
    pub(super) fn own(connection: SqliteConnection) -> Self {
        Self(Held::Own(connection))
    }

    /// The driver's connection, for what only it can do.
    pub(super) fn inner(&mut self) -> &mut SqliteConnection {
        match &mut self.0 {
            Held::Own(connection) => connection,
            Held::Pooled(connection) => connection,
            Held::Snapshot(connection) => connection,
        }
    }

    /// Runs a statement. Returns how many rows it changed.
    pub(in crate::ledger) async fn execute(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<u64, LedgerError> {
        Ok(query(sql, values).execute(self.inner()).await?.rows_affected())
    }

    /// Every row that a statement gives.
    pub(in crate::ledger) async fn rows(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, LedgerError> {
        Ok(query(sql, values).fetch_all(self.inner()).await?.into_iter().map(Row).collect())
    }

    /// The first row that a statement gives.
    pub(in crate::ledger) async fn row(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, LedgerError> {
        Ok(query(sql, values).fetch_optional(self.inner()).await?.map(Row))
    }

    /// The columns of every row, in their order.
    pub(in crate::ledger) async fn all<T: Columns>(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, LedgerError> {
        self.rows(sql, values).await?.iter().map(T::read).collect()
    }

    /// The columns of the first row, in their order.
    pub(in crate::ledger) async fn first<T: Columns>(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Option<T>, LedgerError> {
        self.row(sql, values).await?.as_ref().map(T::read).transpose()
    }

    /// The columns of the one row that a statement always gives.
    pub(in crate::ledger) async fn one<T: Columns>(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<T, LedgerError> {
        T::read(&Row(query(sql, values).fetch_one(self.inner()).await?))
    }

    /// Runs `work` as one transaction.
    pub(in crate::ledger) async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.begin().await?;
        let done = work(self).await;
        self.end(done).await
    }

    /// Opens a transaction that is going to write. It takes the write lock at once: a read that turns into a write
    /// fails past every timeout.
    pub(in crate::ledger) async fn begin(&mut self) -> Result<(), LedgerError> {
        let begun = sqlx::query("begin immediate").execute(self.inner()).await;
        begun.map(drop).map_err(|error| LedgerError::storage("write to the ledger", error))
    }

    /// Commits what was done, or undoes it where it failed.
    pub(in crate::ledger) async fn end<T>(&mut self, done: Result<T, LedgerError>) -> Result<T, LedgerError> {
        let done = match done {
            Ok(value) => match self.commit("commit to the ledger").await {
                Ok(()) => return Ok(value),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.roll_back().await;
        done
    }

    /// Makes a transaction durable; `doing` says what it was for.
    pub(in crate::ledger) async fn commit(&mut self, doing: &str) -> Result<(), LedgerError> {
        let committed = sqlx::query("commit").execute(self.inner()).await;
        committed.map(drop).map_err(|error| LedgerError::storage(doing, error))
    }

    /// Undoes a transaction. After a full disk `SQLite` has done so itself, and the statement fails: that is all right.
    pub(in crate::ledger) async fn roll_back(&mut self) {
        let _ = sqlx::query("rollback").execute(self.inner()).await;
    }

    /// Closes the connection; the last one to go folds the write-ahead log into the file.
    pub(in crate::ledger) async fn close(self) -> Result<(), LedgerError> {
        match self.0 {
            Held::Own(connection) => Ok(connection.close().await?),
            Held::Pooled(_) | Held::Snapshot(_) => Ok(()),
        }
    }
}

impl ReadPool {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self(pool)
    }

    /// A connection of its own.
    pub(in crate::ledger) async fn get(&self) -> Result<Connection, LedgerError> {
        Ok(Connection(Held::Pooled(self.0.acquire().await?)))
    }

    /// A connection whose statements all see the same rows, whatever is written meanwhile.
    pub(in crate::ledger) async fn snapshot(&self) -> Result<Connection, LedgerError> {
        Ok(Connection(Held::Snapshot(self.0.begin().await?)))
    }

    /// See [`Connection::rows`].
    pub(in crate::ledger) async fn rows(
        &self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, LedgerError> {
        self.get().await?.rows(sql, values).await
    }

    /// See [`Connection::all`].
    pub(in crate::ledger) async fn all<T: Columns>(
        &self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, LedgerError> {
        self.get().await?.all(sql, values).await
    }

    /// See [`Connection::first`].
    pub(in crate::ledger) async fn first<T: Columns>(
        &self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Option<T>, LedgerError> {
        self.get().await?.first(sql, values).await
    }

    /// See [`Connection::one`].
    pub(in crate::ledger) async fn one<T: Columns>(
        &self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<T, LedgerError> {
        self.get().await?.one(sql, values).await
    }

    /// Closes them all.
    pub(in crate::ledger) async fn close(&self) {
        self.0.close().await;
    }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn query<'q>(sql: Sql, values: &'q [Value<'q>]) -> Query<'q> {
    values.iter().fold(sqlx::query(sql.text()), |query, value| match value {
        Value::Integer(number) => query.bind(*number),
        Value::Text(text) => query.bind(text.as_deref()),
        Value::Bytes(bytes) => query.bind(bytes.as_deref()),
    })
}
