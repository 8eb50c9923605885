//! Visits a link the way mail scanners do: `HEAD`, `GET`, redirects, and with a headless browser where one is installed.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{
    Client, Method, StatusCode,
    header::{ACCEPT, LOCATION, USER_AGENT},
};
use url::Url;

use crate::{https, scratch::Scratch};

/// One request, connection and all.
const DEADLINE: Duration = Duration::from_secs(20);
/// The browser, from its start to its end.
const BROWSER_DEADLINE: Duration = Duration::from_mins(1);
const BROWSER_LOOK: Duration = Duration::from_millis(100);
const REDIRECTS: usize = 10;
const LONGEST_PAGE: usize = 4 << 20;
/// What Microsoft's scanner calls itself, more or less: a page must not treat it otherwise.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/125.0.0.0 Safari/537.36";
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What a visit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visit {
    /// The status of the last answer.
    pub status: u16,
    /// How many redirects there were.
    pub redirects: usize,
    /// Whether the page is one of `linkpost serve`.
    pub is_ours: bool,
}

/// Why a page could not be visited. No path and no query: a token is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreached(String);

/// Asks for the page with one method and follows where it leads.
pub(super) async fn visit(url: &Url, method: &Method) -> Result<Visit, Unreached> {
    let http = https::client(false, DEADLINE).map_err(Unreached)?.connect_timeout(DEADLINE);
    let http = http.build().map_err(|error| Unreached(https::cause(error)))?;
    let mut url = url.clone();
    for redirects in 0..=REDIRECTS {
        let (status, location, body) = ask(&http, &url, method).await?;
        let next = location.filter(|_| status.is_redirection()).and_then(|to| url.join(&to).ok());
        let Some(next) = next else {
            let is_ours = String::from_utf8_lossy(&body).contains("/linkpost/style.css");
            return Ok(Visit { status: status.as_u16(), redirects, is_ours });
        };
        url = next;
    }
    Err(Unreached(format!("the page redirects more than {REDIRECTS} times")))
}

async fn ask(
    http: &Client,
    url: &Url,
    method: &Method,
) -> Result<(StatusCode, Option<String>, Vec<u8>), Unreached> {
    let host = url.host_str().unwrap_or_default();
    let failed = |error: reqwest::Error| {
        Unreached(if error.is_timeout() {
            format!("`{host}` did not answer within {} s", DEADLINE.as_secs())
        } else {
            format!("`{host}` cannot be reached: {}", https::cause(error))
        })
    };
    let request = http.request(method.clone(), url.clone());
    let request = request.header(USER_AGENT, AGENT).header(ACCEPT, "text/html,*/*;q=0.8");
    let mut answer = request.send().await.map_err(failed)?;
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_PAGE {
            return Err(Unreached(format!("`{host}` answers with more than {} MiB", LONGEST_PAGE >> 20)));
        }
    }
    Ok((answer.status(), location, body))
}

/// A browser of this machine, from the folders of `path` (the environment's `PATH`).
#[must_use]
pub(super) fn browser(path: &str) -> Option<PathBuf> {
    let names = path.split(':').filter(|folder| folder.starts_with('/'));
    names.flat_map(|folder| BROWSERS.map(|name| Path::new(folder).join(name))).find(|file| file.is_file())
}

/// Loads the page in a headless browser and lets its scripts run; `hidden` are the variables of the environment that it
/// does not see. `Err` where the browser does not do it.
pub(super) async fn load(browser: PathBuf, url: Url, hidden: Vec<String>) -> Result<(), Unreached> {
    let loaded = tokio::task::spawn_blocking(move || load_now(&browser, &url, &hidden)).await;
    loaded.unwrap_or_else(|_| Err(Unreached("the browser could not be waited for".to_owned())))
}

fn load_now(browser: &Path, url: &Url, hidden: &[String]) -> Result<(), Unreached> {
    let failed = |error: std::io::Error| Unreached(format!("`{}` does not run: {error}", browser.display()));
    let profile = Scratch::new().map_err(failed)?;
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--disable-quic", "--dump-dom"])
        // The page's timers run ahead to ten seconds after the load: what waits a little runs as well.
        .arg("--virtual-time-budget=10000")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for name in hidden {
        command.env_remove(name);
    }
    if rustix::process::geteuid().is_root() {
        // Chromium refuses to run its own sandbox as root.
        command.arg("--no-sandbox");
    }
    let mut child = command.arg(url.as_str()).spawn().map_err(failed)?;
    let ended = wait(&mut child).map_err(failed)?;
    if ended { Ok(()) } else { Err(Unreached(format!("`{}` did not load the page", browser.display()))) }
}

/// Whether the browser ended well within its time; otherwise it is ended.
fn wait(child: &mut Child) -> std::io::Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < BROWSER_DEADLINE {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        std::thread::sleep(BROWSER_LOOK);
    }
    child.kill()?;
    child.wait().map(|_| false)
}
