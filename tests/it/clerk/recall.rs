//! Links of Clerk's are called back. Our own are in `cli::recall`.

use linkpost::sandbox::Script;

use super::{PAGE, campaign, number, relay, run, send, tokens};
use crate::support::{
    clerk::{FakeClerk, Options},
    mails::taken,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_unused_token_of_clerks_is_revoked_and_the_used_ones_are_listed() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 12).await);
    let fixture = campaign(&relay, PAGE, 12);
    assert_eq!(send(&fixture, &clerk).code, Some(0));
    let used = tokens(&clerk, "pending")["user_5"][0].clone();
    clerk.use_token(&used);

    let refused = run(&fixture, &clerk, &["recall", "spring.toml"]);
    assert_eq!(refused.code, Some(2), "without a terminal it wants --yes: {refused:?}");
    let one = run(&fixture, &clerk, &["recall", "spring.toml", "--user", "user_2", "--yes"]);
    assert_eq!((one.code, tokens(&clerk, "revoked").len()), (Some(0), 1), "{one:?}");
    let all = run(&fixture, &clerk, &["recall", "spring.toml", "--yes"]);
    assert_eq!(all.code, Some(0), "{all:?}");
    assert_eq!(tokens(&clerk, "revoked").len(), 11);
    assert!(tokens(&clerk, "pending").is_empty());
    assert_eq!(all.out, "line,user_id,address\n6,user_5,p***@example.com\n");
    assert!(all.err.contains("10 links revoked, 1 link used before"), "{all:?}");

    // What is done is done: nothing is asked twice.
    let before = clerk.count("POST");
    let again = run(&fixture, &clerk, &["recall", "spring.toml", "--yes"]);
    assert_eq!((again.code, clerk.count("POST")), (Some(0), before), "{again:?}");
    assert!(again.err.contains("0 links revoked, 1 link used before"), "{again:?}");
    assert_eq!(send(&fixture, &clerk).code, Some(0));
    assert_eq!(taken(&relay).len(), 12, "nobody is mailed again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_recall_goes_on_where_it_ended() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 40).await);
    let fixture = campaign(&relay, &format!("{PAGE}patience = \"1 second\"\n"), 40);
    assert_eq!(send(&fixture, &clerk).code, Some(0));
    let mut command = fixture.command(&["recall", "spring.toml", "--yes"]);
    command.env("CLERK_SECRET_KEY", "sk_test_wrong").env("CLERK_API_URL", clerk.url());
    assert_eq!(fixture.finish(command).code, Some(77));
    assert_eq!(number(&fixture, "select count(*) from clerk_token where state = 'live'").await, 40);
    let all = run(&fixture, &clerk, &["recall", "spring", "--yes"]);
    assert_eq!((all.code, tokens(&clerk, "revoked").len()), (Some(0), 40), "{all:?}");
}
