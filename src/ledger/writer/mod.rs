//! The moment of a commit: the one task that writes, what shares a commit, and the journal for what the database did
//! not take.

mod group;
mod journal;
mod queue;
mod run_core;

pub(super) use group::{Answer, Grouped};
pub(super) use journal::Journal;
pub(super) use queue::{Doing, Requests, spawn};
pub(super) use run_core::RunCore;
