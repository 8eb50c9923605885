//! Why no run ever takes up the rows of an occasion.

use std::path::Path;

use super::obstacle::Obstacle;
use crate::{
    campaign::{Campaign, CampaignId},
    ledger::Run,
    schedule::ScheduleStatus,
};

/// Why the rows of an occasion would wait for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Never {
    /// The occasion was skipped or given up.
    Over {
        /// Its name.
        occasion: String,
        /// The reason that the ledger keeps.
        why: String,
    },
    /// Its campaign is cancelled.
    Cancelled(CampaignId),
}

impl Never {
    /// The reason, if there is one. By the campaign's name alone nobody knows whether it is cancelled.
    pub async fn find(campaign: &Path, occasion: &str, run: &Run) -> Result<Option<Self>, Obstacle> {
        if let Some(why) = run.over().await? {
            return Ok(Some(Self::Over { occasion: occasion.to_owned(), why }));
        }
        if !campaign.is_file() {
            return Ok(None);
        }
        let campaign = Campaign::load(campaign).map_err(Obstacle::Files)?;
        let cancelled =
            campaign.schedule.is_some_and(|schedule| schedule.status == ScheduleStatus::Cancelled);
        Ok(cancelled.then_some(Self::Cancelled(campaign.id)))
    }
}
