//! Tokens that were asked for one by one, through the token API.

use crate::ledger::{
    handle::Ledger,
    rules::{LedgerError, TokenRecord},
    store::{Connection, Sql, values},
};

/// A token to be kept: its id and what it is rebuilt from, never its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// `sit_` and 27 letters and digits.
    pub id: String,
    /// The user that it signs in.
    pub user_id: String,
    /// The rest.
    pub record: TokenRecord,
}

/// The result of calling a token back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// It was open and signs nobody in any more.
    Done {
        /// The user that it would have signed in.
        user_id: String,
        /// The time at which it was made, Unix milliseconds.
        created_at: i64,
        /// Now, Unix milliseconds.
        updated_at: i64,
    },
    /// It had been used.
    WasUsed,
    /// It had been called back before.
    WasRevoked,
    /// There is none of this id.
    Unknown,
}

const ADD: Sql = Sql::shared(
    "
insert into sign_in_token (id, user_id, jti_hash, kid, issued_at, expires_at, created_at, updated_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
);

const REVOKE: Sql = Sql::shared(
    "
update sign_in_token set revoked_at = ?2, updated_at = ?2
where id = ?1 and redeemed_at is null and revoked_at is null
returning user_id, created_at",
);

const STATUS: Sql = Sql::shared("select redeemed_at is not null from sign_in_token where id = ?1");

impl Ledger {
    /// Keeps a token that belongs to no mail. Durable when this returns.
    pub async fn keep_api_token(&self, token: ApiToken) -> Result<(), LedgerError> {
        let requests = &self.inner.requests;
        requests
            .alone(move |connection, now| Box::pin(async move { add(connection, &token, now).await }))
            .await
    }

    /// Calls back a token that belongs to no mail.
    pub async fn revoke_api_token(&self, id: &str) -> Result<Revoked, LedgerError> {
        let (id, requests) = (id.to_owned(), &self.inner.requests);
        requests
            .alone(move |connection, now| Box::pin(async move { revoke(connection, &id, now).await }))
            .await
    }
}

async fn add(connection: &mut Connection, token: &ApiToken, now: i64) -> Result<(), LedgerError> {
    connection
        .execute(
            ADD,
            values![
                &token.id,
                &token.user_id,
                token.record.jti_hash.as_slice(),
                &token.record.kid,
                token.record.issued_at,
                token.record.expires_at,
                now
            ],
        )
        .await?;
    Ok(())
}

async fn revoke(connection: &mut Connection, id: &str, now: i64) -> Result<Revoked, LedgerError> {
    let done: Option<(String, i64)> = connection.first(REVOKE, values![id, now]).await?;
    if let Some((user_id, created_at)) = done {
        return Ok(Revoked::Done { user_id, created_at, updated_at: now });
    }
    let used: Option<bool> = connection.first(STATUS, values![id]).await?;
    Ok(match used {
        None => Revoked::Unknown,
        Some(true) => Revoked::WasUsed,
        Some(false) => Revoked::WasRevoked,
    })
}
