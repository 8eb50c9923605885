//! The table: what a reply means for the recipient, and whether the connection is good for another mail.
//!
//! The first digit decides (RFC 5321 §4.2.1); the few exceptions are named here and nowhere else.

use super::reply::{Class, Reply};
use crate::ledger::Outcome;

/// The command that a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Rset,
    Mail,
    Rcpt,
    Data,
}

impl Verb {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
        }
    }

    /// Whether the reply lets the conversation go on.
    pub(super) fn is_granted(self, reply: &Reply) -> bool {
        match self {
            Self::Rset | Self::Mail | Self::Rcpt => reply.class() == Class::Done,
            Self::Data => reply.code() == 354,
        }
    }
}

/// What a reply that does not let the conversation go on means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No for this recipient, for good.
    Rejected,
    /// No for now.
    Deferred,
    /// The sender is refused: no recipient's fault, and it will be the same for all.
    Sender,
    /// The relay wants a login, or no longer likes ours.
    Credentials,
    /// The relay and we disagree about where the conversation is: no verdict about anybody.
    Desynced,
}

/// What the end of a mail says about us or about the relay, rather than about the recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// The relay was not asked, or what it said was told already.
    None,
    /// The relay answered.
    Answered,
    /// The relay answered that we are too fast.
    TooFast,
    /// The relay answered that it takes no such mails from us.
    Policy,
    /// The conversation broke off, and this is how.
    Lost(String),
}

/// What a reply to a mail says about us.
pub(super) fn remark(reply: &Reply) -> Remark {
    let Some(code) = reply.enhanced() else { return Remark::Answered };
    // Greylisting (RFC 6647) comes with 4.7.1 as well, and means this recipient alone.
    let greylisted = || {
        let words = reply.words().to_ascii_lowercase();
        words.contains("greylist") || words.contains("graylist")
    };
    match (reply.class(), code.class, code.subject, code.detail) {
        // 4.2.1: "the mailbox is receiving mail at a rate that …" (Gmail).
        (Class::NotNow, 4, 7, _) | (Class::NotNow, 4, 2, 1) if !greylisted() => Remark::TooFast,
        (Class::No, 5, 7, _) => Remark::Policy,
        _ => Remark::Answered,
    }
}

/// The verdict on a reply before any byte of the message has left.
pub(super) fn before_message(verb: Verb, reply: &Reply) -> Verdict {
    match (verb, reply.class(), reply.code()) {
        // 503: bad sequence of commands.
        (Verb::Rset, _, _) | (_, Class::Done | Class::GoOn, _) | (Verb::Rcpt | Verb::Data, _, 503) => {
            Verdict::Desynced
        }
        // 552: "too many recipients", to be treated as 452 (RFC 5321 §4.5.3.1.10).
        (_, Class::NotNow, _) | (Verb::Rcpt, _, 552) => Verdict::Deferred,
        (_, _, 530 | 534 | 535 | 538) => Verdict::Credentials,
        // MAIL 552: only the message is too large for it (RFC 1870 §6.1).
        (Verb::Mail, _, 552) | (Verb::Rcpt | Verb::Data, _, _) => Verdict::Rejected,
        (Verb::Mail, _, _) => Verdict::Sender,
    }
}

/// The outcome of a reply to the final dot.
pub(super) fn after_dot(reply: &Reply, words: String) -> Outcome {
    let said = |words: &str| format!("after the final dot: {words}");
    match (reply.code(), reply.class()) {
        (250, _) => Outcome::Accepted { reply: words },
        (_, Class::NotNow) => Outcome::Deferred { reason: said(&words) },
        (_, Class::No) => Outcome::Rejected { reason: said(&words) },
        (_, Class::Done | Class::GoOn) => {
            Outcome::Unknown { reason: format!("{}, expected 250", said(&words)) }
        }
    }
}

/// Whether the relay keeps talking after such a reply, in step with us.
pub(super) fn keeps_talking(reply: &Reply) -> bool {
    match reply.class() {
        // 421: it closes. 503: it is somewhere else.
        Class::NotNow | Class::No => !matches!(reply.code(), 421 | 503),
        Class::Done | Class::GoOn => reply.code() == 250,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reply::ReplyParser, *};

    fn reply(code: u16) -> Reply {
        let parsed = ReplyParser::default().feed(format!("{code} text\r\n").as_bytes());
        parsed.expect("well formed").expect("complete").0
    }

    #[test]
    fn the_table_before_the_message() {
        use Verdict::{Credentials, Deferred, Desynced, Rejected, Sender};
        let check = |code, mail, rcpt, data| {
            let found = [Verb::Mail, Verb::Rcpt, Verb::Data].map(|verb| before_message(verb, &reply(code)));
            assert_eq!(found, [mail, rcpt, data], "{code}");
        };
        for code in [421, 450, 451, 452, 454, 499] {
            check(code, Deferred, Deferred, Deferred);
        }
        for code in [500, 501, 550, 551, 553, 554, 556, 599] {
            check(code, Sender, Rejected, Rejected);
        }
        for code in [530, 534, 535, 538] {
            check(code, Credentials, Credentials, Credentials);
        }
        check(552, Rejected, Deferred, Rejected);
        check(503, Sender, Desynced, Desynced);
        for code in [250, 251, 354] {
            check(code, Desynced, Desynced, Desynced);
        }
    }

    #[test]
    fn only_250_after_the_dot_is_accepted() {
        for code in 200..600 {
            let found = after_dot(&reply(code), "words".into());
            let right = match code {
                250 => matches!(found, Outcome::Accepted { .. }),
                400..500 => matches!(found, Outcome::Deferred { .. }),
                500..600 => matches!(found, Outcome::Rejected { .. }),
                _ => matches!(found, Outcome::Unknown { .. }),
            };
            assert!(right, "{code}: {found:?}");
        }
    }

    #[test]
    fn some_refusals_are_about_us() {
        let check = |text: &str, expected| {
            let parsed = ReplyParser::default().feed(format!("{text}\r\n").as_bytes());
            let (reply, _) = parsed.expect("well formed").expect("complete");
            assert_eq!(remark(&reply), expected, "{text}");
        };
        check("421 4.7.28 unusual rate", Remark::TooFast);
        check("451 4.7.0 slow down", Remark::TooFast);
        check("450 4.2.1 receiving mail too fast", Remark::TooFast);
        check("450 4.7.1 Greylisted, see example.com", Remark::Answered);
        check("450 4.2.0 Recipient address rejected: Greylisted", Remark::Answered);
        check("452 4.2.2 mailbox full", Remark::Answered);
        check("550 5.7.1 message refused", Remark::Policy);
        check("550 5.7.515 not authenticated", Remark::Policy);
        check("550 5.1.1 no such user", Remark::Answered);
        check("550 no", Remark::Answered);
        check("250 2.0.0 ok", Remark::Answered);
    }

    #[test]
    fn a_relay_that_closes_or_lost_its_place_gets_no_further_mail() {
        let kept = |code| keeps_talking(&reply(code));
        assert!([250, 450, 452, 550, 554].into_iter().all(kept));
        assert!(![421, 503, 251, 252, 200, 354].into_iter().any(kept));
    }
}
