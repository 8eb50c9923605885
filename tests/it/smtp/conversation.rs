//! Mail after mail on one connection: what is said, what is kept, when a connection ends.

use std::{sync::Arc, time::Duration};

use linkpost::{
    delivery::smtp::{Relay, RelaySettings},
    sandbox::{Act, Ending, Event, Extensions, Options, Script, Step},
};
use tokio::sync::Notify;

use super::{
    MESSAGE, ONE_BY_ONE, Offer, commands, connections, courier, courier_with, envelope, finish, kind, mails,
    relay, scripted, send, send_bytes, settings, told,
};

fn plain() -> Options {
    Options { extensions: ONE_BY_ONE, ..Options::default() }
}

#[tokio::test]
async fn a_mail_arrives_byte_for_byte() {
    for options in [Options::default(), plain()] {
        let relay = relay(options).await;
        let mut courier = courier(&relay);
        for recipient in ["ada@example.org", "bob@example.org"] {
            let result = send(&mut courier, recipient).await;
            assert!(told(&result).starts_with("accepted: 250 2.0.0 kept as 0000000"), "{result:?}");
        }
        courier.close().await;
        let expected = ["ada@example.org", "bob@example.org"].map(|one| (one.to_owned(), MESSAGE.to_vec()));
        assert_eq!(mails(&relay), expected);
        relay.until(|event| *event == Event::Closed { connection: 1, ending: Ending::Quit }).await;
        finish(relay).await;
    }
}

#[tokio::test]
async fn a_long_message_of_dots_arrives_as_it_is() {
    let relay = relay(Options::default()).await;
    let message =
        [&b"Message-ID: <1@example.com>\r\n\r\n"[..], &b".\r\n..\r\n.a\r\n\r\n".repeat(100_000)].concat();
    let result = send_bytes(&mut courier(&relay), "ada@example.org", &message).await;
    assert!(told(&result).starts_with("accepted"), "{result:?}");
    assert!(mails(&relay) == [("ada@example.org".to_owned(), message)]);
    finish(relay).await;
}

#[tokio::test]
async fn five_refusals_in_ten_mails_need_one_connection() {
    for extensions in [Extensions::default(), ONE_BY_ONE] {
        let script =
            Script::new().at(Step::Rcpt, Act::reply(550, "5.1.1 no such user")).for_recipient("gone*");
        let relay = relay(Options { extensions, script, ..Options::default() }).await;
        let mut courier = courier(&relay);
        for number in 0..5 {
            assert_eq!(kind(&mut courier, &format!("gone{number}@example.org")).await, "rejected");
            assert_eq!(kind(&mut courier, &format!("here{number}@example.org")).await, "accepted");
        }
        courier.close().await;
        assert_eq!((connections(&relay), mails(&relay).len()), (1, 5));
        assert!(mails(&relay).iter().all(|(recipient, _)| recipient.starts_with("here")));
        assert_eq!(commands(&relay).iter().filter(|line| *line == "RSET").count(), 5);
        finish(relay).await;
    }
}

#[tokio::test]
async fn a_connection_ends_politely_after_its_share() {
    let check = async |extensions, change: fn(&mut RelaySettings), expected| {
        let relay = relay(Options { extensions, ..Options::default() }).await;
        let mut settings = settings(relay.address().port());
        change(&mut settings);
        let mut courier = courier_with(settings);
        for _ in 0..7 {
            assert_eq!(kind(&mut courier, "ada@example.org").await, "accepted");
        }
        courier.close().await;
        assert_eq!((connections(&relay), relay.count()), (expected, 7));
        for connection in 1..=expected as u64 {
            relay.until(|event| *event == Event::Closed { connection, ending: Ending::Quit }).await;
        }
        finish(relay).await;
    };
    let limited = Extensions { mailmax: Some(2), ..Extensions::default() };
    check(Extensions::default(), |_| {}, 1).await;
    check(Extensions::default(), |settings| settings.messages_per_connection = 3, 3).await;
    check(Extensions::default(), |settings| settings.connection_age = Duration::ZERO, 7).await;
    check(limited, |_| {}, 4).await;
    check(limited, |settings| settings.messages_per_connection = 1, 7).await;
}

#[tokio::test]
async fn a_message_over_the_limit_of_the_relay_is_rejected_unsent() {
    let extensions = Extensions { size: Some(MESSAGE.len() - 1), ..Extensions::default() };
    let relay = relay(Options { extensions, ..Options::default() }).await;
    let mut courier = courier(&relay);
    let size = MESSAGE.len();
    assert_eq!(
        told(&send(&mut courier, "ada@example.org").await),
        format!("rejected: 5.3.4 the message has {size} bytes, the relay takes {}", size - 1)
    );
    assert_eq!(commands(&relay), ["EHLO client.example.com"]);
    let smaller = &MESSAGE[..size - 5];
    let result = send_bytes(&mut courier, "ada@example.org", smaller).await;
    assert!(told(&result).starts_with("accepted"), "{result:?}");
    assert_eq!(connections(&relay), 1);
    finish(relay).await;
}

#[tokio::test]
async fn a_message_that_could_be_taken_for_two_is_rejected_unsent() {
    let relay = relay(Options::default()).await;
    let smuggled = b"Subject: x\r\n\r\nHello\n.\nMAIL FROM:<evil@example.net>\r\n";
    let result = send_bytes(&mut courier(&relay), "ada@example.org", smuggled).await;
    assert_eq!(told(&result), "rejected: the message has a CR or an LF alone");
    assert_eq!(connections(&relay), 0);
}

#[tokio::test]
async fn a_connection_that_was_closed_between_two_mails_costs_no_mail() {
    let goodbye = Act::farewell(421, "4.7.0 idle for too long");
    let scripts = [
        Script::new().at(Step::Between, goodbye.clone()).on_connection(1),
        Script::new().at(Step::Between, Act::Drop).on_connection(1),
        Script::new().at(Step::Between, Act::Reset).on_connection(1),
        Script::new().at(Step::Between, Act::raw("250 unasked\r\n")).on_connection(1),
        Script::new().farewell_after(1),
        Script::new().at(Step::Mail, Act::Drop).on_connection(1).on_transaction(2),
        Script::new().at(Step::Dot, Act::append("421 4.3.2 closing\r\n")).on_connection(1),
    ];
    for extensions in [Extensions::default(), ONE_BY_ONE] {
        for (number, script) in scripts.iter().enumerate() {
            let relay = relay(Options { extensions, script: script.clone(), ..Options::default() }).await;
            let mut courier = courier(&relay);
            assert_eq!(kind(&mut courier, "ada@example.org").await, "accepted", "script {number}");
            assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted", "script {number}");
            assert_eq!((connections(&relay), relay.count()), (2, 2), "script {number}");
        }
    }
}

#[tokio::test]
async fn an_offer_that_is_taken_back_delivers_nothing() {
    let relay = relay(Options::default()).await;
    let mut courier = courier(&relay);
    for abandon in [true, false] {
        match courier.offer(&envelope("ada@example.org"), MESSAGE).await.unwrap() {
            Offer::Ready(ready) if abandon => ready.abandon().await,
            Offer::Ready(ready) => drop(ready),
            Offer::Refused(outcome) => panic!("{outcome:?}"),
        }
    }
    assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted");
    courier.close().await;
    for connection in [1, 2] {
        relay.until(|event| *event == Event::Closed { connection, ending: Ending::Left }).await;
    }
    assert_eq!(mails(&relay), [("bob@example.org".to_owned(), MESSAGE.to_vec())]);
    finish(relay).await;
}

#[tokio::test]
async fn a_relay_that_wants_a_body_for_nobody_gets_none() {
    // It refuses the recipient, and says 354 all the same to the DATA that was sent along.
    let script = Script::new().at(Step::Rcpt, Act::raw("550 5.1.1 no\r\n354 go on\r\n")).times(1);
    let relay = scripted(script).await;
    let mut courier = courier(&relay);
    assert_eq!(told(&send(&mut courier, "gone@example.org").await), "rejected: RCPT: 550 5.1.1 no");
    assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted");
    assert_eq!(connections(&relay), 2);
    assert_eq!(mails(&relay), [("bob@example.org".to_owned(), MESSAGE.to_vec())]);
}

#[tokio::test]
async fn a_probe_tells_what_the_relay_can_do() {
    let relay = relay(Options::default()).await;
    let capabilities = Relay::new(settings(relay.address().port())).unwrap().probe().await.unwrap();
    assert!(capabilities.pipelining && capabilities.size && capabilities.largest_message.is_some());
    relay.until(|event| *event == Event::Closed { connection: 1, ending: Ending::Quit }).await;
    assert_eq!(commands(&relay), ["EHLO client.example.com", "QUIT"]);
    finish(relay).await;
}

#[tokio::test]
async fn a_relay_that_pauses_in_the_body_gets_the_whole_mail() {
    let gate = Arc::new(Notify::new());
    let relay = scripted(Script::new().at(Step::Body(10), Act::Hold(Arc::clone(&gate)))).await;
    // More than the buffers hold: it cannot end before the relay reads on.
    let message = b"0123456789\r\n".repeat(1_000_000);
    let mut courier = courier(&relay);
    let sending = send_bytes(&mut courier, "ada@example.org", &message);
    tokio::pin!(sending);
    tokio::select! {
        result = &mut sending => panic!("the body left at once: {result:?}"),
        _ = relay.until(|event| matches!(event, Event::Command { line, .. } if line == "DATA")) => {}
    }
    gate.notify_one();
    assert!(told(&sending.await).starts_with("accepted"));
    assert!(mails(&relay) == [("ada@example.org".to_owned(), message.clone())]);
}
