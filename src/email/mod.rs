//! Templates → [`Email`] → [`Message`](crate::message::Message): the words, the headers, the bytes.
//!
//! [`Letter::load`] reads what is the same for the whole campaign, once. After that the room is pure: no network, no
//! clock, no ledger. An [`Email`] can only be made by rendering, and knows whom it was rendered for. A [`Message`](crate::message::Message) can
//! only be made by composing, and composing proves on the final bytes that they hold this recipient's token, no other
//! token and nobody else's address: a mix-up here is an account takeover.

mod addresses;
mod advice;
#[cfg(test)]
mod altered;
mod attachments;
mod bytes;
mod charset;
mod compose;
mod context;
mod filters;
mod headers;
mod html_scan;
mod letter;
mod letterhead;
mod lint;
mod load;
mod money;
mod proof;
mod references;
mod render;
mod styles;
mod syntax;
mod templates;
mod theirs;
mod unsubscribe;
mod urls;
mod words;

pub use bytes::check_bytes;
pub use letter::{Letter, MessageKeys};
pub use letterhead::{Letterhead, Unsubscribe};

use std::fmt;

use jiff::Timestamp;

use self::unsubscribe::UnsubscribeLinks;
use crate::{audience::RecipientKey, problem::Diagnosis};

/// A recipient's sign-in link, lent for one mail. This room does not know how tokens are made.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// The link's text: `token` stands in it as the value of a query parameter.
    pub url: &'a str,
    /// The token inside.
    pub token: &'a str,
    /// The end of the token.
    pub expires: Timestamp,
}

/// A rendered mail, not yet addressed.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// The subject, one line.
    pub subject: String,
    /// The text part, lines ended by `\n`.
    pub text: String,
    /// The HTML part, CSS inlined, lines ended by `\n`.
    pub html: String,
    /// The recipient that it was rendered for.
    key: RecipientKey,
    /// The ways off the list for that recipient.
    unsubscribe: UnsubscribeLinks,
}

impl Email {
    /// The recipient that it was rendered for.
    #[must_use]
    pub fn key(&self) -> &RecipientKey {
        &self.key
    }
}

/// A row that cannot be mailed. Addresses in `message` are masked; it holds no token.
fn defect(message: impl AsRef<str>) -> Diagnosis {
    Diagnosis::new(addresses::mask(message.as_ref()))
}

/// A link is a secret: it never prints itself.
impl fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

/// A rendered mail holds a live token: it never prints itself.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email")
    }
}
