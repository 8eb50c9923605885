//! One entry of the suppression list: put there, said again, ended.

use crate::{
    audience::Address,
    ledger::{
        rules::LedgerError,
        store::{Connection, Sql, Value},
    },
};

/// Whom an entry keeps from getting mails.
#[derive(Clone, PartialEq, Eq)]
pub enum Whom {
    /// Whoever is listed with this address.
    Address(Address),
    /// Whoever is listed with this user id.
    User(String),
    /// Whose address or user id has this SHA-256: the people of the mail were purged.
    Hash([u8; 32]),
}

/// Why somebody gets no mails any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ledger) struct Wish {
    pub(in crate::ledger) reason: String,
    /// Unix milliseconds.
    pub(in crate::ledger) since: i64,
    /// The unsubscribe id of the mail that said it: its page can take it back. `None`: nobody's page can.
    pub(in crate::ledger) mail: Option<String>,
}

/// Puts an entry on the list; `$again` says what becomes of one that is there.
macro_rules! insert {
    ($table:literal, $column:literal, $($again:literal),+) => {
        Sql::shared(concat!(
            "insert into ",
            $table,
            " (",
            $column,
            ", reason, since, mail) values (?1, ?2, ?3, ?4) on conflict (",
            $column,
            ") do ",
            $($again),+
        ))
    };
}

/// The first reason stays. What a second mail says is not taken back by the page of either.
macro_rules! put {
    ($table:literal, $column:literal) => {
        insert!(
            $table,
            $column,
            "update set
    since = case when ",
            $table,
            ".mail = ?4 then ?3 else ",
            $table,
            ".since end,
    mail = case when ",
            $table,
            ".mail = ?4 then ?4 end"
        )
    };
}

/// Leaves an entry that is there as it is.
macro_rules! put_new {
    ($table:literal, $column:literal) => {
        insert!($table, $column, "nothing")
    };
}

/// Ends an entry, and keeps it among those of the past.
macro_rules! end {
    ($table:literal, $column:literal) => {
        (
            Sql::shared(concat!(
                "insert into suppression_end (",
                $column,
                ", since, reason, ended_at, ended) select ",
                $column,
                ", since, reason, ?2, ?3 from ",
                $table,
                " where ",
                $column,
                " = ?1"
            )),
            Sql::shared(concat!("delete from ", $table, " where ", $column, " = ?1")),
        )
    };
}

/// Why somebody is on the list; nothing where they are not.
macro_rules! find {
    ($table:literal, $column:literal) => {
        Sql::shared(concat!("select reason, since, mail from ", $table, " where ", $column, " = ?1"))
    };
}

impl Whom {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Address(address) => Value::from(address.to_string()),
            Self::User(user) => Value::from(user),
            Self::Hash(hash) => Value::from(hash),
        }
    }
}

async fn insert(connection: &mut Connection, sql: Sql, whom: &Whom, wish: &Wish) -> Result<(), LedgerError> {
    let mail = wish.mail.as_deref();
    connection.execute(sql, &[whom.value(), (&wish.reason).into(), wish.since.into(), mail.into()]).await?;
    Ok(())
}

/// Puts somebody on the list, or notes that it was said again.
pub(in crate::ledger) async fn put(
    connection: &mut Connection,
    whom: &Whom,
    wish: &Wish,
) -> Result<(), LedgerError> {
    let sql = match whom {
        Whom::Address(_) => const { put!("suppression", "address") },
        Whom::User(_) => const { put!("suppressed_user", "user_id") },
        Whom::Hash(_) => const { put!("suppressed_hash", "hash") },
    };
    insert(connection, sql, whom, wish).await
}

/// Why somebody is on the list.
pub(in crate::ledger) async fn find(
    connection: &mut Connection,
    whom: &Whom,
) -> Result<Option<Wish>, LedgerError> {
    let sql = match whom {
        Whom::Address(_) => const { find!("suppression", "address") },
        Whom::User(_) => const { find!("suppressed_user", "user_id") },
        Whom::Hash(_) => const { find!("suppressed_hash", "hash") },
    };
    let found: Option<(String, i64, Option<String>)> = connection.first(sql, &[whom.value()]).await?;
    Ok(found.map(|(reason, since, mail)| Wish { reason, since, mail }))
}

/// Puts somebody on the list who is not on it yet.
pub(in crate::ledger) async fn put_new(
    connection: &mut Connection,
    whom: &Whom,
    wish: &Wish,
) -> Result<(), LedgerError> {
    let sql = match whom {
        Whom::Address(_) => const { put_new!("suppression", "address") },
        Whom::User(_) => const { put_new!("suppressed_user", "user_id") },
        Whom::Hash(_) => const { put_new!("suppressed_hash", "hash") },
    };
    insert(connection, sql, whom, wish).await
}

/// Ends entries, for the reason `ended`. Returns how many were there.
pub(in crate::ledger) async fn end_all(
    connection: &mut Connection,
    all: &[Whom],
    ended: &str,
    now: i64,
) -> Result<u64, LedgerError> {
    let mut done = 0;
    for whom in all {
        let (keep, remove) = match whom {
            Whom::Address(_) => const { end!("suppression", "address") },
            Whom::User(_) => const { end!("suppressed_user", "user_id") },
            Whom::Hash(_) => const { end!("suppressed_hash", "hash") },
        };
        connection.execute(keep, &[whom.value(), now.into(), ended.into()]).await?;
        done += connection.execute(remove, &[whom.value()]).await?;
    }
    Ok(done)
}

/// Who somebody is stays out of what is printed by accident.
impl std::fmt::Debug for Whom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Address(_) => "Address",
            Self::User(_) => "User",
            Self::Hash(_) => "Hash",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store::values;

    const MAILS: Sql =
        Sql::shared("select coalesce(mail, '-') || ' ' || since || ' ' || reason from suppression");

    #[tokio::test]
    async fn the_first_reason_stays_and_a_second_mail_makes_it_nobodys() {
        let mut connection = Connection::in_memory().await;
        let whom = Whom::Address(Address::parse("ada@example.org").unwrap());
        for (mail, since, expected) in [
            (Some("m1"), 1, "m1 1 first"),
            (Some("m1"), 2, "m1 2 first"),
            (Some("m2"), 3, "- 2 first"),
            (Some("m1"), 4, "- 2 first"),
            (None, 5, "- 2 first"),
        ] {
            let reason = if since == 1 { "first" } else { "again" }.to_owned();
            put(&mut connection, &whom, &Wish { reason, since, mail: mail.map(str::to_owned) })
                .await
                .unwrap();
            let found: String = connection.one(MAILS, values![]).await.unwrap();
            assert_eq!(found, expected);
        }
        assert_eq!(end_all(&mut connection, &[whom.clone(), whom], "by hand", 9).await.unwrap(), 1);
        let kept: String = connection
            .one(Sql::shared("select address || ended || ended_at || reason from suppression_end"), values![])
            .await
            .unwrap();
        assert_eq!(kept, "ada@example.orgby hand9first");
    }
}
