//! Where the rows are kept, and the only place that knows in which database: its file, schema and locks, statements,
//! and values on their way in and out.

mod connection;
pub(super) mod file_checks;
mod fragments;
mod holding;
mod last_run;
mod location;
mod lock;
mod row;
mod schema;
mod sql;
mod sqlite;
mod value;
mod values;

pub(super) use connection::{Connection, ReadPool};
pub(super) use fragments::anew;
pub(super) use holding::Holding;
pub(super) use last_run::{Known as KnownRun, LastRun};
pub use location::Location;
pub(super) use lock::Holder;
pub(super) use row::Row;
pub(super) use sql::Sql;
pub(super) use value::{Value, values};
pub(super) use values::{hex, json, parse_state};
