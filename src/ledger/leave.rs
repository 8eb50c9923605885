//! Unsubscribing by the opaque id of a mail: RFC 8058.

use sqlx::{SqliteConnection, SqlitePool};

use super::{LedgerError, purge};
use crate::audience::Address;

/// Whom an unsubscribe link is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    /// The address; `None` where the campaign was purged.
    pub address: Option<Address>,
    /// Whether it is on the suppression list already.
    pub gone: bool,
}

/// What became of unsubscribing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// The address is on the suppression list, now or since before.
    Done(Address),
    /// The campaign was purged: nobody knows the address any more.
    Forgotten,
    /// No mail has this id.
    Unknown,
}

const WHO: &str = "
select r.address, o.campaign, exists (select 1 from suppression s where s.address = r.address) as gone
from recipient r join occasion o on o.id = r.occasion_id where r.unsubscribe_id = ?1";

type Found = (Option<String>, String, bool);

/// Whom the link is about; changes nothing.
pub(super) async fn leaver(readers: &SqlitePool, id: &str) -> Result<Option<Leaver>, LedgerError> {
    let found: Option<Found> = sqlx::query_as(WHO).bind(id).fetch_optional(readers).await?;
    Ok(match found {
        None => None,
        Some((address, _, gone)) => Some(Leaver { address: parse(address)?, gone }),
    })
}

/// Puts the address of the link on the suppression list, for every campaign.
pub(super) async fn leave(
    connection: &mut SqliteConnection,
    id: &str,
    now: i64,
) -> Result<Left, LedgerError> {
    let found: Option<Found> = sqlx::query_as(WHO).bind(id).fetch_optional(&mut *connection).await?;
    let Some((address, campaign, _)) = found else { return Ok(Left::Unknown) };
    let Some(address) = parse(address)? else { return Ok(Left::Forgotten) };
    let reason = format!("unsubscribed by a mail of `{campaign}`");
    purge::suppress(connection, &address.to_string(), &reason, now).await?;
    Ok(Left::Done(address))
}

fn parse(address: Option<String>) -> Result<Option<Address>, LedgerError> {
    let broken = |_| LedgerError::Storage("the ledger holds an address that cannot be read".to_owned());
    address.map(|address| Address::parse(&address).map_err(broken)).transpose()
}
