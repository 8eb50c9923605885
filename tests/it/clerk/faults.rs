//! Clerk refuses, throttles, fails and hangs: every row is explained, and nobody has two tokens that work.

use std::{process::Stdio, time::Duration};

use linkpost::sandbox::Script;
use serde_json::Value;

use super::{PAGE, campaign, each_mail_has_its_own_token, number, relay, run, send, tokens};
use crate::{
    clerk::leaks,
    support::{
        clerk::{FakeClerk, KEY, Options},
        long,
        mails::{counts, taken},
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_stops_the_run_and_marks_nobody() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 3).await);
    let fixture = campaign(&relay, PAGE, 3);
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("CLERK_SECRET_KEY", "sk_test_wrong_canary").env("CLERK_API_URL", clerk.url());
    let said = fixture.finish(command);
    assert_eq!(said.code, Some(77), "{said:?}");
    assert!(said.err.contains("The provided Clerk Secret Key is invalid"), "{said:?}");
    assert!(!said.err.contains("canary"), "{said:?}");

    // The same once the list is booked: the refusal comes with the first token.
    assert_eq!(run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("CLERK_SECRET_KEY", "sk_test_wrong_canary").env("CLERK_API_URL", clerk.url());
    assert_eq!(fixture.finish(command).code, Some(77));
    let books = fixture.run(&["status", "spring.toml", "--json"]);
    assert!(books.out.contains("\"pending\":2") && books.out.contains("\"sent\":1"), "{books:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_about_the_account_or_the_request_stops_the_run_and_marks_nobody() {
    for (status, code, exit) in [
        (402, "payment_required", 69),
        (400, "api_version_invalid", 78),
        (409, "conflict", 78),
        (413, "request_body_too_large", 78),
        (301, "moved", 78),
        (403, "quota_exceeded", 69),
        (422, "feature_not_enabled", 78),
        (405, "method_not_allowed", 78),
    ] {
        let options = Options { refuse_from: Some((2, status, code)), ..Options::default() };
        let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, 5).await);
        let fixture = campaign(&relay, PAGE, 5);
        let said = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--quiet"]);
        assert_eq!(said.code, Some(exit), "{status} {code}: {said:?}");
        assert!(said.err.starts_with("error: ") && said.err.contains("nobody was marked"), "{said:?}");
        let books = fixture.run(&["status", "spring.toml", "--json"]);
        assert!(books.out.contains("\"rejected\":0"), "{status} {code}: {books:?}");
        clerk.state().options.refuse_from = None;
        assert_eq!(send(&fixture, &clerk).code, Some(0), "{status} {code}");
        let mails = counts(&taken(&relay));
        assert!(mails.len() == 5 && mails.values().all(|count| *count == 1), "{status} {code}: {mails:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_send_says_what_is_missing_and_a_preview_goes() {
    let relay = relay(Script::new()).await;
    let fixture = campaign(&relay, PAGE, 3);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains("the environment holds no CLERK_SECRET_KEY"), "{said:?}");
    assert_eq!(fixture.run(&["preview", "spring.toml"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_out_of_reach_stops_the_run_and_loses_nobody() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 3).await);
    let fixture = campaign(&relay, &format!("{PAGE}patience = \"1 second\"\n"), 3);
    assert_eq!(run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("CLERK_SECRET_KEY", KEY).env("CLERK_API_URL", "http://127.0.0.1:1");
    let said = fixture.finish(command);
    assert_eq!(said.code, Some(69), "{said:?}");
    assert!(said.err.contains("gave nothing for 1 s: 127.0.0.1: no connection"), "{said:?}");
    assert_eq!(number(&fixture, "select count(*) from clerk_token where state <> 'live'").await, 0);
    assert_eq!(send(&fixture, &clerk).code, Some(0));
    assert_eq!(taken(&relay).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_whose_answer_died_with_the_run_is_counted_and_another_one_is_mailed() {
    let options = Options { hang_each: Some(1), ..Options::default() };
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, 2).await);
    let fixture = campaign(&relay, &PAGE.replace("2 seconds", "10 minutes"), 2);
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("CLERK_SECRET_KEY", KEY).env("CLERK_API_URL", clerk.url());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Both tokens are made at Clerk, and their answers will never come.
    clerk.until(|clerk| clerk.tokens.len() == 2).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(number(&fixture, "select count(*) from clerk_token where state = 'asked'").await, 2);

    clerk.state().options.hang_each = None;
    let said = send(&fixture, &clerk);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("an earlier run ended before it knew the answer for 2 tokens"), "{said:?}");
    assert!(said.err.contains("up to 2 tokens of this campaign may live without a mail"), "{said:?}");
    let mails = taken(&relay);
    assert_eq!((mails.len(), clerk.state().tokens.len()), (2, 4));
    each_mail_has_its_own_token(&mails, &clerk);
}

/// What happens to so many people at a Clerk that has every fault at once.
async fn storm(people: usize, limit: (usize, Duration), rate: &str) {
    let options = Options {
        limit: Some(limit),
        fail_each: Some(25),
        hang_each: Some(40),
        gateway_each: Some(90),
        banned_at_creation: vec!["user_7".to_owned()],
        ..Options::default()
    };
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, people).await);
    clerk.state().users.get_mut("user_11").unwrap().locked = true;
    // Twice as fast as Clerk allows, so that it has to say so.
    let sign_in = PAGE.replace("1000/s", rate).replace("2 seconds", "1 second");
    let fixture = campaign(&relay, &sign_in, people);
    let said = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--skip-problems", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");

    let mails = taken(&relay);
    assert_eq!(mails.len(), people - 2, "all but the banned and the locked one");
    assert!(counts(&mails).values().all(|count| *count == 1));
    each_mail_has_its_own_token(&mails, &clerk);
    let ended: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    assert_eq!(ended["books"]["sent"], people - 2);
    assert_eq!((&ended["books"]["rejected"], &ended["books"]["invalid"]), (&1.into(), &1.into()));
    assert_eq!(ended["rows"], people);
    let rows = fixture.run(&["status", "spring.toml", "--rows", "rejected"]);
    assert!(rows.out.contains("The user is banned (user_banned"), "{rows:?}");
    let rows = fixture.run(&["status", "spring.toml", "--rows", "invalid"]);
    assert!(rows.out.contains("is locked at Clerk"), "{rows:?}");

    // Whoever has more than one token that works: the others are in nobody's hands, and the ledger counts them.
    let (orphans, requests) = {
        let state = clerk.state();
        // Whether the limit is reached in a short storm is a matter of the machine's speed.
        assert!(people < 1_000 || state.throttled > 0, "the limit was reached");
        let mut live: Vec<_> = state
            .tokens
            .iter()
            .filter(|made| made.status == "pending" && made.answered)
            .map(|made| &made.whose)
            .collect();
        let all = live.len();
        live.sort();
        live.dedup();
        assert_eq!((all, live.len()), (people - 2, people - 2), "one live token each");
        (state.tokens.iter().filter(|made| !made.answered).count(), state.requests.clone())
    };
    let counted = number(&fixture, "select count(*) from clerk_token where state = 'orphan'").await;
    assert!(orphans > 0 && counted >= i64::try_from(orphans).unwrap(), "{counted} of {orphans}");
    assert!(said.err.contains("may live without a mail"), "{said:?}");
    assert!(requests.iter().all(|request| !request.line.contains("ey")), "no token in an address");

    let texts: Vec<String> = clerk.state().tokens.iter().map(|made| made.text.clone()).collect();
    leaks::assert_nowhere(&fixture, &[&said.out, &said.err], &texts);
    assert!(tokens(&clerk, "revoked").is_empty(), "nothing was minted in vain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_explained_whatever_clerk_does() {
    storm(500, (50, Duration::from_secs(1)), "100/s").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_rows_at_a_development_key() {
    if !long() {
        return crate::support::skipped(
            "5,000 rows at 100 tokens in 10 s take ten minutes (tests/run.sh --long)",
        );
    }
    storm(5_000, (100, Duration::from_secs(10)), "12/s").await;
}
