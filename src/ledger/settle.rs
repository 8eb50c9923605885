//! The two statements that the promise rests on: the intent before a body leaves, the outcome after it.
//!
//! Both are set-based: the values of a group come as one JSON array, and `json_each` is the outer table of the join
//! (`cross join` and an equality on the row's id keep it there; the plans are pinned in the tests).

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::{
    Held, LedgerError, Outcome, State, Try,
    journal::hex,
    once::{self, key_hash},
    states::{self, Event},
    words,
};

const MINUTE_MS: i64 = 60 * 1000;
/// The shortest wait after each "later", in minutes; the last holds for all that follow. The first three fall within a
/// run, the others are those of RFC 5321 §4.5.4.1 (at least 30 minutes).
const WAITS_MIN: [i64; 6] = [1, 5, 15, 30, 60, 120];
/// The longest wait, jitter included.
pub(super) const LONGEST_WAIT_MS: i64 = 4 * 60 * MINUTE_MS;

/// An outcome as it is written, into the database or, where that fails, into the journal. No address, no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settlement {
    pub(super) id: i64,
    pub(super) epoch: i64,
    /// The number of the try; `None` where nothing was sent.
    pub(super) attempt: Option<u32>,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) reply: Option<String>,
    /// When the next try is due, Unix milliseconds.
    pub(super) due: Option<i64>,
    /// When the outcome was known, Unix milliseconds.
    pub(super) at: i64,
    /// Of a key that is mailed once whatever the occasion, and was refused before anything was sent.
    #[serde(default)]
    pub(super) key_hash: Option<String>,
    /// Whether the refusal was about us: it counts neither as a "later" nor as a first try.
    #[serde(default)]
    pub(super) requeued: bool,
}

/// A try as it is written. Hashes in hexadecimal.
#[derive(Debug, Serialize)]
pub(super) struct Intention {
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

impl Settlement {
    /// What `outcome` does to what is `held`; refuses what cannot be.
    pub(super) fn new(
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
        let state = states::next(from, event, claim.deferrals > 0).ok_or_else(|| {
            LedgerError::refused(
                format!(
                    "the row of line {} was not handed over, so it cannot have been taken",
                    claim.recipient.line
                ),
                "settle the intent, not the claim",
            )
        })?;
        let text = words::kept(text, &claim.recipient.address);
        let (reason, reply) = if state == State::Sent { (None, Some(text)) } else { (Some(text), None) };
        let requeued = event == Event::Requeue;
        let wait = || if requeued { 0 } else { wait_ms(claim.id, epoch, claim.deferrals.saturating_add(1)) };
        let due = (state == State::Deferred).then(|| at.saturating_add(wait()));
        let refused = once && attempt.is_none() && state == State::Rejected;
        let key_hash = refused.then(|| key_hash(&claim.recipient.key.0));
        let state = state.name().to_owned();
        Ok(Self { id: claim.id, epoch, attempt, state, reason, reply, due, at, key_hash, requeued })
    }
}

impl Intention {
    /// The try that a claim is about to become.
    /// `once`: of a key that gets one mail, whatever the occasion.
    pub(super) fn new(claim: &super::Claim, attempt: Try, epoch: i64, once: bool) -> Self {
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

    pub(super) fn id(&self) -> i64 {
        self.id
    }
}

/// How long a row waits after its `nth` "later": the wait of that number, and up to as much again by chance, so that
/// rows that were put off together do not come back together. The chance is a hash: a try can be told again.
fn wait_ms(id: i64, epoch: i64, nth: u32) -> i64 {
    let at = usize::try_from(nth.saturating_sub(1)).unwrap_or(usize::MAX);
    let shortest = WAITS_MIN[at.min(WAITS_MIN.len() - 1)] * MINUTE_MS;
    let hash = digest::digest(&digest::SHA256, format!("{id} {epoch} {nth}").as_bytes());
    let chance = hash.as_ref().iter().take(4).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
    shortest + shortest * chance / (1_i64 << 32)
}

/// Outcomes. The epoch is the proof: a row that a later run has recovered is still ours as `unknown`, and a row that
/// was claimed again is not.
pub(super) const SETTLE: &str = "
update recipient set
    state = j.value ->> 'state',
    reason = j.value ->> 'reason',
    reply = coalesce(j.value ->> 'reply', recipient.reply),
    next_attempt_at = j.value ->> 'due',
    deferrals = recipient.deferrals + (j.value ->> 'state' = 'deferred' and not coalesce(j.value ->> 'requeued', 0)),
    -- a refusal of us does not start the recipient's time: only what a relay put off before keeps its own
    first_try_at = case when not coalesce(j.value ->> 'requeued', 0) then coalesce(recipient.first_try_at, j.value ->> 'at')
        when recipient.deferrals > 0 then recipient.first_try_at end,
    changed_at = j.value ->> 'at'
from json_each(?1) j
where recipient.id = j.value ->> 'id'
    and recipient.epoch = j.value ->> 'epoch'
    and case when j.value ->> 'attempt' is null then recipient.state = 'claimed'
        else recipient.state in ('sending', 'unknown') and recipient.attempts = j.value ->> 'attempt' end
returning recipient.id";

pub(super) const SETTLE_ATTEMPTS: &str = "
update attempts set
    outcome = case when coalesce(j.value ->> 'requeued', 0) then 'rejected' else j.value ->> 'state' end,
    reply = coalesce(j.value ->> 'reply', j.value ->> 'reason'),
    ended_at = j.value ->> 'at'
from json_each(?1) j
where attempts.recipient_id = j.value ->> 'id' and attempts.n = j.value ->> 'attempt'";

pub(super) const SUPPRESS: &str = "
update recipient set
    state = 'suppressed', reason = 'the address is on the suppression list', next_attempt_at = null, changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.epoch = j.value ->> 'epoch' and recipient.state = 'claimed'
    and exists (select 1 from suppression s where s.address = recipient.address)";

pub(super) const INTEND: &str = "
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
returning recipient.id";

pub(super) const ADD_ATTEMPTS: &str = "
insert into attempts (recipient_id, n, epoch, message_id, message_sha256, jti_hash, started_at)
select j.value ->> 'id', j.value ->> 'attempt', j.value ->> 'epoch', j.value ->> 'message_id',
    unhex(j.value ->> 'message_sha256'), unhex(j.value ->> 'jti_hash'), ?2
from json_each(?1) j";

pub(super) const STATES: &str = "
select r.id, r.state from json_each(?1) j cross join recipient r where r.id = j.value";

const FIRST_TRY: &str = "
update occasion set first_try_at = ?2
where first_try_at is null and id in (select r.occasion_id from json_each(?1) j cross join recipient r where r.id = j.value)";

/// Writes outcomes and tells which rows took theirs. Runs inside the caller's transaction.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    settlements: &[&Settlement],
) -> Result<HashSet<i64>, LedgerError> {
    if settlements.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<i64> =
        sqlx::query_scalar(SETTLE).bind(json(settlements)).fetch_all(&mut *connection).await?;
    let taken: HashSet<i64> = ids.into_iter().collect();
    let tries: Vec<_> = settlements
        .iter()
        .filter(|settlement| settlement.attempt.is_some() && taken.contains(&settlement.id))
        .collect();
    if !tries.is_empty() {
        sqlx::query(SETTLE_ATTEMPTS).bind(json(&tries)).execute(&mut *connection).await?;
    }
    let refused: Vec<_> = settlements
        .iter()
        .filter(|settlement| taken.contains(&settlement.id))
        .filter_map(|settlement| Some((settlement.id, settlement.key_hash.as_deref()?)))
        .collect();
    once::hold(connection, &refused).await?;
    Ok(taken)
}

/// Writes tries; tells for each row that may not go the state it is in. Runs inside the caller's transaction, which
/// holds the write lock, so an address that is suppressed meanwhile is either seen here or comes after the intent.
pub(super) async fn intend(
    connection: &mut SqliteConnection,
    intentions: &[&Intention],
    now: i64,
) -> Result<HashMap<i64, State>, LedgerError> {
    if intentions.is_empty() {
        return Ok(HashMap::new());
    }
    let values = json(intentions);
    sqlx::query(SUPPRESS).bind(&values).bind(now).execute(&mut *connection).await?;
    let once = intentions.iter().any(|intention| intention.key_hash.is_some());
    if once {
        sqlx::query(once::TAKEN).bind(&values).bind(now).execute(&mut *connection).await?;
    }
    let ids: Vec<i64> =
        sqlx::query_scalar(INTEND).bind(&values).bind(now).fetch_all(&mut *connection).await?;
    let going: HashSet<i64> = ids.iter().copied().collect();
    let tries: Vec<_> = intentions.iter().filter(|intention| going.contains(&intention.id)).collect();
    if !tries.is_empty() {
        sqlx::query(ADD_ATTEMPTS).bind(json(&tries)).bind(now).execute(&mut *connection).await?;
        sqlx::query(FIRST_TRY).bind(json(&ids)).bind(now).execute(&mut *connection).await?;
        let keys: Vec<_> = tries
            .iter()
            .filter_map(|intention| Some((intention.id, intention.key_hash.as_deref()?)))
            .collect();
        once::hold(connection, &keys).await?;
    }
    let staying: Vec<i64> =
        intentions.iter().map(|intention| intention.id).filter(|id| !going.contains(id)).collect();
    if staying.is_empty() {
        return Ok(HashMap::new());
    }
    let states: Vec<(i64, String)> =
        sqlx::query_as(STATES).bind(json(&staying)).fetch_all(connection).await?;
    states.into_iter().map(|(id, state)| Ok((id, parse_state(&state)?))).collect()
}

/// A state out of the database.
pub(super) fn parse_state(name: &str) -> Result<State, LedgerError> {
    State::parse(name)
        .ok_or_else(|| LedgerError::Storage(format!("the ledger holds an unknown state `{name}`")))
}

/// The values of a set-based statement.
pub(super) fn json(values: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(values).expect("plain structs of text and numbers are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_and_its_jitter_is_as_wide_as_itself() {
        for (nth, shortest) in [(0, 1), (1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (u32::MAX, 120)]
        {
            let waits: Vec<_> = (0..1000).map(|id| wait_ms(id, 7, nth)).collect();
            let (least, most) = (shortest * MINUTE_MS, 2 * shortest * MINUTE_MS);
            assert!(waits.iter().all(|wait| (least..most).contains(wait)), "{nth}");
            let tenth = (most - least) / 10;
            for part in 0..10 {
                let from = least + part * tenth;
                let found = waits.iter().filter(|wait| (from..from + tenth).contains(*wait)).count();
                assert!((60..=140).contains(&found), "{found} of 1000 in part {part} after the {nth}th");
            }
            assert!(most <= LONGEST_WAIT_MS);
        }
        assert_eq!(wait_ms(1, 2, 3), wait_ms(1, 2, 3));
    }
}
