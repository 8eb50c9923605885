//! The ledger's file: opening it, and what can be asked without being a run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Accept, Books, Check, Leaver, LedgerError, Left, Minted, PurgeReport, Redeemed, Redemption, Returns,
    Revoked, RowView, Run, Skipped, State, TakenFile, Ticket, TokenTally, UsedLink, answers, books, files,
    journal::Journal,
    landing,
    last_run::LastRun,
    leave,
    lock::{Holder, RunLock, occasion_file},
    occasions::{self, Entry},
    place, printable, schema, tokens, verify,
    writer::{self, Alone, Answer, Request, Requests},
};
use crate::{
    audience::Address, campaign::CampaignId, clock::Clock, private_file::Readers, schedule::History,
    scratch::Scratch,
};

/// How long to wait for the migration lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long between two looks at the migration lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const READERS: u32 = 4;

/// How a ledger is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long to wait for another program that writes.
    pub busy_timeout: Duration,
    /// The file that keeps the number of the newest run; `None`: beside the ledger, with `.last-run` appended.
    pub last_run: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(30), last_run: None }
    }
}

/// The database of everything that was sent, and is to be. Cheap to clone; a clone is the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(super) inner: Arc<Inner>,
}

/// What a ledger's handles share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) path: PathBuf,
    pub(super) clock: Clock,
    pub(super) last_run: LastRun,
    pub(super) requests: Requests,
    pub(super) readers: SqlitePool,
    open_to: Readers,
    /// Behind the connections, so that it goes after them.
    scratch: Option<Scratch>,
}

impl Ledger {
    /// Opens a ledger; makes it (0600, in a folder 0700) where there is none.
    ///
    /// Refused are files that others can read, network filesystems, databases that are no ledger, and the ledger of a
    /// newer program.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, LedgerError> {
        Self::open_with(path, clock, &Options::default()).await
    }

    /// The same with other options.
    pub async fn open_with(path: &Path, clock: Clock, options: &Options) -> Result<Self, LedgerError> {
        place::create(path)?;
        Self::connect(path, clock, options, None).await
    }

    /// Opens a ledger that is there.
    pub async fn open_existing(path: &Path, clock: Clock) -> Result<Self, LedgerError> {
        Self::open_existing_with(path, clock, &Options::default()).await
    }

    /// The same with other options.
    pub async fn open_existing_with(
        path: &Path,
        clock: Clock,
        options: &Options,
    ) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::refused(
                format!("there is no ledger `{}`", path.display()),
                "`linkpost send` makes it; rehearsals have one of their own",
            ));
        }
        Self::connect(path, clock, options, None).await
    }

    /// A ledger in a temporary folder, gone when its last handle is: for looking at what would be.
    pub async fn scratch(clock: Clock) -> Result<Self, LedgerError> {
        let folder =
            Scratch::new().map_err(|error| LedgerError::storage("make a temporary folder", error))?;
        let path = folder.path().join("ledger.db");
        place::create(&path)?;
        Self::connect(&path, clock, &Options::default(), Some(folder)).await
    }

    /// Removes the files of a scratch ledger, whoever holds a handle of it still. Any other stays as it is.
    pub fn discard(self) -> Result<(), LedgerError> {
        let removed = self.inner.scratch.as_ref().map_or(Ok(()), Scratch::remove);
        removed.map_err(|error| LedgerError::storage("remove the temporary folder", error))
    }

    async fn connect(
        path: &Path,
        clock: Clock,
        wanted: &Options,
        scratch: Option<Scratch>,
    ) -> Result<Self, LedgerError> {
        let open_to = place::check(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(wanted.busy_timeout)
            .foreign_keys(true)
            .disable_statement_logging();
        let readers = options.clone().read_only(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);

        // sqlx takes no lock with SQLite, and two programs that start together must not both make the tables.
        let lock = lock_for_migration(path, clock).await?;
        let mut connection = options.connect().await.map_err(|error| unreadable(path, error))?;
        read_back(&mut connection, wanted.busy_timeout).await?;
        schema::migrate(&mut connection, path).await?;
        drop(lock);

        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(readers);
        let requests = writer::spawn(connection, clock);
        let path = path.to_owned();
        let last_run =
            LastRun::at(wanted.last_run.clone().unwrap_or_else(|| place::beside(&path, ".last-run")));
        Ok(Self { inner: Arc::new(Inner { path, clock, last_run, requests, readers, open_to, scratch }) })
    }

    /// Who may read the file.
    #[must_use]
    pub fn open_to(&self) -> Readers {
        self.inner.open_to
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Begins a run: takes the lock, draws a new epoch, enters what the journal kept, recovers what a dead run held.
    ///
    /// [`LedgerError::Busy`] where another run is at it; refused where the clock lies more than an hour before the
    /// newest time in the ledger, and where the occasion was purged.
    pub async fn begin(&self, campaign: &CampaignId, occasion: &str) -> Result<Run, LedgerError> {
        self.begin_accepting(campaign, occasion, Accept::default()).await
    }

    /// The same, accepting what was refused before.
    pub async fn begin_accepting(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        accept: Accept,
    ) -> Result<Run, LedgerError> {
        Run::begin(Arc::clone(&self.inner), campaign, occasion, accept).await
    }

    /// What is known of a campaign's due times.
    pub async fn history(&self, campaign: &CampaignId) -> Result<History, LedgerError> {
        occasions::history(&self.inner.readers, campaign).await
    }

    /// How many mails of a campaign, on whatever occasion, were handed over without an answer and wait for a decision.
    pub async fn undecided(&self, campaign: &CampaignId) -> Result<u64, LedgerError> {
        occasions::undecided(&self.inner.readers, campaign).await
    }

    /// The occasions of a campaign that were due before `due` and are not at their end, oldest first.
    pub async fn open_before(
        &self,
        campaign: &CampaignId,
        due: Timestamp,
    ) -> Result<Vec<String>, LedgerError> {
        occasions::open_before(&self.inner.readers, campaign, due).await
    }

    /// Sets from when on the due times of a campaign count. Only the first call does.
    pub async fn watch(&self, campaign: &CampaignId, since: Timestamp) -> Result<(), LedgerError> {
        let campaign = campaign.clone();
        self.inner
            .requests
            .ask(|answer| Request::Alone(Alone::Calendar(Entry::Watch { campaign, since, answer })))
            .await
    }

    /// Records due times that pass without a run, so that no run begins them any more. Returns the names of those that
    /// nobody else had begun or recorded.
    pub async fn skip(
        &self,
        campaign: &CampaignId,
        skipped: Vec<Skipped>,
    ) -> Result<Vec<String>, LedgerError> {
        let campaign = campaign.clone();
        self.inner
            .requests
            .ask(|answer| Request::Alone(Alone::Calendar(Entry::Skip { campaign, skipped, answer })))
            .await
    }

    /// The files of which the lists of a campaign were made, those of the oldest occasion first.
    pub async fn taken(&self, campaign: &CampaignId) -> Result<Vec<TakenFile>, LedgerError> {
        files::taken(&self.inner.readers, campaign).await
    }

    /// The books of every occasion of a campaign, in the order in which they came up.
    pub async fn books(&self, campaign: &CampaignId) -> Result<Vec<Books>, LedgerError> {
        books::books(&self.inner.readers, campaign, None).await
    }

    /// The books of one occasion of a campaign; `None` where the ledger does not know it.
    pub async fn books_of(
        &self,
        campaign: &CampaignId,
        occasion: &str,
    ) -> Result<Option<Books>, LedgerError> {
        Ok(books::books(&self.inner.readers, campaign, Some(occasion)).await?.pop())
    }

    /// Checks that the file is whole and that its books hold what is promised: every rule, and where it is broken.
    pub async fn verify(&self) -> Result<Vec<Check>, LedgerError> {
        verify::verify(&self.inner.readers, &self.inner.last_run).await
    }

    /// Up to `limit` rows behind the row `after_id` (0 for the first page), of one state or all, in the order of their
    /// numbers.
    pub async fn rows(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        state: Option<State>,
        after_id: i64,
        limit: u32,
    ) -> Result<Vec<RowView>, LedgerError> {
        books::rows(&self.inner.readers, campaign, occasion, state, after_id, limit).await
    }

    /// The tokens that a service minted for a campaign, by state.
    pub async fn token_tally(&self, campaign: &CampaignId) -> Result<TokenTally, LedgerError> {
        tokens::tally(&self.inner.readers, campaign, self.inner.clock.now().as_second()).await
    }

    /// Whose links of an occasion were used, in list order; of `only` these user ids and canonical addresses, or of
    /// all where it is empty.
    pub async fn used_links(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        only: &[String],
    ) -> Result<Vec<UsedLink>, LedgerError> {
        tokens::used(&self.inner.readers, campaign, occasion, only).await
    }

    /// Keeps an address from getting any mail of any campaign from now on, those of a run under way included.
    pub async fn suppress(&self, address: &Address, reason: &str) -> Result<(), LedgerError> {
        let (address, reason) = (address.to_string(), printable(reason));
        self.inner.requests.ask(|answer| Request::Alone(Alone::Suppress { address, reason, answer })).await
    }

    /// What the token with this hash of its `jti` stands for. Nothing is spent by looking.
    pub async fn ticket(&self, jti_hash: &[u8; 32]) -> Result<Option<Ticket>, LedgerError> {
        landing::ticket(&self.inner.readers, jti_hash, self.inner.clock.now().as_millisecond()).await
    }

    /// Spends a token: of all that ask, however many at once, one hears [`Redeemed::Now`]. Durable when this returns.
    pub async fn redeem(&self, redemption: Redemption) -> Result<Redeemed, LedgerError> {
        self.landing(|answer| landing::Request::Redeem { redemption, answer }).await
    }

    /// Keeps a token that belongs to no mail. Durable when this returns.
    pub async fn mint(&self, minted: Minted) -> Result<(), LedgerError> {
        self.landing(|answer| landing::Request::Mint { minted, answer }).await
    }

    /// Calls back a token that belongs to no mail.
    pub async fn revoke_minted(&self, id: &str) -> Result<Revoked, LedgerError> {
        let id = id.to_owned();
        self.landing(|answer| landing::Request::Revoke { id, answer }).await
    }

    /// Whom an unsubscribe link is about; `None`: no mail has this id. `undo` is the SHA-256 of the secret of a wish.
    pub async fn leaver(&self, id: &str, undo: Option<[u8; 32]>) -> Result<Option<Leaver>, LedgerError> {
        leave::leaver(&self.inner.readers, id, undo, self.inner.clock.now().as_millisecond()).await
    }

    /// Keeps the address of an unsubscribe link from getting any mail, those of a run under way included. Durable when
    /// this returns; twice is the same as once. Whoever has the secret whose SHA-256 is `undo` may take it back for a
    /// minute.
    pub async fn leave(&self, id: &str, undo: Option<[u8; 32]>) -> Result<Left, LedgerError> {
        let id = id.to_owned();
        self.landing(|answer| landing::Request::Leave { id, undo, answer }).await
    }

    /// Takes back the wish whose secret has this SHA-256, in the minute after it was said. Says whether it did.
    pub async fn take_back(&self, id: &str, undo: [u8; 32]) -> Result<bool, LedgerError> {
        let id = id.to_owned();
        self.landing(|answer| landing::Request::TakeBack { id, undo, answer }).await
    }

    /// What came back to the links of an occasion.
    pub async fn returns(&self, campaign: &CampaignId, occasion: &str) -> Result<Returns, LedgerError> {
        answers::returns(&self.inner.readers, campaign, occasion).await
    }

    async fn landing<T>(
        &self,
        request: impl FnOnce(Answer<T>) -> landing::Request,
    ) -> Result<T, LedgerError> {
        self.inner.requests.ask(|answer| Request::Alone(Alone::Landing(request(answer)))).await
    }

    /// Removes the persons from a campaign's rows: addresses, names, user ids, fields and the relay's words. Keys become
    /// hashes; counts, states and times stay. The old bytes are gone from the files when this returns.
    ///
    /// Refused while rows have not come to an end, unless forced; they are never mailed then. A purged occasion cannot
    /// be run again. The suppression list stays: it is the persons' own wish.
    pub async fn purge(&self, campaign: &CampaignId, force: bool) -> Result<PurgeReport, LedgerError> {
        let books = self.books(campaign).await?;
        if books.is_empty() {
            return Err(LedgerError::refused(
                format!("the ledger knows no campaign `{campaign}`"),
                "look at the name in the campaign file",
            ));
        }
        let holder = Holder::this(self.inner.clock.now());
        let mut locks = Vec::new();
        let mut journals = Vec::new();
        for book in &books {
            let path = |ending| occasion_file(&self.inner.path, campaign, &book.occasion, ending);
            locks.push(RunLock::take(&path("lock"), &holder)?);
            let journal = path("journal");
            if journal.exists() {
                let (opened, left) = Journal::open(&journal)?;
                if !left.is_empty() && !force {
                    return Err(LedgerError::refused(
                        format!("`{}` holds outcomes that are not in the ledger yet", journal.display()),
                        "run the campaign again, which enters them",
                    ));
                }
                journals.push((opened, journal));
            }
        }
        let campaign = campaign.clone();
        let report = self
            .inner
            .requests
            .ask(|answer| Request::Alone(Alone::Purge { campaign, force, answer }))
            .await?;
        for (mut journal, path) in journals {
            journal.clear()?;
            std::fs::remove_file(&path)
                .map_err(|error| LedgerError::storage(&format!("remove `{}`", path.display()), error))?;
        }
        Ok(report)
    }

    /// Closes the files after all that was handed over, so that the database is one whole file. What is asked of a run afterwards fails.
    pub async fn close(self) -> Result<(), LedgerError> {
        // The last connection to go folds the write-ahead log into the file, and one that only reads cannot.
        self.inner.readers.close().await;
        self.inner.requests.ask(|answer| Request::Alone(Alone::Close { answer })).await
    }
}

/// The lock under which the tables are made and changed.
async fn lock_for_migration(path: &Path, clock: Clock) -> Result<RunLock, LedgerError> {
    let file = place::beside(path, ".lock");
    let holder = Holder::this(clock.now());
    let mut waited = Duration::ZERO;
    loop {
        match RunLock::take(&file, &holder) {
            Err(LedgerError::Busy { .. }) if waited < LOCK_TIMEOUT => {
                tokio::time::sleep(LOCK_PAUSE).await;
                waited += LOCK_PAUSE;
            }
            done => return done,
        }
    }
}

/// Looks whether the database does what it was told: durability is not believed, it is read back.
async fn read_back(connection: &mut SqliteConnection, busy: Duration) -> Result<(), LedgerError> {
    let journal: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&mut *connection).await?;
    let synchronous: i64 = sqlx::query_scalar("pragma synchronous").fetch_one(&mut *connection).await?;
    let foreign_keys: i64 = sqlx::query_scalar("pragma foreign_keys").fetch_one(&mut *connection).await?;
    let busy_timeout: i64 = sqlx::query_scalar("pragma busy_timeout").fetch_one(&mut *connection).await?;
    let found = (journal.as_str(), synchronous, foreign_keys, i128::from(busy_timeout));
    let full = 2;
    if found == ("wal", full, 1, i128::try_from(busy.as_millis()).unwrap_or_default()) {
        return Ok(());
    }
    Err(LedgerError::refused(
        format!(
            "the ledger runs with journal_mode={journal}, synchronous={synchronous}, foreign_keys={foreign_keys}, \
             busy_timeout={busy_timeout}, expected wal, 2, 1, {}",
            busy.as_millis()
        ),
        "keep the ledger on a local disk that allows locks and shared memory",
    ))
}

/// An error of opening; a file that is no database at all is the user's to mend.
fn unreadable(path: &Path, error: sqlx::Error) -> LedgerError {
    const NOT_A_DATABASE: &str = "26";
    let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    if code.as_deref() == Some(NOT_A_DATABASE) {
        return LedgerError::refused(
            format!("`{}` is no ledger", path.display()),
            "name another file; a missing one is created",
        );
    }
    LedgerError::storage(&format!("open the ledger `{}`", path.display()), error)
}
