//! The pages behind the links: small, hard, on the same ledger.
//!
//! A page that is loaded changes nothing, whoever loads it and whatever it runs: mail scanners follow links and run
//! scripts. Only a form that a person sends spends a link, by one statement of the ledger. Nothing here believes the
//! `Host` of a request: where we are stands in the settings.
//!
//! `server` owns the connections and their deadlines, `request` and `reply` what goes in and out, `accept`, `leave`,
//! `tokens` and `tickets` are the four things that can be done.

mod accept;
mod colour;
mod ends;
mod leave;
mod limits;
mod look;
mod metrics;
mod reply;
mod request;
mod secrets;
mod server;
mod target;
mod tickets;
mod tokens;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use hyper::{Method, StatusCode, header::HeaderName};
use jiff::SignedDuration;
use secrecy::SecretString;
use tracing::error;

pub use look::Logo;
pub use server::{Access, Listening, Tls, TlsError};

use self::{
    ends::End,
    limits::Limiter,
    look::Look,
    metrics::{Counts, Event},
    reply::Reply,
    request::Visit,
    secrets::Keys,
};
use crate::{
    clock::Clock,
    ledger::{Ledger, LedgerError},
    token::{KeyError, LocalSettings},
};

/// What the settings say about the site.
#[derive(Debug, Clone)]
pub struct Site {
    /// Who issues tokens, for whom, and the page's address: our own origin and the path of the accept page.
    pub sign_in: LocalSettings,
    /// The path of the unsubscribe page; `None`: somebody else serves it.
    pub unsubscribe_path: Option<String>,
    /// The key folder.
    pub keys: PathBuf,
    /// The site's name on the pages.
    pub name: String,
    /// The accent, `#rrggbb`.
    pub colour: String,
    /// The picture at the head of the pages.
    pub logo: Option<Logo>,
    /// Where a person lands who is signed in; `None`: on a page of ours.
    pub after: Option<String>,
    /// Where a link may lead.
    pub paths: Vec<String>,
    /// Where a person gets a new link.
    pub new_link: Option<String>,
    /// How long a session lives.
    pub session: SignedDuration,
    /// The header in which the proxy in front writes the client's address.
    pub client_address_header: Option<HeaderName>,
    /// Requests a minute from one address to the pages of links.
    pub requests_per_minute: u32,
    /// Links a minute from one address that nobody ever sent.
    pub bad_tokens_per_minute: u32,
    /// How long a client may take for the head and for the body of a request.
    pub read_deadline: Duration,
    /// The key of the token API; without one it is closed.
    pub api_key: Option<SecretString>,
    /// Whether there is no site around the pages: a page of ours stands for each of the site's.
    pub is_alone: bool,
}

/// The site at work.
pub struct Web {
    site: Site,
    ledger: Ledger,
    clock: Clock,
    keys: Keys,
    look: Look,
    counts: Counts,
    requests: Limiter,
    bad_tokens: Limiter,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Accept,
    Unsubscribe,
    SignedIn,
    Answered,
    Keys,
    Tokens,
    Revoke,
    Tickets,
    Health,
    Metrics,
    Style,
    Logo,
    Other,
}

/// Where a person lands who is signed in, if the settings name no place.
const SIGNED_IN: &str = "/signed-in";
/// Where a person lands who answered.
const ANSWERED: &str = "/answered";

impl Route {
    const ALL: [Self; 13] = [
        Self::Accept,
        Self::Unsubscribe,
        Self::SignedIn,
        Self::Answered,
        Self::Keys,
        Self::Tokens,
        Self::Revoke,
        Self::Tickets,
        Self::Health,
        Self::Metrics,
        Self::Style,
        Self::Logo,
        Self::Other,
    ];

    /// The name in logs and metrics: never the path that was asked for, which may hold anything.
    const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Unsubscribe => "unsubscribe",
            Self::SignedIn => "signed-in",
            Self::Answered => "answered",
            Self::Keys => "jwks",
            Self::Tokens => "sign_in_tokens",
            Self::Revoke => "revoke",
            Self::Tickets => "redeem",
            Self::Health => "healthz",
            Self::Metrics => "metrics",
            Self::Style => "style",
            Self::Logo => "logo",
            Self::Other => "other",
        }
    }

    fn of(site: &Site, path: &str) -> Self {
        match path {
            path if path == site.sign_in.page.path() => Self::Accept,
            path if Some(path) == site.unsubscribe_path.as_deref() => Self::Unsubscribe,
            SIGNED_IN => Self::SignedIn,
            ANSWERED => Self::Answered,
            "/.well-known/jwks.json" => Self::Keys,
            "/v1/sign_in_tokens" => Self::Tokens,
            "/v1/tickets/redeem" => Self::Tickets,
            "/healthz" => Self::Health,
            "/metrics" => Self::Metrics,
            "/linkpost/style.css" => Self::Style,
            "/linkpost/logo" => Self::Logo,
            path if tokens::revoked_id(path).is_some() => Self::Revoke,
            _ => Self::Other,
        }
    }

    /// What may be asked of it.
    const fn methods(self) -> &'static str {
        match self {
            Self::Accept | Self::Unsubscribe => "GET, HEAD, POST",
            Self::Tokens | Self::Revoke | Self::Tickets => "POST",
            Self::SignedIn
            | Self::Answered
            | Self::Keys
            | Self::Health
            | Self::Metrics
            | Self::Style
            | Self::Logo
            | Self::Other => "GET, HEAD",
        }
    }

    fn takes(self, method: &Method) -> bool {
        self.methods().split(", ").any(|known| known == method.as_str())
    }
}

impl Web {
    /// Opens the keys and gets the pages ready.
    pub fn new(site: Site, ledger: Ledger, clock: Clock) -> Result<Self, KeyError> {
        Ok(Self {
            keys: Keys::open(site.keys.clone())?,
            look: Look::new(&site),
            counts: Counts::default(),
            requests: Limiter::per_minute(site.requests_per_minute),
            bad_tokens: Limiter::per_minute(site.bad_tokens_per_minute),
            site,
            ledger,
            clock,
        })
    }

    /// Paths of the site that both the settings and we would like to have.
    #[must_use]
    pub fn taken_path(site: &Site) -> Option<String> {
        let page = site.sign_in.page.path();
        let without = Site { unsubscribe_path: None, ..site.clone() };
        let mut probe = without.clone();
        probe.sign_in.page.set_path("/linkpost/none");
        let taken = |path: &str| Route::of(&probe, path) != Route::Other;
        match site.unsubscribe_path.as_deref() {
            _ if taken(page) => Some(page.to_owned()),
            Some(path) if path == page || taken(path) => Some(path.to_owned()),
            Some(_) | None => None,
        }
    }

    /// Whether browsers reach us over TLS, by us or by a proxy in front.
    fn is_secure(&self) -> bool {
        self.site.sign_in.page.scheme() == "https"
    }

    /// The answer to a request that was read, or could not be.
    async fn answer(&self, visit: Result<Visit, StatusCode>) -> (Route, Reply) {
        let visit = match visit {
            Ok(visit) => visit,
            Err(status) => {
                let words = status.canonical_reason().unwrap_or("not taken").to_owned();
                return (Route::Other, reply::with_type(status, "text/plain; charset=utf-8", words));
            }
        };
        let route = Route::of(&self.site, &visit.path);
        if !route.takes(&visit.method) {
            return (route, reply::not_allowed(route.methods()));
        }
        let answered = match route {
            Route::Accept => self.accept(&visit).await,
            Route::Unsubscribe => self.unsubscribe(&visit).await,
            Route::SignedIn => Ok(self.signed_in(&visit)),
            Route::Answered => Ok(self.answered()),
            Route::Keys => Ok(self.jwks()),
            Route::Tokens => self.create_token(&visit).await,
            Route::Revoke => self.revoke_token(&visit).await,
            Route::Tickets => self.redeem_ticket(&visit).await,
            Route::Health => self.health().await,
            Route::Metrics => Ok(self.metrics(visit.client)),
            Route::Style => Ok(reply::for_a_while(reply::with_type(
                StatusCode::OK,
                "text/css; charset=utf-8",
                self.look.style.clone(),
            ))),
            Route::Logo => Ok(self.logo()),
            Route::Other if self.site.is_alone => Ok(self.stand_in(&visit)),
            Route::Other => Ok(self.end(&End::NoPage)),
        };
        let reply = answered.unwrap_or_else(|failure| {
            self.counts.event(Event::LedgerFailed);
            error!("the ledger does not answer: {failure}");
            match route {
                Route::Tokens | Route::Revoke | Route::Tickets => tokens::unavailable(),
                Route::Accept
                | Route::Unsubscribe
                | Route::SignedIn
                | Route::Answered
                | Route::Keys
                | Route::Health
                | Route::Metrics
                | Route::Style
                | Route::Logo
                | Route::Other => self.end(&End::Busy),
            }
        });
        (route, reply)
    }

    /// Whether we can answer at all: the ledger is read.
    async fn health(&self) -> Result<Reply, LedgerError> {
        self.ledger.ticket(&[0; 32]).await?;
        Ok(reply::with_type(StatusCode::OK, "text/plain; charset=utf-8", "ok\n"))
    }

    /// The figures, for the own machine and the own network only.
    fn metrics(&self, client: IpAddr) -> Reply {
        let near = match client.to_canonical() {
            IpAddr::V4(address) => address.is_loopback() || address.is_private(),
            IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
        };
        if near {
            reply::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.counts.text())
        } else {
            self.end(&End::NoPage)
        }
    }

    fn jwks(&self) -> Reply {
        reply::for_a_while(reply::json(StatusCode::OK, &self.keys.now().sessions.jwks()))
    }

    fn logo(&self) -> Reply {
        match &self.site.logo {
            Some(logo) => {
                reply::for_a_while(reply::with_type(StatusCode::OK, logo.media_type, logo.bytes.clone()))
            }
            None => reply::for_a_while(reply::with_type(
                StatusCode::OK,
                "image/svg+xml",
                look::initial(&self.site),
            )),
        }
    }

    /// Counts a request for a link's page.
    fn let_in(&self, client: IpAddr) -> Result<(), End> {
        self.requests.take(client).and_then(|()| self.bad_tokens.look(client)).map_err(|wait| {
            self.counts.event(Event::TooMany);
            End::TooMany(wait)
        })
    }
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Web")
    }
}
