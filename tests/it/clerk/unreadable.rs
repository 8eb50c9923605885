//! Clerk's answers that say "done" and nothing else that can be used: lost answers, not the end of a run.

use linkpost::sandbox::Script;

use super::{PAGE, campaign, each_mail_has_its_own_token, number, relay, run, send, tokens};
use crate::support::{
    clerk::{FakeClerk, Options, Strange},
    mails::{counts, taken},
};

fn strange(each: usize, strange: Strange) -> Options {
    Options { strange_each: Some((each, strange)), ..Options::default() }
}

/// Four people at a Clerk of which every third answer to a creation is strange.
async fn everybody_is_mailed(kind: Strange) {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(strange(3, kind), 4).await);
    let fixture = campaign(&relay, PAGE, 4);
    let said = send(&fixture, &clerk);
    assert_eq!(said.code, Some(0), "{kind:?}: {said:?}");
    let mails = taken(&relay);
    assert!(mails.len() == 4 && counts(&mails).values().all(|count| *count == 1), "{kind:?}");
    each_mail_has_its_own_token(&mails, &clerk);
    let unanswered = clerk.state().tokens.iter().filter(|made| !made.answered).count();
    let revoked = clerk.state().tokens.iter().filter(|made| made.status == "revoked").count();
    let orphans = number(&fixture, "select count(*) from clerk_token where state = 'orphan'").await;
    assert!(unanswered > 0, "{kind:?}");
    if matches!(kind, Strange::NotJson | Strange::NoContent | Strange::WithoutId | Strange::EmptyId) {
        assert_eq!(
            (orphans, revoked),
            (i64::try_from(unanswered).unwrap(), 0),
            "{kind:?}: nobody knows them"
        );
        assert!(said.err.contains("may live without a mail"), "{kind:?}: {said:?}");
    } else {
        assert_eq!((orphans, revoked), (0, unanswered), "{kind:?}: known by their ids");
        assert!(!said.err.contains("may live without a mail"), "{kind:?}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_read_is_a_lost_one() {
    for kind in [Strange::NotJson, Strange::NoContent, Strange::WithoutId, Strange::EmptyId] {
        everybody_is_mailed(kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_cannot_be_used_is_revoked_and_another_one_minted() {
    for kind in [Strange::WithoutToken, Strange::EmptyToken, Strange::WithoutUser] {
        everybody_is_mailed(kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_for_somebody_else_is_that_rows_refusal() {
    let options = strange(3, Strange::ForAnother);
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, 4).await);
    let fixture = campaign(&relay, PAGE, 4);
    let said = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--json"]);
    assert!(said.out.contains("\"rejected\":1"), "{said:?}");
    assert_eq!((taken(&relay).len(), tokens(&clerk, "revoked").len()), (3, 1), "{said:?}");
    let rows = fixture.run(&["status", "spring.toml", "--rows", "rejected"]);
    assert!(rows.out.contains("Clerk made the token for somebody else: nothing was sent"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_given_before_is_none_and_costs_nobody_their_link() {
    let options = strange(2, Strange::Repeated);
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, 3).await);
    let fixture = campaign(&relay, PAGE, 3);
    // The answer that comes twice is there before it comes again: of two at once nobody knows which is the copy.
    let first = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--limit", "1"]);
    assert_eq!(taken(&relay).len(), 1, "{first:?}");
    let said = send(&fixture, &clerk);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 3), "{said:?}");
    each_mail_has_its_own_token(&taken(&relay), &clerk);
    assert!(tokens(&clerk, "revoked").is_empty(), "{said:?}");
    let unanswered = clerk.state().tokens.iter().filter(|made| !made.answered).count();
    let orphans = number(&fixture, "select count(*) from clerk_token where state = 'orphan'").await;
    assert!(unanswered > 0 && orphans == i64::try_from(unanswered).unwrap(), "{orphans} of {unanswered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_that_says_nothing_but_done_stops_the_run_and_marks_nobody() {
    for (kind, words) in [
        (Strange::NotJson, "Clerk's answer is no token that can be read"),
        (Strange::WithoutToken, "Clerk's answer holds no `token`"),
    ] {
        let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(strange(1, kind), 2).await);
        let fixture = campaign(&relay, &format!("{PAGE}patience = \"1 second\"\n"), 2);
        let said = send(&fixture, &clerk);
        assert_eq!(said.code, Some(69), "{said:?}");
        assert!(said.err.contains("gave nothing for 1 s") && said.err.contains(words), "{said:?}");
        let books = fixture.run(&["status", "spring.toml", "--json"]);
        assert!(books.out.contains("\"pending\":2"), "{books:?}");
        clerk.state().options.strange_each = None;
        let said = send(&fixture, &clerk);
        assert_eq!((said.code, taken(&relay).len()), (Some(0), 2), "{said:?}");
        each_mail_has_its_own_token(&taken(&relay), &clerk);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_for_users_and_a_revocation_are_asked_again_where_the_answer_is_none() {
    let options = Options { garbled: 2, ..Options::default() };
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(options, 3).await);
    let fixture = campaign(&relay, PAGE, 3);
    let said = send(&fixture, &clerk);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 3), "{said:?}");
    assert_eq!(clerk.count("GET /v1/users?"), 3);
    clerk.state().options.garbled = 2;
    let said = run(&fixture, &clerk, &["recall", "spring.toml", "--yes"]);
    assert!(said.code == Some(0) && said.err.contains("3 links revoked"), "{said:?}");
    assert_eq!(tokens(&clerk, "revoked").len(), 3);
    assert_eq!(number(&fixture, "select count(*) from clerk_token where state = 'revoked'").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_without_an_address_is_waited_for_and_not_held_against_the_people() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 2).await);
    clerk.state().options.strange_each = Some((1, Strange::WithoutUrl));
    let portal = "[sign_in.clerk]\nlink = \"account-portal\"\nrate = \"1000/s\"\npatience = \"1 second\"\n";
    let fixture = campaign(&relay, portal, 2);
    let said = send(&fixture, &clerk);
    assert!(said.code == Some(69) && said.err.contains("Clerk's answer holds no `url`"), "{said:?}");
    clerk.state().options.strange_each = None;
    assert_eq!((send(&fixture, &clerk).code, taken(&relay).len()), (Some(0), 2));
}
