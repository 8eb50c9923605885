//! Unsubscribing: a page for people, one click for machines (RFC 8058). No cookie and no sign-in.
//!
//! Every POST to the address is the wish, whatever it holds: nothing else can be meant by it, and scanners send none. A
//! person's press leads on to another page, which offers to take it back for a week; a machine's click is answered at
//! once, since RFC 8058 forbids to lead it anywhere.

use hyper::StatusCode;
use serde_json::json;
use url::form_urlencoded;

use super::{
    Web, damage,
    ends::End,
    metrics::Event,
    reply::{self, Reply},
    request::Visit,
};
use crate::{
    audience::Address,
    ledger::{LedgerError, UnsubscribeLink},
};

/// What a visit wants.
enum Wish {
    /// To see.
    Look,
    /// To leave, says a mail program.
    OneClick,
    /// To leave, says a person.
    Leave,
    /// To take that back, says a person who looks at the wish of this time.
    Return(Option<i64>),
}

impl Web {
    /// A `GET` shows a page, a `POST` unsubscribes or takes it back. It works for as long as the ledger knows the mail.
    pub(super) async fn unsubscribe(&self, visit: &Visit) -> Result<Reply, LedgerError> {
        let _turn = self.limits.let_in(visit.client.address).await;
        let Some((id, link)) = self.link_of(visit).await? else { return Ok(self.unknown_leaver(visit)) };
        match wish(visit) {
            Wish::Look => Ok(self.show_leaver(visit, &id, link)),
            Wish::OneClick => Ok(match self.leave(&id).await? {
                Some(UnsubscribeLink { is_forgotten: true, .. }) => self.end(&End::ForgottenLeaver),
                Some(link) => {
                    let words = self.gone_words(link.address.as_ref());
                    reply::html(StatusCode::OK, self.leave_look.words("You are unsubscribed", &words, None))
                }
                None => self.unknown_leaver(visit),
            }),
            Wish::Leave => Ok(match self.leave(&id).await? {
                Some(UnsubscribeLink { is_forgotten: true, .. }) => self.end(&End::ForgottenLeaver),
                Some(_) => reply::see_other(&self.here(&id, None)),
                None => self.unknown_leaver(visit),
            }),
            Wish::Return(wish) => self.take_back(visit, &id, wish).await,
        }
    }

    /// The mail whose link it is, however the link was damaged.
    async fn link_of(&self, visit: &Visit) -> Result<Option<(String, UnsubscribeLink)>, LedgerError> {
        if visit.has_twice("u") {
            return Ok(None);
        }
        for id in damage::ids(visit.query("u").as_deref(), visit.whole_query()) {
            if let Some(link) = self.ledger.unsubscribe_link(&id).await? {
                return Ok(Some((id, link)));
            }
        }
        Ok(None)
    }

    /// Puts the person on the suppression list.
    async fn leave(&self, id: &str) -> Result<Option<UnsubscribeLink>, LedgerError> {
        let link = self.ledger.unsubscribe(id).await?;
        if link.as_ref().is_some_and(|link| !link.is_forgotten) {
            self.counts.event(Event::Unsubscribed);
        }
        Ok(link)
    }

    /// Takes a wish back: that one and nothing else.
    async fn take_back(&self, visit: &Visit, id: &str, wish: Option<i64>) -> Result<Reply, LedgerError> {
        if let Some(wish) = wish
            && self.ledger.take_back(id, wish).await?
        {
            self.counts.event(Event::TakenBack);
            return Ok(reply::see_other(&self.here(id, Some(("undone", "yes")))));
        }
        Ok(match self.ledger.unsubscribe_link(id).await? {
            None => self.unknown_leaver(visit),
            Some(UnsubscribeLink { gone: true, .. }) => self.end(&End::UndoOver),
            // A second press of the same button.
            Some(_) => reply::see_other(&self.here(id, Some(("undone", "yes")))),
        })
    }

    fn show_leaver(&self, visit: &Visit, id: &str, link: UnsubscribeLink) -> Reply {
        let UnsubscribeLink { address, gone, wish, is_forgotten } = link;
        if is_forgotten {
            return self.end(&End::ForgottenLeaver);
        }
        let who = address.as_ref().map(Address::masked);
        match (gone, wish) {
            (true, Some(wish)) => {
                let paragraphs = self.gone_words(address.as_ref());
                let values = json!({
                    "paragraphs": paragraphs, "wish": wish.to_string(), "action": self.here(id, None),
                });
                let page = self.leave_look.page("unsubscribed.html", "You are unsubscribed", &values);
                reply::html(StatusCode::OK, page)
            }
            (true, None) => {
                let mut words = self.gone_words(address.as_ref()).to_vec();
                words.push("To get our mails again, answer one of them.".to_owned());
                reply::html(StatusCode::OK, self.leave_look.words("You are unsubscribed", &words, None))
            }
            (false, _) if visit.query("undone").is_some() => self.back(address.as_ref()),
            (false, _) => {
                let values = json!({ "who": who, "action": self.here(id, None) });
                reply::html(StatusCode::OK, self.leave_look.page("unsubscribe.html", "Unsubscribe", &values))
            }
        }
    }

    fn gone_words(&self, address: Option<&Address>) -> [String; 2] {
        let whose = who(address);
        [
            format!("{whose} will get no more mails like this one from {}.", self.site.name),
            "A mail that was on its way at this very moment may still arrive.".to_owned(),
        ]
    }

    fn back(&self, address: Option<&Address>) -> Reply {
        let words = [
            format!("{} will go on getting mails from {}.", who(address), self.site.name),
            "A mail that was to leave meanwhile may not come.".to_owned(),
        ];
        reply::html(StatusCode::OK, self.leave_look.words("You are subscribed again", &words, None))
    }

    /// The address of the page of this mail, with something more.
    fn here(&self, id: &str, more: Option<(&str, &str)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("u", id).extend_pairs(more);
        format!("{}?{}", self.site.unsubscribe_path().unwrap_or_default(), query.finish())
    }

    fn unknown_leaver(&self, visit: &Visit) -> Reply {
        self.counts.event(Event::UnknownUnsubscribe);
        let without_capitals = visit.query("u").is_some_and(|id| damage::is_without_capitals(&id));
        let end = if without_capitals { End::LowerCaseLeaver } else { End::UnknownLeaver };
        self.end(&self.guessed(visit, end))
    }
}

/// The person in words; the addresses of a purged campaign are gone.
fn who(address: Option<&Address>) -> String {
    address.map_or_else(|| "The address that this mail went to".to_owned(), Address::masked)
}

fn wish(visit: &Visit) -> Wish {
    if !visit.is_post() {
        return Wish::Look;
    }
    match visit.field("wish").as_deref() {
        Some("leave") => Wish::Leave,
        Some("return") => Wish::Return(visit.field("of").and_then(|wish| wish.parse().ok())),
        Some(_) | None => Wish::OneClick,
    }
}
