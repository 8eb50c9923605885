//! The `[schedule]` of a campaign file.

use jiff::{SignedDuration, Timestamp, Zoned, civil::DateTime, tz::TimeZone};

use super::{Kind, values::duration};
use crate::{
    schedule::{Hours, Late, Schedule, ScheduleStatus, Timing, Window, WindowZone, weekdays, zone},
    toml_file::Table,
};

/// The days of a window that names none.
const EVERY_DAY: [bool; 7] = [true; 7];

/// `None` only if a problem was recorded.
pub(super) fn read(mut table: Table<'_>) -> Option<Schedule> {
    let own_zone = table.parse("zone", zone);
    let zoned = own_zone.clone().unwrap_or(TimeZone::UTC);
    let named: Vec<_> = ["at", "cron", "every"].into_iter().filter(|key| table.has(key)).collect();
    let at = table.parse("at", |text| time(text, own_zone.as_ref()));
    let from = table.parse("from", |text| time(text, own_zone.as_ref()));
    let until = table.parse("until", |text| time(text, own_zone.as_ref()));
    let cron =
        table.parse_hinted("cron", |text| Timing::cron(text).map_err(|error| (error.message, error.hint)));
    let every = table.parse("every", |text| {
        // What the step itself is worth is said even where the anchor is missing.
        Timing::every(text, from.clone().unwrap_or_else(|| Timestamp::UNIX_EPOCH.to_zoned(zoned.clone())))
    });
    match named.as_slice() {
        [] => table.missing(
            "at",
            "add `at = \"2026-11-27T09:00[Europe/Berlin]\"`, or `cron` with `zone`, or `every` with `from`",
        ),
        ["at"] if from.is_some() || until.is_some() => {
            table.tell(
                "`schedule.from` and `schedule.until` bound a `cron` or `every`, and here is an `at`",
                "take them out",
            );
        }
        ["cron"] if own_zone.is_none() => {
            table.missing("zone", "add `zone = \"Europe/Berlin\"`: the clock that the cron line goes by");
        }
        ["every"] if from.is_none() => {
            table.missing("from", "add `from = \"2026-11-27T09:00[Europe/Berlin]\"`: the first due time");
        }
        [_] => {}
        [_, _, ..] => table.tell(
            format!("a schedule has one of `at`, `cron` and `every`, found `{}`", named.join("` and `")),
            "keep one; a second schedule is a second campaign",
        ),
    }
    let late = late(&mut table);
    let status = status(&mut table);
    let (windowed, window) = match table.table("window") {
        None => (false, None),
        Some(window) => (true, read_window(window, own_zone.clone())),
    };
    let zone = own_zone
        .or_else(|| at.as_ref().or(from.as_ref()).map(|time| time.time_zone().clone()))
        .unwrap_or(TimeZone::UTC);
    let timing = at.map(|at| Timing::Once(at.timestamp())).or(cron).or(every);
    let (from, until) = (from.map(|time| time.timestamp()), until.map(|time| time.timestamp()));
    let schedule = timing.filter(|_| !windowed || window.is_some()).map(|timing| Schedule {
        timing,
        zone,
        from,
        until,
        late,
        status,
        window,
    });
    if let Some(schedule) = &schedule {
        check_bounds(&table, schedule);
    }
    table.finish();
    schedule
}

/// Tells bounds between which nothing is ever due.
fn check_bounds(table: &Table<'_>, schedule: &Schedule) {
    let Some(until) = schedule.until else { return };
    match schedule.from {
        Some(from) if until <= from => table.tell(
            format!(
                "`schedule.until` ({}) lies before `schedule.from` ({}): it is never due",
                schedule.time_in_words(until),
                schedule.time_in_words(from)
            ),
            "swap the two, or take one out",
        ),
        Some(from)
            if schedule
                .dues_after(from.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(from))
                .next()
                .is_none() =>
        {
            table.tell(
                "no due time lies between `schedule.from` and `schedule.until`: it is never due",
                "set `until` behind the first due time, or take it out",
            );
        }
        Some(_) | None => {}
    }
}

/// A schedule with several due times names its occasions itself.
pub(super) fn check_occasion(root: &Table<'_>, schedule: &Schedule, kind: Option<Kind>, named: bool) {
    let single = matches!(schedule.timing, Timing::Once(_));
    if named && !single && kind.is_some_and(|kind| kind != Kind::Survey) {
        root.tell(
            "`occasion` is set, and `[schedule]` has several due times, which name their occasions themselves",
            "take `occasion` out",
        );
    }
}

/// A wrong value was reported, and the value that comes back is of no account.
fn late(table: &mut Table<'_>) -> Late {
    let both = table.has("max_late") && table.has("catch_up");
    let limit = table.parse("max_late", duration);
    let choice = table.choice("catch_up", &[("latest", Late::CatchUp), ("none", Late::Skip(Late::USUAL))]);
    if both && choice == Some(Late::CatchUp) {
        table.tell(
            "`schedule.catch_up = \"latest\"` sends the newest missed occasion however late, so `max_late` has no effect",
            "keep one of the two",
        );
    }
    limit.map(Late::Skip).or(choice).unwrap_or(Late::Skip(Late::USUAL))
}

fn status(table: &mut Table<'_>) -> ScheduleStatus {
    match (table.boolean("cancelled"), table.boolean("paused")) {
        (Some(true), _) => ScheduleStatus::Cancelled,
        (_, Some(true)) => ScheduleStatus::Paused,
        (_, _) => ScheduleStatus::Active,
    }
}

fn read_window(mut table: Table<'_>, own_zone: Option<TimeZone>) -> Option<Window> {
    let (has_hours, has_days) = (table.has("hours"), table.has("days"));
    if !has_hours && !has_days {
        table.missing("hours", "add `hours = \"09:00-17:30\"` or `days = \"mon-fri\"`");
    }
    let hours = table.parse("hours", Hours::parse).or((!has_hours).then_some(Hours::ALL));
    let days = table.parse("days", weekdays).or((!has_days).then_some(EVERY_DAY));
    let has_zone = table.has("zone");
    let whose = table.parse("zone", |text| match text {
        "recipient" => Ok(WindowZone::Recipient(own_zone.clone())),
        name => zone(name).map(WindowZone::Fixed).map_err(|error| format!("{error}, or `recipient`")),
    });
    if !has_zone && own_zone.is_none() {
        table.missing(
            "zone",
            "add `zone = \"Europe/Berlin\"`, or `zone = \"recipient\"` for the column `timezone`",
        );
    }
    let whose = if has_zone { whose } else { own_zone.map(WindowZone::Fixed) };
    table.finish();
    Some(Window { hours: hours?, days: days?, zone: whose? })
}

/// A time with its zone: `2026-11-27T09:00[Europe/Berlin]`, with an offset, or bare where `zone` is given.
fn time(text: &str, own_zone: Option<&TimeZone>) -> Result<Zoned, String> {
    let wrong =
        || format!("found `{text}`, expected a time with its zone such as `2026-11-27T09:00[Europe/Berlin]`");
    if text.contains('[') {
        return text.parse().map_err(|_| wrong());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_zoned(own_zone.cloned().unwrap_or(TimeZone::UTC)));
    }
    let civil: DateTime = text.parse().map_err(|_| wrong())?;
    let zone = own_zone.ok_or_else(|| format!("{}, or `zone` beside it", wrong()))?;
    civil.to_zoned(zone.clone()).map_err(|_| wrong())
}

/// The column that a window by the recipient's clock needs.
pub const ZONE_COLUMN: &str = "timezone";

/// The window's demand on the list: `Some(true)` where every row must fill the column `timezone`.
pub(super) fn needs_zones(schedule: Option<&Schedule>) -> Option<bool> {
    match &schedule?.window.as_ref()?.zone {
        WindowZone::Fixed(_) => None,
        WindowZone::Recipient(otherwise) => Some(otherwise.is_none()),
    }
}
