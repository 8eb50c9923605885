//! What `due --explain` and `due --at` answer: what is due, why or why not, and what comes next.

use jiff::SignedDuration;
use serde_json::json;

use crate::{
    campaign::Campaign,
    clock::Clock,
    commands::{Failure, tick::Planned},
    schedule::{Act, Decision, Schedule},
    ui::Ui,
};

/// How many coming due times are shown.
const SHOWN: usize = 3;

/// Says what is due at a time, why or why not, and what comes next.
pub(super) async fn explain(ui: &Ui, one: &Planned, clock: Clock) -> Result<(), Failure> {
    let Planned { campaign, schedule, .. } = one;
    let now = clock.now();
    let decision = one.decide(now).await?;
    let coming: Vec<_> = schedule.dues_after(now).take(SHOWN).collect();
    if ui.json {
        let next: Vec<_> = coming.iter().map(ToString::to_string).collect();
        ui.event(&json!({
            "event": "explained", "campaign": campaign.id.as_str(), "at": now.to_string(),
            "schedule": schedule.in_words(), "answer": answer(campaign, schedule, &decision), "next": next,
        }));
        return Ok(());
    }
    ui.data(format_args!("{}: {}", campaign.id, schedule.in_words()));
    ui.data(format_args!("  {}", answer(campaign, schedule, &decision)));
    for due in coming {
        ui.data(format_args!(
            "  next: {}, in {}",
            schedule.time_in_words(due),
            span(due.duration_since(now))
        ));
    }
    Ok(())
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
