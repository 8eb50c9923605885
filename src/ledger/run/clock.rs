//! The clock, held against the newest time in the ledger: one that was set back would stamp mails and tokens with the
//! past.

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{
    handle::Ledger,
    rules::LedgerError,
    store::{Connection, Sql, values},
};

/// How far the clock may lie before the newest time in the ledger.
const SLACK: SignedDuration = SignedDuration::from_hours(1);

/// The tables grow at the end, so the last row is as good as the greatest time. Runs whose clock somebody called wrong
/// do not count.
const NEWEST: Sql = Sql::shared(
    "
select max(at) from (
    select * from (select id as epoch, started_at as at from epoch order by id desc limit 1) as run
    union all
    select * from (select epoch, case when ended_at > started_at then ended_at else started_at end as at
        from attempts order by id desc limit 1) as try) as newest
where epoch > coalesce((select epoch from clock_accepted), 0)",
);

const ACCEPT: Sql = Sql::shared(
    "
insert into clock_accepted (id, epoch, accepted_at) select 1, coalesce(max(id), 0), ?1 from epoch where true
on conflict (id) do update set epoch = excluded.epoch, accepted_at = excluded.accepted_at",
);

impl Ledger {
    /// Refuses a clock that lies more than an hour before the newest time in the ledger.
    pub async fn check_clock(&self) -> Result<(), LedgerError> {
        check(&mut self.inner.readers.get().await?, self.inner.clock.now()).await
    }

    /// Takes the clock for right, and the newer times in the ledger for wrong, for good.
    pub(in crate::ledger) async fn accept_clock(&self) -> Result<(), LedgerError> {
        let now = self.inner.clock.now();
        if behind(&mut self.inner.readers.get().await?, now).await?.is_none() {
            return Ok(());
        }
        self.inner.requests.alone(move |connection, _| Box::pin(accept(connection, now))).await
    }
}

/// Takes the clock for right in the transaction of the caller.
pub(super) async fn accept(connection: &mut Connection, now: Timestamp) -> Result<(), LedgerError> {
    if behind(connection, now).await?.is_some() {
        connection.execute(ACCEPT, values![now.as_millisecond()]).await?;
    }
    Ok(())
}

/// Refuses a clock that lies before the newest time in the ledger.
pub(super) async fn check(connection: &mut Connection, now: Timestamp) -> Result<(), LedgerError> {
    match behind(connection, now).await? {
        None => Ok(()),
        Some(newest) => Err(LedgerError::refused(
            format!("the clock says {now:.0}, and the ledger was last used at {newest:.0}"),
            "set the machine's clock; where it is right and the ledger's time is wrong, `--accept-clock` goes on",
        )),
    }
}

/// The newest time in the ledger, where the clock lies before it.
async fn behind(connection: &mut Connection, now: Timestamp) -> Result<Option<Timestamp>, LedgerError> {
    let newest: Option<i64> = connection.one(NEWEST, &[]).await?;
    let newest = newest.and_then(|newest| Timestamp::from_millisecond(newest).ok());
    Ok(newest.filter(|newest| newest.duration_since(now) > SLACK))
}
