//! The vocabulary: whose fault a refusal is, and how it was read.

use std::fmt;

use jiff::SignedDuration;

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// This recipient's: the mailbox is not there, is full, or takes no such mail.
    Person,
    /// This message's: too large, or with something inside that is not taken.
    Message,
    /// Ours: who we are is not accepted, and no recipient can change that.
    Identity(Identity),
    /// Ours: a limit of the account is reached. It opens again.
    Quota,
    /// Ours: what is thought of the sender, or of what it sends.
    Reputation,
    /// Ours: too many mails or connections at a time.
    TooFast,
    /// The relay's or the service's own trouble.
    Theirs,
    /// The words and codes do not say.
    Unclear,
}

/// What is not accepted about us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A login is wanted, or ours is refused.
    Login,
    /// The relay takes no mail from us for others.
    Relaying,
    /// The sender's address, or the account's right to it.
    Sender,
    /// SPF, DKIM or DMARC of the sender's domain.
    Authentication,
    /// This machine's name or address: PTR, HELO.
    Host,
    /// The connection has to be encrypted.
    Encryption,
    /// The account: suspended, not activated, not paid.
    Account,
    /// The request itself, as our settings make it: of a token service.
    Request,
}

/// The step of the conversation that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The greeting, EHLO, STARTTLS.
    Opening,
    /// AUTH.
    Login,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, before `354`.
    Data,
    /// The final dot.
    Dot,
}

/// A refusal as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether it is said for good (5yz), not for now (4yz).
    pub lasting: bool,
    /// Whether it was said before any recipient was named: then it is the same for everybody.
    pub everybody: bool,
    /// What it is, as a part of a sentence.
    pub say: String,
    /// What a person can do about it.
    pub advice: String,
    /// How long until a limit opens again, as far as that is known.
    pub opens_in: Option<SignedDuration>,
}

/// A refusal of us: no recipient is marked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The relay, host and port; `None` for a token service, whose words name it.
    pub relay: Option<String>,
    /// Whose fault it is, and what can be done.
    pub reading: Box<Reading>,
    /// The step and the words.
    pub reason: String,
}

impl Fault {
    /// The names in files of rules, each with what it names.
    pub(crate) const NAMES: [(&'static str, Self); 15] = [
        ("person", Self::Person),
        ("message", Self::Message),
        ("login", Self::Identity(Identity::Login)),
        ("relaying", Self::Identity(Identity::Relaying)),
        ("sender", Self::Identity(Identity::Sender)),
        ("authentication", Self::Identity(Identity::Authentication)),
        ("host", Self::Identity(Identity::Host)),
        ("encryption", Self::Identity(Identity::Encryption)),
        ("account", Self::Identity(Identity::Account)),
        ("request", Self::Identity(Identity::Request)),
        ("quota", Self::Quota),
        ("reputation", Self::Reputation),
        ("too-fast", Self::TooFast),
        ("theirs", Self::Theirs),
        ("unclear", Self::Unclear),
    ];

    /// The name in files of rules and in events.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, fault)| *fault == self).map_or("unclear", |(name, _)| name)
    }

    /// Whether the run has to stop at the first of its kind: it would be the same for everybody.
    #[must_use]
    pub const fn stops_at_once(self) -> bool {
        match self {
            Self::Identity(_) | Self::Quota => true,
            Self::Person
            | Self::Message
            | Self::Reputation
            | Self::TooFast
            | Self::Theirs
            | Self::Unclear => false,
        }
    }

    /// What it is, where no rule has words of its own.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Person => ("the mailbox takes no mail", "see whether the address is right"),
            Self::Message => ("the message is not taken", "see what the words say about its size or content"),
            Self::Identity(identity) => identity.words(),
            Self::Quota => {
                ("a sending limit of this account is reached", "run again when the limit has opened again")
            }
            Self::Reputation => (
                "the relay does not want these mails",
                "see why (SPF, DKIM, DMARC, block lists, its words above), then run again",
            ),
            Self::TooFast => ("this is too fast", "lower `sending.rate` or `sending.connections`"),
            Self::Theirs => ("the relay has a fault of its own", "run again later"),
            Self::Unclear => (
                "everybody is refused with the same words",
                "see what the relay means; if it means these people, `--accept-refusals` takes it at its word",
            ),
        }
    }
}

impl Identity {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Login => (
                "the relay wants a login, or refuses ours",
                "check `user` under `[relay.smtp]` and the variable with its password",
            ),
            Self::Relaying => (
                "the relay takes no mail from this machine for others (relaying)",
                "set `user` under `[relay.smtp]` if the relay wants a login, or ask whoever runs it to let this machine send",
            ),
            Self::Sender => (
                "the sender is not accepted",
                "verify the address or its domain with the provider, or name a `sender.address` that this login may send from",
            ),
            Self::Authentication => (
                "SPF, DKIM or DMARC of the sender's domain do not pass",
                "publish the records that the provider asks for, for the domain of `sender.address`",
            ),
            Self::Host => (
                "this machine's name or address is not accepted",
                "ask whoever runs the relay to let this machine send; where the words are about DNS, give its address a PTR record and set `hello` under `[relay.smtp]` to that name",
            ),
            Self::Encryption => (
                "the relay wants an encrypted connection",
                "set `tls = \"starttls\"` or `\"implicit\"` under `[relay.smtp]`",
            ),
            Self::Account => (
                "the account at the provider may not send",
                "see the provider's pages: it is suspended, not activated, or not paid",
            ),
            Self::Request => (
                "the service does not take the request",
                "see what its words name in the settings or the campaign file; a newer linkpost may be wanted",
            ),
        }
    }
}

impl Reading {
    pub(crate) fn new(fault: Fault, lasting: bool) -> Self {
        let (say, advice) = fault.words();
        Self {
            fault,
            lasting,
            everybody: false,
            say: say.to_owned(),
            advice: advice.to_owned(),
            opens_in: None,
        }
    }

    /// Whether the refusal is about us, and the run has to stop at once.
    #[must_use]
    pub fn stops_at_once(&self) -> bool {
        self.fault.stops_at_once() || (self.everybody && self.lasting && self.fault == Fault::Reputation)
    }
}

/// One sentence: what it is, and in whose words.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { relay, reading, reason } = self;
        match relay {
            Some(relay) => write!(f, "{}; the relay `{relay}` says: {reason}", reading.say),
            None => write!(f, "{}; {reason}", reading.say),
        }
    }
}
