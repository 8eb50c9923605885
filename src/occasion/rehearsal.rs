//! The rehearsals of a project: what they have of their own, beside the settings.

use std::path::{Path, PathBuf};

use crate::settings::{Settings, SignIn};

/// A rehearsal's ledger, keys and mails stand beside the settings.
pub(super) fn folder(settings: &Settings) -> PathBuf {
    settings.file.parent().unwrap_or(Path::new("")).join("sandbox")
}

/// Turns the links' pages into those that `serve --sandbox` has on this machine, so that a rehearsal's links work.
pub fn rehearse(settings: &mut Settings) {
    let listen = settings.web.listen;
    let host = if listen.ip().is_loopback() { listen.ip().to_string() } else { "127.0.0.1".to_owned() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    // Clerk's links lead to Clerk's page or to the site's own, wherever the campaign is sent from; people leave here.
    let page = match &mut settings.sign_in {
        SignIn::Local(sign_in) => Some(&mut sign_in.page),
        SignIn::Clerk(_) => None,
    };
    let own = page.as_ref().map(|page| page.origin());
    let is_ours = |url: &&mut url::Url| own.as_ref().is_none_or(|own| url.origin() == *own);
    let unsubscribe = settings.unsubscribe.url.as_mut().filter(is_ours);
    for url in page.into_iter().chain(unsubscribe) {
        let moved = url::Url::parse(&format!("http://{host}:{}", listen.port())).map(|mut moved| {
            moved.set_path(url.path());
            moved.set_query(url.query());
            moved.set_fragment(url.fragment());
            moved
        });
        *url = moved.expect("an address and a port are a host");
    }
    settings.web.listen.set_ip(if listen.ip().is_loopback() { listen.ip() } else { [127, 0, 0, 1].into() });
}
