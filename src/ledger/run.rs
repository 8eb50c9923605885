//! A run: the right to work on an occasion of a campaign, and everything that takes it.

use std::sync::{Arc, Mutex, OnceLock};

use sqlx::SqliteConnection;

use super::{
    LedgerError, ListMark, Recovered, Selection, State, Tally, books,
    core::RunCore,
    enlist,
    journal::Journal,
    lock::{Holder, RunLock, occasion_file},
    settle::json,
    start::Start,
    store::Inner,
    writer::Doing,
};
use crate::{campaign::CampaignId, failpoint};

/// Proof that this process may work on an occasion of a campaign. The lock goes when it is dropped.
///
/// Every call but the reads is done whether or not the caller waits for it.
#[derive(Debug)]
pub struct Run {
    pub(super) ledger: Arc<Inner>,
    pub(super) core: Arc<RunCore>,
    recovered: Recovered,
    elsewhere: Option<String>,
    /// Whether a key gets one mail whatever the occasion.
    pub(super) once: bool,
}

/// What a start puts up with that it would refuse otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accept {
    /// A ledger that is older than the newest run on it, such as one from a backup: whom later runs mailed it does not
    /// know, and mails again.
    pub restored: bool,
    /// A clock that shows a time before the newest in the ledger.
    pub clock: bool,
}

const GENERATION: &str = "select generation from occasion where id = ?1";

const ABSENT: &str = "
select j.value from json_each(?2) j
where not exists (select 1 from recipient r where r.occasion_id = ?1 and r.address = j.value and r.key is not null)
    and not exists (select 1 from recipient r where r.occasion_id = ?1 and r.user_id = j.value and r.key is not null)";

const CHOSEN: &str = "
select count(*) from recipient r
where r.occasion_id = ?1 and r.state in ('pending', 'deferred') and r.key is not null
    and (r.address in (select value from json_each(?2)) or r.user_id in (select value from json_each(?2)))";

impl Run {
    pub(super) async fn begin(
        ledger: Arc<Inner>,
        campaign: &CampaignId,
        occasion: &str,
        accept: Accept,
    ) -> Result<Self, LedgerError> {
        let holder = Holder::this(ledger.clock.now());
        let path = |ending| occasion_file(&ledger.path, campaign, occasion, ending);
        let lock = RunLock::take(&path("lock"), &holder)?;
        failpoint::reach("locked");
        let (mut journal, left) = Journal::open(&path("journal"))?;
        let (campaign, occasion) = (campaign.clone(), occasion.to_owned());
        let last_run = ledger.last_run.read()?.map(|known| (known, ledger.last_run.path().to_owned()));
        let elsewhere = last_run.as_ref().and_then(|(known, _)| known.elsewhere(&holder));
        let newest = last_run.as_ref().map_or(0, |(known, _)| known.epoch);
        let start = Start { campaign, occasion, holder: holder.clone(), journal: left, last_run, accept };
        let started = ledger
            .requests
            .alone(move |connection, _| Box::pin(async move { start.begin(connection).await }))
            .await?;
        if started.epoch > newest {
            ledger.last_run.note(started.epoch, &holder)?;
        }
        failpoint::reach("begun");
        // Entered twice does no harm, so the order is: into the database first.
        journal.clear()?;
        let core = RunCore {
            occasion: started.occasion,
            epoch: started.epoch,
            journal: Mutex::new(journal),
            stopped: OnceLock::new(),
            _lock: lock,
        };
        Ok(Self { ledger, core: Arc::new(core), recovered: started.recovered, elsewhere, once: false })
    }

    /// What the start found lying about.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// The machine of the newest run before this one, where it was another: a copy of the ledger may be in use there.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&str> {
        self.elsewhere.as_deref()
    }

    /// What the ledger remembers of the last list that was taken in; `None` before the first.
    pub async fn mark(&self) -> Result<Option<ListMark>, LedgerError> {
        enlist::mark(&self.ledger.readers, self.core.occasion).await
    }

    /// The rows of the current list by state.
    pub async fn tally(&self) -> Result<Tally, LedgerError> {
        let mut transaction = self.ledger.readers.begin().await?;
        let generation =
            sqlx::query_scalar(GENERATION).bind(self.core.occasion).fetch_one(&mut *transaction).await?;
        let (listed, _) = books::counts(&mut *transaction, self.core.occasion, generation).await?;
        Ok(listed)
    }

    /// Whom a selection leaves over: the names that are nobody's, and how many rows wait among the others.
    pub async fn chosen(&self, selection: &Selection) -> Result<(Vec<String>, u64), LedgerError> {
        if selection.only.is_empty() {
            let tally = self.tally().await?;
            return Ok((Vec::new(), tally.get(State::Pending) + tally.get(State::Deferred)));
        }
        let (occasion, only, readers) = (self.core.occasion, json(&selection.only), &self.ledger.readers);
        let absent = sqlx::query_scalar(ABSENT).bind(occasion).bind(&only).fetch_all(readers).await?;
        let waiting: i64 = sqlx::query_scalar(CHOSEN).bind(occasion).bind(&only).fetch_one(readers).await?;
        Ok((absent, u64::try_from(waiting).unwrap_or_default()))
    }

    /// Runs `work` in a transaction of its own, whether or not the caller waits for it.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection, &'c RunCore, i64) -> Doing<'c, Result<T, LedgerError>>
        + Send
        + 'static,
    ) -> Result<T, LedgerError> {
        let core = Arc::clone(&self.core);
        let requests = &self.ledger.requests;
        requests
            .alone(move |connection, now| Box::pin(async move { work(connection, &core, now).await }))
            .await
    }

    /// Like [`write`](Self::write), and refused once an outcome could not be written: work that starts something.
    pub(super) async fn start<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection, &'c RunCore, i64) -> Doing<'c, Result<T, LedgerError>>
        + Send
        + 'static,
    ) -> Result<T, LedgerError> {
        self.write(|connection, core, now| {
            Box::pin(async move {
                core.check_going()?;
                work(connection, core, now).await
            })
        })
        .await
    }
}
