//! Where the rows are kept: the database's file, its schema, its locks, and values on their way in and out.

pub(super) mod file_checks;
mod fragments;
mod last_run;
mod lock;
pub(super) mod schema;
mod values;

pub(super) use fragments::anew;
pub(super) use last_run::{Known as KnownRun, LastRun};
pub(super) use lock::{Holder, RunLock, occasion_file};
pub(super) use values::{hex, json, parse_state};
