//! A client that behaves, and one that does not.

use linkpost::sandbox::{Auth, Defect, Ending, Event, Extensions, Options};

use super::{Client, ENVELOPE, KEPT, MAIL, mails, relay};

#[tokio::test]
async fn a_whole_conversation_takes_a_mail() {
    let relay = relay(Options::default()).await;
    let mut client = Client::connect(relay.address()).await;
    assert_eq!(client.replies(1).await, "220 sandbox.linkpost.test ESMTP\r\n");
    assert_eq!(
        client.talk("EHLO client.example.com\r\n", 1).await,
        "250-sandbox.linkpost.test\r\n250-PIPELINING\r\n250-SIZE 33554432\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
         250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n"
    );
    assert_eq!(client.talk("MAIL FROM:<a@example.com> SIZE=90\r\n", 1).await, "250 2.1.0 ok\r\n");
    assert_eq!(client.talk("RCPT TO:<b@example.org>\r\n", 1).await, "250 2.1.5 ok\r\n");
    assert_eq!(client.talk("DATA\r\n", 1).await, "354 go ahead, end with a dot\r\n");
    assert_eq!(client.talk(MAIL, 1).await, "250 2.0.0 kept as 00000001\r\n");
    assert_eq!(client.talk("NOOP\r\n", 1).await, "250 2.0.0 ok\r\n");
    assert_eq!(client.talk("RSET\r\n", 1).await, "250 2.0.0 forgotten\r\n");
    assert_eq!(client.talk("VRFY b\r\n", 1).await, "252 2.5.0 send it and see\r\n");
    assert_eq!(client.talk("QUIT\r\n", 1).await, "221 2.0.0 bye\r\n");
    assert_eq!(client.rest().await, "");
    drop(client);
    relay.accepted(1).await;
    assert_eq!(mails(&relay), [("b@example.org".into(), KEPT.into())]);
    relay.until(|event| *event == Event::Closed { connection: 1, ending: Ending::Quit }).await;
    let report = relay.stop().await.unwrap();
    assert_eq!((report.connections, report.accepted, report.defects), (1, 1, 0));
}

#[tokio::test]
async fn a_group_of_commands_gets_a_group_of_replies() {
    let relay = relay(Options::default()).await;
    let mut client = Client::greet(relay.address()).await;
    assert_eq!(
        client.talk(ENVELOPE, 3).await,
        "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go ahead, end with a dot\r\n"
    );
    let group =
        format!("{MAIL}MAIL FROM:<>\r\nRCPT TO:<c@example.org>\r\nRCPT TO:<d@example.org>\r\nDATA\r\n");
    let replies = client.talk(&group, 5).await;
    assert!(replies.starts_with("250 2.0.0 kept as 00000001\r\n250 2.1.0 ok\r\n"), "{replies}");
    assert_eq!(client.talk(MAIL, 1).await, "250 2.0.0 kept as 00000003\r\n");
    let recipients: Vec<String> = mails(&relay).into_iter().map(|(recipient, _)| recipient).collect();
    assert_eq!(recipients, ["b@example.org", "c@example.org", "d@example.org"]);
    assert_eq!(relay.stop().await.unwrap().defects, 0);
}

#[tokio::test]
async fn chunks_need_no_dots_and_no_waiting() {
    let relay = relay(Options::default()).await;
    let mut client = Client::greet(relay.address()).await;
    let envelope = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n";
    let whole = format!("{envelope}BDAT {} LAST\r\n{KEPT}", KEPT.len());
    assert_eq!(client.talk(&whole, 3).await.lines().last(), Some("250 2.0.0 kept as 00000001"));
    let (start, end) = KEPT.split_at(50);
    let halves = format!("{envelope}BDAT 50\r\n{start}BDAT {} LAST\r\n{end}", end.len());
    assert_eq!(client.talk(&halves, 4).await.lines().nth(2), Some("250 2.0.0 50 octets"));
    for (_, message) in mails(&relay) {
        assert_eq!(message, KEPT.as_bytes());
    }
    // A refused recipient: the chunk was sent along, and must not be read as commands.
    let refused = client.talk("MAIL FROM:<a@example.com>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", 3).await;
    assert_eq!(refused, "250 2.1.0 ok\r\n503 5.5.1 no valid recipients\r\n250 2.0.0 ok\r\n");
    assert_eq!(relay.count(), 2);
}

#[tokio::test]
async fn commands_out_of_order_or_out_of_shape_are_refused() {
    let extensions = Extensions { smtputf8: false, size: Some(1000), ..Extensions::default() };
    let relay = relay(Options { extensions, ..Options::default() }).await;
    let mut client = Client::connect(relay.address()).await;
    client.replies(1).await;
    let long = format!("NOOP {}\r\n", "x".repeat(20_000));
    for (line, code) in [
        ("MAIL FROM:<a@example.com>\r\n", "503"),
        ("EHLO\r\n", "501"),
        ("EHLO client.example.com\r\n", "250"),
        ("RCPT TO:<b@example.org>\r\n", "503"),
        ("DATA\r\n", "503"),
        ("AUTH PLAIN AGEAYg==\r\n", "503"),
        ("STARTTLS\r\n", "503"),
        ("EXPN list\r\n", "500"),
        ("MAIL FROM: <a@example.com>\r\n", "501"),
        ("MAIL FROM:a@example.com\r\n", "501"),
        ("MAIL FROM:<a@example.com> SIZE=1001\r\n", "552"),
        ("MAIL FROM:<a@example.com> SIZE=x\r\n", "501"),
        ("MAIL FROM:<a@example.com> SMTPUTF8\r\n", "555"),
        ("MAIL FROM:<ä@example.com>\r\n", "553"),
        ("NOOP\n", "500"),
        (long.as_str(), "500"),
        ("mail from:<a@example.com> body=8bitmime size=1000\r\n", "250"),
        ("MAIL FROM:<a@example.com>\r\n", "503"),
        ("DATA\r\n", "554"),
        ("RCPT TO:<>\r\n", "501"),
        ("RCPT TO:<b@example.org> NOTIFY=NEVER\r\n", "555"),
        ("RCPT TO:<ä@example.org>\r\n", "553"),
        ("RSET\r\n", "250"),
        ("RCPT TO:<b@example.org>\r\n", "503"),
    ] {
        let reply = client.talk(line, 1).await;
        assert!(reply.starts_with(code), "`{}` got `{reply}`", line.get(..60).unwrap_or(line));
    }
    client.talk("MAIL FROM:<a@example.com>\r\n", 1).await;
    for nth in 1..=101 {
        let reply = client.talk(&format!("RCPT TO:<{nth}@example.org>\r\n"), 1).await;
        assert!(reply.starts_with(if nth > 100 { "452" } else { "250" }), "{nth}: {reply}");
    }
}

#[tokio::test]
async fn a_malformed_message_is_refused_and_recorded() {
    let relay = relay(Options { max_message: 2000, ..Options::default() }).await;
    let mut client = Client::greet(relay.address()).await;
    let long = format!("{}\r\n", "x".repeat(999));
    let big = "0123456789\r\n".repeat(200);
    for (body, parameter, refusal) in [
        ("a\rb\r\n", "", Some("554 5.6.0 malformed message: bare CR\r\n")),
        ("a\n.\r\nMAIL FROM:<x@example.com>\r\n", "", Some("554 5.6.0 malformed message: bare LF\r\n")),
        ("a\0b\r\n", "", Some("554 5.6.0 malformed message: NUL byte\r\n")),
        ("ä\r\n", "", Some("554 5.6.0 malformed message: 8-bit byte without 8BITMIME\r\n")),
        (long.as_str(), "", Some("554 5.6.0 malformed message: line over 998 octets\r\n")),
        (big.as_str(), "", Some("552 5.3.4 too big\r\n")),
        ("ä\r\n", " BODY=8BITMIME", None),
    ] {
        client.talk(&ENVELOPE.replace(">\r\nRCPT", &format!(">{parameter}\r\nRCPT")), 3).await;
        let reply = client.talk(&format!("{body}.\r\n"), 1).await;
        match refusal {
            Some(refusal) => assert_eq!(reply, refusal),
            None => assert!(reply.starts_with("250"), "{reply}"),
        }
    }
    let defects: Vec<Defect> = relay
        .log()
        .into_iter()
        .filter_map(|event| if let Event::Broken { defect, .. } = event { Some(defect) } else { None })
        .collect();
    assert_eq!(
        defects,
        [Defect::BareCr, Defect::BareLf, Defect::Nul, Defect::EightBit, Defect::LongLine],
        "each once and in order"
    );
    assert_eq!(relay.count(), 1);
}

#[tokio::test]
async fn haste_is_recorded() {
    let extensions = Extensions::NONE;
    let relay = relay(Options { extensions, ..Options::default() }).await;
    let mut client = Client::connect(relay.address()).await;
    client.replies(1).await;
    assert_eq!(client.talk("EHLO client.example.com\r\n", 1).await, "250 sandbox.linkpost.test\r\n");
    assert_eq!(client.talk("MAIL FROM:<a@example.com>\r\nNOOP\r\n", 2).await, "250 ok\r\n250 ok\r\n");
    drop(client);
    assert_eq!(relay.stop().await.unwrap().defects, 1);
}

#[tokio::test]
async fn credentials_are_asked_for_checked_and_never_logged() {
    let auth = Auth::new("ada", "s3cret");
    let relay = relay(Options { auth: Some(auth), ..Options::default() }).await;
    let good_oauth = "dXNlcj1hZGEBYXV0aD1CZWFyZXIgczNjcmV0AQE=";
    for (lines, replies) in [
        (vec!["AUTH PLAIN AGFkYQBzM2NyZXQ="], vec!["235"]),
        (vec!["AUTH PLAIN", "AGFkYQBzM2NyZXQ="], vec!["334", "235"]),
        (vec!["AUTH PLAIN AGFkYQBudWxs"], vec!["535"]),
        (vec!["AUTH PLAIN nonsense!"], vec!["501"]),
        (vec!["AUTH PLAIN", "*"], vec!["334", "501"]),
        (vec!["AUTH LOGIN", "YWRh", "czNjcmV0"], vec!["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235"]),
        (vec!["auth login YWRh", "d3Jvbmc="], vec!["334", "535"]),
        (
            vec!["AUTH XOAUTH2 dXNlcj1hZGEBYXV0aD1CZWFyZXIgeAEB", ""],
            vec!["334 eyJzdGF0dXMiOiI0MDAifQ==", "535"],
        ),
        (vec!["AUTH CRAM-MD5"], vec!["504"]),
    ] {
        let mut client = Client::greet(relay.address()).await;
        assert!(client.talk("MAIL FROM:<a@example.com>\r\n", 1).await.starts_with("530"));
        for (line, code) in lines.iter().zip(&replies) {
            let reply = client.talk(&format!("{line}\r\n"), 1).await;
            assert!(reply.starts_with(code), "`{line}` got `{reply}`");
        }
        let mail = client.talk("MAIL FROM:<a@example.com>\r\n", 1).await;
        assert_eq!(mail.starts_with("250"), replies.last() == Some(&"235"), "{lines:?}");
    }
    let mut client = Client::greet(relay.address()).await;
    assert!(client.talk(&format!("AUTH XOAUTH2 {good_oauth}\r\n"), 1).await.starts_with("235"));
    let log = format!("{:?}", relay.log());
    for secret in ["AGFkYQBzM2NyZXQ=", "czNjcmV0", good_oauth, "s3cret"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
