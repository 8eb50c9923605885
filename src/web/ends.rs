//! Every end of a visit that is not a success: a page in plain words, and what to do next.

use std::time::Duration;

use hyper::StatusCode;

use super::{
    Web,
    look::WayOn,
    reply::{self, Reply},
};

/// How a visit can end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The address has no token.
    Incomplete,
    /// Forged, damaged, replaced or never sent: one answer for all, so that guessing teaches nothing.
    Unknown,
    /// Signed by us, and its time is over.
    Expired,
    /// Signed by us, and its time has not come: clocks differ.
    NotYet,
    /// Somebody has signed in with it.
    Used,
    /// The person in front of this browser has.
    UsedByYou {
        /// Where they were going.
        target: String,
    },
    /// Called back.
    Revoked,
    /// Too many links of this address that nobody was sent.
    TooMany(Duration),
    /// The form did not come from a page that we showed to this browser.
    Stale,
    /// Another site sent the form.
    Foreign,
    /// The ledger does not answer.
    Busy,
    /// The unsubscribe link is none of ours.
    UnknownLeaver,
    /// An unknown link whose capital letters are gone.
    LowerCase,
    /// The same of an unsubscribe link.
    LowerCaseLeaver,
    /// The campaign's people were forgotten.
    ForgottenLeaver,
    /// The time for a second thought is over, or there is another wish.
    UndoOver,
    /// There is no such page.
    NoPage,
}

impl End {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::Unknown | Self::UnknownLeaver | Self::LowerCase | Self::LowerCaseLeaver | Self::NoPage => {
                StatusCode::NOT_FOUND
            }
            Self::Expired | Self::Used | Self::Revoked | Self::ForgottenLeaver | Self::UndoOver => {
                StatusCode::GONE
            }
            Self::UsedByYou { .. } => StatusCode::OK,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Stale | Self::Foreign => StatusCode::FORBIDDEN,
            // RFC 8470 §5.2 has 425 (Too Early) for TLS alone.
            Self::Busy | Self::NotYet => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) const fn title(&self) -> &'static str {
        match self {
            Self::Incomplete => "This link is incomplete",
            Self::Unknown | Self::UnknownLeaver | Self::LowerCase | Self::LowerCaseLeaver => {
                "This link does not work"
            }
            Self::Expired => "This link has expired",
            Self::NotYet => "This link is not valid yet",
            Self::Used => "This link has been used",
            Self::UsedByYou { .. } => "You are signed in",
            Self::Revoked => "This link was withdrawn",
            Self::TooMany(_) => "One moment, please",
            Self::Stale => "Please open the link again",
            Self::Foreign => "This did not come from us",
            Self::Busy => "We will be right back",
            Self::ForgottenLeaver => "Your address is gone already",
            Self::UndoOver => "You are unsubscribed",
            Self::NoPage => "There is nothing here",
        }
    }

    /// What happened, and what to do now.
    const fn words(&self) -> [&'static str; 2] {
        match self {
            Self::Incomplete => [
                "A part of the address is missing: some mail programs cut long links.",
                "Open the mail again and press the button in it, or copy the whole link.",
            ],
            Self::Unknown => [
                "We do not know it. It may have been cut on its way, or a newer mail has replaced it.",
                "Open our newest mail and press the button there.",
            ],
            Self::Expired => ["For your safety, the links in our mails work for a limited time.", ""],
            Self::NotYet => [
                "Our clocks differ: the one that made this link is some minutes ahead. Your link is safe and unused.",
                "Open it again in a few minutes.",
            ],
            Self::Used => [
                "Each link signs in once, and this one already has.",
                "If that was not you, please tell us by answering the mail.",
            ],
            Self::UsedByYou { .. } => {
                ["You have used this link before, in this browser. There is nothing left to do.", ""]
            }
            Self::Revoked => ["We have called this link back, so it signs nobody in any more.", ""],
            Self::TooMany(_) => [
                "We do not know this link, and there were too many like it from your network.",
                "Wait a minute, then open our newest mail and press the button there.",
            ],
            Self::Stale => [
                "The page was open for long, or your browser did not keep our cookie. Your link is safe and unused.",
                "Allow cookies for this site, then press the button in the mail once more.",
            ],
            Self::Foreign => [
                "Another site tried to sign this browser in. Nothing has happened.",
                "If you wanted to sign in, press the button in our mail.",
            ],
            Self::Busy => {
                ["Something on our side does not answer. Nothing has happened.", "Try again in a minute."]
            }
            Self::UnknownLeaver => [
                "We do not know this unsubscribe link. It may have been cut on its way.",
                "Use the link at the foot of the mail, or answer the mail and ask us.",
            ],
            Self::LowerCase => [
                "Its capital letters have become small ones on the way, and without them it is worth nothing.",
                "Open our mail itself and press the button there, in another mail program if need be.",
            ],
            Self::LowerCaseLeaver => [
                "Its capital letters have become small ones on the way, so we cannot tell whose it is.",
                "Use the link at the foot of the mail, or answer the mail and ask us.",
            ],
            Self::ForgottenLeaver => [
                "We have deleted the addresses of this mailing, yours among them.",
                "Should another mail reach you, use the link in that one.",
            ],
            Self::UndoOver => [
                "It could be undone here for a week, or another wish has come since, which stays.",
                "To get our mails again, answer one of them.",
            ],
            Self::NoPage => ["Check the address, or go back to where you came from.", ""],
        }
    }

    /// Whether only the link came to its end, and not what the person wanted.
    const fn is_about_the_link(&self) -> bool {
        self.wants_a_link() || matches!(self, Self::Incomplete | Self::NotYet)
    }

    /// Whether it is an end of the unsubscribe page alone.
    const fn is_about_leaving(&self) -> bool {
        matches!(self, Self::UnknownLeaver | Self::LowerCaseLeaver | Self::ForgottenLeaver | Self::UndoOver)
    }

    /// Whether a new link would help.
    const fn wants_a_link(&self) -> bool {
        matches!(self, Self::Unknown | Self::LowerCase | Self::Expired | Self::Used | Self::Revoked)
    }
}

impl Web {
    /// The same for a browser that is signed in as `who`: they can go on to `href` as they are.
    pub(super) fn end_signed_in(&self, end: &End, who: &str, href: &str) -> Reply {
        if !end.is_about_the_link() {
            return self.end(end);
        }
        let words = end.words().into_iter().filter(|text| !text.is_empty()).map(str::to_owned);
        let words: Vec<String> =
            words.chain([format!("This browser is signed in as {who}: you can go on as you are.")]).collect();
        let way_on = WayOn { href, text: "Continue" };
        reply::html(end.status(), self.look.words(end.title(), &words, Some(&way_on)))
    }

    /// The page of an end.
    pub(super) fn end(&self, end: &End) -> Reply {
        let mut words: Vec<String> =
            end.words().into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let mut way_on = None;
        match (end, self.site.new_link.as_deref()) {
            (End::UsedByYou { target }, _) => way_on = Some(WayOn { href: target, text: "Continue" }),
            (end, Some(href)) if end.wants_a_link() => {
                words.push("We can send you a fresh one.".to_owned());
                way_on = Some(WayOn { href, text: "Send me a new link" });
            }
            (end, None) if end.wants_a_link() => {
                words.push("Sign in as usual, or answer our mail for a fresh one.".to_owned());
            }
            (_, _) => {}
        }
        let look = if end.is_about_leaving() { &self.leave_look } else { &self.look };
        let reply = reply::html(end.status(), look.words(end.title(), &words, way_on.as_ref()));
        let wait = if let End::TooMany(wait) = end {
            Some(*wait)
        } else {
            matches!(end, End::Busy | End::NotYet).then_some(Duration::from_mins(1))
        };
        match wait {
            Some(wait) => reply::with_retry_after(reply, wait),
            None => reply,
        }
    }
}
