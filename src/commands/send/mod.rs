//! `send`: the campaign goes out, or goes on where the last run ended.

mod arguments;
mod end;
mod intake;
mod occasion;
mod refused;
mod unknown;

use std::sync::Arc;

use end::{End, Known, mails_were};

pub use arguments::{Due, OnUnknown, SendArgs};

use crate::{
    console::{
        Failure, Global, clerk,
        deliver::deliver,
        files::{self, CLOCK},
        name_owner::Owner,
        run_news::clock_time,
    },
    email::Letter,
    exit::Exit,
    ledger::{Ledger, LedgerError, Rest, Run},
    occasion::{Occasion, Rests, Target, ledgers, message_keys},
    pipeline::{Bounds, Parts},
    token::TokenIssuer,
    ui::{Ui, count},
};

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, mut arguments: SendArgs) -> Result<Exit, Failure> {
    let occasion = occasion::of(ui, global, &mut arguments).await?;
    let target = files::target(ui, &occasion.settings, &occasion.campaign.id, arguments.sandbox).await?;
    let letter = occasion.letter(message_keys(&target.keyring))?;
    let options = ledgers::options(&occasion.settings, arguments.sandbox);
    let ledger = files::open_ledger(ui, &target.ledger, &options).await?;
    let Some(run) = begin(ui, &ledger, &occasion, &arguments).await? else { return Ok(Exit::Settled) };
    let known = Known::of(&ledger, &occasion, &run).await?;
    // Also an occasion that is named after its time is over is for the list of its time.
    let due = occasion.due.or(known.due);
    let occasion = occasion.with_due(due);
    run.describe(occasion.page_facts()).await?;
    let issuer = occasion.issuer(&target.keyring, target.is_rehearsal())?;
    clerk::sweep(ui, &issuer, &run).await?;
    let sending = Sending {
        ui,
        global,
        arguments: &arguments,
        occasion: &occasion,
        target: &target,
        ledger: &ledger,
        run: &run,
    };
    sending.take_in(&letter, &issuer).await?;
    let minter = issuer.clerk();
    let ended = Box::pin(sending.send(letter, issuer)).await?;
    let concluded = async {
        let kept = target.end().await?;
        let lapsed = ended.as_ref().map_or(0, |lapsed| *lapsed);
        let (arguments, occasion, minter) = (&arguments, &occasion, minter.as_deref());
        let (ledger, run) = (&ledger, &run);
        End { ui, global, arguments, occasion, ledger, run, minter, known }
            .conclude(lapsed, kept.as_deref())
            .await
    }
    .await;
    // So that a plain copy of the file is a whole backup. A failure loses nothing: the next run folds the log in.
    let _ = ledger.close().await;
    // What ended the run comes before what failed behind it.
    ended.and(concluded)
}

/// Begins the run, and says what an earlier one left; `None` where a tick finds its occasion over.
async fn begin(
    ui: &Ui,
    ledger: &Ledger,
    occasion: &Occasion,
    arguments: &SendArgs,
) -> Result<Option<Arc<Run>>, Failure> {
    let accept = arguments.accept.accept();
    let mut run = ledger.begin(&occasion.campaign.id, &occasion.campaign.occasion, accept).await?;
    match run.plan(occasion.due, occasion.campaign.once_in()).await {
        // Between the look at the schedule and here another tick has ended it, and told so.
        Err(over @ LedgerError::Over { .. }) if arguments.due.is_some() => {
            ui.remark(over);
            return Ok(None);
        }
        planned => planned?,
    }
    report_recovered(ui, &run);
    Ok(Some(Arc::new(run)))
}

/// A run that has begun.
struct Sending<'a> {
    ui: &'a Ui,
    global: &'a Global,
    arguments: &'a SendArgs,
    occasion: &'a Occasion,
    target: &'a Target,
    ledger: &'a Ledger,
    run: &'a Arc<Run>,
}

impl Sending<'_> {
    /// Books the list where it changed, and notes whose the campaign's name is.
    async fn take_in(&self, letter: &Arc<Letter>, issuer: &TokenIssuer) -> Result<(), Failure> {
        let Self { global, arguments, occasion, ledger, .. } = *self;
        self.enlist(letter, issuer).await?;
        let owner = Owner { global, settings: &occasion.settings, sandbox: arguments.sandbox };
        owner.claim(ledger, &occasion.campaign.id, &occasion.campaign.file).await
    }

    /// Sends what waits, where that may be; fails where it does not come to that. Inside is how the sending ended, with
    /// how many mails had their time before they were tried.
    async fn send(&self, letter: Arc<Letter>, issuer: TokenIssuer) -> Result<Result<u64, Failure>, Failure> {
        let Self { ui, global, arguments, occasion, target, ledger, run } = *self;
        let unknown = unknown::find(run, global, arguments).await?;
        let waiting = arguments.whom.waiting(ui, run).await? + unknown.to_send();
        let rests = Rests::find(ledger, occasion, target).await?;
        if waiting == 0 {
            unknown::decide(ui, run, arguments.on_unknown, unknown).await?;
            let which = if arguments.whom.only.is_empty() { "every row" } else { "each row of `--only`" };
            let anew = if arguments.sandbox { " (remove the folder `sandbox` to rehearse anew)" } else { "" };
            ui.say(format_args!("nothing to send: {which} is settled{anew}"));
            return Ok(Ok(0));
        }
        if arguments.due.is_some() {
            if let Some(Rest { until, reason, .. }) = rests.hinders() {
                ui.remark(format_args!("{reason}: nothing is sent before {}", clock_time(*until)));
                return Ok(Ok(0));
            }
            // By hand a relay that rests is tried.
            rests.leave_alone(&target.delivery);
        }
        if let Some(failure) = arguments.refused_login.clone() {
            return Ok(Err(failure));
        }
        clerk::print_limit(ui, occasion, &issuer, run, waiting).await?;
        confirm(ui, global, occasion, target, arguments, waiting)?;
        unknown::decide(ui, run, arguments.on_unknown, unknown).await?;
        let parts = parts(occasion, target, ledger, (run, issuer, letter)).await?;
        let total = arguments.whom.limit.map_or(waiting, |limit| limit.min(waiting));
        let stop = arguments.turn.child_token();
        let ended = deliver(ui, parts, bounds(occasion, arguments), total, stop).await;
        if ended.is_ok() {
            rests.end(run).await?;
        }
        Ok(ended)
    }
}

/// Everything that sending needs.
async fn parts(
    occasion: &Occasion,
    target: &Target,
    ledger: &Ledger,
    (run, issuer, letter): (&Arc<Run>, TokenIssuer, Arc<Letter>),
) -> Result<Parts, Failure> {
    Ok(Parts {
        run: Arc::clone(run),
        issuer,
        letter,
        delivery: target.delivery.clone(),
        pace: ledgers::pace(&occasion.settings),
        caps: ledgers::caps(&occasion.settings, ledger).await?,
        clock: CLOCK,
    })
}

fn bounds(occasion: &Occasion, arguments: &SendArgs) -> Bounds {
    Bounds {
        connections: occasion.settings.connections,
        limit: arguments.whom.limit,
        selection: arguments.whom.selection(),
        not_after: occasion.campaign.not_after,
        scheduled: arguments.due.is_some(),
        wait: arguments.wait,
        accept_refusals: arguments.accept_refusals,
        window: occasion.campaign.schedule.as_ref().and_then(|schedule| schedule.window.clone()),
    }
}

/// Asks, unless nothing can leave this machine or the answer was given with `--yes`.
fn confirm(
    ui: &Ui,
    global: &Global,
    occasion: &Occasion,
    target: &Target,
    arguments: &SendArgs,
    due: u64,
) -> Result<(), Failure> {
    let mails = count(arguments.whom.limit.map_or(due, |limit| limit.min(due)), "mail");
    if arguments.yes || target.is_rehearsal() {
        ui.say(format_args!("sending {mails} of `{}` through {}", occasion.campaign.id, target.relay));
        return Ok(());
    }
    let paused = if occasion::is_paused(occasion, arguments) { ", which is paused," } else { "" };
    let question = format!("Send {mails} of `{}`{paused} through {}?", occasion.campaign.id, target.relay);
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

fn report_recovered(ui: &Ui, run: &Run) {
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
