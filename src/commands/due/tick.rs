//! A tick of `due`: the campaigns in turn, each one's occasion begun or gone on with.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    campaign::{Campaign, ListSource},
    commands::send::{self, Due, SendArgs},
    console::{Failure, Global, ListArgs, files},
    exit::Exit,
    ledger::{PAUSED, Tick},
    occasion::{Look, Planned, Prospect, ledgers},
    schedule::Act,
    ui::{Ui, count},
};

/// How often a list is taken in in one tick: one that changes all the time has to be left at some time.
const MOST_ROUNDS: usize = 10;
/// How it ended for one campaign.
pub(super) struct Ended {
    pub(super) name: String,
    pub(super) what: String,
    pub(super) exit: Exit,
    /// Whether it went as it should: all is settled, or mails wait for their time.
    pub(super) good: bool,
    /// Whether it told what happens once, and what a later look does not find any more.
    pub(super) told: bool,
    /// The settings that it belongs to, as far as they could be read.
    pub(super) settings: Option<PathBuf>,
}

/// What was told in this tick: what is wrong for several campaigns is told once.
#[derive(Default)]
pub(super) struct Told(Vec<(Failure, Option<PathBuf>, Vec<String>)>);

impl Told {
    /// Tells why a campaign did not go out, unless the same was told of another.
    pub(super) fn tell(&mut self, ui: &Ui, name: &str, settings: Option<&Path>, failure: Failure) {
        let settings = settings.map(Path::to_owned);
        match self.0.iter_mut().find(|(told, of, _)| *told == failure && *of == settings) {
            Some((_, _, names)) if names.iter().any(|known| known == name) => {}
            Some((_, _, names)) => names.push(name.to_owned()),
            None => {
                failure.clone().report_in_tick(ui);
                self.0.push((failure, settings, vec![name.to_owned()]));
            }
        }
    }

    /// Names the campaigns that something told of another one is true of as well.
    pub(super) fn finish(&self, ui: &Ui) {
        for (failure, _, names) in &self.0 {
            if let [first, others @ ..] = names.as_slice()
                && !others.is_empty()
            {
                let others = others.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let words = format_args!("what stopped `{first}` stopped {others} as well");
                if failure.exit() == Exit::Unfinished { ui.remark(words) } else { ui.note(words) }
            }
        }
    }

    /// Why no mail would leave with these settings: a login that was refused once is not tried again in the same tick,
    /// since accounts get locked by that.
    fn hopeless(&self, settings: &Path) -> Option<Failure> {
        let refused = self
            .0
            .iter()
            .find(|(failure, of, _)| failure.exit() == Exit::Credentials && of.as_deref() == Some(settings));
        refused.map(|(failure, _, _)| failure.clone())
    }
}

impl Ended {
    pub(super) fn new(one: &Planned, what: &str, exit: Exit) -> Self {
        let settings = Some(one.settings.file.clone());
        let good = exit == Exit::Settled;
        Self { name: one.campaign.id.to_string(), what: what.to_owned(), exit, good, told: false, settings }
    }

    /// What is true behind a later turn of the same campaign: what was told once stays, the rest is what it is now.
    fn then(self, later: Option<Self>) -> Option<Self> {
        match later {
            _ if !self.told => later,
            None => Some(self),
            Some(later) if later.exit.severity() >= self.exit.severity() => {
                Some(Self { told: true, ..later })
            }
            Some(later) => Some(Self { what: later.what, ..self }),
        }
    }
}

/// Gives each campaign its turn, in order. One that takes long yields to occasions that would be late otherwise, and
/// goes on behind them: a relay sees one campaign at a time, and nobody waits for hours.
pub(super) async fn turns(
    ui: &Ui,
    global: &Global,
    planned: &[Planned],
    stop: &CancellationToken,
    told: &mut Told,
) -> Vec<Ended> {
    let mut ended: Vec<Option<Ended>> = planned.iter().map(|_| None).collect();
    // A due time is yielded to once: one that cannot begin does not stop the others again and again.
    let mut heeded = BTreeSet::new();
    loop {
        let mut yielded = false;
        for (nth, (one, ended)) in planned.iter().zip(&mut ended).enumerate() {
            if stop.is_cancelled() {
                ended.get_or_insert_with(|| {
                    Ended::new(one, "not looked at: stopped by a signal", Exit::Unfinished)
                });
                continue;
            }
            let turn = CancellationToken::new();
            let ticked = tokio::select! {
                biased;
                ticked = tick(ui, global, one, &turn, told) => ticked,
                never = heed(ui, planned, nth, &mut heeded, &turn) => match never {},
            };
            yielded |= turn.is_cancelled();
            let now = ticked.unwrap_or_else(|failure| {
                let what = format!("failed ({})", one.campaign.file.display());
                let failed = Ended::new(one, &what, failure.exit());
                told.tell(ui, &failed.name, Some(&one.settings.file), failure);
                Some(failed)
            });
            *ended = match ended.take() {
                Some(before) => before.then(now),
                None => now,
            };
        }
        if !yielded || stop.is_cancelled() {
            return ended.into_iter().flatten().collect();
        }
    }
}

/// Ends a campaign's turn when an occasion of another one has waited long enough.
async fn heed(
    ui: &Ui,
    planned: &[Planned],
    at_work: usize,
    heeded: &mut BTreeSet<(usize, Timestamp)>,
    turn: &CancellationToken,
) -> Infallible {
    let others = || planned.iter().enumerate().filter(|(nth, _)| *nth != at_work);
    let Some(pause) = others().map(|(_, other)| other.patience()).min() else {
        return std::future::pending().await;
    };
    loop {
        sleep(pause).await;
        for (nth, other) in others() {
            if let Some(due) = other.overdue().await
                && heeded.insert((nth, due))
            {
                ui.say(format_args!(
                    "the time of `{}` has come: the rest goes on behind it",
                    other.campaign.id
                ));
                turn.cancel();
            }
        }
    }
}

/// Does what is to be done for one campaign; `None` where nothing is.
async fn tick(
    ui: &Ui,
    global: &Global,
    one: &Planned,
    turn: &CancellationToken,
    told: &mut Told,
) -> Result<Option<Ended>, Failure> {
    let Planned { campaign, schedule, settings, sandbox } = one;
    let options = ledgers::options(settings, *sandbox);
    let ledger = files::open_ledger(ui, &ledgers::location(settings, *sandbox), &options).await?;
    let done = ledger.tick(campaign, schedule).await?;
    let undecided = ledger.undecided(&campaign.id).await?;
    ledger.close().await?;
    let passed = tell_passed(ui, campaign, &done);
    let due = match done.act {
        Act::Begin(due) | Act::GoOn(due) => due,
        Act::GiveUp(_) | Act::Nothing(_) => {
            let what = if passed {
                let cancelled = matches!(done.act, Act::GiveUp(_));
                if cancelled { "cancelled, the rest given up" } else { "an occasion was skipped" }.to_owned()
            } else if undecided > 0 {
                let wait = if undecided == 1 { "waits" } else { "wait" };
                format!("{} {wait} for a decision", count(undecided, "mail"))
            } else {
                return Ok(None);
            };
            return Ok(Some(Ended { told: passed, ..Ended::new(one, &what, Exit::Undecided) }));
        }
    };
    let occasion = schedule.occasion(due, &campaign.occasion);
    ui.say(format_args!("{}, occasion {occasion}", campaign.id));
    let sending = SendArgs {
        campaign: campaign.file.clone(),
        occasion: Some(occasion.clone()),
        sandbox: *sandbox,
        yes: true,
        list: ListArgs { scheduled: true, ..ListArgs::default() },
        due: Some(Due { at: due, goes_on: matches!(done.act, Act::GoOn(_)) }),
        turn: turn.clone(),
        hopeless: told.hopeless(&settings.file),
        ..SendArgs::default()
    };
    let (exit, waits) = match rounds(ui, global, one, due, sending).await {
        Ok(exit) => (exit, exit == Exit::Unfinished),
        Err(failure) => {
            let exit = failure.exit();
            told.tell(ui, campaign.id.as_str(), Some(&settings.file), failure);
            (exit, false)
        }
    };
    // What is open is told by every tick: whoever missed the first still sees it.
    let exit = if exit == Exit::Settled && (passed || undecided > 0) { Exit::Undecided } else { exit };
    let ended = Ended::new(one, &format!("occasion {occasion}"), exit);
    // Mails that had their time before they were tried are told by the run that ended them alone.
    let told = passed || (exit == Exit::Undecided && undecided == 0);
    Ok(Some(Ended { good: ended.good || waits, told, ..ended }))
}

/// Sends until nobody waits and the list says nothing else: who came onto it while the last mails left would wait for
/// good, since no tick looks at an occasion that is settled.
async fn rounds(
    ui: &Ui,
    global: &Global,
    one: &Planned,
    due: Timestamp,
    mut sending: SendArgs,
) -> Result<Exit, Failure> {
    let mut exit = send::run(ui, global, sending.clone()).await?;
    for _ in 1..MOST_ROUNDS {
        let settled = matches!(exit, Exit::Settled | Exit::Undecided);
        if !settled || sending.turn.is_cancelled() || !edited(ui, one, due).await {
            break;
        }
        ui.say(format_args!("{}: the list changed meanwhile", one.campaign.id));
        sending.due = Some(Due { at: due, goes_on: true });
        let later = send::run(ui, global, sending.clone()).await?;
        // What the first told once is true still.
        exit = if later == Exit::Settled { exit } else { later };
    }
    Ok(exit)
}

/// Whether the file of an occasion's list says something else by now.
async fn edited(ui: &Ui, one: &Planned, due: Timestamp) -> bool {
    match one.campaign.list.source {
        ListSource::File(_) | ListSource::Newest(_) => {}
        // What is new is for the next occasion, and a program is asked at the beginning of a tick.
        ListSource::AllNew(_) | ListSource::Command(_) => return false,
    }
    match Prospect::of(one, due, true).await.map_err(Failure::from) {
        Ok(prospect) => matches!(prospect.look, Look::Changed(..)),
        Err(failure) if failure.exit() == Exit::Unfinished => {
            let (id, words) = (&one.campaign.id, failure.first_words());
            ui.note(format_args!("{id}: everybody is settled, and an edit came too late: {words}"));
            false
        }
        // Nobody waits on whose account it would matter.
        Err(_) => false,
    }
}

/// Tells what passed by and what was given up; whether a person may want to look at it.
fn tell_passed(ui: &Ui, campaign: &Campaign, tick: &Tick) -> bool {
    let mut passed = false;
    for skipped in &tick.skipped {
        let words =
            format!("{}: the occasion `{}` is skipped: {}", campaign.id, skipped.occasion, skipped.reason);
        // Whoever paused a campaign knows that its times pass.
        if skipped.reason == PAUSED {
            ui.remark(words);
        } else {
            ui.note(words);
            passed = true;
        }
        ui.event(&json!({
            "event": "skipped", "campaign": campaign.id.as_str(), "occasion": skipped.occasion, "reason": skipped.reason,
        }));
    }
    for (occasion, waited) in tick.given_up.iter().filter(|(_, waited)| *waited > 0) {
        ui.note(format_args!(
            "{}: the occasion `{occasion}` is over: {} that waited expired",
            campaign.id,
            count(*waited, "mail")
        ));
        passed = true;
    }
    passed
}
