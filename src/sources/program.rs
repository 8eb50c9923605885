//! Runs the program that prints a list.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf, absolute},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{error::ListError, files::FoundFile, unrunnable};
use crate::{
    audience::FileProfile,
    problem::{Place, Problem, cause},
    scratch::Scratch,
};

/// How long a program may take to print a list.
const LONGEST_COMMAND: Duration = Duration::from_mins(10);

/// What a program printed: a file without a name, so that nothing of it stays however this program ends.
#[derive(Debug)]
pub(super) struct Output {
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

/// Runs a program and takes what it prints for the list. No shell is asked; `folder` is where it works, and
/// `hidden` are the variables of the environment that it does not see. `encoding` is the label from the campaign file.
pub(super) async fn run(
    words: &[String],
    folder: &Path,
    hidden: &[String],
    encoding: Option<&str>,
) -> Result<(FoundFile, Output), ListError> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(ListError::Wrong(Problem::new(Place::file("the list"), "there is no program to run")));
    };
    let name = format!("the output of `{program}`");
    let wrong = |message: String| Problem::new(Place::file(&*name), message);
    let unwritten =
        |error: io::Error| ListError::Wrong(wrong(format!("it cannot be kept: {}", cause(&error))));
    let output = Output::new().map_err(unwritten)?;
    let at = located(program, folder);
    let mut command = Command::new(&at);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(output.file.try_clone().map_err(unwritten)?);
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    for name in hidden {
        command.env_remove(name);
    }
    let failed = |error: io::Error| {
        ListError::Wrong(unrunnable::unstarted(Place::file(&*name), program, &at, folder, &error))
    };
    let ended = timeout(LONGEST_COMMAND, command.spawn().map_err(failed)?.wait()).await;
    let status = ended
        .map_err(|_| {
            let minutes = LONGEST_COMMAND.as_secs() / 60;
            ListError::Wrong(wrong(format!("the program did not end within {minutes} minutes")))
        })?
        .map_err(failed)?;
    if !status.success() {
        return Err(ListError::Wrong(unrunnable::failed(Place::file(&*name), words, folder, status)));
    }
    if output.file.metadata().is_ok_and(|file| file.len() == 0)
        && let Some(problem) = unrunnable::silent(Place::file(&*name), words, folder)
    {
        return Err(ListError::Wrong(problem));
    }
    let profile = FileProfile::of(&output.path, &name, encoding).map_err(unwritten)?;
    Ok((FoundFile { profile, changed: None }, output))
}

/// A program that is named with a folder is seen from the campaign file.
fn located(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') {
        absolute(folder.join(program)).unwrap_or_else(|_| folder.join(program))
    } else {
        PathBuf::from(program)
    }
}
