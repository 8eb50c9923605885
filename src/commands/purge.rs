//! `purge`: personal data has an end. Counts and hashes stay.

use std::path::PathBuf;

use clap::Args;

use crate::{
    console::{Failure, Global, command_line::CommandLine, files, name_owner::Owner},
    exit::Exit,
    occasion::ledgers,
    ui::{Ui, count},
};

/// What `purge` understands.
#[derive(Debug, Clone, Args)]
pub struct PurgeArgs {
    /// The campaign file, or the campaign's name
    pub campaign: PathBuf,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Purge although rows still wait for a run or a decision; they are given up
    #[arg(long)]
    pub force: bool,
    /// Purge the rehearsals of `send --sandbox`
    #[arg(long)]
    pub sandbox: bool,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: PurgeArgs) -> Result<Exit, Failure> {
    let (settings, campaign) = files::named(global, &arguments.campaign)?;
    let by_name = CommandLine::new("purge", campaign.as_str()).flag("--force", arguments.force);
    let owner = Owner { global, settings: &settings, sandbox: arguments.sandbox };
    owner.check_books(by_name, &campaign, &arguments.campaign).await?;
    let ledger = ledgers::existing(&settings, arguments.sandbox).await?;
    if !arguments.yes {
        let question =
            format!("Forget every address, name and field of `{campaign}`? This cannot be undone.");
        match ui.confirm(&question) {
            Some(true) => {}
            Some(false) => {
                return Err(Failure::words(Exit::Unfinished, "nothing was purged: the answer was no"));
            }
            None => {
                return Err(Failure::words(Exit::Usage, "there is no terminal to ask at")
                    .hint("`--yes` purges without asking"));
            }
        }
    }
    let report = ledger.purge(&campaign, arguments.force).await?;
    ui.say(format_args!("purged {} of `{campaign}`; its counts and hashes stay", count(report.rows, "row")));
    Ok(Exit::Settled)
}
