//! Reading the books: counts, lists and rows, through connections that cannot write.

use jiff::Timestamp;

use super::tally::{Tally, counts};
use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::{LedgerError, State},
        store::{ReadPool, Sql, values},
    },
};

/// The books of one occasion of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// The occasion's name.
    pub occasion: String,
    /// The rows of the current list.
    pub tally: Tally,
    /// The rows that are not in the current list any more.
    pub gone: Gone,
    /// The current list; `None` before the first.
    pub list: Option<ListFacts>,
    /// The beginning of the first run.
    pub first_run: Option<Timestamp>,
    /// The beginning of the last run.
    pub last_run: Option<Timestamp>,
    /// The time of the first try: from then on somebody may have a mail.
    pub first_try: Option<Timestamp>,
    /// The due time of the next deferred row.
    pub next_due: Option<Timestamp>,
    /// The time at which the personal data was removed.
    pub purged: Option<Timestamp>,
    /// The due time by the schedule; `None` where none wanted it.
    pub due: Option<Timestamp>,
    /// The reason for which nothing of it is sent any more: it was skipped or given up.
    pub over: Option<String>,
}

impl Books {
    /// The rows that wait for a decision, whether the current list has them or not.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.tally.get(State::Unknown) + self.gone.0.get(State::Unknown)
    }
}

/// Rows that earlier lists held and the current one does not: withdrawn, or settled before they left. An `unknown` one
/// among them still waits for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone(pub Tally);

/// The list that was enlisted last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFacts {
    /// Its name as the user gave it.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The time at which it was taken in.
    pub enlisted: Timestamp,
}

const OCCASIONS: Sql = Sql::shared("
select o.id, o.occasion, o.generation, o.list, o.list_rows, o.enlisted_at, o.first_try_at, o.purged_at,
    o.due_at, o.closed,
    (select min(started_at) from epoch e where e.occasion_id = o.id) as first_run,
    (select max(started_at) from epoch e where e.occasion_id = o.id) as last_run,
    (select min(next_attempt_at) from recipient r where r.occasion_id = o.id and r.state = 'deferred') as next_due
from occasion o where o.campaign = ?1 and (?2 is null or o.occasion = ?2) order by o.id");

impl Ledger {
    /// The books of every occasion of a campaign, in the order in which they came up.
    pub async fn books(&self, campaign: &CampaignId) -> Result<Vec<Books>, LedgerError> {
        books(&self.inner.readers, campaign, None).await
    }

    /// The books of one occasion of a campaign; `None` where the ledger does not know it.
    pub async fn books_of(
        &self,
        campaign: &CampaignId,
        occasion: &str,
    ) -> Result<Option<Books>, LedgerError> {
        Ok(books(&self.inner.readers, campaign, Some(occasion)).await?.pop())
    }
}

/// The books of an occasion of a campaign, or of all of them, in the order in which they came up.
async fn books(
    readers: &ReadPool,
    campaign: &CampaignId,
    occasion: Option<&str>,
) -> Result<Vec<Books>, LedgerError> {
    // One snapshot for all figures, so that they agree while a run goes on.
    let mut transaction = readers.snapshot().await?;
    let rows = transaction.rows(OCCASIONS, values![campaign.as_str(), occasion]).await?;
    let mut books = Vec::with_capacity(rows.len());
    for row in rows {
        let (tally, gone) = counts(&mut transaction, row.get("id")?, row.get("generation")?).await?;
        let list = match (row.get("list")?, row.get("enlisted_at")?) {
            (Some(name), Some(enlisted)) => {
                let rows: i64 = row.get("list_rows")?;
                Some(ListFacts { name, rows: u64::try_from(rows).unwrap_or_default(), enlisted })
            }
            (Some(_), None) | (None, _) => None,
        };
        books.push(Books {
            occasion: row.get("occasion")?,
            tally,
            gone: Gone(gone),
            list,
            first_run: row.get("first_run")?,
            last_run: row.get("last_run")?,
            first_try: row.get("first_try_at")?,
            next_due: row.get("next_due")?,
            purged: row.get("purged_at")?,
            due: row.get("due_at")?,
            over: row.get("closed")?,
        });
    }
    Ok(books)
}
