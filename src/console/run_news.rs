//! What happens during a run, in words.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use crate::{
    delivery::Trouble,
    pipeline::News,
    ui::{Ui, count},
};

/// Says what a person should know of it; a settled mail is the progress bar's.
pub(crate) fn report(ui: &Ui, news: &News) {
    match news {
        News::Settled(_) => {}
        News::Trouble(Trouble::Failed { relay, reason, again_in, failures, pausing }) => {
            ui.event(&json!({
                "event": "relay_failed", "relay": relay, "reason": reason, "failures": failures,
                "again_in_seconds": again_in.as_secs_f64(),
            }));
            // The tries between the first and the pause come in quick succession and say the same.
            if *failures == 1 {
                ui.remark(format_args!("the relay `{relay}` fails: {reason}; trying again"));
            } else if *pausing {
                ui.remark(format_args!(
                    "the relay `{relay}` failed {failures} times in a row: {reason}; left alone for {}",
                    span(*again_in)
                ));
            }
        }
        News::Trouble(Trouble::Back { relay }) => {
            ui.event(&json!({ "event": "relay_back", "relay": relay }));
            ui.remark(format_args!("the relay `{relay}` takes mails again"));
        }
        News::Slower { rate, reason } => {
            ui.event(&json!({ "event": "slower", "rate": rate, "reason": reason }));
            ui.remark(format_args!(
                "the relay says that this is too fast ({reason}): {rate:.1} mails a second from now on, rising again by the minute"
            ));
        }
        News::Capped { until } => {
            ui.event(&json!({ "event": "capped", "until": until.to_string() }));
            ui.remark(format_args!(
                "as many mails as `sending.rate` allows have left; the next may leave {}",
                clock_time(*until)
            ));
        }
        News::Resting(refusal) => {
            ui.event(&json!({ "event": "resting", "relay": refusal.relay, "reason": refusal.reason }));
            ui.note(format_args!("{refusal}; the other relays go on"));
        }
        News::PutBack { rows } => {
            ui.event(&json!({ "event": "put_back", "rows": rows }));
            let wait = if *rows == 1 { "waits" } else { "wait" };
            ui.remark(format_args!(
                "{} that had been refused in the same words {wait} again: nobody is marked",
                count(*rows, "mail")
            ));
        }
        News::Expired { rows } => {
            ui.event(&json!({ "event": "lapsed", "rows": rows }));
            let (mails, they) = (count(*rows, "mail"), if *rows == 1 { "its" } else { "their" });
            ui.note(format_args!("{mails} could not leave in {they} time (`not_after`) and expired"));
        }
        News::Waiting { due } => {
            ui.event(&json!({ "event": "waiting", "due": due.to_string() }));
            ui.say(format_args!("waiting: the next deferred mail is due {}", clock_time(*due)));
        }
    }
}

/// A time as the clock on the wall shows it.
pub(crate) fn clock_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// `30 s`, `2 min`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 120 { format!("{} min", seconds / 60) } else { format!("{:.0} s", time.as_secs_f64()) }
}
