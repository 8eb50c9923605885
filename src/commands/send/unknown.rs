//! `--on-unknown`: one rule for all mails that were handed over without an answer.

use crate::{
    commands::{
        Failure, Global, is_named,
        send::arguments::{OnUnknown, SendArgs},
    },
    exit::Exit,
    ledger::{Decision, Resolution, Run, Source, UnknownRow},
    ui::{Ui, count, grouped},
};

/// So many are sent again without `--force`, whatever the size of the list.
const FEW: u64 = 10;
/// Rows that are decided about at once.
const PAGE: u32 = 500;

/// The unknown mails that the rule is about.
pub(super) struct Unknown {
    rule: OnUnknown,
    rows: Vec<i64>,
}

impl Unknown {
    /// Finds them; refuses to send too many again. Changes nothing.
    pub(super) async fn find(run: &Run, global: &Global, arguments: &SendArgs) -> Result<Self, Failure> {
        let rule = arguments.on_unknown;
        let mut rows = Vec::new();
        if rule == OnUnknown::Hold {
            return Ok(Self { rule, rows });
        }
        let only = arguments.whom.selection().only;
        let chosen = |row: &UnknownRow| only.is_empty() || is_named(&only, &row.user_id, &row.address);
        let mut after = 0;
        loop {
            let page = run.unknown(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            rows.extend(page.iter().filter(|row| row.listed && chosen(row)).map(|row| row.id));
        }
        let total = run.tally().await?.total();
        if rule == OnUnknown::Resend && rows.len() as u64 > FEW.max(total / 100) && !arguments.force {
            return Err(Failure::words(
                Exit::Undecided,
                format!(
                    "{} of {} would be sent again, and some of these people may get two",
                    count(rows.len() as u64, "mail"),
                    grouped(total)
                ),
            )
            .hint(format!(
                "so many are a relay's fault: `{}` finds out; `--force` sends them all",
                arguments.by_log(global)
            )));
        }
        Ok(Self { rule, rows })
    }

    /// How many mails the run has more to send for them.
    pub(super) fn to_send(&self) -> u64 {
        match self.rule {
            OnUnknown::Hold | OnUnknown::Skip => 0,
            OnUnknown::Resend => self.rows.len() as u64,
        }
    }

    /// Applies the rule, and says so aloud.
    pub(super) async fn decide(self, ui: &Ui, run: &Run) -> Result<(), Failure> {
        let mails = count(self.rows.len() as u64, "mail");
        let (decision, reason) = match self.rule {
            OnUnknown::Hold => return Ok(()),
            OnUnknown::Resend => (Decision::Pending, "sent again by `--on-unknown resend`"),
            OnUnknown::Skip => (Decision::Sent, "taken as sent by `--on-unknown skip`"),
        };
        if self.rows.is_empty() {
            return Ok(());
        }
        if decision == Decision::Pending {
            ui.note(format_args!(
                "{mails} whose answer was lost: sending again, with the same Message-ID and link. \
                 WHO GOT THE FIRST ONE GETS IT TWICE"
            ));
        } else {
            ui.note(format_args!(
                "{mails} whose answer was lost: taken as sent; nobody will look at them again"
            ));
        }
        for page in self.rows.chunks(PAGE as usize) {
            let resolution =
                |id: &i64| Resolution { id: *id, decision, source: Source::Rule, reason: reason.to_owned() };
            run.resolve(page.iter().map(resolution).collect()).await?;
        }
        Ok(())
    }
}
