//! Rows, and what a column can be.

use jiff::Timestamp;
use sqlx::{ColumnIndex, Row as _, ValueRef, sqlite::SqliteRow};

use super::values::Digest;
use crate::{
    audience::Address,
    ledger::rules::{LedgerError, State},
};

/// A row of a result.
#[derive(Debug)]
pub(in crate::ledger) struct Row(pub(super) SqliteRow);

impl Row {
    /// The value of a column.
    pub(in crate::ledger) fn get<T: Column>(&self, name: &str) -> Result<T, LedgerError> {
        T::column(&self.0, name)
    }

    /// The text of a column; empty where there is none.
    pub(in crate::ledger) fn text(&self, name: &str) -> Result<String, LedgerError> {
        self.get::<Option<String>>(name).map(Option::unwrap_or_default)
    }
}

/// A type that a column can have.
pub(in crate::ledger) trait Column: Sized {
    /// The value at a place of a row.
    fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError>;
}

macro_rules! native {
    ($($type:ty),*) => {$(
        impl Column for $type {
            fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
                Ok(row.try_get(at)?)
            }
        }
    )*};
}
native!(i64, u32, bool, String, Vec<u8>);

/// A count. What is less than nothing is nothing.
impl Column for u64 {
    fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
        Ok(Self::try_from(i64::column(row, at)?).unwrap_or_default())
    }
}

/// A digest.
impl Column for Digest {
    fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
        <[u8; 32]>::column(row, at).map(Self)
    }
}

/// The bytes of a digest.
impl Column for [u8; 32] {
    fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
        let bytes = Vec::<u8>::column(row, at)?;
        bytes.try_into().map_err(|_| LedgerError::broken("the ledger holds a digest that cannot be read"))
    }
}

impl Column for State {
    fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
        let name = String::column(row, at)?;
        Self::parse(&name)
            .ok_or_else(|| LedgerError::broken(format!("the ledger holds an unknown state `{name}`")))
    }
}

/// An address, which passed the policy on its way into the ledger.
impl Column for Address {
    fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
        Self::from_ledger(&String::column(row, at)?)
            .ok_or_else(|| LedgerError::broken("the ledger holds an address that cannot be read"))
    }
}

/// A time, Unix milliseconds. One that is out of the calendar is none.
impl Column for Option<Timestamp> {
    fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
        let time = Option::<i64>::column(row, at)?;
        Ok(time.and_then(|time| Timestamp::from_millisecond(time).ok()))
    }
}

macro_rules! or_null {
    ($($type:ty),*) => {$(
        impl Column for Option<$type> {
            fn column<I: ColumnIndex<SqliteRow>>(row: &SqliteRow, at: I) -> Result<Self, LedgerError> {
                let index = at.index(row)?;
                if row.try_get_raw(index)?.is_null() { Ok(None) } else { <$type>::column(row, index).map(Some) }
            }
        }
    )*};
}
or_null!(i64, u64, u32, bool, String, Vec<u8>, [u8; 32], Address);

/// A type that a row is read into: its only column, or all of them in their order.
pub(in crate::ledger) trait Columns: Sized {
    /// Reads a row.
    fn read(row: &Row) -> Result<Self, LedgerError>;
}

impl<T: Column> Columns for T {
    fn read(row: &Row) -> Result<Self, LedgerError> {
        T::column(&row.0, 0)
    }
}

macro_rules! tuples {
    ($($($name:ident $at:literal)+;)*) => {$(
        impl<$($name: Column),+> Columns for ($($name,)+) {
            fn read(row: &Row) -> Result<Self, LedgerError> {
                Ok(($($name::column(&row.0, $at)?,)+))
            }
        }
    )*};
}
tuples! {
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}
