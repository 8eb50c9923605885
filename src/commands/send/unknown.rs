//! `--on-unknown` in words.

use crate::{
    commands::send::arguments::{OnUnknown, SendArgs},
    console::{Failure, Global},
    exit::Exit,
    ledger::{Decision, Run},
    occasion::{Obstacle, Unknown},
    ui::{Ui, count, grouped},
};

/// Finds the mails that the rule is about; refuses to send too many again.
pub(super) async fn find(run: &Run, global: &Global, arguments: &SendArgs) -> Result<Unknown, Failure> {
    let decision = match arguments.on_unknown {
        OnUnknown::Hold => None,
        OnUnknown::Resend => Some(Decision::Pending),
        OnUnknown::Skip => Some(Decision::Sent),
    };
    match Unknown::find(run, decision, &arguments.whom.selection().only, arguments.force).await {
        Err(Obstacle::TooManyAgain { mails, total }) => Err(Failure::words(
            Exit::Undecided,
            format!(
                "{} of {} would be sent again, and some of these people may get two",
                count(mails, "mail"),
                grouped(total)
            ),
        )
        .hint(format!(
            "so many are a relay's fault: `{}` finds out; `--force` sends them all",
            arguments.by_log(global)
        ))),
        found => Ok(found?),
    }
}

/// Applies the rule, and says so aloud.
pub(super) async fn decide(ui: &Ui, run: &Run, rule: OnUnknown, unknown: Unknown) -> Result<(), Failure> {
    if unknown.mails() == 0 {
        return Ok(());
    }
    let mails = count(unknown.mails(), "mail");
    let reason = match rule {
        OnUnknown::Hold => return Ok(()),
        OnUnknown::Resend => {
            ui.note(format_args!(
                "{mails} whose answer was lost: sending again, with the same Message-ID and link. \
                 WHO GOT THE FIRST ONE GETS IT TWICE"
            ));
            "sent again by `--on-unknown resend`"
        }
        OnUnknown::Skip => {
            ui.note(format_args!(
                "{mails} whose answer was lost: taken as sent; nobody will look at them again"
            ));
            "taken as sent by `--on-unknown skip`"
        }
    };
    Ok(unknown.decide(run, reason).await?)
}
