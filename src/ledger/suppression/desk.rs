//! The suppression list by hand: who is meant, who is put on it and taken off, who is on it.

use jiff::Timestamp;

use super::{
    entry::{Whom, Wish, end_all, find, put},
    hashes::{hash_of_address, hash_of_user, search, wishes},
};
use crate::{
    audience::Address,
    ledger::{
        handle::Ledger,
        rules::{LedgerError, printable},
        store::{Connection, Sql, values},
    },
};

/// A person of the suppression list, by all names that the ledger has for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What a wish of theirs puts on the list.
    pub names: Vec<Whom>,
    /// Whether a list held them, or a mail went to them.
    pub is_known: bool,
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Who it is.
    pub whom: Whom,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// By what an entry knows its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuppressedBy {
    /// The address.
    Address,
    /// The user id.
    User,
    /// A hash of either.
    Hash,
}

const USERS_OF: Sql = Sql::shared(
    "
select distinct user_id from recipient where address = ?1 and user_id is not null limit 2",
);

const KNOWS_ADDRESS: Sql =
    Sql::shared("select count(*) from (select 1 from recipient where address = ?1 limit 1) a");

const ADDRESS_OF: Sql = Sql::shared(
    "
select address from recipient where user_id = ?1 and address is not null order by id desc limit 1",
);

const USERS: Sql = Sql::shared("select distinct user_id from recipient where user_id is not null limit ?1");

/// Everything on the list that the same mail put there.
const OF_MAIL: [Sql; 3] = [
    Sql::shared("select address from suppression where mail = ?1"),
    Sql::shared("select user_id from suppressed_user where mail = ?1"),
    Sql::shared("select hash from suppressed_hash where mail = ?1"),
];

const ADDRESSES: Sql = Sql::shared(
    "
select address, reason, since from suppression where address > ?1 order by address limit ?2",
);

const SUPPRESSED_USERS: Sql = Sql::shared(
    "
select user_id, reason, since from suppressed_user where user_id > ?1 order by user_id limit ?2",
);

const HASHES: Sql =
    Sql::shared("select hash, reason, since from suppressed_hash where hash > ?1 order by hash limit ?2");

impl Ledger {
    /// Keeps an address from getting any mail of any campaign from now on, those of a run under way included.
    pub async fn suppress(&self, address: &Address, reason: &str) -> Result<(), LedgerError> {
        let person = Person { names: vec![Whom::Address(address.clone())], is_known: true };
        self.suppress_person(&person, reason).await.map(drop)
    }

    /// Who has an address: it, and the user whose it is, where it is one user's alone.
    pub async fn person_at(&self, address: &Address) -> Result<Person, LedgerError> {
        let mut connection = self.inner.readers.get().await?;
        let text = address.to_string();
        let users: Vec<String> = connection.all(USERS_OF, values![&text]).await?;
        let known: i64 = connection.one(KNOWS_ADDRESS, values![&text]).await?;
        let mut names = vec![Whom::Address(address.clone())];
        if let [user] = users.as_slice() {
            names.push(Whom::User(user.clone()));
        }
        Ok(Person { names, is_known: known > 0 })
    }

    /// Who has a user id: it, and where their last mail went or was to go.
    pub async fn person_named(&self, user_id: &str) -> Result<Person, LedgerError> {
        let address: Option<String> = self.inner.readers.first(ADDRESS_OF, values![user_id]).await?;
        let address = address.and_then(|address| Address::parse(&address).ok());
        let is_known = address.is_some();
        let names = address.into_iter().map(Whom::Address).chain([Whom::User(user_id.to_owned())]);
        Ok(Person { names: names.collect(), is_known })
    }

    /// Up to `limit` user ids that the ledger knows.
    pub async fn user_ids(&self, limit: u32) -> Result<Vec<String>, LedgerError> {
        self.inner.readers.all(USERS, values![limit]).await
    }

    /// Whether any name of a person is on the list.
    pub async fn is_suppressed(&self, person: &Person) -> Result<bool, LedgerError> {
        let mut connection = self.inner.readers.get().await?;
        for whom in &person.names {
            if find(&mut connection, whom).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps a person from getting any mail of any campaign from now on, those of a run under way included. Returns
    /// whether any of their names was not on the list yet.
    pub async fn suppress_person(&self, person: &Person, reason: &str) -> Result<bool, LedgerError> {
        let (names, reason) = (person.names.clone(), printable(reason));
        let requests = &self.inner.requests;
        let by_hash = names.iter().any(|whom| matches!(whom, Whom::Hash(_)));
        let is_new = requests
            .alone(move |connection, now| {
                Box::pin(async move {
                    let mut is_new = false;
                    for whom in &names {
                        is_new |= find(connection, whom).await?.is_none();
                        let wish = Wish { reason: reason.clone(), since: now, mail: None };
                        put(connection, whom, &wish).await?;
                    }
                    Ok(is_new)
                })
            })
            .await?;
        if is_new && by_hash {
            self.recognise_everybody().await?;
        }
        Ok(is_new)
    }

    /// Takes a person off the list by all their names, those that the same wishes put there included. Returns how many
    /// entries were ended.
    pub async fn end_suppression(&self, person: &Person, reason: &str) -> Result<u64, LedgerError> {
        let (names, reason) = (person.names.clone(), printable(reason));
        let requests = &self.inner.requests;
        requests
            .alone(move |connection, now| {
                Box::pin(async move {
                    let all = with_their_mails(connection, names).await?;
                    end_all(connection, &all, &reason, now).await
                })
            })
            .await
    }

    /// Up to `limit` entries of one kind behind `after` in the order of their text; hashes in hexadecimal.
    pub async fn suppressions(
        &self,
        by: SuppressedBy,
        after: Option<&Whom>,
        limit: u32,
    ) -> Result<Vec<Suppression>, LedgerError> {
        let readers = &self.inner.readers;
        let entry = |whom, reason, since| Suppression {
            whom,
            reason,
            since: Timestamp::from_millisecond(since).ok(),
        };
        match by {
            SuppressedBy::Address => {
                let after = if let Some(Whom::Address(address)) = after {
                    address.to_string()
                } else {
                    String::new()
                };
                let rows: Vec<(String, String, i64)> = readers.all(ADDRESSES, values![after, limit]).await?;
                rows.into_iter()
                    .map(|(address, reason, since)| {
                        let address = Address::parse(&address).map_err(|_| {
                            LedgerError::broken("the suppression list holds an address that cannot be read")
                        })?;
                        Ok(entry(Whom::Address(address), reason, since))
                    })
                    .collect()
            }
            SuppressedBy::User => {
                let after = if let Some(Whom::User(user_id)) = after { user_id.as_str() } else { "" };
                let rows: Vec<(String, String, i64)> =
                    readers.all(SUPPRESSED_USERS, values![after, limit]).await?;
                Ok(rows
                    .into_iter()
                    .map(|(user, reason, since)| entry(Whom::User(user), reason, since))
                    .collect())
            }
            SuppressedBy::Hash => {
                let after = if let Some(Whom::Hash(hash)) = after { hash.as_slice() } else { &[] };
                let rows: Vec<([u8; 32], String, i64)> = readers.all(HASHES, values![after, limit]).await?;
                Ok(rows
                    .into_iter()
                    .map(|(hash, reason, since)| entry(Whom::Hash(hash), reason, since))
                    .collect())
            }
        }
    }

    /// Puts people on the list under their names whose hash is on it, wherever the ledger knows them.
    pub(in crate::ledger) async fn recognise_everybody(&self) -> Result<(), LedgerError> {
        let mut connection = self.inner.readers.get().await?;
        let wishes = wishes(&mut connection).await?;
        let found = search(&mut connection, &wishes).await?;
        drop(connection);
        if found.is_empty() {
            return Ok(());
        }
        let requests = &self.inner.requests;
        requests
            .alone(move |connection, _| {
                Box::pin(async move {
                    for (whom, wish) in &found {
                        super::entry::put_new(connection, whom, wish).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Names, their hashes, and all that the mails put on the list that put them there.
async fn with_their_mails(connection: &mut Connection, names: Vec<Whom>) -> Result<Vec<Whom>, LedgerError> {
    let hashes = names.iter().filter_map(|whom| match whom {
        Whom::Address(address) => Some(Whom::Hash(hash_of_address(&address.to_string()))),
        Whom::User(user_id) => Some(Whom::Hash(hash_of_user(user_id))),
        Whom::Hash(_) => None,
    });
    let hashes: Vec<_> = hashes.collect();
    let mut all: Vec<Whom> = names.into_iter().chain(hashes).collect();
    let mut mails = Vec::new();
    for whom in &all {
        mails.extend(find(connection, whom).await?.and_then(|wish| wish.mail));
    }
    for mail in mails {
        all.extend(of_mail(connection, &mail).await?);
    }
    Ok(all)
}

/// All that a mail put on the list, and no other did.
pub(in crate::ledger) async fn of_mail(
    connection: &mut Connection,
    mail: &str,
) -> Result<Vec<Whom>, LedgerError> {
    let [addresses, users, hashes] = OF_MAIL;
    let addresses: Vec<String> = connection.all(addresses, values![mail]).await?;
    let users: Vec<String> = connection.all(users, values![mail]).await?;
    let hashes: Vec<[u8; 32]> = connection.all(hashes, values![mail]).await?;
    let addresses = addresses.iter().filter_map(|address| Address::parse(address).ok()).map(Whom::Address);
    Ok(addresses.chain(users.into_iter().map(Whom::User)).chain(hashes.into_iter().map(Whom::Hash)).collect())
}
