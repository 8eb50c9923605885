//! Addresses that get no mail of any campaign any more.

use super::{
    handle::Ledger,
    rules::{LedgerError, printable},
};
use crate::{
    audience::Address,
    ledger::store::{Connection, Sql, values},
};

const SUPPRESS: Sql = Sql::shared(
    "
insert into suppression (address, reason, since) values (?1, ?2, ?3)
on conflict (address) do update set undo = null, undo_of = null",
);

impl Ledger {
    /// Keeps an address from getting any mail of any campaign from now on, those of a run under way included.
    pub async fn suppress(&self, address: &Address, reason: &str) -> Result<(), LedgerError> {
        let (address, reason) = (address.to_string(), printable(reason));
        let requests = &self.inner.requests;
        requests
            .alone(move |connection, now| {
                Box::pin(async move { suppress(connection, &address, &reason, now).await })
            })
            .await
    }
}

/// Puts an address on the suppression list, for good; the first reason stays.
pub(in crate::ledger) async fn suppress(
    connection: &mut Connection,
    address: &str,
    reason: &str,
    now: i64,
) -> Result<(), LedgerError> {
    connection.execute(SUPPRESS, values![address, reason, now]).await?;
    Ok(())
}
