//! Tests of `ledger`, which is called as the rest of the program calls it.

mod crash;
pub(crate) mod desk;
mod file;
mod list;
mod model;
mod occasions;
mod promise;
mod purge;
mod retry;
mod tries;
pub(crate) mod windows;
