//! What several verbs understand, as data.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::{
    audience::Address,
    exit::Exit,
    ledger::{Accept, Run, Selection},
    ui::Ui,
};

/// What every verb understands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The settings file [default: the first `linkpost.toml` beside the campaign file or in a folder above]
    #[arg(long, global = true, help_heading = "In every command", value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Print events and results as JSON lines on stdout
    #[arg(long, global = true, help_heading = "In every command")]
    pub json: bool,
    /// Print only what needs a person
    #[arg(long, short, global = true, help_heading = "In every command")]
    pub quiet: bool,
    /// Log what happens to stderr; twice for every SMTP command (never addresses, tokens or passwords)
    #[arg(long, short, global = true, help_heading = "In every command", action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Show whole addresses where people read
    #[arg(long, global = true, help_heading = "In every command")]
    pub show_addresses: bool,
}

/// How a list with problems is treated.
#[derive(Debug, Clone, Default, Args)]
pub struct ListArgs {
    /// Go on without the rows that have problems; they are booked as `invalid`
    #[arg(long)]
    pub skip_problems: bool,
    /// Write the rows with problems into this CSV, to be corrected and sent as a list of its own
    #[arg(long, value_name = "FILE")]
    pub problems: Option<PathBuf>,
    /// Whether a schedule asks, which has no flags; not from the command line.
    #[arg(skip)]
    pub scheduled: bool,
}

/// Whom to mail.
#[derive(Debug, Clone, Default, Args)]
pub struct WhomArgs {
    /// Stop after so many mails
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<u64>,
    /// Only this address or user id; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub only: Vec<String>,
}

impl WhomArgs {
    /// The choice as the ledger spells it: an address in the form for the envelope, a user id as it is.
    pub(crate) fn selection(&self) -> Selection {
        Selection { only: spelled(&self.only) }
    }

    /// How many of the chosen wait for a mail, or who was chosen and is not there.
    pub(crate) async fn waiting(&self, ui: &Ui, run: &Run) -> Result<u64, Failure> {
        let (absent, waiting) = run.chosen(&self.selection()).await?;
        if absent.is_empty() {
            return Ok(waiting);
        }
        let shown =
            |name: &String| format!("`{}`", if name.contains('@') { ui.address(name) } else { name.clone() });
        let names: Vec<_> = absent.iter().map(shown).collect();
        let words = format!("`--only`: nobody on the list has the address or user id {}", names.join(", "));
        Err(Failure::words(Exit::Usage, words)
            .hint("write it as the list does; rows with a problem and duplicates cannot be chosen"))
    }
}

/// Names as the ledger spells them: an address in the form for the envelope, a user id as it is.
pub(crate) fn spelled(names: &[String]) -> Vec<String> {
    names.iter().map(|name| Address::parse(name).map_or_else(|_| name.clone(), |it| it.to_string())).collect()
}

fn at_least_one(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

/// What a person has said of a campaign file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Accepted {
    /// That it takes the place of the one that used its name.
    pub(crate) moved: bool,
    /// That it is a campaign of its own, though it had another name before.
    pub(crate) renamed: bool,
}

/// What a run is to put up with that it would refuse otherwise.
#[derive(Debug, Clone, Copy, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct AcceptArgs {
    /// Use a ledger that is older than the last run on it (a backup): whom later runs mailed it does not know
    #[arg(long)]
    pub accept_restored_ledger: bool,
    /// Go on although the clock shows a time before the newest in the ledger
    #[arg(long)]
    pub accept_clock: bool,
    /// Note that this file takes the place of the one that has used its `name` so far: the campaign file was moved
    #[arg(long)]
    pub accept_moved_file: bool,
    /// Note that this is a campaign of its own, though its file had another `name` when it was sent: whoever was mailed
    /// under that is mailed again
    #[arg(long)]
    pub accept_new_name: bool,
}

impl AcceptArgs {
    pub(crate) fn accepted(self) -> Accepted {
        Accepted { moved: self.accept_moved_file, renamed: self.accept_new_name }
    }

    pub(crate) fn accept(self) -> Accept {
        Accept { restored: self.accept_restored_ledger, clock: self.accept_clock }
    }
}
