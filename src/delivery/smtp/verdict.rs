//! The table: what a reply means for the recipient, and whether the connection is good for another mail.
//!
//! The first digit decides (RFC 5321 §4.2.1) unless the refusal is about us: whose fault it is, [`crate::replies`] says.

use super::reply::{Class, Reply};
use crate::{
    ledger::Outcome,
    replies::{Fault, Identity, Reading, Rules, Step},
};

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

    fn step(self) -> Step {
        match self {
            Self::Rset | Self::Mail => Step::Mail,
            Self::Rcpt => Step::Rcpt,
            Self::Data => Step::Data,
        }
    }
}

/// The meaning of a reply that does not let the conversation go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The mail was refused, and this is whose fault it is.
    Refused(Reading),
    /// The relay and we disagree about where the conversation is: no verdict about anybody.
    Desynced,
}

/// The news in the end of a mail about us or about the relay, rather than about the recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// The relay was not asked, or its answer was reported already.
    None,
    /// The relay took the mail.
    Taken,
    /// The relay refused the mail, for now or for good.
    Refused(Box<Reading>),
    /// The conversation broke off, and this is how.
    Lost(String),
}

/// The verdict on a reply before any byte of the message has left.
pub(super) fn before_message(rules: &Rules, verb: Verb, reply: &Reply) -> Verdict {
    let mut reading = rules.smtp(verb.step(), reply.code(), &reply.text());
    match (verb, reply.class(), reply.code()) {
        (Verb::Rset, _, _) | (_, Class::Done | Class::GoOn, _) => Verdict::Desynced,
        // 503: bad sequence of commands; some relays ask for a login so.
        (Verb::Rcpt | Verb::Data, _, 503) if reading.fault != Fault::Identity(Identity::Login) => {
            Verdict::Desynced
        }
        // "Too many recipients", to be treated as 452 (RFC 5321 §4.5.3.1.10); a mailbox may have room again.
        (Verb::Rcpt, _, 552) => {
            reading.lasting = false;
            Verdict::Refused(reading)
        }
        // Only the message is too large for it (RFC 1870 §6.1).
        (Verb::Mail, _, 552) if reading.fault == Fault::Identity(Identity::Sender) => {
            Verdict::Refused(rules.smtp(Step::Data, reply.code(), &reply.text()))
        }
        (Verb::Mail | Verb::Rcpt | Verb::Data, Class::NotNow | Class::No, _) => Verdict::Refused(reading),
    }
}

/// The fate of a mail that was refused.
pub(super) fn outcome(reading: &Reading, reason: String) -> Outcome {
    match reading.fault {
        _ if reading.stops_at_once() => Outcome::Requeued { reason },
        Fault::Person | Fault::Message | Fault::Unclear if reading.lasting => Outcome::Rejected { reason },
        // Neither the recipient nor the mail: it is worth another try, whatever the first digit is.
        Fault::Person
        | Fault::Message
        | Fault::Unclear
        | Fault::Reputation
        | Fault::TooFast
        | Fault::Theirs
        | Fault::Identity(_)
        | Fault::Quota => Outcome::Deferred { reason },
    }
}

/// The outcome of a reply to the final dot, and what it says about us.
pub(super) fn after_dot(rules: &Rules, reply: &Reply) -> (Outcome, Remark) {
    let words = reply.words();
    let said = |words: &str| format!("after the final dot: {words}");
    match (reply.code(), reply.class()) {
        (250, _) => (Outcome::Accepted { reply: words }, Remark::Taken),
        (_, Class::NotNow | Class::No) => {
            let reading = rules.smtp(Step::Dot, reply.code(), &reply.text());
            (outcome(&reading, said(&words)), Remark::Refused(Box::new(reading)))
        }
        (_, Class::Done | Class::GoOn) => {
            (Outcome::Unknown { reason: format!("{}, expected 250", said(&words)) }, Remark::Taken)
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

    /// The fate of a mail, in a word.
    fn end(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Rejected { .. } => "rejected",
            Outcome::Deferred { .. } => "deferred",
            Outcome::Requeued { .. } => "requeued",
            Outcome::Unknown { .. } => "unknown",
        }
    }

    fn before(verb: Verb, text: &str) -> &'static str {
        let parsed = ReplyParser::default().feed(format!("{text}\r\n").as_bytes());
        let (reply, _) = parsed.expect("well formed").expect("complete");
        match before_message(&Rules::shipped(), verb, &reply) {
            Verdict::Desynced => "desynced",
            Verdict::Refused(reading) => end(&outcome(&reading, String::new())),
        }
    }

    #[test]
    fn the_table_before_the_message() {
        let check = |text: &str, mail, rcpt, data| {
            let found = [Verb::Mail, Verb::Rcpt, Verb::Data].map(|verb| before(verb, text));
            assert_eq!(found, [mail, rcpt, data], "{text}");
        };
        for code in [421, 450, 451, 452, 454, 499] {
            check(&format!("{code} text"), "deferred", "deferred", "deferred");
        }
        for code in [500, 501, 550, 551, 553, 554, 556, 599] {
            check(&format!("{code} text"), "requeued", "rejected", "rejected");
        }
        for code in [530, 534, 535, 538] {
            check(&format!("{code} text"), "requeued", "requeued", "requeued");
        }
        check("552 text", "rejected", "deferred", "rejected");
        check("503 text", "requeued", "desynced", "desynced");
        check("503 authentication required", "requeued", "requeued", "requeued");
        for code in [250, 251, 354] {
            check(&format!("{code} text"), "desynced", "desynced", "desynced");
        }
    }

    #[test]
    fn a_refusal_of_us_marks_nobody_at_whatever_step() {
        for text in [
            "550 5.4.5 Daily user sending limit exceeded",
            "550 relay not permitted",
            "454 4.7.1 Relay access denied",
        ] {
            for verb in [Verb::Mail, Verb::Rcpt, Verb::Data] {
                assert_eq!(before(verb, text), "requeued", "{text}");
            }
        }
        assert_eq!(before(Verb::Rcpt, "550 5.7.1 blocked as spam"), "deferred");
        assert_eq!(before(Verb::Rcpt, "550 5.1.1 no such user"), "rejected");
        assert_eq!(before(Verb::Rcpt, "554 blame it on the weather"), "deferred");
    }

    #[test]
    fn only_250_after_the_dot_is_accepted() {
        for code in 200..600 {
            let (found, remark) = after_dot(&Rules::shipped(), &reply(code));
            let right = match code {
                250 => end(&found) == "accepted",
                400..500 => end(&found) == "deferred",
                530 | 534 | 535 | 538 => end(&found) == "requeued",
                500..600 => end(&found) == "rejected",
                _ => end(&found) == "unknown",
            };
            assert!(right, "{code}: {found:?}");
            assert_eq!(matches!(remark, Remark::Refused(_)), code >= 400, "{code}: {remark:?}");
        }
    }

    #[test]
    fn data_is_granted_by_354_and_by_nothing_else() {
        for code in 200..600 {
            assert_eq!(Verb::Data.is_granted(&reply(code)), code == 354, "{code}");
        }
    }

    #[test]
    fn a_relay_that_closes_or_lost_its_place_gets_no_further_mail() {
        let kept = |code| keeps_talking(&reply(code));
        assert!([250, 450, 452, 550, 554].into_iter().all(kept));
        assert!(![421, 503, 251, 252, 200, 354].into_iter().any(kept));
    }

    #[test]
    fn only_354_asks_for_the_body() {
        for code in 200..600 {
            assert_eq!(Verb::Data.is_granted(&reply(code)), code == 354, "{code}");
            for verb in [Verb::Rset, Verb::Mail, Verb::Rcpt] {
                assert_eq!(verb.is_granted(&reply(code)), code < 300, "{verb:?} {code}");
            }
        }
    }
}
