//! Finds the list of an occasion as it is to be read now.

use std::path::{Path, absolute};

use super::{ledgers, obstacle::Obstacle, project::Occasion};
use crate::{
    campaign::ListSource,
    ledger::{NewFile, TakenFile},
    problem::{Place, Problem},
    sources::{FoundFile, List},
};

/// Finds the files of the list, or runs the program that prints it.
pub async fn list(occasion: &Occasion, taken: &[TakenFile]) -> Result<List, Obstacle> {
    let campaign = &occasion.campaign;
    let encoding = campaign.audience.encoding.as_deref();
    let ListSource::Command(words) = &campaign.list.source else {
        return Ok(List::find(&campaign.list, encoding, occasion.due().as_ref(), taken)?);
    };
    let program = words.first().map(String::as_str).unwrap_or_default();
    if !occasion.settings.commands.iter().any(|allowed| allowed == program) {
        let message = format!("`audience.command` runs `{program}`, which the settings do not allow");
        let problem = Problem::new(Place::file(campaign.file.display().to_string()), message);
        let settings = occasion.settings.file.display();
        let hint =
            format!("whoever owns {settings} adds it there: `commands = [\"{program}\"]` under `[audience]`");
        return Err(Obstacle::Files(vec![problem.hint(hint)]));
    }
    let folder = campaign.file.parent().unwrap_or(Path::new(""));
    Ok(List::printed(words, folder, &occasion.settings.hidden(), encoding).await?)
}

/// Finds the list for a verb that sends nothing: what the real ledger has taken is not new.
pub async fn unsent(occasion: &Occasion) -> Result<List, Obstacle> {
    let is_asked = matches!(occasion.campaign.list.source, ListSource::AllNew(_));
    let ledger = if is_asked { ledgers::find(&occasion.settings, false).await? } else { None };
    let taken = match ledger {
        Some(ledger) => ledger.taken(&occasion.campaign.id).await?,
        None => Vec::new(),
    };
    list(occasion, &taken).await
}

/// The files of a list as the ledger keeps them; `before` are the lines before each. A program's output is no file.
pub fn kept(list: &List, source: &ListSource, before: impl Iterator<Item = u64>) -> Vec<NewFile> {
    if matches!(source, ListSource::Command(_)) {
        return Vec::new();
    }
    let files = list.files.iter().zip(before).map(|(FoundFile { profile, .. }, lines_before)| NewFile {
        lines_before,
        path: absolute(&profile.path).unwrap_or_else(|_| profile.path.clone()),
        digest: profile.digest,
    });
    files.collect()
}
