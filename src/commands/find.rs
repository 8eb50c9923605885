//! Finds the list of a campaign as it is to be read now.

use std::path::{Path, absolute};

use crate::{
    campaign::ListSource,
    commands::{
        Failure,
        parts::{self, CLOCK, World},
    },
    exit::Exit,
    ledger::{Ledger, NewFile, TakenFile},
    problem::{Place, Problem},
    sources::{self, List, ListError},
    ui::{Ui, count},
};

/// Finds the files of the list, or runs the program that prints it.
pub(super) async fn list(world: &World, taken: &[TakenFile]) -> Result<List, Failure> {
    let campaign = &world.campaign;
    let ListSource::Command(words) = &campaign.list.source else {
        return Ok(List::find(&campaign.list, world.due().as_ref(), taken)?);
    };
    let program = words.first().map(String::as_str).unwrap_or_default();
    if !world.settings.commands.iter().any(|allowed| allowed == program) {
        let message = format!("`audience.command` runs `{program}`, which the settings do not allow");
        let problem = Problem::new(Place::file(campaign.file.display().to_string()), message);
        let settings = world.settings.file.display();
        let hint =
            format!("whoever owns {settings} adds it there: `commands = [\"{program}\"]` under `[audience]`");
        return Err(Failure::problems(Exit::Configuration, vec![problem.hint(hint)]));
    }
    let folder = campaign.file.parent().unwrap_or(Path::new(""));
    Ok(List::printed(words, folder, &world.settings.hidden()).await?)
}

/// The same for a verb that sends nothing: what the real ledger has taken is not new, and what `send` would refuse
/// for its age is only told where `strict` is not set.
pub(super) async fn harmless(ui: &Ui, world: &World, strict: bool) -> Result<List, Failure> {
    let ledger = parts::ledger(&world.settings, false);
    let is_asked = matches!(world.campaign.list.source, ListSource::AllNew(_)) && ledger.exists();
    let taken = if is_asked {
        parts::existing_ledger(&world.settings, false).await?.taken(&world.campaign.id).await?
    } else {
        Vec::new()
    };
    let list = list(world, &taken).await?;
    match list.check_fresh(&world.campaign.list, CLOCK.now()) {
        Err(ListError::NotYet(problem) | ListError::Wrong(problem)) if !strict => ui.note(problem),
        fresh => fresh?,
    }
    Ok(list)
}

/// The files of a list as the ledger keeps them; `before` are the lines before each. A program's output is no file.
pub(super) fn kept(list: &List, source: &ListSource, before: impl Iterator<Item = u64>) -> Vec<NewFile> {
    if matches!(source, ListSource::Command(_)) {
        return Vec::new();
    }
    let files = list.files.iter().zip(before).map(|(file, lines_before)| NewFile {
        lines_before,
        path: absolute(&file.path).unwrap_or_else(|_| file.path.clone()),
        digest: file.digest,
    });
    files.collect()
}

/// Moves the files away on which everybody is settled, where the campaign wants it so. A failure loses nothing: the
/// ledger knows what was taken.
pub(super) async fn move_done(ui: &Ui, ledger: &Ledger, world: &World) -> Result<(), Failure> {
    let Some(folder) = &world.campaign.list.done else { return Ok(()) };
    let taken = ledger.taken(&world.campaign.id).await?;
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
