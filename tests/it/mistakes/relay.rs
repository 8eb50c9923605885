//! Relays that do not want our mails.

use insta::assert_snapshot;
use linkpost::sandbox::{Act, Script, Step};

use super::{books, send, steady, told};
use crate::support::{
    fixture::Fixture,
    mails::{relay, taken},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_refuses_everything_stops_the_run_and_everybody_waits() {
    let _steady = steady();
    let relay = relay(Script::new().at(Step::Connect, Act::reply(554, "5.7.1 not from there"))).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 69
    3 rows: 3 new
    sending 3 mails of `spring` through 127.0.0.1:[port]
     state    rows
     pending     3
     in all      3
    not finished; to go on: linkpost send spring.toml
    error: this machine's name or address is not accepted; the relay `127.0.0.1:[port]` says: greeting: 554 5.7.1 not from there
      hint: ask whoever runs the relay to let this machine send; where the words are about DNS, give its address a PTR record and set `hello` under `[relay.smtp]` to that name; nobody was marked as failed, unsent mails wait
    ");
    assert_eq!((taken(&relay).len(), books(&fixture).as_str()), (0, "pending 3, in all 3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_the_relay_refuses_stops_the_run_and_everybody_waits() {
    let _steady = steady();
    let relay = relay(Script::new().at(Step::Mail, Act::reply(553, "5.7.1 not your address"))).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 78
    3 rows: 3 new
    sending 3 mails of `spring` through 127.0.0.1:[port]
    1 mail in [time]: sent 0
     state    rows
     pending     3
     in all      3
    not finished; to go on: linkpost send spring.toml
    error: the sender is not accepted; the relay `127.0.0.1:[port]` says: MAIL: 553 5.7.1 not your address
      hint: verify the address or its domain with the provider, or name a `sender.address` that this login may send from; nobody was marked as failed, unsent mails wait
    ");
    assert_eq!((taken(&relay).len(), books(&fixture).as_str()), (0, "pending 3, in all 3"));
}

#[test]
fn a_relay_that_is_not_there_stops_the_run_and_everybody_waits() {
    let _steady = steady();
    let fixture = Fixture::new();
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 69
    3 rows: 3 new
    sending 3 mails of `spring` through 127.0.0.1:[port]
    note: the relay `127.0.0.1:[port]` fails: connection refused; trying again
     state    rows
     pending     3
     in all      3
    not finished; to go on: linkpost send spring.toml
    error: the relay `127.0.0.1:[port]` is out of reach: connection refused
      hint: unsent mails wait in the ledger: run the same command again when the relay is back
    ");
    assert_eq!(books(&fixture), "pending 3, in all 3");
}

#[test]
fn without_a_relay_there_is_only_the_rehearsal() {
    let fixture = Fixture::new();
    let settings = fixture.read("linkpost.toml");
    let (before, rest) = settings.split_once("[relay.smtp]").unwrap();
    let (_, after) = rest.split_once("[sign_in.local]").unwrap();
    fixture.file("linkpost.toml", format!("{before}[sign_in.local]{after}"));
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 78
    error: linkpost.toml: `relay.smtp` is missing: where shall the mails go?
      hint: add `[relay.smtp]` with `host`, or rehearse with `--sandbox`
    ");
}
