//! Whose a campaign's name is. A file that was copied and kept the old name would take the mails of the other's people,
//! so the ledger remembers which file used a name.

use std::path::{Path, PathBuf};

use super::ledgers;
use crate::{
    campaign::{Campaign, CampaignId},
    ledger::{CampaignFile, Ledger, LedgerError, OtherName},
    problem::cause,
    settings::Settings,
};

/// Why a name is not a file's.
#[derive(Debug)]
pub enum NotOurs {
    /// The file cannot be found again; why.
    Unfindable(String),
    /// It is the file's own, which has mailed people by another name before.
    Renamed {
        /// That name, and whom.
        before: OtherName,
    },
    /// Another file has used it.
    Used {
        /// The other.
        before: PathBuf,
        /// This one.
        now: PathBuf,
        /// What became of the other.
        other: Other,
    },
}

/// What became of the file that has used a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// It is not there any more.
    Gone,
    /// It has another name now.
    Renamed,
    /// It has the name still.
    There,
}

/// Why the name is not this file's, without changing anything.
pub async fn look(
    settings: &Settings,
    sandbox: bool,
    id: &CampaignId,
    file: &Path,
) -> Result<Option<NotOurs>, LedgerError> {
    let ledger = ledgers::location(settings, sandbox);
    let other = Ledger::look_for_campaign_file(&ledger, id).await?;
    Ok(match (other, CampaignFile::at(file)) {
        (_, Err(error)) => Some(NotOurs::Unfindable(cause(&error))),
        (Some(other), Ok(this)) if !other.is(&this) => Some(used(id, &this, &other)),
        (Some(_), Ok(_)) => None,
        (None, Ok(this)) => {
            let before = Ledger::look_for_other_name(&ledger, id, &this).await?;
            before.map(|before| NotOurs::Renamed { before })
        }
    })
}

/// Notes the file by which a list was taken in; with `instead` also where another file has used the name.
pub async fn claim(
    ledger: &Ledger,
    id: &CampaignId,
    file: &Path,
    instead: bool,
) -> Result<Option<NotOurs>, LedgerError> {
    match CampaignFile::at(file) {
        Err(error) => Ok(Some(NotOurs::Unfindable(cause(&error)))),
        Ok(this) => Ok(ledger.use_name(id, &this, instead).await?.map(|other| used(id, &this, &other))),
    }
}

fn used(id: &CampaignId, this: &CampaignFile, other: &CampaignFile) -> NotOurs {
    let named = Campaign::load(other.path()).map(|other| other.id);
    let became = if !other.path().exists() {
        Other::Gone
    } else if named.is_ok_and(|named| named != *id) {
        Other::Renamed
    } else {
        Other::There
    };
    NotOurs::Used { before: other.path().to_owned(), now: this.path().to_owned(), other: became }
}
