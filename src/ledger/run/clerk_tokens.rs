//! A run's tokens: those that Clerk makes, and the local ones that are called back.

use std::sync::Arc;

use super::handle::Run;
use crate::{
    audience::Recipient,
    ledger::{
        rules::{Claim, LedgerError},
        store::{Connection, Sql, differs, json, values},
        tries::{Asked, LiveToken, Note, Noted, Question, TokenEnd, TokenKind, clerk_notes::live},
        writer::Grouped,
    },
};

/// The `kid` of a record whose token a service minted: nothing can be rebuilt from it.
pub const CLERK_KID: &str = "clerk";

/// A token is of use only where its mail left or may have left, and only the one that the mail carries.
const UNNEEDED: Sql = Sql::shared(
    "
select t.id, t.clerk_id, t.kind from clerk_token t join recipient r on r.id = t.recipient_id
where t.state = 'live' and r.occasion_id = ?1 and t.expires_at > ?2 and t.id > ?3
    and not (r.state in ('claimed', 'sending', 'sent', 'unknown') and t.jti_hash is not distinct from r.jti_hash)
order by t.id limit ?4",
);

const UNUSED: Sql = differs!("tokens_unused");

const REVOKE_LOCAL: Sql = differs!("tokens_revoke");

const WITHOUT_USER: Sql = Sql::shared(
    "
select count(*) from recipient
where occasion_id = ?1 and state in ('pending', 'deferred') and user_id = lower(address)",
);

/// Those that wait for a token, from a line on. Whoever has no user is left out: there is nobody to look at.
const WAITING_USERS: Sql = Sql::shared(
    "
select line, user_id from (
    select * from (select line, user_id, address from recipient
        where occasion_id = ?1 and state = 'pending' and line >= ?2 order by line limit ?3)
    union all
    select * from (select line, user_id, address from recipient
        where occasion_id = ?1 and state = 'claimed' and line >= ?2 order by line limit ?3)
    union all
    select * from (select line, user_id, address from recipient
        where occasion_id = ?1 and state = 'deferred' and line >= ?2 order by line limit ?3)
) where user_id is not null and user_id <> lower(address) order by line limit ?3",
);

impl Run {
    /// The question for the token of a claimed recipient. `latest_end`, Unix seconds, is the latest end of the token.
    #[must_use]
    pub fn question(&self, claim: &Claim, kind: TokenKind, latest_end: i64) -> Question {
        let Recipient { user_id, line, .. } = &claim.recipient;
        let (user_id, line) = (user_id.clone(), *line);
        Question { recipient: claim.id, epoch: self.core.epoch, user_id, kind, latest_end, line }
    }

    /// Writes down that a token is asked for now: from here on nobody knows whether it lives until its answer is here.
    pub async fn record_token_request(&self, question: &Question) -> Result<Asked, LedgerError> {
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
    pub async fn record_token(
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
    pub async fn record_no_token(&self, asked: Asked, end: TokenEnd) -> Result<(), LedgerError> {
        self.end_token(asked.number, end).await
    }

    /// Writes down how a token ended.
    pub async fn end_token(&self, number: i64, end: TokenEnd) -> Result<(), LedgerError> {
        self.note(Note::End { number, end }).await.map(drop)
    }

    /// Counts the questions that nobody awaits an answer to any more as orphans: those of a run that is gone.
    pub async fn mark_orphans(&self) -> Result<u64, LedgerError> {
        match self.note(Note::Lost { occasion: self.core.occasion }).await? {
            Noted::Rows(rows) => Ok(rows),
            Noted::Asked(_) => Ok(0),
        }
    }

    /// Up to `limit` tokens with a number greater than `after` that no mail needs: that of a mail which was refused,
    /// withdrawn or never left, and that which a later token replaced.
    pub async fn unneeded_tokens(&self, after: i64, limit: u32) -> Result<Vec<LiveToken>, LedgerError> {
        let rows = self
            .ledger
            .readers
            .rows(UNNEEDED, values![self.core.occasion, self.now_seconds(), after, limit])
            .await?;
        rows.iter().map(live).collect()
    }

    /// Up to `limit` tokens with a number greater than `after` that may still sign somebody in; of `only` these user
    /// ids and canonical addresses, or of all where it is empty.
    pub async fn unused_tokens(
        &self,
        only: &[String],
        after: i64,
        limit: u32,
    ) -> Result<Vec<LiveToken>, LedgerError> {
        let rows = self
            .ledger
            .readers
            .rows(UNUSED, values![self.core.occasion, self.now_seconds(), after, limit, json(only)])
            .await?;
        rows.iter().map(live).collect()
    }

    /// The number of those that wait and have no user: their user id is their address.
    pub async fn waiting_without_user(&self) -> Result<u64, LedgerError> {
        let count: i64 = self.ledger.readers.one(WITHOUT_USER, values![self.core.occasion]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Up to `limit` people that wait for a token, from this line of the list on: line and user id.
    pub async fn waiting_users(&self, from: u64, limit: u32) -> Result<Vec<(u64, String)>, LedgerError> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let rows: Vec<(i64, String)> =
            self.ledger.readers.all(WAITING_USERS, values![self.core.occasion, from, limit]).await?;
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

/// Ends the local tokens of an occasion. Runs inside the caller's transaction.
async fn revoke_local(
    connection: &mut Connection,
    occasion: i64,
    only: &[String],
    now: i64,
) -> Result<u64, LedgerError> {
    connection.execute(REVOKE_LOCAL, values![occasion, now, CLERK_KID, json(only)]).await
}
