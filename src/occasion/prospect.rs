//! What a tick would find of an occasion and its list, without being a run and without a trace.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    issuers::harmless_keys,
    ledgers,
    look::{Before, Look},
    obstacle::Obstacle,
    planned::Planned,
    project::{Occasion, Project},
};
use crate::{campaign::ListSource, email::Letter};

/// An occasion as a tick would find it.
pub struct Prospect {
    /// The occasion.
    pub occasion: Occasion,
    /// Its words.
    pub letter: Arc<Letter>,
    /// What would be done about its list.
    pub look: Look,
    /// How many of its mails wait.
    pub waiting: u64,
}

impl Prospect {
    /// Looks at the occasion of a due time. `goes_on`: it has begun, and keeps its files.
    pub async fn of(one: &Planned, due: Timestamp, goes_on: bool) -> Result<Self, Obstacle> {
        let Planned { campaign, schedule, settings, sandbox } = one;
        let project = Project::new(campaign.clone(), settings.clone())?.rehearsed(*sandbox);
        let name = schedule.occasion(due, &project.campaign.occasion);
        let occasion = project.occasion(name, Some(due));
        let letter = occasion.letter(harmless_keys())?;
        let (id, name) = (&occasion.campaign.id, &occasion.campaign.occasion);
        let (mut known, mut waiting, mut taken) = (None, 0, Vec::new());
        if let Some(ledger) = ledgers::find(&occasion.settings, *sandbox).await? {
            known = ledger.mark(id, name).await?;
            taken = ledger.taken(id).await?;
            waiting = ledger.books_of(id, name).await?.map_or(0, |books| books.tally.waiting());
        }
        let before = Before { known: known.as_ref(), waiting, goes_on, taken: &taken };
        let look = before.look(&occasion, &letter, false).await?;
        Ok(Self { occasion, letter, look, waiting })
    }

    /// Whether the file of an occasion's list says something else by now than what was taken in.
    pub async fn is_edited(one: &Planned, due: Timestamp) -> Result<bool, Obstacle> {
        match one.campaign.list.source {
            ListSource::File(_) | ListSource::Newest(_) => {}
            // What is new is for the next occasion, and a program is asked at the beginning of a tick.
            ListSource::AllNew(_) | ListSource::Command(_) => return Ok(false),
        }
        Ok(matches!(Self::of(one, due, true).await?.look, Look::Changed(..)))
    }
}
