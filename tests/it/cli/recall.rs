//! `recall` of links that we made ourselves. Those of Clerk are in `clerk::recall`.

use linkpost::sandbox::{Act, Script, Step};

use crate::support::{
    fixture::Fixture,
    mails::{relay, taken, token},
    sql::{number, sql},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_links_are_revoked_in_the_ledger_alone() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(4);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    let used = "update recipient set redeemed_at = 1 where user_id = 'user_3'";
    sql(fixture.path("linkpost.db")).await.run(used).await;
    let said = fixture.run(&["recall", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.out, "line,user_id,address\n4,user_3,p***@example.com\n");
    assert!(said.err.contains("3 links revoked, 1 link used before"), "{said:?}");
    assert_eq!(number(&fixture, "select count(*) from recipient where revoked_at is not null").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_waits_gets_another_token_after_a_recall() {
    let script = Script::new().at(Step::Dot, Act::reply(451, "4.3.0 later")).times(1);
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(1);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(75));
    let said = fixture.run(&["recall", "spring.toml", "--yes"]);
    assert!(said.err.contains("1 link revoked"), "{said:?}");
    let before = number(&fixture, "select token_generation from recipient").await;
    sql(fixture.path("linkpost.db")).await.run("update recipient set next_attempt_at = 0").await;
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    assert_eq!(number(&fixture, "select token_generation from recipient").await, before + 1);
    assert_eq!(number(&fixture, "select count(*) from recipient where revoked_at is not null").await, 0);
    assert!(!token(&taken(&relay)[0].text).is_empty());
}
