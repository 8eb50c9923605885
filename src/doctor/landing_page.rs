//! Whether a landing page leaves a link unspent when machines visit it.

use std::fmt::Display;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use url::Url;

use super::scanner::{self, Unreached};
use crate::{
    ledger::{ApiToken, Ledger, LedgerError, TokenStatus},
    token::{Keyring, LocalSettings, mint, mint_id},
};

/// The token lives as long as a visit may take.
const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Whom the token would sign in: nobody.
const USER: &str = "linkpost-doctor";

/// A throw-away link whose token is looked at after each visit.
pub struct Probe {
    ledger: Ledger,
    id: String,
    jti_hash: [u8; 32],
    url: Url,
}

/// What a visit showed.
#[derive(Debug)]
pub enum Seen {
    /// The page's answer to a request.
    Answer {
        /// The request.
        method: Method,
        /// The last answer's status.
        status: u16,
        /// How many redirects led there.
        redirects: usize,
    },
    /// No browser is installed, so no script was run.
    NoBrowser,
    /// A browser ran the page's scripts.
    Scripts,
    /// The page is none of this program's.
    ForeignPage,
}

/// Why nothing is known of a page.
#[derive(Debug)]
pub enum ProbeError {
    /// The ledger cannot be read or written.
    Ledger(LedgerError),
    /// No link can be made; why.
    Link(String),
    /// The page is out of reach.
    Unreached(Unreached),
    /// The page refuses a good link with this status.
    Status(u16),
}

impl From<LedgerError> for ProbeError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<Unreached> for ProbeError {
    fn from(error: Unreached) -> Self {
        Self::Unreached(error)
    }
}

impl Probe {
    /// A link that signs nobody in, on record in the ledger.
    pub async fn new(
        ledger: Ledger,
        keyring: &Keyring,
        settings: &LocalSettings,
        parameters: &[(String, String)],
        now: Timestamp,
    ) -> Result<Self, ProbeError> {
        let wrong = |error: &dyn Display| ProbeError::Link(error.to_string());
        let issued = mint(keyring, settings, USER, LIFE, now).map_err(|error| wrong(&error))?;
        let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let text = issued.link.url(parameters).map_err(|error| wrong(&error))?;
        let url = Url::parse(&text).map_err(|error| wrong(&error))?;
        let (id, jti_hash) = (mint_id(), issued.record.jti_hash);
        ledger
            .keep_api_token(ApiToken { id: id.clone(), user_id: USER.to_owned(), record: issued.record })
            .await?;
        Ok(Self { ledger, id, jti_hash, url })
    }

    /// Visits the page in every way; which has spent the link, if one has. Whatever was seen, the token ends here.
    /// `path` is where a browser is looked for, and `hidden` are the variables of the environment that it does not see.
    pub async fn visit(
        &self,
        path: &str,
        hidden: Vec<String>,
        seen: impl FnMut(Seen),
    ) -> Result<Option<&'static str>, ProbeError> {
        let visited = self.look(path, hidden, seen).await;
        self.ledger.revoke_api_token(&self.id).await?;
        visited
    }

    async fn look(
        &self,
        path: &str,
        hidden: Vec<String>,
        mut seen: impl FnMut(Seen),
    ) -> Result<Option<&'static str>, ProbeError> {
        let mut ours = false;
        for (method, name) in [(Method::HEAD, "a HEAD request"), (Method::GET, "a GET request")] {
            let visit = scanner::visit(&self.url, &method).await?;
            ours |= visit.is_ours;
            seen(Seen::Answer { method, status: visit.status, redirects: visit.redirects });
            if self.is_spent().await? {
                return Ok(Some(name));
            }
            if visit.status >= 400 {
                return Err(ProbeError::Status(visit.status));
            }
        }
        match scanner::browser(path) {
            None => seen(Seen::NoBrowser),
            Some(browser) => {
                scanner::load(browser, self.url.clone(), hidden).await?;
                seen(Seen::Scripts);
                if self.is_spent().await? {
                    return Ok(Some("a script of the page"));
                }
            }
        }
        if !ours {
            seen(Seen::ForeignPage);
        }
        Ok(None)
    }

    async fn is_spent(&self) -> Result<bool, LedgerError> {
        let ticket = self.ledger.ticket(&self.jti_hash).await?;
        Ok(ticket.is_none_or(|ticket| ticket.status != TokenStatus::Open))
    }
}
