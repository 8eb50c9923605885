//! The five fields of a cron line, as they are written.

use std::fmt::Write;

/// Which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

/// The names of the week's days, Sunday first.
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// The names of the months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// How many letters a name of a day or month needs.
const SHORTEST_NAME: usize = 3;

/// What stands between two commas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `*`, `9`, `9-17` and each with a step.
    Values { first: u8, last: u8, step: u8, star: bool },
    /// `L`: the last day of the month.
    Last,
    /// `LW`: its last day from Monday to Friday.
    LastWeekday,
    /// `L-3`: so many days before the last.
    BeforeLast(u8),
    /// `15W`: the day from Monday to Friday that is nearest to this one.
    Nearest(u8),
    /// `fri#2`: the second Friday of the month.
    Nth(u8, u8),
    /// `friL`: the last Friday of the month.
    LastOf(u8),
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) unit: Unit,
    pub(super) parts: Vec<Part>,
}

/// Why a field is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) unit: Unit,
    pub(super) why: String,
    /// What may stand there instead.
    pub(super) instead: Option<String>,
    /// A step that cron cannot take: its length.
    pub(super) step: Option<u32>,
}

impl Unit {
    /// The smallest and the greatest value.
    pub(super) fn bounds(self) -> (u8, u8) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 6),
        }
    }

    /// How many values there are.
    pub(super) fn size(self) -> u32 {
        let (first, last) = self.bounds();
        u32::from(last - first) + 1
    }

    /// What the field is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Minute => "the minutes",
            Self::Hour => "the hours",
            Self::Day => "the days of the month",
            Self::Month => "the months",
            Self::Weekday => "the days of the week",
        }
    }

    /// After what it begins anew.
    pub(super) fn around(self) -> &'static str {
        match self {
            Self::Minute => "hour",
            Self::Hour => "day",
            Self::Day => "month",
            Self::Month => "year",
            Self::Weekday => "week",
        }
    }

    /// A step of it as `every` says it.
    pub(super) fn steps(self, number: u32) -> String {
        let unit = match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day | Self::Weekday => "day",
            Self::Month => "month",
        };
        if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Minute | Self::Hour | Self::Day => &[],
            Self::Month => &MONTHS,
            Self::Weekday => &WEEKDAYS,
        }
    }

    /// A number or name; `7` is Sunday as well.
    fn value(self, text: &str) -> Result<u8, Refused> {
        let (first, last) = self.bounds();
        if let Ok(number) = text.parse::<u8>()
            && text.bytes().all(|byte| byte.is_ascii_digit())
        {
            let number = if self == Self::Weekday && number == 7 { 0 } else { number };
            if (first..=last).contains(&number) {
                return Ok(number);
            }
            let highest = if self == Self::Weekday { 7 } else { last };
            let mut refused = self.refuse(format!("{} go from {first} to {highest}", self.name()));
            // Midnight and the full hour.
            let around = matches!(self, Self::Minute | Self::Hour) && u32::from(number) == self.size();
            refused.instead = around.then(|| "0".to_owned());
            return Err(refused);
        }
        let lower = text.to_ascii_lowercase();
        let named = self
            .names()
            .iter()
            .position(|name| lower.len() >= SHORTEST_NAME && name.to_ascii_lowercase().starts_with(&lower));
        let named = named.and_then(|at| u8::try_from(at).ok()).map(|at| at + first);
        named.ok_or_else(|| {
            let such = match self {
                Self::Minute | Self::Hour | Self::Day => String::new(),
                Self::Month => ", or names such as `jan`".to_owned(),
                Self::Weekday => ", or names such as `mon`".to_owned(),
            };
            self.refuse(format!("{} are numbers from {first} to {last}{such}", self.name()))
        })
    }

    fn refuse(self, why: String) -> Refused {
        Refused { unit: self, why, instead: None, step: None }
    }
}

impl Field {
    /// Reads a field.
    pub(super) fn read(unit: Unit, text: &str) -> Result<Self, Refused> {
        let mut parts = Vec::new();
        for part in text.split(',') {
            parts.extend(read_part(unit, part).map_err(|mut refused| {
                let whole = |one: &String| text.replacen(part, one, 1);
                refused.instead = refused.instead.as_ref().map(whole);
                refused
            })?);
        }
        Ok(Self { unit, parts })
    }

    /// Whether it says nothing: `*`.
    pub(super) fn is_any(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Values { step: 1, star: true, .. }])
    }

    /// Whether it begins with `*`, with a step or without one.
    pub(super) fn has_star(&self) -> bool {
        matches!(self.parts.first(), Some(Part::Values { star: true, .. }))
    }

    /// The step of a `*/15` that is the whole field.
    pub(super) fn star_step(&self) -> Option<u32> {
        match self.parts.as_slice() {
            [Part::Values { step, star: true, .. }] => Some(u32::from(*step)),
            _ => None,
        }
    }

    /// All its values in order; `None` where it holds more than values.
    pub(super) fn values(&self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        for part in &self.parts {
            let Part::Values { first, last, step, .. } = part else { return None };
            all.extend((*first..=*last).step_by(usize::from(*step)));
        }
        all.sort_unstable();
        all.dedup();
        Some(all)
    }

    /// The one value that it has.
    pub(super) fn single(&self) -> Option<u8> {
        match self.values()?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// As every reader of cron lines understands it. `L-3` is the span of days that it can fall on.
    pub(super) fn plainly(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            if !text.is_empty() {
                text.push(',');
            }
            let written = match *part {
                Part::Values { step: 1, star: true, .. } => text.write_str("*"),
                Part::Values { step, star: true, .. } => write!(text, "*/{step}"),
                Part::Values { first, last, step: 1, .. } if first == last => write!(text, "{first}"),
                Part::Values { first, last, step: 1, .. } => write!(text, "{first}-{last}"),
                Part::Values { first, last, step, .. } => write!(text, "{first}-{last}/{step}"),
                Part::Last => text.write_str("L"),
                Part::LastWeekday => text.write_str("LW"),
                Part::BeforeLast(days) => write!(text, "{}-{}", 28 - days, 31 - days),
                Part::Nearest(day) => write!(text, "{day}W"),
                Part::Nth(day, nth) => write!(text, "{day}#{nth}"),
                Part::LastOf(day) => write!(text, "{day}L"),
            };
            // Writing to a text does not fail.
            written.unwrap_or_default();
        }
        text
    }
}

/// What stands between two commas; day by day where it goes round the end of the week.
fn read_part(unit: Unit, text: &str) -> Result<Vec<Part>, Refused> {
    if text.is_empty() {
        return Err(unit.refuse("nothing stands beside a comma".to_owned()));
    }
    if let Some(special) = read_special(unit, text)? {
        return Ok(vec![special]);
    }
    let (span, step) = match text.split_once('/') {
        Some((span, step)) => (span, Some(step)),
        None => (text, None),
    };
    let step = match step.map(str::parse::<u32>) {
        None => 1,
        Some(Ok(0) | Err(_)) => return Err(unit.refuse(format!("`{text}` has no step behind its `/`"))),
        Some(Ok(step)) => step,
    };
    let (lowest, highest) = unit.bounds();
    let star = span == "*" || (span == "?" && matches!(unit, Unit::Day | Unit::Weekday));
    let (first, last) = match span.split_once('-') {
        _ if star => (lowest, highest),
        Some((first, last)) => (unit.value(first)?, unit.value(last)?),
        None => {
            let first = unit.value(span)?;
            if text.contains('/') {
                // Quartz goes on from there to the end, and Vixie's cron does not.
                let to_the_end = if first == lowest { "*".to_owned() } else { format!("{first}-{highest}") };
                let instead = Some(format!("{to_the_end}/{step}"));
                let why = format!("`{text}` has a step and no end");
                return Err(Refused { instead, ..unit.refuse(why) });
            }
            (first, first)
        }
    };
    if unit == Unit::Weekday && !star {
        return round_the_week(unit, text, (first, last), step);
    }
    if first > last {
        let span =
            |first: u8, last: u8| if first == last { first.to_string() } else { format!("{first}-{last}") };
        let instead = (step == 1).then(|| format!("{},{}", span(first, highest), span(lowest, last)));
        return Err(Refused { instead, ..unit.refuse(format!("`{text}` goes backwards")) });
    }
    if step > 1 && step > u32::from(last - first) {
        let why = if star {
            format!("{} go from {lowest} to {highest}, and a step of {step} never comes", unit.name())
        } else {
            format!("`{text}` has a step that is longer than its span")
        };
        let longer = (star && step > unit.size()).then_some(step);
        return Err(Refused { instead: Some(first.to_string()), step: longer, ..unit.refuse(why) });
    }
    let step = u8::try_from(step).unwrap_or(u8::MAX);
    Ok(vec![Part::Values { first, last, step, star }])
}

/// Days of the week; a span may go round its end, and Sunday ends a week as well as it begins one.
fn round_the_week(unit: Unit, text: &str, (first, last): (u8, u8), step: u32) -> Result<Vec<Part>, Refused> {
    let to_its_end = last < first || text.contains("-7");
    let end = if to_its_end { last + 7 } else { last };
    if step > 1 && step > u32::from(end - first) {
        let instead = Some(first.to_string());
        return Err(Refused {
            instead,
            ..unit.refuse(format!("`{text}` has a step that is longer than its span"))
        });
    }
    let step = u8::try_from(step).unwrap_or(u8::MAX);
    if end <= 6 {
        return Ok(vec![Part::Values { first, last: end, step, star: false }]);
    }
    let days = (first..=end).step_by(usize::from(step)).map(|day| day % 7);
    Ok(days.map(|day| Part::Values { first: day, last: day, step: 1, star: false }).collect())
}

/// What is more than numbers: `L`, `15W`, `fri#2`.
fn read_special(unit: Unit, text: &str) -> Result<Option<Part>, Refused> {
    let upper = text.to_ascii_uppercase();
    match unit {
        Unit::Minute | Unit::Hour | Unit::Month => Ok(None),
        Unit::Day => match upper.as_str() {
            "L" | "L-0" => Ok(Some(Part::Last)),
            "LW" | "WL" => Ok(Some(Part::LastWeekday)),
            _ => {
                if let Some(days) = upper.strip_prefix("L-") {
                    let days = days.parse().ok().filter(|days| (1..=27).contains(days));
                    let wrong = || unit.refuse(format!("`{text}` is no day: `L-1` to `L-27` are"));
                    return days.map(|days| Some(Part::BeforeLast(days))).ok_or_else(wrong);
                }
                match upper.strip_suffix('W') {
                    Some(day) => Ok(Some(Part::Nearest(unit.value(day)?))),
                    None => Ok(None),
                }
            }
        },
        Unit::Weekday => {
            if let Some((day, nth)) = upper.split_once('#') {
                let day = unit.value(day)?;
                return match (nth, nth.parse()) {
                    ("L", _) => Ok(Some(Part::LastOf(day))),
                    (_, Ok(nth @ 1..=5)) => Ok(Some(Part::Nth(day, nth))),
                    _ => Err(unit.refuse(format!("`{text}` is no day: `#1` to `#5` and `#L` are"))),
                };
            }
            match upper.strip_suffix('L') {
                Some("") => {
                    let instead = Some("satL".to_owned());
                    Err(Refused { instead, ..unit.refuse("`L` alone is no day of the week".to_owned()) })
                }
                Some(day) => Ok(Some(Part::LastOf(unit.value(day)?))),
                None => Ok(None),
            }
        }
    }
}
