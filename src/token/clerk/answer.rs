//! The meaning of an answer of Clerk's, whatever its body looks like.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    ledger::printable,
    replies::{self, Fault, Reading, Rules},
};

/// The wait after "too many" where Clerk names none.
const UNNAMED_WAIT: Duration = Duration::from_secs(10);
/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The answer to one request.
pub(super) enum Reply {
    /// It was done. The body may hold a token: it is wiped when dropped.
    Good(Zeroizing<Vec<u8>>),
    /// It was not done, and asking again changes nothing.
    Refused(Refusal),
    /// We are refused (the key, the account, the request): it would be the same for everybody.
    Us(Reading, Refusal),
    /// It was not done; ask again.
    Later(String),
    /// Perhaps it was done: the answer was lost, or a fault of Clerk's.
    Lost(String),
}

/// A refusal in Clerk's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The code of the first error, empty where the body has none.
    pub(super) code: String,
    /// Whether nobody can tell whose fault it is.
    pub(super) is_unclear: bool,
    words: String,
    trace: Option<String>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Error>,
    clerk_trace_id: Option<String>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    long_message: Option<String>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    param_name: Option<String>,
}

impl Reply {
    /// The meaning of status and body. Whose fault a refusal is, the rules say.
    pub(super) fn of(rules: &Rules, status: StatusCode, body: Zeroizing<Vec<u8>>) -> Self {
        if status.is_success() {
            return Self::Good(body);
        }
        let mut refusal = Refusal::read(status, &body);
        if status == StatusCode::TOO_MANY_REQUESTS {
            Self::Later(refusal.to_string())
        } else if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            // A gateway's 502 may hide a token that was made.
            Self::Lost(refusal.to_string())
        } else {
            let reading = rules.service(refusal.status, &refusal.code, &refusal.words);
            match reading.fault {
                Fault::Person | Fault::Message => Self::Refused(refusal),
                Fault::Unclear => {
                    refusal.is_unclear = true;
                    Self::Refused(refusal)
                }
                Fault::TooFast | Fault::Theirs => Self::Later(refusal.to_string()),
                Fault::Identity(_) | Fault::Quota | Fault::Reputation => Self::Us(reading, refusal),
            }
        }
    }
}

impl Reply {
    /// The same reply for another who waited for it. A good one belongs to one person and is not doubled.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Good(_) => Self::Lost("the answer belongs to somebody else".to_owned()),
            Self::Refused(refusal) => Self::Refused(refusal.clone()),
            Self::Us(reading, refusal) => Self::Us(reading.clone(), refusal.clone()),
            Self::Later(reason) => Self::Later(reason.clone()),
            Self::Lost(reason) => Self::Lost(reason.clone()),
        }
    }
}

impl Refusal {
    fn read(status: StatusCode, body: &[u8]) -> Self {
        let plain = || Self {
            status: status.as_u16(),
            code: String::new(),
            is_unclear: false,
            words: format!("HTTP {} without an error in Clerk's form", status.as_u16()),
            trace: None,
        };
        let Ok(Errors { errors, clerk_trace_id }) = serde_json::from_slice(body) else { return plain() };
        let trace = clerk_trace_id.map(|trace| printable(&trace));
        let Some(first) = errors.into_iter().next() else { return Self { trace, ..plain() } };
        let words = first.long_message.filter(|words| !words.is_empty()).unwrap_or(first.message);
        let mut words = printable(&words);
        if let Some(name) = first.meta.and_then(|meta| meta.param_name).filter(|name| !words.contains(name)) {
            words = format!("{words} (`{}`)", printable(&name));
        }
        Self { status: status.as_u16(), code: printable(&first.code), is_unclear: false, words, trace }
    }

    /// The refusal of us, for whoever ends the run.
    pub(super) fn of_us(&self, reading: Reading) -> replies::Refusal {
        replies::Refusal { relay: None, reading: Box::new(reading), reason: self.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clerk answers {}: {}", self.status, self.words)?;
        match (self.code.as_str(), &self.trace) {
            ("", None) => Ok(()),
            ("", Some(trace)) => write!(f, " (trace {trace})"),
            (code, None) => write!(f, " ({code})"),
            (code, Some(trace)) => write!(f, " ({code}, trace {trace})"),
        }
    }
}

/// The wait after "too many": whole seconds, or a date (RFC 9110 §10.2.3). A date is taken against the answer's own
/// `Date`, so that a clock that is wrong here does not matter; `now` is the clock here.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Duration {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
    let wait = text("retry-after").and_then(|named| {
        if let Ok(seconds) = named.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let from = text("date").and_then(date).unwrap_or(now);
        date(named).map(|until| Duration::try_from(until.duration_since(from)).unwrap_or_default())
    });
    wait.unwrap_or(UNNAMED_WAIT).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_clerks_words_whatever_the_body_is() {
        let check = |status: u16, body: &str, expected: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let body = Zeroizing::new(body.as_bytes().to_vec());
            let reply = match Reply::of(&Rules::shipped(), status, body) {
                Reply::Good(_) => "good".to_owned(),
                Reply::Refused(refusal) if refusal.is_unclear => format!("unclear: {refusal}"),
                Reply::Refused(refusal) => format!("refused: {refusal}"),
                Reply::Us(reading, refusal) => format!("{}: {refusal}", reading.fault.name()),
                Reply::Later(words) => format!("later: {words}"),
                Reply::Lost(words) => format!("lost: {words}"),
            };
            assert_eq!(reply, expected);
        };
        check(200, "", "good");
        check(
            404,
            r#"{"errors":[{"message":"not found","long_message":"No user was found with id user_9","code":"resource_not_found"}],"clerk_trace_id":"7f"}"#,
            "refused: Clerk answers 404: No user was found with id user_9 (resource_not_found, trace 7f)",
        );
        check(
            422,
            r#"{"errors":[{"message":"is invalid","code":"form_param_value_invalid","meta":{"param_name":"expires_in_seconds"}}]}"#,
            "request: Clerk answers 422: is invalid (`expires_in_seconds`) (form_param_value_invalid)",
        );
        check(
            422,
            r#"{"errors":[{"message":"is invalid","code":"form_param_value_invalid","meta":{"param_name":"user_id"}}]}"#,
            "refused: Clerk answers 422: is invalid (`user_id`) (form_param_value_invalid)",
        );
        check(
            400,
            r#"{"errors":[{"message":"no","code":"quite_new"}]}"#,
            "unclear: Clerk answers 400: no (quite_new)",
        );
        check(402, "", "account: Clerk answers 402: HTTP 402 without an error in Clerk's form");
        check(
            400,
            r#"{"errors":[{"message":"invalid version","code":"api_version_invalid"}]}"#,
            "request: Clerk answers 400: invalid version (api_version_invalid)",
        );
        check(409, "", "request: Clerk answers 409: HTTP 409 without an error in Clerk's form");
        check(413, "", "request: Clerk answers 413: HTTP 413 without an error in Clerk's form");
        check(408, "", "lost: Clerk answers 408: HTTP 408 without an error in Clerk's form");
        check(
            401,
            r#"{"errors":[{"code":"clerk_key_invalid","message":"The provided Clerk Secret Key is invalid."}]}"#,
            "login: Clerk answers 401: The provided Clerk Secret Key is invalid. (clerk_key_invalid)",
        );
        check(403, "", "login: Clerk answers 403: HTTP 403 without an error in Clerk's form");
        check(
            403,
            r#"{"errors":[{"code":"user_banned","message":"The user is banned"}]}"#,
            "refused: Clerk answers 403: The user is banned (user_banned)",
        );
        check(429, "Too\u{7}many", "later: Clerk answers 429: HTTP 429 without an error in Clerk's form");
        check(502, "<html>", "lost: Clerk answers 502: HTTP 502 without an error in Clerk's form");
        check(500, r#"{"errors":[]}"#, "lost: Clerk answers 500: HTTP 500 without an error in Clerk's form");
        check(302, "", "request: Clerk answers 302: HTTP 302 without an error in Clerk's form");
    }

    #[test]
    fn the_wait_is_seconds_or_a_date_or_ours() {
        let check = |named: Option<&str>, date: Option<&str>, expected: u64| {
            let mut headers = HeaderMap::new();
            for (name, value) in [("retry-after", named), ("date", date)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let now = "2026-11-22T10:00:00Z".parse().unwrap();
            assert_eq!(retry_after(&headers, now).as_secs(), expected, "{named:?}");
        };
        check(Some("7"), None, 7);
        check(Some(" 0 "), None, 0);
        check(Some("999999999"), None, 3_600);
        check(Some("Sun, 22 Nov 2026 10:00:30 GMT"), None, 30);
        check(Some("Sun, 22 Nov 2026 10:00:30 GMT"), Some("Sun, 22 Nov 2026 10:00:10 GMT"), 20);
        check(Some("Sun, 22 Nov 2026 09:00:00 GMT"), None, 0);
        check(Some("soon"), None, 10);
        check(Some("-5"), None, 10);
        check(None, None, 10);
    }
}
