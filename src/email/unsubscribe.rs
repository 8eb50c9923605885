//! The ways off the list for one recipient: the links that a mail shows and the headers that mail programs act on.

use lettre::message::header::HeaderValue;

use super::{Unsubscribe, headers::raw};

/// One recipient's ways off the list, the same on every try.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UnsubscribeLinks {
    /// The opaque id.
    pub(super) id: String,
    /// The page with the id, where there is one.
    page: Option<String>,
    /// The `mailto:` with the id, where there is one.
    mailto: Option<String>,
}

impl UnsubscribeLinks {
    /// The links for an opaque id.
    pub(super) fn new(ways: &Unsubscribe, id: String) -> Self {
        let page = ways.url.as_ref().map(|url| {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair("u", &id);
            String::from(url)
        });
        let mailto =
            ways.mailto.as_ref().map(|address| format!("mailto:{address}?subject=unsubscribe%20{id}"));
        Self { id, page, mailto }
    }

    /// The way that the templates show: the page, else the `mailto:`.
    pub(super) fn shown(&self) -> Option<&str> {
        self.page.as_deref().or(self.mailto.as_deref())
    }

    /// `List-Unsubscribe` (RFC 2369 §3.2) and `List-Unsubscribe-Post` (RFC 8058 §3.1).
    pub(super) fn headers(&self) -> Vec<HeaderValue> {
        let ways: Vec<String> = self.page.iter().chain(&self.mailto).map(|way| format!("<{way}>")).collect();
        let mut headers = Vec::new();
        if !ways.is_empty() {
            headers.push(raw("List-Unsubscribe", ways.join(",\r\n ")));
        }
        if self.page.is_some() {
            headers.push(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        headers
    }
}
