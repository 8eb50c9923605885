//! A list as it was found: its files, and whether they are whole and fresh.

use std::path::Path;

use jiff::{SignedDuration, Timestamp, Unit, Zoned};

use super::{
    error::ListError,
    files::{FoundFile, matching, missing, none, read, resolve},
    program::{self, Output},
};
use crate::{
    audience::FileProfile,
    campaign::{ListPath, ListSource, ListSpec},
    ledger::TakenFile,
    problem::{Place, Problem},
    schedule::SPAN,
};

/// How many files are read as one list.
const MOST_FILES: usize = 256;

/// A list that was found.
#[derive(Debug)]
pub struct List {
    /// Its name in words.
    pub name: String,
    /// Its files in the order of reading; none where all new ones are wanted and there is no new one.
    pub files: Vec<FoundFile>,
    /// The program's output goes when the list does.
    _output: Option<Output>,
}

impl List {
    /// Finds the files of a list and reads each once. `encoding` is the label from the campaign file; `due` is the due
    /// time in the schedule's zone; `taken` are the files that earlier occasions took.
    pub fn find(
        spec: &ListSpec,
        encoding: Option<&str>,
        due: Option<&Zoned>,
        taken: &[TakenFile],
    ) -> Result<Self, ListError> {
        match &spec.source {
            ListSource::File(path) => {
                let at = resolve(path, due)?;
                let file = FoundFile::read(&at, encoding).map_err(|error| missing(path, &at, due, &error))?;
                Ok(Self::of(vec![file]))
            }
            ListSource::Newest(path) => {
                let newest = matching(&resolve(path, due)?)?.pop();
                let (_, newest) = newest.ok_or_else(|| none(path))?;
                Ok(Self::of(vec![read(&newest, encoding)?]))
            }
            ListSource::AllNew(path) => {
                let mut files = Vec::new();
                for (_, path) in matching(&resolve(path, due)?)? {
                    let file = read(&path, encoding)?;
                    if !taken.iter().any(|taken| file.is(taken)) {
                        files.push(file);
                    }
                }
                if files.len() > MOST_FILES {
                    let message =
                        format!("{} files are new, expected at most {MOST_FILES} at once", files.len());
                    let problem = Problem::new(Place::file(path.to_string()), message);
                    return Err(ListError::Wrong(
                        problem.hint("move those away that are not meant, or join some of them"),
                    ));
                }
                Ok(Self { name: name_of(path, &files), files, _output: None })
            }
            ListSource::Command(words) => {
                let message = format!("the list is what `{}` prints, and it was not run", words.join(" "));
                Err(ListError::Wrong(Problem::new(Place::file("the list"), message)))
            }
        }
    }

    /// The files that an occasion took last, as they are now: it keeps them whatever is newer since.
    pub fn kept(taken: &[TakenFile], occasion: &str, encoding: Option<&str>) -> Result<Self, ListError> {
        let files = last(taken, occasion).map(|taken| read(&taken.file.path, encoding));
        let files = files.collect::<Result<_, _>>()?;
        Ok(Self::of(files))
    }

    /// The same, as long as they are what they were.
    pub fn again(taken: &[TakenFile], occasion: &str, encoding: Option<&str>) -> Result<Self, ListError> {
        let list = Self::kept(taken, occasion, encoding)?;
        for (taken, file) in last(taken, occasion).zip(&list.files) {
            if file.profile.digest != taken.file.digest {
                let problem = Problem::new(
                    Place::file(&*file.profile.name),
                    "the file changed since its list was taken in",
                );
                return Err(ListError::Wrong(
                    problem.hint("put it back as it was: the occasion began with it"),
                ));
            }
        }
        Ok(list)
    }

    /// Runs a program and takes what it prints for the list. No shell is asked; `folder` is where it works, and
    /// `hidden` are the variables of the environment that it does not see. `encoding` is the label from the campaign file.
    pub async fn printed(
        words: &[String],
        folder: &Path,
        hidden: &[String],
        encoding: Option<&str>,
    ) -> Result<Self, ListError> {
        let (file, output) = program::run(words, folder, hidden, encoding).await?;
        Ok(Self { name: file.profile.name.clone(), files: vec![file], _output: Some(output) })
    }

    fn of(files: Vec<FoundFile>) -> Self {
        let name = match files.as_slice() {
            [one] => one.profile.name.clone(),
            several => format!("{} files", several.len()),
        };
        Self { name, files, _output: None }
    }

    /// The files as they are opened.
    pub fn profiles(&self) -> impl Iterator<Item = &FileProfile> {
        self.files.iter().map(|file| &file.profile)
    }

    /// Refuses a list that is older than it may be, or that somebody may still be writing.
    pub fn check_fresh(&self, spec: &ListSpec, now: Timestamp) -> Result<(), ListError> {
        for FoundFile { profile: FileProfile { name, .. }, changed } in &self.files {
            let Some(changed) = changed else { continue };
            let age = now.duration_since(*changed);
            if spec.settle.is_positive() && age < spec.settle {
                let message = if age.is_negative() {
                    format!("the list changed at {changed}, and it is {now} now")
                } else {
                    format!("the list changed {} ago: it may not be complete", in_words(age))
                };
                let hint = format!(
                    "it is read once it was left alone for {} (`audience.settle`)",
                    in_words(spec.settle)
                );
                return Err(ListError::NotYet(Problem::new(Place::file(name), message).hint(hint)));
            }
            if let Some(limit) = spec.max_age.filter(|limit| age > *limit) {
                let message = format!(
                    "the list is {} old, expected at most {} (`audience.max_age`)",
                    in_words(age),
                    in_words(limit)
                );
                let hint = "write it anew, or see why nothing wrote it";
                return Err(ListError::Wrong(Problem::new(Place::file(name), message).hint(hint)));
            }
        }
        Ok(())
    }
}

/// The files of the newest list of an occasion.
fn last<'a>(taken: &'a [TakenFile], occasion: &'a str) -> impl Iterator<Item = &'a TakenFile> {
    let ours = move || taken.iter().filter(move |taken| taken.occasion == occasion);
    let newest = ours().map(|taken| taken.generation).max();
    ours().filter(move |taken| Some(taken.generation) == newest)
}

/// All new files in words.
fn name_of(path: &ListPath, files: &[FoundFile]) -> String {
    match files {
        [] => format!("nothing new in {path}"),
        [one] => one.profile.name.clone(),
        several => format!("{path} ({} files)", several.len()),
    }
}

/// A span in words, in whole minutes where it is long.
fn in_words(span: SignedDuration) -> String {
    let unit = if span.abs() < SignedDuration::from_mins(2) { Unit::Second } else { Unit::Minute };
    SPAN.duration_to_string(&span.round(unit).unwrap_or(span))
}
