//! A run: the right to work on an occasion of a campaign, and everything that takes it.

use std::sync::{Arc, Mutex, OnceLock};

use super::start::{Accept, Recovered, Start};
use crate::{
    campaign::CampaignId,
    failpoint,
    ledger::{
        handle::{Inner, Ledger},
        rules::LedgerError,
        store::{Connection, Holder},
        writer::{Doing, Journal, RunCore},
    },
};

/// Proof that this process may work on an occasion of a campaign. The lock goes when it is dropped.
///
/// Every call but the reads is done whether or not the caller waits for it.
#[derive(Debug)]
pub struct Run {
    pub(in crate::ledger) ledger: Arc<Inner>,
    pub(in crate::ledger) core: Arc<RunCore>,
    recovered: Recovered,
    elsewhere: Option<String>,
    /// Whether a key gets one mail whatever the occasion.
    pub(in crate::ledger) once: bool,
}

impl Ledger {
    /// Begins a run: takes the lock, draws a new epoch, enters what the journal kept, recovers what a dead run held.
    ///
    /// [`LedgerError::Busy`] where another run is at it; refused where the clock lies more than an hour before the
    /// newest time in the ledger, where the ledger is older than the newest run on it, both unless `accept` says so,
    /// and where the occasion was purged.
    pub async fn begin(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        accept: Accept,
    ) -> Result<Run, LedgerError> {
        Run::begin(Arc::clone(&self.inner), campaign, occasion, accept).await
    }
}

impl Run {
    pub(in crate::ledger) async fn begin(
        ledger: Arc<Inner>,
        campaign: &CampaignId,
        occasion: &str,
        accept: Accept,
    ) -> Result<Self, LedgerError> {
        let holder = Holder::this(ledger.clock.now());
        let holding = ledger.location.hold(campaign, occasion, &holder)?;
        failpoint::reach("locked");
        let (mut journal, left) = Journal::open(&ledger.location.journal(campaign, occasion))?;
        let (campaign, occasion) = (campaign.clone(), occasion.to_owned());
        let last_run = ledger.last_run.read()?.map(|known| (known, ledger.last_run.path().to_owned()));
        let elsewhere = last_run.as_ref().and_then(|(known, _)| known.elsewhere(&holder));
        let newest = last_run.as_ref().map_or(0, |(known, _)| known.epoch);
        let start =
            Start { campaign, occasion, holder: holder.clone(), holding, journal: left, last_run, accept };
        let (started, holding) = ledger
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
            _holding: holding,
        };
        Ok(Self { ledger, core: Arc::new(core), recovered: started.recovered, elsewhere, once: false })
    }

    /// State left by a run that died, taken over at the start.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// The machine of the newest run before this one, where it was another: a copy of the ledger may be in use there.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&str> {
        self.elsewhere.as_deref()
    }

    /// Runs `work` in a transaction of its own, whether or not the caller waits for it.
    pub(in crate::ledger) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Connection, &'c RunCore, i64) -> Doing<'c, Result<T, LedgerError>>
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
    pub(in crate::ledger) async fn start<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Connection, &'c RunCore, i64) -> Doing<'c, Result<T, LedgerError>>
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
