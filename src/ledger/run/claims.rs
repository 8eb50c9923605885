//! Taking recipients and giving them back: the statements of `claim`, `release`, `expire` and `next_due`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::handle::Run;
use crate::{
    audience::{Cells, Recipient, RecipientKey},
    failpoint,
    ledger::{
        rules::{Claim, LONGEST_WAIT_MS, LedgerError, State, TokenRecord},
        store::{Connection, Row, Sql, differs, json, values},
        suppression::{because, suppressed},
        writer::Grouped,
    },
};

/// The recipients to claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Canonical addresses or user ids; empty means all.
    pub only: Vec<String>,
}

/// A clock that was set back must not park a row for longer than the longest wait.
const CLAMP: Sql = Sql::shared(
    "
update recipient set next_attempt_at = ?2
where occasion_id = ?1 and state = 'deferred' and next_attempt_at > ?2 and held_until is null",
);

macro_rules! take {
    ($which:expr) => {
        concat!(
            "update recipient set
    state = case when ",
            suppressed!("recipient"),
            " then 'suppressed' else 'claimed' end,
    reason = case when ",
            suppressed!("recipient"),
            " then ",
            because!(),
            " else reason end,
    next_attempt_at = case when ",
            suppressed!("recipient"),
            " then null else next_attempt_at end,
    held_until = null,
    epoch = ?2, changed_at = ?3
where id in (",
            $which,
            ")
returning id, state, line, key, user_id, address, name, fields, attempts, deferrals, jti_hash, kid, token_issued_at,
    case when revoked_at is null then token_expires_at else token_issued_at end as token_expires_at, token_generation,
    first_date, first_try_at is null as untried, again_at"
        )
    };
}

/// The next in list order: those that wait, and those that were deferred and are due. Whether any is due is asked
/// first, so that a long row of deferred ones is not walked for nothing.
pub(in crate::ledger) const TAKE: Sql = Sql::shared(take!(
    "
    select id from (
        select * from (
            select id, line from recipient where occasion_id = ?1 and state = 'pending' order by line limit ?4)
        union all
        select * from (
            select id, line from recipient where occasion_id = ?1 and state = 'deferred' and next_attempt_at <= ?3
                and exists (select 1 from recipient d
                    where d.occasion_id = ?1 and d.state = 'deferred' and d.next_attempt_at <= ?3)
            order by line limit ?4)
    ) order by line limit ?4"
));

/// The next in list order among those that were named.
pub(in crate::ledger) const TAKE_NAMED: Sql = differs!(take, "claim_named");

const RELEASE_ALL: Sql = Sql::shared("
update recipient set state = case when next_attempt_at is null then 'pending' else 'deferred' end, changed_at = ?3
where occasion_id = ?1 and state = 'claimed' and epoch = ?2");

pub(in crate::ledger) const EXPIRE: Sql = Sql::shared(
    "
update recipient set state = 'expired', reply = coalesce(reason, reply), reason = ?3, next_attempt_at = null,
    held_until = null, changed_at = ?4
where occasion_id = ?1 and state in ('pending', 'deferred') and first_try_at < ?2",
);

/// The beginning of an occasion's time: when it was due, or begun where that was later.
macro_rules! time {
    () => {
        "case when begun_at > due_at then begun_at else due_at end"
    };
}

/// Ends rows that were never tried. Nothing where no schedule wanted the occasion: its time is null then.
pub(in crate::ledger) const EXPIRE_UNTRIED: Sql = Sql::shared(concat!(
    "update recipient set state = 'expired',
    reason = case when held_until is null then ?3 else ?3 || ': its window was closed' end,
    next_attempt_at = null, held_until = null, changed_at = ?4
where occasion_id = ?1 and state in ('pending', 'deferred') and first_try_at is null
    and (again_at is null or again_at < ?2)
    and (select ",
    time!(),
    " from occasion where id = ?1) < ?2"
));

pub(in crate::ledger) const TIME: Sql =
    Sql::shared(concat!("select ", time!(), " from occasion where id = ?1"));

pub(in crate::ledger) const NEXT_DUE: Sql =
    Sql::shared("select min(next_attempt_at) from recipient where occasion_id = ?1 and state = 'deferred'");

impl Run {
    /// Claims up to `limit` recipients in list order: those that wait, and those that were deferred and are due. Empty
    /// when there is none. Suppressed addresses are put aside on the way.
    pub async fn claim(&self, selection: &Selection, limit: u32) -> Result<Vec<Claim>, LedgerError> {
        let selection = selection.clone();
        let claimed = self
            .start(move |connection, run, now| {
                Box::pin(
                    async move { claim(connection, run.occasion, run.epoch, &selection, limit, now).await },
                )
            })
            .await;
        failpoint::reach("claimed");
        claimed
    }

    /// The due time of the next deferred row: at most four hours from now, whatever clock wrote it. `None`: none waits.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, LedgerError> {
        let due: Option<i64> = self.ledger.readers.one(NEXT_DUE, values![self.core.occasion]).await?;
        let latest = self.ledger.clock.now().as_millisecond().saturating_add(LONGEST_WAIT_MS);
        Ok(due.and_then(|due| Timestamp::from_millisecond(due.min(latest)).ok()))
    }

    /// Gives claims back: nothing was sent.
    pub async fn release(&self, claims: Vec<Claim>) -> Result<(), LedgerError> {
        let ids = claims.iter().map(|claim| claim.id).collect();
        let run = Arc::clone(&self.core);
        self.ledger.requests.grouped(|answer| Grouped::Release { run, ids, answer }).await
    }

    /// Gives back whatever this run still holds as claimed, for example what a cancelled call had claimed. Returns how
    /// many. Claims that somebody still has are void after it.
    pub async fn release_all(&self) -> Result<u64, LedgerError> {
        self.write(|connection, run, now| {
            Box::pin(
                async move { connection.execute(RELEASE_ALL, values![run.occasion, run.epoch, now]).await },
            )
        })
        .await
    }

    /// Ends what was first tried longer than `not_after` ago and still waits. Returns how many.
    pub async fn expire(&self, not_after: SignedDuration) -> Result<u64, LedgerError> {
        let reason = format!("not delivered within {} h of the first try", not_after.as_hours());
        self.end_late(EXPIRE, not_after, reason).await
    }

    /// Ends what waits and was never tried, where the occasion was due, or begun if that was later, longer than
    /// `not_after` ago. Returns how many. An occasion that no schedule wanted has no such time.
    pub async fn expire_untried(&self, not_after: SignedDuration) -> Result<u64, LedgerError> {
        let reason = format!("not sent within {} h of its occasion's time", not_after.as_hours());
        self.end_late(EXPIRE_UNTRIED, not_after, reason).await
    }

    async fn end_late(
        &self,
        statement: Sql,
        not_after: SignedDuration,
        reason: String,
    ) -> Result<u64, LedgerError> {
        let span = i64::try_from(not_after.as_millis()).unwrap_or(i64::MAX);
        self.start(move |connection, run, now| {
            Box::pin(async move {
                let limit = now.saturating_sub(span);
                connection.execute(statement, values![run.occasion, limit, reason, now]).await
            })
        })
        .await
    }

    /// Until when a mail that was never tried may leave; `None` where no schedule wanted the occasion.
    pub async fn last_call(&self, not_after: SignedDuration) -> Result<Option<Timestamp>, LedgerError> {
        let time: Option<i64> = self.ledger.readers.one(TIME, values![self.core.occasion]).await?;
        let time = time.and_then(|time| Timestamp::from_millisecond(time).ok());
        Ok(time.map(|time| time.saturating_add(not_after).unwrap_or(Timestamp::MAX)))
    }
}

/// Claims up to `limit` recipients in list order. A suppressed one is put aside on the way. Rests on the one write
/// lock:
/// `races::two_claims_never_take_one_row`.
pub(in crate::ledger) async fn claim(
    connection: &mut Connection,
    occasion: i64,
    epoch: i64,
    selection: &Selection,
    limit: u32,
    now: i64,
) -> Result<Vec<Claim>, LedgerError> {
    connection.execute(CLAMP, values![occasion, now.saturating_add(LONGEST_WAIT_MS)]).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut claims = Vec::new();
    while claims.len() < limit {
        let wanted = i64::try_from(limit - claims.len()).unwrap_or(i64::MAX);
        let all = selection.only.is_empty();
        let rows = if all {
            connection.rows(TAKE, values![occasion, epoch, now, wanted]).await?
        } else {
            let only = json(&selection.only);
            connection.rows(TAKE_NAMED, values![occasion, epoch, now, wanted, only]).await?
        };
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            if row.get::<State>("state")? == State::Claimed {
                claims.push(read(row)?);
            }
        }
    }
    claims.sort_by_key(|claim| claim.recipient.line);
    Ok(claims)
}

/// A claim out of the row that `TAKE` returned. A token that was called back has no life left, so it is not rebuilt.
fn read(row: &Row) -> Result<Claim, LedgerError> {
    let id: i64 = row.get("id")?;
    let broken =
        |what: &str| LedgerError::broken(format!("row {id} of the ledger holds {what} that cannot be read"));
    let fields: String = row.get("fields")?;
    let Ok(Value::Object(fields)) = serde_json::from_str(&fields) else { return Err(broken("fields")) };
    let time = |column: &str| match row.get::<Option<i64>>(column)? {
        None => Ok::<_, LedgerError>(None),
        Some(at) => Ok(Some(Timestamp::from_millisecond(at).map_err(|_| broken("a date"))?)),
    };
    let (first_date, again) = (time("first_date")?, time("again_at")?);
    let recipient = Recipient {
        line: u64::try_from(row.get::<i64>("line")?).map_err(|_| broken("a line"))?,
        key: RecipientKey(row.get("key")?),
        user_id: row.get("user_id")?,
        address: row.get("address").map_err(|_| broken("an address"))?,
        name: row.get("name")?,
        fields,
        cells: Cells::default(),
    };
    let token = match row.get::<Option<Vec<u8>>>("jti_hash")? {
        None => None,
        Some(hash) => Some(TokenRecord {
            jti_hash: hash.try_into().map_err(|_| broken("a hash"))?,
            kid: row.get("kid")?,
            issued_at: row.get("token_issued_at")?,
            expires_at: row.get("token_expires_at")?,
            generation: row.get("token_generation")?,
        }),
    };
    let attempts = row.get("attempts")?;
    let deferrals = row.get("deferrals")?;
    let untried = row.get("untried")?;
    Ok(Claim { id, recipient, attempts, deferrals, token, first_date, untried, again })
}
