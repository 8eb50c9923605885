//! Requests to Clerk's Backend API: one at a time, each within the budget and the deadline. No redirects, no proxies.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;
use zeroize::Zeroizing;

use super::{
    ClerkError, ClerkSettings,
    answer::{self, Reply},
    budget::Budget,
};
use crate::{clock::Clock, https, replies::Rules, token::IssueError};

/// The version of the API that is spoken here.
const API_VERSION: &str = "2026-05-12";
/// The longest answer that is read, in bytes: a hundred users are about half a megabyte.
const LONGEST_BODY: usize = 16 << 20;
/// The first wait after a fault; each further one is twice as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The way to Clerk, shared by all workers.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    clock: Clock,
    patience: Duration,
    rules: Rules,
    pub(super) budget: Budget,
    /// Of what is asked until there is an answer.
    pulse: Pulse,
}

/// The time at which Clerk last gave a thing that it was asked for.
pub(super) struct Pulse(Mutex<Instant>);

/// One request.
pub(super) struct Call {
    method: Method,
    path: String,
    query: Option<String>,
    body: Option<Vec<u8>>,
}

/// The waits of one call, and when they are enough.
pub(super) struct Waits {
    since: Instant,
    next: Duration,
}

impl Call {
    pub(super) fn post(path: impl Into<String>, body: Option<&serde_json::Value>) -> Self {
        let body = body.map(|body| body.to_string().into_bytes());
        Self { method: Method::POST, path: path.into(), query: None, body }
    }

    pub(super) fn get(path: &str, query: String) -> Self {
        Self { method: Method::GET, path: path.to_owned(), query: Some(query), body: None }
    }
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    pub(super) fn beat(&self) {
        *self.last() = Instant::now();
    }

    fn quiet(&self) -> Duration {
        self.last().elapsed()
    }

    /// A time, whole after every statement: a panic elsewhere does not spoil it.
    fn last(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), next: FIRST_WAIT }
    }
}

impl Client {
    pub(super) fn new(settings: &ClerkSettings, clock: Clock) -> Result<Self, ClerkError> {
        let mut key = HeaderValue::try_from(format!("Bearer {}", settings.key.expose_secret()))
            .map_err(|_| ClerkError("the secret key holds a character that no key has".to_owned()))?;
        key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, key);
        headers.insert(USER_AGENT, HeaderValue::from_static(https::AGENT));
        headers.insert(HeaderName::from_static("clerk-api-version"), HeaderValue::from_static(API_VERSION));
        let encrypted = settings.api_url.scheme() == "https";
        let http = https::client(encrypted, settings.deadline)
            .map_err(ClerkError)?
            .default_headers(headers)
            .build()
            .map_err(|error| ClerkError(format!("no HTTP client: {}", error.without_url())))?;
        Ok(Self {
            http,
            base: settings.api_url.clone(),
            clock,
            patience: settings.patience,
            rules: settings.rules.clone(),
            budget: Budget::new(settings.rate),
            pulse: Pulse::new(),
        })
    }

    /// Waits for a place in the budget, and takes it. A stop ends the wait.
    pub(super) async fn ready(&self, halt: &CancellationToken) -> Result<(), IssueError> {
        tokio::select! {
            biased;
            () = halt.cancelled() => Err(IssueError::Interrupted),
            () = self.budget.ready() => Ok(()),
        }
    }

    /// Asks once, in the place that was taken before. What is under way is finished.
    pub(super) async fn send(&self, call: &Call) -> Reply {
        let reply = self.exchange(call).await.unwrap_or_else(|reply| reply);
        match &reply {
            Reply::Good(_) | Reply::Refused(_) => self.budget.went_well(),
            Reply::Us(..) | Reply::Later(_) | Reply::Lost(_) => {}
        }
        reply
    }

    /// Waits before the same is asked again; gives up when Clerk has given nobody the like for too long.
    pub(super) async fn wait(
        &self,
        waits: &mut Waits,
        pulse: &Pulse,
        reason: String,
        halt: &CancellationToken,
    ) -> Result<(), IssueError> {
        if waits.since.elapsed() > self.patience && pulse.quiet() > self.patience {
            return Err(IssueError::Unavailable(format!(
                "{} gave nothing for {} s: {reason}",
                self.host(),
                self.patience.as_secs()
            )));
        }
        tracing::info!(%reason, "clerk: once more");
        tokio::select! {
            biased;
            () = halt.cancelled() => return Err(IssueError::Interrupted),
            () = sleep(waits.next) => {}
        }
        waits.next = waits.next.saturating_mul(2).min(LONGEST_WAIT);
        Ok(())
    }

    /// Asks until there is an answer that `read` understands: for what does no harm when it is done twice.
    pub(super) async fn ask<T>(
        &self,
        call: &Call,
        halt: &CancellationToken,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<Result<T, answer::Refusal>, IssueError> {
        let mut waits = Waits::new();
        loop {
            self.ready(halt).await?;
            let reason = match self.send(call).await {
                Reply::Good(body) => match read(&body) {
                    Ok(answer) => {
                        self.pulse.beat();
                        return Ok(Ok(answer));
                    }
                    Err(words) => words.to_owned(),
                },
                Reply::Refused(refusal) => {
                    self.pulse.beat();
                    return Ok(Err(refusal));
                }
                Reply::Us(reading, refusal) => return Err(IssueError::Us(refusal.of_us(reading))),
                Reply::Later(reason) | Reply::Lost(reason) => reason,
            };
            self.wait(&mut waits, &self.pulse, reason, halt).await?;
        }
    }

    fn host(&self) -> &str {
        self.base.host_str().unwrap_or("Clerk")
    }

    /// `Err` holds a reply, too: that of a conversation that broke off.
    async fn exchange(&self, call: &Call) -> Result<Reply, Reply> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.path));
        url.set_query(call.query.as_deref());
        let mut request = self.http.request(call.method.clone(), url);
        if call.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| {
            let words = words(self.host(), error);
            // Without a connection nothing can have arrived.
            if words.1 { Reply::Later(words.0) } else { Reply::Lost(words.0) }
        })?;
        let status = response.status();
        if status == reqwest::StatusCode::TOO_MANY_REQUESTS {
            self.budget.throttled(answer::retry_after(response.headers(), self.clock.now()));
        }
        let mut body = Zeroizing::new(Vec::new());
        loop {
            let chunk = response.chunk().await.map_err(|error| Reply::Lost(words(self.host(), error).0))?;
            let Some(chunk) = chunk else { break };
            if body.len() + chunk.len() > LONGEST_BODY {
                return Err(Reply::Lost(format!("the answer is longer than {LONGEST_BODY} bytes")));
            }
            extend(&mut body, &chunk);
        }
        Ok(Reply::of(&self.rules, status, body))
    }
}

/// Grows without leaving a copy of the old content behind.
fn extend(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    if body.capacity() - body.len() < chunk.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + chunk.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}

/// The thing that broke off, and whether nothing had been sent.
fn words(host: &str, error: reqwest::Error) -> (String, bool) {
    let unsent = error.is_connect();
    (format!("{host}: {}", https::words(error)), unsent)
}

/// Tells where it asks, and not with what key.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}
