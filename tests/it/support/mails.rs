//! A relay with a script, and reading what it took with a parser that is not the sender's.

use std::collections::BTreeMap;

use linkpost::sandbox::{Act, Event, Options, SandboxRelay, Script, Step};
use mail_parser::MessageParser;

/// One mail as its reader sees it.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) recipient: String,
    pub(crate) message_id: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// A relay that keeps in memory what it takes.
pub(crate) async fn relay(script: Script) -> SandboxRelay {
    SandboxRelay::start(Options { script, ..Options::default() }).await.unwrap()
}

/// A relay's answers of every kind: the second person is refused, the third put off, the fourth's mail is taken and its
/// answer lost, all others get theirs.
pub(crate) fn mixed_answers() -> Script {
    Script::new()
        .at(Step::Rcpt, Act::reply(550, "5.1.1 no such user"))
        .for_recipient("person2@example.com")
        .at(Step::Rcpt, Act::reply(451, "4.7.1 later"))
        .for_recipient("person3@example.com")
        .at(Step::Dot, Act::accept_then(Act::Drop))
        .for_recipient("person4@example.com")
        .times(1)
}

/// Every mail that the relay took, in order. The relay has to keep them in memory.
pub(crate) fn taken(relay: &SandboxRelay) -> Vec<Mail> {
    let mut mails = Vec::new();
    for event in relay.log() {
        if let Event::Accepted { recipient, message: Some(message), .. } = event {
            mails.push(parse(&recipient, &message));
        }
    }
    mails
}

/// How often each recipient was mailed.
pub(crate) fn counts(mails: &[Mail]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for mail in mails {
        *counts.entry(mail.recipient.clone()).or_default() += 1;
    }
    counts
}

pub(crate) fn parse(recipient: &str, raw: &[u8]) -> Mail {
    let message = MessageParser::default().parse(raw).unwrap();
    Mail {
        recipient: recipient.to_owned(),
        message_id: message.message_id().unwrap().to_owned(),
        subject: message.subject().unwrap().to_owned(),
        text: message.body_text(0).unwrap().into_owned(),
        html: message.body_html(0).unwrap().into_owned(),
    }
}

/// The value of `token` in the first link of a text.
pub(crate) fn token(text: &str) -> String {
    let rest = &text[text.find("token=").expect("the text has a link") + "token=".len()..];
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect()
}
