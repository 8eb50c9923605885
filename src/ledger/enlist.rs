//! Taking in a list: one transaction for the whole of it, so that the ledger knows the old list or the new, never half.

use std::sync::Arc;

use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

pub use super::reconcile::SameBy;
use super::{
    Ledger, LedgerError, NewFile, Run, State, Tally,
    batch::{self, List},
    books,
    core::RunCore,
    files,
    writer::{self, Answer},
};
use crate::{audience::Row, campaign::CampaignId, failpoint};

/// What the ledger remembers of a list, to see that another one, or another template, is something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMark {
    /// The list's name as the user gave it.
    pub list: String,
    /// SHA-256 of the list.
    pub list_digest: [u8; 32],
    /// SHA-256 of template and campaign.
    pub content_digest: [u8; 32],
    /// The files that it was made of, in order; none where it was no file.
    pub files: Vec<NewFile>,
}

/// What the ledger remembers of the last list that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMark {
    /// The list's name as the user gave it.
    pub list: String,
    /// SHA-256 of the list.
    pub list_digest: [u8; 32],
    /// SHA-256 of template and campaign.
    pub content_digest: [u8; 32],
    /// The list's rows.
    pub rows: u64,
    /// Whether any try was recorded: somebody may have a mail already.
    pub tried: bool,
    /// Whether something was told of the list since.
    pub told: bool,
    /// Whether it was taken in before the occasion was due.
    pub early: bool,
}

impl ListMark {
    /// Whether [`Run::read_again`](super::Run::read_again) was asked for since: no list has this digest.
    #[must_use]
    pub fn reads_again(&self) -> bool {
        self.list_digest == [0; 32]
    }
}

/// A row that is the same as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// Its line.
    pub line: u64,
    /// The other's line in this list; `None` where the other was mailed from an earlier list.
    pub first_line: Option<u64>,
    /// By what they are the same.
    pub by: SameBy,
}

/// What taking in a list does.
///
/// `rows` is the sum of `new`, `changed`, `unchanged`, `returned`, `corrected`, `changed_after_sent`, `changed_after_end`,
/// `duplicates`, `mailed_before`, `refused_before` and `invalid`, and also the total of `tally`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Rows of the list.
    pub rows: u64,
    /// Rows that nobody knew: they wait for their turn.
    pub new: u64,
    /// Rows that wait for their turn and say something else now.
    pub changed: u64,
    /// Rows that say what they said.
    pub unchanged: u64,
    /// Rows that had left the list and are back: they wait for their turn.
    pub returned: u64,
    /// Rows that were refused or expired and have another mailbox now: they wait for their turn again.
    pub corrected: u64,
    /// Rows that say something else now, but a mail has left, or may have: they stay, nothing is sent again.
    pub changed_after_sent: u64,
    /// Rows that say something else now, but were rejected, expired or suppressed: they stay.
    pub changed_after_end: u64,
    /// Rows that are the same as another.
    pub duplicates: u64,
    /// Rows whose key another occasion has mailed: they stay out.
    pub mailed_before: u64,
    /// Rows whose mailbox does not exist, as another occasion was told: they stay out.
    pub refused_before: u64,
    /// Rows with a problem.
    pub invalid: u64,
    /// Rows of the former list that were not mailed and are not in this one. They are not among `rows`.
    pub withdrawn: u64,
    /// The rows of the list by state.
    pub tally: Tally,
}

/// A list being taken in. Dropped without [`finish`](Self::finish), nothing has changed.
///
/// It holds the ledger's writer: whoever claims or settles waits until it ends.
#[derive(Debug)]
#[must_use = "an enlistment that is not finished changes nothing"]
pub struct Enlistment {
    steps: mpsc::Sender<Step>,
    is_empty: bool,
    /// Why a step failed: everything was undone then, and whatever is asked later fails for the same reason.
    broken: Option<LedgerError>,
}

/// A step of an enlistment, for the writer.
#[derive(Debug)]
enum Step {
    Add(Vec<Row>, Answer<Vec<Duplicate>>),
    Finish(NewMark, Answer<Plan>),
    Abandon(Answer<Plan>),
}

impl Enlistment {
    /// Adds rows, in list order; a few hundred at a time is best. Returns those that are the same as another.
    pub async fn add(&mut self, rows: Vec<Row>) -> Result<Vec<Duplicate>, LedgerError> {
        self.is_empty &= rows.is_empty();
        self.ask(|answer| Step::Add(rows, answer)).await
    }

    /// Whether no row was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Ends the list: what is not in it is withdrawn, and all of it is durable.
    pub async fn finish(mut self, mark: NewMark) -> Result<Plan, LedgerError> {
        self.ask(|answer| Step::Finish(mark, answer)).await
    }

    /// Tells what [`finish`](Self::finish) would do, and undoes everything.
    pub async fn abandon(mut self) -> Result<Plan, LedgerError> {
        self.ask(Step::Abandon).await
    }

    async fn ask<T>(&mut self, step: impl FnOnce(Answer<T>) -> Step) -> Result<T, LedgerError> {
        if let Some(cause) = &self.broken {
            return Err(cause.clone());
        }
        let over = || LedgerError::Storage("the list could not be taken in, nothing has changed".to_owned());
        let (answer, answered) = oneshot::channel();
        let sent = self.steps.send(step(answer)).await;
        let done = if sent.is_ok() { answered.await.unwrap_or_else(|_| Err(over())) } else { Err(over()) };
        self.broken = done.as_ref().err().cloned();
        done
    }
}

const KNOWN: &str = "
select list, list_digest, content_digest, list_rows, first_try_at is not null, told is not null,
    coalesce(begun_at < due_at, false)
from occasion where id = ?1 and enlisted_at is not null";

const OCCASION: &str = "select id from occasion where campaign = ?1 and occasion = ?2";

impl Ledger {
    /// What the ledger remembers of the last list of an occasion; `None` before the first.
    pub async fn mark(&self, campaign: &CampaignId, occasion: &str) -> Result<Option<ListMark>, LedgerError> {
        let readers = &self.inner.readers;
        let id: Option<i64> = sqlx::query_scalar(OCCASION)
            .bind(campaign.as_str())
            .bind(occasion)
            .fetch_optional(readers)
            .await?;
        match id {
            Some(id) => mark(readers, id).await,
            None => Ok(None),
        }
    }
}

impl Run {
    /// Begins to take in a list. Until it ends, the ledger's other writes wait.
    pub async fn enlist(&self) -> Result<Enlistment, LedgerError> {
        let (run, requests) = (Arc::clone(&self.core), &self.ledger.requests);
        let steps = requests
            .lend(move |connection, now, answer| {
                Box::pin(async move {
                    match run.check_going() {
                        Ok(()) => session(connection, &run, now, answer).await,
                        Err(error) => drop(answer.send(Err(error))),
                    }
                })
            })
            .await?;
        Ok(Enlistment { steps, is_empty: true, broken: None })
    }
}

/// The same by the occasion's number.
pub(super) async fn mark(readers: &SqlitePool, occasion: i64) -> Result<Option<ListMark>, LedgerError> {
    type Known = (String, Vec<u8>, Vec<u8>, i64, bool, bool, bool);
    let row: Option<Known> = sqlx::query_as(KNOWN).bind(occasion).fetch_optional(readers).await?;
    let Some((list, list_digest, content_digest, rows, tried, told, early)) = row else { return Ok(None) };
    let broken = |_| LedgerError::Storage("the ledger holds a digest that cannot be read".to_owned());
    Ok(Some(ListMark {
        list,
        list_digest: list_digest.try_into().map_err(broken)?,
        content_digest: content_digest.try_into().map_err(broken)?,
        rows: u64::try_from(rows).unwrap_or_default(),
        tried,
        told,
        early,
    }))
}

const GENERATION: &str = "select generation + 1 from occasion where id = ?1";

/// Rows that cannot be mailed belong to a list, not to a person: the new list brings its own.
const FORGET: &str = "delete from recipient where occasion_id = ?1 and state in ('invalid', 'duplicate')";

pub(super) const WITHDRAW: &str = "
update recipient set state = 'withdrawn', reply = coalesce(reason, reply), reason = 'not in the list any more',
    next_attempt_at = null, changed_at = ?3
where occasion_id = ?1 and state in ('pending', 'deferred') and seen <> ?2";

pub(super) const SUPPRESS: &str = "
update recipient set state = 'suppressed', reason = 'the address is on the suppression list', next_attempt_at = null,
    changed_at = ?2
where occasion_id = ?1 and state in ('pending', 'deferred')
    and exists (select 1 from suppression s where s.address = recipient.address)";

const MARK: &str = "
update occasion set generation = ?2, list = ?3, list_digest = ?4, content_digest = ?5, list_rows = ?6, enlisted_at = ?7,
    begun_at = coalesce(begun_at, ?7)
where id = ?1 and closed is null";

/// Serves one enlistment from the first row to the last, on the writer's connection.
async fn session(
    connection: &mut SqliteConnection,
    run: &RunCore,
    now: i64,
    answer: Answer<mpsc::Sender<Step>>,
) {
    let list = match begin(connection, run.occasion, now).await {
        Ok(list) => list,
        Err(error) => {
            writer::roll_back(connection).await;
            let _ = answer.send(Err(error));
            return;
        }
    };
    let (steps, mut next) = mpsc::channel(1);
    // Nobody listens any more: the channel closes at once, and the loop below ends.
    let _ = answer.send(Ok(steps));
    let mut plan = Plan::default();
    while let Some(step) = next.recv().await {
        match step {
            Step::Add(rows, answer) => {
                let added = batch::add(connection, &list, rows, &mut plan).await;
                let broken = added.is_err();
                failpoint::reach("listing");
                let _ = answer.send(added);
                if broken {
                    break;
                }
            }
            Step::Finish(mark, answer) => {
                let finished = finish(connection, &list, plan, Some(&mark)).await;
                let finished = match finished {
                    Ok(plan) => {
                        let committed = commit(connection).await;
                        failpoint::reach("listed");
                        committed.map(|()| plan)
                    }
                    Err(error) => Err(error),
                };
                if finished.is_err() {
                    writer::roll_back(connection).await;
                }
                let _ = answer.send(finished);
                return;
            }
            Step::Abandon(answer) => {
                let finished = finish(connection, &list, plan, None).await;
                writer::roll_back(connection).await;
                let _ = answer.send(finished);
                return;
            }
        }
    }
    writer::roll_back(connection).await;
}

async fn begin(connection: &mut SqliteConnection, occasion: i64, now: i64) -> Result<List, LedgerError> {
    writer::open(connection).await?;
    let generation = sqlx::query_scalar(GENERATION).bind(occasion).fetch_one(&mut *connection).await?;
    sqlx::query(FORGET).bind(occasion).execute(connection).await?;
    Ok(List { occasion, generation, now })
}

async fn finish(
    connection: &mut SqliteConnection,
    list: &List,
    mut plan: Plan,
    mark: Option<&NewMark>,
) -> Result<Plan, LedgerError> {
    let List { occasion, generation, now } = *list;
    let withdrawn =
        sqlx::query(WITHDRAW).bind(occasion).bind(generation).bind(now).execute(&mut *connection).await?;
    plan.withdrawn = withdrawn.rows_affected();
    sqlx::query(SUPPRESS).bind(occasion).bind(now).execute(&mut *connection).await?;
    (plan.tally, _) = books::counts(&mut *connection, occasion, generation).await?;
    if plan.tally.total() != plan.rows || plan.tally.get(State::Withdrawn) != 0 {
        return Err(LedgerError::Storage(format!(
            "the list has {} rows and the ledger would hold {} of it, so nothing was changed",
            plan.rows,
            plan.tally.total()
        )));
    }
    if let Some(mark) = mark {
        let marked = sqlx::query(MARK)
            .bind(occasion)
            .bind(generation)
            .bind(&mark.list)
            .bind(mark.list_digest.as_slice())
            .bind(mark.content_digest.as_slice())
            .bind(i64::try_from(plan.rows).unwrap_or(i64::MAX))
            .bind(now)
            .execute(&mut *connection)
            .await?;
        if marked.rows_affected() == 0 {
            return Err(LedgerError::refused(
                "the occasion was skipped or given up meanwhile, so the list was not taken in",
                "`linkpost due --explain` says why",
            ));
        }
        files::add(connection, occasion, generation, &mark.files).await?;
    }
    Ok(plan)
}

async fn commit(connection: &mut SqliteConnection) -> Result<(), LedgerError> {
    let committed = sqlx::query("commit").execute(connection).await;
    committed.map(drop).map_err(|error| LedgerError::storage("commit the list", error))
}
