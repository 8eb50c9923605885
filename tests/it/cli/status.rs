//! `status`: the books, whole, as a person and as a machine reads them.

use insta::assert_snapshot;

use crate::support::{
    fixture::Fixture,
    mails::{mixed_answers, relay},
    screen::{screen, steady},
};

/// A campaign of six: two have their mail, one was refused, one waits, one has no answer, one was not tried.
async fn mixed() -> Fixture {
    let relay = relay(mixed_answers()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(6).sending("connections = 1\nexpected_refusals = \"1 mail\"");
    let said = fixture.run(&["send", "spring.toml", "--yes", "--limit", "5"]);
    assert_eq!((said.code, relay.count()), (Some(75), 3), "{said:?}");
    fixture
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_is_counted_and_listed_with_its_reason() {
    let _steady = steady();
    let fixture = mixed().await;
    assert_snapshot!(screen(&fixture.run(&["status", "spring.toml"])), @r"
    exit 0
    --- stdout
    spring, occasion once
     state     rows
     sent         2
     pending      1
     deferred     1
     rejected     1
     unknown      1
     in all       6
    --- stderr
    ");
    assert_snapshot!(screen(&fixture.run(&["status", "spring", "--json"])), @r#"
    exit 0
    --- stdout
    {"campaign":"spring","occasion":"once","books":{"sent":2,"pending":1,"claimed":0,"sending":0,"deferred":1,"rejected":1,"expired":0,"unknown":1,"suppressed":0,"withdrawn":0,"invalid":0,"duplicate":0},"due":null,"over":null,"rows":6,"left_the_list":0,"redeemed":0,"answers":[]}
    --- stderr
    "#);
    assert_snapshot!(screen(&fixture.run(&["status", "spring", "--rows", "rejected"])), @r"
    exit 0
    --- stdout
    line,user_id,address,state,attempts,message_id,reason,in_list
    3,user_2,p***@example.com,rejected,0,,RCPT: 550 5.1.1 no such user,yes
    --- stderr
    ");
    assert_snapshot!(screen(&fixture.run(&["status", "spring", "--rows", "unknown", "--show-addresses"])), @r"
    exit 0
    --- stdout
    line,user_id,address,state,attempts,message_id,reason,in_list
    5,user_4,person4@example.com,unknown,1,<[id]@example.com>,after the final dot: the relay closed the connection,yes
    --- stderr
    ");
    assert_snapshot!(screen(&fixture.run(&["status", "spring", "--rows", "deferred"])), @r"
    exit 0
    --- stdout
    line,user_id,address,state,attempts,message_id,reason,in_list
    4,user_3,p***@example.com,deferred,0,,RCPT: 451 4.7.1 later,yes
    --- stderr
    ");
}

#[test]
fn a_campaign_without_books_is_said_to_have_none() {
    let _steady = steady();
    let fixture = Fixture::new();
    assert_snapshot!(screen(&fixture.run(&["status", "spring.toml"])), @r"
    exit 78
    error: there is no ledger `linkpost.db`
      hint: `linkpost send` makes it; rehearsals have one of their own
    ");
}
