//! The only module that prints. stdout carries data, stderr words.
//!
//! On a terminal there is a progress bar, without one a plain line every few seconds, with `--json` events as JSON
//! lines on stdout. Words for people mask addresses unless asked otherwise.

mod progress;

use std::{
    fmt::Display,
    io::{self, BufRead, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table};
use serde_json::Value;

pub use progress::Progress;

use crate::{
    audience::mask,
    digits,
    ledger::{State, Tally},
    problem::{Hint, Problem},
};

/// How many problems are shown before "and N more".
const SHOWN: usize = 20;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

/// How to speak to whoever is listening.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line")]
pub struct Ui {
    /// Events as JSON lines on stdout.
    pub json: bool,
    /// Only what needs a person.
    pub quiet: bool,
    /// Whole addresses in words meant for people.
    pub show_addresses: bool,
    /// No notes either: somebody else says what is worth saying.
    pub hushed: bool,
}

impl Ui {
    /// The same for work whose result is told by whoever asked for it.
    #[must_use]
    pub fn hushed(&self) -> Self {
        Self { quiet: true, hushed: true, ..self.clone() }
    }

    /// A sentence about what happens.
    pub fn say(&self, words: impl Display) {
        if !self.quiet {
            line(&mut anstream::stderr(), &words);
        }
    }

    /// Something out of the ordinary that mends itself: worth a note where somebody watches, and nobody's sleep.
    pub fn remark(&self, words: impl Display) {
        if !self.quiet {
            self.note(words);
        }
    }

    /// Something that a person should know although the run goes on.
    pub fn note(&self, words: impl Display) {
        if !self.hushed {
            line(&mut anstream::stderr(), &format_args!("{NOTE}note:{NOTE:#} {words}"));
        }
    }

    /// What went wrong, with an optional remedy.
    pub fn error(&self, words: impl Display, hint: Option<&str>) {
        let mut stderr = anstream::stderr();
        line(&mut stderr, &format_args!("{ERROR}error:{ERROR:#} {words}"));
        if let Some(hint) = hint {
            line(&mut stderr, &Hint(hint));
        }
    }

    /// Data for another program: a table, a CSV, a path.
    pub fn data(&self, text: impl Display) {
        line(&mut anstream::stdout(), &text);
    }

    /// An event for a machine; nothing without `--json`.
    pub fn event(&self, event: &Value) {
        if self.json {
            line(&mut io::stdout(), event);
        }
    }

    /// A list of problems: the first ones, how many more there are, and what can be done about all of them. A hint that
    /// several in a row share stands under the last of them.
    pub fn problems(&self, problems: &[Problem], total: u64, remedy: Option<&str>) {
        let mut stderr = anstream::stderr();
        let mut shown = problems.iter().take(SHOWN).peekable();
        while let Some(Problem { place, what }) = shown.next() {
            line(&mut stderr, &format_args!("{ERROR}error:{ERROR:#} {place}: {}", what.message));
            let shared = shown.peek().is_some_and(|next| next.what.hint == what.hint);
            if let Some(hint) = what.hint.as_ref().filter(|_| !shared) {
                line(&mut stderr, &Hint(hint));
            }
        }
        let shown = problems.len().min(SHOWN) as u64;
        if total > shown {
            line(&mut stderr, &format_args!("… and {} more", grouped(total - shown)));
        }
        if let Some(remedy) = remedy {
            line(&mut stderr, &format_args!("{remedy}"));
        }
    }

    /// Whether somebody is there to answer.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question that is answered with `y` or `n`; `None` where nobody can answer.
    #[must_use]
    pub fn confirm(&self, question: &str) -> Option<bool> {
        if !self.can_ask() {
            return None;
        }
        let mut stderr = anstream::stderr();
        // A question that cannot be shown is not answered either.
        write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).ok()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// The progress of a run over `total` mails.
    #[must_use]
    pub fn progress(&self, total: u64) -> Progress {
        if self.quiet || self.json {
            Progress::silent()
        } else if io::stderr().is_terminal() {
            Progress::bar(total)
        } else {
            Progress::plain(total)
        }
    }

    /// An address as people may see it: `a***@example.com` unless whole addresses were asked for.
    #[must_use]
    pub fn address(&self, address: &str) -> String {
        if self.show_addresses { address.to_owned() } else { mask::address(address) }
    }
}

/// Writes a line; a reader that went away (a closed pipe) is no reason to stop sending.
fn line(to: &mut dyn Write, text: &dyn Display) {
    let _closed_pipe = writeln!(to, "{text}");
}

/// `1 mail`, `2 mails`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{}{plural}", format_args!("{} {noun}", grouped(number)))
}

/// `1 person`, `2 people`.
#[must_use]
pub fn people(number: u64) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", grouped(number)) }
}

/// A number with thousands apart: `100,000`.
#[must_use]
pub fn grouped(number: u64) -> String {
    digits::grouped(&number.to_string())
}

/// The books as a table: a line per state that occurs, and the sum.
#[must_use]
pub fn tally_table(tally: &Tally) -> String {
    let rows = State::ALL
        .iter()
        .map(|state| (state.name(), tally.get(*state)))
        .filter(|(_, number)| *number > 0)
        .map(|(name, number)| vec![name.to_owned(), grouped(number)]);
    table(&["state", "rows"], rows.chain([vec!["in all".to_owned(), grouped(tally.total())]]))
}

/// A plain table: columns apart, numbers (every column but the first) to the right.
#[must_use]
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // The last column is filled up with spaces, which nobody sees and every copy of the table carries along.
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_nouns_agree() {
        for (number, text) in
            [(0, "0 mails"), (1, "1 mail"), (999, "999 mails"), (1_234_567, "1,234,567 mails")]
        {
            assert_eq!(count(number, "mail"), text);
        }
    }
}
