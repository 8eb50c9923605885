//! The files of which the lists of a campaign were made.

use std::path::PathBuf;

use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::{
    campaign::CampaignId,
    ledger::{handle::Ledger, rules::LedgerError},
};

/// A file of a list that is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// How many lines of the list are before its first.
    pub lines_before: u64,
    /// Where it is, from the root on.
    pub path: PathBuf,
    /// SHA-256 of it.
    pub digest: [u8; 32],
}

/// A file of a list that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenFile {
    /// By which occasion.
    pub occasion: String,
    /// With which of its lists.
    pub generation: i64,
    /// The file as it was.
    pub file: NewFile,
    /// Whether nobody of the occasion waits for a mail any more.
    pub settled: bool,
}

const ADD: &str = "
insert into list_file (occasion_id, generation, lines_before, path, sha256) values (?1, ?2, ?3, ?4, ?5)";

const TAKEN: &str = "
select o.occasion, f.generation, f.lines_before, f.path, f.sha256, not exists (select 1 from recipient r
        where r.occasion_id = o.id and r.state in ('pending', 'claimed', 'sending', 'deferred')) as settled
from occasion o join list_file f on f.occasion_id = o.id
where o.campaign = ?1 order by o.id, f.generation, f.lines_before";

impl Ledger {
    /// The files of which the lists of a campaign were made, those of the oldest occasion first.
    pub async fn taken(&self, campaign: &CampaignId) -> Result<Vec<TakenFile>, LedgerError> {
        taken(&self.inner.readers, campaign).await
    }
}

/// Notes the files of a new list. Those of the former one stay: what was taken once is not new any more.
pub(in crate::ledger) async fn add(
    connection: &mut SqliteConnection,
    occasion: i64,
    generation: i64,
    files: &[NewFile],
) -> Result<(), LedgerError> {
    for NewFile { lines_before, path, digest } in files {
        let lines_before = i64::try_from(*lines_before).unwrap_or(i64::MAX);
        let add = sqlx::query(ADD).bind(occasion).bind(generation).bind(lines_before);
        let add = add.bind(path.to_string_lossy().into_owned()).bind(digest.as_slice());
        add.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The files that the occasions of a campaign took, the oldest occasion first.
async fn taken(readers: &SqlitePool, campaign: &CampaignId) -> Result<Vec<TakenFile>, LedgerError> {
    let rows = sqlx::query(TAKEN).bind(campaign.as_str()).fetch_all(readers).await?;
    let broken = |_| LedgerError::Storage("the ledger holds a digest that cannot be read".to_owned());
    rows.iter()
        .map(|row| {
            let file = NewFile {
                lines_before: u64::try_from(row.try_get::<i64, _>("lines_before")?).unwrap_or_default(),
                path: row.try_get::<String, _>("path")?.into(),
                digest: row.try_get::<Vec<u8>, _>("sha256")?.try_into().map_err(broken)?,
            };
            let (occasion, generation) = (row.try_get("occasion")?, row.try_get("generation")?);
            Ok(TakenFile { occasion, generation, file, settled: row.try_get("settled")? })
        })
        .collect()
}
