//! The fault suite: a campaign is hurt in every way that we can think of, and the books must balance all the same.
//!
//! Each fault has a number, prints a line with counts, and ends in [`crate::support::books::check`]. The short programme
//! runs with every change; `LINKPOST_TEST_LONG` brings the long one.
//!
//! The faults:
//!
//! - `F1`: `kill -9` at random instants, started again until nothing is left to do.
//! - `F2`: the same at each of the ledger's system calls.
//! - `F3`: the program dies at each place that the protocol names.
//! - `F4`: what is on disk before a body leaves, as a power cut would leave it.
//! - `F5`: the disk is full.
//! - `F6`: the disk says that it failed to keep what it was given.
//! - `F7`: somebody else writes into the ledger.
//! - `F9`: the connection is cut, before and after every command and reply.
//! - `F10`: the relay refuses, for now or for good, at every command.
//! - `F11`: the relay says 421, after some mails and unasked.
//! - `F12`: the relay answers a byte at a time.
//! - `F13`: the relay is gone, and the connection does not say so.
//! - `F15`: the login is revoked in the middle.
//! - `F16`: several runs at once; runs that were stopped and go on later, also where the run lock was lost.
//! - `F17`: the wall clock jumps.
//! - `F18`: the list is edited, shuffled, cut and swapped.
//! - `F19`: everything is slow or away for a while: the disk, the relay.
//! - `F20`: signals, readers that go away, too little memory.
//!
//! What holds whatever happened:
//!
//! - `I-1`: the relay took at most one mail for each recipient.
//! - `I-2`: every line of the list is in the books once, and the sum of the books is the list.
//! - `I-3`: who is `sent` has a mail, with the Message-ID of the books.
//! - `I-4`: who has a mail is `sent` or `unknown`.
//! - `I-5`: who waits, was refused, has left or was suppressed has no mail.
//! - `I-6`: there are at most as many `unknown` rows as kills times connections, and answers that were lost.
//! - `I-7`: after a run without faults nothing waits.
//! - `I-8`: no file holds a token, and nobody has two that are valid.
//! - `I-9`: the exit code says what the books say.

mod bad_relay;
mod changing_list;
mod clocks;
mod copies;
mod failpoints;
mod kills;
mod overlap;
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
