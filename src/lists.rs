//! Finds the files of a list: the one of the day, the newest, all new ones, or what a program prints.
//!
//! A list that is stale or still being written is refused. What is moved away is moved once everybody on it is settled.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf, absolute},
    process::Stdio,
    time::Duration,
};

use glob::{MatchOptions, Pattern};
use jiff::{SignedDuration, Timestamp, Unit, Zoned};
use tokio::{process::Command, time::timeout};

use crate::{
    audience::Audience,
    campaign::{ListPath, ListSource, ListSpec},
    ledger::TakenFile,
    problem::{Place, Problem, cause},
    schedule::SPAN,
    scratch::Scratch,
};

/// How long a program may take to print a list.
const LONGEST_COMMAND: Duration = Duration::from_mins(10);
/// How many files are read as one list.
const MOST_FILES: usize = 256;

/// A list that was found.
#[derive(Debug)]
pub struct List {
    /// How it is told.
    pub name: String,
    /// Its files in the order of reading; none where all new ones are wanted and there is no new one.
    pub files: Vec<FoundFile>,
    /// The program's output goes when the list does.
    _output: Option<Output>,
}

/// What a program printed: a file without a name, so that nothing of it stays however this program ends.
#[derive(Debug)]
struct Output {
    file: File,
    path: PathBuf,
    /// Where the system has no path to a file without a name.
    _named: Option<Scratch>,
}

impl Output {
    fn new() -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        if path.exists() {
            return Ok(Self { file, path, _named: None });
        }
        let folder = Scratch::new()?;
        let path = folder.path().join("list");
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, _named: Some(folder) })
    }
}

/// A file of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// How it is told.
    pub name: String,
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// When it changed last; `None` for what was made a moment ago.
    changed: Option<Timestamp>,
}

/// Why there is no list to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListError {
    /// It may be there later.
    NotYet(Problem),
    /// Somebody has to look.
    Wrong(Problem),
}

impl List {
    /// Finds the files of a list. `due` is the due time in the schedule's zone; `taken` are the files that earlier
    /// occasions took.
    pub fn find(spec: &ListSpec, due: Option<&Zoned>, taken: &[TakenFile]) -> Result<Self, ListError> {
        match &spec.source {
            ListSource::File(path) => {
                let at = resolve(path, due)?;
                let file = FoundFile::read(&at).map_err(|error| missing(path, &at, due, &error))?;
                Ok(Self::of(vec![file]))
            }
            ListSource::Newest(path) => {
                let newest = matching(&resolve(path, due)?)?.pop();
                let (_, newest) = newest.ok_or_else(|| none(path))?;
                Ok(Self::of(vec![read(&newest)?]))
            }
            ListSource::AllNew(path) => {
                let mut files = Vec::new();
                for (_, path) in matching(&resolve(path, due)?)? {
                    let file = read(&path)?;
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
                Ok(Self { name: told(path, &files), files, _output: None })
            }
            ListSource::Command(words) => {
                let message = format!("the list is what `{}` prints, and it was not run", words.join(" "));
                Err(ListError::Wrong(Problem::new(Place::file("the list"), message)))
            }
        }
    }

    /// The files that an occasion took last, as they are now: it keeps them whatever is newer since.
    pub fn kept(taken: &[TakenFile], occasion: &str) -> Result<Self, ListError> {
        let files = last(taken, occasion).map(|taken| read(&taken.file.path)).collect::<Result<_, _>>()?;
        Ok(Self::of(files))
    }

    /// The same, as long as they are what they were.
    pub fn again(taken: &[TakenFile], occasion: &str) -> Result<Self, ListError> {
        let list = Self::kept(taken, occasion)?;
        for (taken, file) in last(taken, occasion).zip(&list.files) {
            if file.digest != taken.file.digest {
                let problem =
                    Problem::new(Place::file(&*file.name), "the file changed since its list was taken in");
                return Err(ListError::Wrong(
                    problem.hint("put it back as it was: the occasion began with it"),
                ));
            }
        }
        Ok(list)
    }

    /// Runs a program and takes what it prints for the list. No shell is asked; `folder` is where it works, and
    /// `hidden` are the variables of the environment that it does not see.
    pub async fn printed(words: &[String], folder: &Path, hidden: &[String]) -> Result<Self, ListError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(ListError::Wrong(Problem::new(
                Place::file("the list"),
                "there is no program to run",
            )));
        };
        let name = format!("the output of `{program}`");
        let wrong = |message: String| Problem::new(Place::file(&*name), message);
        let unwritten =
            |error: io::Error| ListError::Wrong(wrong(format!("it cannot be kept: {}", cause(&error))));
        let output = Output::new().map_err(unwritten)?;
        let mut command = Command::new(located(program, folder));
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(output.file.try_clone().map_err(unwritten)?);
        if !folder.as_os_str().is_empty() {
            command.current_dir(folder);
        }
        for name in hidden {
            command.env_remove(name);
        }
        let failed = |error: io::Error| {
            let problem = wrong(format!("the program cannot be run: {}", cause(&error)));
            ListError::Wrong(
                problem.hint("`audience.command` is a program and its arguments, and no line for a shell"),
            )
        };
        let ended = timeout(LONGEST_COMMAND, command.spawn().map_err(failed)?.wait()).await;
        let status = ended
            .map_err(|_| {
                let minutes = LONGEST_COMMAND.as_secs() / 60;
                ListError::Wrong(wrong(format!("the program did not end within {minutes} minutes")))
            })?
            .map_err(failed)?;
        if !status.success() {
            let problem = wrong(format!("the program ended with {status}, so its output is no list"));
            return Err(ListError::Wrong(problem.hint("run it by hand; what it said is above")));
        }
        let digest = Audience::digest(&output.path).map_err(unwritten)?;
        let file = FoundFile { path: output.path.clone(), name: name.clone(), digest, changed: None };
        Ok(Self { name, files: vec![file], _output: Some(output) })
    }

    fn of(files: Vec<FoundFile>) -> Self {
        let name = match files.as_slice() {
            [one] => one.name.clone(),
            several => format!("{} files", several.len()),
        };
        Self { name, files, _output: None }
    }

    /// The files as they are opened.
    #[must_use]
    pub fn paths(&self) -> Vec<(PathBuf, String)> {
        self.files.iter().map(|file| (file.path.clone(), file.name.clone())).collect()
    }

    /// Refuses a list that is older than it may be, or that somebody may still be writing.
    pub fn check_fresh(&self, spec: &ListSpec, now: Timestamp) -> Result<(), ListError> {
        for FoundFile { name, changed, .. } in &self.files {
            let Some(changed) = changed else { continue };
            let age = now.duration_since(*changed);
            if spec.settle.is_positive() && age < spec.settle {
                let message = if age.is_negative() {
                    format!("the list changed at {changed}, and it is {now} now")
                } else {
                    format!("the list changed {} ago: it may not be complete", words(age))
                };
                let hint = format!(
                    "it is read once it was left alone for {} (`audience.settle`)",
                    words(spec.settle)
                );
                return Err(ListError::NotYet(Problem::new(Place::file(name), message).hint(hint)));
            }
            if let Some(limit) = spec.max_age.filter(|limit| age > *limit) {
                let message = format!(
                    "the list is {} old, expected at most {} (`audience.max_age`)",
                    words(age),
                    words(limit)
                );
                let hint = "write it anew, or see why nothing wrote it";
                return Err(ListError::Wrong(Problem::new(Place::file(name), message).hint(hint)));
            }
        }
        Ok(())
    }
}

impl FoundFile {
    fn read(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        // To open a pipe would wait for its writer; the reader of lists says what is wrong with it.
        let digest = if metadata.is_file() { Audience::digest(path)? } else { [0; 32] };
        let changed = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Ok(Self { path: path.to_owned(), name: path.display().to_string(), digest, changed })
    }

    /// Whether it is a file that was taken: of the same name, and saying the same.
    fn is(&self, taken: &TakenFile) -> bool {
        self.digest == taken.file.digest && self.path.file_name() == taken.file.path.file_name()
    }
}

/// Moves the files of settled lists into a folder. Returns the names of those that were moved; one that is gone or says
/// something else by now stays where it is.
pub fn move_done(taken: &[TakenFile], folder: &Path) -> Result<Vec<String>, Problem> {
    let mut moved = Vec::new();
    for TakenFile { file, .. } in taken.iter().filter(|taken| taken.settled) {
        let is_same =
            file.path.is_file() && Audience::digest(&file.path).is_ok_and(|digest| digest == file.digest);
        let Some(name) = file.path.file_name().filter(|_| is_same) else { continue };
        let failed = |error: io::Error| {
            let message =
                format!("the list is done and cannot be moved to {}: {}", folder.display(), cause(&error));
            Problem::new(Place::file(file.path.display().to_string()), message)
                .hint("`audience.done` is a folder on the same disk, relative to the campaign file")
        };
        fs::create_dir_all(folder).map_err(failed)?;
        // A name that is there already stays what it is: `carts.csv`, `carts.csv.2`, …
        let free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
        let numbered = (2..).map(|number| folder.join(format!("{}.{number}", name.to_string_lossy())));
        let target = std::iter::once(folder.join(name)).chain(numbered).find(free);
        let target = target.unwrap_or_else(|| folder.join(name));
        fs::rename(&file.path, &target).map_err(failed)?;
        moved.push(target.display().to_string());
    }
    Ok(moved)
}

/// The files of the newest list of an occasion.
fn last<'a>(taken: &'a [TakenFile], occasion: &'a str) -> impl Iterator<Item = &'a TakenFile> {
    let ours = move || taken.iter().filter(move |taken| taken.occasion == occasion);
    let newest = ours().map(|taken| taken.generation).max();
    ours().filter(move |taken| Some(taken.generation) == newest)
}

fn resolve(path: &ListPath, due: Option<&Zoned>) -> Result<PathBuf, ListError> {
    path.at(due).ok_or_else(|| {
        let message = "`{date}` in the path is the day of the due time, and no due time is left";
        ListError::Wrong(Problem::new(Place::file(path.to_string()), message))
    })
}

/// The files whose names match, the one that changed last at the end.
fn matching(path: &Path) -> Result<Vec<(Option<Timestamp>, PathBuf)>, ListError> {
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

fn read(path: &Path) -> Result<FoundFile, ListError> {
    FoundFile::read(path).map_err(|error| ListError::Wrong(unreadable(path, &error)))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        Place::file(path.display().to_string()),
        format!("the list cannot be read: {}", cause(error)),
    )
    .hint("`csv` under `[audience]` is relative to the campaign file")
}

/// A list of the day that is not there may still come; one that is always the same should be there.
fn missing(path: &ListPath, at: &Path, due: Option<&Zoned>, error: &io::Error) -> ListError {
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

fn none(path: &ListPath) -> ListError {
    let problem = Problem::new(Place::file(path.to_string()), "there is no list of such a name yet");
    ListError::NotYet(problem.hint("`csv` under `[audience]` is relative to the campaign file"))
}

fn told(path: &ListPath, files: &[FoundFile]) -> String {
    match files {
        [] => format!("nothing new in {path}"),
        [one] => one.name.clone(),
        several => format!("{path} ({} files)", several.len()),
    }
}

/// A program that is named with a folder is seen from the campaign file.
fn located(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') {
        absolute(folder.join(program)).unwrap_or_else(|_| folder.join(program))
    } else {
        PathBuf::from(program)
    }
}

/// A span in words, in whole minutes where it is long.
fn words(span: SignedDuration) -> String {
    let unit = if span.abs() < SignedDuration::from_mins(2) { Unit::Second } else { Unit::Minute };
    SPAN.duration_to_string(&span.round(unit).unwrap_or(span))
}
