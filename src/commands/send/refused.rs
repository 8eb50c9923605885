//! Whoever got no mail and will get none: told in one line, and whether a person should look.

use crate::{
    commands::{Failure, command_line::CommandLine},
    ledger::{Run, State, Tally},
    replies::sameness,
    settings::Expected,
    ui::{Ui, count, grouped},
};

/// So many refusals are looked through for what is most often said.
const PAGE: u32 = 2_000;

/// Those of an occasion's current list who were refused or came too late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Refused {
    rejected: u64,
    expired: u64,
    invalid: u64,
    /// All who were meant to get a mail.
    mails: u64,
}

impl Refused {
    /// `decided`: how many were refused by a decision of somebody's.
    pub(super) fn of(tally: &Tally, decided: u64) -> Self {
        let nobody = [State::Duplicate, State::Withdrawn].map(|state| tally.get(state)).into_iter().sum();
        Self {
            rejected: tally.get(State::Rejected).saturating_sub(decided),
            expired: tally.get(State::Expired),
            invalid: tally.get(State::Invalid),
            mails: tally.total().saturating_sub(nobody),
        }
    }

    fn lost(&self) -> u64 {
        self.rejected + self.expired
    }

    /// Whether that is more than was to be expected.
    pub(super) fn is_news(&self, expected: Expected) -> bool {
        expected.is_exceeded(self.lost(), self.mails)
    }

    /// Says who, in whose words, and how they can have a mail after all: `commands` are those that list the rows of a
    /// state and that put them back. `before`: what earlier runs have told.
    pub(super) async fn tell(
        &self,
        ui: &Ui,
        run: &Run,
        (expected, before): (Expected, Option<Self>),
        commands: impl FnOnce(State) -> (CommandLine, CommandLine),
    ) -> Result<(), Failure> {
        if self.lost() + self.invalid == 0 {
            return Ok(());
        }
        let said = if self.rejected > 0 { most_often(run).await? } else { None };
        let said = said.map(|said| format!(" (`{said}`)")).unwrap_or_default();
        let parts = [
            (self.rejected, format!("refused{said}")),
            (self.expired, "expired".to_owned()),
            (self.invalid, "left out with a problem".to_owned()),
        ];
        let parts: Vec<_> = parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", grouped(number)))
            .collect();
        let state = if self.rejected > 0 {
            State::Rejected
        } else if self.expired > 0 {
            State::Expired
        } else {
            State::Invalid
        };
        let (rows, retry) = commands(state);
        let words = format!(
            "of {} {}: `{rows}` says why, `{retry}` lets them wait again",
            count(self.mails, "mail"),
            parts.join(", ")
        );
        let is_old = before.is_some_and(|before| before.lost() >= self.lost());
        if self.is_news(expected) && !is_old {
            ui.note(words);
        } else {
            ui.remark(words);
        }
        Ok(())
    }
}

/// What is said most often, in the words of the first who was told so.
async fn most_often(run: &Run) -> Result<Option<String>, Failure> {
    let rows = run.rows(State::Rejected, 0, PAGE).await?;
    let mut kinds: Vec<(String, String, u64)> = Vec::new();
    for reason in rows.into_iter().filter(|row| row.listed).filter_map(|row| row.reason) {
        let same = sameness(&reason);
        match kinds.iter_mut().find(|(kind, ..)| *kind == same) {
            Some((_, _, number)) => *number += 1,
            None => kinds.push((same, reason, 1)),
        }
    }
    Ok(kinds.into_iter().max_by_key(|(_, _, number)| *number).map(|(_, reason, _)| reason))
}
