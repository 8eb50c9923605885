//! Campaigns whose tokens Clerk mints: the built program, a double of Clerk, a real SMTP conversation, a real ledger.

mod barred;
mod faults;
mod judges;
mod leaks;
mod leave;
mod orphans;
mod people;
mod recall;
mod unreadable;

use std::collections::BTreeMap;

use linkpost::sandbox::{SandboxRelay, Script};

use crate::support::{
    clerk::{FakeClerk, KEY, Options},
    fixture::{Fixture, Said},
    mails::{Mail, mixed_answers, relay, taken, token},
    sql::number,
};

/// The settings' sign-in, in place of the local one.
const PAGE: &str = "[sign_in.clerk]\npage = \"https://app.example.com/accept-token\"\nshare = 1.0\nrate = \"1000/s\"\ndeadline = \"2 seconds\"\n";
const LOCAL: &str = "[sign_in.local]\npage = \"https://app.example.com/accept-token\"\nissuer = \"https://example.com\"\naudience = \"https://app.example.com\"\n";

/// A campaign of so many people, through a relay, with links from Clerk.
fn campaign(relay: &SandboxRelay, sign_in: &str, number: usize) -> Fixture {
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(number).edit("linkpost.toml", LOCAL, sign_in);
    fixture
}

/// Runs the program with Clerk's key and address.
fn run(fixture: &Fixture, clerk: &FakeClerk, arguments: &[&str]) -> Said {
    let mut command = fixture.command(arguments);
    command.env("CLERK_SECRET_KEY", KEY).env("CLERK_API_URL", clerk.url());
    fixture.finish(command)
}

fn send(fixture: &Fixture, clerk: &FakeClerk) -> Said {
    run(fixture, clerk, &["send", "spring.toml", "--yes"])
}

/// The tokens of the double by person, of one status.
fn tokens(clerk: &FakeClerk, status: &str) -> BTreeMap<String, Vec<String>> {
    let mut tokens: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for made in clerk.state().tokens.iter().filter(|made| made.status == status) {
        tokens.entry(made.whose.clone()).or_default().push(made.text.clone());
    }
    tokens
}

/// Every mail carries the one live token of the person that it went to.
fn each_mail_has_its_own_token(mails: &[Mail], clerk: &FakeClerk) {
    let live = tokens(clerk, "pending");
    for mail in mails {
        let user = mail.recipient.replace("person", "user_").replace("@example.com", "");
        let mine = &live[&user];
        assert!(mine.contains(&token(&mail.text)), "{user}");
        assert_eq!(token(&mail.text), token(&mail.html));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_the_token_that_clerk_minted_for_them_and_one_alone() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 30).await);
    let fixture = campaign(&relay, PAGE, 30);
    let said = send(&fixture, &clerk);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mails = taken(&relay);
    assert_eq!(mails.len(), 30);
    each_mail_has_its_own_token(&mails, &clerk);
    assert!(mails[0].text.contains("https://app.example.com/accept-token?token=ey"), "{}", mails[0].text);
    assert_eq!(clerk.state().tokens.len(), 30);
    assert!(said.err.contains("the slowest limit is 1000 tokens a second from Clerk"), "{said:?}");

    let again = send(&fixture, &clerk);
    assert_eq!((again.code, taken(&relay).len(), clerk.state().tokens.len()), (Some(0), 30, 30), "{again:?}");
    assert_eq!(number(&fixture, "select count(*) from clerk_token where state = 'live'").await, 30);

    let request = clerk.state().requests.iter().find(|one| one.line.starts_with("POST")).unwrap().clone();
    assert_eq!(request.line, "POST /v1/sign_in_tokens");
    assert_eq!(request.headers["clerk-api-version"], "2026-05-12");
    assert_eq!(request.headers["content-type"], "application/json");
    assert!(request.headers["user-agent"].starts_with("linkpost/"));
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["expires_in_seconds"], 7 * 86_400);
    assert!(body.get("org_id").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_may_lead_to_clerks_own_page_and_on_from_there() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 2).await);
    let portal = "[sign_in.clerk]\nlink = \"account-portal\"\nredirect_url = \"https://app.example.com/welcome?a=1\"\norganization = \"org_1\"\nrate = \"1000/s\"\n";
    let fixture = campaign(&relay, portal, 2);
    let said = send(&fixture, &clerk);
    assert_eq!(said.code, Some(0), "{said:?}");
    for mail in taken(&relay) {
        let user = mail.recipient.replace("person", "user_").replace("@example.com", "");
        let expected = format!(
            "https://example.accounts.dev/sign-in?__clerk_ticket={}&redirect_url=https%3A%2F%2Fapp.example.com%2Fwelcome%3Fa%3D1",
            tokens(&clerk, "pending")[&user][0]
        );
        assert!(mail.text.contains(&expected), "{}", mail.text);
    }
    assert!(clerk.state().requests.iter().any(|request| request.body.contains("\"org_id\":\"org_1\"")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_whose_mail_did_not_go_is_revoked() {
    let (relay, clerk) = (relay(mixed_answers()).await, FakeClerk::with_people(Options::default(), 5).await);
    let fixture = campaign(&relay, PAGE, 5);
    let said = send(&fixture, &clerk);
    assert_eq!(said.code, Some(75), "{said:?}");
    // Refused and deferred mails have no token any more; an unknown one may be in an inbox and keeps its own.
    let live: Vec<_> = tokens(&clerk, "pending").into_keys().collect();
    assert_eq!(live, ["user_1", "user_4", "user_5"]);
    let revoked: Vec<_> = tokens(&clerk, "revoked").into_keys().collect();
    assert_eq!(revoked, ["user_2", "user_3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_and_a_preview_ask_clerk_for_nothing() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::start(Options::default()).await);
    let fixture = campaign(&relay, PAGE, 3);
    for arguments in
        [&["send", "spring.toml", "--sandbox"][..], &["preview", "spring.toml"], &["check", "spring.toml"]]
    {
        let said = run(&fixture, &clerk, arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let requests = clerk.state().requests.len();
    assert_eq!(requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_read_matters_where_it_is_used() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 1).await);
    let fixture = campaign(&relay, PAGE, 1);
    let run = |arguments: &[&str]| {
        let mut command = fixture.command(arguments);
        command.env("CLERK_SECRET_KEY_FILE", "key.txt").env("CLERK_API_URL", clerk.url());
        fixture.finish(command)
    };
    for arguments in
        [&["check", "spring.toml"][..], &["preview", "spring.toml"], &["send", "spring.toml", "--sandbox"]]
    {
        let said = run(arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let said = run(&["send", "spring.toml", "--yes"]);
    let words = "key.txt: the file that `CLERK_SECRET_KEY_FILE` names cannot be read";
    assert!(said.code == Some(78) && said.err.contains(words), "{said:?}");
}
