//! Reading the books: counts, lists and rows, through connections that cannot write.

use jiff::Timestamp;
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

use super::{LedgerError, State, settle::parse_state};
use crate::campaign::CampaignId;

/// How many rows are in each state. For the rows of a list the sum is the list's number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; State::ALL.len()]);

impl Tally {
    /// The rows in a state.
    #[must_use]
    pub fn get(&self, state: State) -> u64 {
        self.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| count)
    }

    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The rows for which something is still to come: a run, or a person's decision about an unknown outcome.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        self.iter().filter(|(state, _)| state.is_unsettled()).map(|(_, count)| count).sum()
    }

    /// Every state with its count, in the order of the tables.
    pub fn iter(&self) -> impl Iterator<Item = (State, u64)> {
        State::ALL.into_iter().zip(self.0)
    }
}

impl FromIterator<(State, u64)> for Tally {
    fn from_iter<T: IntoIterator<Item = (State, u64)>>(counts: T) -> Self {
        let mut tally = Self::default();
        for (state, count) in counts {
            for (of, sum) in State::ALL.into_iter().zip(&mut tally.0) {
                if of == state {
                    *sum += count;
                }
            }
        }
        tally
    }
}

/// The books of one occasion of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// Which time of sending.
    pub occasion: String,
    /// The rows of the current list.
    pub tally: Tally,
    /// The rows that are not in the current list any more.
    pub gone: Gone,
    /// The current list; `None` before the first.
    pub list: Option<ListFacts>,
    /// When the first run began.
    pub first_run: Option<Timestamp>,
    /// When the last run began.
    pub last_run: Option<Timestamp>,
    /// When the first try was recorded: from then on somebody may have a mail.
    pub first_try: Option<Timestamp>,
    /// When the next deferred row is due.
    pub next_due: Option<Timestamp>,
    /// When the personal data was removed.
    pub purged: Option<Timestamp>,
    /// When the schedule wanted it; `None` where none did.
    pub due: Option<Timestamp>,
    /// Why nothing of it is sent any more: it was skipped or given up.
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
    /// When it was taken in.
    pub enlisted: Timestamp,
}

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

/// The counts of a list, straight from an index.
pub(super) const COUNTS: &str = "
select state, seen = ?2 as listed, count(*) as rows from recipient where occasion_id = ?1 group by state, listed";

const OCCASIONS: &str = "
select o.id, o.occasion, o.generation, o.list, o.list_rows, o.enlisted_at, o.first_try_at, o.purged_at,
    o.due_at, o.closed,
    (select min(started_at) from epoch e where e.occasion_id = o.id) as first_run,
    (select max(started_at) from epoch e where e.occasion_id = o.id) as last_run,
    (select min(next_attempt_at) from recipient r where r.occasion_id = o.id and r.state = 'deferred') as next_due
from occasion o where o.campaign = ?1 and (?2 is null or o.occasion = ?2) order by o.id";

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

/// The tallies of the rows in the list of `generation` and of those that are in no list any more.
pub(super) async fn counts<'e>(
    executor: impl sqlx::SqliteExecutor<'e>,
    occasion: i64,
    generation: i64,
) -> Result<(Tally, Tally), LedgerError> {
    let counts: Vec<(String, bool, i64)> =
        sqlx::query_as(COUNTS).bind(occasion).bind(generation).fetch_all(executor).await?;
    let mut listed = Vec::new();
    let mut gone = Vec::new();
    for (state, in_list, rows) in counts {
        let count = (parse_state(&state)?, u64::try_from(rows).unwrap_or_default());
        if in_list { listed.push(count) } else { gone.push(count) }
    }
    Ok((listed.into_iter().collect(), gone.into_iter().collect()))
}

/// The books of an occasion of a campaign, or of all of them, in the order in which they came up.
pub(super) async fn books(
    readers: &SqlitePool,
    campaign: &CampaignId,
    occasion: Option<&str>,
) -> Result<Vec<Books>, LedgerError> {
    // One snapshot for all figures, so that they agree while a run goes on.
    let mut transaction = readers.begin().await?;
    let rows =
        sqlx::query(OCCASIONS).bind(campaign.as_str()).bind(occasion).fetch_all(&mut *transaction).await?;
    let mut books = Vec::with_capacity(rows.len());
    for row in rows {
        let (tally, gone) = counts(&mut *transaction, row.try_get("id")?, row.try_get("generation")?).await?;
        let list = match (row.try_get("list")?, time(&row, "enlisted_at")?) {
            (Some(name), Some(enlisted)) => {
                let rows: i64 = row.try_get("list_rows")?;
                Some(ListFacts { name, rows: u64::try_from(rows).unwrap_or_default(), enlisted })
            }
            (Some(_), None) | (None, _) => None,
        };
        books.push(Books {
            occasion: row.try_get("occasion")?,
            tally,
            gone: Gone(gone),
            list,
            first_run: time(&row, "first_run")?,
            last_run: time(&row, "last_run")?,
            first_try: time(&row, "first_try_at")?,
            next_due: time(&row, "next_due")?,
            purged: time(&row, "purged_at")?,
            due: time(&row, "due_at")?,
            over: row.try_get("closed")?,
        });
    }
    Ok(books)
}

/// A page of rows: those of a state or all, behind `after_id`.
pub(super) async fn rows(
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
pub(super) async fn rows_of(
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

fn time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, LedgerError> {
    let at: Option<i64> = row.try_get(column)?;
    Ok(at.and_then(|at| Timestamp::from_millisecond(at).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_every_state() {
        let tally: Tally = State::ALL.into_iter().zip(1..).collect();
        assert_eq!(tally.total(), 78);
        for (state, expected) in State::ALL.into_iter().zip(1..) {
            assert_eq!(tally.get(state), expected);
        }
        let open = [State::Pending, State::Claimed, State::Sending, State::Deferred, State::Unknown];
        assert_eq!(tally.unsettled(), open.iter().map(|state| tally.get(*state)).sum::<u64>());
        assert_eq!([(State::Sent, 1), (State::Sent, 2)].into_iter().collect::<Tally>().get(State::Sent), 3);
    }
}
