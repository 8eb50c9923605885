//! The intent: the statement that the promise rests on, before a body leaves.
//!
//! It is set-based: the values of a group come as one JSON array, and `json_each` is the outer table of the join
//! (`cross join` and an equality on the row's id keep it there; the plans are pinned in the tests).

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::mail_once;
use crate::ledger::{
    rules::{Claim, LedgerError, State, Try},
    store::{Connection, Digest, Sql, differs, json, values},
};

/// A try as it is written.
#[derive(Debug, Serialize)]
pub(in crate::ledger) struct Intention {
    id: i64,
    epoch: i64,
    attempt: u32,
    message_id: String,
    message_sha256: Digest,
    date: i64,
    jti_hash: Digest,
    kid: String,
    issued_at: i64,
    expires_at: i64,
    generation: u32,
    unsubscribe_id: String,
    /// Of a key that is mailed once whatever the occasion.
    key_hash: Option<Digest>,
}

impl Intention {
    /// The try that a claim is about to become.
    /// `once`: of a key that gets one mail, whatever the occasion.
    pub(in crate::ledger) fn new(claim: &Claim, attempt: Try, epoch: i64, once: bool) -> Self {
        Self {
            key_hash: once.then(|| Digest::of(&claim.recipient.key.0)),
            id: claim.id,
            epoch,
            attempt: claim.attempts.saturating_add(1),
            message_id: attempt.message_id,
            message_sha256: Digest(attempt.message_sha256),
            date: attempt.date.as_millisecond(),
            jti_hash: Digest(attempt.token.jti_hash),
            kid: attempt.token.kid,
            issued_at: attempt.token.issued_at,
            expires_at: attempt.token.expires_at,
            generation: attempt.token.generation,
            unsubscribe_id: attempt.unsubscribe_id,
        }
    }

    pub(in crate::ledger) fn id(&self) -> i64 {
        self.id
    }
}

pub(in crate::ledger) const SUPPRESS: Sql = differs!("intend_suppress");

pub(in crate::ledger) const INTEND: Sql = differs!("intend");

pub(in crate::ledger) const ADD_ATTEMPTS: Sql = differs!("intend_add_attempts");

pub(in crate::ledger) const STATES: Sql = differs!("intend_states");

const FIRST_TRY: Sql = differs!("intend_first_try");

/// Writes tries; returns the state of each row that may not go. Runs inside the caller's transaction and rests
/// on the one write lock: `races::a_suppression_is_seen_by_the_intent_or_comes_after_it` and
/// `races::two_occasions_never_both_take_a_key`.
pub(in crate::ledger) async fn intend(
    connection: &mut Connection,
    intentions: &[&Intention],
    now: i64,
) -> Result<HashMap<i64, State>, LedgerError> {
    if intentions.is_empty() {
        return Ok(HashMap::new());
    }
    let values = json(intentions);
    connection.execute(SUPPRESS, values![&values, now]).await?;
    let once = intentions.iter().any(|intention| intention.key_hash.is_some());
    if once {
        connection.execute(mail_once::TAKEN, values![&values, now]).await?;
    }
    let ids: Vec<i64> = connection.all(INTEND, values![&values, now]).await?;
    let going: HashSet<i64> = ids.iter().copied().collect();
    let tries: Vec<_> = intentions.iter().filter(|intention| going.contains(&intention.id)).collect();
    if !tries.is_empty() {
        connection.execute(ADD_ATTEMPTS, values![json(&tries), now]).await?;
        connection.execute(FIRST_TRY, values![json(&ids), now]).await?;
        let keys: Vec<_> =
            tries.iter().filter_map(|intention| Some((intention.id, intention.key_hash?))).collect();
        mail_once::enter(connection, &keys).await?;
    }
    let staying: Vec<i64> =
        intentions.iter().map(|intention| intention.id).filter(|id| !going.contains(id)).collect();
    if staying.is_empty() {
        return Ok(HashMap::new());
    }
    let states: Vec<(i64, State)> = connection.all(STATES, values![json(&staying)]).await?;
    Ok(states.into_iter().collect())
}
