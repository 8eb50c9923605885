//! Due times: one, those of a cron line, or one every so often.

use jiff::{Span, Timestamp, Zoned, tz::TimeZone};

use super::{cron::CronLine, refusal::TimingError};

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
        /// The distance between two.
        step: Span,
    },
}

impl PartialEq for Timing {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Once(a), Self::Once(b)) => a == b,
            (Self::Cron(a), Self::Cron(b)) => a == b,
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
        CronLine::read(text).map(Self::Cron)
    }

    /// Reads `2 hours`, `1 day` or `1 month`, counted from `anchor`.
    pub fn every(text: &str, anchor: Zoned) -> Result<Self, TimingError> {
        let refuse = |message| TimingError { message, hint: None };
        let wrong = || refuse(format!("found `{text}`, expected such as `2 hours`, `1 day` or `1 month`"));
        let step: Span = text.parse().map_err(|_| wrong())?;
        let second = anchor.checked_add(step).map_err(|_| wrong())?;
        let apart = second.timestamp().duration_since(anchor.timestamp());
        if apart < jiff::SignedDuration::from_mins(1) {
            return Err(refuse(format!("found `{text}`, expected at least `1 minute`")));
        }
        Ok(Self::Every { anchor: Box::new(anchor), step })
    }

    /// The start that `every` counts from.
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
            Self::Cron(line) => line.next_after(after, zone),
            Self::Every { anchor, step } => next_step(anchor, *step, after),
        }
    }
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
