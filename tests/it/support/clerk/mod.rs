//! A double of Clerk's Backend API on loopback: states, errors, limits and faults as Clerk has them.

mod routes;
mod shapes;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// The key that the double takes.
pub(crate) const KEY: &str = "sk_test_double";

/// What the double is to do beside answering.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// So many requests in so long a time; those beyond get 429 with `Retry-After`.
    pub(crate) limit: Option<(usize, Duration)>,
    /// Answers 500 to each nth creation and makes nothing.
    pub(crate) fail_each: Option<usize>,
    /// Refuses every creation with this status and code from the nth on, and makes nothing.
    pub(crate) refuse_from: Option<(usize, u16, &'static str)>,
    /// Makes the token of each nth creation and never answers.
    pub(crate) hang_each: Option<usize>,
    /// Answers 502 with HTML to each nth creation, after making the token.
    pub(crate) gateway_each: Option<usize>,
    /// Users that are barred at creation, though the list of users does not say so.
    pub(crate) banned_at_creation: Vec<String>,
    /// Answers each nth creation in this way, after making the token.
    pub(crate) strange_each: Option<(usize, Strange)>,
    /// So many answers to questions for users, and to revocations after they are done, are no JSON.
    pub(crate) garbled: usize,
    /// Bars this user before the nth creation is answered.
    pub(crate) banned_meanwhile: Option<(usize, &'static str)>,
}

/// An answer with the status 200 (or 204) that is not what the specification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strange {
    NotJson,
    NoContent,
    WithoutId,
    EmptyId,
    WithoutToken,
    EmptyToken,
    WithoutUser,
    WithoutUrl,
    ForAnother,
    /// The answer to the first creation once more, as from a cache.
    Repeated,
}

/// A user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    /// Addresses, and whether they are verified.
    pub(crate) addresses: Vec<(String, bool)>,
    pub(crate) banned: bool,
    pub(crate) locked: bool,
    pub(crate) deprovisioned: bool,
}

/// A token or an invitation that was made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: String,
    /// A user id, or an address.
    pub(crate) whose: String,
    pub(crate) text: String,
    /// `pending`, `accepted` or `revoked`.
    pub(crate) status: &'static str,
    /// Whether the answer left the double.
    pub(crate) answered: bool,
    pub(crate) expires_in: i64,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) tokens: Vec<Made>,
    pub(crate) invitations: Vec<Made>,
    pub(crate) requests: Vec<Request>,
    pub(crate) throttled: usize,
    creations: usize,
    recent: VecDeque<Instant>,
    /// Rung whenever something has changed.
    bell: Arc<Notify>,
}

/// The double. It ends with its last handle.
#[derive(Debug)]
pub(crate) struct FakeClerk {
    pub(crate) address: SocketAddr,
    state: Shared,
    serving: JoinHandle<()>,
}

type Shared = Arc<Mutex<State>>;

impl FakeClerk {
    /// Starts a double without users.
    pub(crate) async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { options, ..State::default() }));
        let app = routes::app(Arc::clone(&state));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, state, serving }
    }

    /// A double with the users `user_1` to `user_N` and their addresses as in the fixture's list.
    pub(crate) async fn with_people(options: Options, number: usize) -> Self {
        let clerk = Self::start(options).await;
        for n in 1..=number {
            clerk.user(&format!("user_{n}"), &format!("person{n}@example.com"));
        }
        clerk
    }

    /// Adds a user with a verified address.
    pub(crate) fn user(&self, id: &str, address: &str) {
        let user = User {
            id: id.to_owned(),
            addresses: vec![(address.to_owned(), true)],
            banned: false,
            locked: false,
            deprovisioned: false,
        };
        self.state().users.insert(id.to_owned(), user);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Signs somebody in with a token, as Clerk's Frontend API would.
    pub(crate) fn use_token(&self, text: &str) {
        let mut state = self.state();
        let made = state.tokens.iter_mut().find(|made| made.text == text).unwrap();
        assert_eq!(made.status, "pending");
        made.status = "accepted";
    }

    /// Resolves once the double has seen what the condition asks for.
    pub(crate) async fn until(&self, there: impl Fn(&State) -> bool) {
        let bell = Arc::clone(&self.state().bell);
        loop {
            let rung = bell.notified();
            if there(&self.state()) {
                return;
            }
            rung.await;
        }
    }

    /// How many requests began with these words.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.state().requests.iter().filter(|request| request.line.starts_with(beginning)).count()
    }
}

impl Drop for FakeClerk {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    /// Whether the limit is reached, and how long it lasts.
    fn throttle(&mut self) -> Option<Duration> {
        let (most, window) = self.options.limit?;
        let now = Instant::now();
        while self.recent.front().is_some_and(|first| *first + window <= now) {
            self.recent.pop_front();
        }
        if self.recent.len() < most {
            self.recent.push_back(now);
            return None;
        }
        self.throttled += 1;
        self.recent.front().map(|first| (*first + window).saturating_duration_since(now))
    }
}
