//! Cron lines: five fields, read strictly, said in words, and what other programs write instead.

mod calendars;
mod fields;
mod foreign;
mod programs;
mod words;

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};

use self::{
    fields::{Field, Part, Refused, Unit},
    programs::Meant,
};
use super::refusal::{Doubt, TimingError};

const UNITS: [Unit; 5] = [Unit::Minute, Unit::Hour, Unit::Day, Unit::Month, Unit::Weekday];
/// What a line stands for that has a name.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];
/// With more times of day than this a line is an interval, however it is written.
const MOST_TIMES: usize = 48;
/// Among so many days one is found that is so many days before the last of its month: leap years and all.
const MOST_TRIES: usize = 400;

/// A cron line that was read.
#[derive(Debug, Clone)]
pub struct CronLine {
    fields: Box<[Field; 5]>,
    /// Whether a day has to fit both fields of days, as cron does where one of them begins with `*`.
    both: bool,
    whole: Box<Cron>,
    /// The line once for each of its times of day, where it names them: croner takes a list of hours for an interval,
    /// which a change of the clocks would drop or double.
    times: Vec<Cron>,
    /// So many days before the last of the month it is due.
    before_last: Option<u8>,
}

impl PartialEq for CronLine {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields && self.both == other.both
    }
}

impl CronLine {
    /// Reads minute, hour, day of the month, month, day of the week; or `@daily` and the like.
    pub(super) fn read(text: &str) -> Result<Self, TimingError> {
        let named = NICKNAMES.iter().find(|(name, _)| text.trim().eq_ignore_ascii_case(name));
        let line = named.map_or(text, |(_, line)| line);
        let written: Vec<_> = line.split_whitespace().collect();
        let Ok(written) = <[&str; 5]>::try_from(written) else { return Err(foreign(text)) };
        Self::read_fields(&written).map_err(|refused| match foreign::line(text) {
            Some(_) => foreign(text),
            None => wrong_field(text, &written, &refused),
        })
    }

    fn read_fields(written: &[&str; 5]) -> Result<Self, Refused> {
        let mut fields = Vec::new();
        let mut both = false;
        for (unit, text) in UNITS.into_iter().zip(written) {
            let plus = text.strip_prefix('+').filter(|_| unit == Unit::Weekday);
            both |= plus.is_some();
            fields.push(Field::read(unit, plus.unwrap_or(text))?);
        }
        let refuse = |why: &str| Refused { unit: Unit::Day, why: why.to_owned(), instead: None, step: None };
        let Ok(fields) = <[Field; 5]>::try_from(fields) else { return Err(refuse("")) };
        let [minutes, hours, days, months, weekdays] = &fields;
        both |= !days.is_any() && !weekdays.is_any() && (days.has_star() || weekdays.has_star());
        let before_last = match days.parts.as_slice() {
            [Part::BeforeLast(before)] if weekdays.is_any() => Some(*before),
            parts if parts.iter().any(|part| matches!(part, Part::BeforeLast(_))) => {
                return Err(refuse("`L-3` and the like stand alone, with `*` for the day of the week"));
            }
            _ => None,
        };
        let days = days.plainly();
        let dates =
            format!("{days} {} {}{}", months.plainly(), if both { "+" } else { "" }, weekdays.plainly());
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parse = |minutes: &str, hours: &str| parser.parse(&format!("{minutes} {hours} {dates}"));
        let whole =
            parse(&minutes.plainly(), &hours.plainly()).map_err(|error| refuse(&error.to_string()))?;
        let times = times_of_day(minutes, hours)
            .iter()
            .filter_map(|(hour, minute)| parse(&minute.to_string(), &hour.to_string()).ok())
            .collect();
        let line = Self { fields: Box::new(fields), both, whole: Box::new(whole), times, before_last };
        if line.is_never() {
            return Err(refuse("no month that the line names has such a day: it is never due"));
        }
        Ok(line)
    }

    /// The first due time after `after`.
    pub(super) fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut after = after;
        for _ in 0..MOST_TRIES {
            let there = after.to_zoned(zone.clone());
            let next = |cron: &Cron| cron.find_next_occurrence(&there, false).ok();
            let next = if self.times.is_empty() {
                next(&self.whole)
            } else {
                self.times.iter().filter_map(next).min()
            };
            let next = next.filter(|due| due.timestamp() > after)?;
            match self.before_last {
                Some(before) if !is_before_last(&next, before) => after = next.timestamp(),
                Some(_) | None => return Some(next.timestamp()),
            }
        }
        None
    }

    /// In words: `At 09:00, on Monday`.
    pub(super) fn in_words(&self) -> String {
        words::words(&self.fields, self.both)
    }

    /// What steps that do not fit into their field come to, and how they are said evenly.
    pub(super) fn uneven(&self) -> Vec<Doubt> {
        let odd = |field: &&Field| {
            let step = field.star_step().unwrap_or(1);
            step > 1 && (field.unit == Unit::Day || !field.unit.size().is_multiple_of(step))
        };
        let doubt = |field: &Field| {
            let (step, unit) = (field.star_step().unwrap_or(1), field.unit);
            let values = field.values().unwrap_or_default();
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            let message = format!(
                "`*/{step}` begins anew with each {}, at {}: the steps are not even",
                unit.around(),
                values.join(", ")
            );
            let hint = match self.as_every(unit, step) {
                Some(every) => format!("where they shall be even, write {every}"),
                None => format!("where that is meant, name {} one by one", unit.name()),
            };
            Doubt { message, hint }
        };
        self.fields.iter().filter(odd).map(doubt).collect()
    }

    fn as_every(&self, unit: Unit, step: u32) -> Option<String> {
        let written: Vec<_> = self.fields.iter().map(Field::plainly).collect();
        let written: Vec<_> = written.iter().map(String::as_str).collect();
        every(&<[&str; 5]>::try_from(written).ok()?, unit, step)
    }

    /// Whether no month has its days: `31 2`.
    fn is_never(&self) -> bool {
        let [_, _, days, months, weekdays] = &*self.fields;
        if !weekdays.is_any() && !self.both {
            return false;
        }
        let first = match self.before_last {
            Some(before) => u8::saturating_add(before, 1),
            None => match days.values() {
                Some(values) => values.first().copied().unwrap_or(1),
                None => return false,
            },
        };
        let longest = |month: u8| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        months.values().unwrap_or_default().into_iter().all(|month| longest(month) < first)
    }
}

/// The refusal of a line that is no cron line of ours, with what it would be here, if that is known.
fn foreign(text: &str) -> TimingError {
    let found = format!("found `{text}`, expected a cron line of five fields such as `0 9 * * mon-fri`");
    let usual = "write minute, hour, day of the month, month and day of the week, such as `cron = \"0 9 * * mon-fri\"`";
    match foreign::line(text) {
        Some(Meant { why, keys }) => {
            let hint = proposal(keys).unwrap_or_else(|| usual.to_owned());
            TimingError { message: format!("{found} ({why})"), hint: Some(hint) }
        }
        None => TimingError { message: found, hint: Some(usual.to_owned()) },
    }
}

/// The keys as a hint; a line is read first, and mended where that is known.
fn proposal(keys: Vec<(&'static str, String)>) -> Option<String> {
    let mut shown = Vec::new();
    let named: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
    for (key, value) in keys {
        if key != "cron" {
            shown.push(format!("`{key} = \"{value}\"`"));
            continue;
        }
        let written: Vec<_> = value.split_whitespace().collect();
        let written = <[&str; 5]>::try_from(written).ok()?;
        match CronLine::read_fields(&written) {
            Ok(_) => shown.push(format!("`cron = \"{value}\"`")),
            Err(refused) => shown.push(instead(&written, &refused)?.trim_start_matches("write ").to_owned()),
        }
    }
    let line = shown.join(" and ");
    Some(match named.first()? {
        &"cron" => format!("write {line}"),
        _ => format!("write {line} in the place of `cron`"),
    })
}

/// The refusal of a field, with the line that would do.
fn wrong_field(text: &str, written: &[&str; 5], refused: &Refused) -> TimingError {
    let message = format!(
        "found `{text}`, expected a cron line of five fields such as `0 9 * * mon-fri` ({})",
        refused.why
    );
    let usual = || {
        let name = refused.unit.name();
        format!("name {name} as numbers, such as `1`, `1,3`, `1-5` or `*`")
    };
    TimingError { message, hint: Some(instead(written, refused).unwrap_or_else(usual)) }
}

/// The line that would do in the place of one with a refused field.
fn instead(written: &[&str; 5], refused: &Refused) -> Option<String> {
    if let Some(every) = refused.step.and_then(|step| every(written, refused.unit, step)) {
        return Some(format!("write {every}"));
    }
    let at = UNITS.iter().position(|unit| *unit == refused.unit)?;
    let mut fields = *written;
    *fields.get_mut(at)? = refused.instead.as_deref()?;
    CronLine::read_fields(&fields).ok()?;
    Some(format!("write `cron = \"{}\"`", fields.join(" ")))
}

/// How a step is said as `every`, where the fields below it are one time and those above say nothing.
fn every(written: &[&str; 5], unit: Unit, step: u32) -> Option<String> {
    let fields: Vec<_> =
        UNITS.into_iter().zip(written).map(|(unit, text)| Field::read(unit, text).ok()).collect();
    let any = |at: usize| fields.get(at)?.as_ref().filter(|field| field.is_any()).map(drop);
    let one = |at: usize| fields.get(at)?.as_ref()?.single();
    let (minute, hour, day) = match unit {
        Unit::Minute => {
            (1..5).try_for_each(any)?;
            (0, 0, 1)
        }
        Unit::Hour => {
            (2..5).try_for_each(any)?;
            (one(0)?, 0, 1)
        }
        Unit::Day => {
            (3..5).try_for_each(any)?;
            (one(0)?, one(1)?, 1)
        }
        Unit::Weekday => {
            (2..4).try_for_each(any)?;
            (one(0)?, one(1)?, 1)
        }
        Unit::Month => {
            any(4)?;
            (one(0)?, one(1)?, one(2)?)
        }
    };
    let from = Date::new(2026, 1, i8::try_from(day).ok()?).ok()?;
    let step = unit.steps(step);
    Some(format!(
        "`every = \"{step}\"` in the place of `cron`, with a first time such as `from = \"{from}T{hour:02}:{minute:02}\"`"
    ))
}

/// Each time of day; nothing where the line holds `*` or `/` in minutes or hours.
fn times_of_day(minutes: &Field, hours: &Field) -> Vec<(u8, u8)> {
    let interval = |field: &Field| {
        field.parts.iter().any(|part| matches!(part, Part::Values { step, star, .. } if *star || *step > 1))
    };
    let (Some(minute), Some(hour)) = (minutes.values(), hours.values()) else { return Vec::new() };
    if interval(minutes) || interval(hours) || minute.len() * hour.len() > MOST_TIMES {
        return Vec::new();
    }
    hour.iter().flat_map(|hour| minute.iter().map(move |minute| (*hour, *minute))).collect()
}

fn is_before_last(due: &Zoned, before: u8) -> bool {
    i16::from(due.date().days_in_month()) - i16::from(due.day()) == i16::from(before)
}
