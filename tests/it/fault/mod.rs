//! The fault suite: a campaign is hurt in every way that we can think of, and the books must balance all the same.
//!
//! Each fault has a number (F1 …), tells a line with counts, and ends in [`crate::support::books::check`]. The short
//! programme runs with every change; `LINKPOST_TEST_LONG` brings the long one.

mod clocks;
mod failpoints;
mod kills;
mod lists;
mod overlap;
mod relays;
mod signals;
mod storage;
mod syscalls;

use std::process::{Child, Command, Stdio};

use linkpost::sandbox::Script;

use crate::support::{
    books::{self, Allowed, Found, Ledger},
    fixture::{Fixture, Said},
    postbox::Postbox,
    told,
};

const SEND: [&str; 3] = ["send", "spring.toml", "--yes"];

/// A campaign, its relay, and how many answers were lost on the way so far.
struct Ordeal {
    fixture: Fixture,
    postbox: Postbox,
    connections: usize,
    /// How many rows may be `unknown` by now (I-6).
    lost: usize,
}

impl Ordeal {
    fn new(postbox: Postbox, people: usize, connections: usize) -> Self {
        let fixture = Fixture::new();
        fixture.relay(postbox.address()).people(people).sending(&format!("connections = {connections}"));
        Self { fixture, postbox, connections, lost: 0 }
    }

    /// With our relay and a script for it.
    async fn scripted(script: Script, people: usize, connections: usize) -> Self {
        Self::new(Postbox::sandbox(script).await, people, connections)
    }

    /// Adds a line to `[relay.smtp]`.
    fn relay_setting(self, line: &str) -> Self {
        self.fixture.edit("linkpost.toml", "tls = \"none\"\n", &format!("tls = \"none\"\n{line}\n"));
        self
    }

    /// `send`, to be run.
    fn command(&self) -> Command {
        self.fixture.command(&SEND)
    }

    /// Starts `send`; nobody listens to it.
    fn start(&self) -> Child {
        silent(self.command())
    }

    /// Runs `send` to its end.
    fn run(&self) -> Said {
        self.fixture.run(&SEND)
    }

    /// Runs `send` inside of another program.
    fn run_in(&self, wrapper: &[&str]) -> Said {
        self.fixture.finish(self.fixture.wrapped(wrapper, &SEND))
    }

    /// Notes that a run was cut off: what was under way on each connection may be unknown.
    fn killed(&mut self) {
        self.lost += self.connections;
    }

    /// Starts `send` and kills it once its relay has taken so many mails.
    async fn killed_after(&mut self, mails: u64) {
        let mut run = self.start();
        self.postbox.relay().accepted(mails).await;
        run.kill().unwrap();
        run.wait().unwrap();
        self.killed();
    }

    /// Holds everything to the invariants as they are now, after a run that ended with this code.
    async fn check(&self, exit: Option<i32>) -> Found {
        let allowed = Allowed { unknown: self.lost, quiet: false };
        books::check(&self.fixture, &self.postbox.accepted(), exit, allowed).await
    }

    /// Runs without faults until nothing waits any more.
    async fn end(&self) -> Found {
        for _ in 0..10 {
            let said = self.run();
            match said.code {
                Some(0 | 3) => {
                    let allowed = Allowed { unknown: self.lost, quiet: true };
                    return books::check(&self.fixture, &self.postbox.accepted(), said.code, allowed).await;
                }
                Some(75) => {
                    self.check(said.code).await;
                    Ledger::let_time_pass(&self.fixture).await;
                }
                _ => panic!("a run without faults: {said:?}"),
            }
        }
        panic!("rows wait after ten runs without faults");
    }
}

/// Starts a program to which nobody listens.
fn silent(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
