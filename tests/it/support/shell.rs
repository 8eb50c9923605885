//! Pasting what the program prints into a real shell.

use std::{path::Path, process::Command};

use super::fixture::{Fixture, Said};

/// What a person who copies a line out of a terminal does; `more` is what they write behind it.
pub(crate) fn paste(fixture: &Fixture, line: &str, more: &str) -> Said {
    assert!(!line.contains("--yes") && !line.contains(" -y"), "{line}");
    let linkpost = Path::new(env!("CARGO_BIN_EXE_linkpost")).parent().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{line} {more}")]).current_dir(fixture.path(""));
    command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", linkpost.display()));
    fixture.finish(command)
}

/// The command behind these words.
pub(crate) fn printed(said: &Said, before: &str) -> String {
    let line = said.err.lines().find_map(|line| line.split_once(before));
    line.unwrap_or_else(|| panic!("no `{before}`: {said:?}")).1.to_owned()
}
