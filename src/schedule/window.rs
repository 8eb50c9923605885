//! The hours and days in which mails may leave.

use jiff::{
    Timestamp,
    civil::{Time, Weekday},
    tz::TimeZone,
};

/// The number of days that are searched for an opening: a window opens every week, or, where a change of the clocks
/// takes it away once, every other week.
const DAYS_AHEAD: usize = 16;

/// The hours in which mails may leave.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The hours of the day.
    pub hours: Hours,
    /// The days of the week, Monday first. At night the day is the one on which the hours began.
    pub days: [bool; 7],
    /// The clock that it goes by.
    pub zone: WindowZone,
}

/// Hours of a day: from the first up to, but without, the last. They may go past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first instant in.
    pub from: Time,
    /// The first instant out.
    pub to: Time,
}

/// The clock that a window goes by.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowZone {
    /// The same for everybody.
    Fixed(TimeZone),
    /// Each recipient's own, from the list's column `timezone`; the zone here where that cell is empty.
    Recipient(Option<TimeZone>),
}

/// The reason that a part of a window is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WindowError(String);

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Hours {
    /// The whole day.
    pub const ALL: Self = Self { from: Time::midnight(), to: Time::midnight() };

    /// Reads `09:00-17:30`; `24:00` is midnight. `22:00-06:00` goes past midnight.
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        let wrong = || WindowError(format!("found `{text}`, expected hours such as `09:00-17:30`"));
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| match text.trim() {
            "24:00" => Ok(Time::midnight()),
            text => Time::strptime("%H:%M", text).map_err(|_| wrong()),
        };
        let hours = Self { from: time(from)?, to: time(to)? };
        if hours.from == hours.to && hours != Self::ALL {
            return Err(WindowError(format!("found `{text}`, which is no time at all or the whole day")));
        }
        Ok(hours)
    }

    fn past_midnight(self) -> bool {
        self.to <= self.from
    }
}

impl Window {
    /// Whether mails may leave to somebody in `zone` at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp, zone: &TimeZone) -> bool {
        let local = now.to_zoned(zone.clone());
        let time = local.time();
        let Hours { from, to } = self.hours;
        if self.hours.past_midnight() {
            let today = time >= from && self.on(local.weekday());
            let since_yesterday = time < to && self.on(local.weekday().previous());
            today || since_yesterday
        } else {
            time >= from && time < to && self.on(local.weekday())
        }
    }

    /// The next opening: `now` where it is open. A time that a change of the clocks leaves out is the one after it.
    #[must_use]
    pub fn opens(&self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        if self.is_open(now, zone) {
            return now;
        }
        let local = now.to_zoned(zone.clone());
        // Yesterday is looked at as well: a doubled hour may open twice.
        let first = local.date().yesterday().unwrap_or(local.date());
        first
            .series(jiff::ToSpan::day(1))
            .take(DAYS_AHEAD + 1)
            .filter(|day| self.on(day.weekday()))
            .filter_map(|day| day.to_datetime(self.hours.from).to_zoned(zone.clone()).ok())
            .map(|opening| opening.timestamp())
            .find(|opening| *opening > now && self.is_open(*opening, zone))
            // Where the calendar ends, nothing is lost by asking again in a day.
            .unwrap_or_else(|| now.saturating_add(jiff::SignedDuration::from_hours(24)).unwrap_or(now))
    }

    /// The zone of a recipient whose list says `own`; `None` where that is no zone.
    #[must_use]
    pub fn zone_of(&self, own: Option<&str>) -> Option<TimeZone> {
        match &self.zone {
            WindowZone::Fixed(fixed) => Some(fixed.clone()),
            WindowZone::Recipient(otherwise) => match own {
                Some(own) => zone(own).ok(),
                None => otherwise.clone(),
            },
        }
    }

    /// For people: `09:00-17:30 mon-fri Europe/Berlin`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Hours { from, to } = self.hours;
        let hours = if self.hours == Hours::ALL {
            "all day".to_owned()
        } else {
            format!("{}-{}", from.strftime("%H:%M"), to.strftime("%H:%M"))
        };
        let days: Vec<_> =
            DAYS.iter().zip(self.days).filter(|(_, on)| *on).map(|((name, _), _)| *name).collect();
        let days = if days.len() == 7 { "every day".to_owned() } else { days.join(", ") };
        let whose = match &self.zone {
            WindowZone::Fixed(zone) => zone.iana_name().unwrap_or("UTC").to_owned(),
            WindowZone::Recipient(_) => "in the recipient's own zone".to_owned(),
        };
        format!("{hours} {days} {whose}")
    }

    fn on(&self, day: Weekday) -> bool {
        let at = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.days.get(at).copied().unwrap_or(false)
    }
}

/// Reads `mon`, `mon-fri` or `sat, sun`; a span may go round the end of the week.
pub fn weekdays(text: &str) -> Result<[bool; 7], WindowError> {
    let wrong = || WindowError(format!("found `{text}`, expected days such as `mon-fri` or `sat, sun`"));
    let day = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAYS.iter().position(|(day, _)| *day == name).ok_or_else(wrong)
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        let length = (last + 7 - first) % 7;
        for step in 0..=length {
            if let Some(on) = days.get_mut((first + step) % 7) {
                *on = true;
            }
        }
    }
    Ok(days)
}

/// A zone of the tz database by its name, such as `Europe/Berlin`. Offsets and abbreviations such as `CEST` are
/// refused: they know no change of the clocks.
pub fn zone(name: &str) -> Result<TimeZone, WindowError> {
    let unknown =
        || WindowError(format!("found `{name}`, expected a zone of the tz database such as `Europe/Berlin`"));
    if name != "UTC" && !name.contains('/') {
        return Err(unknown());
    }
    TimeZone::get(name).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(hours: &str, days: &str) -> Window {
        Window {
            hours: Hours::parse(hours).unwrap(),
            days: weekdays(days).unwrap(),
            zone: WindowZone::Recipient(None),
        }
    }

    fn check(window: &Window, local: &str, expected: &str) {
        let now: jiff::Zoned = local.parse().unwrap();
        let zone = now.time_zone().clone();
        let opens = window.opens(now.timestamp(), &zone);
        let found = opens.to_zoned(zone.clone()).strftime("%a %d. %H:%M %:z").to_string();
        let is_open = window.is_open(now.timestamp(), &zone);
        assert_eq!(is_open, expected == "open", "{local}");
        if !is_open {
            assert_eq!(found, expected, "{local}");
        }
    }

    #[test]
    fn a_window_is_open_from_its_first_minute_up_to_its_last() {
        let office = window("09:00-17:30", "mon-fri");
        check(&office, "2026-11-23T08:59:59[Europe/Berlin]", "Mon 23. 09:00 +01:00");
        check(&office, "2026-11-23T09:00[Europe/Berlin]", "open");
        check(&office, "2026-11-23T17:29:59[Europe/Berlin]", "open");
        check(&office, "2026-11-23T17:30[Europe/Berlin]", "Tue 24. 09:00 +01:00");
        check(&office, "2026-11-27T20:00[Europe/Berlin]", "Mon 30. 09:00 +01:00");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began_on() {
        let night = window("22:00-06:00", "fri");
        check(&night, "2026-11-27T21:00[UTC]", "Fri 27. 22:00 +00:00");
        check(&night, "2026-11-27T23:00[UTC]", "open");
        check(&night, "2026-11-28T05:59[UTC]", "open");
        check(&night, "2026-11-28T06:00[UTC]", "Fri 04. 22:00 +00:00");
        check(&night, "2026-11-27T05:00[UTC]", "Fri 27. 22:00 +00:00");
        check(&window("18:00-24:00", "sun"), "2026-11-29T23:59[UTC]", "open");
        check(&window("18:00-24:00", "sun"), "2026-11-30T00:00[UTC]", "Sun 06. 18:00 +00:00");
    }

    #[test]
    fn a_change_of_the_clocks_moves_an_opening_and_loses_none() {
        let small = window("02:15-02:45", "sun");
        // 2027-03-28 has no such half hour in Berlin.
        check(&small, "2027-03-28T01:00[Europe/Berlin]", "Sun 04. 02:15 +02:00");
        let gap = window("02:30-05:00", "sun");
        check(&gap, "2027-03-28T01:00[Europe/Berlin]", "Sun 28. 03:30 +02:00");
        check(&gap, "2027-03-28T03:10[Europe/Berlin]", "open");
        check(&small, "2027-10-31T02:20+02:00[Europe/Berlin]", "open");
        check(&small, "2027-10-31T02:20+01:00[Europe/Berlin]", "open");
        check(&window("03:00-04:00", "sun"), "2027-10-31T02:50+01:00[Europe/Berlin]", "Sun 31. 03:00 +01:00");
    }

    #[test]
    fn a_window_opens_again_in_every_zone_whatever_the_clocks_do() {
        let zones = [
            "Pacific/Apia",
            "Pacific/Kiritimati",
            "Asia/Kathmandu",
            "America/St_Johns",
            "Australia/Lord_Howe",
        ];
        for name in zones {
            let zone = zone(name).unwrap();
            for (hours, days) in [("00:00-00:01", "mon"), ("02:30-02:31", "sun"), ("23:00-01:00", "wed,sat")]
            {
                let window = window(hours, days);
                let mut now: Timestamp = "2026-09-20T00:00Z".parse().unwrap();
                for _ in 0..8 * 400 {
                    let opens = window.opens(now, &zone);
                    let wait = opens.duration_since(now);
                    assert!(
                        window.is_open(opens, &zone) && wait.as_hours() <= 24 * 15,
                        "{name} {hours} {now}"
                    );
                    now += jiff::SignedDuration::from_mins(179);
                }
            }
        }
    }

    #[test]
    fn days_are_read_singly_and_in_spans() {
        let check = |text: &str, expected: [u8; 7]| {
            assert_eq!(weekdays(text).unwrap(), expected.map(|on| on == 1), "{text}");
        };
        check("mon-fri", [1, 1, 1, 1, 1, 0, 0]);
        check("sat, sun", [0, 0, 0, 0, 0, 1, 1]);
        check("Fri-Mon", [1, 0, 0, 0, 1, 1, 1]);
        check("wed", [0, 0, 1, 0, 0, 0, 0]);
        for text in ["", "monday", "mon-", "1-5"] {
            assert!(weekdays(text).is_err(), "{text}");
        }
        for text in ["9", "09:00", "17:00-17:00", "25:00-26:00", "09:00–17:00"] {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
    }
}
