//! What `due --explain` and `due --at` answer: what is due, why or why not, what would stop it, and what comes next.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    campaign::Campaign,
    clock::Clock,
    console::{
        Failure, Global, changed_words,
        command_line::CommandLine,
        list_news,
        times::{self, Closed},
    },
    exit::Exit,
    ledger::LedgerError,
    occasion::{
        Look, Planned, Prospect,
        intake::{Intake, People, Wishes},
        is_live,
    },
    schedule::{Act, Decision, Idle, Schedule},
    ui::{Ui, count},
};

/// How many coming due times are shown.
const SHOWN: usize = 3;
/// How many problems are shown; `check` tells all.
const PROBLEMS: usize = 3;

/// What stands before each.
const STOP: &str = "would stop it: ";

/// What would become of the list.
enum Outlook {
    /// It is in order.
    Good,
    /// It is not there, which stops nothing yet; why.
    Without(String),
    /// The campaign would stop.
    Stopped(Failure),
}

/// Says what is due at a time, why or why not, what would stop it, and what comes next. Returns what would stop it as
/// an exit code.
pub(super) async fn explain(ui: &Ui, global: &Global, one: &Planned, clock: Clock) -> Result<Exit, Failure> {
    let Planned { campaign, schedule, .. } = one;
    let now = clock.now();
    let decision = one.decide(now).await?;
    // Another time than now is no clock that could be wrong.
    let wrong = if matches!(clock, Clock::System) { one.check_clock().await.err() } else { None };
    let coming: Vec<_> = schedule.dues_after(now).take(SHOWN).collect();
    let (exit, mut words) = match outlook(&ui.hushed(), global, one, &decision, wrong).await {
        Outlook::Good => (Exit::Settled, Vec::new()),
        Outlook::Without(words) => (Exit::Settled, vec![format!("the list: {words}")]),
        Outlook::Stopped(failure) => (failure.exit(), obstacles(global, campaign, failure)),
    };
    words.extend(
        schedule
            .uneven()
            .into_iter()
            .flat_map(|doubt| [format!("note: {}", doubt.message), format!("  hint: {}", doubt.hint)]),
    );
    if ui.json {
        let next: Vec<_> = coming.iter().map(ToString::to_string).collect();
        let words: Vec<_> = words.iter().map(|line| line.trim_start_matches(STOP).trim()).collect();
        ui.event(&json!({
            "event": "explained", "campaign": campaign.id.as_str(), "at": now.to_string(),
            "schedule": schedule.in_words(), "answer": answer(campaign, schedule, &decision), "next": next,
            "problems": words, "exit": exit.code(),
        }));
        return Ok(exit);
    }
    ui.data(format_args!("{}: {}", campaign.id, schedule.in_words()));
    ui.data(format_args!("  {}", answer(campaign, schedule, &decision)));
    for line in words {
        ui.data(format_args!("  {line}"));
    }
    for due in coming {
        ui.data(format_args!(
            "  next: {}, in {}",
            schedule.time_in_words(due),
            span(due.duration_since(now))
        ));
    }
    Ok(exit)
}

/// Reads the list and renders every mail, as `check` does, for what is due or comes next. Books nothing.
async fn outlook(
    ui: &Ui,
    global: &Global,
    one: &Planned,
    decision: &Decision,
    wrong: Option<LedgerError>,
) -> Outlook {
    if let Some(wrong) = wrong {
        return Outlook::Stopped(wrong.into());
    }
    let (due, goes_on) = match (decision.act, decision.next) {
        (Act::Begin(due), _) => (due, false),
        (Act::GoOn(due), _) => (due, true),
        (Act::Nothing(Idle::NotDue), Some(next)) => (next, false),
        (Act::Nothing(_) | Act::GiveUp(_), _) => return Outlook::Good,
    };
    // What has begun keeps its window: what waits of it is told by the run.
    if !goes_on && let Some(Closed::Always(failure)) = times::closed(&one.campaign, due) {
        return Outlook::Stopped(failure);
    }
    let is_now = matches!(decision.act, Act::Begin(_) | Act::GoOn(_));
    match read(ui, global, one, due, goes_on).await {
        Ok(None) => Outlook::Good,
        Ok(Some(words)) => Outlook::Without(words),
        // A list that is to come is no problem before its time.
        Err(failure) if failure.exit() == Exit::Unfinished && !is_now => {
            Outlook::Without(failure.first_words())
        }
        Err(failure) => Outlook::Stopped(failure),
    }
}

/// Why the list would not be read, where that stops nothing; a failure where it does.
async fn read(
    ui: &Ui,
    global: &Global,
    one: &Planned,
    due: Timestamp,
    goes_on: bool,
) -> Result<Option<String>, Failure> {
    let prospect = Prospect::of(one, due, goes_on).await;
    let Prospect { occasion, letter, look, waiting } =
        prospect.map_err(|obstacle| changed_words(obstacle, again(global, one, due)))?;
    match look {
        Look::Known | Look::NothingNew(_) => Ok(None),
        Look::Gone(obstacle) => Ok(Some(format!(
            "{}; the {} in the ledger would go on",
            Failure::from(obstacle).first_words(),
            count(waiting, "row")
        ))),
        Look::Changed(list, _) => {
            let live = !one.sandbox && is_live(&occasion.settings);
            let intake = Intake {
                occasion: &occasion,
                list: &list,
                letter: &letter,
                live,
                people: People::unasked(&occasion),
                wishes: &Wishes { scheduled: true, ..Wishes::default() },
            };
            let checked = intake.check(&mut |news| list_news::say(ui, &news)).await?;
            checked.refuse_emptied(waiting)?;
            Ok(None)
        }
    }
}

/// The command that sends an occasion.
fn again(global: &Global, one: &Planned, due: Timestamp) -> CommandLine {
    let Planned { campaign, schedule, sandbox, .. } = one;
    CommandLine::new("send", &campaign.file)
        .option("--occasion", [schedule.occasion(due, &campaign.occasion)])
        .flag("--sandbox", *sandbox)
        .settings(global)
}

/// What would stop a campaign, in a few lines.
fn obstacles(global: &Global, campaign: &Campaign, failure: Failure) -> Vec<String> {
    let (problems, total) = match failure {
        Failure::Words { what, .. } => (vec![(what.message, what.hint)], 1),
        Failure::Problems { problems, total, .. } => {
            let words =
                problems.into_iter().map(|it| (format!("{}: {}", it.place, it.what.message), it.what.hint));
            (words.collect(), total)
        }
    };
    let mut lines = Vec::new();
    let mut shown = problems.into_iter().take(PROBLEMS).peekable();
    let mut number = 0;
    while let Some((words, hint)) = shown.next() {
        number += 1;
        lines.push(format!("{STOP}{words}"));
        let shared = shown.peek().is_some_and(|(_, next)| *next == hint);
        lines.extend(hint.filter(|_| !shared).map(|hint| format!("  hint: {hint}")));
    }
    if total > number {
        let all = CommandLine::new("check", &campaign.file).settings(global);
        lines.push(format!("… and {} more: `{all}` tells them", total - number));
    }
    lines
}

/// What is to be done, in words.
fn answer(campaign: &Campaign, schedule: &Schedule, decision: &Decision) -> String {
    let named = |due| format!("occasion `{}`", schedule.occasion(due, &campaign.occasion));
    let words = match decision.act {
        Act::Begin(due) => format!("due: {} begins", named(due)),
        Act::GoOn(due) => format!("due: {} goes on, mails wait", named(due)),
        Act::GiveUp(due) => format!("cancelled: what waits of {} is given up", named(due)),
        Act::Nothing(idle) => idle.in_words().to_owned(),
    };
    match decision.skipped.as_slice() {
        [] => words,
        [one] => format!("{words}; skipped: {}", named(one.due)),
        [before @ .., last] => {
            format!("{words}; skipped: {} and {} before it", named(last.due), before.len())
        }
    }
}

/// `2d 3h 15m`, or seconds where there is nothing else.
fn span(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    if minutes == 0 {
        return format!("{} s", span.as_secs());
    }
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min")];
    let words =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}"));
    words.collect::<Vec<_>>().join(" ")
}
