//! Unsubscribing: a page for people, one click for machines (RFC 8058). No cookie and no sign-in.
//!
//! A person's press leads on to another page, which offers to undo it for a minute: whoever has the secret on that page
//! pressed. A machine's click is answered at once, since RFC 8058 forbids to lead it anywhere.

use hyper::StatusCode;
use serde_json::json;
use url::form_urlencoded;

use super::{
    Web,
    ends::End,
    metrics::Event,
    reply::{self, Reply},
    request::Visit,
    secrets,
};
use crate::{
    audience::Address,
    hash::sha256,
    ledger::{LedgerError, UnsubscribeLink, Unsubscribed},
};

/// What a visit wants.
enum Wish {
    /// To see.
    Look,
    /// To leave, says a mail program.
    OneClick,
    /// To leave, says a person.
    Leave,
    /// To take that back, says whoever has the secret of it.
    Return,
    /// It does not say.
    Unclear,
}

impl Web {
    /// A `GET` shows a page, a `POST` unsubscribes or undoes it. It works for as long as the ledger knows the mail.
    pub(super) async fn unsubscribe(&self, visit: &Visit) -> Result<Reply, LedgerError> {
        let _turn = self.limits.let_in(visit.client.address).await;
        let Some(id) = visit.query("u").filter(|id| secrets::is_opaque(id)) else {
            return Ok(self.unknown_leaver(visit));
        };
        match wish(visit) {
            Wish::Look => self.show_leaver(visit, &id, StatusCode::OK).await,
            Wish::Unclear => self.show_leaver(visit, &id, StatusCode::BAD_REQUEST).await,
            Wish::OneClick => Ok(match self.leave(visit, &id, None).await? {
                Ok((address, _)) => self.gone(&address),
                Err(reply) => reply,
            }),
            Wish::Leave => {
                let undo = secrets::random();
                Ok(match self.leave(visit, &id, Some(&undo)).await? {
                    Ok((_, true)) => reply::see_other(&here(visit, &id, Some(("undo", &undo)))),
                    Ok((_, false)) => reply::see_other(&here(visit, &id, None)),
                    Err(reply) => reply,
                })
            }
            Wish::Return => self.take_back(visit, &id).await,
        }
    }

    /// Puts the person on the suppression list. Tells the address, and whether this can be taken back.
    async fn leave(
        &self,
        visit: &Visit,
        id: &str,
        undo: Option<&str>,
    ) -> Result<Result<(Address, bool), Reply>, LedgerError> {
        Ok(match self.ledger.unsubscribe(id, undo.map(|undo| sha256(undo.as_bytes()))).await? {
            Unsubscribed::Done { address, can_return } => {
                self.counts.event(Event::Unsubscribed);
                Ok((address, can_return))
            }
            Unsubscribed::Forgotten => Err(self.end(&End::ForgottenLeaver)),
            Unsubscribed::Unknown => Err(self.unknown_leaver(visit)),
        })
    }

    /// Undoes a press: that one and nothing else.
    async fn take_back(&self, visit: &Visit, id: &str) -> Result<Reply, LedgerError> {
        let undo = visit.field("undo").filter(|undo| secrets::is_opaque(undo));
        if let Some(undo) = undo
            && self.ledger.undo_unsubscribe(id, sha256(undo.as_bytes())).await?
        {
            self.counts.event(Event::TakenBack);
            return Ok(reply::see_other(&here(visit, id, Some(("undone", "yes")))));
        }
        Ok(match self.ledger.unsubscribe_link(id, None).await? {
            None => self.unknown_leaver(visit),
            Some(UnsubscribeLink { address: None, .. }) => self.end(&End::ForgottenLeaver),
            Some(UnsubscribeLink { gone: true, .. }) => self.end(&End::UndoOver),
            // A second press of the same button.
            Some(_) => reply::see_other(&here(visit, id, Some(("undone", "yes")))),
        })
    }

    async fn show_leaver(&self, visit: &Visit, id: &str, status: StatusCode) -> Result<Reply, LedgerError> {
        let undo = visit.query("undo").filter(|undo| secrets::is_opaque(undo));
        let hash = undo.as_deref().map(|undo| sha256(undo.as_bytes()));
        Ok(match self.ledger.unsubscribe_link(id, hash).await? {
            None => self.unknown_leaver(visit),
            Some(UnsubscribeLink { address: None, .. }) => self.end(&End::ForgottenLeaver),
            Some(UnsubscribeLink { address: Some(address), can_return: true, .. }) => {
                let values = json!({
                    "paragraphs": self.gone_words(&address), "undo": undo, "action": here(visit, id, None),
                });
                let page = self.look.page("unsubscribed.html", "You are unsubscribed", &values);
                reply::html(StatusCode::OK, page)
            }
            Some(UnsubscribeLink { address: Some(address), gone: true, .. }) => self.gone(&address),
            Some(UnsubscribeLink { address: Some(address), .. }) if visit.query("undone").is_some() => {
                self.back(&address)
            }
            Some(UnsubscribeLink { address: Some(address), .. }) => {
                let values = json!({ "who": address.masked(), "action": here(visit, id, None) });
                // A POST that does not say what it wants changes nothing either.
                reply::html(status, self.look.page("unsubscribe.html", "Unsubscribe", &values))
            }
        })
    }

    fn gone(&self, address: &Address) -> Reply {
        let words = self.gone_words(address);
        reply::html(StatusCode::OK, self.look.words("You are unsubscribed", &words, None))
    }

    fn gone_words(&self, address: &Address) -> [String; 2] {
        [
            format!("{} will get no more mails like this one from {}.", address.masked(), self.site.name),
            "A mail that was on its way at this very moment may still arrive.".to_owned(),
        ]
    }

    fn back(&self, address: &Address) -> Reply {
        let words = [
            format!("{} will go on getting mails from {}.", address.masked(), self.site.name),
            "A mail that was to leave within this minute may not come.".to_owned(),
        ];
        reply::html(StatusCode::OK, self.look.words("You are subscribed again", &words, None))
    }

    fn unknown_leaver(&self, visit: &Visit) -> Reply {
        self.counts.event(Event::UnknownUnsubscribe);
        self.end(&self.guessed(visit, End::UnknownLeaver))
    }
}

/// The address of the page of this mail, with something more.
fn here(visit: &Visit, id: &str, more: Option<(&str, &str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("u", id).extend_pairs(more);
    format!("{}?{}", visit.path, query.finish())
}

fn wish(visit: &Visit) -> Wish {
    if !visit.is_post() {
        Wish::Look
    } else if is_one_click(visit) {
        Wish::OneClick
    } else {
        match visit.field("wish").as_deref() {
            Some("leave") => Wish::Leave,
            Some("return") => Wish::Return,
            Some(_) | None => Wish::Unclear,
        }
    }
}

/// Whether the body says `List-Unsubscribe=One-Click`, as a form of either encoding (RFC 8058 §3.2).
fn is_one_click(visit: &Visit) -> bool {
    if visit.media_type() == "multipart/form-data" {
        // One field of a few bytes: its name and its value tell it from anything else.
        let body = String::from_utf8_lossy(visit.body()).to_ascii_lowercase();
        return body.contains("name=\"list-unsubscribe\"") && body.contains("one-click");
    }
    form_urlencoded::parse(visit.body()).any(|(name, value)| {
        name.eq_ignore_ascii_case("List-Unsubscribe") && value.trim().eq_ignore_ascii_case("One-Click")
    })
}
