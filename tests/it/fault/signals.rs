//! F20: signals once and twice at random instants, and a reader that goes away.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use linkpost::{
    ledger::State,
    sandbox::{Act, Script, Step},
};

use super::{Ordeal, SEND, silent, told};
use crate::support::{chance::Chance, long, signal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_at_any_instant_loses_nobody() {
    let mut chance = Chance::new("F20 signals");
    let (mut rounds, mut unknown, mut signals) = (0, 0, 0);
    while rounds < if long() { 200 } else { 16 } {
        // A mail takes a moment here, so that a second signal finds some under way.
        let slow = Act::trickle("250 2.0.0 kept\r\n", Duration::from_millis(1));
        let mut ordeal = Ordeal::scripted(Script::new().at(Step::Rcpt, slow), 60, 4).await;
        for _ in 0..8 {
            rounds += 1;
            let mut run = ordeal.start();
            let twice = chance.percent(50);
            for _ in 0..if twice { 2 } else { 1 } {
                chance.pause(Duration::from_millis(400));
                if run.try_wait().unwrap().is_none() {
                    signal(&run, chance.one(&["INT", "TERM", "HUP"]));
                    signals += 1;
                }
            }
            let ended = run.wait().unwrap();
            // Before it listens, a signal ends the program by itself: then nothing was sent.
            assert!(matches!(ended.code(), None | Some(0 | 3 | 75)), "{ended}");
            if twice || ended.code().is_none() {
                ordeal.killed();
            }
            if !matches!(ended.code(), None | Some(75)) {
                break;
            }
        }
        let found = ordeal.end().await;
        assert_eq!(found.count(State::Sent) + found.count(State::Unknown), 60, "{}", found.line());
        unknown += found.count(State::Unknown);
    }
    told(&format!(
        "F20 signals | runs {rounds} | signals {signals} | duplicates 0 | lost 0 | unknown {unknown}"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_signal_leaves_nothing_unknown() {
    let mut chance = Chance::new("F20 one signal");
    for _ in 0..if long() { 100 } else { 8 } {
        let ordeal = Ordeal::scripted(Script::new(), 100, 4).await;
        let mut run = ordeal.start();
        ordeal.postbox.relay().accepted(chance.below(1..90) as u64).await;
        signal(&run, chance.one(&["INT", "TERM", "HUP"]));
        let ended = run.wait().unwrap();
        assert!(matches!(ended.code(), Some(0 | 75)), "{ended}");
        ordeal.check(ended.code()).await;
        let found = ordeal.end().await;
        assert_eq!((found.count(State::Sent), found.accepted), (100, 100), "{}", found.line());
    }
    told("F20 one signal at a random mail | duplicates 0 | lost 0 | unknown 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_away_does_not_stop_the_run() {
    let ordeal = Ordeal::scripted(Script::new(), 40, 2).await;
    let mut command = ordeal.fixture.command(&[&SEND[..], &["--json"]].concat());
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(run.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with('{'), "{first}");
    // The reader is gone now: every further line meets a closed pipe.
    let ended = run.wait().unwrap();
    let found = ordeal.check(ended.code()).await;
    assert_eq!((ended.code(), found.count(State::Sent)), (Some(0), 40), "{}", found.line());
    told(&format!("F20 SIGPIPE | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_without_memory_loses_nobody() {
    let mut ordeal = Ordeal::scripted(Script::new(), 60, 4).await;
    let (mut died, mut last) = (0, 0);
    for mib in [40, 60, 80, 100, 120, 160, 200, 260] {
        let shell = format!("ulimit -v {}; exec \"$0\" \"$@\"", mib * 1024);
        let run = ordeal.fixture.wrapped(&["/bin/sh", "-c", &shell], &SEND);
        let ended = silent(run).wait().unwrap();
        if matches!(ended.code(), Some(0 | 3)) {
            last = mib;
            break;
        }
        died += 1;
        ordeal.killed();
    }
    let found = ordeal.end().await;
    assert_eq!(found.count(State::Sent) + found.count(State::Unknown), 60, "{}", found.line());
    told(&format!(
        "F20 too little memory | runs that ended {died}, then {last} MiB | {} | duplicates 0 | lost 0",
        found.line()
    ));
}
