//! The files of a list: found by name or by pattern, and read for their digest.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use glob::{MatchOptions, Pattern};
use jiff::{Timestamp, Zoned};

use super::error::ListError;
use crate::{
    audience::FileProfile,
    campaign::ListPath,
    ledger::TakenFile,
    problem::{Place, Problem, cause},
};

/// A file of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// What the first pass over it found, which later ones are held against.
    pub profile: FileProfile,
    /// When it changed last; `None` for what was made a moment ago.
    pub(super) changed: Option<Timestamp>,
}

impl FoundFile {
    /// Reads a file once. `encoding` is the label from the campaign file.
    pub(super) fn read(path: &Path, encoding: Option<&str>) -> io::Result<Self> {
        let changed = fs::metadata(path)?.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Ok(Self { profile: FileProfile::of(path, &path.display().to_string(), encoding)?, changed })
    }

    /// Whether it is a file that was taken: of the same name, and saying the same.
    pub(super) fn is(&self, taken: &TakenFile) -> bool {
        self.profile.digest == taken.file.digest
            && self.profile.path.file_name() == taken.file.path.file_name()
    }
}

/// The path for a due time.
pub(super) fn resolve(path: &ListPath, due: Option<&Zoned>) -> Result<PathBuf, ListError> {
    path.at(due).ok_or_else(|| {
        let message = "`{date}` in the path is the day of the due time, and no due time is left";
        ListError::Wrong(Problem::new(Place::file(path.to_string()), message))
    })
}

/// The files whose names match, the one that changed last at the end.
pub(super) fn matching(path: &Path) -> Result<Vec<(Option<Timestamp>, PathBuf)>, ListError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let wrong =
        |message: String| ListError::Wrong(Problem::new(Place::file(path.display().to_string()), message));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let pattern =
        Pattern::new(&name).map_err(|error| wrong(format!("the name is no pattern: {}", error.msg)))?;
    let unread =
        |error: io::Error| wrong(format!("the folder of the lists cannot be read: {}", cause(&error)));
    let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::default() };
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = Vec::new();
    for entry in fs::read_dir(here).map_err(unread)? {
        let name = entry.map_err(unread)?.file_name();
        let path = folder.join(&name);
        if let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
            && pattern.matches_with(&name.to_string_lossy(), options)
        {
            found.push((metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()), path));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a file that has to be there.
pub(super) fn read(path: &Path, encoding: Option<&str>) -> Result<FoundFile, ListError> {
    FoundFile::read(path, encoding).map_err(|error| ListError::Wrong(unreadable(path, &error)))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        Place::file(path.display().to_string()),
        format!("the list cannot be read: {}", cause(error)),
    )
    .hint("`csv` under `[audience]` is relative to the campaign file")
}

/// A list of the day that is not there may still come; one that is always the same should be there.
pub(super) fn missing(path: &ListPath, at: &Path, due: Option<&Zoned>, error: &io::Error) -> ListError {
    match due {
        Some(due) if path.is_dated() && error.kind() == io::ErrorKind::NotFound => {
            let place = Place::file(at.display().to_string());
            let hint = format!(
                "`{{date}}` in `audience.csv` is the due time, {}",
                due.strftime("%Y-%m-%d %H:%M %Q")
            );
            ListError::NotYet(Problem::new(place, "the list is not there yet").hint(hint))
        }
        Some(_) | None => ListError::Wrong(unreadable(at, error)),
    }
}

/// No name matches.
pub(super) fn none(path: &ListPath) -> ListError {
    let problem = Problem::new(Place::file(path.to_string()), "there is no list of such a name yet");
    ListError::NotYet(problem.hint("`csv` under `[audience]` is relative to the campaign file"))
}
