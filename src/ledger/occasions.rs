//! Occasions by the clock: which were begun, which passed by and why, and what is given up.
//!
//! Every statement decides inside its own transaction, so two programs that tick together never both have their way.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{SqliteConnection, SqlitePool};

use super::{
    CampaignFile, LedgerError, Rest, campaign_file, hold, limits,
    settle::json,
    writer::{Answer, RunCore, write},
};
use crate::{
    campaign::CampaignId,
    schedule::{History, Open, Window},
};

/// A due time that passes without a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The occasion's name.
    pub occasion: String,
    /// When it was due.
    pub due: Timestamp,
    /// Why it does not run.
    pub reason: String,
}

/// What the writer is asked for.
pub(super) enum Entry {
    Watch { campaign: CampaignId, since: Timestamp, answer: Answer<()> },
    Skip { campaign: CampaignId, skipped: Vec<Skipped>, answer: Answer<Vec<String>> },
    Plan { run: Arc<RunCore>, due: Option<Timestamp>, once_in: Option<String>, answer: Answer<()> },
    Hold { run: Arc<RunCore>, window: Window, answer: Answer<u64> },
    GiveUp { run: Arc<RunCore>, reason: String, answer: Answer<u64> },
    Rest { rest: Rest, answer: Answer<()> },
    Wake { name: String, answer: Answer<()> },
    Began { run: Arc<RunCore>, answer: Answer<()> },
    Tell { run: Arc<RunCore>, words: Option<String>, answer: Answer<bool> },
    UseName { campaign: CampaignId, file: CampaignFile, instead: bool, answer: Answer<Option<CampaignFile>> },
}

#[derive(Serialize)]
struct Written<'a> {
    occasion: &'a str,
    due: i64,
    reason: &'a str,
}

const WATCH: &str = "insert into watch (campaign, since) values (?1, ?2) on conflict (campaign) do nothing";

const NEWEST: &str = "
select (select max(due_at) from occasion where campaign = ?1 and due_at is not null),
    (select since from watch where campaign = ?1)";

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

const OPEN: &str = concat!(open!("o.due_at, o.begun_at"), " order by o.due_at desc limit 1");

const OPEN_BEFORE: &str = concat!(open!("o.occasion"), " and o.due_at < ?2 order by o.due_at");

/// As a run counts them: of the current list. After a purge there is nobody to decide about.
pub(super) const UNDECIDED: &str = "
select count(*) from occasion o cross join recipient r
where o.campaign = ?1 and o.purged_at is null
    and r.occasion_id = o.id and r.state = 'unknown' and r.seen = o.generation";

const SKIP: &str = "
insert into occasion (campaign, occasion, due_at, closed)
select ?1, j.value ->> 'occasion', j.value ->> 'due', j.value ->> 'reason' from json_each(?2) j where true
on conflict (campaign, occasion) do nothing
returning occasion";

const PLAN: &str = "
update occasion set due_at = coalesce(due_at, ?2), once_in = ?3 where id = ?1 returning occasion, closed";

const GIVE_UP: &str = "
update recipient set state = 'expired', reply = coalesce(reason, reply), reason = ?2, next_attempt_at = null,
    held_until = null, changed_at = ?3
where occasion_id = ?1 and state in ('pending', 'deferred')";

const CLOSE: &str = "update occasion set closed = ?2 where id = ?1 and closed is null";

impl Entry {
    /// Writes it in a transaction of its own.
    pub(super) async fn write(self, connection: &mut SqliteConnection, now: i64) {
        match self {
            Self::Watch { campaign, since, answer } => {
                let done = write(connection, async |connection| watch(connection, &campaign, since).await);
                let _ = answer.send(done.await);
            }
            Self::Skip { campaign, skipped, answer } => {
                let done = write(connection, async |connection| skip(connection, &campaign, &skipped).await);
                let _ = answer.send(done.await);
            }
            Self::Plan { run, due, once_in, answer } => {
                let done = write(connection, async |connection| {
                    plan(connection, run.occasion, due, once_in.as_deref()).await
                });
                let _ = answer.send(done.await);
            }
            Self::GiveUp { run, reason, answer } => {
                let done = write(connection, async |connection| {
                    give_up(connection, run.occasion, &reason, now).await
                });
                let _ = answer.send(done.await);
            }
            Self::Rest { rest, answer } => {
                let done = write(connection, async |connection| limits::enter(connection, &rest, now).await);
                let _ = answer.send(done.await);
            }
            Self::Wake { name, answer } => {
                let done = write(connection, async |connection| limits::leave(connection, &name).await);
                let _ = answer.send(done.await);
            }
            Self::Began { run, answer } => {
                let done = write(connection, async |connection| {
                    sqlx::query(BEGAN).bind(run.occasion).bind(now).execute(connection).await?;
                    Ok(())
                });
                let _ = answer.send(done.await);
            }
            Self::Tell { run, words, answer } => {
                let done = write(connection, async |connection| {
                    let told = sqlx::query(TELL).bind(run.occasion).bind(&words).execute(connection).await?;
                    Ok(told.rows_affected() > 0)
                });
                let _ = answer.send(done.await);
            }
            Self::UseName { campaign, file, instead, answer } => {
                let done = write(connection, async |connection| {
                    campaign_file::use_name(connection, &campaign, &file, instead, now).await
                });
                let _ = answer.send(done.await);
            }
            Self::Hold { run, window, answer } => {
                let done = write(connection, async |connection| {
                    run.check_going()?;
                    hold::hold(connection, run.occasion, &window, now).await
                });
                let _ = answer.send(done.await);
            }
        }
    }
}

const BEGAN: &str = "update occasion set begun_at = ?2 where id = ?1 and begun_at < due_at and due_at <= ?2";

const TELL: &str = "update occasion set told = ?2 where id = ?1 and told is not ?2";

/// What is known of a campaign's occasions.
pub(super) async fn history(readers: &SqlitePool, campaign: &CampaignId) -> Result<History, LedgerError> {
    let mut transaction = readers.begin().await?;
    let (newest, since): (Option<i64>, Option<i64>) =
        sqlx::query_as(NEWEST).bind(campaign.as_str()).fetch_one(&mut *transaction).await?;
    let open: Option<(i64, Option<i64>)> =
        sqlx::query_as(OPEN).bind(campaign.as_str()).fetch_optional(&mut *transaction).await?;
    let time = |at: i64| Timestamp::from_millisecond(at).ok();
    let open = open.and_then(|(due, begun)| Some(Open { due: time(due)?, begun: begun.and_then(time) }));
    Ok(History { newest: newest.and_then(time), since: since.and_then(time), open })
}

/// The occasions that were due before `due` and are not at their end, oldest first.
pub(super) async fn open_before(
    readers: &SqlitePool,
    campaign: &CampaignId,
    due: Timestamp,
) -> Result<Vec<String>, LedgerError> {
    let query = sqlx::query_scalar(OPEN_BEFORE).bind(campaign.as_str()).bind(due.as_millisecond());
    Ok(query.fetch_all(readers).await?)
}

/// How many mails wait for a decision.
pub(super) async fn undecided(readers: &SqlitePool, campaign: &CampaignId) -> Result<u64, LedgerError> {
    let rows: i64 = sqlx::query_scalar(UNDECIDED).bind(campaign.as_str()).fetch_one(readers).await?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Sets from when on due times count; the first time stays.
async fn watch(
    connection: &mut SqliteConnection,
    campaign: &CampaignId,
    since: Timestamp,
) -> Result<(), LedgerError> {
    sqlx::query(WATCH).bind(campaign.as_str()).bind(since.as_millisecond()).execute(connection).await?;
    Ok(())
}

/// Records due times that pass by; returns the names of those that nobody had begun or recorded.
async fn skip(
    connection: &mut SqliteConnection,
    campaign: &CampaignId,
    skipped: &[Skipped],
) -> Result<Vec<String>, LedgerError> {
    let rows: Vec<_> = skipped
        .iter()
        .map(|Skipped { occasion, due, reason }| Written { occasion, due: due.as_millisecond(), reason })
        .collect();
    Ok(sqlx::query_scalar(SKIP).bind(campaign.as_str()).bind(json(&rows)).fetch_all(connection).await?)
}

/// Notes what the campaign file says about an occasion; refused where it is over.
async fn plan(
    connection: &mut SqliteConnection,
    occasion: i64,
    due: Option<Timestamp>,
    once_in: Option<&str>,
) -> Result<(), LedgerError> {
    let due = due.map(Timestamp::as_millisecond);
    let (name, closed): (String, Option<String>) =
        sqlx::query_as(PLAN).bind(occasion).bind(due).bind(once_in).fetch_one(connection).await?;
    match closed {
        None => Ok(()),
        Some(reason) => Err(LedgerError::Over { occasion: name, reason }),
    }
}

/// Ends an occasion: what waits expires, and no run begins it again. Returns how many rows waited.
async fn give_up(
    connection: &mut SqliteConnection,
    occasion: i64,
    reason: &str,
    now: i64,
) -> Result<u64, LedgerError> {
    let done = sqlx::query(GIVE_UP).bind(occasion).bind(reason).bind(now).execute(&mut *connection).await?;
    sqlx::query(CLOSE).bind(occasion).bind(reason).execute(connection).await?;
    Ok(done.rows_affected())
}
