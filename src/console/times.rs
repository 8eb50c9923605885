//! What is odd about a campaign's times, in words: for `check`, and for `due --explain`.

use jiff::{SignedDuration, Timestamp};

use serde_json::json;

use crate::{
    campaign::Campaign,
    console::Failure,
    exit::Exit,
    ledger::{DueAgain, LedgerError, PAUSED, Run, Skipped},
    problem::{Place, Problem},
    schedule::{ClosedOut, Doubt, Schedule, WindowZone},
    ui::{Ui, count},
};

/// How many zones, and how many occasions that passed, are named one by one.
const NAMED: usize = 3;

/// Reports which occasions passed by, many in one line. Returns whether a person may want to look at it.
pub(crate) fn report_skipped(ui: &Ui, campaign: &Campaign, skipped: &[Skipped]) -> bool {
    // Whoever paused a campaign knows that its times pass.
    let (paused, others): (Vec<_>, Vec<_>) = skipped.iter().partition(|skipped| skipped.reason == PAUSED);
    for (quietly, all) in [(true, &paused), (false, &others)] {
        let say = |words: String| if quietly { ui.remark(words) } else { ui.note(words) };
        let id = campaign.id.as_str();
        if all.len() <= NAMED {
            for Skipped { occasion, reason, .. } in all {
                say(format!("{id}: the occasion `{occasion}` is skipped: {reason}"));
                ui.event(&json!({
                    "event": "skipped", "campaign": id, "occasion": occasion, "reason": reason,
                }));
            }
        } else if let [first, .., last] = all.as_slice() {
            let number = all.len() as u64;
            say(format!(
                "{id}: {} are skipped, `{}` to `{}`; the last: {}",
                count(number, "occasion"),
                first.occasion,
                last.occasion,
                last.reason
            ));
            ui.event(&json!({
                "event": "skipped", "campaign": id, "occasions": number, "first": first.occasion,
                "last": last.occasion, "reason": last.reason,
            }));
        }
    }
    !others.is_empty()
}

/// Reports what is due again since the clock that passed it by was ahead.
pub(crate) fn report_again(ui: &Ui, campaign: &Campaign, again: &DueAgain) {
    let DueAgain { occasions, clock } = again;
    let (id, number) = (campaign.id.as_str(), occasions.len() as u64);
    let (first, last) = (occasions.first(), occasions.last());
    let (Some(first), Some(last)) = (first, last) else { return };
    let (which, are) =
        if number == 1 { (format!("`{first}`"), "is") } else { (format!("`{first}` to `{last}`"), "are") };
    ui.event(&json!({
        "event": "due_again", "campaign": id, "occasions": number, "first": first, "last": last,
        "clock": clock.to_string(),
    }));
    ui.note(format_args!(
        "{id}: the clock of an earlier tick was ahead, at {clock:.0}: {} that it had ended {are} due again, {which}",
        count(number, "occasion")
    ));
}

/// What is odd about the times themselves.
pub(crate) fn doubts(campaign: &Campaign, now: Timestamp) -> Vec<Problem> {
    let doubts = campaign.schedule.as_ref().map(|schedule| schedule.doubts(now)).unwrap_or_default();
    let problem = |Doubt { message, hint }| Problem::new(place(campaign), message).hint(hint);
    doubts.into_iter().map(problem).collect()
}

/// A window that opens when mails have expired.
pub(crate) enum Closed {
    /// Nobody gets a mail, and a send that waits for its window is in vain.
    Always(Failure),
    /// It is so at some due times.
    Sometimes(Problem),
}

/// Whether the window opens when the mails have expired, where one clock holds for everybody.
pub(crate) fn closed(campaign: &Campaign, now: Timestamp) -> Option<Closed> {
    let (schedule, closed) = closed_out(campaign, now)?;
    Some(if closed.is_all() {
        let problem = closed_words(campaign, schedule, &closed, "nobody gets it");
        Closed::Always(Failure::problems(Exit::Configuration, vec![problem]))
    } else {
        let words = format!("nobody gets it on {} of the next {} occasions", closed.missed, closed.of);
        Closed::Sometimes(closed_words(campaign, schedule, &closed, &words))
    })
}

/// Reports for whom a window by the recipients' own clocks opens when their mail has expired.
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
