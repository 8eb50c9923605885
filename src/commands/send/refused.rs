//! Who got no mail and will get none, in one line.

use crate::{
    console::{Failure, command_line::CommandLine},
    ledger::{Run, State},
    occasion::{Refused, most_often},
    settings::Expected,
    ui::{Ui, count, grouped},
};

/// Says who, in whose words, and how they can have a mail after all: `commands` are those that list the rows of a
/// state and that put them back. `before`: what earlier runs have told.
pub(super) async fn report(
    refused: &Refused,
    ui: &Ui,
    run: &Run,
    (expected, before): (Expected, Option<Refused>),
    commands: impl FnOnce(State) -> (CommandLine, CommandLine),
) -> Result<(), Failure> {
    if refused.lost() + refused.invalid == 0 {
        return Ok(());
    }
    let said = if refused.rejected > 0 { most_often(run).await? } else { None };
    let said = said.map(|said| format!(" (`{said}`)")).unwrap_or_default();
    let parts = [
        (refused.rejected, format!("refused{said}")),
        (refused.expired, "expired".to_owned()),
        (refused.invalid, "left out with a problem".to_owned()),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", grouped(number)))
        .collect();
    let state = if refused.rejected > 0 {
        State::Rejected
    } else if refused.expired > 0 {
        State::Expired
    } else {
        State::Invalid
    };
    let (rows, retry) = commands(state);
    let words = format!(
        "of {} {}: `{rows}` says why, `{retry}` lets them wait again",
        count(refused.mails, "mail"),
        parts.join(", ")
    );
    let is_old = before.is_some_and(|before| before.lost() >= refused.lost());
    if refused.is_news(expected) && !is_old {
        ui.note(words);
    } else {
        ui.remark(words);
    }
    Ok(())
}
