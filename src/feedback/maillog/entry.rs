//! One line of a log, in whichever of its forms: who wrote it, when, and the text.
//!
//! Syslog of RFC 3164 and 5424, with or without its priority; a file of Exim's own; the journal's JSON, and JSON of others
//! that carries a line of a syslog; a journal without its heads.

use std::borrow::Cow;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::Value;

/// Who writes logs that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relay {
    /// Postfix.
    Postfix,
    /// OpenSMTPD.
    OpenSmtpd,
    /// Exim.
    Exim,
    /// Sendmail.
    Sendmail,
}

impl Relay {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Postfix, Self::OpenSmtpd, Self::Exim, Self::Sendmail];

    /// Its name as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postfix => "Postfix",
            Self::OpenSmtpd => "OpenSMTPD",
            Self::Exim => "Exim",
            Self::Sendmail => "Sendmail",
        }
    }

    /// Whose program this is. Postfix's instances are called otherwise, and their parts never.
    fn of(program: &str) -> Option<Self> {
        const PARTS: [&str; 15] = [
            "anvil", "bounce", "cleanup", "discard", "error", "lmtp", "local", "nqmgr", "pickup", "pipe",
            "qmgr", "relay", "smtp", "smtpd", "virtual",
        ];
        let part = program.rsplit_once('/').map(|(_, part)| part);
        if program.starts_with("postfix") || part.is_some_and(|part| PARTS.contains(&part)) {
            Some(Self::Postfix)
        } else if program == "smtpd" {
            Some(Self::OpenSmtpd)
        } else if program.starts_with("exim") {
            Some(Self::Exim)
        } else if program.starts_with("sendmail") || program.starts_with("sm-") {
            Some(Self::Sendmail)
        } else {
            None
        }
    }
}

/// When a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    At(Timestamp),
    /// By the clock of the machine that wrote it.
    Local(civil::DateTime),
    /// The same without a year: one is found that fits.
    Yearless(civil::DateTime),
    Unknown,
}

impl When {
    /// Whether the time lies between these, both included; times of a clock are in `zone`.
    pub(super) fn is_within(self, from: Timestamp, until: Timestamp, zone: &TimeZone) -> bool {
        let within = |time: Timestamp| (from..=until).contains(&time);
        let local = |time: civil::DateTime| zone.to_timestamp(time).is_ok_and(within);
        match self {
            Self::At(time) => within(time),
            Self::Local(time) => local(time),
            Self::Yearless(time) => [from, until].into_iter().any(|near| {
                let year = near.to_zoned(zone.clone()).year();
                time.with().year(year).build().is_ok_and(local)
            }),
            Self::Unknown => false,
        }
    }
}

/// A line that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Who wrote it; `None` for any other program.
    pub(super) relay: Option<Relay>,
    pub(super) when: When,
    pub(super) text: Cow<'a, str>,
}

impl<'a> Entry<'a> {
    /// A line without its end; `None` where it has none of the forms.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        Self::within(line, WRAPPINGS)
    }

    /// The same for a line that so many others may stand around.
    fn within(line: &'a str, wrappings: u8) -> Option<Self> {
        let line = line.trim_end().trim_start_matches(['\u{feff}', '\u{1e}']);
        // The same journal as a stream of events of the web.
        let line = line.strip_prefix("data: ").unwrap_or(line);
        if line.starts_with('{') {
            return json(line, wrappings);
        }
        let unmarked = without_priority(line);
        rfc5424(unmarked)
            .or_else(|| exim(unmarked))
            .or_else(|| syslog(unmarked))
            .or_else(|| headless(line))
            .or_else(|| Self::within(unwrapped(unmarked)?, wrappings.checked_sub(1)?))
    }
}

/// A line that a container's collector has written its own head before: `TIME`, `TIME stdout F` or `NAME |`.
fn unwrapped(line: &str) -> Option<&str> {
    if let Some((_, rest)) = time(line) {
        let inner = ["stdout F ", "stderr F "].into_iter().find_map(|head| rest.strip_prefix(head));
        return Some(inner.unwrap_or(rest));
    }
    let (name, rest) = line.split_once("| ")?;
    (name.trim_end().split(' ').count() == 1).then_some(rest)
}

fn without_priority(line: &str) -> &str {
    let rest = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match rest {
        Some((priority, rest)) if (1..=3).contains(&priority.len()) && digits(priority) => rest,
        Some(_) | None => line,
    }
}

/// `1 TIME HOST PROGRAM PID MSGID STRUCTURED-DATA TEXT`.
fn rfc5424(line: &str) -> Option<Entry<'_>> {
    let mut fields = line.strip_prefix("1 ")?.splitn(6, ' ');
    let (time, _host, program) = (fields.next()?, fields.next()?, fields.next()?);
    let (_pid, _id, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let text = after_structured_data(rest)?.trim_start_matches('\u{feff}');
    let when = time.parse().map_or(When::Unknown, When::At);
    Some(of_program(program, when, Cow::Borrowed(text)))
}

/// What follows `-`, or the elements `[id name="value" …]` in which quotes and brackets may be escaped.
fn after_structured_data(rest: &str) -> Option<&str> {
    if let Some(text) = rest.strip_prefix('-') {
        return Some(text.trim_start());
    }
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => open = true,
            ']' if !quoted => open = false,
            ' ' if !quoted && !open => return rest.get(at + 1..),
            _ if !open => return None,
            _ => {}
        }
    }
    None
}

/// `TIME HOST PROGRAM[PID]: TEXT` or `TIME HOST PROGRAM: TEXT`.
fn syslog(line: &str) -> Option<Entry<'_>> {
    let (when, rest) = time(line)?;
    // A journal may name the zone.
    let (head, text) = rest.split_once(": ")?;
    let tag = head.rsplit(' ').next()?;
    let program = tag.split_once('[').map_or(tag, |(program, _pid)| program);
    if program.is_empty() || head.split(' ').count() > 3 {
        return None;
    }
    Some(of_program(program, when, Cow::Borrowed(text)))
}

/// `2026-11-22 09:30:01 ID <= …` of Exim's own file, where a zone, parts of a second and the process may follow the time.
fn exim(line: &str) -> Option<Entry<'_>> {
    let (when, rest) = time(line)?;
    let rest = match rest.split_once("] ") {
        Some((pid, rest)) if pid.strip_prefix('[').is_some_and(digits) => rest,
        Some(_) | None => rest,
    };
    is_eximid(rest.split(' ').next()?).then_some(Entry {
        relay: Some(Relay::Exim),
        when,
        text: Cow::Borrowed(rest),
    })
}

/// `1wXyZa-0000Ab-3C`, since 4.97 `1wXyZa-000000000Ab-3CdE`.
fn is_eximid(word: &str) -> bool {
    let parts: Vec<_> = word.split('-').map(str::len).collect();
    let alphabet = |c: char| c.is_ascii_alphanumeric() || c == '-';
    matches!(parts.as_slice(), [6, 6, 2] | [6, 11, 4]) && word.chars().all(alphabet)
}

/// The journal's fields, or a line of a log in the field of another collector.
fn json(line: &str, wrappings: u8) -> Option<Entry<'static>> {
    let fields: Value = serde_json::from_str(line).ok()?;
    let text = ["MESSAGE", "message", "msg", "log"].into_iter().find_map(|name| text_of(&fields[name]))?;
    let text = text.trim_end().to_owned();
    let program = ["SYSLOG_IDENTIFIER", "program", "programname", "app-name", "appname", "ident"];
    let program = program.into_iter().find_map(|name| fields[name].as_str());
    let Some(program) = program else {
        let inner = Entry::within(&text, wrappings.checked_sub(1)?)?;
        return Some(Entry {
            relay: inner.relay,
            when: inner.when,
            text: Cow::Owned(inner.text.into_owned()),
        });
    };
    let micros = ["_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"]
        .into_iter()
        .find_map(|name| fields[name].as_str().and_then(|micros| micros.parse().ok()))
        .and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let named = ["timestamp", "@timestamp", "time"]
        .into_iter()
        .find_map(|name| fields[name].as_str().and_then(|time| time.parse().ok()));
    let when = micros.or(named).map_or(When::Unknown, When::At);
    Some(of_program(program, when, Cow::Owned(text)))
}

/// A text, which the journal writes as bytes where it holds what is no text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(bytes) => {
            let bytes: Option<Vec<u8>> =
                bytes.iter().map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// A text of Postfix's without anything before it, as `journalctl -o cat` writes it.
fn headless(line: &str) -> Option<Entry<'_>> {
    let (queue, rest) = line.split_once(": ")?;
    let id = queue.len() > 4 && queue.chars().all(|c| c.is_ascii_alphanumeric());
    let said = ["message-id=", "from=<", "to=<"].into_iter().any(|start| rest.starts_with(start));
    (id && (said || rest == "removed")).then_some(Entry {
        relay: Some(Relay::Postfix),
        when: When::Unknown,
        text: Cow::Borrowed(line),
    })
}

fn of_program<'a>(program: &str, when: When, text: Cow<'a, str>) -> Entry<'a> {
    let relay = Relay::of(program);
    // Exim writes the time into its text as well, unless it is told not to.
    let text = match (relay, text) {
        (Some(Relay::Exim), Cow::Borrowed(text)) => {
            exim(text).map_or(Cow::Borrowed(text), |inner| inner.text)
        }
        (Some(Relay::Exim), Cow::Owned(text)) => match exim(&text) {
            Some(inner) => Cow::Owned(inner.text.into_owned()),
            None => Cow::Owned(text),
        },
        (_, text) => text,
    };
    Entry { relay, when, text }
}

/// The time that a line begins with, and what follows it.
fn time(line: &str) -> Option<(When, &str)> {
    let (first, rest) = line.split_once(' ')?;
    if let Ok(time) = first.parse::<Timestamp>() {
        return Some((When::At(time), rest));
    }
    if let Ok(time) = first.parse::<civil::DateTime>()
        && first.contains('T')
    {
        return Some((When::Local(time), rest));
    }
    // `Nov  3 09:30:00`
    if let (Some(stamp), Some(after)) = (line.get(..15), line.get(15..))
        && let Ok(time) = civil::DateTime::strptime("%Y %b %e %H:%M:%S", format!("2000 {stamp}"))
    {
        return Some((When::Yearless(time), after.trim_start_matches(|c| c != ' ').trim_start()));
    }
    // `2026-11-22 09:30:01.123 +0100`, and the journal's weekday before and zone after it.
    let dated = if WEEKDAYS.contains(&first) { rest } else { line };
    let (date, rest) = dated.split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    let time: civil::DateTime = format!("{date}T{clock}").parse().ok()?;
    let (zone, after) = rest.split_once(' ').unwrap_or((rest, ""));
    if let Ok(time) = format!("{date}T{clock}{zone}").parse::<Timestamp>() {
        return Some((When::At(time), after));
    }
    if dated != line && zone == "UTC" {
        return Some((TimeZone::UTC.to_timestamp(time).map_or(When::Unknown, When::At), after));
    }
    Some((When::Local(time), if dated == line { rest } else { after }))
}

/// How many collectors may each have put a line into one of its own.
const WRAPPINGS: u8 = 3;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
