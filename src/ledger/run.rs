//! A run: the right to work on an occasion of a campaign, and everything that takes it.

use std::sync::{Arc, Mutex, OnceLock};

use jiff::{SignedDuration, Timestamp};

use super::{
    Claim, Enlistment, Held, Intended, Intent, LedgerError, ListMark, Outcome, Recovered, Resolution,
    Selection, Settled, State, Tally, Try, UnknownRow, books, claims, enlist,
    journal::Journal,
    landing::{self, PageFacts},
    lock::{Holder, RunLock, occasion_file},
    occasions::Entry,
    printable, resolve,
    settle::{Intention, LONGEST_WAIT_MS, Settlement, json, parse_state},
    start::Start,
    store::Inner,
    writer::{Alone, Request, RunCore},
};
use crate::{campaign::CampaignId, failpoint, schedule::Window};

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
    once: bool,
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

const OVER: &str = "select closed from occasion where id = ?1";

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
        let begin = |answer| Request::Alone(Alone::Begin { start, answer });
        let started = ledger.requests.ask(begin).await?;
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

    /// Notes what the campaign file says: when the occasion was due, and among which mails of the campaign, beyond this
    /// occasion, a key gets only one. Refused where the occasion was skipped or given up.
    pub async fn plan(&mut self, due: Option<Timestamp>, once_in: Option<String>) -> Result<(), LedgerError> {
        self.once = once_in.is_some();
        let run = Arc::clone(&self.core);
        self.ledger
            .requests
            .ask(|answer| Request::Alone(Alone::Calendar(Entry::Plan { run, due, once_in, answer })))
            .await
    }

    /// Ends the occasion: what waits expires, and it is never begun again. Returns how many rows waited.
    pub async fn give_up(self, reason: &str) -> Result<u64, LedgerError> {
        let (run, reason) = (Arc::clone(&self.core), printable(reason));
        self.ledger
            .requests
            .ask(|answer| Request::Alone(Alone::Calendar(Entry::GiveUp { run, reason, answer })))
            .await
    }

    /// Notes that the occasion goes out by its schedule from now on, where its list was taken in before its time.
    pub async fn began(&self) -> Result<(), LedgerError> {
        let run = Arc::clone(&self.core);
        self.ledger.requests.ask(|answer| Request::Alone(Alone::Calendar(Entry::Began { run, answer }))).await
    }

    /// Keeps what is told of the list; `None`: it is in order. Returns whether the last words were others.
    pub async fn tell(&self, words: Option<&str>) -> Result<bool, LedgerError> {
        let (run, words) = (Arc::clone(&self.core), words.map(printable));
        self.ledger
            .requests
            .ask(|answer| Request::Alone(Alone::Calendar(Entry::Tell { run, words, answer })))
            .await
    }

    /// Why the occasion is over, if it was skipped or given up: no run sends its mails any more.
    pub async fn over(&self) -> Result<Option<String>, LedgerError> {
        Ok(sqlx::query_scalar(OVER).bind(self.core.occasion).fetch_one(&self.ledger.readers).await?)
    }

    /// What the ledger remembers of the last list that was taken in; `None` before the first.
    pub async fn mark(&self) -> Result<Option<ListMark>, LedgerError> {
        enlist::mark(&self.ledger.readers, self.core.occasion).await
    }

    /// Keeps what the pages behind the links show, so that they need no campaign file.
    pub async fn describe(&self, facts: PageFacts) -> Result<(), LedgerError> {
        let occasion = self.core.occasion;
        let describe = |answer| landing::Request::Describe { occasion, facts, answer };
        self.ledger.requests.ask(|answer| Request::Alone(Alone::Landing(describe(answer)))).await
    }

    /// Begins to take in a list. Until it ends, the ledger's other writes wait.
    pub async fn enlist(&self) -> Result<Enlistment, LedgerError> {
        let run = Arc::clone(&self.core);
        let steps = self.ledger.requests.ask(|answer| Request::Alone(Alone::Enlist { run, answer })).await?;
        Ok(Enlistment::new(steps))
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

    /// Ends what was first tried longer than `not_after` ago and still waits. Returns how many.
    pub async fn expire(&self, not_after: SignedDuration) -> Result<u64, LedgerError> {
        self.end_late(true, not_after).await
    }

    /// Ends what waits and was never tried, where the occasion was due, or begun if that was later, longer than
    /// `not_after` ago. Returns how many. An occasion that no schedule wanted has no such time.
    pub async fn lapse(&self, not_after: SignedDuration) -> Result<u64, LedgerError> {
        self.end_late(false, not_after).await
    }

    async fn end_late(&self, tried: bool, not_after: SignedDuration) -> Result<u64, LedgerError> {
        let run = Arc::clone(&self.core);
        let expire = |answer| Request::Alone(Alone::Expire { run, tried, not_after, answer });
        self.ledger.requests.ask(expire).await
    }

    /// Until when a mail that was never tried may leave; `None` where no schedule wanted the occasion.
    pub async fn last_call(&self, not_after: SignedDuration) -> Result<Option<Timestamp>, LedgerError> {
        let time: Option<i64> =
            sqlx::query_scalar(claims::TIME).bind(self.core.occasion).fetch_one(&self.ledger.readers).await?;
        let time = time.and_then(|time| Timestamp::from_millisecond(time).ok());
        Ok(time.map(|time| time.saturating_add(not_after).unwrap_or(Timestamp::MAX)))
    }

    /// Puts off every waiting row whose window is closed now until it opens. Returns how many.
    pub async fn hold(&self, window: Window) -> Result<u64, LedgerError> {
        let run = Arc::clone(&self.core);
        self.ledger
            .requests
            .ask(|answer| Request::Alone(Alone::Calendar(Entry::Hold { run, window, answer })))
            .await
    }

    /// Claims up to `limit` recipients in list order: those that wait, and those that were deferred and are due. Empty
    /// when there is none. Suppressed addresses are put aside on the way.
    pub async fn claim(&self, selection: &Selection, limit: u32) -> Result<Vec<Claim>, LedgerError> {
        let (run, selection) = (Arc::clone(&self.core), selection.clone());
        let claimed = self
            .ledger
            .requests
            .ask(|answer| Request::Alone(Alone::Claim { run, selection, limit, answer }))
            .await;
        failpoint::reach("claimed");
        claimed
    }

    /// When the next deferred row is due: at most four hours from now, whatever clock wrote it. `None`: none waits.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, LedgerError> {
        let due: Option<i64> = sqlx::query_scalar(claims::NEXT_DUE)
            .bind(self.core.occasion)
            .fetch_one(&self.ledger.readers)
            .await?;
        let latest = self.ledger.clock.now().as_millisecond().saturating_add(LONGEST_WAIT_MS);
        Ok(due.and_then(|due| Timestamp::from_millisecond(due.min(latest)).ok()))
    }

    /// Records a try. When this returns [`Intended::Go`] it is on disk, and the body may leave; in no other case.
    pub async fn intend(&self, claim: Claim, attempt: Try) -> Result<Intended, LedgerError> {
        let intention = Intention::new(&claim, attempt, self.core.epoch, self.once);
        let run = Arc::clone(&self.core);
        let staying = self.ledger.requests.ask(|answer| Request::Intend { run, intention, answer }).await?;
        Ok(staying.map_or(Intended::Go(Intent { claim }), Intended::Withdrawn))
    }

    /// Records what became of a recipient. When this returns it is on disk.
    ///
    /// On [`LedgerError::Storage`] the outcome is in the journal where that was possible, and the run starts nothing
    /// new. A claim, which never left, can only be rejected or deferred.
    pub async fn settle(&self, held: impl Into<Held>, outcome: Outcome) -> Result<Settled, LedgerError> {
        let held = held.into();
        let now = self.ledger.clock.now().as_millisecond();
        let settlement = Settlement::new(&held, &outcome, self.core.epoch, self.once, now)?;
        let recipient = &held.claim().recipient;
        let settled = Settled {
            line: recipient.line,
            key: recipient.key.clone(),
            state: parse_state(&settlement.state)?,
            reason: settlement.reason.clone(),
        };
        let run = Arc::clone(&self.core);
        self.ledger.requests.ask(|answer| Request::Settle { run, settlement, answer }).await?;
        Ok(settled)
    }

    /// Gives claims back: nothing was sent.
    pub async fn release(&self, claims: Vec<Claim>) -> Result<(), LedgerError> {
        let ids = claims.iter().map(|claim| claim.id).collect();
        let run = Arc::clone(&self.core);
        self.ledger.requests.ask(|answer| Request::Release { run, ids, answer }).await
    }

    /// Up to `limit` rows whose outcome is unknown, behind the row `after` (0 for the first page).
    pub async fn unknown(&self, after: i64, limit: u32) -> Result<Vec<UnknownRow>, LedgerError> {
        resolve::unknown(&self.ledger.readers, self.core.occasion, after, limit).await
    }

    /// Decides about rows whose outcome is unknown, and writes down who decided and why. Rows that are not unknown are
    /// left alone. Returns what the others are now.
    pub async fn resolve(&self, resolutions: Vec<Resolution>) -> Result<Vec<(i64, State)>, LedgerError> {
        let run = Arc::clone(&self.core);
        self.ledger.requests.ask(|answer| Request::Alone(Alone::Resolve { run, resolutions, answer })).await
    }

    /// Gives back whatever this run still holds as claimed, for example what a cancelled call had claimed. Returns how
    /// many. Claims that somebody still has are void after it.
    pub async fn release_all(&self) -> Result<u64, LedgerError> {
        let run = Arc::clone(&self.core);
        self.ledger.requests.ask(|answer| Request::Alone(Alone::ReleaseAll { run, answer })).await
    }
}
