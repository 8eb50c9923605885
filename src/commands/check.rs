//! `check`: reads everything, renders every row, sends nothing.

use std::path::PathBuf;

use clap::Args;

use crate::{
    console::{
        Accepted, Failure, Global, ListArgs,
        files::{self, CLOCK},
        list_files, list_news,
        name_owner::Owner,
        signals::unless_stopped,
        times::{self, Closed},
    },
    exit::Exit,
    ledger::{Accept, Ledger},
    occasion::{
        harmless_keys,
        intake::{Intake, People, Report},
        is_live, relays,
    },
    ui::Ui,
};

/// What `check` understands.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The campaign file
    pub campaign: PathBuf,
    /// Connect to the relay and sign in as well; still nothing is sent
    #[arg(long)]
    pub connect: bool,
    /// Note that this file takes the place of the one that has used its `name` so far: the campaign file was moved
    #[arg(long)]
    pub accept_moved_file: bool,
    /// Note that this is a campaign of its own, though its file had another `name` when it was sent: whoever was mailed
    /// under that is mailed again
    #[arg(long)]
    pub accept_new_name: bool,
    /// Rows with problems.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: CheckArgs) -> Result<Exit, Failure> {
    unless_stopped(look(ui, global, &arguments)).await
}

async fn look(ui: &Ui, global: &Global, arguments: &CheckArgs) -> Result<Exit, Failure> {
    let occasion = files::project(ui, global, &arguments.campaign)?.usual();
    let (id, file) = (&occasion.campaign.id, &*occasion.campaign.file);
    let owner = Owner { global, settings: &occasion.settings, sandbox: false };
    if let Err(error) = owner.look(id, file).await {
        ui.note(format_args!("whether another file uses the name `{id}` cannot be looked up: {error}"));
    }
    let accepted = Accepted { moved: arguments.accept_moved_file, renamed: arguments.accept_new_name };
    owner.check(ui, id, file, accepted).await?;
    let letter = occasion.letter(harmless_keys())?;
    for advice in occasion.settings.advice().into_iter().chain(letter.advice()) {
        ui.note(advice);
    }
    let now = CLOCK.now();
    for doubt in times::doubts(&occasion.campaign, now) {
        ui.note(doubt);
    }
    match times::closed(&occasion.campaign, now) {
        Some(Closed::Always(failure)) => return Err(failure),
        Some(Closed::Sometimes(problem)) => ui.note(problem),
        None => {}
    }
    let live = is_live(&occasion.settings);
    let list = list_files::harmless(ui, &occasion, true).await?;
    let intake = Intake {
        occasion: &occasion,
        list: &list,
        letter: &letter,
        live,
        people: People::unasked(&occasion),
        wishes: &arguments.list.wishes(),
    };
    let report: Report<'_> = &mut |news| list_news::say(ui, &news);
    let checked = intake.check(report).await?;
    let which = if checked.is_whole() { "every row" } else { "every other row" };
    // Who repeats whom takes a memory: a scratch ledger, gone at the end.
    let ledger = Ledger::scratch(CLOCK).await?;
    let run = ledger.begin(&occasion.campaign.id, &occasion.campaign.occasion, Accept::default()).await?;
    let mark = occasion.mark(&letter, &list);
    checked.book(&run, mark, report).await?;
    times::report_closed_zones(ui, &occasion.campaign, &run, now).await?;
    drop(run);
    ledger.close().await?;
    if arguments.connect {
        for (relay, capabilities) in relays(&occasion.settings)?.probe().await? {
            let pipelining = if capabilities.pipelining { "with" } else { "without" };
            ui.say(format_args!("{relay} talks to us, {pipelining} PIPELINING"));
        }
    }
    ui.say(format_args!("{which} can be mailed; nothing was sent"));
    Ok(Exit::Settled)
}
