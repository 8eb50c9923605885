//! Claims given back: nothing was sent for them.

use crate::ledger::{
    rules::LedgerError,
    store::{Connection, Sql, differs, json, values},
};

pub(in crate::ledger) const RELEASE: Sql = differs!("release");

/// Gives claims back; a row that is not this epoch's any more is left alone. Pairs of row and epoch.
pub(in crate::ledger) async fn release(
    connection: &mut Connection,
    held: &[(i64, i64)],
    now: i64,
) -> Result<(), LedgerError> {
    if !held.is_empty() {
        connection.execute(RELEASE, values![json(held), now]).await?;
    }
    Ok(())
}
