//! Rows that wait for their window: put off until it opens, by the clock of each recipient.

use jiff::{SignedDuration, Timestamp};

use super::handle::Run;
use crate::{
    ledger::{
        rules::LedgerError,
        store::{Connection, Sql, values},
    },
    schedule::Window,
};

const ZONES: Sql = Sql::shared(
    "
select distinct zone from recipient where occasion_id = ?1 and state in ('pending', 'deferred')",
);

const WAITING_BY_ZONE: Sql = Sql::shared(
    "
select zone, count(*) from recipient where occasion_id = ?1 and state in ('pending', 'deferred')
group by zone order by zone",
);

/// A row that the relay put off for longer keeps its time. One that waited already is put right, whatever clock wrote
/// it.
const PUT_OFF: Sql = Sql::shared(
    "
update recipient set state = 'deferred', held_until = ?3,
    reason = case when recipient.state = 'pending' then 'waits for its window' else recipient.reason end,
    next_attempt_at = case when recipient.held_until is null
            and recipient.next_attempt_at > ?3 then recipient.next_attempt_at else ?3 end
where occasion_id = ?1 and state in ('pending', 'deferred')
    and zone is not distinct from ?2 and held_until is distinct from ?3",
);

/// A window that is open after all: the file says more now, or a clock was wrong.
const FREE: Sql = Sql::shared(
    "
update recipient set held_until = null, next_attempt_at = ?3
where occasion_id = ?1 and state = 'deferred' and zone is not distinct from ?2 and held_until > ?3",
);

impl Run {
    /// How many rows wait in each zone that the list names; `None` where it names none.
    pub async fn waiting_by_zone(&self) -> Result<Vec<(Option<String>, u64)>, LedgerError> {
        let rows: Vec<(Option<String>, i64)> =
            self.ledger.readers.all(WAITING_BY_ZONE, values![self.core.occasion]).await?;
        Ok(rows.into_iter().map(|(zone, rows)| (zone, u64::try_from(rows).unwrap_or_default())).collect())
    }

    /// Puts off every waiting row whose window is closed now until it opens. Returns how many.
    pub async fn put_off(&self, window: Window) -> Result<u64, LedgerError> {
        self.start(|connection, run, now| {
            Box::pin(async move { put_off(connection, run.occasion, &window, now).await })
        })
        .await
    }
}

/// Puts off every row whose window is closed at `now`. Returns how many.
async fn put_off(
    connection: &mut Connection,
    occasion: i64,
    window: &Window,
    now: i64,
) -> Result<u64, LedgerError> {
    let zones: Vec<Option<String>> = connection.all(ZONES, values![occasion]).await?;
    let now = Timestamp::from_millisecond(now)
        .map_err(|_| LedgerError::broken("the clock is out of the calendar"))?;
    let mut held = 0;
    for name in zones {
        let opens = match window.zone_of(name.as_deref()) {
            Some(zone) => window.opens(now, &zone),
            // The list is checked for zones, so the window is newer than the list: nobody is mailed on a guess.
            None => now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(now),
        };
        let sql = if opens > now { PUT_OFF } else { FREE };
        let changed = connection.execute(sql, values![occasion, &name, opens.as_millisecond()]).await?;
        held += if opens > now { changed } else { 0 };
    }
    Ok(held)
}
