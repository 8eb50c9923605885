//! Notes about a token that Clerk makes: asked for, made, ended. Its text never comes here.
//!
//! The question is on disk before the service is asked, the id before the mail goes. So after a crash every token is
//! either known by its id, and can be revoked, or counted as an orphan.

use crate::hash::sha256;
use crate::ledger::{
    rules::LedgerError,
    store::{Connection, Row, Sql, differs, values},
};

/// The kind of a token that Clerk makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Signs a user in.
    SignIn,
    /// Lets a person in who has no user yet.
    Invitation,
}

/// The end of a token.
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
    pub(in crate::ledger) recipient: i64,
    pub(in crate::ledger) epoch: i64,
    pub(in crate::ledger) user_id: String,
    pub(in crate::ledger) kind: TokenKind,
    pub(in crate::ledger) latest_end: i64,
    pub(in crate::ledger) line: u64,
}

/// Proof that the question for a token is on disk.
#[derive(Debug)]
#[must_use = "a question without an end is an orphan"]
pub struct Asked {
    pub(in crate::ledger) number: i64,
    /// The recipient's earlier tokens that may still sign somebody in.
    pub live: Vec<LiveToken>,
}

/// A token that may still sign somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveToken {
    /// Its number in the ledger.
    pub number: i64,
    /// The service's id.
    pub clerk_id: String,
    /// Its kind.
    pub kind: TokenKind,
}

/// A note for the writer.
pub(in crate::ledger) enum Note {
    Ask(Question),
    Made { number: i64, clerk_id: String, expires_at: i64 },
    End { number: i64, end: TokenEnd },
    Lost { occasion: i64 },
}

/// The result of a note.
pub(in crate::ledger) enum Noted {
    Asked(Asked),
    Rows(u64),
}

const ASK: Sql = Sql::shared(
    "
insert into clerk_token (recipient_id, user_id, kind, asked_at, expires_at, state, changed_at)
select id, ?3, ?4, ?5, ?6, 'asked', ?5 from recipient where id = ?1 and epoch = ?2 and state = 'claimed'
returning id",
);

const LIVE_OF: Sql = Sql::shared("
select id, clerk_id, kind from clerk_token where recipient_id = ?1 and state = 'live' and expires_at > ?2 order by id");

/// Not where another token has this id already: then the answer is none to this question.
const MADE: Sql = differs!("clerk_token_made");

const END: Sql = Sql::shared(
    "update clerk_token set state = ?2, changed_at = ?3 where id = ?1 and state in ('asked', 'live')",
);

const REFUSED: Sql = Sql::shared("delete from clerk_token where id = ?1 and state = 'asked'");

const LOST: Sql = Sql::shared(
    "
update clerk_token set state = 'orphan', changed_at = ?2
where state = 'asked' and recipient_id in (select id from recipient where occasion_id = ?1)",
);

impl Asked {
    /// The question's number in the ledger, which becomes the token's.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.number
    }
}

impl TokenKind {
    pub(in crate::ledger) const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in_token",
            Self::Invitation => "invitation",
        }
    }
}

/// Writes a note. Runs inside the caller's transaction.
pub(in crate::ledger) async fn note(
    connection: &mut Connection,
    note: &Note,
    now: i64,
) -> Result<Noted, LedgerError> {
    let rows = match note {
        Note::Ask(Question { recipient, epoch, user_id, kind, latest_end, .. }) => {
            let asked: Option<i64> = connection
                .first(ASK, values![recipient, epoch, user_id, kind.name(), now, latest_end])
                .await?;
            let Some(number) = asked else { return Ok(Noted::Rows(0)) };
            let rows = connection.rows(LIVE_OF, values![recipient, now / 1000]).await?;
            let live = rows.iter().map(live).collect::<Result<_, _>>()?;
            return Ok(Noted::Asked(Asked { number, live }));
        }
        Note::Made { number, clerk_id, expires_at } => {
            let values = values![number, clerk_id, hash_of(clerk_id), now, expires_at];
            connection.execute(MADE, values).await?
        }
        Note::End { number, end: TokenEnd::Refused } => connection.execute(REFUSED, values![number]).await?,
        Note::End { number, end } => connection.execute(END, values![number, state_after(*end), now]).await?,
        Note::Lost { occasion } => connection.execute(LOST, values![occasion, now]).await?,
    };
    Ok(Noted::Rows(rows))
}

/// SHA-256 of a service's id: the `jti_hash` of its record.
#[must_use]
pub fn hash_of(clerk_id: &str) -> [u8; 32] {
    sha256(clerk_id.as_bytes())
}

const fn state_after(end: TokenEnd) -> &'static str {
    match end {
        TokenEnd::Revoked => "revoked",
        TokenEnd::Used => "used",
        TokenEnd::Gone | TokenEnd::Refused => "gone",
        TokenEnd::Orphan => "orphan",
    }
}

pub(in crate::ledger) fn live(row: &Row) -> Result<LiveToken, LedgerError> {
    let kind: String = row.get("kind")?;
    let kind = if kind == TokenKind::Invitation.name() { TokenKind::Invitation } else { TokenKind::SignIn };
    Ok(LiveToken { number: row.get("id")?, clerk_id: row.get("clerk_id")?, kind })
}
