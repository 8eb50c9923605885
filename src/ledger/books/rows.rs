//! Pages of rows, for people to look at.

use jiff::Timestamp;
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

use super::figures::time;
use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::{LedgerError, State},
        run::Run,
        store::parse_state,
    },
};

/// A row for people to look at. The personal columns are empty after a purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowView {
    /// The row's number, for paging.
    pub id: i64,
    /// The line in the list that held it last.
    pub line: u64,
    /// Whether the current list holds it.
    pub listed: bool,
    /// Which list of the occasion held it last.
    pub generation: i64,
    /// The key; `None` for rows that cannot be mailed.
    pub key: Option<String>,
    /// Whom the link signs in.
    pub user_id: Option<String>,
    /// Where the mail goes.
    pub address: Option<String>,
    /// What became of it.
    pub state: State,
    /// Why.
    pub reason: Option<String>,
    /// The relay's last words.
    pub reply: Option<String>,
    /// The `Message-ID` of the tries.
    pub message_id: Option<String>,
    /// How many tries were recorded.
    pub attempts: u32,
    /// When the state last changed.
    pub changed: Timestamp,
}

/// Bound to ?1 and ?2: which rows. To ?3 and ?4: behind which, and how many.
macro_rules! page {
    ($which:literal) => {
        concat!(
            "select r.id, r.line, r.seen, r.seen = o.generation as listed, r.key, r.user_id, r.address, r.state, r.reason, r.reply,
    r.message_id, r.attempts, r.changed_at
from occasion o join recipient r on r.occasion_id = o.id
where ",
            $which,
            " and r.id > ?3 order by r.id limit ?4"
        )
    };
}
const PAGE: &str = page!("o.campaign = ?1 and o.occasion = ?2");
const PAGE_OF_STATE: &str = page!("o.campaign = ?1 and o.occasion = ?2 and r.state = ?5");
const PAGE_OF_RUN: &str = page!("o.id = ?1 and r.state = ?2");

impl Ledger {
    /// Up to `limit` rows behind the row `after_id` (0 for the first page), of one state or all, in the order of their
    /// numbers.
    pub async fn rows(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        state: Option<State>,
        after_id: i64,
        limit: u32,
    ) -> Result<Vec<RowView>, LedgerError> {
        rows(&self.inner.readers, campaign, occasion, state, after_id, limit).await
    }
}

impl Run {
    /// Up to `limit` rows in a state, behind the row `after` (0 for the first page).
    pub async fn rows(&self, state: State, after: i64, limit: u32) -> Result<Vec<RowView>, LedgerError> {
        rows_of(&self.ledger.readers, self.core.occasion, state, after, limit).await
    }
}

/// A page of rows: those of a state or all, behind `after_id`.
async fn rows(
    readers: &SqlitePool,
    campaign: &CampaignId,
    occasion: &str,
    state: Option<State>,
    after_id: i64,
    limit: u32,
) -> Result<Vec<RowView>, LedgerError> {
    let sql = if state.is_some() { PAGE_OF_STATE } else { PAGE };
    let mut query = sqlx::query(sql).bind(campaign.as_str()).bind(occasion).bind(after_id).bind(limit);
    if let Some(state) = state {
        query = query.bind(state.name());
    }
    query.fetch_all(readers).await?.iter().map(view).collect()
}

/// A page of the rows of one occasion in a state, behind `after`.
async fn rows_of(
    readers: &SqlitePool,
    occasion: i64,
    state: State,
    after: i64,
    limit: u32,
) -> Result<Vec<RowView>, LedgerError> {
    let query = sqlx::query(PAGE_OF_RUN).bind(occasion).bind(state.name()).bind(after).bind(limit);
    query.fetch_all(readers).await?.iter().map(view).collect()
}

fn view(row: &SqliteRow) -> Result<RowView, LedgerError> {
    Ok(RowView {
        id: row.try_get("id")?,
        line: u64::try_from(row.try_get::<i64, _>("line")?).unwrap_or_default(),
        listed: row.try_get("listed")?,
        generation: row.try_get("seen")?,
        key: row.try_get("key")?,
        user_id: row.try_get("user_id")?,
        address: row.try_get("address")?,
        state: parse_state(row.try_get("state")?)?,
        reason: row.try_get("reason")?,
        reply: row.try_get("reply")?,
        message_id: row.try_get("message_id")?,
        attempts: row.try_get("attempts")?,
        changed: time(row, "changed_at")?.unwrap_or_default(),
    })
}
