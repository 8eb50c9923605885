//! Keys that are mailed once, whatever the occasion: people on a waiting list, carts, the people of a survey.
//!
//! A key belongs to the row that tried it last. While that row was mailed, may have been, or was refused for good, no
//! row of another occasion may go. What decides is [`TAKEN`], in the transaction of the intent; the look-up at the
//! enlistment only keeps such rows from waiting in vain.

use std::collections::HashMap;

use aws_lc_rs::digest;
use sqlx::SqliteConnection;

use super::{LedgerError, journal::hex};

/// Puts aside what another occasion has mailed; before the intents of a group.
pub(super) const TAKEN: &str = "
update recipient set
    state = 'withdrawn', next_attempt_at = null, changed_at = ?2,
    reason = 'mailed on the occasion `' || (select c.occasion from occasion o
        join mailed m on m.campaign = o.campaign and m.once_in = o.once_in
            and m.key_hash = unhex(j.value ->> 'key_hash')
        join recipient r on r.id = m.recipient_id join occasion c on c.id = r.occasion_id
        where o.id = recipient.occasion_id) || '`'
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.epoch = j.value ->> 'epoch' and recipient.state = 'claimed'
    and exists (select 1 from occasion o
        join mailed m on m.campaign = o.campaign and m.once_in = o.once_in
            and m.key_hash = unhex(j.value ->> 'key_hash')
        join recipient r on r.id = m.recipient_id
        where o.id = recipient.occasion_id and r.id <> recipient.id
            and r.state in ('sending', 'sent', 'unknown', 'rejected'))";

/// Enters who holds a key now; behind the intents of a group, and behind refusals before any intent.
const HOLD: &str = "
insert into mailed (campaign, once_in, key_hash, recipient_id)
select o.campaign, o.once_in, unhex(j.value ->> 1), r.id
from json_each(?1) j cross join recipient r on r.id = j.value ->> 0 join occasion o on o.id = r.occasion_id
where o.once_in is not null
on conflict (campaign, once_in, key_hash) do update set recipient_id = excluded.recipient_id";

/// The keys of a list that another occasion has mailed, with that occasion.
pub(super) const ELSEWHERE: &str = "
select lower(hex(m.key_hash)), c.occasion
from json_each(?2) j cross join occasion o on o.id = ?1
    cross join mailed m on m.campaign = o.campaign and m.once_in = o.once_in and m.key_hash = unhex(j.value)
    cross join recipient r on r.id = m.recipient_id
    cross join occasion c on c.id = r.occasion_id
where r.occasion_id <> ?1 and r.state in ('sending', 'sent', 'unknown', 'rejected')";

/// The hash of a key, in hexadecimal: the same that a purge leaves.
pub(super) fn key_hash(key: &str) -> String {
    hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref())
}

/// Enters the holders of keys. Pairs of row and hash.
pub(super) async fn hold(connection: &mut SqliteConnection, rows: &[(i64, &str)]) -> Result<(), LedgerError> {
    if !rows.is_empty() {
        sqlx::query(HOLD).bind(super::settle::json(rows)).execute(connection).await?;
    }
    Ok(())
}

/// The occasions that mailed these keys: hash → occasion. Nothing where the occasion counts for itself.
pub(super) async fn elsewhere(
    connection: &mut SqliteConnection,
    occasion: i64,
    keys: &[&str],
) -> Result<HashMap<String, String>, LedgerError> {
    let once: bool = sqlx::query_scalar("select once_in is not null from occasion where id = ?1")
        .bind(occasion)
        .fetch_one(&mut *connection)
        .await?;
    if !once {
        return Ok(HashMap::new());
    }
    let hashes: Vec<_> = keys.iter().map(|key| key_hash(key)).collect();
    let query = sqlx::query_as(ELSEWHERE).bind(occasion).bind(super::settle::json(&hashes));
    let found: Vec<(String, String)> = query.fetch_all(connection).await?;
    Ok(found.into_iter().collect())
}
