//! The outcome of a try: the statement after a body has left.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::mail_once;
use crate::ledger::{
    rules::{Event, Held, LedgerError, Outcome, State, kept, next, wait_ms},
    store::{Connection, Digest, Sql, differs, json, values},
};

/// An outcome as it is written, into the database or, where that fails, into the journal. No address, no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) struct Settlement {
    pub(in crate::ledger) id: i64,
    pub(in crate::ledger) epoch: i64,
    /// The number of the try; `None` where nothing was sent.
    pub(in crate::ledger) attempt: Option<u32>,
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) reason: Option<String>,
    pub(in crate::ledger) reply: Option<String>,
    /// The due time of the next try, Unix milliseconds.
    pub(in crate::ledger) due: Option<i64>,
    /// The time of the outcome, Unix milliseconds.
    pub(in crate::ledger) at: i64,
    /// Of a key that is mailed once whatever the occasion, and was refused before anything was sent.
    #[serde(default)]
    pub(in crate::ledger) key_hash: Option<Digest>,
    /// Whether the refusal was about us: it counts neither as a "later" nor as a first try.
    #[serde(default)]
    pub(in crate::ledger) requeued: bool,
}

impl Settlement {
    /// The effect of `outcome` on what is `held`; refused where it cannot be.
    pub(in crate::ledger) fn new(
        held: &Held,
        outcome: &Outcome,
        epoch: i64,
        once: bool,
        at: i64,
    ) -> Result<Self, LedgerError> {
        let claim = held.claim();
        let (event, text) = match outcome {
            Outcome::Accepted { reply } => (Event::Accepted, reply),
            Outcome::Rejected { reason } => (Event::Rejected, reason),
            Outcome::Deferred { reason } => (Event::Deferred, reason),
            Outcome::Requeued { reason } => (Event::Requeue, reason),
            Outcome::Unknown { reason } => (Event::Unknown, reason),
        };
        let (from, attempt) = match held {
            Held::Claim(_) => (State::Claimed, None),
            Held::Intent(_) => (State::Sending, Some(claim.attempts.saturating_add(1))),
        };
        let state = next(from, event, claim.deferrals > 0).ok_or_else(|| {
            LedgerError::refused(
                format!(
                    "the row of line {} was not handed over, so it cannot have been taken",
                    claim.recipient.line
                ),
                "settle the intent, not the claim",
            )
        })?;
        let text = kept(text, &claim.recipient.address);
        let (reason, reply) = if state == State::Sent { (None, Some(text)) } else { (Some(text), None) };
        let requeued = event == Event::Requeue;
        let wait = || if requeued { 0 } else { wait_ms(claim.id, epoch, claim.deferrals.saturating_add(1)) };
        let due = (state == State::Deferred).then(|| at.saturating_add(wait()));
        let refused = once && attempt.is_none() && state == State::Rejected;
        let key_hash = refused.then(|| Digest::of(&claim.recipient.key.0));
        Ok(Self { id: claim.id, epoch, attempt, state, reason, reply, due, at, key_hash, requeued })
    }
}

/// Outcomes. The epoch is the proof: a row that a later run has recovered is still ours as `unknown`, and a row that
/// was claimed again is not.
pub(in crate::ledger) const SETTLE: Sql = differs!("settle");

pub(in crate::ledger) const SETTLE_ATTEMPTS: Sql = differs!("settle_attempts");

/// Writes outcomes and returns the rows that took theirs. Runs inside the caller's transaction.
pub(in crate::ledger) async fn settle(
    connection: &mut Connection,
    settlements: &[&Settlement],
) -> Result<HashSet<i64>, LedgerError> {
    if settlements.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<i64> = connection.all(SETTLE, values![json(settlements)]).await?;
    let taken: HashSet<i64> = ids.into_iter().collect();
    let tries: Vec<_> = settlements
        .iter()
        .filter(|settlement| settlement.attempt.is_some() && taken.contains(&settlement.id))
        .collect();
    if !tries.is_empty() {
        connection.execute(SETTLE_ATTEMPTS, values![json(&tries)]).await?;
    }
    let refused: Vec<_> = settlements
        .iter()
        .filter(|settlement| taken.contains(&settlement.id))
        .filter_map(|settlement| Some((settlement.id, settlement.key_hash?)))
        .collect();
    mail_once::enter(connection, &refused).await?;
    Ok(taken)
}
