//! Taking in a list: one transaction for the whole of it, so that the ledger knows the old list or the new, never half.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{
    batch::{self, List},
    files,
    mark::NewMark,
    plan::{Duplicate, Plan},
};
use crate::{
    audience::Row,
    failpoint,
    ledger::{
        books::counts,
        rules::{LedgerError, State},
        run::Run,
        store::{Connection, Sql, values},
        suppression::{because, recognise, suppressed},
        writer::{Answer, RunCore},
    },
};

/// A list being taken in. Dropped without [`finish`](Self::finish), nothing has changed.
///
/// It holds the ledger's writer: whoever claims or settles waits until it ends.
#[derive(Debug)]
#[must_use = "an enlistment that is not finished changes nothing"]
pub struct Enlistment {
    steps: mpsc::Sender<Step>,
    is_empty: bool,
    /// The cause of a step that failed: everything was undone then, and any later step fails for the same cause.
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

    /// Returns what [`finish`](Self::finish) would do, and undoes everything.
    pub async fn abandon(mut self) -> Result<Plan, LedgerError> {
        self.ask(Step::Abandon).await
    }

    async fn ask<T>(&mut self, step: impl FnOnce(Answer<T>) -> Step) -> Result<T, LedgerError> {
        if let Some(cause) = &self.broken {
            return Err(cause.clone());
        }
        let over = || LedgerError::broken("the list could not be taken in, nothing has changed");
        let (answer, answered) = oneshot::channel();
        let sent = self.steps.send(step(answer)).await;
        let done = if sent.is_ok() { answered.await.unwrap_or_else(|_| Err(over())) } else { Err(over()) };
        self.broken = done.as_ref().err().cloned();
        done
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

const GENERATION: Sql = Sql::shared("select generation + 1 from occasion where id = ?1");

/// Rows that cannot be mailed belong to a list, not to a person: the new list brings its own.
const FORGET: Sql =
    Sql::shared("delete from recipient where occasion_id = ?1 and state in ('invalid', 'duplicate')");

pub(in crate::ledger) const WITHDRAW: Sql = Sql::shared("
update recipient set state = 'withdrawn', reply = coalesce(reason, reply), reason = 'not in the list any more',
    next_attempt_at = null, changed_at = ?3
where occasion_id = ?1 and state in ('pending', 'deferred') and seen <> ?2");

pub(in crate::ledger) const SUPPRESS: Sql = Sql::shared(concat!(
    "update recipient set state = 'suppressed', reason = ",
    because!(),
    ", next_attempt_at = null, changed_at = ?2
where occasion_id = ?1 and state in ('pending', 'deferred') and ",
    suppressed!("recipient")
));

const MARK: Sql = Sql::shared("
update occasion set generation = ?2, list = ?3, list_digest = ?4, content_digest = ?5, list_rows = ?6, enlisted_at = ?7,
    begun_at = coalesce(begun_at, ?7)
where id = ?1 and closed is null");

/// Serves one enlistment from the first row to the last, on the writer's connection.
async fn session(connection: &mut Connection, run: &RunCore, now: i64, answer: Answer<mpsc::Sender<Step>>) {
    let list = match begin(connection, run.occasion, now).await {
        Ok(list) => list,
        Err(error) => {
            connection.roll_back().await;
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
                        let committed = connection.commit("commit the list").await;
                        failpoint::reach("listed");
                        committed.map(|()| plan)
                    }
                    Err(error) => Err(error),
                };
                if finished.is_err() {
                    connection.roll_back().await;
                }
                let _ = answer.send(finished);
                return;
            }
            Step::Abandon(answer) => {
                let finished = finish(connection, &list, plan, None).await;
                connection.roll_back().await;
                let _ = answer.send(finished);
                return;
            }
        }
    }
    connection.roll_back().await;
}

async fn begin(connection: &mut Connection, occasion: i64, now: i64) -> Result<List, LedgerError> {
    connection.begin().await?;
    let generation = connection.one(GENERATION, values![occasion]).await?;
    connection.execute(FORGET, values![occasion]).await?;
    Ok(List { occasion, generation, now })
}

async fn finish(
    connection: &mut Connection,
    list: &List,
    mut plan: Plan,
    mark: Option<&NewMark>,
) -> Result<Plan, LedgerError> {
    let List { occasion, generation, now } = *list;
    let withdrawn = connection.execute(WITHDRAW, values![occasion, generation, now]).await?;
    plan.withdrawn = withdrawn;
    recognise(connection, occasion).await?;
    connection.execute(SUPPRESS, values![occasion, now]).await?;
    (plan.tally, _) = counts(connection, occasion, generation).await?;
    if plan.tally.total() != plan.rows || plan.tally.get(State::Withdrawn) != 0 {
        return Err(LedgerError::broken(format!(
            "the list has {} rows and the ledger would hold {} of it, so nothing was changed",
            plan.rows,
            plan.tally.total()
        )));
    }
    if let Some(mark) = mark {
        let marked = connection
            .execute(
                MARK,
                values![
                    occasion,
                    generation,
                    &mark.list,
                    mark.list_digest.as_slice(),
                    mark.content_digest.as_slice(),
                    i64::try_from(plan.rows).unwrap_or(i64::MAX),
                    now
                ],
            )
            .await?;
        if marked == 0 {
            return Err(LedgerError::refused(
                "the occasion was skipped or given up meanwhile, so the list was not taken in",
                "`linkpost due --explain` says why",
            ));
        }
        files::add(connection, occasion, generation, &mark.files).await?;
    }
    Ok(plan)
}
