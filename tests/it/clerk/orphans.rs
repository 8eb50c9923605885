//! Tokens whose answer was lost: counted as they are, and named where links are called back.

use std::process::{Child, Stdio};

use linkpost::sandbox::Script;

use super::{PAGE, campaign, each_mail_has_its_own_token, number, relay, run, send};
use crate::support::{
    clerk::{FakeClerk, KEY, Options},
    fixture::Fixture,
    mails::taken,
    wait,
};

/// A send that goes on by itself, to be killed.
fn begin(fixture: &Fixture, clerk: &FakeClerk) -> Child {
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("CLERK_SECRET_KEY", KEY).env("CLERK_API_URL", clerk.url());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

const ASKED: &str = "select count(*) from clerk_token where state = 'asked'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waited_for_a_place_in_the_budget_is_no_orphan_after_a_kill() {
    let options = Options { hang_each: Some(1), ..Options::default() };
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, 40).await);
    let slow = PAGE.replace("1000/s", "1/s").replace("2 seconds", "10 minutes");
    let fixture = campaign(&relay, &slow, 40);
    let mut child = begin(&fixture, &clerk);
    // Two have been asked for and never get their answer. All others wait for their turn.
    clerk.until(|clerk| clerk.tokens.len() >= 2).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let (asked, made) = (number(&fixture, ASKED).await, i64::try_from(clerk.state().tokens.len()).unwrap());
    // One may have been written down whose question had not left yet.
    assert!((made..=made + 1).contains(&asked), "{asked} asked, {made} made");

    clerk.state().options.hang_each = None;
    let fast = fixture.read("linkpost.toml").replace("1/s", "1000/s");
    fixture.file("linkpost.toml", fast);
    let said = send(&fixture, &clerk);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 40), "{said:?}");
    each_mail_has_its_own_token(&taken(&relay), &clerk);
    let told = format!("an earlier run ended before it knew the answer for {asked} tokens");
    assert!(said.err.contains(&told), "{said:?}");
    assert!(said.err.contains(&format!("up to {asked} tokens of this campaign may live")), "{said:?}");

    let status = run(&fixture, &clerk, &["status", "spring.toml"]);
    assert!(
        status.out.contains(&format!("up to {asked} tokens may live without a mail until ")),
        "{status:?}"
    );
    let status = run(&fixture, &clerk, &["status", "spring.toml", "--json"]);
    assert!(status.out.contains(&format!("\"orphans\":{asked},\"orphans_until\":\"20")), "{status:?}");
    let recalled = run(&fixture, &clerk, &["recall", "spring.toml", "--yes"]);
    assert!(recalled.code == Some(0) && recalled.err.contains("40 links revoked"), "{recalled:?}");
    assert!(
        recalled.err.contains(&format!("up to {asked} more tokens may live without a mail")),
        "{recalled:?}"
    );
    assert!(recalled.err.contains("Clerk lists no sign-in tokens"), "{recalled:?}");
    assert!(recalled.err.contains("hint: "), "{recalled:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_are_named_by_a_recall_that_finds_nothing_else() {
    let options = Options { hang_each: Some(1), ..Options::default() };
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, 1).await);
    let fixture = campaign(&relay, &PAGE.replace("2 seconds", "10 minutes"), 1);
    let mut child = begin(&fixture, &clerk);
    clerk.until(|clerk| !clerk.tokens.is_empty()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let recalled = run(&fixture, &clerk, &["recall", "spring.toml", "--yes"]);
    assert_eq!(recalled.code, Some(0), "{recalled:?}");
    assert!(recalled.err.contains("up to 1 more token may live without a mail"), "{recalled:?}");
    let json = run(&fixture, &clerk, &["recall", "spring.toml", "--yes", "--json"]);
    assert!(json.out.contains("\"event\":\"orphans\",") && json.out.contains("\"count\":1,"), "{json:?}");

    // What has ended by itself is none any more.
    let past = "update clerk_token set expires_at = 1 where state = 'orphan' returning 1";
    assert_eq!(number(&fixture, past).await, 1);
    let recalled = run(&fixture, &clerk, &["recall", "spring.toml", "--yes"]);
    assert!(recalled.code == Some(0) && !recalled.err.contains("may live"), "{recalled:?}");
    let status = run(&fixture, &clerk, &["status", "spring.toml"]);
    assert!(!status.out.contains("may live"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waited_for_the_hour_of_invitations_is_no_orphan_after_a_kill() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::start(Options::default()).await);
    // A slow machine is no lost answer.
    let fixture = campaign(&relay, &PAGE.replace("2 seconds", "60 seconds"), 262);
    fixture.edit("spring.toml", "csv = ", "user_id = \"email\"\nwithout_user_id = \"invite\"\ncsv = ");
    let mut child = begin(&fixture, &clerk);
    // The hour's 25 requests are spent and answered, the rest wait for the next hour.
    clerk.until(|clerk| clerk.invitations.len() == 250).await;
    assert_eq!(clerk.count("POST /v1/invitations/bulk"), 25);
    // The program's ledger offers no event.
    while number(&fixture, "select count(*) from clerk_token where state = 'live'").await < 250 {
        wait::pause();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(number(&fixture, ASKED).await, 0);
    assert!(number(&fixture, "select count(*) from recipient where state = 'claimed'").await > 0);
}
