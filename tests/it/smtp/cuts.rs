//! Connections that break, stall or are given up, at every phase.

use std::sync::Arc;

use linkpost::sandbox::{Act, Event, Extensions, Options, Script, Step};
use tokio::sync::Notify;

use super::{
    MESSAGE, ONE_BY_ONE, SHORT, connections, courier, hasty, kind, mails, relay, scripted, send, send_bytes,
    told,
};

#[tokio::test]
async fn a_cut_before_the_dot_is_deferred_and_after_it_unknown() {
    let steps = [
        (Step::Mail, "deferred"),
        (Step::Rcpt, "deferred"),
        (Step::Data, "deferred"),
        (Step::Dot, "unknown"),
    ];
    for extensions in [Extensions::default(), ONE_BY_ONE] {
        for (step, expected) in steps {
            for act in [Act::Drop, Act::Reset, Act::Stall, Act::raw("2"), Act::raw("\0\r\n")] {
                let script = Script::new().at(step, act.clone()).times(1);
                let relay = relay(Options { extensions, script, ..Options::default() }).await;
                let mut courier = hasty(&relay, |deadlines| {
                    deadlines.mail = SHORT;
                    deadlines.rcpt = SHORT;
                    deadlines.data = SHORT;
                    deadlines.dot = SHORT;
                });
                assert_eq!(kind(&mut courier, "ada@example.org").await, expected, "{step:?} {act:?}");
                assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted", "{step:?} {act:?}");
                assert_eq!(connections(&relay), 2, "{step:?} {act:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_mail_that_was_taken_without_an_answer_is_unknown_and_not_repeated() {
    for act in [Act::Drop, Act::Reset, Act::Stall] {
        let relay = scripted(Script::new().at(Step::Dot, Act::accept_then(act)).times(1)).await;
        let mut courier = hasty(&relay, |deadlines| deadlines.dot = SHORT);
        assert_eq!(kind(&mut courier, "ada@example.org").await, "unknown");
        assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted");
        let recipients: Vec<String> = mails(&relay).into_iter().map(|(recipient, _)| recipient).collect();
        assert_eq!(recipients, ["ada@example.org", "bob@example.org"]);
    }
}

#[tokio::test]
async fn a_cut_in_the_body_is_deferred_at_any_offset() {
    // More than the buffers of both sides hold, so that the dot cannot have left.
    let message = b"a line of a body that does not fit into any buffer of this machine\r\n".repeat(200_000);
    for offset in [0, 1, 68, 65_536, 65_537, 1_000_000] {
        // Held, the relay no longer reads.
        for act in [Act::Drop, Act::Reset, Act::Hold(Arc::default())] {
            let relay = scripted(Script::new().at(Step::Body(offset), act.clone()).times(1)).await;
            let mut courier = hasty(&relay, |deadlines| deadlines.body_block = SHORT);
            let told = told(&send_bytes(&mut courier, "ada@example.org", &message).await);
            assert!(told.starts_with("deferred: before the final dot: "), "{offset} {act:?}: {told}");
            assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted", "{offset} {act:?}");
            assert_eq!(mails(&relay).len(), 1);
        }
    }
}

#[tokio::test]
async fn a_relay_that_answers_in_the_middle_of_a_body_gets_no_dot() {
    let relay = scripted(Script::new().at(Step::Data, Act::append("250 already fine\r\n")).times(1)).await;
    let mut courier = courier(&relay);
    assert_eq!(
        told(&send(&mut courier, "ada@example.org").await),
        "deferred: DATA: the relay spoke out of turn"
    );
    assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted");
    assert_eq!(mails(&relay), [("bob@example.org".to_owned(), MESSAGE.to_vec())]);
}

/// The reply to the first mail comes after our deadline; the second mail is refused, and must learn it.
#[tokio::test]
async fn a_late_reply_is_never_inherited_by_the_next_mail() {
    for (step, expected) in [(Step::Rcpt, "deferred"), (Step::Data, "deferred"), (Step::Dot, "unknown")] {
        let gate = Arc::new(Notify::new());
        let script = Script::new()
            .at(step, Act::Hold(Arc::clone(&gate)))
            .times(1)
            .at(Step::Rcpt, Act::reply(550, "5.1.1 no such user"))
            .for_recipient("gone@example.org");
        let relay = scripted(script).await;
        let mut courier = hasty(&relay, |deadlines| {
            deadlines.rcpt = SHORT;
            deadlines.data = SHORT;
            deadlines.dot = SHORT;
        });
        assert_eq!(kind(&mut courier, "ada@example.org").await, expected, "{step:?}");
        gate.notify_one();
        assert_eq!(
            told(&send(&mut courier, "gone@example.org").await),
            "rejected: RCPT: 550 5.1.1 no such user",
            "{step:?}"
        );
        assert_eq!(connections(&relay), 2, "{step:?}");
    }
}

/// A dropped future leaves nothing to reuse, wherever it stood.
#[tokio::test]
async fn a_mail_that_is_given_up_takes_its_connection_with_it() {
    for step in [Step::Connect, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::Dot] {
        let gate = Arc::new(Notify::new());
        let script = Script::new()
            .at(step, Act::Hold(Arc::clone(&gate)))
            .times(1)
            .at(Step::Rcpt, Act::reply(550, "5.1.1 no such user"))
            .for_recipient("gone@example.org");
        let relay = relay(Options { extensions: ONE_BY_ONE, script, ..Options::default() }).await;
        let mut courier = courier(&relay);
        let reached = |event: &Event| match (step, event) {
            (Step::Connect, Event::Connected { .. }) | (Step::Dot, Event::Accepted { .. }) => true,
            (Step::Ehlo, Event::Command { line, .. }) => line.starts_with("EHLO"),
            (Step::Mail, Event::Command { line, .. }) => line.starts_with("MAIL"),
            (Step::Rcpt, Event::Command { line, .. }) => line.starts_with("RCPT"),
            (Step::Data, Event::Command { line, .. }) => line.starts_with("DATA"),
            _ => false,
        };
        tokio::select! {
            result = send(&mut courier, "ada@example.org") => panic!("{step:?}: {result:?}"),
            _ = relay.until(reached) => {}
        }
        gate.notify_one();
        assert_eq!(
            told(&send(&mut courier, "gone@example.org").await),
            "rejected: RCPT: 550 5.1.1 no such user",
            "{step:?}"
        );
        relay.until(|event| matches!(event, Event::Closed { connection: 1, .. })).await;
        assert_eq!(connections(&relay), 2, "{step:?}");
    }
}

#[tokio::test]
async fn a_connection_that_timed_out_is_dropped_without_a_goodbye() {
    let relay = scripted(Script::new().at(Step::Rcpt, Act::Stall)).await;
    let mut courier = hasty(&relay, |deadlines| deadlines.rcpt = SHORT);
    assert_eq!(kind(&mut courier, "ada@example.org").await, "deferred");
    relay.until(|event| matches!(event, Event::Closed { connection: 1, .. })).await;
    let quits = super::commands(&relay).iter().filter(|line| *line == "QUIT").count();
    assert_eq!(quits, 0);
}

#[tokio::test]
async fn a_relay_that_hears_no_goodbye_does_not_hold_us() {
    let relay = scripted(Script::new().at(Step::Quit, Act::Stall)).await;
    let mut courier = hasty(&relay, |deadlines| deadlines.quit = SHORT);
    assert_eq!(kind(&mut courier, "ada@example.org").await, "accepted");
    courier.close().await;
}
