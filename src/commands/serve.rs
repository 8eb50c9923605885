//! `serve`: the pages behind the links.

use std::{net::SocketAddr, path::Path};

use clap::Args;
use hyper::header::HeaderName;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    console::{
        Failure, Global,
        files::{self, CLOCK},
        signals,
    },
    exit::Exit,
    occasion::{self, ledgers},
    problem::{Place, Problem},
    settings::{self, API_KEY, NoSecret, Settings},
    ui::Ui,
    web::{Access, Heard, Listening, Logo, Pages, SignIn, Site, Tls, Web},
};

/// The largest logo, in bytes: it goes along with every page.
const LARGEST_LOGO: u64 = 512 * 1024;
/// A key that nobody guesses has more characters than this.
const SHORTEST_KEY: usize = 24;

/// What `serve` understands.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Take the links of `send --sandbox`, on this machine over http
    #[arg(long)]
    pub sandbox: bool,
    /// Listen here instead of at `web.listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// Runs the verb until a signal ends it.
pub async fn run(ui: &Ui, global: &Global, arguments: ServeArgs) -> Result<Exit, Failure> {
    let mut settings = files::own_settings(global)?;
    if arguments.sandbox {
        occasion::rehearse(&mut settings);
    }
    let sandbox_keys = if arguments.sandbox { Some(files::sandbox_keys(ui, &settings)?) } else { None };
    if let (settings::SignIn::Local(local), Some(keys)) = (&mut settings.sign_in, sandbox_keys) {
        local.keys = keys;
    }
    let address = arguments.listen.unwrap_or(settings.web.listen);
    let site = site(&settings, arguments.sandbox)?;
    let tls = match &settings.web.tls {
        Some((certificates, key)) if !arguments.sandbox => {
            let wrong = |error: crate::web::TlsError| Failure::words(Exit::Configuration, error.to_string());
            Some(Tls::load(certificates, key).map_err(wrong)?)
        }
        Some(_) | None => None,
    };
    tell_before(ui, &site, address, tls.is_some());
    if arguments.sandbox {
        ui.say("for this machine alone: all visitors count as one (see `web.client_address_header`)");
    } else if let Some(problem) = hidden_visitors(&settings, site.page()) {
        ui.note(problem);
    }
    let purpose = purpose(&site);
    let options = ledgers::options(&settings, arguments.sandbox);
    let location = ledgers::location(&settings, arguments.sandbox);
    let ledger = files::open_ledger(ui, &location, &options).await?;
    let web = Web::new(site, ledger.clone(), CLOCK)?;
    let taken = |error: std::io::Error| {
        Failure::words(Exit::Configuration, format!("`{address}` cannot be listened on: {error}"))
            .hint("another program has it, or it is no address of this machine: see `web.listen`")
    };
    let listening = Listening::on(address, web, tls.clone()).await.map_err(taken)?;
    let address = listening.address().map_err(taken)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    // Who reads that it listens may stop it.
    let stopped = signals::first();
    ui.event(&json!({ "event": "listening", "address": address.to_string(), "scheme": scheme }));
    ui.say(format_args!("listening on {scheme}://{address}; {purpose}"));

    let stop = CancellationToken::new();
    let log_ui = ui.clone();
    let serving = listening.serve(stop.clone(), move |heard| match heard {
        Heard::Answered(access) => tell(&log_ui, access),
        Heard::Early => log_ui.note(
            "a link came that is not valid yet: the clock of the machine that sent it is more than five minutes ahead \
             of this one's; set both by NTP",
        ),
        Heard::Hidden(header) => tell_of_proxy(&log_ui, &settings, header),
    });
    let stopping = async {
        stopped.await;
        stop.cancel();
        ui.say("stopping: what is under way is answered first");
    };
    tokio::join!(serving, stopping);
    ledger.close().await?;
    Ok(Exit::Settled)
}

/// The site that the settings describe.
fn site(settings: &Settings, sandbox: bool) -> Result<Site, Failure> {
    let wrong = |words: String| Failure::words(Exit::Configuration, words);
    let web = &settings.web;
    let header = web.client_address_header.as_ref().map(|name| HeaderName::try_from(name.as_str()));
    let site = Site {
        pages: pages(settings, sandbox)?,
        name: web
            .name
            .clone()
            .or_else(|| settings.sender.name.clone())
            .unwrap_or_else(|| settings.sender.address.domain().to_owned()),
        colour: web.colour.clone(),
        logo: web.logo.as_deref().map(logo).transpose()?,
        new_link: web.new_link.as_ref().map(ToString::to_string),
        client_address_header: header
            .transpose()
            .map_err(|_| wrong("`web.client_address_header` is no header's name".to_owned()))?,
        requests_per_minute: web.requests_per_minute,
        bad_tokens_per_minute: web.bad_tokens_per_minute,
        read_deadline: web.read_deadline,
    };
    match Web::taken_path(&site) {
        Some(path) => Err(wrong(format!("`{path}` is the path of two pages"))
            .hint("give `sign_in.local.page` and `unsubscribe.url` paths of their own")),
        None => Ok(site),
    }
}

/// Links that are signed here are taken here. Clerk's are not, but people must be able to leave all the same.
fn pages(settings: &Settings, sandbox: bool) -> Result<Pages, Failure> {
    let (web, leaving) = (&settings.web, settings.unsubscribe.url.as_ref());
    let wrong = |words: String| Failure::words(Exit::Configuration, words);
    match &settings.sign_in {
        settings::SignIn::Local(local) => {
            let api_key = match web.api_key.clone() {
                Ok(key) => Some(key),
                Err(NoSecret::Unset(_)) => None,
                Err(NoSecret::Unreadable(problem)) => {
                    return Err(Failure::problems(Exit::Configuration, vec![*problem]));
                }
            };
            if let Some(key) = &api_key
                && key.expose_secret().len() < SHORTEST_KEY
            {
                return Err(wrong(format!(
                    "the key in {API_KEY} is too short, expected at least {SHORTEST_KEY} characters"
                ))
                .hint("make one: openssl rand -hex 32"));
            }
            let here = leaving.filter(|url| url.origin() == local.page.origin());
            Ok(Pages::SignIn(Box::new(SignIn {
                local: local.local(),
                unsubscribe_path: here.map(|url| url.path().to_owned()),
                keys: local.keys.clone(),
                after: web.after.clone(),
                paths: web.paths.clone(),
                session: web.session,
                api_key,
                is_alone: sandbox,
            })))
        }
        settings::SignIn::Clerk(_) => leaving.cloned().map(Pages::Leaving).ok_or_else(|| {
            wrong(
                "Clerk takes the links, and there is no `unsubscribe.url`: nothing is left to serve"
                    .to_owned(),
            )
            .hint("set `url` under `[unsubscribe]` to the page on which people leave")
        }),
    }
}

/// What people come for, in words.
fn purpose(site: &Site) -> String {
    match &site.pages {
        Pages::SignIn(sign_in) => format!("the links lead to {}", sign_in.local.page),
        Pages::Leaving(page) => format!("people unsubscribe at {page}; Clerk takes the sign-in links"),
    }
}

fn logo(path: &Path) -> Result<Logo, Failure> {
    let wrong = |why: String| {
        Failure::words(Exit::Configuration, format!("the logo `{}` {why}", path.display()))
            .hint("`web.logo` names a PNG, JPEG, WebP or SVG of at most 512 KiB")
    };
    let media_type =
        Logo::media_type(path).ok_or_else(|| wrong("is of a kind that not every browser shows".into()))?;
    let unread = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
    let length = std::fs::metadata(path).map_err(unread)?.len();
    if length > LARGEST_LOGO {
        return Err(wrong(format!("has {length} bytes")));
    }
    Ok(Logo { bytes: std::fs::read(path).map_err(unread)?, media_type })
}

/// What somebody should know before it starts.
fn tell_before(ui: &Ui, site: &Site, address: SocketAddr, tls: bool) {
    if site.unsubscribe_path().is_none() {
        ui.note("`unsubscribe.url` is on another host than `sign_in.local.page`: it is not served here");
    }
    if site.sign_in().is_some_and(|sign_in| sign_in.api_key.is_none()) {
        ui.say(format_args!("the token API is closed: the environment holds no {API_KEY}"));
    }
    if !tls && !address.ip().is_loopback() {
        ui.note(format_args!(
            "{address} is open to the network without TLS: only the proxy in front may reach it"
        ));
    }
    if !tls {
        ui.say(format_args!("let the proxy in front lead here: {}", site.paths().join(", ")));
    }
    if site.sign_in().is_some_and(|sign_in| sign_in.after.is_none()) {
        ui.say("people land on a page of ours; `after` under `[web]` leads them into your site");
    }
}

/// Whether all visitors may have one address: those of a page in TLS come through the proxy that does it, and nothing
/// says where it writes whose they are.
pub(super) fn hidden_visitors(settings: &Settings, page: &Url) -> Option<Problem> {
    let web = &settings.web;
    let is_known = web.client_address_header.is_some() || web.tls.is_some();
    let is_far = page.scheme() == "https" || !page.host_str().is_some_and(settings::is_loopback);
    (!is_known && is_far).then(|| proxy_problem(settings, "`web.client_address_header` is not set"))
}

fn proxy_problem(settings: &Settings, found: &str) -> Problem {
    let message = format!(
        "{found}: behind a proxy every visitor has its address, so that one who tries wrong links uses up the tries \
         of all, and `/metrics` is open to everybody whom the proxy leads there"
    );
    Problem::new(Place::file(settings.file.display().to_string()), message).hint(
        "name the header in which the proxy writes the visitor's address: `client_address_header = \"x-real-ip\"` \
         under `[web]`",
    )
}

/// A proxy is in front, and hides the visitors.
fn tell_of_proxy(ui: &Ui, settings: &Settings, header: &str) {
    let found = match &settings.web.client_address_header {
        None => {
            format!("a request came through a proxy (`{header}`), and `web.client_address_header` is not set")
        }
        Some(named) => format!("a request came through a proxy (`{header}`) without an address in `{named}`"),
    };
    ui.event(&json!({ "event": "hidden_visitors", "header": header }));
    ui.note(proxy_problem(settings, &found));
}

/// A line of the access log.
fn tell(ui: &Ui, access: &Access) {
    let Access { client, method, route, status, took } = access;
    let milliseconds = took.as_micros() / 1000;
    ui.event(&json!({
        "event": "request", "client": client, "method": method, "route": route, "status": status,
        "ms": u64::try_from(milliseconds).unwrap_or(u64::MAX),
    }));
    if !ui.json {
        ui.say(format_args!("{client} {method} {route} {status} {milliseconds} ms"));
    }
}
