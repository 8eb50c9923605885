//! Why a program that prints a list could not be run, or failed, in words about its file: what the system says of a
//! script with Windows line ends is "no such file", though the file is there.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::ExitStatus,
};

use crate::problem::{Diagnosis, Place, Problem, cause};

/// How much of a file is looked at.
const HEAD: u64 = 4096;
/// How much of a file's first line is shown, in letters.
const SHOWN: usize = 100;
/// The code of a shell, and of `env`, that did not find a command.
const NOT_FOUND: i32 = 127;

/// The problem with a program that could not be started. `at` is where it was looked for.
pub(super) fn unstarted(place: Place, program: &str, at: &Path, folder: &Path, error: &io::Error) -> Problem {
    Problem { place, what: diagnosis(program, at, folder, error) }
}

/// The problem with a program that ended badly. One of `words` may be a script that is itself the reason.
pub(super) fn failed(place: Place, words: &[String], folder: &Path, status: ExitStatus) -> Problem {
    if let Some(script) = windows_script(words, folder) {
        let message = format!("the program ended with {status}: `{script}` has Windows line ends (CRLF)");
        return Problem::new(place, message).hint(unix_lines(script, folder));
    }
    let problem = Problem::new(place, format!("the program ended with {status}, so its output is no list"));
    if status.code() == Some(NOT_FOUND) {
        return problem.hint(
            "127 says that a command in it was not found, and what it said is above; under cron the PATH is short: \
             name such commands from the root on",
        );
    }
    problem.hint("run it by hand; what it said is above")
}

/// The problem with a program that ended well and printed nothing, where its file is the reason.
pub(super) fn silent(place: Place, words: &[String], folder: &Path) -> Option<Problem> {
    let script = windows_script(words, folder)?;
    let message = format!("the program printed nothing: `{script}` has Windows line ends (CRLF)");
    Some(Problem::new(place, message).hint(unix_lines(script, folder)))
}

/// The script among a command's words that has the line ends of Windows; a list among them may.
fn windows_script<'a>(words: &'a [String], folder: &Path) -> Option<&'a str> {
    let is_script = |word: &&String| {
        let (path, head) = (folder.join(word), head(&folder.join(word)));
        let shell = path.extension().is_some_and(|ending| ending == "sh");
        (shell || head.starts_with(b"#!") || head.starts_with(b"\xef\xbb\xbf#!")) && has_windows_lines(&head)
    };
    words.iter().find(is_script).map(String::as_str)
}

fn diagnosis(program: &str, at: &Path, folder: &Path, error: &io::Error) -> Diagnosis {
    let (head, kind) = (head(at), error.kind());
    if kind == ErrorKind::NotFound {
        if program.contains('/') { absent(program, at, folder, &head) } else { missing(program, folder) }
    } else if kind == ErrorKind::PermissionDenied {
        forbidden(program, at, folder, &head)
    } else if kind == ErrorKind::ExecutableFileBusy {
        Diagnosis::new(format!("`{program}` is being written at this moment"))
            .hint("run this again when it is whole")
    } else if at.metadata().is_ok_and(|file| file.len() == 0) {
        Diagnosis::new(format!("`{program}` is empty"))
            .hint("look at how it got here: it was cut off, or the disk was full")
    } else if head.is_empty() {
        Diagnosis::new(format!("the program cannot be run: {}", cause(error)))
            .hint("`audience.command` is a program and its arguments, and no line for a shell")
    } else {
        unlike(program, &head, error)
    }
}

/// A file that is not there, or is: then what its first line or its machine code asks for is missing.
fn absent(program: &str, at: &Path, folder: &Path, head: &[u8]) -> Diagnosis {
    if !at.exists() {
        return Diagnosis::new(format!("there is no file `{program}`"))
            .hint("a program with a `/` in its name is seen from the folder of the campaign file");
    }
    match interpreter(head) {
        Some(line) if has_windows_lines(head) => {
            Diagnosis::new(format!("`{program}` begins with `#!{line}` and a carriage return"))
                .hint(unix_lines(program, folder))
        }
        Some(line) => {
            let wanted = line.split_ascii_whitespace().next().unwrap_or_default();
            Diagnosis::new(format!("`{program}` is to be run by `{wanted}`, which is not there"))
                .hint("install it, or name another in the first line of the file")
        }
        None => Diagnosis::new(format!("`{program}` is there, and the loader that it was built for is not"))
            .hint("build it for this system: programs for another C library do not run here"),
    }
}

/// A program that was named without a folder.
fn missing(program: &str, folder: &Path) -> Diagnosis {
    let missing = Diagnosis::new(format!("there is no program `{program}` on the PATH"));
    if program.contains(' ') {
        missing.hint(
            "`audience.command` is a program and its arguments, each in quotes of its own, and no line for a shell",
        )
    } else if folder.join(program).is_file() {
        missing.hint(format!("for the file beside the campaign file write `./{program}`"))
    } else {
        missing.hint("install it, or name it from the root on; under cron the PATH is short")
    }
}

fn forbidden(program: &str, at: &Path, folder: &Path, head: &[u8]) -> Diagnosis {
    if at.is_dir() {
        return Diagnosis::new(format!("`{program}` is a folder")).hint("name the program in it");
    }
    match at.metadata().map(|file| file.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o111 == 0 => {
            Diagnosis::new(format!("`{program}` is not executable (mode `{mode:03o}`)"))
                .hint(format!("chmod +x {}", from_here(program, folder)))
        }
        Ok(mode) => {
            let by = interpreter(head).map_or_else(String::new, |line| format!(", or not `{line}`"));
            Diagnosis::new(format!("this user may not run `{program}` (mode `{mode:03o}`){by}")).hint(
                "look at its owner and at the folders above it; a file system that is mounted `noexec` runs nothing",
            )
        }
        Err(error) => Diagnosis::new(format!("`{program}` is out of reach: {}", cause(&error)))
            .hint("look at who may enter the folders above it"),
    }
}

/// A file that the system would not take for a program.
fn unlike(program: &str, head: &[u8], error: &io::Error) -> Diagnosis {
    let (is, remedy) = match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ("is saved as UTF-16", PLAIN),
        [0xef, 0xbb, 0xbf, ..] => ("begins with a byte order mark", PLAIN),
        [b'M', b'Z', ..] => ("is a program for Windows", "get the one for this system"),
        [0x7f, b'E', b'L', b'F', ..] => ("was built for another machine", "get the one for this system"),
        [b'#', b'!', ..] => {
            return Diagnosis::new(format!("`{program}` cannot be run: {}", cause(error)))
                .hint("run it by hand");
        }
        _ => {
            return Diagnosis::new(format!(
                "`{program}` does not say what runs it: its first line has no `#!`"
            ))
            .hint("begin it with `#!/bin/sh`, or with the interpreter that it is written for");
        }
    };
    Diagnosis::new(format!("`{program}` {is}")).hint(remedy)
}

/// How a script has to be saved.
const PLAIN: &str = "save it as UTF-8 without a byte order mark, with `#!` as its first two letters";

fn unix_lines(script: &str, folder: &Path) -> String {
    format!("save it with Unix line ends (LF): sed -i 's/\\r$//' {}", from_here(script, folder))
}

/// A file that is named as seen from the campaign file, as a shell in the current folder finds it.
fn from_here(program: &str, folder: &Path) -> String {
    let path = folder.join(program.strip_prefix("./").unwrap_or(program)).display().to_string();
    let plain = path.chars().all(|c| c.is_alphanumeric() || "/._-+@%".contains(c)) && !path.starts_with('-');
    if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// What stands behind `#!` in the first line, as far as it is for the eye.
fn interpreter(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).take(SHOWN).collect())
}

/// Whether the first line ends as on Windows.
fn has_windows_lines(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').next().is_some_and(|first| first.ends_with(b"\r"))
}

/// The beginning of a file; nothing where it cannot be read.
fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = File::open(path)
        && file.metadata().is_ok_and(|file| file.is_file())
    {
        // What was read until an error is looked at all the same.
        let _ = file.take(HEAD).read_to_end(&mut head);
    }
    head
}
