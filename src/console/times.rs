//! What is odd about a campaign's times, in words: for `check`, and for `due --explain`.

use jiff::{SignedDuration, Timestamp};

use crate::{
    campaign::Campaign,
    console::Failure,
    exit::Exit,
    ledger::{LedgerError, Run},
    problem::{Place, Problem},
    schedule::{ClosedOut, Doubt, Schedule, WindowZone},
    ui::{Ui, count},
};

/// How many zones are named.
const NAMED: usize = 3;

/// What is odd about the times themselves.
pub(crate) fn doubts(campaign: &Campaign, now: Timestamp) -> Vec<Problem> {
    let doubts = campaign.schedule.as_ref().map(|schedule| schedule.doubts(now)).unwrap_or_default();
    let problem = |Doubt { message, hint }| Problem::new(place(campaign), message).hint(hint);
    doubts.into_iter().map(problem).collect()
}

/// That the window opens when all mails have expired: nobody gets one, and a send that waits for its window is in vain.
pub(crate) fn closed_to_all(campaign: &Campaign, now: Timestamp) -> Option<Failure> {
    let (schedule, closed) = closed_out(campaign, now)?;
    let problem = closed_words(campaign, schedule, &closed, "nobody gets it");
    closed.is_all().then(|| Failure::problems(Exit::Configuration, vec![problem]))
}

/// The same of some due times.
pub(crate) fn closed_at_times(campaign: &Campaign, now: Timestamp) -> Option<Problem> {
    let (schedule, closed) = closed_out(campaign, now)?;
    let words = format!("nobody gets it on {} of the next {} occasions", closed.missed, closed.of);
    (!closed.is_all()).then(|| closed_words(campaign, schedule, &closed, &words))
}

/// Tells for whom a window by the recipients' own clocks opens when their mail has expired.
pub(crate) async fn report_closed_zones(
    ui: &Ui,
    campaign: &Campaign,
    run: &Run,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let Some((schedule, window)) = campaign.schedule.as_ref().and_then(|it| Some((it, it.window.as_ref()?)))
    else {
        return Ok(());
    };
    if matches!(window.zone, WindowZone::Fixed(_)) {
        return Ok(());
    }
    let (mut people, mut all, mut zones, mut worst) = (0, 0, Vec::new(), None::<ClosedOut>);
    for (name, rows) in run.waiting_by_zone().await? {
        all += rows;
        let Some(zone) = window.zone_of(name.as_deref()) else { continue };
        let Some(closed) = schedule.closed_out(now, campaign.not_after, &zone) else { continue };
        people += rows;
        zones.push(zone.iana_name().unwrap_or("UTC").to_owned());
        worst = worst.into_iter().chain([closed]).max_by_key(|closed| closed.wait);
    }
    let Some(worst) = worst else { return Ok(()) };
    let more = zones.len().saturating_sub(NAMED);
    zones.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let of = if worst.is_all() {
        String::new()
    } else {
        format!(", on {} of the next {} occasions", worst.missed, worst.of)
    };
    let words = format!(
        "{} of {} get{} no mail{of} ({}{more})",
        count(people, "recipient"),
        all,
        if people == 1 { "s" } else { "" },
        zones.join(", ")
    );
    ui.note(closed_words(campaign, schedule, &worst, &words));
    Ok(())
}

/// Where one clock holds for everybody.
fn closed_out(campaign: &Campaign, now: Timestamp) -> Option<(&Schedule, ClosedOut)> {
    let schedule = campaign.schedule.as_ref()?;
    match &schedule.window.as_ref()?.zone {
        WindowZone::Fixed(zone) => Some((schedule, schedule.closed_out(now, campaign.not_after, zone)?)),
        WindowZone::Recipient(_) => None,
    }
}

fn closed_words(campaign: &Campaign, schedule: &Schedule, closed: &ClosedOut, then: &str) -> Problem {
    let hours = |span: SignedDuration| (span.as_mins() + 59) / 60;
    let wait = hours(closed.wait);
    let message = format!(
        "the window opens {wait} hours after the due time {}, and `not_after` is {} hours: {then}",
        schedule.time_in_words(closed.due),
        hours(campaign.not_after)
    );
    Problem::new(place(campaign), message).hint(format!(
        "set `not_after = \"{} hours\"`, or `[schedule]` and `window` so that a due time lies inside of the window",
        wait + 12
    ))
}

fn place(campaign: &Campaign) -> Place {
    Place::file(campaign.file.display().to_string())
}
