//! The commands that the program prints to go on with: what was asked for stays in them, and a shell takes them as they
//! stand. None of them answers a question in advance: there is no `--yes`.

use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt, path::Path};

use super::Global;
use crate::ledger::State;

/// A command of this program, in the words of a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine(String);

impl CommandLine {
    /// The verb and what it is about: a campaign file, a campaign's name.
    pub(crate) fn new(verb: &str, about: impl AsRef<OsStr>) -> Self {
        let about = about.as_ref();
        // What begins with a hyphen would be an option.
        let about =
            if about.as_bytes().starts_with(b"-") { Path::new(".").join(about) } else { about.into() };
        Self(format!("linkpost {verb} {}", quoted(about.as_os_str())))
    }

    /// A verb that is about no campaign.
    pub(crate) fn verb(verb: &str) -> Self {
        Self(format!("linkpost {verb}"))
    }

    /// With a flag, where it was given.
    pub(crate) fn flag(mut self, name: &str, given: bool) -> Self {
        if given {
            self.0.push(' ');
            self.0.push_str(name);
        }
        self
    }

    /// With an option and its values, where there are any.
    pub(crate) fn option(mut self, name: &str, values: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        for value in values {
            let value = value.as_ref();
            let between = if value.len() > 1 && value.as_bytes().starts_with(b"-") { "=" } else { " " };
            self.0.extend([" ", name, between, &quoted(value)]);
        }
        self
    }

    /// With the settings that were named.
    pub(crate) fn settings(self, global: &Global) -> Self {
        self.option("--settings", &global.settings)
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The command that sends what waits of an occasion.
pub(crate) fn send(campaign: &Path, sandbox: bool, global: &Global, occasion: &str) -> CommandLine {
    // By the campaign's name alone nobody knows where its file is.
    let file = Some(campaign).filter(|path| path.is_file()).unwrap_or(Path::new("CAMPAIGN"));
    CommandLine::new("send", file)
        .option("--occasion", [occasion])
        .flag("--sandbox", sandbox)
        .settings(global)
}

/// The command that puts back the rows in a state.
pub(crate) fn retry(campaign: &Path, sandbox: bool, global: &Global, state: State) -> CommandLine {
    CommandLine::new("retry", campaign)
        .option("--rows", [state.name()])
        .flag("--sandbox", sandbox)
        .settings(global)
}

/// The command that decides about unknown mails by a relay's log.
pub(crate) fn by_log(campaign: &Path, sandbox: bool, global: &Global, log: &str) -> CommandLine {
    CommandLine::new("resolve", campaign).option("--log", [log]).flag("--sandbox", sandbox).settings(global)
}

/// The command that lists the rows in a state.
pub(crate) fn rows(campaign: &Path, sandbox: bool, global: &Global, state: &str) -> CommandLine {
    CommandLine::new("status", campaign).option("--rows", [state]).flag("--sandbox", sandbox).settings(global)
}

/// A word that every shell takes for what it says (POSIX 2.2).
pub(crate) fn quoted(word: &OsStr) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,".contains(byte);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.bytes().all(|byte| plain(&byte)) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        // A terminal obeys control characters that are pasted into it, and other bytes are lost on the way.
        Some(_) | None => {
            let octal = word.as_bytes().iter().map(|byte| {
                if plain(byte) && *byte != b'%' {
                    char::from(*byte).to_string()
                } else {
                    format!("\\{byte:03o}")
                }
            });
            format!("\"$(printf '{}')\"", octal.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_every_word_as_it_was() {
        let words: [&[u8]; 14] = [
            b"campaigns/spring.toml",
            b"ada+news@example.com",
            b"",
            b"my list.toml",
            b"it's",
            b"$HOME/`id`/$(id)",
            b"a\"b\\c",
            b"~root",
            b"a;b&c|d>e<f(g)h#i!j*k?l[m]{n,o}",
            "Größe".as_bytes(),
            b"%s%d",
            b"line\nend\tx",
            b"\x1b[31mred 100%\x15",
            b"not\xffutf-8",
        ];
        for word in words {
            let line = format!("printf '%s.' {}", quoted(OsStr::from_bytes(word)));
            let said = Command::new("sh").args(["-c", &line]).output().unwrap();
            assert_eq!(said.stdout, [word, b"."].concat(), "{line}");
            assert!(!line.chars().any(char::is_control), "{line}");
        }
    }

    #[test]
    fn what_begins_with_a_hyphen_is_no_option() {
        let line = CommandLine::new("send", "-x.toml").option("--only", ["-1", "-"]).flag("--sandbox", true);
        assert_eq!(line.to_string(), "linkpost send ./-x.toml --only=-1 --only - --sandbox");
    }
}
