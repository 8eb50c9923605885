//! `send`, end to end: the built program, a real SMTP conversation, a real ledger.

use std::collections::BTreeSet;

use linkpost::sandbox::{Act, Auth, Event, Keep, Options, SandboxRelay, Script, Step};

use crate::support::{
    fixture::Fixture,
    mails::{counts, relay, taken, token},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_one_mail_with_a_link_of_their_own() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(20);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");

    let mails = taken(&relay);
    assert_eq!(mails.len(), 20);
    assert!(counts(&mails).values().all(|count| *count == 1));
    let tokens: BTreeSet<_> = mails.iter().map(|mail| token(&mail.text)).collect();
    assert_eq!(tokens.len(), 20);
    let ids: BTreeSet<_> = mails.iter().map(|mail| &mail.message_id).collect();
    assert_eq!(ids.len(), 20);
    for mail in &mails {
        let number = mail.recipient.trim_start_matches("person").trim_end_matches("@example.com");
        assert_eq!(mail.subject, format!("Welcome, Person {number}"));
        assert_eq!(token(&mail.text), token(&mail.html));
    }
    let again = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((again.code, taken(&relay).len()), (Some(0), 20));
    assert!(again.err.contains("nothing to send"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_mail_is_rejected_and_the_rest_goes_out() {
    let script = Script::new()
        .at(Step::Rcpt, Act::reply(550, "5.1.1 no such user"))
        .for_recipient("person2@example.com");
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(
        (said.code, taken(&relay).len()),
        (Some(3), 2),
        "one of three is more than expected: {said:?}"
    );
    assert!(said.err.contains("of 3 mails 1 refused (`RCPT: 550 5.1.1 no such user`)"), "{said:?}");
    fixture.edit(
        "linkpost.toml",
        "[sign_in.local]",
        "[sending]\nexpected_refusals = \"1 mail\"\n[sign_in.local]",
    );
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    let strict = fixture.run(&["send", "spring.toml", "--yes", "--strict"]);
    assert_eq!(strict.code, Some(3), "{strict:?}");
    let rows = fixture.run(&["status", "spring.toml", "--rows", "rejected"]);
    assert!(rows.out.contains("p***@example.com,rejected"), "{rows:?}");
    assert!(rows.out.contains("5.1.1 no such user"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deferred_mail_leaves_the_run_unfinished() {
    let script =
        Script::new().at(Step::Rcpt, Act::reply(451, "4.7.1 later")).for_recipient("person1@example.com");
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(75), 2), "{said:?}");
    assert!(said.err.contains("to go on: linkpost send spring.toml"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_after_the_dot_is_unknown_and_is_not_resent() {
    let script = Script::new()
        .at(Step::Dot, Act::accept_then(Act::Drop))
        .for_recipient("person2@example.com")
        .times(1);
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let again = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(again.code, Some(3), "{again:?}");
    assert!(counts(&taken(&relay)).values().all(|count| *count == 1));
    let rows = fixture.run(&["status", "spring.toml", "--rows", "unknown"]);
    assert_eq!(rows.out.lines().count(), 2, "{rows:?}");
    // Whoever leaves the list takes no open question along.
    fixture.people(1);
    let shorter = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(shorter.code, Some(3), "{shorter:?}");
    assert!(shorter.err.contains("1 mail was handed over without an answer"), "{shorter:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_and_a_choice_leave_the_others_for_later() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(10);
    let said = fixture.run(&["send", "spring.toml", "--yes", "--only", "person7@example.com"]);
    assert_eq!(said.code, Some(75), "{said:?}");
    assert_eq!(
        counts(&taken(&relay)).into_iter().collect::<Vec<_>>(),
        [("person7@example.com".to_owned(), 1)]
    );
    let said = fixture.run(&["send", "spring.toml", "--yes", "--limit", "4"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(75), 5), "{said:?}");
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 10), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_stop_the_run_and_mark_nobody() {
    let options =
        Options { auth: Some(Auth::new("campaigns", "right")), keep: Keep::Memory, ..Options::default() };
    let relay = SandboxRelay::start(options).await.unwrap();
    let fixture = Fixture::new();
    fixture.relay(relay.address()).edit(
        "linkpost.toml",
        "tls = \"none\"",
        "tls = \"none\"\nuser = \"campaigns\"",
    );
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("LINKPOST_SMTP_PASSWORD", "canary-secret");
    let said = fixture.finish(command);
    assert_eq!(said.code, Some(77), "{said:?}");
    assert!(!said.err.contains("canary-secret"), "{said:?}");
    let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
    command.env("LINKPOST_SMTP_PASSWORD", "right");
    assert_eq!(fixture.finish(command).code, Some(0));
    assert_eq!(taken(&relay).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_terminal_sending_wants_yes() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let said = fixture.run(&["send", "spring.toml"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(2), 0), "{said:?}");
    assert!(
        said.err.contains("`--yes` sends without asking, and a terminal asks: linkpost send spring.toml\n"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_finishes_what_is_under_way_and_exits_75() {
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let script = Script::new().at(Step::Dot, Act::Hold(std::sync::Arc::clone(&gate))).times(1);
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(50).edit(
        "linkpost.toml",
        "[sign_in",
        "[sending]\nconnections = 1\n[sign_in",
    );
    let child = fixture.spawn(&["send", "spring.toml", "--yes"]);
    relay.accepted(1).await;
    let killed =
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    // The program says that it is stopping before it goes on; only then the relay answers.
    let output = tokio::task::spawn_blocking(move || said_stopping(child, &gate)).await.unwrap();
    assert_eq!(output.0, Some(75), "{}", output.1);
    assert_eq!(taken(&relay).len(), 1);
    let books = fixture.run(&["status", "spring.toml", "--json"]);
    assert!(books.out.contains("\"sent\":1") && books.out.contains("\"pending\":49"), "{books:?}");
}

fn said_stopping(mut child: std::process::Child, gate: &tokio::sync::Notify) -> (Option<i32>, String) {
    use std::io::{BufRead, BufReader};
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("stopping") {
            gate.notify_one();
        }
        said.push_str(&line);
        said.push('\n');
    }
    (child.wait().unwrap().code(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_as_many_as_configured() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(60).edit(
        "linkpost.toml",
        "[sign_in",
        "[sending]\nconnections = 3\n[sign_in",
    );
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    let connections = relay.log().iter().filter(|event| matches!(event, Event::Connected { .. })).count();
    assert!((1..=3).contains(&connections), "{connections}");
}
