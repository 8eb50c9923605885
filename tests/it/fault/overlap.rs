//! F16: several runs at once, and runs that were stopped and go on later, also where the run lock was lost.

use std::{fs, sync::Arc};

use linkpost::{
    ledger::State,
    sandbox::{Act, Script, Step},
};
use tokio::sync::Notify;

use super::{Ordeal, failpoints, silent, told};
use crate::support::{chance::Chance, long, signal, strace, wait};

/// Takes the run lock's file away: whoever comes next locks another one.
fn lose_the_lock(ordeal: &Ordeal) {
    fs::remove_file(ordeal.fixture.path("linkpost.db.spring.once.lock")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_runs_one_works_and_the_others_say_so() {
    let (mut runs, mut busy) = (0, 0);
    for round in 0..if long() { 100 } else { 10 } {
        let ordeal = Ordeal::scripted(Script::new(), 24, 4).await;
        let together: Vec<_> = (0..if round % 2 == 0 { 2 } else { 8 }).map(|_| ordeal.start()).collect();
        let codes: Vec<_> = together.into_iter().map(|mut run| run.wait().unwrap().code()).collect();
        // A run that starts when the first has ended finds nothing to do, which is right as well.
        assert!(codes.iter().all(|code| matches!(code, Some(0 | 75))), "{codes:?}");
        assert!(codes.contains(&Some(0)), "{codes:?}");
        runs += codes.len();
        busy += codes.iter().filter(|code| **code == Some(75)).count();
        let found = ordeal.end().await;
        assert_eq!((found.count(State::Sent), found.accepted), (24, 24), "{}", found.line());
    }
    assert!(busy > 0, "no run ever met another");
    told(&format!("F16 runs at once | runs {runs} | turned away {busy} | duplicates 0 | lost 0 | unknown 0"));
}

/// Waiting for the lock, or asking for it again, would show in the calls for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_run_says_who_is_first_and_asks_for_the_lock_once() {
    let traced = strace();
    let gate = Arc::new(Notify::new());
    let script = Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1);
    let ordeal = Ordeal::scripted(script, 3, 1).await;
    let mut first = ordeal.start();
    ordeal.postbox.relay().accepted(1).await;
    for verb in [&super::SEND[..], &["resolve", "spring.toml", "--log", "people.csv"]] {
        let log = ordeal.fixture.path("calls");
        let tracing = ["strace", "-f", "-y", "-qq", "-o", log.to_str().unwrap(), "-e", "trace=flock,fcntl"];
        let command =
            if traced { ordeal.fixture.wrapped(&tracing, verb) } else { ordeal.fixture.command(verb) };
        let said = ordeal.fixture.finish(command);
        assert_eq!(said.code, Some(75), "{said:?}");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        for part in [host.trim(), &format!("process {}", first.id()), "since 20"] {
            assert!(said.err.contains(part), "{part}: {said:?}");
        }
        if traced {
            let calls = fs::read_to_string(&log).unwrap();
            let asked: Vec<_> = calls.lines().filter(|line| line.contains(".once.lock>, LOCK_")).collect();
            assert!(asked.len() == 1 && asked[0].contains("LOCK_EX|LOCK_NB) = -1 EAGAIN"), "{asked:#?}");
        }
    }
    gate.notify_one();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(ordeal.end().await.accepted, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_without_a_lock_still_send_nobody_twice() {
    let mut chance = Chance::new("F16 lost lock");
    let rounds = if long() { 100 } else { 8 };
    for _ in 0..rounds {
        let ordeal = Ordeal::scripted(Script::new(), 80, 4).await;
        let first = ordeal.fixture.spawn(&super::SEND);
        ordeal.postbox.relay().accepted(chance.below(1..50) as u64).await;
        lose_the_lock(&ordeal);
        let second = ordeal.run();
        assert!(matches!(second.code, Some(0 | 3 | 75)), "{second:?}");
        let first = first.wait_with_output().unwrap();
        assert!(
            matches!(first.status.code(), Some(0 | 3 | 75)),
            "{}",
            String::from_utf8_lossy(&first.stderr)
        );
        // Whatever the second took for lost, the first has told meanwhile: nothing is unknown.
        let found = ordeal.end().await;
        assert_eq!((found.count(State::Sent), found.accepted), (80, 80), "{}", found.line());
    }
    told(&format!("F16 two runs, lock lost | rounds {rounds} | duplicates 0 | lost 0 | unknown 0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_stopped_with_a_mail_on_the_wire_tells_its_end_later() {
    let gate = Arc::new(Notify::new());
    let script = Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).skip(2).times(1);
    let mut ordeal = Ordeal::scripted(script, 20, 1).await;
    let mut first = ordeal.start();
    ordeal.postbox.relay().accepted(3).await;
    signal(&first, "STOP");
    assert_eq!(ordeal.run().code, Some(75), "the lock was held");
    lose_the_lock(&ordeal);
    let second = ordeal.run();
    assert_eq!(second.code, Some(3), "{second:?}");
    ordeal.lost = 1;
    let found = ordeal.check(second.code).await;
    assert_eq!((found.count(State::Sent), found.count(State::Unknown)), (19, 1), "{}", found.line());
    gate.notify_one();
    signal(&first, "CONT");
    assert_eq!(first.wait().unwrap().code(), Some(0));
    ordeal.lost = 0;
    let found = ordeal.end().await;
    assert_eq!((found.count(State::Sent), found.accepted), (20, 20), "{}", found.line());
    told(&format!("F16 stopped after the dot | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_stopped_before_intent_or_dot_sends_nobody_twice() {
    if !failpoints::there() {
        return;
    }
    for (place, second_run) in
        [("minted:2", Some(0)), ("DATA:2", Some(0)), ("intended:2", Some(3)), ("before-dot:2", Some(3))]
    {
        let mut ordeal = Ordeal::scripted(Script::new(), 10, 1).await;
        let mut command = ordeal.command();
        command.env("LINKPOST_STOP_AT", place);
        let mut first = silent(command);
        wait::until_stopped(&first);
        assert_eq!(ordeal.run().code, Some(75), "{place}: the lock was held");
        lose_the_lock(&ordeal);
        let second = ordeal.run();
        assert_eq!(second.code, second_run, "{place}: {second:?}");
        ordeal.lost = usize::from(second_run == Some(3));
        ordeal.check(second.code).await;
        signal(&first, "CONT");
        assert_eq!(first.wait().unwrap().code(), Some(0), "{place}");
        ordeal.lost = 0;
        let found = ordeal.end().await;
        assert_eq!((found.count(State::Sent), found.accepted), (10, 10), "{place}: {}", found.line());
        told(&format!("F16 stopped at {place} | {} | duplicates 0 | lost 0", found.line()));
    }
}
