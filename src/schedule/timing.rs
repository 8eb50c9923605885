//! Due times: one, those of a cron line, or one every so often.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Span, Timestamp, Zoned, tz::TimeZone};

/// The due times of a schedule.
#[derive(Debug, Clone)]
pub enum Timing {
    /// One.
    Once(Timestamp),
    /// Those of a cron line with five fields.
    Cron(CronLine),
    /// One every `step` from `anchor` on.
    Every {
        /// The first.
        anchor: Box<Zoned>,
        /// How far apart.
        step: Span,
    },
}

/// Why a timing is refused: what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimingError(String);

/// A cron line that was read.
#[derive(Debug, Clone)]
pub struct CronLine {
    whole: Box<Cron>,
    /// The line once for each of its times of day, where it names them: croner takes a list of hours for an interval,
    /// which a change of the clocks would drop or double.
    times: Vec<Cron>,
}

/// With more times of day than this a line is an interval, however it is written.
const MOST_TIMES: usize = 48;

impl PartialEq for Timing {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Once(a), Self::Once(b)) => a == b,
            (Self::Cron(a), Self::Cron(b)) => a.whole == b.whole,
            (Self::Every { anchor: a, step: x }, Self::Every { anchor: b, step: y }) => {
                a == b && x.fieldwise() == y.fieldwise()
            }
            (Self::Once(_) | Self::Cron(_) | Self::Every { .. }, _) => false,
        }
    }
}

impl Timing {
    /// Reads a cron line: minute, hour, day of the month, month, day of the week; or `@daily` and the like.
    pub fn cron(text: &str) -> Result<Self, TimingError> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let whole = parser.parse(text).map_err(|error| {
            let why = error.to_string();
            let why = why.trim_end_matches('.');
            TimingError(format!(
                "found `{text}`, expected a cron line of five fields such as `0 9 * * mon-fri` ({why})"
            ))
        })?;
        let times = times_of_day(text).iter().filter_map(|line| parser.parse(line).ok()).collect();
        Ok(Self::Cron(CronLine { whole: Box::new(whole), times }))
    }

    /// Reads `2 hours`, `1 day` or `1 month`, counted from `anchor`.
    pub fn every(text: &str, anchor: Zoned) -> Result<Self, TimingError> {
        let wrong =
            || TimingError(format!("found `{text}`, expected such as `2 hours`, `1 day` or `1 month`"));
        let step: Span = text.parse().map_err(|_| wrong())?;
        let second = anchor.checked_add(step).map_err(|_| wrong())?;
        let apart = second.timestamp().duration_since(anchor.timestamp());
        if apart < jiff::SignedDuration::from_mins(1) {
            return Err(TimingError(format!("found `{text}`, expected at least `1 minute`")));
        }
        Ok(Self::Every { anchor: Box::new(anchor), step })
    }

    /// Where `every` counts from.
    pub(super) fn anchor(&self) -> Option<Timestamp> {
        match self {
            Self::Every { anchor, .. } => Some(anchor.timestamp()),
            Self::Once(_) | Self::Cron(_) => None,
        }
    }

    /// The first due time after `after`.
    pub(super) fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Once(due) => (*due > after).then_some(*due),
            Self::Cron(CronLine { whole, times }) => {
                let after_there = after.to_zoned(zone.clone());
                let next = |cron: &Cron| cron.find_next_occurrence(&after_there, false).ok();
                let next = if times.is_empty() { next(whole) } else { times.iter().filter_map(next).min() };
                next.map(|due| due.timestamp()).filter(|due| *due > after)
            }
            Self::Every { anchor, step } => next_step(anchor, *step, after),
        }
    }
}

impl CronLine {
    /// In words: `At 09:00, on Monday`.
    pub(super) fn in_words(&self) -> String {
        let words = self.whole.describe();
        words.trim_end_matches('.').to_owned()
    }
}

/// `30 2,14 * * *` as `30 2 * * *` and `30 14 * * *`; nothing where the line holds `*` or `/` in minutes or hours.
fn times_of_day(line: &str) -> Vec<String> {
    let mut fields = line.split_whitespace();
    let (Some(minutes), Some(hours)) = (fields.next(), fields.next()) else { return Vec::new() };
    let rest = fields.collect::<Vec<_>>().join(" ");
    let (Some(minutes), Some(hours)) = (values(minutes), values(hours)) else { return Vec::new() };
    if minutes.len() * hours.len() > MOST_TIMES {
        return Vec::new();
    }
    hours
        .iter()
        .flat_map(|hour| minutes.iter().map(move |minute| (minute, hour)))
        .map(|(minute, hour)| format!("{minute} {hour} {rest}"))
        .collect()
}

/// `2,14` and `9-17`, number by number.
fn values(field: &str) -> Option<Vec<u8>> {
    let mut values = Vec::new();
    for part in field.split(',') {
        match part.split_once('-') {
            Some((first, last)) => values.extend(first.parse::<u8>().ok()?..=last.parse().ok()?),
            None => values.push(part.parse().ok()?),
        }
    }
    Some(values)
}

/// The first `anchor + n × step` after `after`. Each is counted from the anchor, so that a month's end is the month's
/// end again, and a day's time on the clock stays what it was.
fn next_step(anchor: &Zoned, step: Span, after: Timestamp) -> Option<Timestamp> {
    let at = |n: i64| -> Option<Timestamp> {
        let span = step.checked_mul(n).ok()?;
        anchor.checked_add(span).ok().map(|time| time.timestamp())
    };
    if anchor.timestamp() > after {
        return Some(anchor.timestamp());
    }
    // `low` is not after, `high` is: found by doubling, then by halving.
    let (mut low, mut high) = (0_i64, 1_i64);
    while at(high)? <= after {
        low = high;
        high = high.checked_mul(2)?;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if at(middle)? <= after {
            low = middle;
        } else {
            high = middle;
        }
    }
    at(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(line: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        dues(&Timing::cron(line).unwrap(), zone, after, count)
    }

    fn dues(timing: &Timing, zone: &str, after: &str, count: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let after = after.parse().unwrap();
        std::iter::successors(timing.next_after(after, &zone), |due| timing.next_after(*due, &zone))
            .take(count)
            .map(|due| due.to_zoned(zone.clone()).strftime("%d. %H:%M %:z").to_string())
            .collect()
    }

    fn every(step: &str, anchor: &str, after: &str, count: usize) -> Vec<String> {
        let anchor: Zoned = anchor.parse().unwrap();
        let zone = anchor.time_zone().iana_name().unwrap().to_owned();
        dues(&Timing::every(step, anchor).unwrap(), &zone, after, count)
    }

    // In Berlin 2027-03-28 has no 02:00 to 02:59, and 2027-10-31 has them twice.

    #[test]
    fn a_cron_time_in_the_gap_is_due_right_after_it() {
        let found = cron("30 2 * * *", "Europe/Berlin", "2027-03-27T00:00Z", 3);
        assert_eq!(found, ["27. 02:30 +01:00", "28. 03:00 +02:00", "29. 02:30 +02:00"]);
    }

    #[test]
    fn a_cron_time_in_the_doubled_hour_is_due_once() {
        let found = cron("30 2 * * *", "Europe/Berlin", "2027-10-30T00:00Z", 3);
        assert_eq!(found, ["30. 02:30 +02:00", "31. 02:30 +02:00", "01. 02:30 +01:00"]);
    }

    #[test]
    fn a_list_of_times_is_no_interval() {
        let found = cron("30 2,14 * * *", "Europe/Berlin", "2027-03-27T14:00Z", 2);
        assert_eq!(found, ["28. 03:00 +02:00", "28. 14:30 +02:00"]);
        let found = cron("30 2,14 * * *", "Europe/Berlin", "2027-10-30T14:00Z", 2);
        assert_eq!(found, ["31. 02:30 +02:00", "31. 14:30 +01:00"]);
        let found = cron("0,30 1-3 * * *", "Europe/Berlin", "2027-03-28T00:00Z", 4);
        assert_eq!(found, ["28. 01:30 +01:00", "28. 03:00 +02:00", "28. 03:30 +02:00", "29. 01:00 +02:00"]);
    }

    #[test]
    fn a_cron_line_of_all_hours_follows_the_clock_on_the_wall() {
        let found = cron("0 * * * *", "Europe/Berlin", "2027-03-28T00:30Z", 2);
        assert_eq!(found, ["28. 03:00 +02:00", "28. 04:00 +02:00"]);
        let found = cron("0 * * * *", "Europe/Berlin", "2027-10-30T23:30Z", 3);
        assert_eq!(found, ["31. 02:00 +02:00", "31. 02:00 +01:00", "31. 03:00 +01:00"]);
    }

    #[test]
    fn a_change_of_half_an_hour_loses_and_doubles_nothing_either() {
        // Lord Howe Island goes from 02:00 to 02:30 on 2026-10-04, and from 02:00 back to 01:30 on 2027-04-04.
        let found = cron("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T16:00Z", 3);
        assert_eq!(found, ["04. 02:30 +11:00", "05. 02:15 +11:00", "06. 02:15 +11:00"]);
        let found = cron("45 1 * * *", "Australia/Lord_Howe", "2027-04-02T16:00Z", 3);
        assert_eq!(found, ["04. 01:45 +11:00", "05. 01:45 +10:30", "06. 01:45 +10:30"]);
    }

    #[test]
    fn every_day_keeps_the_time_on_the_clock_and_every_hour_the_real_time() {
        let found = every("1 day", "2027-03-27T02:30[Europe/Berlin]", "2027-03-26T00:00Z", 3);
        assert_eq!(found, ["27. 02:30 +01:00", "28. 03:30 +02:00", "29. 02:30 +02:00"]);
        let found = every("1 day", "2027-10-30T02:30[Europe/Berlin]", "2027-10-30T12:00Z", 2);
        assert_eq!(found, ["31. 02:30 +02:00", "01. 02:30 +01:00"]);
        let found = every("12 hours", "2027-03-27T12:00[Europe/Berlin]", "2027-03-27T12:00Z", 3);
        assert_eq!(found, ["28. 00:00 +01:00", "28. 13:00 +02:00", "29. 01:00 +02:00"]);
    }

    #[test]
    fn every_month_comes_back_to_the_month_end() {
        let found = every("1 month", "2027-01-31T09:00[UTC]", "2027-01-31T09:00Z", 3);
        assert_eq!(found, ["28. 09:00 +00:00", "31. 09:00 +00:00", "30. 09:00 +00:00"]);
    }

    #[test]
    fn a_due_time_is_found_far_from_the_anchor() {
        let found = every("10 minutes", "2026-01-01T00:03[UTC]", "2036-06-01T00:00Z", 2);
        assert_eq!(found, ["01. 00:03 +00:00", "01. 00:13 +00:00"]);
    }

    #[test]
    fn a_line_that_is_no_cron_line_is_refused() {
        for line in ["", "0 9 * *", "0 0 9 * * *", "61 9 * * *", "0 9 * * someday", "0/10 * * * *"] {
            let error = Timing::cron(line).unwrap_err().to_string();
            assert!(error.starts_with(&format!("found `{line}`, expected a cron line")), "{error}");
        }
        for step in ["", "soon", "0 days", "-1 day", "30 seconds"] {
            assert!(Timing::every(step, "2027-01-31T09:00[UTC]".parse().unwrap()).is_err(), "{step}");
        }
    }
}
