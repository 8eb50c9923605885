//! The memory of a list: enough to see that another one, or another template, is something else.

use super::files::NewFile;
use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        run::Run,
        store::{ReadPool, Sql, values},
    },
};

/// A list about to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMark {
    /// The list's name as the user gave it.
    pub list: String,
    /// SHA-256 of the list.
    pub list_digest: [u8; 32],
    /// SHA-256 of template and campaign.
    pub content_digest: [u8; 32],
    /// The files that it was made of, in order; none where it was no file.
    pub files: Vec<NewFile>,
}

/// The memory of the last list that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMark {
    /// The list's name as the user gave it.
    pub list: String,
    /// SHA-256 of the list.
    pub list_digest: [u8; 32],
    /// SHA-256 of template and campaign.
    pub content_digest: [u8; 32],
    /// The list's rows.
    pub rows: u64,
    /// Whether any try was recorded: somebody may have a mail already.
    pub tried: bool,
    /// Whether something was reported of the list since.
    pub told: bool,
    /// Whether it was taken in before the occasion was due.
    pub early: bool,
}

impl ListMark {
    /// Whether [`Run::read_again`](crate::ledger::Run::read_again) was asked for since: no list has this digest.
    #[must_use]
    pub fn reads_again(&self) -> bool {
        self.list_digest == [0; 32]
    }
}

const KNOWN: Sql = Sql::shared(
    "
select list, list_digest, content_digest, list_rows, first_try_at is not null, told is not null,
    coalesce(begun_at < due_at, false)
from occasion where id = ?1 and enlisted_at is not null",
);

const OCCASION: Sql = Sql::shared("select id from occasion where campaign = ?1 and occasion = ?2");

impl Ledger {
    /// The memory of the last list of an occasion; `None` before the first.
    pub async fn mark(&self, campaign: &CampaignId, occasion: &str) -> Result<Option<ListMark>, LedgerError> {
        let readers = &self.inner.readers;
        let id: Option<i64> = readers.first(OCCASION, values![campaign.as_str(), occasion]).await?;
        match id {
            Some(id) => mark(readers, id).await,
            None => Ok(None),
        }
    }
}

impl Run {
    /// The memory of the last list that was taken in; `None` before the first.
    pub async fn mark(&self) -> Result<Option<ListMark>, LedgerError> {
        mark(&self.ledger.readers, self.core.occasion).await
    }
}

/// The memory of the last list of the occasion with this number.
async fn mark(readers: &ReadPool, occasion: i64) -> Result<Option<ListMark>, LedgerError> {
    type Known = (String, [u8; 32], [u8; 32], u64, bool, bool, bool);
    let row: Option<Known> = readers.first(KNOWN, values![occasion]).await?;
    let Some((list, list_digest, content_digest, rows, tried, told, early)) = row else { return Ok(None) };
    Ok(Some(ListMark { list, list_digest, content_digest, rows, tried, told, early }))
}
