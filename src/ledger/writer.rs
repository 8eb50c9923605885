//! The one writer: a tokio task that owns the one connection that writes.
//!
//! Callers hand over what they want and wait for the answer. Whatever waits when the writer looks up is written as one
//! transaction, so the price of a durable commit is shared by all connections to the relay. A caller that is cancelled
//! only stops listening: the work was handed over and is done.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{
    Claim, LedgerError, PurgeReport, Resolution, Selection, State, claims,
    enlist::{self, Step},
    journal::Journal,
    landing,
    lock::RunLock,
    occasions::Entry,
    purge, resolve, retry, settle,
    settle::{Intention, Settlement},
    start::{Begun, Start},
    tokens::{self, Note, Noted},
};
use crate::{campaign::CampaignId, clock::Clock, failpoint};

/// How many requests share a commit at most.
const GROUP: usize = 256;
/// How many may wait before the callers wait for room.
const QUEUE: usize = 1024;

/// Where an answer goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What the writer knows of a run.
#[derive(Debug)]
pub(super) struct RunCore {
    pub(super) occasion: i64,
    pub(super) epoch: i64,
    pub(super) journal: Mutex<Journal>,
    /// Why an outcome could not be written: the run may finish what it holds and start nothing. The first cause stays,
    /// since whoever is refused on its account may be the one that is heard.
    pub(super) stopped: OnceLock<LedgerError>,
    /// Here, so that it outlives a request whose caller is gone.
    pub(super) _lock: RunLock,
}

/// What can be asked of the writer.
pub(super) enum Request {
    Settle {
        run: Arc<RunCore>,
        settlement: Settlement,
        answer: Answer<()>,
    },
    /// Answers with nothing, or with the state that forbids it.
    Intend {
        run: Arc<RunCore>,
        intention: Intention,
        answer: Answer<Option<State>>,
    },
    Release {
        run: Arc<RunCore>,
        ids: Vec<i64>,
        answer: Answer<()>,
    },
    /// About a token that a service mints.
    Note {
        run: Arc<RunCore>,
        note: Note,
        answer: Answer<Noted>,
    },
    Alone(Alone),
}

/// What is written in a transaction of its own.
pub(super) enum Alone {
    Begin {
        start: Start,
        answer: Answer<Begun>,
    },
    /// What concerns occasions and their windows.
    Calendar(Entry),
    Enlist {
        run: Arc<RunCore>,
        answer: Answer<mpsc::Sender<Step>>,
    },
    Claim {
        run: Arc<RunCore>,
        selection: Selection,
        limit: u32,
        answer: Answer<Vec<Claim>>,
    },
    Expire {
        run: Arc<RunCore>,
        /// What was tried, or what was not.
        tried: bool,
        not_after: SignedDuration,
        answer: Answer<u64>,
    },
    Resolve {
        run: Arc<RunCore>,
        resolutions: Vec<Resolution>,
        answer: Answer<Vec<(i64, State)>>,
    },
    /// About rows that came to their end without a mail.
    Retry(retry::Request),
    ReleaseAll {
        run: Arc<RunCore>,
        answer: Answer<u64>,
    },
    Recall {
        run: Arc<RunCore>,
        only: Vec<String>,
        answer: Answer<u64>,
    },
    Suppress {
        address: String,
        reason: String,
        answer: Answer<()>,
    },
    Purge {
        campaign: CampaignId,
        force: bool,
        answer: Answer<PurgeReport>,
    },
    /// What the pages behind the links ask.
    Landing(landing::Request),
    Close {
        answer: Answer<()>,
    },
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub(super) struct Requests(mpsc::Sender<Request>);

struct Writer {
    connection: SqliteConnection,
    clock: Clock,
}

/// Starts the writer. It ends when the last [`Requests`] is gone.
pub(super) fn spawn(connection: SqliteConnection, clock: Clock) -> Requests {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(Writer { connection, clock }.work(receiver));
    Requests(sender)
}

impl Requests {
    /// Hands a request over and waits for the answer. From the first poll on the request is on its way, whatever
    /// becomes of this future.
    pub(super) async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        match self.0.try_send(request(answer)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(request)) => {
                let sender = self.0.clone();
                tokio::spawn(async move { sender.send(request).await });
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(closed()),
        }
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> LedgerError {
    LedgerError::Storage("the ledger was closed".to_owned())
}

impl RunCore {
    /// Refuses to start anything once an outcome could not be written.
    pub(super) fn check_going(&self) -> Result<(), LedgerError> {
        self.stopped.get().map_or(Ok(()), |cause| Err(cause.clone()))
    }

    /// Keeps an outcome that the database did not take, and says so: the caller stops either way.
    fn keep(&self, settlement: &Settlement, cause: &LedgerError) -> LedgerError {
        let _later = self.stopped.set(cause.clone());
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // A write and an fsync on the writer's thread: the run is over, nobody is kept waiting who could go on.
        match journal.append(settlement) {
            Ok(()) => LedgerError::Storage(format!(
                "{cause}; the outcome is kept in `{}`, and the next run enters it",
                journal.path().display()
            )),
            Err(error) => LedgerError::Storage(format!(
                "{cause}; the outcome could not be kept in `{}` either ({error}), so the row becomes `unknown`",
                journal.path().display()
            )),
        }
    }
}

/// What is written together.
#[derive(Default)]
struct Group {
    settles: Vec<(Arc<RunCore>, Settlement, Answer<()>)>,
    intends: Vec<(Intention, Answer<Option<State>>)>,
    releases: Vec<(i64, Vec<i64>, Answer<()>)>,
    notes: Vec<(Note, Answer<Noted>)>,
}

impl Writer {
    async fn work(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut waiting = Vec::with_capacity(GROUP);
        while requests.recv_many(&mut waiting, GROUP).await > 0 {
            let mut group = Group::default();
            let mut alone = Vec::new();
            for request in waiting.drain(..) {
                group.sort_in(request, &mut alone);
            }
            // Those that wait together are concurrent, so any order among them is right; outcomes go first.
            self.write_group(group).await;
            for one in alone {
                if let Alone::Close { answer } = one {
                    let closed = self.connection.close().await;
                    let _ = answer.send(closed.map_err(LedgerError::from));
                    return;
                }
                self.write_alone(one).await;
            }
        }
        // Closing folds the write-ahead log into the file; a failure loses nothing, it is folded in next time.
        let _ = self.connection.close().await;
    }

    async fn write_group(&mut self, group: Group) {
        if group.is_empty() {
            return;
        }
        let now = self.now();
        match write(&mut self.connection, async |connection| group.write(connection, now).await).await {
            Ok((settled, staying, noted)) => {
                group.pass("settled", "intended");
                group.answer(&settled, &staying, noted);
            }
            Err(error) => group.fail(&error),
        }
    }

    async fn write_alone(&mut self, alone: Alone) {
        let now = self.now();
        let connection = &mut self.connection;
        match alone {
            Alone::Begin { start, answer } => {
                let begun = write(connection, async |connection| start.begin(connection).await);
                let _ = answer.send(begun.await);
            }
            Alone::Calendar(entry) => entry.write(connection, now).await,
            Alone::Enlist { run, answer } => match run.check_going() {
                Ok(()) => enlist::session(connection, &run, now, answer).await,
                Err(error) => drop(answer.send(Err(error))),
            },
            Alone::Claim { run, selection, limit, answer } => {
                let claims = write(connection, async |connection| {
                    run.check_going()?;
                    claims::claim(connection, run.occasion, run.epoch, &selection, limit, now).await
                });
                let _ = answer.send(claims.await);
            }
            Alone::Expire { run, tried, not_after, answer } => {
                let hours = not_after.as_hours();
                let limit = now.saturating_sub(i64::try_from(not_after.as_millis()).unwrap_or(i64::MAX));
                let (statement, reason) = if tried {
                    (claims::EXPIRE, format!("not delivered within {hours} h of the first try"))
                } else {
                    (claims::LAPSE, format!("not sent within {hours} h of its occasion's time"))
                };
                let expired = write(connection, async |connection| {
                    run.check_going()?;
                    claims::expire(connection, statement, run.occasion, limit, &reason, now).await
                });
                let _ = answer.send(expired.await);
            }
            Alone::Resolve { run, resolutions, answer } => {
                let resolved = write(connection, async |connection| {
                    run.check_going()?;
                    resolve::resolve(connection, run.occasion, run.epoch, &resolutions, now).await
                });
                let _ = answer.send(resolved.await);
            }
            Alone::Retry(request) => request.write(connection, now).await,
            Alone::ReleaseAll { run, answer } => {
                let released = write(connection, async |connection| {
                    claims::release_all(connection, run.occasion, run.epoch, now).await
                });
                let _ = answer.send(released.await);
            }
            Alone::Recall { run, only, answer } => {
                let revoked = write(connection, async |connection| {
                    tokens::revoke_local(connection, run.occasion, &only, now).await
                });
                let _ = answer.send(revoked.await);
            }
            Alone::Suppress { address, reason, answer } => {
                let done = write(connection, async |connection| {
                    purge::suppress(connection, &address, &reason, now).await
                });
                let _ = answer.send(done.await);
            }
            Alone::Purge { campaign, force, answer } => {
                let purged = write(connection, async |connection| {
                    purge::empty(connection, &campaign, force, now).await
                });
                let report = match purged.await {
                    Ok(report) => purge::wipe(connection).await.map(|()| report),
                    Err(error) => Err(error),
                };
                let _ = answer.send(report);
            }
            Alone::Landing(request) => request.serve(connection, now).await,
            Alone::Close { answer } => drop(answer),
        }
    }

    fn now(&self) -> i64 {
        let now: Timestamp = self.clock.now();
        now.as_millisecond()
    }
}

impl Group {
    fn sort_in(&mut self, request: Request, alone: &mut Vec<Alone>) {
        match request {
            Request::Settle { run, settlement, answer } => match run.check_going() {
                Ok(()) => self.settles.push((run, settlement, answer)),
                Err(error) => drop(answer.send(Err(run.keep(&settlement, &error)))),
            },
            Request::Intend { run, intention, answer } => match run.check_going() {
                // A run that lost its lock can come to hold a row twice; of two intents for it one may go.
                Ok(()) if self.intends.iter().any(|(other, _)| other.id() == intention.id()) => {
                    drop(answer.send(Ok(Some(State::Sending))));
                }
                Ok(()) => self.intends.push((intention, answer)),
                Err(error) => drop(answer.send(Err(error))),
            },
            Request::Release { run, ids, answer } => self.releases.push((run.epoch, ids, answer)),
            // Only a question starts something; what became of one is written whatever happened meanwhile.
            Request::Note { run, note: note @ Note::Ask { .. }, answer } => match run.check_going() {
                Ok(()) => self.notes.push((note, answer)),
                Err(error) => drop(answer.send(Err(error))),
            },
            Request::Note { note, answer, .. } => self.notes.push((note, answer)),
            Request::Alone(one) => alone.push(one),
        }
    }

    fn is_empty(&self) -> bool {
        self.settles.is_empty()
            && self.intends.is_empty()
            && self.releases.is_empty()
            && self.notes.is_empty()
    }

    async fn write(
        &self,
        connection: &mut SqliteConnection,
        now: i64,
    ) -> Result<(HashSet<i64>, HashMap<i64, State>, Vec<Noted>), LedgerError> {
        let settlements: Vec<_> = self.settles.iter().map(|(_, settlement, _)| settlement).collect();
        let intentions: Vec<_> = self.intends.iter().map(|(intention, _)| intention).collect();
        let held: Vec<_> =
            self.releases.iter().flat_map(|(epoch, ids, _)| ids.iter().map(|id| (*id, *epoch))).collect();
        let settled = settle::settle(connection, &settlements).await?;
        claims::release(connection, &held, now).await?;
        let staying = settle::intend(connection, &intentions, now).await?;
        let mut noted = Vec::with_capacity(self.notes.len());
        for (note, _) in &self.notes {
            noted.push(tokens::note(connection, note, now).await?);
        }
        self.pass("settling", "intending");
        Ok((settled, staying, noted))
    }

    /// The failpoints of what is in the group.
    fn pass(&self, settles: &str, intends: &str) {
        if !self.settles.is_empty() {
            failpoint::reach(settles);
        }
        if !self.intends.is_empty() {
            failpoint::reach(intends);
        }
    }

    fn answer(self, settled: &HashSet<i64>, staying: &HashMap<i64, State>, noted: Vec<Noted>) {
        for (_, settlement, answer) in self.settles {
            let result = if settled.contains(&settlement.id) { Ok(()) } else { Err(lost(settlement.id)) };
            let _ = answer.send(result);
        }
        for (intention, answer) in self.intends {
            let _ = answer.send(Ok(staying.get(&intention.id()).copied()));
        }
        for (_, _, answer) in self.releases {
            let _ = answer.send(Ok(()));
        }
        for ((_, answer), noted) in self.notes.into_iter().zip(noted) {
            let _ = answer.send(Ok(noted));
        }
    }

    fn fail(self, error: &LedgerError) {
        for (run, settlement, answer) in self.settles {
            let _ = answer.send(Err(run.keep(&settlement, error)));
        }
        for (_, answer) in self.intends {
            let _ = answer.send(Err(error.clone()));
        }
        for (_, _, answer) in self.releases {
            let _ = answer.send(Err(error.clone()));
        }
        for (_, answer) in self.notes {
            let _ = answer.send(Err(error.clone()));
        }
    }
}

/// The outcome of a row that the run does not hold: nothing is overwritten, and the run must not go on as if it were.
fn lost(id: i64) -> LedgerError {
    LedgerError::refused(
        format!("row {id} of the ledger is not held by this run any more, its outcome was not entered"),
        "see that only one copy of the ledger is in use, and look at its `unknown` rows",
    )
}

/// One transaction. It takes the write lock at once: a read that turns into a write fails past every timeout.
pub(super) async fn write<T>(
    connection: &mut SqliteConnection,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    open(connection).await?;
    let done = work(connection).await;
    match done {
        Ok(value) => match sqlx::query("commit").execute(&mut *connection).await {
            Ok(_) => Ok(value),
            Err(error) => {
                roll_back(connection).await;
                Err(LedgerError::storage("commit to the ledger", error))
            }
        },
        Err(error) => {
            roll_back(connection).await;
            Err(error)
        }
    }
}

/// Opens a transaction that is going to write.
pub(super) async fn open(connection: &mut SqliteConnection) -> Result<(), LedgerError> {
    let begun = sqlx::query("begin immediate").execute(connection).await;
    begun.map(drop).map_err(|error| LedgerError::storage("write to the ledger", error))
}

/// Undoes a transaction. After a full disk `SQLite` has done so itself, and the statement fails: that is all right.
pub(super) async fn roll_back(connection: &mut SqliteConnection) {
    let _ = sqlx::query("rollback").execute(connection).await;
}
