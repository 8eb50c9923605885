//! Values on their way into the database and out of it.

use data_encoding::HEXLOWER;
use serde::Serialize;

use crate::ledger::rules::{LedgerError, State};

/// A state out of the database.
pub(in crate::ledger) fn parse_state(name: &str) -> Result<State, LedgerError> {
    State::parse(name)
        .ok_or_else(|| LedgerError::broken(format!("the ledger holds an unknown state `{name}`")))
}

/// The values of a set-based statement.
pub(in crate::ledger) fn json(values: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(values).expect("plain structs of text and numbers are always JSON")
}

/// Bytes in hexadecimal.
pub(in crate::ledger) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
