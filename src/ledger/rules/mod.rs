//! The rules: plain functions and types, without a database.

mod claim;
mod error;
mod reconcile;
mod states;
mod waits;
mod words;

pub use claim::{Claim, Held, Intended, Intent, Outcome, TokenRecord, Try};
pub(super) use error::Caused;
pub use error::{LedgerError, StorageCause};
pub use reconcile::SameBy;
pub(super) use reconcile::{Known, Rival, Verdict, decide};
pub use states::State;
pub(super) use states::{Event, next};
pub(super) use waits::{LONGEST_WAIT_MS, wait_ms};
pub(super) use words::kept;
pub use words::printable;
