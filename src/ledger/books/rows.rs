//! Pages of rows, for people to look at.

use jiff::Timestamp;

use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::{LedgerError, State},
        run::Run,
        store::{ReadPool, Row, Sql, values},
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
    /// The number of the occasion's list that held it last.
    pub generation: i64,
    /// The key; `None` for rows that cannot be mailed.
    pub key: Option<String>,
    /// The user that the link signs in.
    pub user_id: Option<String>,
    /// The address that the mail goes to.
    pub address: Option<String>,
    /// The state.
    pub state: State,
    /// The reason.
    pub reason: Option<String>,
    /// The relay's last words.
    pub reply: Option<String>,
    /// The `Message-ID` of the tries.
    pub message_id: Option<String>,
    /// The number of recorded tries.
    pub attempts: u32,
    /// The time of the last change of state.
    pub changed: Timestamp,
}

/// A page of rows. Bound to ?1 and ?2: which rows. To ?3 and ?4: after which number, and how many.
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
const PAGE: Sql = Sql::shared(page!("o.campaign = ?1 and o.occasion = ?2"));
const PAGE_OF_STATE: Sql = Sql::shared(page!("o.campaign = ?1 and o.occasion = ?2 and r.state = ?5"));
const PAGE_OF_RUN: Sql = Sql::shared(page!("o.id = ?1 and r.state = ?2"));

impl Ledger {
    /// Up to `limit` rows with an id greater than `after_id` (0 for the first page), of one state or all, in the order
    /// of their numbers.
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
    /// Up to `limit` rows in a state, with an id greater than `after` (0 for the first page).
    pub async fn rows(&self, state: State, after: i64, limit: u32) -> Result<Vec<RowView>, LedgerError> {
        rows_of(&self.ledger.readers, self.core.occasion, state, after, limit).await
    }
}

/// A page of rows: those of a state or all, with an id greater than `after_id`.
async fn rows(
    readers: &ReadPool,
    campaign: &CampaignId,
    occasion: &str,
    state: Option<State>,
    after_id: i64,
    limit: u32,
) -> Result<Vec<RowView>, LedgerError> {
    let rows = match state {
        None => readers.rows(PAGE, values![campaign.as_str(), occasion, after_id, limit]).await?,
        Some(state) => {
            let values = values![campaign.as_str(), occasion, after_id, limit, state.name()];
            readers.rows(PAGE_OF_STATE, values).await?
        }
    };
    rows.iter().map(view).collect()
}

/// A page of the rows of one occasion in a state, with an id greater than `after`.
async fn rows_of(
    readers: &ReadPool,
    occasion: i64,
    state: State,
    after: i64,
    limit: u32,
) -> Result<Vec<RowView>, LedgerError> {
    readers.rows(PAGE_OF_RUN, values![occasion, state.name(), after, limit]).await?.iter().map(view).collect()
}

fn view(row: &Row) -> Result<RowView, LedgerError> {
    Ok(RowView {
        id: row.get("id")?,
        line: row.get("line")?,
        listed: row.get("listed")?,
        generation: row.get("seen")?,
        key: row.get("key")?,
        user_id: row.get("user_id")?,
        address: row.get("address")?,
        state: row.get("state")?,
        reason: row.get("reason")?,
        reply: row.get("reply")?,
        message_id: row.get("message_id")?,
        attempts: row.get("attempts")?,
        changed: row.get::<Option<Timestamp>>("changed_at")?.unwrap_or_default(),
    })
}
