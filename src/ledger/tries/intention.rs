//! The intent: the statement that the promise rests on, before a body leaves.
//!
//! It is set-based: the values of a group come as one JSON array, and `json_each` is the outer table of the join
//! (`cross join` and an equality on the row's id keep it there; the plans are pinned in the tests).

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::mail_once::{self, key_hash};
use crate::ledger::{
    rules::{Claim, LedgerError, State, Try},
    store::{Connection, Sql, hex, json, parse_state, values},
};

/// A try as it is written. Hashes in hexadecimal.
#[derive(Debug, Serialize)]
pub(in crate::ledger) struct Intention {
    id: i64,
    epoch: i64,
    attempt: u32,
    message_id: String,
    message_sha256: String,
    date: i64,
    jti_hash: String,
    kid: String,
    issued_at: i64,
    expires_at: i64,
    generation: u32,
    unsubscribe_id: String,
    /// Of a key that is mailed once whatever the occasion.
    key_hash: Option<String>,
}

impl Intention {
    /// The try that a claim is about to become.
    /// `once`: of a key that gets one mail, whatever the occasion.
    pub(in crate::ledger) fn new(claim: &Claim, attempt: Try, epoch: i64, once: bool) -> Self {
        Self {
            key_hash: once.then(|| key_hash(&claim.recipient.key.0)),
            id: claim.id,
            epoch,
            attempt: claim.attempts.saturating_add(1),
            message_id: attempt.message_id,
            message_sha256: hex(&attempt.message_sha256),
            date: attempt.date.as_millisecond(),
            jti_hash: hex(&attempt.token.jti_hash),
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

pub(in crate::ledger) const SUPPRESS: Sql = Sql::sqlite("
update recipient set
    state = 'suppressed', reason = 'the address is on the suppression list', next_attempt_at = null, changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.epoch = j.value ->> 'epoch' and recipient.state = 'claimed'
    and exists (select 1 from suppression s where s.address = recipient.address)");

pub(in crate::ledger) const INTEND: Sql = Sql::sqlite("
update recipient set
    state = 'sending', reason = null, attempts = j.value ->> 'attempt',
    first_try_at = coalesce(recipient.first_try_at, ?2), first_date = coalesce(recipient.first_date, j.value ->> 'date'),
    message_id = j.value ->> 'message_id', unsubscribe_id = j.value ->> 'unsubscribe_id',
    jti_hash = unhex(j.value ->> 'jti_hash'), kid = j.value ->> 'kid', token_issued_at = j.value ->> 'issued_at',
    token_expires_at = j.value ->> 'expires_at', token_generation = j.value ->> 'generation',
    -- the end of an earlier token is not the end of this one
    redeemed_at = case when recipient.jti_hash is unhex(j.value ->> 'jti_hash') then recipient.redeemed_at end,
    redeemed_by = case when recipient.jti_hash is unhex(j.value ->> 'jti_hash') then recipient.redeemed_by end,
    revoked_at = case when recipient.jti_hash is unhex(j.value ->> 'jti_hash') then recipient.revoked_at end,
    changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.epoch = j.value ->> 'epoch' and recipient.state = 'claimed'
    and recipient.attempts = (j.value ->> 'attempt') - 1
returning recipient.id");

pub(in crate::ledger) const ADD_ATTEMPTS: Sql = Sql::sqlite(
    "
insert into attempts (recipient_id, n, epoch, message_id, message_sha256, jti_hash, started_at)
select j.value ->> 'id', j.value ->> 'attempt', j.value ->> 'epoch', j.value ->> 'message_id',
    unhex(j.value ->> 'message_sha256'), unhex(j.value ->> 'jti_hash'), ?2
from json_each(?1) j",
);

pub(in crate::ledger) const STATES: Sql = Sql::sqlite(
    "
select r.id, r.state from json_each(?1) j cross join recipient r where r.id = j.value",
);

const FIRST_TRY: Sql = Sql::sqlite("
update occasion set first_try_at = ?2
where first_try_at is null and id in (select r.occasion_id from json_each(?1) j cross join recipient r where r.id = j.value)");

/// Writes tries; tells for each row that may not go the state it is in. Runs inside the caller's transaction and rests
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
        let keys: Vec<_> = tries
            .iter()
            .filter_map(|intention| Some((intention.id, intention.key_hash.as_deref()?)))
            .collect();
        mail_once::enter(connection, &keys).await?;
    }
    let staying: Vec<i64> =
        intentions.iter().map(|intention| intention.id).filter(|id| !going.contains(id)).collect();
    if staying.is_empty() {
        return Ok(HashMap::new());
    }
    let states: Vec<(i64, String)> = connection.all(STATES, values![json(&staying)]).await?;
    states.into_iter().map(|(id, state)| Ok((id, parse_state(&state)?))).collect()
}
