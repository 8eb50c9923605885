//! What the sandbox relay does out of the ordinary, and when: a list of rules, first match wins.
//!
//! ```text
//! Script::new()
//!     .at(Step::Rcpt, Act::reply(550, "5.1.1 no such user")).for_recipient("gone@example.com")
//!     .at(Step::Dot, Act::accept_then(Act::Drop)).on_connection(2).times(1)
//! ```

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// A moment of the conversation at which a rule can speak up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The connection stands (after the handshake with implicit TLS); the banner is due.
    Connect,
    /// After `EHLO` or `HELO`.
    Ehlo,
    /// After `STARTTLS`, before the handshake.
    StartTls,
    /// After the credentials have come.
    Auth,
    /// After `MAIL FROM`.
    Mail,
    /// After `RCPT TO`.
    Rcpt,
    /// After `DATA`; or after a `BDAT` chunk that is not the last.
    Data,
    /// Once this many bytes of the body were read, as they stood on the wire; with `BDAT`, of the chunk.
    Body(usize),
    /// After the final dot, or the last `BDAT` chunk.
    Dot,
    /// After the reply to the final dot went out: whatever is said here, nobody asked for it.
    Between,
    /// After `RSET`.
    Rset,
    /// After `QUIT`.
    Quit,
}

/// What to do instead of the ordinary reply.
///
/// A reply counts as a yes by its first digit, 2 or 3; at the dot only `250` takes the mail.
#[derive(Debug, Clone)]
pub enum Act {
    /// These bytes instead of the reply.
    Reply(Vec<u8>),
    /// The ordinary reply, and these bytes behind it in the same segment.
    Append(Vec<u8>),
    /// These bytes, then the connection ends.
    Farewell(Vec<u8>),
    /// The connection ends in order (FIN). At the dot: the mail is not taken.
    Drop,
    /// The connection is torn (RST). At the dot: the mail is not taken.
    Reset,
    /// Silence until the peer leaves or the relay stops. At the dot: the mail is not taken.
    Stall,
    /// These bytes, one at a time.
    Trickle {
        /// The whole reply.
        bytes: Vec<u8>,
        /// How long to wait before each byte.
        pause: Duration,
    },
    /// The ordinary reply, once the gate was opened by [`Notify::notify_one`]. At the dot the mail is taken at once.
    Hold(Arc<Notify>),
    /// At the dot: takes the mail, then goes on with the inner act. Elsewhere: the inner act.
    Accept(Box<Act>),
}

impl Act {
    /// A one-line reply.
    #[must_use]
    pub fn reply(code: u16, text: &str) -> Self {
        Self::Reply(format!("{code} {text}\r\n").into_bytes())
    }

    /// A reply byte for byte.
    #[must_use]
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Reply(bytes.into())
    }

    /// The ordinary reply and these unasked bytes in the same segment.
    #[must_use]
    pub fn append(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Append(bytes.into())
    }

    /// A one-line reply, then the connection ends, as with 421.
    #[must_use]
    pub fn farewell(code: u16, text: &str) -> Self {
        Self::Farewell(format!("{code} {text}\r\n").into_bytes())
    }

    /// A reply that arrives one byte at a time.
    #[must_use]
    pub fn trickle(bytes: impl Into<Vec<u8>>, pause: Duration) -> Self {
        Self::Trickle { bytes: bytes.into(), pause }
    }

    /// At the dot: takes the mail, and then `act`, so that the client cannot know.
    #[must_use]
    pub fn accept_then(act: Self) -> Self {
        Self::Accept(Box::new(act))
    }

    /// Whether this act, at the dot, means that the mail was taken.
    pub(super) fn takes_the_mail(&self) -> bool {
        match self {
            Self::Append(_) | Self::Hold(_) | Self::Accept(_) => true,
            Self::Reply(bytes) | Self::Trickle { bytes, .. } => bytes.starts_with(b"250"),
            Self::Farewell(_) | Self::Drop | Self::Reset | Self::Stall => false,
        }
    }
}

/// The rules. An empty script accepts everything.
#[derive(Debug, Clone, Default)]
pub struct Script {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    step: Step,
    act: Act,
    connection: Option<u64>,
    transaction: Option<u64>,
    recipient: Option<String>,
    skip: u64,
    times: Option<u64>,
    seen: u64,
}

impl Script {
    /// A script without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule. The calls that follow narrow it down.
    #[must_use]
    pub fn at(mut self, step: Step, act: Act) -> Self {
        self.rules.push(Rule {
            step,
            act,
            connection: None,
            transaction: None,
            recipient: None,
            skip: 0,
            times: None,
            seen: 0,
        });
        self
    }

    /// Ends every connection with 421 in place of the reply to `MAIL` once it has had `count` transactions.
    #[must_use]
    pub fn farewell_after(self, count: u64) -> Self {
        self.at(Step::Mail, Act::farewell(421, "4.7.0 enough for one connection")).on_transaction(count + 1)
    }

    /// The last rule holds only on the `nth` connection to the relay, from 1.
    #[must_use]
    pub fn on_connection(self, nth: u64) -> Self {
        self.narrow(|rule| rule.connection = Some(nth))
    }

    /// The last rule holds only in the `nth` transaction (`MAIL`) of a connection, from 1.
    #[must_use]
    pub fn on_transaction(self, nth: u64) -> Self {
        self.narrow(|rule| rule.transaction = Some(nth))
    }

    /// The last rule holds only for this recipient, from `RCPT` to `Between`; one `*` stands for anything.
    #[must_use]
    pub fn for_recipient(self, pattern: &str) -> Self {
        self.narrow(|rule| rule.recipient = Some(pattern.to_owned()))
    }

    /// The last rule lets its first `count` occasions pass.
    #[must_use]
    pub fn skip(self, count: u64) -> Self {
        self.narrow(|rule| rule.skip = count)
    }

    /// The last rule holds `count` times, over all connections.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        self.narrow(|rule| rule.times = Some(count))
    }

    fn narrow(mut self, change: impl FnOnce(&mut Rule)) -> Self {
        if let Some(rule) = self.rules.last_mut() {
            change(rule);
        }
        self
    }
}

/// Where a conversation stands, for the rules to match.
pub(super) struct Moment<'a> {
    /// The connection's number, from 1.
    pub(super) connection: u64,
    /// The transaction's number on this connection, from 1; 0 before the first.
    pub(super) transaction: u64,
    /// The recipients named so far.
    pub(super) recipients: &'a [String],
}

/// A script that is being played: it counts.
pub(super) struct Played(Mutex<Vec<Rule>>);

impl Played {
    pub(super) fn new(script: Script) -> Self {
        Self(Mutex::new(script.rules))
    }

    /// The act for this step, if a rule has one.
    pub(super) fn act(&self, step: Step, moment: &Moment<'_>) -> Option<Act> {
        self.first(|rule| rule.step == step, moment).map(|(_, act)| act)
    }

    /// Where in the coming body to act, and how.
    pub(super) fn in_body(&self, moment: &Moment<'_>) -> Option<(usize, Act)> {
        let (step, act) = self.first(|rule| matches!(rule.step, Step::Body(_)), moment)?;
        if let Step::Body(offset) = step { Some((offset, act)) } else { None }
    }

    fn first(&self, at: impl Fn(&Rule) -> bool, moment: &Moment<'_>) -> Option<(Step, Act)> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules.iter_mut().filter(|rule| at(rule) && rule.matches(moment)) {
            rule.seen += 1;
            let nth = rule.seen;
            if nth > rule.skip && rule.times.is_none_or(|times| nth <= rule.skip.saturating_add(times)) {
                return Some((rule.step, rule.act.clone()));
            }
        }
        None
    }
}

impl Rule {
    fn matches(&self, moment: &Moment<'_>) -> bool {
        self.connection.is_none_or(|nth| nth == moment.connection)
            && self.transaction.is_none_or(|nth| nth == moment.transaction)
            && self
                .recipient
                .as_deref()
                .is_none_or(|pattern| moment.recipients.iter().any(|one| matches(pattern, one)))
    }
}

/// Whether `text` fits a pattern with at most one `*`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(script: Script, moments: &[(u64, u64, &str)]) -> String {
        let played = Played::new(script);
        moments
            .iter()
            .map(|(connection, transaction, recipient)| {
                let recipients = [(*recipient).to_owned()];
                let moment =
                    Moment { connection: *connection, transaction: *transaction, recipients: &recipients };
                if played.act(Step::Rcpt, &moment).is_some() { 'x' } else { '.' }
            })
            .collect()
    }

    #[test]
    fn a_rule_speaks_where_all_its_conditions_hold() {
        let rule = || Script::new().at(Step::Rcpt, Act::reply(550, "no"));
        let moments = [
            (1, 1, "a@example.com"),
            (1, 2, "b@example.org"),
            (2, 1, "a@example.org"),
            (2, 2, "a@example.com"),
        ];
        assert_eq!(replies(Script::new(), &moments), "....");
        assert_eq!(replies(rule(), &moments), "xxxx");
        assert_eq!(replies(rule().on_connection(2), &moments), "..xx");
        assert_eq!(replies(rule().on_transaction(2), &moments), ".x.x");
        assert_eq!(replies(rule().for_recipient("a@example.com"), &moments), "x..x");
        assert_eq!(replies(rule().for_recipient("*@example.org"), &moments), ".xx.");
        assert_eq!(replies(rule().skip(1).times(2), &moments), ".xx.");
        assert_eq!(replies(rule().for_recipient("a*").times(1).on_connection(2), &moments), "..x.");
        assert_eq!(replies(Script::new().at(Step::Mail, Act::Drop), &moments), "....");
    }

    #[test]
    fn a_rule_that_is_used_up_lets_the_next_one_speak() {
        let script = Script::new()
            .at(Step::Rcpt, Act::reply(451, "later"))
            .times(1)
            .at(Step::Rcpt, Act::reply(550, "no"))
            .times(1);
        assert_eq!(replies(script, &[(1, 1, ""), (1, 2, ""), (1, 3, "")]), "xx.");
    }
}
