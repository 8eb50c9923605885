//! F17: the wall clock jumps, between runs and in the middle of one; the monotonic one does not.

use std::{fs, process::Stdio, sync::Arc, time::Duration};

use linkpost::{
    clock::Clock,
    ledger::{Accept, LedgerError, State},
    sandbox::{Act, Event, Script, Step},
};
use tokio::sync::Notify;

use super::{Ordeal, SEND, told};
use crate::{
    ledger::desk::{Desk, OCCASION, at, enlist, row, sent},
    support::{
        books::{Found, Ledger},
        faketime::{library, shift},
        fixture::Said,
    },
};

/// `send` with a clock that is off by this much.
fn run_at(ordeal: &Ordeal, library: &str, offset: &str) -> Said {
    let mut command = ordeal.command();
    shift(&mut command, library, offset);
    ordeal.fixture.finish(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_between_runs_repeats_nobody() {
    let Some(library) = library() else { return };
    let script = Script::new()
        .at(Step::Rcpt, Act::reply(451, "4.3.0 later"))
        .for_recipient("person1@example.com")
        .times(1)
        .at(Step::Rcpt, Act::reply(451, "4.3.0 later"))
        .for_recipient("person2@example.com")
        .times(2);
    let ordeal = Ordeal::scripted(script, 10, 2).await;
    // A machine whose clock was a year behind when it sent the first mails.
    let said = run_at(&ordeal, library, "-365d");
    assert_eq!((said.code, ordeal.postbox.accepted().len()), (Some(75), 8), "{said:?}");
    ordeal.check(said.code).await;
    // Now it is right. What waited a year has had its time; nothing is tried in a storm.
    let said = ordeal.run();
    let found = ordeal.check(said.code).await;
    assert_eq!(found.count(State::Sent) + found.count(State::Expired), 10, "{said:?} {}", found.line());
    // Back a year again: refused, and nothing has changed.
    let said = run_at(&ordeal, library, "-365d");
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains("the clock says"), "{said:?}");
    assert_eq!(ordeal.check(None).await.line(), found.line());
    told(&format!("F17 clock set between runs | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_ahead_parks_nobody() {
    let Some(library) = library() else { return };
    let script = Script::new()
        .at(Step::Rcpt, Act::reply(451, "4.3.0 later"))
        .for_recipient("person1@example.com")
        .times(1);
    let ordeal = Ordeal::scripted(script, 10, 2).await;
    let said = ordeal.run();
    assert_eq!(said.code, Some(75), "{said:?}");
    // Within the hour that is allowed, back and forth.
    for offset in ["-50m", "+0", "-50m"] {
        let said = run_at(&ordeal, library, offset);
        assert!(matches!(said.code, Some(0 | 75)), "{offset}: {said:?}");
        ordeal.check(said.code).await;
    }
    let found = ordeal.end().await;
    assert_eq!((found.count(State::Sent), found.accepted), (10, 10), "{}", found.line());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_in_the_middle_of_a_run_ends_it_and_costs_nobody_anything() {
    let Some(library) = library() else { return };
    // When the clock jumps, one connection waits for the answer to its tenth mail and the other for the word that its
    // first may follow. A link that is dead by the new clock must not leave, so that mail is put off.
    for (offset, taken, put_off) in [("+40d", 10, 1), ("-365d", 11, 0)] {
        let (answer, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let script = Script::new()
            .at(Step::Dot, Act::Hold(Arc::clone(&answer)))
            .on_connection(1)
            .on_transaction(10)
            .at(Step::Data, Act::Hold(Arc::clone(&go_on)))
            .on_connection(2)
            .times(1);
        let ordeal = Ordeal::scripted(script, 120, 2).await;
        let clock = ordeal.fixture.path("clock");
        fs::write(&clock, "+0").unwrap();
        let mut command = ordeal.fixture.command(&SEND);
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let run = command.stderr(Stdio::piped()).spawn().unwrap();
        let relay = ordeal.postbox.relay();
        relay.accepted(10).await;
        relay.until(|event| matches!(event, Event::Command { connection: 2, line } if line == "DATA")).await;
        fs::write(&clock, offset).unwrap();
        answer.notify_one();
        go_on.notify_one();
        let output = run.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{words}");
        assert!(words.contains("clock jumped"), "{words}");
        let states = |found: &Found| [found.accepted, found.count(State::Sent), found.count(State::Deferred)];
        let found = ordeal.check(Some(75)).await;
        assert_eq!(states(&found), [taken, taken, put_off], "{}", found.line());
        // With the clock as it is now the rest goes out, and last what was put off, with a new link.
        let now = if offset.starts_with('+') { offset } else { "+0" };
        let said = run_at(&ordeal, library, now);
        assert_eq!(said.code, Some(if put_off > 0 { 75 } else { 0 }), "{said:?}");
        let found = ordeal.check(said.code).await;
        assert_eq!(states(&found), [120 - put_off, 120 - put_off, put_off], "{}", found.line());
        Ledger::let_time_pass(&ordeal.fixture).await;
        let said = run_at(&ordeal, library, now);
        assert_eq!(said.code, Some(0), "{said:?}");
        let found = ordeal.check(said.code).await;
        assert_eq!(states(&found), [120, 120, 0], "{}", found.line());
    }
    told("F17 clock jumps in a run | jumps 2 | rows 240 | accepted 240 | duplicates 0 | lost 0");
}

#[tokio::test]
async fn a_clock_behind_the_ledger_is_refused_unless_it_is_said_to_be_right() {
    let desk = Desk::new();
    drop(desk.run_at("2026-11-22T10:00:00Z").await);
    let ledger = desk.ledger_at(at("2025-11-22T10:00:00Z")).await;
    let error = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::Refused(what) if what.to_string().contains("--accept-clock")),
        "{error}"
    );
    let accept = Accept { clock: true, ..Accept::default() };
    let run = ledger.begin(&desk.campaign, OCCASION, accept).await.unwrap();
    enlist(&run, vec![row(2, "ada")]).await;
    sent(&run).await;
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_the_clock_is_seen_and_a_slow_drift_is_not() {
    // The monotonic clock is pushed: to the wall clock that is the same as falling behind.
    let (then, since) = (Clock::System.now(), tokio::time::Instant::now());
    // The wall clock goes on by itself, and by how much is known.
    let falls_behind = |by: i64| {
        let least = Clock::System.now().duration_since(then).as_secs();
        let jumped = Clock::System.jumped(then, since).as_secs();
        let most = Clock::System.now().duration_since(then).as_secs();
        assert!(
            (least - 1..=most + 1).contains(&(jumped + by)),
            "{jumped}, and {least} to {most} have passed"
        );
    };
    falls_behind(0);
    tokio::time::advance(Duration::from_hours(2)).await;
    falls_behind(7200);
}
