//! The start of a run, in one transaction: occasion, clock, epoch, journal, recovery. In this order: what the journal
//! holds counts before any row is called abandoned.

use std::path::PathBuf;

use jiff::Timestamp;

use super::clock;
use crate::{
    campaign::CampaignId,
    failpoint,
    ledger::{
        rules::LedgerError,
        store::{Connection, Holder, Holding, KnownRun, Sql, values},
        tries::{Settlement, settlement},
    },
};

/// Overrides: conditions that a start refuses otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accept {
    /// A ledger that is older than the newest run on it, such as one from a backup: whom later runs mailed it does not
    /// know, and mails again.
    pub restored: bool,
    /// A clock that shows a time before the newest in the ledger: it is right, and those times are wrong, for good.
    pub clock: bool,
}

/// State left by a run that died, taken over at the start of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Rows that a dead run had claimed: they wait for their turn again.
    pub released: u64,
    /// Rows whose answer a dead run never recorded: they became `unknown`.
    pub unknown: u64,
    /// Outcomes that could only be kept in the journal and were now entered.
    pub replayed: u64,
}

/// A run that has begun.
#[derive(Debug)]
pub(in crate::ledger) struct Begun {
    pub(in crate::ledger) occasion: i64,
    pub(in crate::ledger) epoch: i64,
    pub(in crate::ledger) recovered: Recovered,
}

const FIND: Sql = Sql::shared(
    "
insert into occasion (campaign, occasion) values (?1, ?2)
on conflict (campaign, occasion) do update set campaign = excluded.campaign
returning id, purged_at",
);

const DRAW: Sql = Sql::shared(
    "
insert into epoch (id, occasion_id, host, pid, started_at) values (?5, ?1, ?2, ?3, ?4) returning id",
);

/// Other runs that left rows of the occasion held. A row without its run on record is held by it all the same.
const HOLDERS: Sql = Sql::shared(
    "
select distinct r.epoch, e.host, e.pid, e.started_at from recipient r left join epoch e on e.id = r.epoch
where r.occasion_id = ?1 and r.state in ('claimed', 'sending') and r.epoch <> ?2 order by r.epoch",
);

/// Nothing was sent for a claim, so it goes back.
pub(in crate::ledger) const RECOVER_CLAIMED: Sql = Sql::shared("
update recipient set state = case when next_attempt_at is null then 'pending' else 'deferred' end, changed_at = ?3
where occasion_id = ?1 and state = 'claimed' and epoch = ?2");

const LOST_ATTEMPTS: Sql = Sql::shared(
    "
update attempts set outcome = 'unknown', reply = ?3, ended_at = ?4
where outcome is null and recipient_id in (
    select id from recipient where occasion_id = ?1 and state = 'sending' and epoch = ?2)",
);

/// Perhaps it was sent, so it never goes back. The epoch stays: should that run be alive after all, its answer counts.
pub(in crate::ledger) const RECOVER_SENDING: Sql = Sql::shared(
    "
update recipient set state = 'unknown', reason = ?3, changed_at = ?4
where occasion_id = ?1 and state = 'sending' and epoch = ?2",
);

/// The beginning of a run.
pub(in crate::ledger) struct Start {
    pub(in crate::ledger) campaign: CampaignId,
    pub(in crate::ledger) occasion: String,
    pub(in crate::ledger) holder: Holder,
    /// The occasion, held until the end of the transaction even where the caller is gone.
    pub(in crate::ledger) holding: Holding,
    /// The outcomes that the journal held.
    pub(in crate::ledger) journal: Vec<Settlement>,
    /// The newest run that is known outside the database, and where.
    pub(in crate::ledger) last_run: Option<(KnownRun, PathBuf)>,
    pub(in crate::ledger) accept: Accept,
}

impl Start {
    /// Starts a run, and gives the occasion back that it holds.
    pub(in crate::ledger) async fn begin(
        self,
        connection: &mut Connection,
    ) -> Result<(Begun, Holding), LedgerError> {
        if self.accept.clock {
            clock::accept(connection, self.holder.since).await?;
        } else {
            clock::check(connection, self.holder.since).await?;
        }
        let id = self.occasion(connection).await?;
        let epoch = self.draw(connection, id).await?;
        let journal: Vec<_> = self.journal.iter().collect();
        let replayed = settlement::settle(connection, &journal).await?.len() as u64;
        let recovered = Recovered { replayed, ..self.recover(connection, id, epoch).await? };
        Ok((Begun { occasion: id, epoch, recovered }, self.holding))
    }

    /// Takes from the dead what they held: claims go back, rows whose answer was never recorded become unknown.
    async fn recover(
        &self,
        connection: &mut Connection,
        id: i64,
        epoch: i64,
    ) -> Result<Recovered, LedgerError> {
        type Held = (i64, Option<String>, Option<i64>, Option<i64>);
        let now = self.holder.since.as_millisecond();
        let mut recovered = Recovered::default();
        let held: Vec<Held> = connection.all(HOLDERS, values![id, epoch]).await?;
        let dead = self.holding.dead(held.iter().map(|(epoch, ..)| *epoch).collect());
        for (old, host, pid, started_at) in held.into_iter().filter(|(epoch, ..)| dead.contains(epoch)) {
            recovered.released += connection.execute(RECOVER_CLAIMED, values![id, old, now]).await?;
            let reason = format!(
                "the run that began {} ({}, process {}) never recorded the answer",
                started_at.map_or_else(|| "at an unknown time".to_owned(), day),
                host.as_deref().unwrap_or("an unknown machine"),
                pid.unwrap_or_default()
            );
            connection.execute(LOST_ATTEMPTS, values![id, old, &reason, now]).await?;
            recovered.unknown += connection.execute(RECOVER_SENDING, values![id, old, &reason, now]).await?;
        }
        failpoint::reach("recovering");
        Ok(recovered)
    }

    /// The occasion's number; made if it is new.
    async fn occasion(&self, connection: &mut Connection) -> Result<i64, LedgerError> {
        let Self { campaign, occasion, .. } = self;
        let (id, purged_at): (i64, Option<i64>) =
            connection.one(FIND, values![campaign.as_str(), occasion]).await?;
        match purged_at {
            None => Ok(id),
            Some(at) => Err(LedgerError::refused(
                format!(
                    "`{occasion}` of `{campaign}` was purged {}: who was mailed is not known any more",
                    day(at)
                ),
                "give the campaign another occasion",
            )),
        }
    }

    /// Draws the run's number. One that was drawn before, as the file outside the database knows, means that the
    /// database is older than that run.
    async fn draw(&self, connection: &mut Connection, occasion: i64) -> Result<i64, LedgerError> {
        let since = self.holder.since.as_millisecond();
        let epoch: i64 = connection
            .one(DRAW, values![occasion, &self.holder.host, self.holder.pid, since, None::<i64>])
            .await?;
        let Some((known, path)) = self.last_run.as_ref().filter(|(known, _)| epoch <= known.epoch) else {
            return Ok(epoch);
        };
        if !self.accept.restored {
            return Err(LedgerError::refused(
                format!(
                    "the ledger is older than the last run on it: it knows runs up to {}, and `{}` knows run {} ({})",
                    epoch - 1,
                    path.display(),
                    known.epoch,
                    known.holder
                ),
                "put the newest ledger back: this one does not know whom later runs mailed; \
                 `--accept-restored-ledger` goes on without them, and they may be mailed twice",
            ));
        }
        connection.execute(Sql::shared("delete from epoch where id = ?1"), values![epoch]).await?;
        let next = known.epoch + 1;
        connection.one(DRAW, values![occasion, &self.holder.host, self.holder.pid, since, next]).await
    }
}

/// A time of the ledger for people.
fn day(at: i64) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(time) => format!("at {time:.0}"),
        Err(_) => "at an unknown time".to_owned(),
    }
}
