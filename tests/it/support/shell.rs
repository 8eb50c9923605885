//! Pasting what the program prints into a real shell.

use std::{fs::File, path::Path, process::Command};

use super::fixture::{Fixture, Said};

/// What a person who copies a line out of a terminal does; `more` is what they write behind it.
pub(crate) fn paste(fixture: &Fixture, line: &str, more: &str) -> Said {
    assert!(!line.contains("--yes") && !line.contains(" -y"), "{line}");
    fixture.finish(shell(fixture, &["sh", "-c", &format!("{line} {more}")]))
}

/// The same on a terminal, where `answer` is typed; what the terminal shows is in `out`.
pub(crate) fn paste_at_a_terminal(fixture: &Fixture, line: &str, answer: &str) -> Said {
    assert!(!line.contains("--yes") && !line.contains(" -y"), "{line}");
    let mut command = shell(fixture, &["script", "--quiet", "--return", "--command", line, "/dev/null"]);
    fixture.file("answer", format!("{answer}\n"));
    command.stdin(File::open(fixture.path("answer")).unwrap());
    fixture.finish(command)
}

/// A command that finds the program on its path.
fn shell(fixture: &Fixture, words: &[&str]) -> Command {
    let linkpost = Path::new(env!("CARGO_BIN_EXE_linkpost")).parent().unwrap();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(fixture.path("")).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", linkpost.display()));
    command
}

/// The command behind these words.
pub(crate) fn printed(said: &Said, before: &str) -> String {
    let line = said.err.lines().find_map(|line| line.split_once(before));
    line.unwrap_or_else(|| panic!("no `{before}`: {said:?}")).1.to_owned()
}
