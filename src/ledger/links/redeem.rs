//! Redemption: the ticket of a link, and the one statement that spends it.
//!
//! Two kinds of token are looked up by the hash of their `jti`: those of a mail (`recipient`) and those that were asked
//! for one by one (`sign_in_token`).

use super::answers::{self, SurveyAnswer};
use crate::{
    audience::Address,
    campaign::Question,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        run::Run,
        store::{Connection, Row, Sql, json, values},
    },
};

/// The time for which the browser that redeemed may ask again: its answer may have been lost.
const AGAIN_MS: i64 = 120_000;

/// The facts of a campaign that the page of a link shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageFacts {
    /// The name for people.
    pub title: String,
    /// The parameters of every link of the campaign, in order.
    pub link_parameters: Vec<(String, String)>,
    /// A survey's questions.
    pub questions: Vec<Question>,
}

/// The status of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// It signs in.
    Open,
    /// It has.
    Used,
    /// It was called back.
    Revoked,
    /// Its time is over.
    Expired,
}

/// The person and the campaign behind a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The user that it signs in.
    pub user_id: String,
    /// The address that its mail went to.
    pub address: Option<Address>,
    /// Whether it still signs in.
    pub status: TokenStatus,
    /// The campaign that it was sent for.
    pub origin: Option<TokenOrigin>,
}

/// The campaign of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOrigin {
    /// Its name.
    pub campaign: String,
    /// The occasion's name.
    pub occasion: String,
    /// The facts for its page.
    pub page: PageFacts,
}

/// A token about to be spent.
#[derive(Debug, Clone)]
pub struct Redemption {
    /// SHA-256 of the token's `jti`.
    pub jti_hash: [u8; 32],
    /// The user in the token; the ledger has to agree.
    pub user_id: String,
    /// SHA-256 of a secret of the asker: the same one may ask again for two minutes.
    pub by: [u8; 32],
    /// The answer that was given on the page.
    pub given: Option<SurveyAnswer>,
}

/// The result of a redemption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// Spent now, by this asker.
    Now,
    /// Spent by this very asker a moment ago.
    Again,
    /// Not spent; the token stands like this. Never [`TokenStatus::Open`].
    Refused(TokenStatus),
    /// The ledger knows no such token, or not for this user, or its mail never left.
    Unknown,
}

const DESCRIBE: Sql =
    Sql::shared("update occasion set title = ?2, link_parameters = ?3, questions = ?4 where id = ?1");

const TICKET: Sql = Sql::shared(
    "
select r.user_id, r.address, r.redeemed_at, r.revoked_at, r.token_expires_at as expires_at,
    o.campaign, o.occasion, o.title, o.link_parameters, o.questions
from recipient r join occasion o on o.id = r.occasion_id
where r.jti_hash = ?1 and r.user_id is not null and r.state in ('sending', 'unknown', 'sent')",
);

const API_TICKET: Sql = Sql::shared(
    "
select user_id, null as address, redeemed_at, revoked_at, expires_at, null as campaign
from sign_in_token where jti_hash = ?1",
);

/// The whole of single use: whoever's statement finds the token unspent has spent it.
const REDEEM: Sql = Sql::shared(
    "
update recipient set redeemed_at = coalesce(redeemed_at, ?3), redeemed_by = coalesce(redeemed_by, ?4)
where jti_hash = ?1 and user_id = ?2 and state in ('sending', 'unknown', 'sent')
    and revoked_at is null and token_expires_at > ?3 / 1000
    and (redeemed_at is null or (redeemed_by = ?4 and redeemed_at > ?3 - ?5))
returning id, redeemed_at = ?3 as first",
);

const REDEEM_API: Sql = Sql::shared(
    "
update sign_in_token set redeemed_at = coalesce(redeemed_at, ?3), redeemed_by = coalesce(redeemed_by, ?4),
    updated_at = case when redeemed_at is null then ?3 else updated_at end
where jti_hash = ?1 and user_id = ?2 and revoked_at is null and expires_at > ?3 / 1000
    and (redeemed_at is null or (redeemed_by = ?4 and redeemed_at > ?3 - ?5))
returning 0 as id, redeemed_at = ?3 as first",
);

impl Ledger {
    /// The ticket of the token with this hash of its `jti`. Nothing is spent by looking.
    pub async fn ticket(&self, jti_hash: &[u8; 32]) -> Result<Option<Ticket>, LedgerError> {
        let mut connection = self.inner.readers.get().await?;
        find(&mut connection, jti_hash, self.inner.clock.now().as_millisecond()).await
    }

    /// Spends a token: of all that ask, however many at once, one hears [`Redeemed::Now`]. Durable when this returns.
    pub async fn redeem(&self, redemption: Redemption) -> Result<Redeemed, LedgerError> {
        let requests = &self.inner.requests;
        requests
            .alone(move |connection, now| Box::pin(async move { redeem(connection, &redemption, now).await }))
            .await
    }
}

impl Run {
    /// Keeps what the pages of the links show, so that they need no campaign file.
    pub async fn describe(&self, facts: PageFacts) -> Result<(), LedgerError> {
        self.write(|connection, run, _| {
            Box::pin(async move { describe(connection, run.occasion, &facts).await })
        })
        .await
    }
}

/// Keeps what the pages of an occasion show.
async fn describe(connection: &mut Connection, occasion: i64, facts: &PageFacts) -> Result<(), LedgerError> {
    let questions: Vec<_> =
        facts.questions.iter().map(|question| (&question.id, &question.text, &question.answers)).collect();
    connection
        .execute(DESCRIBE, values![occasion, &facts.title, json(&facts.link_parameters), json(&questions)])
        .await?;
    Ok(())
}

/// Spends a token, inside the transaction of the caller. Rests on the one write lock:
/// `races::a_token_is_open_or_spent_and_never_between`.
pub(in crate::ledger) async fn redeem(
    connection: &mut Connection,
    redemption: &Redemption,
    now: i64,
) -> Result<Redeemed, LedgerError> {
    for (statement, of_a_mail) in [(REDEEM, true), (REDEEM_API, false)] {
        let row: Option<(i64, bool)> = connection
            .first(
                statement,
                values![
                    redemption.jti_hash.as_slice(),
                    &redemption.user_id,
                    now,
                    redemption.by.as_slice(),
                    AGAIN_MS
                ],
            )
            .await?;
        if let Some((id, first)) = row {
            if let Some(given) = redemption.given.as_ref().filter(|_| of_a_mail) {
                answers::record(connection, id, given, now).await?;
            }
            return Ok(if first { Redeemed::Now } else { Redeemed::Again });
        }
    }
    let found = find(&mut *connection, &redemption.jti_hash, now).await?;
    Ok(match found.filter(|ticket| ticket.user_id == redemption.user_id) {
        // Open and not updated cannot be: both happen under the one write lock, see above.
        None | Some(Ticket { status: TokenStatus::Open, .. }) => Redeemed::Unknown,
        Some(Ticket { status, .. }) => Redeemed::Refused(status),
    })
}

async fn find(
    connection: &mut Connection,
    jti_hash: &[u8; 32],
    now: i64,
) -> Result<Option<Ticket>, LedgerError> {
    for statement in [TICKET, API_TICKET] {
        let row = connection.row(statement, values![jti_hash.as_slice()]).await?;
        if let Some(row) = row {
            return read(&row, now).map(Some);
        }
    }
    Ok(None)
}

fn read(row: &Row, now: i64) -> Result<Ticket, LedgerError> {
    let (redeemed, revoked): (Option<i64>, Option<i64>) = (row.get("redeemed_at")?, row.get("revoked_at")?);
    let expires: i64 = row.get("expires_at")?;
    let status = if redeemed.is_some() {
        TokenStatus::Used
    } else if revoked.is_some() {
        TokenStatus::Revoked
    } else if expires <= now.div_euclid(1000) {
        TokenStatus::Expired
    } else {
        TokenStatus::Open
    };
    let campaign: Option<String> = row.get("campaign")?;
    let origin = match campaign {
        None => None,
        Some(campaign) => {
            Some(TokenOrigin { campaign, occasion: row.get("occasion")?, page: page_facts(row)? })
        }
    };
    Ok(Ticket { user_id: row.get("user_id")?, address: row.get("address")?, status, origin })
}

fn page_facts(row: &Row) -> Result<PageFacts, LedgerError> {
    type Questions = Vec<(String, String, Vec<(String, String)>)>;
    let broken = |_| LedgerError::broken("the ledger holds a campaign's page that cannot be read");
    let or_empty = |text: String| if text.is_empty() { "[]".to_owned() } else { text };
    let questions: Questions = serde_json::from_str(&or_empty(row.text("questions")?)).map_err(broken)?;
    Ok(PageFacts {
        title: row.text("title")?,
        link_parameters: serde_json::from_str(&or_empty(row.text("link_parameters")?)).map_err(broken)?,
        questions: questions.into_iter().map(|(id, text, answers)| Question { id, text, answers }).collect(),
    })
}

/// Without the person.
impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("status", &self.status)
            .field("origin", &self.origin.as_ref().map(|origin| &origin.campaign))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store::Connection;

    /// Unix milliseconds.
    const NOW: i64 = 1_800_000_000_000;
    const END: i64 = NOW / 1000 + 3600;
    /// The token of a mail, and one that was asked for alone.
    const TOKENS: [(&str, [u8; 32]); 2] = [("recipient", [1; 32]), ("sign_in_token", [2; 32])];

    /// A ledger with both tokens, for Ada, each with what was done to it.
    async fn ledger(done: &str) -> Connection {
        let mut connection = Connection::in_memory().await;
        let [(_, mail), (_, alone)] = TOKENS;
        let occasion = "insert into occasion (id, campaign, occasion) values (1, 'spring', 'once')";
        connection.execute(Sql::shared(occasion), &[]).await.unwrap();
        let of_mail = "insert into recipient
            (occasion_id, key, line, user_id, address, seen, state, jti_hash, token_expires_at, changed_at)
            values (1, 'ada', 2, 'ada', 'ada@example.com', 1, 'sent', ?1, ?2, 0)";
        connection.execute(Sql::shared(of_mail), values![&mail, END]).await.unwrap();
        let asked_for = "insert into sign_in_token
            (id, user_id, jti_hash, kid, issued_at, expires_at, created_at, updated_at)
            values ('sit_1', 'ada', ?1, 'k', 0, ?2, 0, 0)";
        connection.execute(Sql::shared(asked_for), values![&alone, END]).await.unwrap();
        for (table, _) in TOKENS.iter().filter(|_| !done.is_empty()) {
            connection.script(format!("update {table} set {done}")).await;
        }
        connection
    }

    async fn ask(connection: &mut Connection, jti_hash: [u8; 32], whom: (&str, u8), now: i64) -> Redeemed {
        let (user, by) = whom;
        let redemption = Redemption { jti_hash, user_id: user.to_owned(), by: [by; 32], given: None };
        redeem(connection, &redemption, now).await.unwrap()
    }

    #[tokio::test]
    async fn a_token_is_spent_once_for_its_user_and_asked_for_again_by_its_asker_alone() {
        for (table, jti) in TOKENS {
            let mut ledger = ledger("").await;
            let used = Redeemed::Refused(TokenStatus::Used);
            for (whom, now, expected) in [
                (("bob", 1), NOW, Redeemed::Unknown),
                (("ada", 1), NOW, Redeemed::Now),
                (("ada", 1), NOW + 1, Redeemed::Again),
                (("ada", 2), NOW + 1, used),
                (("bob", 1), NOW + 1, Redeemed::Unknown),
                (("ada", 1), NOW + AGAIN_MS - 1, Redeemed::Again),
                (("ada", 1), NOW + AGAIN_MS, used),
            ] {
                assert_eq!(ask(&mut ledger, jti, whom, now).await, expected, "{table}: {whom:?} at {now}");
            }
        }
    }

    #[tokio::test]
    async fn a_token_whose_time_is_over_or_that_was_called_back_signs_nobody_in() {
        for (table, jti) in TOKENS {
            let over = Redeemed::Refused(TokenStatus::Expired);
            assert_eq!(ask(&mut ledger("").await, jti, ("ada", 1), END * 1000).await, over, "{table}");
            let last = ask(&mut ledger("").await, jti, ("ada", 1), END * 1000 - 1).await;
            assert_eq!(last, Redeemed::Now, "{table}");
            let mut revoked = ledger("revoked_at = 1").await;
            let withdrawn = Redeemed::Refused(TokenStatus::Revoked);
            assert_eq!(ask(&mut revoked, jti, ("ada", 1), NOW).await, withdrawn, "{table}");
            assert_eq!(ask(&mut revoked, jti, ("bob", 1), NOW).await, Redeemed::Unknown, "{table}");
        }
    }
}
