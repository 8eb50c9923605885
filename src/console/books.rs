//! Rows that are to wait again, by `resolve` or `retry`: whether any run takes them up.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    campaign::{Campaign, CampaignId},
    console::Failure,
    exit::Exit,
    ledger::{Books, Ledger, Run},
    schedule::ScheduleStatus,
};

/// The campaign's file: as it was named, or by the campaign's name alone the one that the ledger knows.
pub(crate) async fn file(ledger: &Ledger, campaign: &CampaignId, named: PathBuf) -> Result<PathBuf, Failure> {
    if named.is_file() {
        return Ok(named);
    }
    let known = ledger.campaign_file(campaign).await?.map(|file| file.path().to_owned());
    Ok(known.filter(|path| path.is_file()).unwrap_or(named))
}

/// How a campaign comes to be sent again.
pub(crate) const UNCANCEL: &str = "take `cancelled = true` out of `[schedule]`";

/// Why no run ever takes up the rows of an occasion.
pub(crate) enum Never {
    /// It was skipped or given up.
    Over { occasion: String, why: String },
    /// Its campaign is cancelled.
    Cancelled(CampaignId),
}

impl Never {
    /// Why the rows of an occasion would wait for ever, if they would. By the campaign's name alone nobody knows whether
    /// it is cancelled.
    pub(crate) async fn find(campaign: &Path, occasion: &str, run: &Run) -> Result<Option<Self>, Failure> {
        if let Some(why) = run.over().await? {
            return Ok(Some(Self::Over { occasion: occasion.to_owned(), why }));
        }
        if !campaign.is_file() {
            return Ok(None);
        }
        let campaign =
            Campaign::load(campaign).map_err(|problems| Failure::problems(Exit::Configuration, problems))?;
        let cancelled =
            campaign.schedule.is_some_and(|schedule| schedule.status == ScheduleStatus::Cancelled);
        Ok(cancelled.then_some(Self::Cancelled(campaign.id)))
    }
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over { occasion, why } => write!(f, "the occasion `{occasion}` is over ({why})")?,
            Self::Cancelled(campaign) => write!(f, "`{campaign}` is cancelled")?,
        }
        f.write_str(", so nothing of it is sent again")
    }
}

impl From<Never> for Failure {
    fn from(never: Never) -> Self {
        Self::words(Exit::Configuration, never.to_string())
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
