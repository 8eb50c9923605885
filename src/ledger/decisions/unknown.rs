//! Decisions about rows whose outcome is unknown. Each is written down beside the row, for good.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    audience::Address,
    ledger::{
        rules::{LedgerError, State, kept, printable},
        run::Run,
        store::{Connection, Row, Sql, differs, json, values},
    },
};

/// A row whose outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRow {
    /// The row's number, for paging and for [`Resolution`].
    pub id: i64,
    /// The line in the list that held it last.
    pub line: u64,
    /// Whether the current list holds it.
    pub listed: bool,
    /// The user that the link signs in; empty after a purge.
    pub user_id: String,
    /// The address that the mail went to; empty after a purge.
    pub address: String,
    /// The `Message-ID`, with angle brackets.
    pub message_id: String,
    /// The beginning of the last try.
    pub began: Timestamp,
    /// The time at which the answer was missed, or the row was found by a later run.
    pub ended: Timestamp,
}

/// The state of an unknown row from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The relay took it.
    Sent,
    /// The relay did not take it, or it is worth the risk: it is sent again. A row that left the list is withdrawn.
    Pending,
    /// It will never arrive.
    Rejected,
}

/// The source of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A person, about this row.
    Hand,
    /// The relay's log.
    Log,
    /// `--on-unknown`, about all rows.
    Rule,
}

/// A decision about one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The row: [`UnknownRow::id`].
    pub id: i64,
    /// Its state from now on.
    pub decision: Decision,
    /// The source of the decision.
    pub source: Source,
    /// The reason.
    pub reason: String,
}

/// A decision as it is written.
#[derive(Debug, Serialize)]
pub(in crate::ledger) struct Written {
    pub(in crate::ledger) id: i64,
    pub(in crate::ledger) state: State,
    /// The state that it was decided about.
    pub(in crate::ledger) was: State,
    pub(in crate::ledger) source: &'static str,
    pub(in crate::ledger) reason: String,
}

const UNKNOWN: Sql = Sql::shared(
    "
select r.id, r.line, r.seen = o.generation as listed, r.user_id, r.address, r.message_id, r.changed_at,
    (select max(a.started_at) from attempts a where a.recipient_id = r.id) as began,
    (select max(a.ended_at) from attempts a where a.recipient_id = r.id) as ended
from occasion o join recipient r on r.occasion_id = o.id
where o.id = ?1 and r.state = 'unknown' and r.id > ?2 order by r.id limit ?3",
);

const ADDRESSES: Sql = differs!("resolve_addresses");

/// A row that left the list is not mailed again, whatever was decided. One that is has its time anew.
pub(in crate::ledger) const RESOLVE: Sql = differs!("resolve");

const AUDIT: Sql = differs!("resolve_audit");

/// Of the current list, those whom a person or a log has decided about.
const DECIDED: Sql = Sql::shared("
select count(*) from recipient r join occasion o on o.id = r.occasion_id
where o.id = ?1 and r.state = 'rejected' and r.seen = o.generation
    and (select d.state from resolution d where d.recipient_id = r.id order by d.id desc limit 1) = 'rejected'");

impl Decision {
    const fn state(self) -> State {
        match self {
            Self::Sent => State::Sent,
            Self::Pending => State::Pending,
            Self::Rejected => State::Rejected,
        }
    }
}

impl Source {
    pub(in crate::ledger) const fn name(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Log => "log",
            Self::Rule => "rule",
        }
    }
}

impl Run {
    /// The number of rows that are `rejected` because somebody decided so: no news to anybody.
    pub async fn decided_rejected(&self) -> Result<u64, LedgerError> {
        let rows: i64 = self.ledger.readers.one(DECIDED, values![self.core.occasion]).await?;
        Ok(u64::try_from(rows).unwrap_or_default())
    }

    /// Up to `limit` rows whose outcome is unknown, with a number greater than `after` (0 for the first page).
    pub async fn unknown(&self, after: i64, limit: u32) -> Result<Vec<UnknownRow>, LedgerError> {
        self.ledger
            .readers
            .rows(UNKNOWN, values![self.core.occasion, after, limit])
            .await?
            .iter()
            .map(view)
            .collect()
    }

    /// Decides about rows whose outcome is unknown, and writes down who decided and why. Rows that are not unknown are
    /// left alone. Returns what the others are now.
    pub async fn resolve(&self, resolutions: Vec<Resolution>) -> Result<Vec<(i64, State)>, LedgerError> {
        self.start(|connection, run, now| {
            Box::pin(async move { resolve(connection, run.occasion, run.epoch, &resolutions, now).await })
        })
        .await
    }
}

fn view(row: &Row) -> Result<UnknownRow, LedgerError> {
    let time = |column| row.get::<Option<Timestamp>>(column);
    let changed = time("changed_at")?.unwrap_or_default();
    Ok(UnknownRow {
        id: row.get("id")?,
        line: row.get("line")?,
        listed: row.get("listed")?,
        user_id: row.text("user_id")?,
        address: row.text("address")?,
        message_id: row.text("message_id")?,
        began: time("began")?.unwrap_or(changed),
        ended: time("ended")?.unwrap_or(changed),
    })
}

/// Writes decisions, inside a transaction; rows that are not unknown (any more) are left alone. Returns the states of
/// the others.
async fn resolve(
    connection: &mut Connection,
    occasion: i64,
    epoch: i64,
    resolutions: &[Resolution],
    now: i64,
) -> Result<Vec<(i64, State)>, LedgerError> {
    let mut written: Vec<_> = resolutions
        .iter()
        .map(|resolution| Written {
            id: resolution.id,
            state: resolution.decision.state(),
            was: State::Unknown,
            source: resolution.source.name(),
            reason: resolution.reason.clone(),
        })
        .collect();
    let addresses: HashMap<i64, Option<Address>> =
        connection.all(ADDRESSES, values![json(&written)]).await?.into_iter().collect();
    for one in &mut written {
        one.reason = match addresses.get(&one.id).and_then(Option::as_ref) {
            Some(address) => kept(&one.reason, address),
            None => printable(&one.reason),
        };
    }
    let changed: Vec<(i64, State)> = connection.all(RESOLVE, values![json(&written), occasion, now]).await?;
    written.retain(|one| changed.iter().any(|(id, _)| *id == one.id));
    audit(connection, epoch, &json(&written), now).await?;
    Ok(changed)
}

/// Writes decisions down for good, after the change that they made: [`Written`] as JSON.
pub(in crate::ledger) async fn audit(
    connection: &mut Connection,
    epoch: i64,
    written: &str,
    now: i64,
) -> Result<(), LedgerError> {
    connection.execute(AUDIT, values![written, epoch, now]).await?;
    Ok(())
}
