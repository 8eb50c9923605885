//! What the relay keeps, how much it takes, and how it ends.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use linkpost::sandbox::{Act, Ending, Event, Keep, Options, Script, Step};
use tokio::io::AsyncWriteExt;

use super::{Client, ENVELOPE, KEPT, MAIL, mails, relay};
use crate::support;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_maildir_holds_every_byte_under_the_two_lines_of_a_final_relay() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("sandbox");
    for run in 1..=2 {
        let relay = relay(Options { keep: Keep::Maildir(folder.clone()), ..Options::default() }).await;
        let mut client = Client::greet(relay.address()).await;
        client.talk(ENVELOPE, 3).await;
        client.talk(MAIL, 1).await;
        drop(client);
        assert_eq!(mails(&relay), [], "the log holds no bytes");
        relay.stop().await.unwrap();
        let new = files(&folder.join("Maildir/new"));
        assert_eq!(new.len(), run, "a second run adds to the first");
        for mail in &new {
            let top = "Return-Path: <a@example.com>\r\nDelivered-To: b@example.org\r\n";
            assert_eq!(fs::read_to_string(mail).unwrap(), format!("{top}{KEPT}"));
            assert_eq!(mode(mail), 0o600);
        }
        assert!(files(&folder.join("Maildir/tmp")).is_empty());
        assert_eq!(mode(&folder.join("Maildir/new")), 0o700);
        let index = fs::read_to_string(folder.join("index.html")).unwrap();
        assert_eq!(index.matches("<li>").count(), run);
        assert!(index.contains("b@example.org") && index.ends_with("</html>\n"), "{index}");
        assert_eq!(index.matches("</html>").count(), 1);
    }
    let sources: Vec<_> = files(&folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "eml"))
        .collect();
    assert_eq!(sources.len(), 2);
    assert!(fs::read_to_string(&sources[0]).unwrap().ends_with(KEPT));
}

#[tokio::test]
async fn the_accept_log_is_written_before_the_reply() {
    let scratch = tempfile::tempdir().unwrap();
    let accept_log = scratch.path().join("accepted");
    let script = Script::new()
        .at(Step::Dot, Act::reply(451, "4.3.0 later"))
        .times(1)
        .at(Step::Dot, Act::accept_then(Act::Drop))
        .for_recipient("c@example.org");
    let accept = Some(accept_log.clone());
    let relay =
        relay(Options { keep: Keep::Nothing, accept_log: accept, script, ..Options::default() }).await;
    let mut client = Client::greet(relay.address()).await;
    for _ in 1..=2 {
        client.talk(ENVELOPE, 3).await;
        client.talk(MAIL, 1).await;
    }
    client.talk("MAIL FROM:<a@example.com>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n", 3).await;
    client.stream.write_all(MAIL.as_bytes()).await.unwrap();
    assert_eq!(client.rest().await, "");
    let lines = fs::read_to_string(&accept_log).unwrap();
    assert_eq!(lines, "b@example.org\t<1@example.com>\t00000001\nc@example.org\t<1@example.com>\t00000002\n");
    assert_eq!(relay.count(), 2);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let relay = relay(Options { max_connections: 1, ..Options::default() }).await;
    let first = Client::greet(relay.address()).await;
    let mut second = Client::connect(relay.address()).await;
    assert_eq!(second.rest().await, "421 4.3.2 too many connections\r\n");
    drop(second);
    relay.until(|event| *event == Event::Closed { connection: 2, ending: Ending::Refused }).await;
    drop(first);
    relay.until(|event| *event == Event::Closed { connection: 1, ending: Ending::Left }).await;
}

#[tokio::test]
async fn the_log_stays_as_short_as_it_is_told() {
    let relay = relay(Options { log_limit: 5, keep: Keep::Nothing, ..Options::default() }).await;
    let mut client = Client::greet(relay.address()).await;
    for _ in 0..50 {
        client.talk(ENVELOPE, 3).await;
        client.talk(MAIL, 1).await;
    }
    assert_eq!((relay.log().len(), relay.count()), (5, 50));
}

#[tokio::test]
async fn a_relay_that_stops_lets_the_open_mail_end() {
    let relay = relay(Options::default()).await;
    let mut idle = Client::greet(relay.address()).await;
    let mut busy = Client::greet(relay.address()).await;
    busy.talk(ENVELOPE, 3).await;
    let (report, idle, busy) = tokio::join!(relay.stop(), idle.rest(), async {
        // The relay was told to stop before the body came.
        let kept = busy.talk(MAIL, 1).await;
        kept + &busy.rest().await
    });
    assert_eq!(report.unwrap().accepted, 1);
    assert_eq!(idle, "421 4.3.2 the relay stops\r\n");
    assert_eq!(busy, "250 2.0.0 kept as 00000001\r\n421 4.3.2 the relay stops\r\n");
}

#[tokio::test]
async fn a_relay_that_is_dropped_cuts_every_connection() {
    let relay = relay(Options::default()).await;
    let mut client = Client::greet(relay.address()).await;
    client.talk(ENVELOPE, 3).await;
    drop(relay);
    assert!(["", "!"].contains(&client.rest().await.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_independent_client_agrees() {
    if !support::python("smtplib") {
        return;
    }
    let relay = relay(Options::default()).await;
    let program = "
import smtplib, sys
with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='client.example.com') as smtp:
    smtp.sendmail('a@example.com', ['b@example.org', 'c@example.org'], 'Subject: x\\r\\n\\r\\n.dot\\r\\n..\\r\\nend')
    try:
        smtp.sendmail('a@example.com', ['b@example.org'], b'Subject: x\\n\\n' + b'\\xe4')
    except smtplib.SMTPDataError as error:
        print(error.smtp_code)
";
    let port = relay.address().port().to_string();
    let python =
        tokio::task::spawn_blocking(move || Command::new("python3").args(["-c", program, &port]).output());
    let output = python.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"554\n");
    let message = b"Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n".to_vec();
    assert_eq!(mails(&relay), [("b@example.org".into(), message.clone()), ("c@example.org".into(), message)]);
}
