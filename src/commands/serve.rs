//! `serve`: the pages behind the links.

use std::{net::SocketAddr, path::Path};

use clap::Args;
use hyper::header::HeaderName;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    commands::{
        Failure, Global,
        parts::{self, CLOCK},
        sandbox, send,
    },
    exit::Exit,
    ledger::Ledger,
    settings::{API_KEY, Settings, SignIn},
    ui::Ui,
    web::{Access, Listening, Logo, Site, Tls, Web},
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
    let mut settings = parts::own_settings(global)?;
    if arguments.sandbox {
        parts::rehearse(&mut settings);
    }
    let sandbox_keys = if arguments.sandbox { Some(sandbox::keys(ui, &settings)?) } else { None };
    if let (SignIn::Local(local), Some(keys)) = (&mut settings.sign_in, sandbox_keys) {
        local.keys = keys;
    }
    let address = arguments.listen.unwrap_or(settings.web.listen);
    let site = Site { is_alone: arguments.sandbox, ..site(&settings)? };
    let tls = match &settings.web.tls {
        Some((certificates, key)) if !arguments.sandbox => {
            let wrong = |error: crate::web::TlsError| Failure::words(Exit::Configuration, error.to_string());
            Some(Tls::load(certificates, key).map_err(wrong)?)
        }
        Some(_) | None => None,
    };
    tell_before(ui, &settings, &site, address, tls.is_some());
    let options = parts::ledger_options(&settings, arguments.sandbox);
    let path = parts::ledger(&settings, arguments.sandbox);
    let ledger = Ledger::open_with(&path, CLOCK, &options).await?;
    let web = Web::new(site, ledger.clone(), CLOCK)?;
    let taken = |error: std::io::Error| {
        Failure::words(Exit::Configuration, format!("`{address}` cannot be listened on: {error}"))
            .hint("another program has it, or it is no address of this machine: see `web.listen`")
    };
    let listening = Listening::on(address, web, tls.clone()).await.map_err(taken)?;
    let address = listening.address().map_err(taken)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    ui.event(&json!({ "event": "listening", "address": address.to_string(), "scheme": scheme }));
    ui.say(format_args!(
        "listening on {scheme}://{address}; the links lead to {}",
        settings.sign_in.page().0
    ));

    let stop = CancellationToken::new();
    let log_ui = ui.clone();
    let serving = listening.serve(stop.clone(), move |access| tell(&log_ui, access));
    let stopping = async {
        send::first_signal().await;
        stop.cancel();
        ui.say("stopping: what is under way is answered first");
    };
    tokio::join!(serving, stopping);
    ledger.close().await?;
    Ok(Exit::Settled)
}

/// The site that the settings describe.
pub(super) fn site(settings: &Settings) -> Result<Site, Failure> {
    let wrong = |words: String| Failure::words(Exit::Configuration, words);
    let web = &settings.web;
    let SignIn::Local(sign_in) = &settings.sign_in else {
        return Err(wrong(
            "the links of `[sign_in.clerk]` are taken by Clerk, not by this program".to_owned(),
        )
        .hint("the page that takes them is in `examples/nextjs`; `serve` is for `[sign_in.local]`"));
    };
    let page = &sign_in.page;
    if let Some(key) = &web.api_key
        && key.expose_secret().len() < SHORTEST_KEY
    {
        return Err(wrong(format!(
            "the key in {API_KEY} is too short, expected at least {SHORTEST_KEY} characters"
        ))
        .hint("make one: openssl rand -hex 32"));
    }
    let here = settings.unsubscribe.url.as_ref().filter(|url| url.origin() == page.origin());
    let header = web.client_address_header.as_ref().map(|name| HeaderName::try_from(name.as_str()));
    let site = Site {
        sign_in: sign_in.local(),
        unsubscribe_path: here.map(|url| url.path().to_owned()),
        keys: sign_in.keys.clone(),
        name: web
            .name
            .clone()
            .or_else(|| settings.sender.name.clone())
            .unwrap_or_else(|| settings.sender.address.domain().to_owned()),
        colour: web.colour.clone(),
        logo: web.logo.as_deref().map(logo).transpose()?,
        after: web.after.clone(),
        paths: web.paths.clone(),
        new_link: web.new_link.as_ref().map(ToString::to_string),
        session: web.session,
        client_address_header: header
            .transpose()
            .map_err(|_| wrong("`web.client_address_header` is no header's name".to_owned()))?,
        requests_per_minute: web.requests_per_minute,
        bad_tokens_per_minute: web.bad_tokens_per_minute,
        read_deadline: web.read_deadline,
        api_key: web.api_key.clone(),
        is_alone: false,
    };
    match Web::taken_path(&site) {
        Some(path) => Err(wrong(format!("`{path}` is the path of two pages"))
            .hint("give `sign_in.local.page` and `unsubscribe.url` paths of their own")),
        None => Ok(site),
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
fn tell_before(ui: &Ui, settings: &Settings, site: &Site, address: SocketAddr, tls: bool) {
    if site.unsubscribe_path.is_none() {
        ui.note("`unsubscribe.url` is on another host than `sign_in.local.page`: it is not served here");
    }
    if site.api_key.is_none() {
        ui.say(format_args!("the token API is closed: the environment holds no {API_KEY}"));
    }
    if !tls && !address.ip().is_loopback() {
        ui.note(format_args!(
            "{address} is open to the network without TLS: only the proxy in front may reach it"
        ));
    }
    if settings.web.after.is_none() {
        ui.say("people land on a page of ours; `after` under `[web]` leads them into your site");
    }
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
