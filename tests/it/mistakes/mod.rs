//! What people get wrong, and the whole of what they are told: place, found, expected, one hint.

mod books;
mod cron;
mod files;
mod list;
mod log;
mod program;
mod relay;
mod templates;

use crate::support::{
    fixture::{Fixture, Said},
    screen::{screen as told, steady},
};

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
