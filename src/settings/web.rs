//! The `[web]` table: what `linkpost serve` needs beyond the rest of the file.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use jiff::SignedDuration;
use secrecy::SecretString;
use url::Url;

use super::{
    Environment, NoSecret,
    values::{plain_line, web_address},
};
use crate::{
    campaign::TokenLife,
    toml_file::{Table, TomlFile},
};

/// The environment variable with the key of the token API; with `_FILE` appended, the file that holds it.
pub const API_KEY: &str = "LINKPOST_API_KEY";

const LISTEN: &str = "127.0.0.1:8025";
const LIFE: SignedDuration = SignedDuration::from_hours(12);
/// Requests in a minute from one address to a form or to a page that shows a person's link.
const REQUESTS: u32 = 60;
const BAD_TOKENS: u32 = 10;
/// A page of people should not need more.
const MOST_REQUESTS: i64 = 1_000_000;

/// The look of the pages, the places that they lead to, and the proxies that they believe.
#[derive(Debug, Clone)]
pub struct Web {
    /// The address to listen on. Rehearsals listen here as well, if it is on this machine.
    pub listen: SocketAddr,
    /// The site's name; where it is missing, the sender's.
    pub name: Option<String>,
    /// The accent, `#rrggbb`.
    pub colour: String,
    /// A PNG, JPEG, WebP or SVG.
    pub logo: Option<PathBuf>,
    /// The page for a person who is signed in; `None`: one of ours.
    pub after: Option<String>,
    /// The places that a link's `next` or `to` may lead to: paths, or with `/*` at the end all below.
    pub paths: Vec<String>,
    /// The page on which a person gets a new link.
    pub new_link: Option<Url>,
    /// The life of a session.
    pub session: SignedDuration,
    /// The header in which the proxy in front writes the client's address.
    pub client_address_header: Option<String>,
    /// Requests a minute from one address to the pages of links.
    pub requests_per_minute: u32,
    /// Links a minute from one address that nobody ever sent.
    pub bad_tokens_per_minute: u32,
    /// Certificate chain and key in PEM; `None`: a proxy in front does TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The time that a client may take for the head and for the body of a request.
    pub read_deadline: Duration,
    /// The key of the token API; without one it is closed.
    pub api_key: Result<SecretString, NoSecret>,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: LISTEN.parse().expect("the default is an address"),
            name: None,
            colour: "#0b5e6b".to_owned(),
            logo: None,
            after: None,
            paths: Vec::new(),
            new_link: None,
            session: LIFE,
            client_address_header: None,
            requests_per_minute: REQUESTS,
            bad_tokens_per_minute: BAD_TOKENS,
            tls: None,
            read_deadline: Duration::from_secs(10),
            api_key: Err(NoSecret::Unset(API_KEY.to_owned())),
        }
    }
}

/// Reads the table, where there is one.
pub(super) fn web(file: &TomlFile, table: Option<Table<'_>>, environment: Environment) -> Web {
    let mut web = Web { api_key: environment.secret(API_KEY), ..Web::default() };
    let Some(mut table) = table else { return web };
    web.listen = table.parse("listen", address).unwrap_or(web.listen);
    web.name = table.parse("name", plain_line);
    web.colour = table.parse("colour", colour).unwrap_or(web.colour);
    web.logo = table.string("logo").map(|path| file.resolve(&path));
    web.after = table.parse("after", path);
    web.paths = table.strings("paths");
    if let Some(wrong) = web.paths.iter().find_map(|allowed| path(allowed.trim_end_matches('*')).err()) {
        table.tell(
            format!("`web.paths`: {wrong}"),
            "a path such as `/account`, or `/cart/*` for all below `/cart/`",
        );
    }
    web.new_link = table.parse("new_link", web_address);
    web.session = table.parse("session", TokenLife::parse).map_or(web.session, TokenLife::length);
    web.client_address_header = table.parse("client_address_header", header);
    let whole = |number: i64| u32::try_from(number).ok();
    let mut limit = |key, usual| table.integer(key, 1..=MOST_REQUESTS).and_then(whole).unwrap_or(usual);
    web.requests_per_minute = limit("requests_per_minute", REQUESTS);
    web.bad_tokens_per_minute = limit("bad_tokens_per_minute", BAD_TOKENS);
    let certificate = table.string("tls_certificate").map(|path| file.resolve(&path));
    let key = table.string("tls_key").map(|path| file.resolve(&path));
    match (certificate, key) {
        (Some(certificate), Some(key)) => web.tls = Some((certificate, key)),
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => table.tell(
            "`web.tls_certificate` and `web.tls_key` belong together, found one of the two".to_owned(),
            "name both files, or neither where a proxy in front does TLS",
        ),
    }
    table.finish();
    web
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("found `{text}`, expected an address and port such as `{LISTEN}`"))
}

fn colour(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("found `{text}`, expected a colour such as `#0b5e6b`"))
    }
}

/// A path on our own site.
fn path(text: &str) -> Result<String, String> {
    let good = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 1024
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("found `{text}`, expected a path on this site such as `/account`"))
    }
}

fn header(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if good {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("found `{text}`, expected a header's name such as `x-forwarded-for`"))
    }
}
