//! The one path: claim → issue → render → compose → offer → intend → transfer → settle.
//!
//! Knows no command line, no terminal, no file and no environment. A preview takes the same path with harmless parts.

mod enlist;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub use enlist::{EnlistError, Proof, enlist, prove};

use crate::{
    clock::Clock,
    delivery::{Courier, Delivery, Offer, Pace, Stop},
    email::{Letter, Link},
    ledger::{Claim, Intended, LedgerError, Outcome, Run, Selection, Settled, Try},
    token::{IssueError, TokenIssuer},
};

/// How many recipients a worker claims at once: few, so that a stop releases little and the order stays the list's.
const CLAIM_AT_ONCE: u64 = 8;
/// How long a retry repeats the first try's `Date`, and with it every byte (bar M16).
const SAME_BYTES_FOR: SignedDuration = SignedDuration::from_hours(2);

/// Everything that sending needs, put together by a command.
pub struct Parts {
    /// Proof that this process may work on the campaign.
    pub run: Run,
    /// Where tokens come from.
    pub issuer: TokenIssuer,
    /// The words.
    pub letter: Arc<Letter>,
    /// Where messages go.
    pub delivery: Delivery,
    /// How fast.
    pub pace: Pace,
    /// What time it is.
    pub clock: Clock,
}

/// How much of the campaign this run takes on.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// How many connections at once.
    pub connections: usize,
    /// At most so many mails; `None`: all.
    pub limit: Option<u64>,
    /// Whom.
    pub selection: Selection,
    /// How long after the first try a mail may still leave.
    pub not_after: SignedDuration,
}

/// Why a run ended before its time. Nobody's mail is lost: unsent rows wait in the ledger.
#[derive(Debug)]
pub enum Halt {
    /// The ledger cannot record.
    Ledger(LedgerError),
    /// The relay takes nothing from us.
    Relay(Stop),
    /// The token service gives nothing.
    Tokens(String),
    /// The run was ended from outside before the relay had answered.
    Interrupted,
    /// A fault of the program: a worker panicked.
    Fault,
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Sends every due mail of the run, each result told to `report`. Ends early when `stop` is cancelled: nothing new is
/// claimed, what is under way is finished, and what was claimed is released.
pub async fn send_all(
    parts: Arc<Parts>,
    bounds: Bounds,
    stop: CancellationToken,
    mut report: impl FnMut(&Settled),
) -> Result<(), Halt> {
    parts.run.expire(bounds.not_after).await?;
    let budget = Arc::new(AtomicU64::new(bounds.limit.unwrap_or(u64::MAX)));
    let halt = stop.child_token();
    let (settled, mut results) = mpsc::channel(256);
    let mut workers = JoinSet::new();
    for _ in 0..bounds.connections {
        let (parts, selection, budget) = (Arc::clone(&parts), bounds.selection.clone(), Arc::clone(&budget));
        let (halt, settled) = (halt.clone(), settled.clone());
        workers.spawn(async move {
            let result = work(&parts, &selection, &budget, &halt, &settled).await;
            if result.is_err() {
                halt.cancel();
            }
            result
        });
    }
    drop(settled);
    while let Some(result) = results.recv().await {
        report(&result);
    }
    let mut ended = Ok(());
    while let Some(worker) = workers.join_next().await {
        let result = worker.unwrap_or(Err(Halt::Fault));
        ended = ended.and(result);
    }
    parts.run.release_all().await?;
    ended
}

/// One worker: a courier of its own, a few claims at a time, until nothing is due.
async fn work(
    parts: &Parts,
    selection: &Selection,
    budget: &AtomicU64,
    halt: &CancellationToken,
    settled: &mpsc::Sender<Settled>,
) -> Result<(), Halt> {
    let mut courier = parts.delivery.courier();
    while !halt.is_cancelled() {
        let limit = take(budget, CLAIM_AT_ONCE);
        if limit == 0 {
            break;
        }
        let mut claims = parts.run.claim(selection, u32::try_from(limit).unwrap_or(1)).await?.into_iter();
        if claims.len() == 0 {
            break;
        }
        while let Some(claim) = claims.next() {
            // The rate is waited for with the claim in hand, so a stop must be able to end the wait.
            let paced = tokio::select! {
                biased;
                () = halt.cancelled() => false,
                () = parts.pace.ready() => true,
            };
            if !paced {
                parts.run.release(std::iter::once(claim).chain(claims).collect()).await?;
                break;
            }
            match send_one(parts, &mut courier, claim).await {
                Ok(result) => drop(settled.send(result).await),
                Err(error) => {
                    let released = parts.run.release(claims.collect()).await;
                    return Err(error).or_else(|error| released.map_err(Halt::from).and(Err(error)));
                }
            }
        }
    }
    courier.close().await;
    Ok(())
}

/// One recipient, from claim to settlement.
async fn send_one(parts: &Parts, courier: &mut Courier, claim: Claim) -> Result<Settled, Halt> {
    let run = &parts.run;
    let now = parts.clock.now();
    let issued = match parts.issuer.issue(claim.recipient(), claim.token(), now).await {
        Ok(issued) => issued,
        Err(IssueError::Refused(reason)) => {
            return Ok(run.settle(claim, Outcome::Rejected { reason }).await?);
        }
        Err(IssueError::Unavailable(reason)) => {
            run.release(vec![claim]).await?;
            return Err(Halt::Tokens(reason));
        }
    };
    let url = match issued.link.url([]) {
        Ok(url) => url,
        Err(error) => return Ok(run.settle(claim, Outcome::Rejected { reason: error.to_string() }).await?),
    };
    let link = Link { url: &url, token: issued.link.token().expose(), expires: issued.link.expires() };
    let date = date_of(&claim, now);
    let composed = parts
        .letter
        .render(claim.recipient(), &link)
        .and_then(|email| parts.letter.compose(claim.recipient(), &email, &link, date));
    let message = match composed {
        Ok(message) => message,
        Err(defect) => return Ok(run.settle(claim, Outcome::Rejected { reason: defect.message }).await?),
    };
    match courier.offer(&claim, &message).await {
        Err(stop) => {
            run.release(vec![claim]).await?;
            Err(Halt::Relay(stop))
        }
        Ok(Offer::Refused(outcome)) => Ok(run.settle(claim, outcome).await?),
        Ok(Offer::Ready(ready)) => {
            let attempt = Try {
                token: issued.record,
                message_id: message.message_id().to_owned(),
                message_sha256: message.sha256(),
                date,
                unsubscribe_id: message.unsubscribe_id().to_owned(),
            };
            let (row, key) = (claim.recipient().line, claim.recipient().key.clone());
            match run.intend(claim, attempt).await {
                Ok(Intended::Go(intent)) => {
                    let outcome = ready.transfer(&intent, &message).await;
                    Ok(run.settle(intent, outcome).await?)
                }
                Ok(Intended::Withdrawn(state)) => {
                    ready.abandon().await;
                    Ok(Settled { line: row, key, state, reason: None })
                }
                Err(error) => {
                    ready.abandon().await;
                    Err(error.into())
                }
            }
        }
    }
}

/// The `Date` header: that of the first try as long as the bytes shall stay the same.
fn date_of(claim: &Claim, now: Timestamp) -> Timestamp {
    claim.first_date().filter(|first| now.duration_since(*first).abs() <= SAME_BYTES_FOR).unwrap_or(now)
}

/// Takes up to `wanted` from the budget and says how much there was.
fn take(budget: &AtomicU64, wanted: u64) -> u64 {
    let before = budget
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)))
        .unwrap_or_else(|left| left);
    before.min(wanted)
}
