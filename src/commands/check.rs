//! `check`: reads everything, renders every row, sends nothing.

use std::path::PathBuf;

use clap::Args;

use crate::{
    commands::{
        Failure, Global, ListArgs, list,
        parts::{self, CLOCK, World},
    },
    exit::Exit,
    ledger::Ledger,
    ui::Ui,
};

/// What `check` understands.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The campaign file
    pub campaign: PathBuf,
    /// Rows with problems.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: CheckArgs) -> Result<Exit, Failure> {
    let world = World::load(ui, global, &arguments.campaign)?;
    let campaign = &world.campaign;
    let letter = world.letter(parts::harmless_keys())?;
    let audience = list::open(ui, campaign, &letter, world.is_live())?;
    // Who repeats whom takes a memory: a scratch ledger, gone at the end.
    let ledger = Ledger::scratch(CLOCK).await?;
    let run = ledger.begin(&campaign.id, &campaign.occasion).await?;
    let mark = world.mark(&letter)?;
    let listed =
        list::book(ui, &world, audience, &letter, run.enlist().await?, mark, &arguments.list).await?;
    listed.refuse(&arguments.list)?;
    listed.tell(ui);
    ui.say("every row can be mailed; nothing was sent");
    Ok(Exit::Settled)
}
