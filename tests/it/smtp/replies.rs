//! The table of replies: one row per test case, each with PIPELINING and without.

use std::time::Duration;

use linkpost::sandbox::{Act, Extensions, Options, Script, Step};

use super::{
    ONE_BY_ONE, SHORT, connections, courier, finish, hasty, kind, mails, relay, scripted, send, told,
};

/// The first mail meets `act` at `step`; the second is a plain one. Expects the first's fate and the connections used.
async fn check(step: Step, act: Act, expected: &str, expected_connections: usize) {
    for extensions in [Extensions::default(), ONE_BY_ONE] {
        let script = Script::new().at(step, act.clone()).times(1);
        let relay = relay(Options { extensions, script, ..Options::default() }).await;
        let mut courier = courier(&relay);
        assert_eq!(told(&send(&mut courier, "ada@example.org").await), expected);
        assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted", "after {expected}");
        assert_eq!(connections(&relay), expected_connections, "{expected}");
        let taken = mails(&relay).iter().filter(|(recipient, _)| recipient == "ada@example.org").count();
        assert!(taken == 0 || expected.starts_with("accepted"), "{expected}");
        finish(relay).await;
    }
}

#[tokio::test]
async fn a_reply_to_rcpt_is_judged_by_its_first_digit() {
    for code in [550, 551, 553, 554, 501, 556] {
        check(Step::Rcpt, Act::reply(code, "5.1.1 no"), &format!("rejected: RCPT: {code} 5.1.1 no"), 1).await;
    }
    for code in [450, 451, 452, 499] {
        check(Step::Rcpt, Act::reply(code, "4.2.0 later"), &format!("deferred: RCPT: {code} 4.2.0 later"), 1)
            .await;
    }
    check(Step::Rcpt, Act::reply(251, "will forward"), "accepted: 250 2.0.0 kept as 00000001", 1).await;
}

#[tokio::test]
async fn too_many_recipients_is_no_lasting_no() {
    check(Step::Rcpt, Act::reply(552, "too many"), "deferred: RCPT: 552 too many", 1).await;
}

#[tokio::test]
async fn a_421_defers_and_closes() {
    let goodbye = || Act::farewell(421, "4.7.28 slow down");
    check(Step::Mail, goodbye(), "deferred: MAIL: 421 4.7.28 slow down", 2).await;
    check(Step::Rcpt, goodbye(), "deferred: RCPT: 421 4.7.28 slow down", 2).await;
    check(Step::Data, goodbye(), "deferred: DATA: 421 4.7.28 slow down", 2).await;
    check(Step::Dot, goodbye(), "deferred: after the final dot: 421 4.7.28 slow down", 2).await;
}

#[tokio::test]
async fn a_reply_to_data_is_judged_by_its_first_digit() {
    check(Step::Data, Act::reply(451, "later"), "deferred: DATA: 451 later", 1).await;
    check(Step::Data, Act::reply(554, "no"), "rejected: DATA: 554 no", 1).await;
    check(Step::Mail, Act::reply(452, "4.3.1 full"), "deferred: MAIL: 452 4.3.1 full", 1).await;
}

#[tokio::test]
async fn a_no_after_the_dot_is_definite() {
    let after = |words: &str| format!("after the final dot: {words}");
    check(Step::Dot, Act::reply(451, "4.3.0 later"), &format!("deferred: {}", after("451 4.3.0 later")), 1)
        .await;
    check(Step::Dot, Act::reply(554, "5.1.1 gone"), &format!("rejected: {}", after("554 5.1.1 gone")), 1)
        .await;
    // What is thought of us is nothing for good.
    check(Step::Dot, Act::reply(554, "5.7.1 spam"), &format!("deferred: {}", after("554 5.7.1 spam")), 1)
        .await;
    check(Step::Dot, Act::reply(552, "5.3.4 big"), &format!("rejected: {}", after("552 5.3.4 big")), 1).await;
}

#[tokio::test]
async fn a_relay_that_lost_its_place_marks_nobody() {
    check(Step::Rcpt, Act::reply(503, "5.5.1 MAIL first"), "deferred: RCPT: 503 5.5.1 MAIL first", 2).await;
    check(Step::Rcpt, Act::reply(354, "go on"), "deferred: RCPT: 354 go on", 2).await;
}

#[tokio::test]
async fn only_250_after_the_dot_is_accepted() {
    let check = |reply: &'static str, expected: &'static str| async move {
        let script = Script::new().at(Step::Dot, Act::accept_then(Act::raw(reply))).times(1);
        let relay = scripted(script).await;
        let mut courier = hasty(&relay, |deadlines| deadlines.dot = SHORT);
        let told = told(&send(&mut courier, "ada@example.org").await);
        assert_eq!(told, format!("unknown: after the final dot: {expected}"), "{reply:?}");
        assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted", "{reply:?}");
        assert_eq!(connections(&relay), 2, "{reply:?}");
    };
    check("354 go on\r\n", "354 go on, expected 250").await;
    check("200 ok\r\n", "200 ok, expected 250").await;
    check("252 ok\r\n", "252 ok, expected 250").await;
    check("251 ok\r\n", "251 ok, expected 250").await;
    check("999 what\r\n", "the relay sent a line without a reply code").await;
    check("2\r\n", "the relay sent a line without a reply code").await;
    check("\r\n", "the relay sent a line without a reply code").await;
    check("250-ok\r\n550 no\r\n", "the relay sent lines with different codes in one reply").await;
    check("250 ok", "no complete answer within 300ms").await;
    check("", "no complete answer within 300ms").await;
}

#[tokio::test]
async fn a_lawful_250_is_accepted_however_it_is_written() {
    let check = |reply: &'static [u8], expected: &'static str| async move {
        let relay = scripted(Script::new().at(Step::Dot, Act::raw(reply))).await;
        let mut courier = courier(&relay);
        for _ in 0..2 {
            assert_eq!(told(&send(&mut courier, "ada@example.org").await), format!("accepted: {expected}"));
        }
        assert_eq!((connections(&relay), relay.count()), (1, 2), "{expected}");
        finish(relay).await;
    };
    check(b"250\r\n", "250").await;
    check(b"250 \r\n", "250").await;
    check(b"250 2.0.0 queued as 4XyZ\n", "250 2.0.0 queued as 4XyZ").await;
    check(b"250-2.0.0 thank\r\n250-2.0.0 you\r\n250 2.0.0 4XyZ\r\n", "250 2.0.0 thank you 4XyZ").await;
    check(b"250 angenommen f\xfcr Zustellung\r\n", "250 angenommen f\\xfcr Zustellung").await;
    check(b"250 \x1b[2Jok\0\r\n", "250 \\u{1b}[2Jok\\u{0}").await;
}

#[tokio::test]
async fn a_refused_sender_marks_nobody() {
    let relay = scripted(Script::new().at(Step::Mail, Act::reply(550, "5.7.1 not you"))).await;
    assert_eq!(
        told(&send(&mut courier(&relay), "ada@example.org").await),
        "requeued: MAIL: 550 5.7.1 not you"
    );
}

#[tokio::test]
async fn a_login_that_is_wanted_in_the_middle_marks_nobody() {
    for (step, verb) in [(Step::Mail, "MAIL"), (Step::Rcpt, "RCPT"), (Step::Data, "DATA")] {
        let relay =
            scripted(Script::new().at(step, Act::reply(530, "5.7.0 sign in")).on_transaction(2)).await;
        let mut courier = courier(&relay);
        assert_eq!(kind(&mut courier, "ada@example.org").await, "accepted");
        assert_eq!(
            told(&send(&mut courier, "bob@example.org").await),
            format!("requeued: {verb}: 530 5.7.0 sign in")
        );
    }
}

#[tokio::test]
async fn a_reply_that_trickles_gains_no_time() {
    // Each byte comes well within the deadline, the whole reply does not.
    let drip = Act::trickle("250 a long reply that takes its time\r\n", Duration::from_millis(20));
    let check = async |step, expected: &str| {
        let relay = scripted(Script::new().at(step, drip.clone()).times(1)).await;
        let mut courier = hasty(&relay, |deadlines| {
            deadlines.rcpt = SHORT;
            deadlines.mail = SHORT;
            deadlines.dot = SHORT;
        });
        assert_eq!(told(&send(&mut courier, "ada@example.org").await), expected);
        assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted");
        assert_eq!(connections(&relay), 2);
    };
    check(Step::Mail, "deferred: MAIL: no complete answer within 300ms").await;
    check(Step::Rcpt, "deferred: RCPT: no complete answer within 300ms").await;
    check(Step::Dot, "unknown: after the final dot: no complete answer within 300ms").await;
}
