//! Requests to services: one provider of crypto, the system's roots, no redirects, no proxies.

use std::{error::Error, time::Duration};

use reqwest::{ClientBuilder, redirect};
use rustls::ClientConfig;

use crate::tls;

/// What a service is told of us.
pub const AGENT: &str = concat!("linkpost/", env!("CARGO_PKG_VERSION"));

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A client whose every request ends within `deadline`. `encrypted`: it speaks nothing but `https`.
pub fn client(encrypted: bool, deadline: Duration) -> Result<ClientBuilder, String> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(encryption(encrypted)?)
        .https_only(encrypted)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_DEADLINE.min(deadline))
        .timeout(deadline))
}

/// What broke off, without the request's address, which may be a secret or hold people's.
#[must_use]
pub fn words(error: reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "no answer within the deadline"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    };
    format!("{what} ({})", cause(error))
}

/// The first cause of an error, without the request's address.
#[must_use]
pub fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn encryption(needed: bool) -> Result<ClientConfig, String> {
    let roots = tls::roots();
    if needed && roots.is_empty() {
        return Err("the system has no root certificates, so nobody can be trusted: install them".to_owned());
    }
    Ok(tls::client()?.with_root_certificates(roots).with_no_client_auth())
}
