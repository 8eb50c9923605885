//! Forgetting: the persons go, the figures stay.

use super::tally::{Tally, counts};
use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::{LedgerError, State},
        store::{Connection, Digest, Holder, Sql, differs, json, values},
        suppression::{hash_of_address, hash_of_user},
        writer::Journal,
    },
};

/// Rows per statement.
const BATCH: i64 = 1000;

/// The effect of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeReport {
    /// Occasions that were purged; those that had been before are not counted.
    pub occasions: u64,
    /// Rows whose personal data is gone.
    pub rows: u64,
    /// Rows among them that had not come to an end: `withdrawn` now, or `unknown` for good.
    pub unsettled: u64,
}

const OCCASIONS: Sql =
    Sql::shared("select id, generation, purged_at from occasion where campaign = ?1 order by id");

const KEYS: Sql = Sql::shared(
    "
select id, coalesce(key, ''), address, user_id from recipient where occasion_id = ?1 and id > ?2 order by id limit ?3",
);

/// Hashes of keys, addresses and user ids, states and times stay, so that a wish finds its
/// person; a relay's words may hold an address, so they go.
pub(in crate::ledger) const EMPTY: Sql = differs!("purge");

const EMPTY_ATTEMPTS: Sql = Sql::shared(
    "
update attempts set reply = null where recipient_id in (select id from recipient where occasion_id = ?1)",
);

const EMPTY_ANSWERS: Sql = Sql::shared(
    "
update answer set words = null where recipient_id in (select id from recipient where occasion_id = ?1)",
);
const EMPTY_TOKENS: Sql = Sql::shared("
update clerk_token set user_id = null where recipient_id in (select id from recipient where occasion_id = ?1)");

impl Ledger {
    /// Removes the persons from a campaign's rows: addresses, names, user ids, fields and the relay's words. Keys,
    /// addresses and user ids become hashes; counts, states and times stay. The old bytes are gone from the files when this
    /// returns.
    ///
    /// Refused while rows have not come to an end, unless forced; they are never mailed then. A purged occasion cannot
    /// be run again. The suppression list stays: it is the persons' own wish.
    pub async fn purge(&self, campaign: &CampaignId, force: bool) -> Result<PurgeReport, LedgerError> {
        let books = self.books(campaign).await?;
        if books.is_empty() {
            return Err(LedgerError::refused(
                format!("the ledger knows no campaign `{campaign}`"),
                "look at the name in the campaign file",
            ));
        }
        let holder = Holder::this(self.inner.clock.now());
        let mut held = Vec::new();
        let mut journals = Vec::new();
        for book in &books {
            held.push(self.inner.location.hold(campaign, &book.occasion, &holder)?);
            let journal = self.inner.location.journal(campaign, &book.occasion);
            if journal.exists() {
                let (opened, left) = Journal::open(&journal)?;
                if !left.is_empty() && !force {
                    return Err(LedgerError::refused(
                        format!("`{}` holds outcomes that are not in the ledger yet", journal.display()),
                        "run the campaign again, which enters them",
                    ));
                }
                journals.push((opened, journal));
            }
        }
        let campaign = campaign.clone();
        let report = self
            .inner
            .requests
            .lend(move |connection, now, answer| {
                Box::pin(async move {
                    let emptied = connection
                        .transaction(async |connection| empty(connection, &campaign, force, now).await);
                    let report = match emptied.await {
                        Ok(report) => connection.wipe().await.map(|()| report),
                        Err(error) => Err(error),
                    };
                    let _ = answer.send(report);
                })
            })
            .await?;
        for (mut journal, path) in journals {
            journal.clear()?;
            std::fs::remove_file(&path)
                .map_err(|error| LedgerError::storage(&format!("remove `{}`", path.display()), error))?;
        }
        Ok(report)
    }
}

/// Takes the persons out of the rows of a campaign, inside a transaction. The caller holds the locks of its occasions.
async fn empty(
    connection: &mut Connection,
    campaign: &CampaignId,
    force: bool,
    now: i64,
) -> Result<PurgeReport, LedgerError> {
    let occasions: Vec<(i64, i64, Option<i64>)> =
        connection.all(OCCASIONS, values![campaign.as_str()]).await?;
    let open: Vec<_> = occasions.into_iter().filter(|(_, _, purged)| purged.is_none()).collect();
    let mut all = Tally::default();
    for (occasion, generation, _) in &open {
        let (listed, gone) = counts(connection, *occasion, *generation).await?;
        all = all.iter().chain(listed.iter()).chain(gone.iter()).collect();
    }
    let unsettled = all.unsettled();
    if unsettled > 0 && !force {
        return Err(LedgerError::refused(
            format!(
                "{unsettled} rows of `{campaign}` have not come to an end ({} of them `unknown`)",
                all.get(State::Unknown)
            ),
            "finish the campaign first, or force the purge: they are never mailed then",
        ));
    }
    for (occasion, _, _) in &open {
        empty_occasion(connection, *occasion).await?;
        connection
            .execute(Sql::shared("update occasion set purged_at = ?2 where id = ?1"), values![occasion, now])
            .await?;
    }
    Ok(PurgeReport { occasions: open.len() as u64, rows: all.total(), unsettled })
}

async fn empty_occasion(connection: &mut Connection, occasion: i64) -> Result<(), LedgerError> {
    let mut after = i64::MIN;
    loop {
        let rows: Vec<(i64, String, Option<String>, Option<String>)> =
            connection.all(KEYS, values![occasion, after, BATCH]).await?;
        let Some((last, ..)) = rows.last() else { break };
        after = *last;
        let hashed = rows.iter().map(|(id, key, address, user_id)| {
            let address = address.as_deref().map(|address| Digest(hash_of_address(address)));
            let user_id = user_id.as_deref().map(|user_id| Digest(hash_of_user(user_id)));
            (id, Digest::of(key), address, user_id)
        });
        let hashed: Vec<_> = hashed.collect();
        connection.execute(EMPTY, values![json(&hashed)]).await?;
    }
    for statement in [EMPTY_ATTEMPTS, EMPTY_ANSWERS, EMPTY_TOKENS] {
        connection.execute(statement, values![occasion]).await?;
    }
    Ok(())
}
