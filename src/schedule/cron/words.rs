//! A cron line for people.

use super::fields::{Field, MONTHS, Part, Unit, WEEKDAYS};

/// So many times of day are named one by one.
const MOST_TIMES: usize = 6;

/// The line in words: `At 09:00, on Monday to Friday`.
pub(super) fn words([minutes, hours, days, months, weekdays]: &[Field; 5], both: bool) -> String {
    let mut words = times(minutes, hours);
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let day = (!days.is_any()).then(|| days_in_words(days));
    let weekday = (!weekdays.is_any()).then(|| days_in_words(weekdays));
    let on = match (day, weekday) {
        (None, None) => String::new(),
        (Some(one), None) | (None, Some(one)) => format!(", on {one}"),
        (Some(day), Some(weekday)) if both => format!(", on {day} where that is {weekday}"),
        (Some(day), Some(weekday)) => format!(", on {day} and also on {weekday}"),
    };
    let within = if months.is_any() {
        String::new()
    } else {
        let named = |month: u8| MONTHS.get(usize::from(month) - 1).copied().unwrap_or_default().to_owned();
        format!(", in {}", spans(&months.values().unwrap_or_default(), named))
    };
    format!("{words}{on}{within}")
}

fn times(minutes: &Field, hours: &Field) -> String {
    let (Some(minute), Some(hour)) = (minutes.values(), hours.values()) else { return String::new() };
    let is_named = !minutes.has_star() && !hours.has_star();
    if is_named && minute.len() * hour.len() <= MOST_TIMES {
        let times = hour.iter().flat_map(|hour| minute.iter().map(move |minute| (hour, minute)));
        return format!("at {}", list(times.map(|(hour, minute)| format!("{hour:02}:{minute:02}"))));
    }
    let step = minutes.star_step().filter(|step| Unit::Minute.size().is_multiple_of(*step));
    let within = match hours.star_step().filter(|step| Unit::Hour.size().is_multiple_of(*step)) {
        Some(1) if step.is_some() => String::new(),
        Some(1) => " of every hour".to_owned(),
        Some(2) => " of every 2nd hour".to_owned(),
        Some(3) => " of every 3rd hour".to_owned(),
        Some(step) => format!(" of every {step}th hour"),
        None => {
            let one = hour.len() == 1;
            let hours = spans(&hour, |hour| format!("{hour:02}"));
            format!(" of the {} {hours}", if one { "hour" } else { "hours" })
        }
    };
    let each = match step {
        Some(1) => "every minute".to_owned(),
        Some(step) => format!("every {step} minutes"),
        None => format!("at {}", spans(&minute, |minute| format!(":{minute:02}"))),
    };
    format!("{each}{within}")
}

fn days_in_words(field: &Field) -> String {
    if let Some(values) = field.values() {
        return match field.unit {
            Unit::Weekday => round_the_week(&values),
            Unit::Minute | Unit::Hour | Unit::Day | Unit::Month => {
                format!("day {} of the month", spans(&values, |day| day.to_string()))
            }
        };
    }
    let name = |day: u8| WEEKDAYS.get(usize::from(day)).copied().unwrap_or_default();
    let parts = field.parts.iter().map(|part| match *part {
        Part::Values { first, .. } if field.unit == Unit::Weekday => name(first).to_owned(),
        Part::Values { first, last, .. } if first == last => format!("day {first}"),
        Part::Values { first, last, .. } => format!("day {first} to {last}"),
        Part::Last => "the last day of the month".to_owned(),
        Part::LastWeekday => "the last day from Monday to Friday of the month".to_owned(),
        Part::BeforeLast(1) => "the day before the last of the month".to_owned(),
        Part::BeforeLast(days) => format!("the day that is {days} days before the last of the month"),
        Part::Nearest(day) => format!("the day from Monday to Friday that is nearest to day {day}"),
        Part::Nth(day, nth) => format!("the {} {} of the month", ordinal(nth), name(day)),
        Part::LastOf(day) => format!("the last {} of the month", name(day)),
    });
    list(parts)
}

fn ordinal(number: u8) -> &'static str {
    match number {
        1 => "1st",
        2 => "2nd",
        3 => "3rd",
        4 => "4th",
        _ => "5th",
    }
}

/// Days of the week in the order of the week; a span may go round its end.
fn round_the_week(values: &[u8]) -> String {
    let name = |day: u8| WEEKDAYS.get(usize::from(day % 7)).copied().unwrap_or_default().to_owned();
    // Begins behind a gap, so that `fri-mon` is one span.
    let start = values.iter().copied().find(|day| *day > 0 && !values.contains(&(day - 1)));
    match start {
        Some(start) if values.contains(&0) && values.contains(&6) => {
            let mut turned: Vec<u8> =
                values.iter().map(|day| if *day < start { day + 7 } else { *day }).collect();
            turned.sort_unstable();
            spans(&turned, name)
        }
        _ => spans(values, name),
    }
}

/// `1, 3 and 5 to 9`: three in a row and more are a span.
fn spans(values: &[u8], name: impl Fn(u8) -> String) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *value => *last = *value,
            _ => runs.push((*value, *value)),
        }
    }
    let parts = runs.into_iter().flat_map(|(first, last)| match last - first {
        0 => vec![name(first)],
        1 => vec![name(first), name(last)],
        _ => vec![format!("{} to {}", name(first), name(last))],
    });
    list(parts)
}

/// `a, b and c`.
fn list(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    match parts.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => parts.concat(),
    }
}
