//! The list of a campaign in words: found for a verb that sends nothing, and moved away at the end.

use crate::{
    clock::Clock,
    console::Failure,
    exit::Exit,
    ledger::Ledger,
    occasion::{Occasion, find},
    sources::{self, List, ListError},
    ui::{Ui, count},
};

/// Finds the list for a verb that sends nothing; what `send` would refuse for its age is only a note where `strict` is
/// not set.
pub(crate) async fn harmless(ui: &Ui, occasion: &Occasion, strict: bool) -> Result<List, Failure> {
    let list = find::unsent(occasion).await?;
    match list.check_fresh(&occasion.campaign.list, Clock::System.now()) {
        Err(ListError::NotYet(problem) | ListError::Wrong(problem)) if !strict => ui.note(problem),
        fresh => fresh?,
    }
    Ok(list)
}

/// Moves the files away on which everybody is settled, where the campaign wants it so. A failure loses nothing: the
/// ledger knows what was taken.
pub(crate) async fn move_done(ui: &Ui, ledger: &Ledger, occasion: &Occasion) -> Result<(), Failure> {
    let Some(folder) = &occasion.campaign.list.done else { return Ok(()) };
    let taken = ledger.taken(&occasion.campaign.id).await?;
    match sources::move_done(&taken, folder) {
        Ok(moved) if moved.is_empty() => {}
        Ok(moved) => {
            ui.say(format_args!("{} moved to {}", count(moved.len() as u64, "list"), folder.display()));
        }
        Err(problem) => ui.note(problem),
    }
    Ok(())
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        match error {
            ListError::NotYet(problem) => Self::problems(Exit::Unfinished, vec![problem]),
            ListError::Wrong(problem) => Self::problems(Exit::Problems, vec![problem]),
        }
    }
}
