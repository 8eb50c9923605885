//! From words to bytes: MIME parts, headers, and the checks that nothing leaves without.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::message::{
    Body, Mailbox, MessageBuilder, MultiPart, SinglePart,
    header::{ContentTransferEncoding, ContentType},
};

use super::{
    Email, Letter, Link, bytes, defect,
    headers::{self, raw},
    proof::Proof,
};
use crate::hash::sha256;
use crate::problem::Diagnosis;
use crate::{
    audience::{Address, Recipient},
    message::Message,
};

/// The last second that a `Date` header can say.
const LAST_SECOND: i64 = 253_402_300_799;

/// lettre's mailbox of a checked name and address.
pub(super) fn mailbox(name: Option<&str>, address: &Address) -> Result<Mailbox, Diagnosis> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    if let Some(reason) = name.and_then(|name| headers::check_text(name, headers::MAX_NAME).err()) {
        return Err(defect(format!("the name {reason}")));
    }
    let parsed = lettre::Address::new(address.local(), address.domain()).ok();
    let ascii = address.local().is_ascii() && address.domain().is_ascii();
    match parsed.filter(|_| ascii) {
        Some(address) => Ok(Mailbox::new(name.map(str::to_owned), address)),
        None => Err(defect(format!("the address {address} cannot stand in a mail's header"))
            .hint("only addresses in ASCII can be mailed; a domain is written as A-labels (xn--…)")),
    }
}

/// A message with its mailboxes.
fn between(from: &Mailbox, to: &Mailbox, reply_to: Option<&Mailbox>) -> MessageBuilder {
    let mut builder = lettre::Message::builder().from(from.clone()).to(to.clone());
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let named = [("From", Some(from)), ("To", Some(to)), ("Reply-To", reply_to)];
    named
        .into_iter()
        .filter_map(|(header, mailbox)| headers::mailbox(header, mailbox?))
        .fold(builder, MessageBuilder::raw_header)
}

impl Letter {
    /// Makes the bytes and proves on them that they are for this recipient and nobody else. `date` is the `Date`
    /// header: with the same date, the same input gives the same bytes.
    pub fn compose(
        &self,
        recipient: &Recipient,
        email: &Email,
        link: &Link<'_>,
        date: Timestamp,
    ) -> Result<Message, Diagnosis> {
        let letter = self;
        if email.key != recipient.key {
            return Err(defect("the mail was rendered for another recipient"));
        }
        if let Err(reason) = headers::check_text(&email.subject, headers::MAX_SUBJECT) {
            return Err(defect(format!("the subject {reason}")));
        }
        if !(0..=LAST_SECOND).contains(&date.as_second()) {
            return Err(defect("the date cannot stand in a mail's header"));
        }
        let local = headers::message_id(&letter.keys.message_id, &letter.about(&recipient.key));
        let id = format!("<{local}@{}>", letter.letterhead.sender.domain());
        let to = mailbox(recipient.name.as_deref(), &recipient.address)?;
        let mut builder = between(&letter.from, &to, letter.reply_to.as_ref())
            .raw_header(headers::subject(&email.subject))
            .date(SystemTime::from(date))
            .message_id(Some(id.clone()))
            .raw_header(letter.list_id.clone());
        for header in email.unsubscribe.headers() {
            builder = builder.raw_header(header);
        }
        builder = builder.raw_header(raw("Feedback-ID", letter.feedback_id.clone()));
        if letter.letterhead.precedence_bulk {
            builder = builder.raw_header(raw("Precedence", "bulk".to_owned()));
        }
        let composed = builder
            .multipart(body(letter, email, &local)?)
            .map_err(|_| defect("the mail's headers cannot be written"))?;
        let bytes = composed.formatted();
        bytes::check_bytes(&bytes, letter.letterhead.max_message_bytes).map_err(defect)?;
        if !bytes::header_names(&bytes)
            .is_some_and(|names| names.iter().copied().eq(expected_headers(letter)))
        {
            return Err(defect("the mail's headers are not the expected ones"));
        }
        Proof::new(letter, recipient, link, email)?.check_message(&bytes, &id)?;
        let sha256 = sha256(&bytes);
        Ok(Message {
            bytes,
            sender: letter.from.email.clone(),
            recipient: recipient.address.clone(),
            mailbox: to.email,
            key: recipient.key.clone(),
            id,
            date,
            sha256,
            unsubscribe_id: email.unsubscribe.id.clone(),
        })
    }
}

/// The names of the header fields, in order: the same for every recipient, whatever their name or subject holds.
fn expected_headers(letter: &Letter) -> impl Iterator<Item = &'static str> {
    let ways = &letter.letterhead.unsubscribe;
    let with = |there: bool, name| there.then_some(name);
    [
        Some("From"),
        Some("To"),
        with(letter.reply_to.is_some(), "Reply-To"),
        Some("Subject"),
        Some("Date"),
        Some("Message-ID"),
        Some("List-Id"),
        with(ways.url.is_some() || ways.mailto.is_some(), "List-Unsubscribe"),
        with(ways.url.is_some(), "List-Unsubscribe-Post"),
        Some("Feedback-ID"),
        with(letter.letterhead.precedence_bulk, "Precedence"),
        Some("MIME-Version"),
        Some("Content-Type"),
    ]
    .into_iter()
    .flatten()
}

/// Text before HTML; pictures beside the HTML; attachments around both. `=_` can stand in no encoded part, so no part
/// can hold a boundary.
fn body(letter: &Letter, email: &Email, local: &str) -> Result<MultiPart, Diagnosis> {
    let alternative = MultiPart::alternative()
        .boundary(format!("=_a_{local}"))
        .singlepart(part(&email.text, ContentType::TEXT_PLAIN)?);
    let html = part(&email.html, ContentType::TEXT_HTML)?;
    let (inline, attached): (Vec<_>, Vec<_>) =
        letter.attached.iter().partition(|attached| attached.content_id.is_some());
    let alternative = if inline.is_empty() {
        alternative.singlepart(html)
    } else {
        let related = MultiPart::related().boundary(format!("=_r_{local}")).singlepart(html);
        alternative.multipart(
            inline.into_iter().fold(related, |related, inline| related.singlepart(inline.part.clone())),
        )
    };
    if attached.is_empty() {
        return Ok(alternative);
    }
    let mixed = MultiPart::mixed().boundary(format!("=_m_{local}")).multipart(alternative);
    Ok(attached.into_iter().fold(mixed, |mixed, attached| mixed.singlepart(attached.part.clone())))
}

/// One text as quoted-printable, or base64 where that is shorter.
fn part(text: &str, content_type: ContentType) -> Result<SinglePart, Diagnosis> {
    // lettre's own conversion to CRLF is quadratic.
    let text = text.replace('\n', "\r\n");
    let escaped = text.bytes().filter(|byte| !byte.is_ascii() || *byte == b'=').count();
    let encoding = if escaped > text.len() / 6 {
        ContentTransferEncoding::Base64
    } else {
        ContentTransferEncoding::QuotedPrintable
    };
    let body =
        Body::new_with_encoding(text, encoding).map_err(|_| defect("the mail's text cannot be encoded"))?;
    Ok(SinglePart::builder().content_type(content_type).body(body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]
        #[test]
        fn no_line_with_an_encoded_word_is_longer_than_76(
            subject in "\\PC{0,100}[äß€漢🎉]\\PC{0,99}",
            name in "(\\PC{0,99}[äß€漢🎉]|[a-zA-Zäöü ,.\"()]{0,60}é|[漢字かな]{1,100}|[🎉🎊]{1,100})",
            local in "[a-z0-9.+]{0,30}[a-z0-9]{1,30}",
            domain in "[a-z]{1,40}\\.example\\.com",
        ) {
            prop_assume!(headers::check_text(&subject, headers::MAX_SUBJECT).is_ok());
            prop_assume!(headers::check_text(&name, headers::MAX_NAME).is_ok());
            let Ok(address) = Address::parse(&format!("{local}@{domain}")) else { return Ok(()) };
            let mailbox = mailbox(Some(&name), &address).unwrap();
            let message = between(&mailbox, &mailbox, Some(&mailbox))
                .raw_header(headers::subject(&subject))
                .raw_header(headers::list_id(&subject, &domain))
                .body(String::new())
                .unwrap();
            let bytes = message.formatted();
            let text = std::str::from_utf8(&bytes).unwrap();
            for line in text.split("\r\n").filter(|line| line.contains("=?")) {
                prop_assert!(line.len() <= 76, "{} characters: {line}", line.len());
            }
            let read = mail_parser::MessageParser::default().parse(&bytes).unwrap();
            prop_assert_eq!(read.subject().map(str::trim), Some(subject.trim()));
            for field in [read.from(), read.to(), read.reply_to()] {
                let found = field.and_then(|field| field.first()).unwrap();
                prop_assert_eq!(found.address().map(str::to_owned), Some(address.to_string()));
                prop_assert_eq!(found.name().map(str::trim), Some(name.trim()));
            }
        }
    }
}
