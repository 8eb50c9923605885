//! Unsubscribing: a page for people, one click for machines (RFC 8058). No cookie, no sign-in, no redirect.

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
    ledger::{Leaver, LedgerError, Left},
};

impl Web {
    /// A `GET` shows the page, a `POST` unsubscribes. It works for as long as the ledger knows the mail.
    pub(super) async fn unsubscribe(&self, visit: &Visit) -> Result<Reply, LedgerError> {
        if let Err(wait) = self.bad_tokens.look(visit.client) {
            self.counts.event(Event::TooMany);
            return Ok(self.end(&End::TooMany(wait)));
        }
        let Some(id) = visit.query("u").filter(|id| secrets::is_opaque(id)) else {
            return Ok(self.unknown_leaver(visit));
        };
        if visit.is_post() && is_one_click(visit) {
            return Ok(match self.ledger.leave(&id).await? {
                Left::Done(address) => {
                    self.counts.event(Event::Unsubscribed);
                    self.gone(&address)
                }
                Left::Forgotten => self.end(&End::ForgottenLeaver),
                Left::Unknown => self.unknown_leaver(visit),
            });
        }
        Ok(match self.ledger.leaver(&id).await? {
            None => self.unknown_leaver(visit),
            Some(Leaver { address: None, .. }) => self.end(&End::ForgottenLeaver),
            Some(Leaver { address: Some(address), gone: true }) => self.gone(&address),
            Some(Leaver { address: Some(address), gone: false }) => {
                let query = form_urlencoded::Serializer::new(String::new()).append_pair("u", &id).finish();
                let values = json!({ "who": address.masked(), "action": format!("{}?{query}", visit.path) });
                // A POST that does not say what it wants changes nothing either.
                let status = if visit.is_post() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
                reply::html(status, self.look.page("unsubscribe.html", "Unsubscribe", &values))
            }
        })
    }

    fn gone(&self, address: &Address) -> Reply {
        let words = [
            format!("{} will get no more mails like this one from {}.", address.masked(), self.site.name),
            "A mail that was on its way at this very moment may still arrive.".to_owned(),
        ];
        reply::html(StatusCode::OK, self.look.words("You are unsubscribed", &words, None))
    }

    fn unknown_leaver(&self, visit: &Visit) -> Reply {
        self.counts.event(Event::UnknownUnsubscribe);
        let end = match self.bad_tokens.take(visit.client) {
            Ok(()) => End::UnknownLeaver,
            Err(wait) => End::TooMany(wait),
        };
        self.end(&end)
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
