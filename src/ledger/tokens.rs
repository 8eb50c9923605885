//! Tokens that a service minted: asked for, made, ended. Their text never comes here.
//!
//! The question is on disk before the service is asked, the id before the mail goes. So after a crash every token is
//! either known by its id, and can be revoked, or counted as an orphan.

use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{Claim, Ledger, LedgerError, Run, group::Grouped, settle::json};
use crate::{audience::Recipient, campaign::CampaignId};

/// The `kid` of a record whose token a service minted: nothing can be rebuilt from it.
pub const MINTED: &str = "clerk";

/// What a minted token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Signs a user in.
    SignIn,
    /// Lets a person in who has no user yet.
    Invitation,
}

/// How a token came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenEnd {
    /// Taken back: it signs nobody in.
    Revoked,
    /// Somebody signed in with it.
    Used,
    /// The service does not know it.
    Gone,
    /// The answer was lost: it may live, and nobody holds it.
    Orphan,
    /// The service refused to make one: there is none.
    Refused,
}

/// A token that is wanted, before it is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    recipient: i64,
    epoch: i64,
    user_id: String,
    kind: TokenKind,
    latest_end: i64,
    line: u64,
}

/// Proof that the question for a token is on disk.
#[derive(Debug)]
#[must_use = "a question without an end is an orphan"]
pub struct Asked {
    pub(super) number: i64,
    /// The recipient's earlier tokens that may still sign somebody in.
    pub live: Vec<LiveToken>,
}

/// A minted token that may still sign somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveToken {
    /// Its number in the ledger.
    pub number: i64,
    /// The service's id.
    pub clerk_id: String,
    /// What it is.
    pub kind: TokenKind,
}

/// Whose link was used already, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedLink {
    /// The line in the list.
    pub line: u64,
    /// The user.
    pub user_id: Option<String>,
    /// Where the mail went.
    pub address: Option<String>,
}

/// How many minted tokens of a campaign are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenTally {
    /// Known and not ended.
    pub live: u64,
    /// Known to be used.
    pub used: u64,
    /// Taken back.
    pub revoked: u64,
    /// Those whose answer was lost and that have not ended yet; nobody holds them.
    pub orphans: u64,
    /// How many of the orphans are invitations.
    pub orphaned_invitations: u64,
    /// When the last orphan ends at the latest.
    pub orphans_end: Option<Timestamp>,
}

/// What the writer notes.
pub(super) enum Note {
    Ask(Question),
    Made { number: i64, clerk_id: String, expires_at: i64 },
    End { number: i64, end: TokenEnd },
    Lost { occasion: i64 },
}

/// What a note comes to.
pub(super) enum Noted {
    Asked(Asked),
    Rows(u64),
}

const ASK: &str = "
insert into clerk_token (recipient_id, user_id, kind, asked_at, expires_at, state, changed_at)
select id, ?3, ?4, ?5, ?6, 'asked', ?5 from recipient where id = ?1 and epoch = ?2 and state = 'claimed'
returning id";

const LIVE_OF: &str = "
select id, clerk_id, kind from clerk_token where recipient_id = ?1 and state = 'live' and expires_at > ?2 order by id";

/// Not where another token has this id already: then the answer is none to this question.
const MADE: &str = "
update or ignore clerk_token set state = 'live', clerk_id = ?2, jti_hash = ?3, created_at = ?4, expires_at = ?5, changed_at = ?4
where id = ?1 and state = 'asked'";

const END: &str =
    "update clerk_token set state = ?2, changed_at = ?3 where id = ?1 and state in ('asked', 'live')";

const REFUSED: &str = "delete from clerk_token where id = ?1 and state = 'asked'";

const LOST: &str = "
update clerk_token set state = 'orphan', changed_at = ?2
where state = 'asked' and recipient_id in (select id from recipient where occasion_id = ?1)";

/// A token is of use only where its mail left or may have left, and only the one that the mail carries.
const USELESS: &str = "
select t.id, t.clerk_id, t.kind from clerk_token t join recipient r on r.id = t.recipient_id
where t.state = 'live' and r.occasion_id = ?1 and t.expires_at > ?2 and t.id > ?3
    and not (r.state in ('claimed', 'sending', 'sent', 'unknown') and t.jti_hash is r.jti_hash)
order by t.id limit ?4";

const UNUSED: &str = "
select t.id, t.clerk_id, t.kind from clerk_token t join recipient r on r.id = t.recipient_id
where t.state = 'live' and r.occasion_id = ?1 and t.expires_at > ?2 and t.id > ?3
    and (?5 = '[]' or r.user_id in (select value from json_each(?5)) or r.address in (select value from json_each(?5)))
order by t.id limit ?4";

const REVOKE_LOCAL: &str = "
update recipient set revoked_at = ?2
where occasion_id = ?1 and jti_hash is not null and kid <> ?3 and redeemed_at is null and revoked_at is null
    and token_expires_at > ?2 / 1000
    and (?4 = '[]' or user_id in (select value from json_each(?4)) or address in (select value from json_each(?4)))";

const USED: &str = "
select r.line, r.user_id, r.address from occasion o join recipient r on r.occasion_id = o.id
where o.campaign = ?1 and o.occasion = ?2
    and (r.redeemed_at is not null
        or exists (select 1 from clerk_token t where t.recipient_id = r.id and t.state = 'used'))
    and (?3 = '[]' or r.user_id in (select value from json_each(?3)) or r.address in (select value from json_each(?3)))
order by r.line, r.id";

const WITHOUT_USER: &str = "
select count(*) from recipient
where occasion_id = ?1 and state in ('pending', 'deferred') and user_id = lower(address)";

const TALLY: &str = "
select t.state, t.kind, count(*), max(t.expires_at) from clerk_token t join recipient r on r.id = t.recipient_id
    join occasion o on o.id = r.occasion_id
where o.campaign = ?1 and (t.state not in ('asked', 'orphan') or t.expires_at > ?2) group by t.state, t.kind";

/// Those that wait for a token, from a line on. Whoever has no user is left out: there is nobody to look at.
const WAITING_USERS: &str = "
select line, user_id from (
    select * from (select line, user_id, address from recipient
        where occasion_id = ?1 and state = 'pending' and line >= ?2 order by line limit ?3)
    union all
    select * from (select line, user_id, address from recipient
        where occasion_id = ?1 and state = 'claimed' and line >= ?2 order by line limit ?3)
    union all
    select * from (select line, user_id, address from recipient
        where occasion_id = ?1 and state = 'deferred' and line >= ?2 order by line limit ?3)
) where user_id is not null and user_id <> lower(address) order by line limit ?3";

impl Asked {
    /// The question's number in the ledger, which becomes the token's.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.number
    }
}

impl TokenKind {
    const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in_token",
            Self::Invitation => "invitation",
        }
    }
}

impl Run {
    /// What is to be asked for a claimed recipient. `latest_end`, Unix seconds, is when the token ends at the latest.
    #[must_use]
    pub fn question(&self, claim: &Claim, kind: TokenKind, latest_end: i64) -> Question {
        let Recipient { user_id, line, .. } = &claim.recipient;
        let (user_id, line) = (user_id.clone(), *line);
        Question { recipient: claim.id, epoch: self.core.epoch, user_id, kind, latest_end, line }
    }

    /// Writes down that a token is asked for now: from here on nobody knows whether it lives until its answer is here.
    pub async fn ask_token(&self, question: &Question) -> Result<Asked, LedgerError> {
        match self.note(Note::Ask(question.clone())).await? {
            Noted::Asked(asked) => Ok(asked),
            Noted::Rows(_) => Err(LedgerError::refused(
                format!("the row of line {} is not held by this run any more", question.line),
                "see that only one copy of the ledger is in use",
            )),
        }
    }

    /// Writes down the token's id. When this returns `true` it is on disk, and the mail may go. `false`: a token with
    /// this id was made before, and what became of this question nobody knows.
    pub async fn made_token(
        &self,
        asked: Asked,
        clerk_id: &str,
        expires_at: i64,
    ) -> Result<bool, LedgerError> {
        let number = asked.number;
        let note = Note::Made { number, clerk_id: clerk_id.to_owned(), expires_at };
        let is_new = matches!(self.note(note).await?, Noted::Rows(rows) if rows > 0);
        if !is_new {
            self.end_token(number, TokenEnd::Orphan).await?;
        }
        Ok(is_new)
    }

    /// Writes down that there is no token, or that nobody knows whether there is one.
    pub async fn unmade_token(&self, asked: Asked, end: TokenEnd) -> Result<(), LedgerError> {
        self.end_token(asked.number, end).await
    }

    /// Writes down how a token ended.
    pub async fn end_token(&self, number: i64, end: TokenEnd) -> Result<(), LedgerError> {
        self.note(Note::End { number, end }).await.map(drop)
    }

    /// Counts the questions that nobody awaits an answer to any more as orphans: those of a run that is gone.
    pub async fn lost_tokens(&self) -> Result<u64, LedgerError> {
        match self.note(Note::Lost { occasion: self.core.occasion }).await? {
            Noted::Rows(rows) => Ok(rows),
            Noted::Asked(_) => Ok(0),
        }
    }

    /// Up to `limit` tokens behind the number `after` that no mail needs: that of a mail which was refused, withdrawn
    /// or never left, and that which a later token replaced.
    pub async fn useless_tokens(&self, after: i64, limit: u32) -> Result<Vec<LiveToken>, LedgerError> {
        let query = sqlx::query(USELESS).bind(self.core.occasion).bind(self.now_seconds());
        let rows = query.bind(after).bind(limit).fetch_all(&self.ledger.readers).await?;
        rows.iter().map(live).collect()
    }

    /// Up to `limit` tokens behind the number `after` that may still sign somebody in; of `only` these user ids and
    /// canonical addresses, or of all where it is empty.
    pub async fn unused_tokens(
        &self,
        only: &[String],
        after: i64,
        limit: u32,
    ) -> Result<Vec<LiveToken>, LedgerError> {
        let query = sqlx::query(UNUSED).bind(self.core.occasion).bind(self.now_seconds());
        let rows = query.bind(after).bind(limit).bind(json(only)).fetch_all(&self.ledger.readers).await?;
        rows.iter().map(live).collect()
    }

    /// How many of those that wait have no user: their user id is their address.
    pub async fn waiting_without_user(&self) -> Result<u64, LedgerError> {
        let count: i64 =
            sqlx::query_scalar(WITHOUT_USER).bind(self.core.occasion).fetch_one(&self.ledger.readers).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Up to `limit` people that wait for a token, from this line of the list on: line and user id.
    pub async fn waiting_users(&self, from: u64, limit: u32) -> Result<Vec<(u64, String)>, LedgerError> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let query = sqlx::query_as(WAITING_USERS).bind(self.core.occasion).bind(from).bind(limit);
        let rows: Vec<(i64, String)> = query.fetch_all(&self.ledger.readers).await?;
        Ok(rows.into_iter().map(|(line, user)| (u64::try_from(line).unwrap_or_default(), user)).collect())
    }

    /// Revokes the local tokens of a list: from now on they sign nobody in. Returns how many.
    pub async fn revoke_local(&self, only: &[String]) -> Result<u64, LedgerError> {
        let only = only.to_vec();
        self.write(|connection, run, now| {
            Box::pin(async move { revoke_local(connection, run.occasion, &only, now).await })
        })
        .await
    }

    async fn note(&self, note: Note) -> Result<Noted, LedgerError> {
        let run = Arc::clone(&self.core);
        self.ledger.requests.grouped(|answer| Grouped::Note { run, note, answer }).await
    }

    fn now_seconds(&self) -> i64 {
        self.ledger.clock.now().as_second()
    }
}

impl Ledger {
    /// The tokens that a service minted for a campaign, by state.
    pub async fn token_tally(&self, campaign: &CampaignId) -> Result<TokenTally, LedgerError> {
        tally(&self.inner.readers, campaign, self.inner.clock.now().as_second()).await
    }

    /// Whose links of an occasion were used, in list order; of `only` these user ids and canonical addresses, or of
    /// all where it is empty.
    pub async fn used_links(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        only: &[String],
    ) -> Result<Vec<UsedLink>, LedgerError> {
        used(&self.inner.readers, campaign, occasion, only).await
    }
}

/// Writes a note. Runs inside the caller's transaction.
pub(super) async fn note(
    connection: &mut SqliteConnection,
    note: &Note,
    now: i64,
) -> Result<Noted, LedgerError> {
    let query = match note {
        Note::Ask(Question { recipient, epoch, user_id, kind, latest_end, .. }) => {
            let asked: Option<i64> = sqlx::query_scalar(ASK)
                .bind(recipient)
                .bind(epoch)
                .bind(user_id)
                .bind(kind.name())
                .bind(now)
                .bind(latest_end)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(number) = asked else { return Ok(Noted::Rows(0)) };
            let rows =
                sqlx::query(LIVE_OF).bind(recipient).bind(now / 1000).fetch_all(&mut *connection).await?;
            let live = rows.iter().map(live).collect::<Result<_, _>>()?;
            return Ok(Noted::Asked(Asked { number, live }));
        }
        Note::Made { number, clerk_id, expires_at } => sqlx::query(MADE)
            .bind(number)
            .bind(clerk_id)
            .bind(hash_of(clerk_id).to_vec())
            .bind(now)
            .bind(expires_at),
        Note::End { number, end: TokenEnd::Refused } => sqlx::query(REFUSED).bind(number),
        Note::End { number, end } => sqlx::query(END).bind(number).bind(state_after(*end)).bind(now),
        Note::Lost { occasion } => sqlx::query(LOST).bind(occasion).bind(now),
    };
    Ok(Noted::Rows(query.execute(connection).await?.rows_affected()))
}

/// Ends the local tokens of an occasion. Runs inside the caller's transaction.
async fn revoke_local(
    connection: &mut SqliteConnection,
    occasion: i64,
    only: &[String],
    now: i64,
) -> Result<u64, LedgerError> {
    let query = sqlx::query(REVOKE_LOCAL).bind(occasion).bind(now).bind(MINTED).bind(json(only));
    Ok(query.execute(connection).await?.rows_affected())
}

/// Whose links were used, of an occasion.
async fn used(
    readers: &SqlitePool,
    campaign: &CampaignId,
    occasion: &str,
    only: &[String],
) -> Result<Vec<UsedLink>, LedgerError> {
    let rows: Vec<(i64, Option<String>, Option<String>)> = sqlx::query_as(USED)
        .bind(campaign.as_str())
        .bind(occasion)
        .bind(json(only))
        .fetch_all(readers)
        .await?;
    let used = |(line, user_id, address)| UsedLink {
        line: u64::try_from(line).unwrap_or_default(),
        user_id,
        address,
    };
    Ok(rows.into_iter().map(used).collect())
}

/// The minted tokens of a campaign by state; of those whose answer was lost the ones that may still live at `now`, Unix
/// seconds.
async fn tally(readers: &SqlitePool, campaign: &CampaignId, now: i64) -> Result<TokenTally, LedgerError> {
    let rows: Vec<(String, String, i64, i64)> =
        sqlx::query_as(TALLY).bind(campaign.as_str()).bind(now).fetch_all(readers).await?;
    let mut tally = TokenTally::default();
    for (state, kind, count, end) in rows {
        let count = u64::try_from(count).unwrap_or_default();
        match state.as_str() {
            "live" => tally.live += count,
            "used" => tally.used += count,
            "revoked" | "gone" => tally.revoked += count,
            // A question under way is an orphan unless its answer still comes.
            _ => {
                tally.orphans += count;
                if kind == TokenKind::Invitation.name() {
                    tally.orphaned_invitations += count;
                }
                tally.orphans_end = tally.orphans_end.max(Timestamp::from_second(end).ok());
            }
        }
    }
    Ok(tally)
}

/// SHA-256 of a service's id: the `jti_hash` of its record.
#[must_use]
pub fn hash_of(clerk_id: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, clerk_id.as_bytes()).as_ref());
    hash
}

const fn state_after(end: TokenEnd) -> &'static str {
    match end {
        TokenEnd::Revoked => "revoked",
        TokenEnd::Used => "used",
        TokenEnd::Gone | TokenEnd::Refused => "gone",
        TokenEnd::Orphan => "orphan",
    }
}

fn live(row: &SqliteRow) -> Result<LiveToken, LedgerError> {
    let kind: String = row.try_get("kind")?;
    let kind = if kind == TokenKind::Invitation.name() { TokenKind::Invitation } else { TokenKind::SignIn };
    Ok(LiveToken { number: row.try_get("id")?, clerk_id: row.try_get("clerk_id")?, kind })
}
