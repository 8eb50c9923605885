//! A tick of `due`: the campaigns in turn, each one's occasion begun or gone on with.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    campaign::Campaign,
    commands::send::{self, Due, SendArgs},
    console::{AcceptArgs, Failure, Global, ListArgs, files, times},
    exit::Exit,
    ledger::Tick,
    occasion::{Planned, Prospect, Turn, ledgers, take_turns},
    schedule::Act,
    ui::{Ui, count},
};

/// How often a list is taken in in one tick: one that changes all the time has to be left at some time.
const MOST_ROUNDS: usize = 10;
/// How it ended for one campaign.
pub(super) struct Ended {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) exit: Exit,
    /// Whether it went as it should: all is settled, or mails wait for their time.
    pub(super) is_good: bool,
    /// Whether it reported what happens once, and what a later look does not find any more.
    pub(super) reported_once: bool,
    /// The settings that it belongs to, as far as they could be read.
    pub(super) settings: Option<PathBuf>,
}

/// The failures that this tick reported: one that several campaigns share is reported once.
#[derive(Default)]
pub(super) struct Reported(Vec<(Failure, Option<PathBuf>, Vec<String>)>);

impl Reported {
    /// Reports why a campaign did not go out, unless the same was reported of another.
    pub(super) fn report(&mut self, ui: &Ui, name: &str, settings: Option<&Path>, failure: Failure) {
        let settings = settings.map(Path::to_owned);
        match self.0.iter_mut().find(|(known, of, _)| *known == failure && *of == settings) {
            Some((_, _, names)) if names.iter().any(|known| known == name) => {}
            Some((_, _, names)) => names.push(name.to_owned()),
            None => {
                failure.clone().report_in_tick(ui);
                self.0.push((failure, settings, vec![name.to_owned()]));
            }
        }
    }

    /// Names the campaigns that a failure of another one holds for as well.
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

    /// The refusal of these settings' login: it is not tried again in the same tick, since accounts get locked by that.
    fn refused_login(&self, settings: &Path) -> Option<Failure> {
        let refused = self
            .0
            .iter()
            .find(|(failure, of, _)| failure.exit() == Exit::Credentials && of.as_deref() == Some(settings));
        refused.map(|(failure, _, _)| failure.clone())
    }
}

impl Ended {
    /// The end of a campaign that could not be begun.
    pub(super) fn not_run(name: String, exit: Exit, settings: Option<PathBuf>) -> Self {
        Self { name, summary: "not run".to_owned(), exit, is_good: false, reported_once: false, settings }
    }

    fn new(one: &Planned, summary: &str, exit: Exit) -> Self {
        Self {
            name: one.campaign.id.to_string(),
            summary: summary.to_owned(),
            exit,
            is_good: exit == Exit::Settled,
            reported_once: false,
            settings: Some(one.settings.file.clone()),
        }
    }

    /// The end after a later turn of the same campaign: what was reported once stays, the rest is as it is now.
    fn then(self, later: Option<Self>) -> Option<Self> {
        match later {
            _ if !self.reported_once => later,
            None => Some(self),
            Some(later) if later.exit.severity() >= self.exit.severity() => {
                Some(Self { reported_once: true, ..later })
            }
            Some(later) => Some(Self { summary: later.summary, ..self }),
        }
    }
}

/// Gives each campaign its turn.
pub(super) async fn turns(
    ui: &Ui,
    global: &Global,
    planned: &[Planned],
    stop: &CancellationToken,
    reported: &mut Reported,
    accept: AcceptArgs,
) -> Vec<Ended> {
    let mut ended: Vec<Option<Ended>> = planned.iter().map(|_| None).collect();
    let work = async |nth: usize, turn: Turn| {
        let (Some(one), Some(ended)) = (planned.get(nth), ended.get_mut(nth)) else { return };
        let Turn::Begins(turn) = turn else {
            ended.get_or_insert_with(|| {
                Ended::new(one, "not looked at: stopped by a signal", Exit::Unfinished)
            });
            return;
        };
        let now = tick(ui, global, one, &turn, reported, accept).await.unwrap_or_else(|failure| {
            let summary = format!("failed ({})", one.campaign.file.display());
            let failed = Ended::new(one, &summary, failure.exit());
            reported.report(ui, &failed.name, Some(&one.settings.file), failure);
            Some(failed)
        });
        *ended = match ended.take() {
            Some(before) => before.then(now),
            None => now,
        };
    };
    take_turns(planned, stop, work, |other| {
        ui.say(format_args!("the time of `{}` has come: the rest goes on behind it", other.campaign.id));
    })
    .await;
    ended.into_iter().flatten().collect()
}

/// Does what is to be done for one campaign; `None` where nothing is.
async fn tick(
    ui: &Ui,
    global: &Global,
    one: &Planned,
    turn: &CancellationToken,
    reported: &mut Reported,
    accept: AcceptArgs,
) -> Result<Option<Ended>, Failure> {
    let Planned { campaign, schedule, settings, sandbox } = one;
    let options = ledgers::options(settings, *sandbox);
    let ledger = files::open_ledger(ui, &ledgers::location(settings, *sandbox), &options).await?;
    let done = ledger.tick(campaign, schedule, accept.accept()).await?;
    let undecided = ledger.undecided(&campaign.id).await?;
    ledger.close().await?;
    let passed = report_passed(ui, campaign, &done);
    let due = match done.act {
        Act::Begin(due) | Act::GoOn(due) => due,
        Act::GiveUp(_) | Act::Nothing(_) => {
            let summary = if passed {
                let cancelled = matches!(done.act, Act::GiveUp(_));
                if cancelled { "cancelled, the rest given up" } else { "an occasion was skipped" }.to_owned()
            } else if undecided > 0 {
                let wait = if undecided == 1 { "waits" } else { "wait" };
                format!("{} {wait} for a decision", count(undecided, "mail"))
            } else {
                return Ok(None);
            };
            return Ok(Some(Ended { reported_once: passed, ..Ended::new(one, &summary, Exit::Undecided) }));
        }
    };
    let occasion = schedule.occasion(due, &campaign.occasion);
    ui.say(format_args!("{}, occasion {occasion}", campaign.id));
    let sending = SendArgs {
        campaign: campaign.file.clone(),
        occasion: Some(occasion.clone()),
        sandbox: *sandbox,
        yes: true,
        accept,
        list: ListArgs { scheduled: true, ..ListArgs::default() },
        due: Some(Due { at: due, goes_on: matches!(done.act, Act::GoOn(_)) }),
        turn: turn.clone(),
        refused_login: reported.refused_login(&settings.file),
        ..SendArgs::default()
    };
    let (exit, waits) = match rounds(ui, global, one, due, sending).await {
        Ok(exit) => (exit, exit == Exit::Unfinished),
        Err(failure) => {
            let exit = failure.exit();
            reported.report(ui, campaign.id.as_str(), Some(&settings.file), failure);
            (exit, false)
        }
    };
    // What is open is reported by every tick: whoever missed the first still sees it.
    let exit = if exit == Exit::Settled && (passed || undecided > 0) { Exit::Undecided } else { exit };
    let ended = Ended::new(one, &format!("occasion {occasion}"), exit);
    // Mails that had their time before they were tried are reported by the run that ended them alone.
    let reported_once = passed || (exit == Exit::Undecided && undecided == 0);
    Ok(Some(Ended { is_good: ended.is_good || waits, reported_once, ..ended }))
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
        if !settled || sending.turn.is_cancelled() || !is_edited(ui, one, due).await {
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

/// Whether the list was edited meanwhile. A broken one is nobody's loss: everybody is settled.
async fn is_edited(ui: &Ui, one: &Planned, due: Timestamp) -> bool {
    match Prospect::is_edited(one, due).await.map_err(Failure::from) {
        Ok(edited) => edited,
        Err(failure) if failure.exit() == Exit::Unfinished => {
            let (id, words) = (&one.campaign.id, failure.first_words());
            ui.note(format_args!("{id}: everybody is settled, and an edit came too late: {words}"));
            false
        }
        Err(_) => false,
    }
}

/// Reports what passed by and what was given up. Returns whether a person may want to look at it.
fn report_passed(ui: &Ui, campaign: &Campaign, tick: &Tick) -> bool {
    if let Some(again) = &tick.again {
        times::report_again(ui, campaign, again);
    }
    let mut passed = times::report_skipped(ui, campaign, &tick.skipped);
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
