//! A relay that misbehaves on purpose.

use linkpost::sandbox::{Act, Event, Options, SandboxRelay, Script, Step};
use tokio::io::AsyncWriteExt;

use super::{Client, ENVELOPE, MAIL, relay};

async fn scripted(script: Script) -> SandboxRelay {
    relay(Options { script, ..Options::default() }).await
}

#[tokio::test]
async fn each_scripted_reply_comes_at_its_step() {
    let script = Script::new()
        .at(Step::Connect, Act::raw("220-two\r\n220 lines\r\n"))
        .at(Step::Ehlo, Act::reply(502, "say HELO"))
        .times(1)
        .at(Step::Mail, Act::reply(451, "4.3.0 later"))
        .times(1)
        .at(Step::Rcpt, Act::reply(550, "5.1.1 no such user"))
        .for_recipient("gone@*")
        .at(Step::Data, Act::reply(451, "4.7.1 not yet"))
        .times(1)
        .at(Step::Dot, Act::raw("250\r\n"))
        .on_transaction(3)
        .at(Step::Dot, Act::reply(554, "5.7.1 spam"))
        .at(Step::Rset, Act::append("250 twice\r\n"))
        .at(Step::Quit, Act::trickle("221 slow\r\n", std::time::Duration::from_millis(1)));
    let relay = scripted(script).await;
    let mut client = Client::connect(relay.address()).await;
    assert_eq!(client.replies(1).await, "220-two\r\n220 lines\r\n");
    for (lines, replies) in [
        ("EHLO client.example.com\r\n", "502 say HELO\r\n"),
        ("HELO client.example.com\r\n", "250 sandbox.linkpost.test\r\n"),
        ("MAIL FROM:<a@example.com>\r\n", "451 4.3.0 later\r\n"),
        ("RCPT TO:<b@example.org>\r\n", "503 5.5.1 say MAIL first\r\n"),
        ("MAIL FROM:<a@example.com>\r\n", "250 2.1.0 ok\r\n"),
        ("RCPT TO:<b@example.org>\r\n", "250 2.1.5 ok\r\n"),
        ("RCPT TO:<gone@example.org>\r\n", "550 5.1.1 no such user\r\n"),
        ("RCPT TO:<c@example.org>\r\n", "250 2.1.5 ok\r\n"),
        ("DATA\r\n", "451 4.7.1 not yet\r\n"),
        ("RSET\r\n", "250 2.0.0 forgotten\r\n250 twice\r\n"),
    ] {
        assert_eq!(client.talk(lines, replies.lines().count()).await, replies, "{lines}");
    }
    client.talk(ENVELOPE, 3).await;
    assert_eq!(client.talk(MAIL, 1).await, "250\r\n");
    client.talk(ENVELOPE, 3).await;
    assert_eq!(client.talk(MAIL, 1).await, "554 5.7.1 spam\r\n");
    assert_eq!(client.talk("QUIT\r\n", 1).await, "221 slow\r\n");
    assert_eq!(relay.count(), 1, "the bare 250 took its mail, the 554 did not");
}

#[tokio::test]
async fn a_cut_at_the_dot_takes_the_mail_or_does_not_as_the_script_says() {
    for (act, rest, accepted) in [
        (Act::Drop, "", 0),
        (Act::Reset, "!", 0),
        (Act::farewell(421, "4.3.2 bye"), "421 4.3.2 bye\r\n", 0),
        (Act::accept_then(Act::Drop), "", 1),
        (Act::accept_then(Act::Reset), "!", 1),
        (Act::accept_then(Act::farewell(250, "half")), "250 half\r\n", 1),
    ] {
        let relay = scripted(Script::new().at(Step::Dot, act.clone())).await;
        let mut client = Client::greet(relay.address()).await;
        client.talk(ENVELOPE, 3).await;
        client.stream.write_all(MAIL.as_bytes()).await.unwrap();
        assert_eq!(client.rest().await, rest, "{act:?}");
        drop(client);
        assert_eq!(relay.stop().await.unwrap().accepted, accepted, "{act:?}");
    }
}

#[tokio::test]
async fn a_cut_inside_the_body_falls_on_the_very_byte() {
    for offset in [0, 1, 30, MAIL.len() - 1, MAIL.len()] {
        let script = Script::new().at(Step::Body(offset), Act::farewell(421, "cut")).times(1);
        let relay = scripted(script).await;
        let mut client = Client::greet(relay.address()).await;
        client.talk(ENVELOPE, 3).await;
        client.stream.write_all(&MAIL.as_bytes()[..offset]).await.unwrap();
        assert_eq!(client.rest().await, "421 cut\r\n", "after {offset} bytes");
        assert_eq!(relay.count(), 0);
        let mut client = Client::greet(relay.address()).await;
        client.talk(ENVELOPE, 3).await;
        assert_eq!(client.talk(MAIL, 1).await, "250 2.0.0 kept as 00000001\r\n", "the rule held once");
    }
}

#[tokio::test]
async fn a_stalled_client_hears_nothing_until_the_relay_stops() {
    let relay = scripted(Script::new().at(Step::Dot, Act::accept_then(Act::Stall))).await;
    let mut client = Client::greet(relay.address()).await;
    client.talk(ENVELOPE, 3).await;
    client.stream.write_all(MAIL.as_bytes()).await.unwrap();
    relay.accepted(1).await;
    let (report, rest) = tokio::join!(relay.stop(), client.rest());
    assert_eq!((report.unwrap().accepted, rest.as_str()), (1, ""));
}

#[tokio::test]
async fn a_held_reply_comes_when_the_gate_opens() {
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let relay = scripted(Script::new().at(Step::Dot, Act::Hold(std::sync::Arc::clone(&gate)))).await;
    let mut client = Client::greet(relay.address()).await;
    client.talk(ENVELOPE, 3).await;
    client.stream.write_all(MAIL.as_bytes()).await.unwrap();
    relay.accepted(1).await;
    let replied = |event: &Event| matches!(event, Event::Reply { text, .. } if text.contains("kept"));
    assert!(!relay.log().iter().any(replied));
    gate.notify_one();
    assert_eq!(client.replies(1).await, "250 2.0.0 kept as 00000001\r\n");
}

#[tokio::test]
async fn a_connection_can_be_ended_between_mails_or_after_some() {
    let script = Script::new()
        .at(Step::Between, Act::farewell(421, "4.4.2 idle"))
        .on_connection(1)
        .farewell_after(2)
        .at(Step::Between, Act::append("250 nobody asked\r\n"))
        .on_connection(2)
        .on_transaction(2);
    let relay = scripted(script).await;
    let mut client = Client::greet(relay.address()).await;
    client.talk(ENVELOPE, 3).await;
    client.stream.write_all(MAIL.as_bytes()).await.unwrap();
    assert_eq!(client.rest().await, "250 2.0.0 kept as 00000001\r\n421 4.4.2 idle\r\n");
    let mut client = Client::greet(relay.address()).await;
    for _ in 1..=2 {
        client.talk(ENVELOPE, 3).await;
        client.talk(MAIL, 1).await;
    }
    client.stream.write_all(ENVELOPE.as_bytes()).await.unwrap();
    assert_eq!(client.rest().await, "250 nobody asked\r\n421 4.7.0 enough for one connection\r\n");
}
