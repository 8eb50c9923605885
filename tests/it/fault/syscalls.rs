//! F2, F4, F6, F19: the ledger's system calls, one by one, through strace.

use std::fs;

use linkpost::{ledger::State, sandbox::Script};

use super::{Ordeal, told};
use crate::support::{chance::Chance, long, skipped, strace};

/// How many rows a traced run has.
const PEOPLE: usize = 30;
const TRACE: &str = "trace=fsync,fdatasync,pwrite64";

/// Runs `send` under strace with this injection.
fn inject(ordeal: &Ordeal, injection: &str) -> crate::support::fixture::Said {
    ordeal.run_in(&[
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        TRACE,
        "-e",
        &format!("inject={injection}"),
    ])
}

/// How often a run of `people` calls what the ledger calls.
async fn calls(name: &str, people: usize) -> usize {
    let ordeal = Ordeal::scripted(Script::new(), people, 2).await;
    let log = ordeal.fixture.path("calls");
    let said = ordeal.run_in(&["strace", "-f", "-qq", "-o", log.to_str().unwrap(), "-e", TRACE]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let text = fs::read_to_string(log).unwrap();
    text.lines().filter(|line| line.contains(&format!(" {name}("))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_system_call_of_the_ledger_balances() {
    if !strace() {
        return;
    }
    if !long() {
        skipped("F2, kills at the ledger's system calls (LINKPOST_TEST_LONG)");
        return;
    }
    let mut chance = Chance::new("F2 kills at system calls");
    for name in ["fsync", "fdatasync", "pwrite64"] {
        let most = calls(name, PEOPLE).await;
        let mut places: Vec<_> = (1..=most).collect();
        chance.shuffle(&mut places);
        places.truncate(60);
        let (mut kills, mut unknown) = (0, 0);
        for place in places {
            let mut ordeal = Ordeal::scripted(Script::new(), PEOPLE, 2).await;
            let said = inject(&ordeal, &format!("{name}:signal=SIGKILL:when={place}"));
            if said.code.is_none() {
                kills += 1;
                ordeal.killed();
            }
            let found = ordeal.end().await;
            unknown += found.count(State::Unknown);
        }
        told(&format!(
            "F2 kill at {name} | calls {most} | kills {kills} | duplicates 0 | lost 0 | unknown {unknown}"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_to_sync_ends_the_run_and_nothing_more_is_sent() {
    if !strace() {
        return;
    }
    let mut chance = Chance::new("F6 failing sync");
    let most = calls("fsync", PEOPLE).await;
    let (mut runs, mut unknown) = (0, 0);
    for _ in 0..if long() { 60 } else { 4 } {
        let mut ordeal = Ordeal::scripted(Script::new(), PEOPLE, 2).await;
        // The last few belong to the end, when everything is recorded.
        let place = chance.below(1..most - 6);
        let said = inject(&ordeal, &format!("fsync,fdatasync:error=EIO:when={place}+"));
        assert_eq!(said.code, Some(74), "at {place} of {most}: {said:?}");
        ordeal.killed();
        let found = ordeal.end().await;
        assert_eq!(found.count(State::Sent) + found.count(State::Unknown), PEOPLE, "{}", found.line());
        runs += 1;
        unknown += found.count(State::Unknown);
    }
    told(&format!("F6 EIO on sync | runs {runs} | duplicates 0 | lost 0 | unknown {unknown}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_at_a_write_ends_the_run() {
    if !strace() {
        return;
    }
    let mut chance = Chance::new("F5 ENOSPC");
    let most = calls("pwrite64", PEOPLE).await;
    for _ in 0..if long() { 60 } else { 3 } {
        let ordeal = Ordeal::scripted(Script::new(), PEOPLE, 2).await;
        let place = chance.below(20..most / 2);
        let said = inject(&ordeal, &format!("pwrite64:error=ENOSPC:when={place}+"));
        assert_eq!(said.code, Some(74), "at {place} of {most}: {said:?}");
        // The journal is written otherwise, so that no answer is lost.
        let found = ordeal.end().await;
        assert_eq!(
            (found.count(State::Sent), found.accepted),
            (PEOPLE, PEOPLE),
            "at {place}: {}",
            found.line()
        );
    }
    told("F5 ENOSPC at a write | duplicates 0 | lost 0 | unknown 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_slows_the_run_down_and_nothing_else() {
    if !strace() {
        return;
    }
    let ordeal = Ordeal::scripted(Script::new(), 40, 4).await;
    let said = inject(&ordeal, "fsync,fdatasync:delay_enter=20000");
    assert_eq!(said.code, Some(0), "{said:?}");
    let found = ordeal.check(said.code).await;
    told(&format!("F19 slow disk, 20 ms a sync | {} | duplicates 0 | lost 0", found.line()));
}

/// F4 without a power cut: what is on disk before the body leaves, as the kernel saw it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_intent_is_synced_before_the_body_leaves() {
    if !strace() {
        return;
    }
    let ordeal = Ordeal::scripted(Script::new(), 5, 1).await;
    let log = ordeal.fixture.path("calls");
    let trace = "trace=fsync,fdatasync,pwrite64,sendto,writev,write";
    let said =
        ordeal.run_in(&["strace", "-f", "-y", "-qq", "-s", "64", "-o", log.to_str().unwrap(), "-e", trace]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let text = fs::read_to_string(log).unwrap();
    let (mut written, mut synced, mut bodies) = (false, false, 0);
    for line in text.lines() {
        if line.contains("linkpost.db-wal>") && line.contains("pwrite64(") {
            (written, synced) = (true, false);
        } else if line.contains("linkpost.db-wal>") && line.contains("fsync(") && line.contains(" = 0") {
            synced = written;
        } else if line.contains("socket:[") && line.contains("\"From: Example") {
            assert!(synced, "mail {} left before its intent was on disk", bodies + 1);
            // The next body wants an intent of its own.
            (written, synced) = (false, false);
            bodies += 1;
        }
    }
    assert_eq!(bodies, 5);
    told("F4 order of system calls | bodies 5 | each after the sync of its intent");
}
