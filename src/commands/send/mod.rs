//! `send`: the campaign goes out, or goes on where the last run ended.

mod arguments;
mod end;
mod enlist;
mod occasion;
mod refused;
mod rests;
mod unknown;

use std::sync::Arc;

use end::{End, Known, mails_were};
use enlist::Enlisting;
use rests::Rests;
use unknown::Unknown;

pub use arguments::{Due, OnUnknown, SendArgs};
pub(super) use enlist::{Before, Look};

use crate::{
    commands::{
        Failure, Global, clerk,
        deliver::deliver,
        owner::Owner,
        parts::{self, CLOCK, World},
        target::Target,
    },
    email::Letter,
    exit::Exit,
    ledger::{Ledger, LedgerError, Run},
    pipeline::{Bounds, Parts},
    token::TokenIssuer,
    ui::{Ui, count},
};

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, mut arguments: SendArgs) -> Result<Exit, Failure> {
    let (mut world, due_at) = occasion::of(ui, global, &mut arguments).await?;
    if arguments.sandbox {
        parts::rehearse(&mut world.settings);
    }
    let target = if arguments.sandbox {
        Target::rehearsal(ui, &world.settings, &world.campaign.id).await?
    } else {
        Target::live(&world.settings)?
    };
    let letter = world.letter(parts::message_keys(&target.keyring))?;
    let options = parts::ledger_options(&world.settings, arguments.sandbox);
    let ledger = parts::open_ledger(ui, &target.ledger, &options).await?;
    let accept = arguments.accept.accept();
    let mut run = ledger.begin_accepting(&world.campaign.id, &world.campaign.occasion, accept).await?;
    match run.plan(due_at, world.campaign.once_in()).await {
        // Between the look at the schedule and here another tick has ended it, and told so.
        Err(over @ LedgerError::Over { .. }) if arguments.due.is_some() => {
            ui.remark(over);
            return Ok(Exit::Settled);
        }
        planned => planned?,
    }
    let run = Arc::new(run);
    tell_recovered(ui, &run);
    let known = Known::of(&ledger, &world, &run).await?;
    // Also an occasion that is named after its time is over is for the list of its time.
    world.due = due_at.or(known.due);
    run.describe(world.page_facts()).await?;
    let issuer = world.issuer(&target.keyring, target.is_rehearsal())?;
    let minter = issuer.clerk();
    clerk::sweep(ui, &issuer, &run).await?;
    Enlisting {
        ui,
        global,
        ledger: &ledger,
        run: &run,
        letter: &letter,
        live: target.live,
        arguments: &arguments,
    }
    .enlist(&mut world, &issuer)
    .await?;
    let owner = Owner { global, settings: &world.settings, sandbox: arguments.sandbox };
    owner.claim(&ledger, &world.campaign.id, &world.campaign.file).await?;

    let unknown = Unknown::find(&run, global, &arguments).await?;
    let waiting = arguments.whom.waiting(ui, &run).await? + unknown.to_send();
    let rests = Rests::find(&ledger, &world, &target).await?;
    let ended = if waiting == 0 {
        unknown.decide(ui, &run).await?;
        let which = if arguments.whom.only.is_empty() { "every row" } else { "each row of `--only`" };
        let anew = if arguments.sandbox { " (remove the folder `sandbox` to rehearse anew)" } else { "" };
        ui.say(format_args!("nothing to send: {which} is settled{anew}"));
        Ok(0)
    } else if rests.hold(ui, &target, arguments.due.is_some()) {
        Ok(0)
    } else if let Some(failure) = arguments.hopeless.clone() {
        Err(failure)
    } else {
        clerk::tell_limit(ui, &world, &issuer, &run, waiting).await?;
        confirm(ui, global, &world, &target, &arguments, waiting)?;
        unknown.decide(ui, &run).await?;
        let parts = parts(&world, &target, &ledger, (&run, issuer, letter)).await?;
        let total = arguments.whom.limit.map_or(waiting, |limit| limit.min(waiting));
        let stop = arguments.turn.child_token();
        let ended = deliver(ui, parts, bounds(&world, &arguments), total, stop).await;
        if ended.is_ok() {
            rests.end(&run).await?;
        }
        ended
    };
    let concluded = async {
        let kept = target.end().await?;
        let lapsed = ended.as_ref().map_or(0, |lapsed| *lapsed);
        let minter = minter.as_deref();
        let end = End {
            ui,
            global,
            arguments: &arguments,
            world: &world,
            ledger: &ledger,
            run: &run,
            minter,
            known,
        };
        end.conclude(lapsed, &kept).await
    }
    .await;
    // So that a plain copy of the file is a whole backup. A failure loses nothing: the next run folds the log in.
    let _ = ledger.close().await;
    // What ended the run comes before what failed behind it.
    ended.and(concluded)
}

/// Everything that sending needs.
async fn parts(
    world: &World,
    target: &Target,
    ledger: &Ledger,
    (run, issuer, letter): (&Arc<Run>, TokenIssuer, Arc<Letter>),
) -> Result<Parts, Failure> {
    Ok(Parts {
        run: Arc::clone(run),
        issuer,
        letter,
        delivery: target.delivery.clone(),
        pace: parts::pace(&world.settings),
        caps: parts::caps(&world.settings, ledger).await?,
        clock: CLOCK,
    })
}

fn bounds(world: &World, arguments: &SendArgs) -> Bounds {
    Bounds {
        connections: world.settings.connections,
        limit: arguments.whom.limit,
        selection: arguments.whom.selection(),
        not_after: world.campaign.not_after,
        scheduled: arguments.due.is_some(),
        wait: arguments.wait,
        accept_refusals: arguments.accept_refusals,
        window: world.campaign.schedule.as_ref().and_then(|schedule| schedule.window.clone()),
    }
}

/// Asks, unless nothing can leave this machine or the answer was given with `--yes`.
fn confirm(
    ui: &Ui,
    global: &Global,
    world: &World,
    target: &Target,
    arguments: &SendArgs,
    due: u64,
) -> Result<(), Failure> {
    let mails = count(arguments.whom.limit.map_or(due, |limit| limit.min(due)), "mail");
    if arguments.yes || !target.asks {
        ui.say(format_args!("sending {mails} of `{}` through {}", world.campaign.id, target.relay));
        return Ok(());
    }
    let paused = if occasion::is_paused(world, arguments) { ", which is paused," } else { "" };
    let question = format!("Send {mails} of `{}`{paused} through {}?", world.campaign.id, target.relay);
    match ui.confirm(&question) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::words(Exit::Unfinished, "nothing was sent: the answer was no")
            .hint(format!("the list is booked; to go on: {}", arguments.again(global)))),
        None => Err(Failure::words(
            Exit::Usage,
            format!("{mails} would be sent, and there is no terminal to ask at"),
        )
        .hint(format!(
            "the list is booked; `--yes` sends without asking, and a terminal asks: {}",
            arguments.again(global)
        ))),
    }
}

fn tell_recovered(ui: &Ui, run: &Run) {
    if let Some(host) = run.elsewhere() {
        ui.note(format_args!(
            "the newest run on this ledger was on the machine `{host}`: if the ledger is in use there as well, people get their mails twice"
        ));
    }
    let recovered = run.recovered();
    if recovered.released > 0 {
        ui.remark(format_args!(
            "an earlier run ended early: {} it had not begun to send wait again",
            count(recovered.released, "mail")
        ));
    }
    if recovered.unknown > 0 {
        ui.note(format_args!(
            "an earlier run ended while {} under way: the relay may have taken them, so they are `unknown` and not sent again",
            mails_were(recovered.unknown)
        ));
    }
}
