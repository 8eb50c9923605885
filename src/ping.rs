//! A monitor that is told of every good tick, and so notices when there is none: a dead man's switch.
//!
//! The address is a secret: whoever knows it can keep the monitor quiet. Nothing here shows more of it than the host.

use std::time::Duration;

use reqwest::{Client, header::USER_AGENT};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::https;

/// All tries together.
const DEADLINE: Duration = Duration::from_secs(10);
/// One try, so that a monitor that hangs leaves time for another.
const ONE_TRY: Duration = Duration::from_secs(3);
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(250);

/// Where a monitor is told. Prints nothing of itself.
#[derive(Debug, Clone)]
pub struct Monitor(SecretString);

/// Why a monitor was not told: its host, and what happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{host}`: {reason}")]
pub struct Untold {
    /// The monitor's host.
    pub host: String,
    /// What happened.
    pub reason: String,
}

impl Monitor {
    /// Where it is; whether it may be there is the settings' to say.
    #[must_use]
    pub fn new(url: &Url) -> Self {
        Self(SecretString::from(url.as_str()))
    }

    /// Asks with GET until there is a 2xx: up to three tries where the connection fails or the answer is 5xx. `exit`
    /// goes into the query where it is given.
    pub async fn tell(&self, exit: Option<u8>) -> Result<(), Untold> {
        let mut url = Url::parse(self.0.expose_secret()).expect("the settings hold an address");
        if let Some(exit) = exit {
            url.query_pairs_mut().append_pair("exit", &exit.to_string());
        }
        let told = timeout(DEADLINE, tell(&url)).await;
        told.unwrap_or_else(|_| Err(format!("no answer within {} s", DEADLINE.as_secs())))
            .map_err(|reason| Untold { host: url.host_str().unwrap_or_default().to_owned(), reason })
    }
}

async fn tell(url: &Url) -> Result<(), String> {
    let http = https::client(url.scheme() == "https", ONE_TRY)?.build().map_err(https::words)?;
    let mut failed = String::new();
    for nth in 0..TRIES {
        if nth > 0 {
            sleep(PAUSE).await;
        }
        match ask(&http, url).await {
            Ok(status) if status.is_success() => return Ok(()),
            Ok(status) if status.is_server_error() => failed = format!("it answered {}", status.as_u16()),
            Ok(status) if status.is_redirection() => {
                return Err(format!("it answered {}, and redirects are not followed", status.as_u16()));
            }
            Ok(status) => return Err(format!("it answered {}", status.as_u16())),
            Err(reason) => failed = reason,
        }
    }
    Err(format!("{failed}, {TRIES} times"))
}

async fn ask(http: &Client, url: &Url) -> Result<reqwest::StatusCode, String> {
    let request = http.get(url.clone()).header(USER_AGENT, https::AGENT);
    request.send().await.map(|response| response.status()).map_err(https::words)
}
