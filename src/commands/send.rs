//! `send`: the campaign goes out, or goes on where the last run ended.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    campaign,
    commands::{
        AcceptArgs, Failure, Global, ListArgs, WhomArgs, clerk,
        end::{End, Known, mails_were},
        enlist::Enlisting,
        news, occasion,
        owner::Owner,
        parts::{self, CLOCK, World},
        preview,
        rests::Rests,
        sandbox::Stage,
        unknown::{OnUnknown, Unknown},
    },
    email::Letter,
    exit::Exit,
    ledger::{Ledger, LedgerError, Run, Settled},
    pipeline::{self, Bounds, Halt, News, Parts},
    token::TokenIssuer,
    ui::{Ui, count},
};

/// How long a stopped run waits for relays to answer what is under way.
const GRACE: Duration = Duration::from_mins(2);

/// What `send` understands.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct SendArgs {
    /// The campaign file
    pub campaign: PathBuf,
    /// Rehearse: a real SMTP conversation with an embedded relay that keeps the mails on this machine
    #[arg(long, conflicts_with = "dry_run")]
    pub sandbox: bool,
    /// The same as `preview`
    #[arg(long)]
    pub dry_run: bool,
    /// The occasion [default: the one in the campaign file; with a schedule that of the newest due time]
    #[arg(long, value_name = "NAME", value_parser = occasion_name, conflicts_with = "dry_run")]
    pub occasion: Option<String>,
    /// Do not ask before sending
    #[arg(long, short)]
    pub yes: bool,
    /// Whom to mail.
    #[command(flatten)]
    pub whom: WhomArgs,
    /// Rows with problems.
    #[command(flatten)]
    pub list: ListArgs,
    /// Send on although the template, the sender or the link changed after the first mails left
    #[arg(long)]
    pub accept_changed_template: bool,
    /// Send although the campaign is paused (`paused = true` in its `[schedule]`)
    #[arg(long)]
    pub accept_paused: bool,
    /// Stay until everything is settled: wait for the mails that the relay put off, for hours if need be
    #[arg(long, conflicts_with_all = ["limit", "only", "dry_run"])]
    pub wait: bool,
    /// What becomes of mails that were handed over without an answer: wait for a decision, send them again (they may
    /// arrive twice), or take them as sent
    #[arg(long, value_enum, default_value_t = OnUnknown::Hold, value_name = "RULE", conflicts_with = "dry_run")]
    pub on_unknown: OnUnknown,
    /// With `--on-unknown resend`: also when it is more than 10 mails and more than 1 % of the list
    #[arg(long)]
    pub force: bool,
    /// What the start puts up with.
    #[command(flatten)]
    pub accept: AcceptArgs,
    /// Take refusals at their word: go on although many people are refused in the same words
    #[arg(long, conflicts_with = "dry_run")]
    pub accept_refusals: bool,
    /// Exit with 3 if any row was rejected, expired or invalid
    #[arg(long)]
    pub strict: bool,
    /// What a schedule asks for; not from the command line.
    #[arg(skip)]
    pub due: Option<Due>,
    /// Cancelled when another campaign's turn has come: this one goes on later.
    #[arg(skip)]
    pub turn: CancellationToken,
    /// What is known to stop every mail: the list is taken in, and none is offered.
    #[arg(skip)]
    pub hopeless: Option<Failure>,
}

/// What a schedule asks for.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The due time.
    pub at: Timestamp,
    /// Whether the occasion has begun: then it keeps the files that it began with.
    pub goes_on: bool,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, mut arguments: SendArgs) -> Result<Exit, Failure> {
    if arguments.dry_run {
        let SendArgs { campaign, whom, list, .. } = arguments;
        let arguments = preview::PreviewArgs { campaign, out: None, whom, list };
        return preview::run(ui, global, arguments).await;
    }
    let (mut world, due_at) = occasion::of(ui, global, &mut arguments).await?;
    if arguments.sandbox {
        parts::rehearse(&mut world.settings);
    }
    let stage = if arguments.sandbox { Stage::rehearsal(ui, &world).await? } else { Stage::real(&world)? };
    let letter = world.letter(parts::message_keys(&stage.keyring))?;
    let options = parts::ledger_options(&world.settings, arguments.sandbox);
    let ledger = parts::open_ledger(ui, &stage.ledger, &options).await?;
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
    let issuer = world.issuer(&stage)?;
    let minter = issuer.clerk();
    clerk::sweep(ui, &issuer, &run).await?;
    Enlisting {
        ui,
        global,
        ledger: &ledger,
        run: &run,
        letter: &letter,
        live: stage.live,
        arguments: &arguments,
    }
    .enlist(&mut world, &issuer)
    .await?;
    let owner = Owner { global, settings: &world.settings, sandbox: arguments.sandbox };
    owner.claim(&ledger, &world.campaign.id, &world.campaign.file).await?;

    let unknown = Unknown::find(&run, global, &arguments).await?;
    let waiting = arguments.whom.waiting(ui, &run).await? + unknown.to_send();
    let rests = Rests::find(&ledger, &world, &stage).await?;
    let ended = if waiting == 0 {
        unknown.decide(ui, &run).await?;
        let which = if arguments.whom.only.is_empty() { "every row" } else { "each row of `--only`" };
        let anew = if arguments.sandbox { " (remove the folder `sandbox` to rehearse anew)" } else { "" };
        ui.say(format_args!("nothing to send: {which} is settled{anew}"));
        Ok(0)
    } else if rests.hold(ui, &stage, arguments.due.is_some()) {
        Ok(0)
    } else if let Some(failure) = arguments.hopeless.clone() {
        Err(failure)
    } else {
        clerk::tell_limit(ui, &world, &issuer, &run, waiting).await?;
        confirm(ui, global, &world, &stage, &arguments, waiting)?;
        unknown.decide(ui, &run).await?;
        let parts = parts(&world, &stage, &ledger, (&run, issuer, letter)).await?;
        let total = arguments.whom.limit.map_or(waiting, |limit| limit.min(waiting));
        let stop = arguments.turn.child_token();
        let ended = deliver(ui, parts, bounds(&world, &arguments), total, stop).await;
        if ended.is_ok() {
            rests.end(&run).await?;
        }
        ended
    };
    let concluded = async {
        let kept = stage.end().await?;
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
    stage: &Stage,
    ledger: &Ledger,
    (run, issuer, letter): (&Arc<Run>, TokenIssuer, Arc<Letter>),
) -> Result<Parts, Failure> {
    Ok(Parts {
        run: Arc::clone(run),
        issuer,
        letter,
        delivery: stage.delivery.clone(),
        pace: parts::pace(&world.settings),
        caps: parts::caps(&world.settings, ledger).await?,
        clock: CLOCK,
    })
}

fn occasion_name(text: &str) -> Result<String, String> {
    campaign::occasion_name(text)
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
    stage: &Stage,
    arguments: &SendArgs,
    due: u64,
) -> Result<(), Failure> {
    let mails = count(arguments.whom.limit.map_or(due, |limit| limit.min(due)), "mail");
    if arguments.yes || !stage.asks {
        ui.say(format_args!("sending {mails} of `{}` through {}", world.campaign.id, stage.relay));
        return Ok(());
    }
    let paused = if occasion::is_paused(world, arguments) { ", which is paused," } else { "" };
    let question = format!("Send {mails} of `{}`{paused} through {}?", world.campaign.id, stage.relay);
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

/// Sends until nothing is due, a signal comes, or the run has to stop. Returns how many mails have had their time before
/// they were tried.
///
/// A run that `stop` ends has mails left, and whoever stopped it goes on with them.
pub(super) async fn deliver(
    ui: &Ui,
    parts: Parts,
    bounds: Bounds,
    total: u64,
    stop: CancellationToken,
) -> Result<u64, Failure> {
    let mut progress = ui.progress(total);
    let mut lapsed = 0;
    let sending = pipeline::send_all(Arc::new(parts), bounds, stop.clone(), |news| match news {
        News::Settled(settled) => {
            ui.event(&event(&settled));
            progress.settled(&settled);
        }
        news @ (News::Trouble(_)
        | News::Slower { .. }
        | News::Capped { .. }
        | News::Resting(_)
        | News::PutBack { .. }
        | News::Lapsed { .. }
        | News::Waiting { .. }) => {
            if let News::Lapsed { rows } = news {
                lapsed += rows;
            }
            progress.aside(|| news::tell(ui, &news));
        }
    });
    let ended = tokio::select! {
        ended = sending => ended,
        interrupted = interrupted(ui, &stop) => interrupted,
    };
    progress.finish();
    ended?;
    Ok(lapsed)
}

/// Ends only when the run has to end at once: a second signal, or the grace after the first is over.
async fn interrupted(ui: &Ui, stop: &CancellationToken) -> Result<(), Halt> {
    first_signal().await;
    stop.cancel();
    ui.note("stopping: what is under way is finished first (once more to stop at once)");
    tokio::select! {
        () = first_signal() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
    Err(Halt::Interrupted)
}

/// Waits for SIGINT, SIGTERM or SIGHUP.
pub(super) async fn first_signal() {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => drop(signals.recv().await),
            // Without the signal's registration the default action still ends the process.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

fn event(settled: &Settled) -> serde_json::Value {
    json!({ "event": "settled", "line": settled.line, "state": settled.state.name(), "reason": settled.reason })
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
