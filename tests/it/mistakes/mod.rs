//! What people get wrong, and the whole of what they are told: place, found, expected, one hint.

mod books;
mod files;
mod list;
mod relay;

use crate::support::fixture::{Fixture, Said};

/// Everything that a person sees.
fn told(said: &Said) -> String {
    let code = said.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    let out =
        if said.out.is_empty() { String::new() } else { format!("--- stdout\n{}--- stderr\n", said.out) };
    format!("exit {code}\n{out}{}", said.err)
}

/// What differs from run to run is left out of the snapshots made while this lives.
fn steady() -> impl Drop {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b127\.0\.0\.1:[0-9]+", "127.0.0.1:[port]");
    settings.add_filter(r"\bin [0-9.]+ s \([0-9.,]+/s\)", "in [time]");
    // Progress, on a slow machine.
    settings.add_filter(r"(?m)^[0-9,]+ of [0-9,]+ mails: .*\n", "");
    settings.add_filter(r"\b[0-9]{8}T[0-9]{6}-[0-9a-f]{8}\b", "[kid]");
    settings.bind_to_scope()
}

/// The books as the program tells them.
fn books(fixture: &Fixture) -> String {
    let said = fixture.run(&["status", "spring.toml"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let words = said.out.lines().skip(2).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect::<Vec<_>>().join(", ")
}

fn send(fixture: &Fixture, more: &[&str]) -> Said {
    fixture.run(&[&["send", "spring.toml", "--yes"], more].concat())
}
