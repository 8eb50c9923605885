//! The sender's side of the headers, on every mail.

use url::Url;

use crate::{
    audience::Address,
    problem::{Place, Problem},
};

/// The sender as every mail shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Letterhead {
    /// The name in `From`.
    pub sender_name: Option<String>,
    /// The address in `From`, and the envelope sender.
    pub sender: Address,
    /// The address for answers, if not the sender's.
    pub reply_to: Option<(Option<String>, Address)>,
    /// The postal address that the law wants in bulk mail; for the templates.
    pub postal_address: String,
    /// The list's name in `List-Id` (RFC 2919), for example `waitlist.list.example.com`.
    pub list_id: String,
    /// Gmail's `SenderId` in `Feedback-ID`: 5 to 15 letters and digits.
    pub sender_id: String,
    /// The ways off the list.
    pub unsubscribe: Unsubscribe,
    /// Whether to send `Precedence: bulk`, which silences old auto-responders.
    pub precedence_bulk: bool,
    /// A mail may be at most this long, in bytes. 1 MiB is [`Letterhead::MAX_MESSAGE_BYTES`].
    pub max_message_bytes: usize,
}

/// The ways off the list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unsubscribe {
    /// The page; `u=` and an opaque id are appended. One-click (RFC 8058) wants https.
    pub url: Option<Url>,
    /// A mailbox; the id goes into the subject.
    pub mailto: Option<Address>,
}

impl Letterhead {
    /// The usual limit of a mail's length.
    pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

    /// Everything that is wrong with it.
    pub(super) fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |message: String| problems.push(Problem::new(Place::file("linkpost.toml"), message));
        let reply_name = self.reply_to.as_ref().and_then(|(name, _)| name.as_deref());
        for name in self.sender_name.as_deref().into_iter().chain(reply_name) {
            if let Err(reason) = super::headers::check_text(name, super::headers::MAX_NAME) {
                wrong(format!("the name in a header {reason}"));
            }
        }
        let addresses = [Some(&self.sender), self.reply_to.as_ref().map(|(_, address)| address)];
        for address in addresses.into_iter().flatten().chain(&self.unsubscribe.mailto) {
            if !address.to_string().is_ascii() {
                wrong("a sender's address must be ASCII".to_owned());
            }
        }
        if !is_list_id(&self.list_id) {
            wrong(format!(
                "`{}` is no list id: a domain-like name as `waitlist.list.example.com`",
                self.list_id
            ));
        }
        let alphanumeric = self.sender_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !(5..=15).contains(&self.sender_id.len()) || !alphanumeric {
            wrong(format!("`{}` is no sender id: 5 to 15 letters and digits", self.sender_id));
        }
        if let Some(url) = &self.unsubscribe.url {
            if let Err(reason) = super::urls::check(url.as_str(), super::urls::Purpose::Page) {
                wrong(format!("the unsubscribe page {reason}"));
            }
            if url.as_str().len() > 400 || url.fragment().is_some() {
                wrong("the unsubscribe page's URL must be at most 400 characters, without `#`".to_owned());
            }
        }
        problems
    }
}

/// RFC 2919 §2: dot-atoms, at least two labels, at most 255 characters.
fn is_list_id(text: &str) -> bool {
    text.len() <= 255
        && text.split('.').count() >= 2
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Letterhead, Unsubscribe};
    use crate::audience::Address;

    /// A letterhead that is all right.
    pub(in crate::email) fn letterhead() -> Letterhead {
        Letterhead {
            sender_name: Some("Example".into()),
            sender: Address::parse("hello@example.com").unwrap(),
            reply_to: None,
            postal_address: "1 Example Street".into(),
            list_id: "waitlist.list.example.com".into(),
            sender_id: "example01".into(),
            unsubscribe: Unsubscribe {
                url: Some("https://example.com/unsubscribe".parse().unwrap()),
                mailto: Some(Address::parse("unsubscribe@example.com").unwrap()),
            },
            precedence_bulk: true,
            max_message_bytes: Letterhead::MAX_MESSAGE_BYTES,
        }
    }

    fn check(change: impl FnOnce(&mut Letterhead), expected: usize) {
        let mut letterhead = letterhead();
        change(&mut letterhead);
        assert_eq!(letterhead.check().len(), expected, "{letterhead:?}");
    }

    #[test]
    fn every_mistake_is_named() {
        check(|_| {}, 0);
        check(|it| it.sender_name = Some("a\r\nBcc: x".into()), 1);
        check(|it| it.list_id = "waitlist".into(), 1);
        check(|it| it.list_id = "a.<b>".into(), 1);
        check(|it| it.sender_id = "abc".into(), 1);
        check(|it| it.sender_id = "abc:defg".into(), 1);
        check(|it| it.unsubscribe.url = Some("http://example.com/u".parse().unwrap()), 1);
        check(|it| it.unsubscribe.url = Some("http://127.0.0.1:8025/u".parse().unwrap()), 0);
        check(|it| it.unsubscribe.url = Some("https://example.com/u#x".parse().unwrap()), 1);
    }
}
