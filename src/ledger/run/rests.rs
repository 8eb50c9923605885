//! Limits of sending beyond one run: relays whose quota is used up, and the mails that left lately.

use jiff::Timestamp;

use super::handle::Run;
use crate::ledger::{
    handle::Ledger,
    rules::{LedgerError, printable},
    store::{Connection, Sql, values},
};

/// A relay or a token service whose quota is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Host and port of the relay, or the service's name.
    pub name: String,
    /// The time at which it opens again, as far as that is known.
    pub until: Timestamp,
    /// Its words: printable, without an address.
    pub reason: String,
}

impl Rest {
    /// The name of the token service among those that rest.
    pub const TOKEN_SERVICE: &str = "Clerk";
}

const RESTS: Sql = Sql::shared("select name, until, reason from rest where until > ?1 order by until");

const ENTER: Sql = Sql::shared(
    "
insert into rest (name, until, reason, since) values (?1, ?2, ?3, ?4)
on conflict (name) do update set until = excluded.until, reason = excluded.reason, since = excluded.since",
);

const LEAVE: Sql = Sql::shared("delete from rest where name = ?1");

/// The tries of all campaigns, newest first. Their numbers grow with time.
const NEWEST_TRIES: Sql = Sql::shared("select started_at from attempts order by id desc limit ?1");

impl Ledger {
    /// The relays and services that rest now, the first to open again first.
    pub async fn rests(&self) -> Result<Vec<Rest>, LedgerError> {
        let now = self.inner.clock.now().as_millisecond();
        let rows: Vec<(String, i64, String)> = self.inner.readers.all(RESTS, values![now]).await?;
        let rest = |(name, until, reason)| {
            Some(Rest { name, until: Timestamp::from_millisecond(until).ok()?, reason })
        };
        Ok(rows.into_iter().filter_map(rest).collect())
    }

    /// The times at which mails left, of whatever campaign: the newest so many, oldest first.
    pub async fn tries(&self, newest: u32) -> Result<Vec<Timestamp>, LedgerError> {
        let mut times: Vec<i64> = self.inner.readers.all(NEWEST_TRIES, values![newest]).await?;
        times.sort_unstable();
        Ok(times.into_iter().filter_map(|time| Timestamp::from_millisecond(time).ok()).collect())
    }
}

impl Run {
    /// Remembers that a relay or service rests, for the schedule.
    pub async fn rest(&self, rest: Rest) -> Result<(), LedgerError> {
        let rest = Rest { reason: printable(&rest.reason), ..rest };
        self.write(|connection, _, now| Box::pin(async move { enter(connection, &rest, now).await })).await
    }

    /// Forgets that it rests: it takes mails again.
    pub async fn wake(&self, name: &str) -> Result<(), LedgerError> {
        let name = name.to_owned();
        self.write(|connection, _, _| Box::pin(async move { leave(connection, &name).await })).await
    }
}

async fn enter(connection: &mut Connection, rest: &Rest, now: i64) -> Result<(), LedgerError> {
    let Rest { name, until, reason } = rest;
    connection.execute(ENTER, values![name, until.as_millisecond(), reason, now]).await?;
    Ok(())
}

async fn leave(connection: &mut Connection, name: &str) -> Result<(), LedgerError> {
    connection.execute(LEAVE, values![name]).await?;
    Ok(())
}
