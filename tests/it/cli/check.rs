//! `check`: everything that `send` would look at, and nothing is sent.

use std::sync::Arc;

use insta::assert_snapshot;
use linkpost::sandbox::{Act, Script, Step};
use tokio::sync::Notify;

use super::owner::refused;
use crate::support::{
    fixture::Fixture,
    mails::relay,
    screen::{screen, steady},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_order_is_said_to_be_and_the_relay_is_asked_where_that_is_wanted() {
    let _steady = steady();
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_snapshot!(screen(&fixture.run(&["check", "spring.toml"])), @r"
    exit 0
    3 rows: 3 new
    every row can be mailed; nothing was sent
    ");
    assert_eq!(relay.log(), []);
    assert_snapshot!(screen(&fixture.run(&["check", "spring.toml", "--connect"])), @r"
    exit 0
    3 rows: 3 new
    127.0.0.1:[port] talks to us, with PIPELINING
    every row can be mailed; nothing was sent
    ");
    assert_eq!(relay.count(), 0);
    assert!(!fixture.path("linkpost.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_looks_at_the_ledger_and_neither_needs_nor_holds_nor_makes_it() {
    let gate = Arc::new(Notify::new());
    let relay = relay(Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1)).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).sending("connections = 1");
    assert_eq!(fixture.run(&["check", "spring.toml", "--accept-moved-file"]).code, Some(0));
    assert!(!fixture.path("linkpost.db").exists());
    let mut run = fixture.spawn(&["send", "spring.toml", "--yes"]);
    relay.accepted(1).await;
    fixture.file("copy.toml", fixture.read("spring.toml"));
    assert_eq!(fixture.run(&["check", "spring.toml"]).code, Some(0));
    refused(&fixture.run(&["check", "copy.toml"]), "copy.toml", "./spring.toml", "./copy.toml");
    gate.notify_one();
    assert_eq!(run.wait().unwrap().code(), Some(0));
    // A ledger that cannot be read is not the business of a check; whoever sends is told.
    fixture.file("linkpost.db", "this is no database");
    let said = fixture.run(&["check", "copy.toml"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("note: whether another file uses the name `spring` cannot be looked up"),
        "{said:?}"
    );
}
