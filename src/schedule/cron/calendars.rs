//! Times as systemd (`OnCalendar`), ISO 8601 and iCalendar (`RRULE`) say them.

use super::programs::{Meant, clock, step};

/// systemd's names, as cron lines.
const SHORT: [(&str, &str); 8] = [
    ("minutely", "* * * * *"),
    ("hourly", "0 * * * *"),
    ("daily", "0 0 * * *"),
    ("weekly", "0 0 * * mon"),
    ("monthly", "0 0 1 * *"),
    ("quarterly", "0 0 1 1,4,7,10 *"),
    ("semiannually", "0 0 1 1,7 *"),
    ("yearly", "0 0 1 1 *"),
];

/// `Mon..Fri *-*-* 09:00:00` of systemd; a time of day alone; one time.
pub(super) fn systemd(text: &str) -> Option<Meant> {
    let why = "this is how systemd says it";
    let lower = text.to_ascii_lowercase();
    if let Some((_, line)) = SHORT.iter().find(|(name, _)| *name == lower) {
        return Some(Meant::cron(why, line));
    }
    let mut words: Vec<_> = text.split_whitespace().collect();
    let zone = words.pop_if(|last| *last == "UTC" || crate::schedule::zone(last).is_ok());
    let (mut weekdays, mut date, mut time) = ("*".to_owned(), None, None);
    for word in &words {
        if word.contains(':') {
            time = Some(*word);
        } else if word.contains(['-', '~'])
            && word.contains(|letter: char| letter.is_ascii_digit() || letter == '*')
        {
            date = Some(*word);
        } else if word.chars().all(|letter| letter.is_ascii_alphabetic() || ".,".contains(letter)) {
            weekdays = word.trim_end_matches(',').replace("..", "-").to_ascii_lowercase();
        } else {
            return None;
        }
    }
    if date.is_none() && time.is_none() {
        return None;
    }
    let (day, month, year) = match date {
        Some(date) => read_date(date)?,
        None => ("*".to_owned(), "*".to_owned(), "*".to_owned()),
    };
    let time = time.unwrap_or("00:00");
    let mut meant = if year == "*" {
        let (minute, hour) = read_time(time)?;
        // A day has to fit both here, where cron takes either.
        let weekdays = if day == "*" || weekdays == "*" { weekdays } else { format!("+{weekdays}") };
        Meant::cron(why, &format!("{minute} {hour} {day} {month} {weekdays}"))
    } else {
        let (hour, minute) = clock(time.get(..5).unwrap_or(time))?;
        let at = format!("{year}-{month:0>2}-{day:0>2}T{hour:02}:{minute:02}");
        Meant { why: "this is one time".to_owned(), keys: vec![("at", at)] }
    };
    meant.keys.extend(zone.map(|zone| ("zone", zone.to_owned())));
    Some(meant)
}

/// `*-*-01`, `*-12-25`, `12-25`, `*-*~1`: day, month and year.
fn read_date(text: &str) -> Option<(String, String, String)> {
    let (front, back) = match text.rsplit_once('~') {
        Some((front, back)) => (front, Some(back)),
        None => (text, None),
    };
    let parts: Vec<_> = front.split('-').collect();
    let (year, month, day) = match (parts.as_slice(), back) {
        ([year, month, day], None) => (*year, *month, plain(day)),
        ([month, day], None) => ("*", *month, plain(day)),
        ([year, month], Some(back)) => {
            let back: u8 = back.parse().ok()?;
            (*year, *month, if back == 1 { "L".to_owned() } else { format!("L-{}", back.checked_sub(1)?) })
        }
        _ => return None,
    };
    let day = if year == "*" { day } else { day.trim_start_matches('0').to_owned() };
    Some((day, plain(month), year.to_owned()))
}

/// `09:00`, `09:00:00`, `*:0/15`: minute and hour.
fn read_time(text: &str) -> Option<(String, String)> {
    let mut parts = text.split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    Some((plain(minute), plain(hour)))
}

/// Spans with `..`, steps from the first value on, numbers without zeros in front.
fn plain(field: &str) -> String {
    let parts = field.split(',').map(|part| {
        let part = part.replace("..", "-");
        let part = match part.split_once('/') {
            Some(("0" | "00" | "*", step)) => format!("*/{step}"),
            _ => part,
        };
        let numbers = part.split('-').map(|number| match number.trim_start_matches('0') {
            "" if !number.is_empty() => "0",
            number => number,
        });
        numbers.collect::<Vec<_>>().join("-")
    });
    parts.collect::<Vec<_>>().join(",")
}

/// `P1D`, `PT15M`, `R/2026-01-01T09:00/P1W`.
pub(super) fn iso(text: &str) -> Option<Meant> {
    let why = "this is a repetition of ISO 8601";
    let mut parts = text.rsplit('/');
    let span = parts.next().filter(|span| span.starts_with('P'))?;
    let span: jiff::Span = span.parse().ok()?;
    let mut meant = Meant::every(why, &step(&crate::schedule::SPAN.span_to_string(&span))?);
    if let Some(first) = parts.next().filter(|first| !first.starts_with('R')) {
        meant.keys = vec![("every", meant.keys.into_iter().next()?.1), ("from", first.to_owned())];
    }
    Some(meant)
}

/// `RRULE:FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9` of iCalendar.
pub(super) fn rule(text: &str) -> Option<Meant> {
    let rule = text.strip_prefix("RRULE:").unwrap_or(text);
    let parts: Vec<_> = rule.split(';').filter_map(|part| part.split_once('=')).collect();
    let part = |name: &str| parts.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let often = part("FREQ")?;
    let why = "this is a rule of iCalendar";
    if let Some(interval) = part("INTERVAL").filter(|interval| *interval != "1") {
        let unit = match often {
            "MINUTELY" => "minutes",
            "HOURLY" => "hours",
            "DAILY" => "days",
            "WEEKLY" => "weeks",
            "MONTHLY" => "months",
            _ => "years",
        };
        return Some(Meant::every(why, &step(&format!("{interval} {unit}"))?));
    }
    let minute = part("BYMINUTE").unwrap_or("0");
    let hour = part("BYHOUR").unwrap_or(if often == "HOURLY" { "*" } else { "0" });
    let day = match (part("BYMONTHDAY"), often) {
        (Some("-1"), _) => "L".to_owned(),
        (Some(day), _) => day.to_owned(),
        (None, "MONTHLY" | "YEARLY") if part("BYDAY").is_none() => "1".to_owned(),
        (None, _) => "*".to_owned(),
    };
    let month = part("BYMONTH").unwrap_or(if often == "YEARLY" { "1" } else { "*" });
    let weekdays = match part("BYDAY") {
        Some(days) => days.split(',').map(weekday).collect::<Option<Vec<_>>>()?.join(","),
        None if often == "WEEKLY" => "mon".to_owned(),
        None => "*".to_owned(),
    };
    Some(Meant::cron(why, &format!("{minute} {hour} {day} {month} {weekdays}")))
}

/// `MO`, `2FR`, `-1FR`.
fn weekday(text: &str) -> Option<String> {
    let at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (nth, day) = text.split_at_checked(at)?;
    let name = match day {
        "MO" => "mon",
        "TU" => "tue",
        "WE" => "wed",
        "TH" => "thu",
        "FR" => "fri",
        "SA" => "sat",
        "SU" => "sun",
        _ => return None,
    };
    match nth.trim_start_matches('+') {
        "" => Some(name.to_owned()),
        "-1" => Some(format!("{name}L")),
        nth => Some(format!("{name}#{nth}")),
    }
}
