//! What other programs call a cron line, and what of ours says the same: crontabs, the calendars of workflow runners,
//! Jenkins. What it proposes is read like any other line before it is shown.

use super::{
    calendars,
    programs::{self, Meant},
};

/// What a line means that is no cron line of ours; `None` where that is not known.
pub(super) fn line(text: &str) -> Option<Meant> {
    let text = text.trim();
    unwrapped(text)
        .or_else(|| zoned(text))
        .or_else(|| programs::called(text))
        .or_else(|| programs::nicknamed(text))
        .or_else(|| calendars::iso(text))
        .or_else(|| calendars::rule(text))
        .or_else(|| programs::said(text))
        .or_else(|| calendars::systemd(text))
        .or_else(|| fields(text))
}

/// Quotes, keys and remarks around a line.
fn unwrapped(text: &str) -> Option<Meant> {
    for quote in ['\'', '"', '`'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return Some(within(inner, "it stands in quotes twice"));
        }
    }
    for key in ["- cron:", "cron:", "schedule:", "cron =", "OnCalendar=", "OnCalendar ="] {
        if let Some(inner) = text.strip_prefix(key) {
            return Some(within(inner, &format!("`{}` is a key of another file", key.trim_end_matches(':'))));
        }
    }
    let remark = text.find(" #").or_else(|| text.find("\t#"))?;
    Some(within(text.get(..remark)?, "a remark stands behind it"))
}

/// The same for what is within: as it is, or what that means in turn.
fn within(inner: &str, why: &str) -> Meant {
    let inner = inner.trim();
    match line(inner) {
        Some(meant) => meant,
        None => Meant::cron(why, inner),
    }
}

/// A zone before the line (Kubernetes, Go) or behind it.
fn zoned(text: &str) -> Option<Meant> {
    let (zone, rest) = ["CRON_TZ=", "TZ="]
        .into_iter()
        .find_map(|key| text.strip_prefix(key))
        .and_then(|text| text.split_once(char::is_whitespace))
        .or_else(|| {
            let (rest, zone) = text.rsplit_once(char::is_whitespace)?;
            (rest.split_whitespace().count() == 5 && is_zone(zone)).then_some((zone, rest))
        })?;
    let inner = within(rest, "the zone has a key of its own");
    let mut keys = inner.keys;
    keys.push(("zone", zone.to_owned()));
    Some(Meant { why: "the zone has a key of its own".to_owned(), keys })
}

fn is_zone(text: &str) -> bool {
    super::super::window::zone(text).is_ok()
}

/// Whether a word can be a field of a cron line.
pub(super) fn is_field(word: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "*/,-?#+~()@".contains(letter);
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun"];
    let more = ["jul", "aug", "sep", "oct", "nov", "dec"];
    let lower = word.to_ascii_lowercase();
    word.chars().all(allowed)
        && !word.starts_with('/')
        && lower.split(|letter: char| !letter.is_ascii_alphabetic()).all(|part| {
            matches!(part, "" | "l" | "w" | "lw" | "h")
                || names.iter().chain(&more).any(|name| part.starts_with(name))
        })
}

/// Lines of fields, too many, too few or with letters of their own.
fn fields(text: &str) -> Option<Meant> {
    let words: Vec<_> = text.split_whitespace().collect();
    let like = words.iter().take_while(|word| is_field(word)).count();
    match (words.len(), like) {
        (2..=4, like) if like == words.len() => {
            let missing = 5 - words.len();
            let filled = format!("{}{}", words.join(" "), " *".repeat(missing));
            let are = if missing == 1 { "one field is".to_owned() } else { format!("{missing} fields are") };
            Some(Meant::cron(&format!("{are} missing"), &filled))
        }
        (5, 5) => hashed(&words),
        (6 | 7, like) if like == words.len() => programs::seconds_or_years(&words),
        (6.., 5..) => {
            let five = words.get(..5)?.join(" ");
            let meant = hashed(words.get(..5)?).unwrap_or_else(|| Meant::cron("", &five));
            Some(Meant {
                why: "a program stands behind it, and `linkpost due` is what cron starts".to_owned(),
                ..meant
            })
        }
        _ => None,
    }
}

/// `H` (Jenkins) and `~` (cronie, OpenBSD): any value, chosen by the program.
fn hashed(words: &[&str]) -> Option<Meant> {
    if !words.iter().any(|word| word.contains(['H', 'h', '~']) && !word.to_ascii_lowercase().contains("th")) {
        return None;
    }
    let lowest = ["0", "0", "1", "1", "0"];
    let chosen = words.iter().zip(lowest).map(|(word, lowest)| {
        if let Some((first, _)) = word.split_once('~') {
            return if first.is_empty() { lowest.to_owned() } else { first.to_owned() };
        }
        let Some(rest) = word.strip_prefix(['H', 'h']) else { return (*word).to_owned() };
        let (span, step) = match rest.split_once('/') {
            Some((span, step)) => (span, Some(step)),
            None => (rest, None),
        };
        let span = span.trim_matches(['(', ')']);
        match (span.split_once('-'), step) {
            (Some((first, _)), None) => first.to_owned(),
            (Some(_), Some(step)) => format!("{span}/{step}"),
            (None, Some(step)) => format!("*/{step}"),
            (None, None) => lowest.to_owned(),
        }
    });
    Some(Meant::cron(
        "`H` and `~` stand for a value that a program chooses: choose one",
        &chosen.collect::<Vec<_>>().join(" "),
    ))
}
