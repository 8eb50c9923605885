//! `ledger verify`: is the ledger whole, and does it keep what was promised?

use clap::Subcommand;
use serde_json::json;

use crate::{
    console::{Failure, Global, files},
    exit::Exit,
    occasion::ledgers,
    ui::Ui,
};

/// What can be done with a ledger.
#[derive(Debug, Clone, Subcommand)]
pub enum LedgerVerb {
    /// Check that the file is whole and its books are in order
    Verify {
        /// Look at the rehearsals of `send --sandbox`
        #[arg(long)]
        sandbox: bool,
    },
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, verb: LedgerVerb) -> Result<Exit, Failure> {
    let LedgerVerb::Verify { sandbox } = verb;
    let settings = files::own_settings(global)?;
    let ledger = ledgers::existing(&settings, sandbox).await?;
    let checks = ledger.verify().await?;
    let mut broken = 0;
    for check in &checks {
        ui.event(&json!({ "event": "checked", "rule": check.rule, "broken": check.broken }));
        if !ui.json {
            let verdict = if check.broken.is_empty() { "ok   " } else { "WRONG" };
            ui.data(format_args!("{verdict} {}", check.rule));
            for words in &check.broken {
                ui.data(format_args!("      {words}"));
            }
        }
        broken += u64::from(!check.broken.is_empty());
    }
    if broken == 0 {
        return Ok(Exit::Settled);
    }
    Err(Failure::words(Exit::Ledger, format!("the ledger breaks {broken} of {} rules", checks.len()))
        .hint("send nothing with it: put the newest good copy back, and keep this one to look into"))
}
