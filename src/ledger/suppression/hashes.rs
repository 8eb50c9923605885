//! Wishes of people whom a purge left as hashes: found again wherever an address or a user id has that hash.

use std::collections::HashMap;

use super::entry::{Whom, Wish, put_new};
use crate::{
    audience::Address,
    hash::sha256,
    ledger::{
        rules::LedgerError,
        store::{Connection, Sql, values},
    },
};

/// Rows per statement.
const BATCH: i64 = 5000;

const HASHES: Sql = Sql::shared("select hash, reason, since, mail from suppressed_hash");

const WAITING: Sql = Sql::shared(
    "
select id, address, user_id from recipient
where occasion_id = ?1 and id > ?2 and state in ('pending', 'deferred') and address is not null order by id limit ?3",
);

const EVERYBODY: Sql = Sql::shared(
    "
select id, address, user_id from recipient where id > ?1 and address is not null order by id limit ?2",
);

/// The hash of an address, in whatever letter case it is written.
pub(in crate::ledger) fn hash_of_address(address: &str) -> [u8; 32] {
    sha256(
        Address::parse(address)
            .map_or_else(|_| address.to_ascii_lowercase(), |address| address.canonical())
            .as_bytes(),
    )
}

/// The hash of a user id.
pub(in crate::ledger) fn hash_of_user(user_id: &str) -> [u8; 32] {
    sha256(user_id.as_bytes())
}

/// Whose wishes are known by a hash alone.
pub(super) async fn wishes(connection: &mut Connection) -> Result<HashMap<[u8; 32], Wish>, LedgerError> {
    let rows: Vec<([u8; 32], String, i64, Option<String>)> = connection.all(HASHES, values![]).await?;
    Ok(rows.into_iter().map(|(hash, reason, since, mail)| (hash, Wish { reason, since, mail })).collect())
}

/// Puts those who wait on an occasion on the list under their names, where their hash is on it. Without such hashes
/// nothing is read.
pub(in crate::ledger) async fn recognise(
    connection: &mut Connection,
    occasion: i64,
) -> Result<(), LedgerError> {
    let wishes = wishes(connection).await?;
    let mut after = i64::MIN;
    while !wishes.is_empty() {
        let rows: Vec<(i64, String, Option<String>)> =
            connection.all(WAITING, values![occasion, after, BATCH]).await?;
        let Some((last, ..)) = rows.last() else { break };
        after = *last;
        for (whom, wish) in found(&wishes, &rows)? {
            put_new(connection, &whom, wish).await?;
        }
    }
    Ok(())
}

/// The same for everybody whom the ledger knows by name; reads alone. What is found is put on the list by the caller.
pub(super) async fn search(
    connection: &mut Connection,
    wishes: &HashMap<[u8; 32], Wish>,
) -> Result<Vec<(Whom, Wish)>, LedgerError> {
    let mut all = Vec::new();
    let mut after = i64::MIN;
    loop {
        let rows: Vec<(i64, String, Option<String>)> =
            connection.all(EVERYBODY, values![after, BATCH]).await?;
        let Some((last, ..)) = rows.last() else { return Ok(all) };
        after = *last;
        all.extend(found(wishes, &rows)?.into_iter().map(|(whom, wish)| (whom, wish.clone())));
    }
}

fn found<'a>(
    wishes: &'a HashMap<[u8; 32], Wish>,
    rows: &[(i64, String, Option<String>)],
) -> Result<Vec<(Whom, &'a Wish)>, LedgerError> {
    let mut all = Vec::new();
    for (_, address, user_id) in rows {
        if let Some(wish) = wishes.get(&hash_of_address(address)) {
            let address = Address::parse(address)
                .map_err(|_| LedgerError::broken("the ledger holds an address that cannot be read"))?;
            all.push((Whom::Address(address), wish));
        }
        if let Some((user_id, wish)) =
            user_id.as_ref().and_then(|user_id| Some((user_id, wishes.get(&hash_of_user(user_id))?)))
        {
            all.push((Whom::User(user_id.clone()), wish));
        }
    }
    Ok(all)
}
