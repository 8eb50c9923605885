//! Tests of `linkpost serve`: real HTTP over loopback against the built program.

mod api;
mod browser;
mod client;
mod ends;
mod forged;
mod leave;
mod limits;
mod once;
mod one_click;
mod pages;
mod proxies;
mod redirects;
mod second_thought;
mod strict;
mod survey;

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use linkpost::sandbox::{Keep, Options, SandboxRelay};
use serde_json::Value;

use self::client::Browser;
use crate::support::{
    fixture::Fixture,
    mails::{Mail, taken, token},
};

pub(crate) const KEY: &str = "sk_test_0123456789abcdefghijklmnopqrstuv";
/// What is said where the settings name no header for the visitors' addresses.
pub(crate) const NO_PROXY: &str = "behind a proxy every visitor has its address";
/// Where the links lead: the settings of the fixture say so.
const ORIGIN: &str = "https://app.example.com";

/// `linkpost serve`, ended when dropped.
pub(crate) struct Serve {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    said: Arc<Printed>,
}

/// What it printed, and a bell for more.
#[derive(Debug, Default)]
struct Printed {
    text: Mutex<Text>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    text: String,
    /// How many of its pipes have not ended.
    open: usize,
}

impl Serve {
    /// Starts it in the fixture's folder, on a port of its own.
    pub(crate) fn start(fixture: &Fixture) -> Self {
        Self::started(fixture.command(&["serve", "--json", "--listen", "127.0.0.1:0"]))
    }

    pub(crate) fn started(mut command: Command) -> Self {
        command.env("LINKPOST_API_KEY", KEY).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Printed::default());
        let errors = BufReader::new(child.stderr.take().unwrap());
        gather(errors, &said);
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let event: Value =
            serde_json::from_str(&first).unwrap_or_else(|_| panic!("no address: {first:?} {said:?}"));
        gather(lines, &said);
        Self { child, address: event["address"].as_str().unwrap().parse().unwrap(), said }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// Everything that it printed so far.
    pub(crate) fn said(&self) -> String {
        self.said.text.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// Everything that it printed, once these words are among it: they come by a pipe of their own.
    pub(crate) fn said_with(&self, words: &str) -> String {
        let said = self.said.text.lock().unwrap_or_else(PoisonError::into_inner);
        let there = self.said.more.wait_while(said, |said| !said.text.contains(words) && said.open > 0);
        let said = there.unwrap_or_else(PoisonError::into_inner);
        assert!(said.text.contains(words), "{words:?} is not in {}", said.text);
        said.text.clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gather(mut from: impl BufRead + Send + 'static, into: &Arc<Printed>) {
    let into = Arc::clone(into);
    let change = move |change: &dyn Fn(&mut Text)| {
        change(&mut into.text.lock().unwrap_or_else(PoisonError::into_inner));
        into.more.notify_all();
    };
    change(&|said| said.open += 1);
    std::thread::spawn(move || {
        let mut line = String::new();
        while from.read_line(&mut line).is_ok_and(|length| length > 0) {
            change(&|said| said.text.push_str(&line));
            line.clear();
        }
        change(&|said| said.open -= 1);
    });
}

/// A fixture whose limits are out of the way and whose pages have a home and a remedy.
pub(crate) fn fixture(people: usize) -> Fixture {
    let fixture = Fixture::new();
    fixture.people(people).edit(
        "linkpost.toml",
        "[list]",
        "[web]\nrequests_per_minute = 1000000\nbad_tokens_per_minute = 1000000\nafter = \"/home\"\n\
         paths = [\"/account\", \"/cart/*\"]\nnew_link = \"https://app.example.com/sign-in\"\n[list]",
    );
    fixture
}

/// Sends the fixture's campaign and gives what people got.
async fn send(fixture: &Fixture) -> Vec<Mail> {
    let options = Options { keep: Keep::Memory, ..Options::default() };
    let relay = SandboxRelay::start(options).await.unwrap();
    fixture.relay(relay.address());
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut mails = taken(&relay);
    mails.sort_by_key(|mail| mail.recipient.len().to_string() + &mail.recipient);
    mails
}

/// A fixture whose campaign went out to so many people, and their tokens.
pub(crate) async fn mailed(people: usize) -> (Fixture, Vec<String>) {
    let fixture = fixture(people);
    let tokens = send(&fixture).await.iter().map(|mail| token(&mail.text)).collect();
    (fixture, tokens)
}

pub(crate) fn accept(token: &str) -> String {
    format!("/accept-token?token={token}")
}

/// How many links the books say were signed in with.
pub(crate) fn redeemed(fixture: &Fixture) -> u64 {
    let said = fixture.run(&["status", "spring", "--json"]);
    let books: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    books["redeemed"].as_u64().unwrap()
}
