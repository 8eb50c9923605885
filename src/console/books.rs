//! The campaign in the books that a verb is about: its file and its occasions, or why there are none.

use std::path::PathBuf;

use crate::{
    campaign::CampaignId,
    console::Failure,
    exit::Exit,
    ledger::{Books, Ledger},
    occasion::Never,
};

/// The campaign's file: as it was named, or by the campaign's name alone the one that the ledger knows.
pub(crate) async fn file(ledger: &Ledger, campaign: &CampaignId, named: PathBuf) -> Result<PathBuf, Failure> {
    if named.is_file() {
        return Ok(named);
    }
    let known = ledger.campaign_file(campaign).await?.map(|file| file.path().to_owned());
    Ok(known.filter(|path| path.is_file()).unwrap_or(named))
}

/// The remedy where a cancelled campaign is to be sent again.
pub(crate) const UNCANCEL: &str = "take `cancelled = true` out of `[schedule]`";

impl From<Never> for Failure {
    fn from(never: Never) -> Self {
        let why = match never {
            Never::Over { occasion, why } => format!("the occasion `{occasion}` is over ({why})"),
            Never::Cancelled(campaign) => format!("`{campaign}` is cancelled"),
        };
        Self::words(Exit::Configuration, format!("{why}, so nothing of it is sent again"))
    }
}

/// The books of a campaign, or of one occasion of it; fails where the ledger has none.
pub(crate) async fn books(
    ledger: &Ledger,
    campaign: &CampaignId,
    occasion: Option<&str>,
) -> Result<Vec<Books>, Failure> {
    let all = match occasion {
        Some(occasion) => ledger.books_of(campaign, occasion).await?.into_iter().collect(),
        None => ledger.books(campaign).await?,
    };
    match (occasion, all.as_slice()) {
        (Some(occasion), []) => Err(Failure::words(
            Exit::Configuration,
            format!("the ledger has no occasion `{occasion}` of `{campaign}`"),
        )
        .hint("`status --all` shows every one")),
        (None, []) => {
            Err(Failure::words(Exit::Configuration, format!("the ledger has no campaign `{campaign}`"))
                .hint("it is booked by `linkpost send`; rehearsals are under `--sandbox`"))
        }
        (_, _) => Ok(all),
    }
}
