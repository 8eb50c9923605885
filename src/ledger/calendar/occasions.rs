//! Occasions by the clock: which were begun, which passed by and why, and what is given up.
//!
//! Every statement decides inside its own transaction, so two programs that tick together never both have their way.

use jiff::Timestamp;
use serde::Serialize;

use super::wrong_clock;
use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::{LedgerError, printable},
        run::Run,
        store::{Connection, ReadPool, Sql, differs, json, values},
    },
    schedule::{History, Open},
};

/// A due time that passes without a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The occasion's name.
    pub occasion: String,
    /// The due time.
    pub due: Timestamp,
    /// The reason for which it does not run.
    pub reason: String,
}

#[derive(Serialize)]
struct Written<'a> {
    occasion: &'a str,
    due: i64,
    reason: &'a str,
}

/// A beginning that lies ahead was set by a clock that was wrong.
const WATCH: Sql = Sql::shared(
    "
insert into watch (campaign, since) values (?1, ?2)
on conflict (campaign) do update set since = excluded.since where watch.since > ?3",
);

const NEWEST: Sql = Sql::shared(
    "
select (select max(due_at) from occasion where campaign = ?1 and due_at <= ?2
        and not (closed is not null and coalesce(closed_at, due_at) > ?3)),
    (select since from watch where campaign = ?1)",
);

/// Begun and not at its end, or begun by nobody yet.
macro_rules! open {
    ($what:literal) => {
        concat!(
            "select ",
            $what,
            " from occasion o where o.campaign = ?1 and o.due_at is not null and o.closed is null
    and (o.begun_at is null or exists (select 1 from recipient r
        where r.occasion_id = o.id and r.state in ('pending', 'claimed', 'sending', 'deferred')))"
        )
    };
}

const OPEN: Sql =
    Sql::shared(concat!(open!("o.due_at, o.begun_at"), " and o.due_at <= ?2 order by o.due_at desc limit 1"));

const OPEN_BEFORE: Sql = Sql::shared(concat!(open!("o.occasion"), " and o.due_at < ?2 order by o.due_at"));

/// As a run counts them: of the current list. After a purge there is nobody to decide about.
pub(in crate::ledger) const UNDECIDED: Sql = differs!("undecided");

const SKIP: Sql = differs!("skip");

const PLAN: Sql = Sql::shared(
    "
update occasion set due_at = coalesce(due_at, ?2), once_in = ?3 where id = ?1 returning occasion, closed",
);

const GIVE_UP: Sql = Sql::shared(
    "
update recipient set state = 'expired', reply = coalesce(reason, reply), reason = ?2, next_attempt_at = null,
    held_until = null, changed_at = ?3
where occasion_id = ?1 and state in ('pending', 'deferred')",
);

const CLOSE: Sql =
    Sql::shared("update occasion set closed = ?2, closed_at = ?3 where id = ?1 and closed is null");

const OVER: Sql = Sql::shared("select closed from occasion where id = ?1");

const BEGAN: Sql =
    Sql::shared("update occasion set begun_at = ?2 where id = ?1 and begun_at < due_at and due_at <= ?2");

const TELL: Sql = Sql::shared("update occasion set told = ?2 where id = ?1 and told is distinct from ?2");

impl Ledger {
    /// What is known of a campaign's due times up to `now`. What a clock that was ahead has skipped is not known.
    pub async fn history(&self, campaign: &CampaignId, now: Timestamp) -> Result<History, LedgerError> {
        history(&self.inner.readers, campaign, now).await
    }

    /// The number of mails of a campaign, on whatever occasion, that were handed over without an answer and wait for a
    /// decision.
    pub async fn undecided(&self, campaign: &CampaignId) -> Result<u64, LedgerError> {
        undecided(&self.inner.readers, campaign).await
    }

    /// The occasions of a campaign that were due before `due` and are not at their end, oldest first.
    pub async fn open_before(
        &self,
        campaign: &CampaignId,
        due: Timestamp,
    ) -> Result<Vec<String>, LedgerError> {
        open_before(&self.inner.readers, campaign, due).await
    }

    /// Sets from when on the due times of a campaign count. Only the first call does, unless its clock was ahead.
    pub async fn watch(&self, campaign: &CampaignId, since: Timestamp) -> Result<(), LedgerError> {
        let (campaign, requests) = (campaign.clone(), &self.inner.requests);
        requests
            .alone(move |connection, now| {
                Box::pin(async move { watch(connection, &campaign, since, now).await })
            })
            .await
    }

    /// Records due times that pass without a run, so that no run begins them any more. Returns the names of those that
    /// nobody else had begun or recorded.
    pub async fn skip(
        &self,
        campaign: &CampaignId,
        skipped: Vec<Skipped>,
    ) -> Result<Vec<String>, LedgerError> {
        let (campaign, requests) = (campaign.clone(), &self.inner.requests);
        requests
            .alone(move |connection, now| {
                Box::pin(async move { skip(connection, &campaign, &skipped, now).await })
            })
            .await
    }
}

impl Run {
    /// Notes what the campaign file says: when the occasion was due, and among which mails of the campaign, beyond this
    /// occasion, a key gets only one. Refused where the occasion was skipped or given up.
    pub async fn plan(&mut self, due: Option<Timestamp>, once_in: Option<String>) -> Result<(), LedgerError> {
        self.once = once_in.is_some();
        self.write(move |connection, run, _| {
            Box::pin(async move { plan(connection, run.occasion, due, once_in.as_deref()).await })
        })
        .await
    }

    /// Ends the occasion: what waits expires, and it is never begun again. Returns how many rows waited.
    pub async fn give_up(self, reason: &str) -> Result<u64, LedgerError> {
        let reason = printable(reason);
        self.write(|connection, run, now| {
            Box::pin(async move { give_up(connection, run.occasion, &reason, now).await })
        })
        .await
    }

    /// Notes that the occasion goes out by its schedule from now on, where its list was taken in before its time.
    pub async fn began(&self) -> Result<(), LedgerError> {
        self.write(|connection, run, now| {
            Box::pin(async move {
                connection.execute(BEGAN, values![run.occasion, now]).await?;
                Ok(())
            })
        })
        .await
    }

    /// Keeps what is reported of the list; `None`: it is in order. Returns whether the last words were others.
    pub async fn tell(&self, words: Option<&str>) -> Result<bool, LedgerError> {
        let words = words.map(printable);
        self.write(|connection, run, _| {
            Box::pin(async move {
                let told = connection.execute(TELL, values![run.occasion, &words]).await?;
                Ok(told > 0)
            })
        })
        .await
    }

    /// The reason for which the occasion is over, if it was skipped or given up: no run sends its mails any more.
    pub async fn over(&self) -> Result<Option<String>, LedgerError> {
        self.ledger.readers.one(OVER, values![self.core.occasion]).await
    }
}

/// The history of a campaign's occasions.
async fn history(readers: &ReadPool, campaign: &CampaignId, now: Timestamp) -> Result<History, LedgerError> {
    let now = now.as_millisecond();
    let ahead = now.saturating_add(wrong_clock::slack_ms());
    let mut transaction = readers.snapshot().await?;
    let (newest, since): (Option<i64>, Option<i64>) =
        transaction.one(NEWEST, values![campaign.as_str(), now, ahead]).await?;
    let open: Option<(i64, Option<i64>)> = transaction.first(OPEN, values![campaign.as_str(), now]).await?;
    let time = |at: i64| Timestamp::from_millisecond(at).ok();
    let open = open.and_then(|(due, begun)| Some(Open { due: time(due)?, begun: begun.and_then(time) }));
    Ok(History { newest: newest.and_then(time), since: since.and_then(time), open })
}

/// The occasions that were due before `due` and are not at their end, oldest first.
async fn open_before(
    readers: &ReadPool,
    campaign: &CampaignId,
    due: Timestamp,
) -> Result<Vec<String>, LedgerError> {
    readers.all(OPEN_BEFORE, values![campaign.as_str(), due.as_millisecond()]).await
}

/// The number of mails that wait for a decision.
async fn undecided(readers: &ReadPool, campaign: &CampaignId) -> Result<u64, LedgerError> {
    let rows: i64 = readers.one(UNDECIDED, values![campaign.as_str()]).await?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Sets from when on due times count; the first time stays, unless it lies ahead.
async fn watch(
    connection: &mut Connection,
    campaign: &CampaignId,
    since: Timestamp,
    now: i64,
) -> Result<(), LedgerError> {
    let ahead = now.saturating_add(wrong_clock::slack_ms());
    connection.execute(WATCH, values![campaign.as_str(), since.as_millisecond(), ahead]).await?;
    Ok(())
}

/// Records due times that pass by; returns the names of those that nobody had begun or recorded. Rests on
/// the one write lock: `races::a_due_time_that_passes_is_recorded_by_one`.
pub(in crate::ledger) async fn skip(
    connection: &mut Connection,
    campaign: &CampaignId,
    skipped: &[Skipped],
    now: i64,
) -> Result<Vec<String>, LedgerError> {
    let rows: Vec<_> = skipped
        .iter()
        .map(|Skipped { occasion, due, reason }| Written { occasion, due: due.as_millisecond(), reason })
        .collect();
    connection.all(SKIP, values![campaign.as_str(), json(&rows), now]).await
}

/// Notes what the campaign file says about an occasion; refused where it is over.
async fn plan(
    connection: &mut Connection,
    occasion: i64,
    due: Option<Timestamp>,
    once_in: Option<&str>,
) -> Result<(), LedgerError> {
    let due = due.map(Timestamp::as_millisecond);
    let (name, closed): (String, Option<String>) =
        connection.one(PLAN, values![occasion, due, once_in]).await?;
    match closed {
        None => Ok(()),
        Some(reason) => Err(LedgerError::Over { occasion: name, reason }),
    }
}

/// Ends an occasion: what waits expires, and no run begins it again. Returns how many rows waited.
async fn give_up(
    connection: &mut Connection,
    occasion: i64,
    reason: &str,
    now: i64,
) -> Result<u64, LedgerError> {
    let done = connection.execute(GIVE_UP, values![occasion, reason, now]).await?;
    connection.execute(CLOSE, values![occasion, reason, now]).await?;
    Ok(done)
}
