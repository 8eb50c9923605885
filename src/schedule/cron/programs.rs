//! Lines of Quartz, Spring, `node-cron`, Azure and AWS, of Go's `@every`, and times said in English.

use jiff::{Span, fmt::friendly::SpanParser};

use super::fields::WEEKDAYS;
use crate::schedule::SPAN;

/// What a line of another program means here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    /// What it is.
    pub(super) why: String,
    /// The keys that say the same; none where nothing does.
    pub(super) keys: Vec<(&'static str, String)>,
}

impl Meant {
    pub(super) fn cron(why: &str, line: &str) -> Self {
        Self { why: why.to_owned(), keys: vec![("cron", line.to_owned())] }
    }

    pub(super) fn every(why: &str, step: &str) -> Self {
        let keys = vec![("every", step.to_owned()), ("from", "2026-01-01T00:00".to_owned())];
        Self { why: why.to_owned(), keys }
    }

    fn at(why: &str, time: &str) -> Self {
        Self { why: why.to_owned(), keys: vec![("at", time.to_owned())] }
    }
}

/// `cron(…)`, `rate(…)` and `at(…)` of AWS.
pub(super) fn called(text: &str) -> Option<Meant> {
    let (name, inner) = text.strip_suffix(')')?.split_once('(')?;
    let why = "this is the form of AWS";
    match name.trim() {
        "cron" => {
            let words: Vec<_> = inner.split_whitespace().collect();
            match words.as_slice() {
                [fields @ .., year] if words.len() == 6 => with_year(why, fields, year, Numbers::SundayIs1),
                _ => Some(Meant::cron(why, &words.join(" "))),
            }
        }
        "rate" => Some(Meant::every(why, &step(inner)?)),
        "at" => Some(Meant::at(why, inner.trim())),
        _ => None,
    }
}

/// `@every 5m` of Go, and names of other programs.
pub(super) fn nicknamed(text: &str) -> Option<Meant> {
    let name = text.strip_prefix('@')?;
    let lower = name.to_ascii_lowercase();
    if let Some(span) = lower.strip_prefix("every") {
        let why = "this is how Go's programs say it";
        return Some(match step(span) {
            Some(step) => Meant::every(why, &step),
            None => Meant { why: format!("{why}, and `{}` is no span", span.trim()), keys: Vec::new() },
        });
    }
    let line = match lower.as_str() {
        "weekdays" | "weekday" => "0 0 * * mon-fri",
        "weekends" | "weekend" => "0 0 * * sat,sun",
        "quarterly" => "0 0 1 1,4,7,10 *",
        "biannually" | "semiannually" => "0 0 1 1,7 *",
        "minutely" => "* * * * *",
        "once" | "reboot" | "start" | "startup" => {
            let why = "a campaign begins at a time, not when something starts".to_owned();
            return Some(Meant { why, keys: vec![("at", "2026-11-27T09:00".to_owned())] });
        }
        _ => return None,
    };
    Some(Meant::cron("this name is known to other programs", line))
}

/// A span in the words of `every`: `5m`, `5 minutes`, `1h30m`.
pub(super) fn step(text: &str) -> Option<String> {
    let text = text.trim();
    let counted = if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        text.to_owned()
    } else {
        format!("1 {text}")
    };
    let span: Span = SpanParser::new().parse_span(counted).ok()?;
    let seconds = span.get_seconds() != 0 || span.get_milliseconds() != 0 || span.is_zero();
    (!seconds).then(|| SPAN.span_to_string(&span).replace(", ", " "))
}

/// `every 5 minutes`, `every day at 09:00`, `every monday 9:00`.
pub(super) fn said(text: &str) -> Option<Meant> {
    let lower = text.to_ascii_lowercase();
    let why = "this is said in words";
    let rest = match lower.strip_prefix("every ") {
        Some(rest) => rest.trim().replace(" at ", " "),
        // `daily at 09:00`
        None => match lower.split_once(" at ")? {
            ("daily", time) => format!("day {time}"),
            ("weekdays", time) => format!("weekday {time}"),
            (days, time) => format!("{days} {time}"),
        },
    };
    if let Some(step) = step(&rest) {
        return Some(Meant::every(why, &step));
    }
    let (days, time) = rest.rsplit_once(char::is_whitespace)?;
    let (hour, minute) = clock(time)?;
    let weekdays = match days.trim() {
        "day" | "days" => "*".to_owned(),
        "weekday" => "mon-fri".to_owned(),
        days => days.replace(" and ", ",").replace(' ', ""),
    };
    Some(Meant::cron(why, &format!("{minute} {hour} * * {weekdays}")))
}

/// `09:00`, `9:00`, `9am`.
pub(super) fn clock(text: &str) -> Option<(u8, u8)> {
    let (digits, later) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, if later.is_some() { "0" } else { "" }));
    let (hour, minute): (u8, u8) = (hour.trim().parse().ok()?, minute.trim().parse().ok()?);
    let hour = later.map_or(hour, |later| hour % 12 + later);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// Which number Sunday has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    SundayIs0,
    SundayIs1,
}

/// Six or seven fields: seconds in front (Quartz, Spring, Azure, `node-cron`) or a year behind (AWS).
pub(super) fn seconds_or_years(words: &[&str]) -> Option<Meant> {
    let is_year = |word: &str| {
        word.split([',', '-']).all(|year| year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let asks = |at: usize| words.get(at).is_some_and(|word| *word == "?");
    match words {
        [seconds, fields @ .., year] if words.len() == 7 => {
            let why = "this has seconds in front and a year behind, as Quartz has it";
            Some(whole_minutes(seconds, with_year(why, fields, year, Numbers::SundayIs1)?))
        }
        [fields @ .., year] if is_year(year) || asks(2) || asks(4) => {
            let numbers = if asks(2) || asks(4) { Numbers::SundayIs1 } else { Numbers::SundayIs0 };
            with_year("this has a year behind, as AWS has it", fields, year, numbers)
        }
        [seconds, fields @ ..] => {
            let quartz = asks(3) || asks(5);
            let numbers = if quartz { Numbers::SundayIs1 } else { Numbers::SundayIs0 };
            let program = if quartz { "Quartz has" } else { "Spring, Azure and `node-cron` have" };
            let why = format!("this has seconds in front, as {program} them");
            Some(whole_minutes(seconds, with_year(&why, fields, "*", numbers)?))
        }
        [] => None,
    }
}

/// Nothing here is due by the second.
fn whole_minutes(seconds: &str, meant: Meant) -> Meant {
    let why = if seconds == "0" || seconds == "00" {
        meant.why
    } else {
        format!("{}; nothing is due by the second here", meant.why)
    };
    Meant { why, ..meant }
}

/// The five fields, and the year as bounds.
fn with_year(why: &str, fields: &[&str], year: &str, numbers: Numbers) -> Option<Meant> {
    let [minute, hour, day, month, weekday] = fields else { return None };
    let started = [minute, hour, day, month].map(|field| to_the_end(field));
    let [minute, hour, day, month] = started.map(|field| if field == "?" { "*".to_owned() } else { field });
    let weekday = if numbers == Numbers::SundayIs1 { renumbered(weekday) } else { (*weekday).to_owned() };
    let weekday = if weekday == "?" { "*".to_owned() } else { weekday };
    let mut meant = Meant::cron(why, &format!("{minute} {hour} {day} {month} {weekday}"));
    let years: Vec<i32> = year.split([',', '-']).filter_map(|year| year.parse().ok()).collect();
    if let (Some(first), Some(last)) = (years.iter().min(), years.iter().max()) {
        meant.keys.push(("from", format!("{first}-01-01T00:00")));
        meant.keys.push(("until", format!("{}-01-01T00:00", last + 1)));
    }
    Some(meant)
}

/// `0/15`, which in Quartz goes on to the end: `*/15`, and `5/15` as it is, which is told with its end.
fn to_the_end(field: &str) -> String {
    match field.split_once('/') {
        Some(("0", step)) => format!("*/{step}"),
        _ => field.to_owned(),
    }
}

/// Days of the week by their names, where Sunday is 1.
fn renumbered(field: &str) -> String {
    let mut text = String::new();
    let mut letters = field.chars().peekable();
    // Behind `#` and `/` stands no day.
    let mut is_day = true;
    while let Some(letter) = letters.next() {
        let next_is_digit = letters.peek().is_some_and(char::is_ascii_digit);
        match letter.to_digit(10).filter(|_| is_day && !next_is_digit) {
            Some(day @ 1..=7) => {
                let name = usize::try_from(day - 1).ok().and_then(|day| WEEKDAYS.get(day));
                text.push_str(&name.and_then(|name| name.get(..3)).unwrap_or_default().to_ascii_lowercase());
            }
            _ => text.push(letter),
        }
        is_day = match letter {
            '#' | '/' => false,
            ',' | '-' => true,
            _ => is_day,
        };
    }
    if text == "L" { "sat".to_owned() } else { text }
}
