//! Several relays: in order, by weight, and never twice for one mail.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use linkpost::{
    delivery::{Patience, Relays},
    ledger::State,
    sandbox::{Act, Options, SandboxRelay, Script, Step},
};

use crate::support::{
    fixture::Fixture,
    mails::{relay, taken},
    rig::{How, Rig, smtp},
};

fn recipients(relay: &SandboxRelay) -> BTreeSet<String> {
    taken(relay).into_iter().map(|mail| mail.recipient).collect()
}

#[tokio::test(start_paused = true)]
async fn the_second_takes_over_while_the_first_is_away() {
    // Four mails, then away for two connections, then back; a new connection for every second mail.
    let script = Script::new().farewell_after(2).at(Step::Connect, Act::Drop).skip(2).times(2);
    let (first, second) = (relay(script).await, relay(Script::new()).await);
    let mail_by_two = |relay| smtp(relay, |settings| settings.messages_per_connection = 2);
    let relays =
        Relays::new(vec![(mail_by_two(&first), None), (mail_by_two(&second), None)], Patience::default());
    let rig = Rig::new(20);
    rig.send(relays, How::default(), |_, _| {}).await.unwrap();
    assert_eq!(rig.tally().await.get(State::Sent), 20);
    let (first, second) = (recipients(&first), recipients(&second));
    assert!(first.is_disjoint(&second));
    assert_eq!(first.len() + second.len(), 20);
    assert!(first.len() > 4 && second.len() >= 2, "{} and {}", first.len(), second.len());
}

#[tokio::test(start_paused = true)]
async fn a_mail_whose_answer_was_lost_is_not_offered_to_the_other_relay() {
    let first = relay(Script::new().at(Step::Dot, Act::accept_then(Act::Drop)).times(1)).await;
    let second = relay(Script::new()).await;
    let relays =
        Relays::new(vec![(smtp(&first, |_| {}), None), (smtp(&second, |_| {}), None)], Patience::default());
    let rig = Rig::new(5);
    rig.send(relays, How::default(), |_, _| {}).await.unwrap();
    let tally = rig.tally().await;
    assert_eq!((tally.get(State::Unknown), tally.get(State::Sent)), (1, 4));
    let (first, second) = (recipients(&first), recipients(&second));
    assert!(first.contains("person1@example.com") && !second.contains("person1@example.com"));
    assert_eq!(second.len() + first.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn weights_are_shares() {
    let (first, second) = (relay(Script::new()).await, relay(Script::new()).await);
    let one_mail = |relay| smtp(relay, |settings| settings.messages_per_connection = 1);
    let relays =
        Relays::new(vec![(one_mail(&first), Some(3)), (one_mail(&second), Some(1))], Patience::default());
    let rig = Rig::new(40);
    rig.send(relays, How::default(), |_, _| {}).await.unwrap();
    assert_eq!((first.count(), second.count()), (30, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_stand_in_the_settings_in_their_order() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    let second =
        format!("[[relay.smtp]]\nhost = \"127.0.0.1\"\ntls = \"none\"\nport = {}\n", relay.address().port());
    fixture
        .edit("linkpost.toml", "[relay.smtp]", "[[relay.smtp]]")
        .edit("linkpost.toml", "[sign_in.local]", &format!("{second}[sign_in.local]"))
        .edit("linkpost.toml", "give_up_after = \"1 ms\"", "give_up_after = \"1 min\"");
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    assert!(said.err.contains("the relay `127.0.0.1:1` fails: "), "{said:?}");
}

#[test]
fn relays_that_would_share_a_password_by_accident_are_refused() {
    let fixture = Fixture::new();
    let relays = "[[relay.smtp]]\nhost = \"a.example\"\nuser = \"x\"\nweight = 1\n[[relay.smtp]]\nhost = \"b.example\"\nuser = \"x\"\n[[relay.smtp]]\nhost = \"c.example\"\nuser = \"x\"\npassword_env = \"not a name\"\n";
    let text = fixture.read("linkpost.toml");
    let (before, rest) = text.split_once("[relay.smtp]").unwrap();
    let (_, after) = rest.split_once("[sign_in.local]").unwrap();
    fixture.file("linkpost.toml", format!("{before}{relays}[sign_in.local]{after}"));
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    // What was written where a name belongs may be the password itself: it is not repeated.
    assert_snapshot!(said.err, @r#"
    error: linkpost.toml:13:1: some relays have a `weight` and some have none
      hint: give every relay a `weight`, or none: then they are tried in the order of the file
    error: linkpost.toml:13:1: two relays would get the password in LINKPOST_SMTP_PASSWORD
    error: linkpost.toml:16:1: two relays would get the password in LINKPOST_SMTP_PASSWORD
      hint: name a variable for each with `password_env = "…"`
    error: linkpost.toml:19:16: `relay.smtp.password_env`: expected the name of an environment variable
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relays_password_comes_from_the_variable_that_is_named() {
    let options =
        Options { auth: Some(linkpost::sandbox::Auth::new("campaigns", "right")), ..Options::default() };
    let relay = SandboxRelay::start(options).await.unwrap();
    let fixture = Fixture::new();
    let login = "tls = \"none\"\nuser = \"campaigns\"\npassword_env = \"FIRST_RELAY\"";
    fixture.relay(relay.address()).edit("linkpost.toml", "tls = \"none\"", login);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains("FIRST_RELAY_FILE"), "{said:?}");
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("FIRST_RELAY", "right").env("LINKPOST_SMTP_PASSWORD", "wrong");
    let said = fixture.finish(command);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
}
