//! Where the rows are kept, and the only place that knows in which database: its file, schema and locks, statements,
//! and values on their way in and out.

mod connection;
pub(super) mod file_checks;
mod fragments;
mod last_run;
mod lock;
mod row;
mod schema;
mod sql;
pub(super) mod sqlite;
mod value;
mod values;

pub(super) use connection::{Connection, ReadPool};
pub(super) use fragments::anew;
pub(super) use last_run::{Known as KnownRun, LastRun};
pub(super) use lock::{Holder, RunLock, occasion_file};
pub(super) use row::Row;
pub(super) use sql::Sql;
pub(super) use value::{Value, values};
pub(super) use values::{hex, json, parse_state};
