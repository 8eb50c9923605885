//! The pages behind the links: small, hard, on the same ledger.
//!
//! A page that is loaded changes nothing, whoever loads it and whatever it runs: mail scanners follow links and run
//! scripts. Only a form that a person sends spends a link, by one statement of the ledger. Nothing here believes the
//! `Host` of a request: where we are stands in the settings.
//!
//! `server` owns the connections and their deadlines, `strict` how requests are told apart, `client` who asks, `request`
//! and `reply` what goes in and out, `route` what a path asks for. `accept`, `leave`, `tokens` and `tickets` are the four things that can be done.
//! Where somebody else takes the links, people can leave and nothing more: all about sign-in hangs on a [`SignIn`],
//! which such a site has not.

mod accept;
mod client;
mod colour;
mod damage;
mod ends;
mod leave;
mod limits;
mod look;
mod metrics;
mod reply;
mod request;
mod route;
mod secrets;
mod server;
mod strict;
mod target;
mod tickets;
mod tokens;

use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use hyper::{StatusCode, header::HeaderName};
use jiff::SignedDuration;
use secrecy::SecretString;
use tracing::error;
use url::Url;

pub use look::Logo;
pub use server::{Access, Heard, Listening, Tls, TlsError};

use self::{
    ends::End,
    limits::Limits,
    look::Look,
    metrics::{Counts, Event},
    reply::Reply,
    request::Visit,
    route::{ANSWERED, Route, SIGNED_IN, folder},
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
    /// What it is there for.
    pub pages: Pages,
    /// The site's name on the pages.
    pub name: String,
    /// The accent, `#rrggbb`.
    pub colour: String,
    /// The picture at the head of the pages.
    pub logo: Option<Logo>,
    /// Where a person gets a new link.
    pub new_link: Option<String>,
    /// The header in which the proxy in front writes the client's address.
    pub client_address_header: Option<HeaderName>,
    /// Requests a minute from one address to the pages of links; more take turns.
    pub requests_per_minute: u32,
    /// Links a minute from one address that nobody ever sent; more are refused.
    pub bad_tokens_per_minute: u32,
    /// How long a client may take for the head and for the body of a request.
    pub read_deadline: Duration,
}

/// What a site is there for.
#[derive(Debug, Clone)]
pub enum Pages {
    /// Our links are taken here.
    SignIn(Box<SignIn>),
    /// Somebody else takes the links; people leave on this page.
    Leaving(Url),
}

/// What it takes to sign people in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Who issues tokens, for whom, and the page's address: our own origin and the path of the accept page.
    pub local: LocalSettings,
    /// The path of the unsubscribe page; `None`: somebody else serves it.
    pub unsubscribe_path: Option<String>,
    /// The key folder.
    pub keys: PathBuf,
    /// Where a person lands who is signed in; `None`: on a page of ours.
    pub after: Option<String>,
    /// Where a link may lead.
    pub paths: Vec<String>,
    /// How long a session lives.
    pub session: SignedDuration,
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
    keys: Option<Keys>,
    look: Look,
    /// The same for the unsubscribe page, which may lie in another folder.
    leave_look: Look,
    counts: Counts,
    limits: Limits,
    /// Whether it was told that a proxy hides the visitors' addresses.
    told_of_proxy: AtomicBool,
    /// Whether a link has come that is not valid yet: a clock is wrong, which has still to be told.
    is_early: AtomicBool,
}

/// The part of a site that signs people in.
#[derive(Clone, Copy)]
struct Door<'a> {
    web: &'a Web,
    sign_in: &'a SignIn,
    keys: &'a Keys,
}

impl Site {
    /// What it takes to sign people in, where links are taken here.
    #[must_use]
    pub fn sign_in(&self) -> Option<&SignIn> {
        match &self.pages {
            Pages::SignIn(sign_in) => Some(sign_in),
            Pages::Leaving(_) => None,
        }
    }

    /// The path of the unsubscribe page; `None`: somebody else serves it.
    #[must_use]
    pub fn unsubscribe_path(&self) -> Option<&str> {
        match &self.pages {
            Pages::SignIn(sign_in) => sign_in.unsubscribe_path.as_deref(),
            Pages::Leaving(page) => Some(page.path()),
        }
    }

    /// The folders of our pages, such as `/` and `/app/`.
    fn folders(&self) -> impl Iterator<Item = &str> {
        let accept = self.sign_in().map(|sign_in| sign_in.local.page.path());
        [accept, self.unsubscribe_path()].into_iter().flatten().map(folder)
    }

    /// A path below the folder of a page of ours, or as it is: `/app/signed-in` is `/signed-in`.
    fn below<'p>(&self, path: &'p str) -> &'p str {
        let below = |folder: &str| path.get(folder.len() - 1..).filter(|_| path.starts_with(folder));
        self.folders().find_map(below).unwrap_or(path)
    }

    /// The paths that a proxy in front has to lead here, those that end in a slash with all below them.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let pages = [self.sign_in().map(|sign_in| sign_in.local.page.path()), self.unsubscribe_path()];
        for page in pages.into_iter().flatten() {
            paths.push(page.to_owned());
            let parts = ["linkpost/"].into_iter();
            let landing = [SIGNED_IN, ANSWERED].into_iter();
            let is_accept = pages.first() == Some(&Some(page));
            for part in parts.chain(landing.filter(|_| is_accept)) {
                let path = format!("{}{part}", folder(page));
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        paths
    }

    /// The page that people come for: its origin is ours.
    #[must_use]
    pub fn page(&self) -> &Url {
        match &self.pages {
            Pages::SignIn(sign_in) => &sign_in.local.page,
            Pages::Leaving(page) => page,
        }
    }
}

impl Web {
    /// Opens the keys and gets the pages ready.
    pub fn new(site: Site, ledger: Ledger, clock: Clock) -> Result<Self, KeyError> {
        Ok(Self {
            keys: site.sign_in().map(|sign_in| Keys::open(sign_in.keys.clone())).transpose()?,
            look: Look::new(&site, folder(site.page().path())),
            leave_look: Look::new(&site, folder(site.unsubscribe_path().unwrap_or("/"))),
            counts: Counts::default(),
            limits: Limits::new(site.requests_per_minute, site.bad_tokens_per_minute),
            told_of_proxy: AtomicBool::new(false),
            is_early: AtomicBool::new(false),
            site,
            ledger,
            clock,
        })
    }

    /// Paths of the site that both the settings and we would like to have.
    #[must_use]
    pub fn taken_path(site: &Site) -> Option<String> {
        let accept = site.sign_in().map(|sign_in| sign_in.local.page.path());
        let leave = site.unsubscribe_path();
        let is_fixed = |path: &&str| Route::fixed(site, site.below(path)).is_some();
        let own = [accept, leave].into_iter().flatten().find(is_fixed);
        own.or_else(|| accept.filter(|_| accept == leave)).map(str::to_owned)
    }

    /// Whether browsers reach us over TLS, by us or by a proxy in front.
    fn is_secure(&self) -> bool {
        self.site.page().scheme() == "https"
    }

    /// The part that signs people in, where there is one.
    fn door(&self) -> Option<Door<'_>> {
        let (sign_in, keys) = self.site.sign_in().zip(self.keys.as_ref())?;
        Some(Door { web: self, sign_in, keys })
    }

    /// The answer to a request that was read, or could not be; `for_programs`, below `/v1`, it is JSON whatever it says.
    async fn answer(&self, visit: Result<Visit, StatusCode>, for_programs: bool) -> (Route, Reply) {
        let mut visit = match visit {
            Ok(visit) => visit,
            Err(status) if for_programs => return (Route::Other, tokens::unanswered(status).reply()),
            Err(status) => {
                let words = status.canonical_reason().unwrap_or("not taken").to_owned();
                return (Route::Other, reply::with_type(status, "text/plain; charset=utf-8", words));
            }
        };
        let route = Route::of(&self.site, &visit.path);
        if for_programs {
            visit.path = self.site.below(&visit.path).to_owned();
        }
        if route == Route::Other && for_programs {
            return (route, tokens::unanswered(StatusCode::NOT_FOUND).reply());
        }
        if !route.takes(&visit.method) {
            let refused = || tokens::unanswered(StatusCode::METHOD_NOT_ALLOWED).reply();
            let methods = route.methods();
            let reply =
                if for_programs { reply::allowing(refused(), methods) } else { reply::not_allowed(methods) };
            return (route, reply);
        }
        let answered = match (route, self.door()) {
            (Route::Accept, Some(door)) => door.accept(&visit).await,
            (Route::SignedIn, Some(door)) => Ok(door.signed_in(&visit)),
            (Route::Answered, Some(door)) => Ok(door.answered()),
            (Route::Keys, Some(door)) => Ok(door.jwks()),
            (Route::Tokens, Some(door)) => door.create_token(&visit).await,
            (Route::Revoke, Some(door)) => door.revoke_token(&visit).await,
            (Route::Tickets, Some(door)) => door.redeem_ticket(&visit).await,
            (Route::Unsubscribe, _) => self.unsubscribe(&visit).await,
            (Route::Health, _) => self.health().await,
            (Route::Metrics, _) => Ok(self.metrics(&visit)),
            (Route::Style, _) => Ok(reply::for_a_while(reply::with_type(
                StatusCode::OK,
                "text/css; charset=utf-8",
                self.look.style.clone(),
            ))),
            (Route::Logo, _) => Ok(self.logo()),
            (Route::Other, Some(door)) if door.sign_in.is_alone => Ok(door.stand_in(&visit)),
            (Route::Other, _)
            | (
                Route::Accept
                | Route::SignedIn
                | Route::Answered
                | Route::Keys
                | Route::Tokens
                | Route::Revoke
                | Route::Tickets,
                None,
            ) => Ok(self.end(&End::NoPage)),
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

    /// The figures, for the own machine and the own network only: whoever comes through a proxy is anybody.
    fn metrics(&self, visit: &Visit) -> Reply {
        if visit.client.is_near() {
            reply::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.counts.text())
        } else {
            self.end(&End::NoPage)
        }
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

    /// How a visit ends with a link that nobody was ever sent: one guess is answered, too many are not.
    fn guessed(&self, visit: &Visit, end: End) -> End {
        match self.limits.guess(visit.client.address) {
            Ok(()) => end,
            Err(wait) => {
                self.counts.event(Event::TooMany);
                End::TooMany(wait)
            }
        }
    }
}

impl Door<'_> {
    fn jwks(self) -> Reply {
        reply::for_a_while(reply::json(StatusCode::OK, &self.keys.now().sessions.jwks()))
    }
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Web")
    }
}
