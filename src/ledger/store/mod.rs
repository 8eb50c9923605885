//! The place of the rows, and the only room that knows in which database: its files, schema and locks, statements, and
//! values on their way in and out.
//!
//! # What a second database has to provide
//!
//! - A variant of [`Location`]: whether a ledger is there, making and opening one, a look that changes nothing, and
//!   where the files beside it lie (`location.rs`).
//! - A variant of [`Holding`]: who holds an occasion, and which of the runs that left rows are dead (`holding.rs`).
//! - A variant of [`Connection`], [`ReadPool`] and [`Row`]: the few functions that every statement goes through, begin,
//!   commit and roll back, a snapshot for readers (`connection.rs`), and what a column can be (`row.rs`).
//! - Every statement of `sql/sqlite` in its own words, under the same name in a folder beside it (`sql.rs`). All others
//!   are [`Sql::shared`], and the compiler refuses one of them that only `SQLite` understands.
//! - What `sqlite.rs` asks of the engine alone: durability that is read back, damage, dangling references, old bytes
//!   that go from the files, and what its errors mean (`StorageCause`).
//! - The schema (`schema.rs`): one migration with the sum of those of `migrations/sqlite`.
//! - Other means for the rules of `races.rs`, which rest on one write lock: its tests are the list of them.
//!
//! What it does not have to provide: verbs. No file outside this room names a database.

mod connection;
pub(super) mod file_checks;
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
pub(super) use holding::Holding;
pub(super) use last_run::{Known as KnownRun, LastRun};
pub use location::Location;
pub(super) use lock::Holder;
pub(super) use row::Row;
pub(super) use sql::{Sql, differs};
pub(super) use value::{Value, values};
pub(super) use values::{Digest, hex, json};
