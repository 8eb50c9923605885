//! Claims given back: nothing was sent for them.

use crate::ledger::{
    rules::LedgerError,
    store::{Connection, Sql, json, values},
};

pub(in crate::ledger) const RELEASE: Sql = Sql::sqlite("
update recipient set state = case when next_attempt_at is null then 'pending' else 'deferred' end, changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 0 and recipient.epoch = j.value ->> 1 and recipient.state = 'claimed'");

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
