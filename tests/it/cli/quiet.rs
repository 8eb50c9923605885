//! Tests of `--quiet` and of logs: what cron mails to a person, and what a machine reads.

use std::sync::Arc;

use linkpost::sandbox::{Act, Auth, Event, Keep, Options, SandboxRelay, Script, Step};
use tokio::sync::Notify;

use crate::support::{
    fixture::{Fixture, Said, scheduled},
    mails::relay,
};

const NOW: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";

fn tick(fixture: &Fixture) -> Said {
    fixture.run(&["due", "--quiet"])
}

/// The exit code of something that said nothing at all.
fn silent(said: &Said) -> Option<i32> {
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
    said.code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_well_is_silent() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    scheduled(&fixture, "winter", "at = \"2999-01-01T09:00Z\"\n");
    scheduled(&fixture, "paused", &format!("{NOW}paused = true\n"));
    assert_eq!(silent(&tick(&fixture)), Some(0));
    assert_eq!(relay.count(), 3);
    assert_eq!(silent(&tick(&fixture)), Some(0));
    assert_eq!(silent(&fixture.run(&["send", "campaigns/autumn.toml", "--quiet"])), Some(0));
    assert_eq!(silent(&fixture.run(&["send", "spring.toml", "--yes", "--quiet"])), Some(0));
    assert_eq!(relay.count(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_next_tick_mends_is_silent() {
    let gate = Arc::new(Notify::new());
    let script = Script::new()
        .at(Step::Rcpt, Act::reply(421, "4.7.28 unusual rate"))
        .for_recipient("person2@example.com")
        .at(Step::Dot, Act::Hold(Arc::clone(&gate)))
        .times(1);
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).sending("connections = 1");
    scheduled(&fixture, "autumn", NOW);
    let first = fixture.spawn(&["due", "--quiet"]);
    relay.accepted(1).await;
    assert_eq!(silent(&tick(&fixture)), Some(75), "another runner");
    gate.notify_one();
    let first = first.wait_with_output().unwrap();
    assert_eq!((first.status.code(), first.stderr.len(), first.stdout.len()), (Some(75), 0, 0), "{first:?}");
    assert_eq!(silent(&tick(&fixture)), Some(75), "a mail that the relay put off waits");
    assert_eq!(relay.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_person_is_said_once() {
    let script = Script::new()
        .at(Step::Dot, Act::accept_then(Act::Drop))
        .for_recipient("person2@example.com")
        .at(Step::Rcpt, Act::reply(451, "4.3.0 later"))
        .for_recipient("person3@example.com");
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    let said = tick(&fixture);
    assert_eq!((said.code, said.out.as_str()), (Some(75), ""), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert!(said.err.starts_with("note: 1 mail was handed over without an answer: `linkpost resolve "));
    assert_eq!(silent(&tick(&fixture)), Some(75));
    scheduled(&fixture, "late", "at = \"2020-01-01T09:00Z\"\n");
    let said = tick(&fixture);
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert!(said.err.starts_with("note: late: the occasion `once` is skipped: "), "{said:?}");
    assert_eq!(silent(&tick(&fixture)), Some(75));
}

#[test]
fn an_error_is_said_at_every_tick() {
    let fixture = Fixture::new();
    scheduled(&fixture, "autumn", NOW);
    for _ in 0..2 {
        let said = tick(&fixture);
        assert_eq!(said.code, Some(69), "{said:?}");
        let errors: Vec<_> = said.err.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(errors, ["error:", ""], "{said:?}");
    }
}

/// Four campaigns that are due, and what is wrong with the relay of all of them.
fn four(fixture: &Fixture) {
    for name in ["autumn", "spring", "summer", "winter"] {
        scheduled(fixture, name, NOW);
    }
}

/// What one tick of four campaigns says of something that is wrong for all of them: once, and whom it is true of.
fn once(said: &Said, code: i32, error: &str) {
    assert_eq!(said.code, Some(code), "{said:?}");
    let lines: Vec<_> = said.err.lines().collect();
    assert!(lines[0].starts_with("error: ") && lines[0].contains(error), "{said:?}");
    assert!(lines[1].starts_with("  hint: "), "{said:?}");
    assert_eq!(lines[2], "note: what stopped `autumn` stopped `spring`, `summer`, `winter` as well");
    assert_eq!(lines.len(), 3, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_relay_is_said_once_for_all_campaigns() {
    let fixture = Fixture::new();
    fixture.sending("connections = 1");
    four(&fixture);
    once(&tick(&fixture), 69, "the relay `127.0.0.1:1` is out of reach");
    fixture.edit("linkpost.toml", "tls = \"none\"", "tls = \"none\"\nuser = \"campaigns\"");
    once(&tick(&fixture), 78, "the environment holds no LINKPOST_SMTP_PASSWORD");
    let auth = Some(Auth::new("campaigns", "right"));
    let relay =
        SandboxRelay::start(Options { auth, keep: Keep::Memory, ..Options::default() }).await.unwrap();
    fixture.relay(relay.address());
    let tick = |password: &str| {
        let mut command = fixture.command(&["due", "--quiet"]);
        command.env("LINKPOST_SMTP_PASSWORD", password);
        fixture.finish(command)
    };
    once(&tick("wrong"), 77, "says: AUTH PLAIN: 535");
    let is_refusal = |event: &&Event| matches!(event, Event::Reply { text, .. } if text.starts_with("535"));
    let refused = relay.log().iter().filter(is_refusal).count();
    assert_eq!(refused, 1, "a login that is refused again and again locks an account");
    assert_eq!((silent(&tick("right")), relay.count()), (Some(0), 12));
    // A key of the settings that is wrong.
    fixture.edit("linkpost.toml", "tls = \"none\"", "tls = \"nine\"");
    let said = tick("right");
    assert_eq!((said.code, said.err.matches("error: ").count()), (Some(78), 1), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_without_a_terminal_are_json_lines() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    let said = fixture.run(&["due", "-vv", "--quiet", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    assert!(said.out.lines().map(line).any(|event| event["event"] == "settled"), "{said:?}");
    let logs: Vec<_> = said.err.lines().map(line).collect();
    let hello = logs.iter().find(|log| log["message"] == "EHLO").unwrap();
    assert_eq!(
        (&hello["level"], &hello["target"]),
        (&"DEBUG".into(), &"linkpost::delivery::smtp::open".into())
    );
    assert!(hello["relay"].as_str().is_some_and(|relay| relay.starts_with("127.0.0.1:")), "{hello}");
    assert!(
        hello["timestamp"].as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()),
        "{hello}"
    );
    for said in [&said.out, &said.err] {
        assert!(!said.contains("@example.com") && !said.contains("token="), "{said}");
    }
}
