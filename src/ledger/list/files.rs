//! The files of which the lists of a campaign were made.

use std::path::PathBuf;

use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        store::{Connection, ReadPool, Sql, values},
    },
};

/// A file of a list that is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// The number of lines of the list before its first.
    pub lines_before: u64,
    /// The path, from the root on.
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
    /// Whether no row of the occasion waits for a mail any more.
    pub settled: bool,
}

const ADD: Sql = Sql::shared(
    "
insert into list_file (occasion_id, generation, lines_before, path, sha256) values (?1, ?2, ?3, ?4, ?5)",
);

const TAKEN: Sql = Sql::shared(
    "
select o.occasion, f.generation, f.lines_before, f.path, f.sha256, not exists (select 1 from recipient r
        where r.occasion_id = o.id and r.state in ('pending', 'claimed', 'sending', 'deferred')) as settled
from occasion o join list_file f on f.occasion_id = o.id
where o.campaign = ?1 order by o.id, f.generation, f.lines_before",
);

impl Ledger {
    /// The files of which the lists of a campaign were made, those of the oldest occasion first.
    pub async fn taken(&self, campaign: &CampaignId) -> Result<Vec<TakenFile>, LedgerError> {
        taken(&self.inner.readers, campaign).await
    }
}

/// Notes the files of a new list. Those of the former one stay: what was taken once is not new any more.
pub(in crate::ledger) async fn add(
    connection: &mut Connection,
    occasion: i64,
    generation: i64,
    files: &[NewFile],
) -> Result<(), LedgerError> {
    for NewFile { lines_before, path, digest } in files {
        let lines_before = i64::try_from(*lines_before).unwrap_or(i64::MAX);
        let values = values![
            occasion,
            generation,
            lines_before,
            path.to_string_lossy().into_owned(),
            digest.as_slice()
        ];
        connection.execute(ADD, values).await?;
    }
    Ok(())
}

/// The files that the occasions of a campaign took, the oldest occasion first.
async fn taken(readers: &ReadPool, campaign: &CampaignId) -> Result<Vec<TakenFile>, LedgerError> {
    let rows = readers.rows(TAKEN, values![campaign.as_str()]).await?;
    rows.iter()
        .map(|row| {
            let file = NewFile {
                lines_before: row.get("lines_before")?,
                path: row.get::<String>("path")?.into(),
                digest: row.get("sha256")?,
            };
            let (occasion, generation) = (row.get("occasion")?, row.get("generation")?);
            Ok(TakenFile { occasion, generation, file, settled: row.get("settled")? })
        })
        .collect()
}
