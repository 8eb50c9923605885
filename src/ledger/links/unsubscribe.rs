//! Unsubscribing by the opaque id of a mail (RFC 8058), and taking it back for a minute.

use crate::{
    audience::Address,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        store::{Connection, Sql, values},
    },
};

/// The time in which a wish can be taken back.
const UNDO_MS: i64 = 60_000;

/// The address of an unsubscribe link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeLink {
    /// The address; `None` where the campaign was purged.
    pub address: Option<Address>,
    /// Whether it is on the suppression list already.
    pub gone: bool,
    /// Whether the wish can be taken back with the secret that came along.
    pub can_return: bool,
}

/// The result of unsubscribing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsubscribed {
    /// The address is on the suppression list.
    Done {
        /// The address.
        address: Address,
        /// Whether this very wish put it there, and can be taken back.
        can_return: bool,
    },
    /// The campaign was purged: nobody knows the address any more.
    Forgotten,
    /// No mail has this id.
    Unknown,
}

const WHO: Sql = Sql::shared("
select r.address, o.campaign, exists (select 1 from suppression s where s.address = r.address) as gone,
    exists (select 1 from suppression s where s.address = r.address and s.undo = ?2 and s.since > ?3) as can_return
from recipient r join occasion o on o.id = r.occasion_id where r.unsubscribe_id = ?1");

/// The first wish can be taken back, and so can the same one that is said again in its minute. Any other wish for the
/// address stands by itself: nobody takes it back with the first.
const UNSUBSCRIBE: Sql = Sql::shared(
    "
insert into suppression (address, reason, since, undo, undo_of) values (?1, ?2, ?3, ?4, ?5)
on conflict (address) do update set
    undo = case when undo_of = ?5 and since > ?6 then ?4 end,
    undo_of = case when undo_of = ?5 and since > ?6 then ?5 end
returning undo is not null",
);

const UNDO: Sql = Sql::shared(
    "
delete from suppression where undo = ?2 and since > ?3
    and address = (select r.address from recipient r where r.unsubscribe_id = ?1)",
);

type Found = (Option<Address>, String, bool, bool);

impl Ledger {
    /// The address of an unsubscribe link; `None`: no mail has this id. `undo` is the SHA-256 of the secret of a wish.
    pub async fn unsubscribe_link(
        &self,
        id: &str,
        undo: Option<[u8; 32]>,
    ) -> Result<Option<UnsubscribeLink>, LedgerError> {
        let now = self.inner.clock.now().as_millisecond();
        let mut connection = self.inner.readers.get().await?;
        let found = find(&mut connection, id, undo, now).await?;
        Ok(found.map(|(address, _, gone, can_return)| UnsubscribeLink { address, gone, can_return }))
    }

    /// Keeps the address of an unsubscribe link from getting any mail, those of a run under way included. Durable when
    /// this returns; twice is the same as once. Whoever has the secret whose SHA-256 is `undo` may take it back for a
    /// minute.
    pub async fn unsubscribe(&self, id: &str, undo: Option<[u8; 32]>) -> Result<Unsubscribed, LedgerError> {
        let (id, requests) = (id.to_owned(), &self.inner.requests);
        requests
            .alone(move |connection, now| {
                Box::pin(async move { unsubscribe(connection, &id, undo, now).await })
            })
            .await
    }

    /// Takes back the wish whose secret has this SHA-256, in the minute after it was said. Says whether it did.
    pub async fn undo_unsubscribe(&self, id: &str, undo: [u8; 32]) -> Result<bool, LedgerError> {
        let (id, requests) = (id.to_owned(), &self.inner.requests);
        requests
            .alone(move |connection, now| {
                Box::pin(async move { undo_unsubscribe(connection, &id, undo, now).await })
            })
            .await
    }
}

/// Puts the address of the link on the suppression list, for every campaign. Whoever has the secret of the hash `undo`
/// may take it back.
async fn unsubscribe(
    connection: &mut Connection,
    id: &str,
    undo: Option<[u8; 32]>,
    now: i64,
) -> Result<Unsubscribed, LedgerError> {
    let Some((address, campaign, ..)) = find(connection, id, None, now).await? else {
        return Ok(Unsubscribed::Unknown);
    };
    let Some(address) = address else { return Ok(Unsubscribed::Forgotten) };
    let reason = format!("unsubscribed by a mail of `{campaign}`");
    let can_return: bool = connection
        .one(
            UNSUBSCRIBE,
            values![
                address.to_string(),
                reason,
                now,
                undo.as_ref().map(<[u8; 32]>::as_slice),
                undo.map(|_| id),
                now - UNDO_MS
            ],
        )
        .await?;
    Ok(Unsubscribed::Done { address, can_return })
}

/// Takes a wish back: the one whose secret has this hash, within its minute, and no other. Says whether it did.
async fn undo_unsubscribe(
    connection: &mut Connection,
    id: &str,
    undo: [u8; 32],
    now: i64,
) -> Result<bool, LedgerError> {
    let done = connection.execute(UNDO, values![id, undo.as_slice(), now - UNDO_MS]).await?;
    Ok(done > 0)
}

async fn find(
    connection: &mut Connection,
    id: &str,
    undo: Option<[u8; 32]>,
    now: i64,
) -> Result<Option<Found>, LedgerError> {
    let undo = undo.as_ref().map(<[u8; 32]>::as_slice);
    connection.first(WHO, values![id, undo, now - UNDO_MS]).await
}
