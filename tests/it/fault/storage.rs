//! F5 to F7: the disk is full, lies, or somebody else writes. Nothing is sent that cannot be recorded.

use std::{sync::Arc, time::Duration};

use linkpost::{
    ledger::State,
    sandbox::{Act, Script, Step},
};
use tokio::sync::Notify;

use super::{Ordeal, SEND, failpoints, told};
use crate::support::{chance::Chance, fixture::Said, long, postbox::Postbox, skipped, sql::sql};

/// `send` with a limit on the size of files, in KiB: a disk that is full just there (SIGXFSZ is ignored, so that the
/// write fails).
fn run_limited(ordeal: &Ordeal, kib: usize) -> Said {
    let shell = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
    ordeal.run_in(&["/bin/sh", "-c", &shell])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_run_and_no_answer_is_lost() {
    let mut chance = Chance::new("F5 full disk");
    let (mut rows, mut kept) = (0, 0);
    for _ in 0..if long() { 100 } else { 4 } {
        let ordeal = Ordeal::scripted(Script::new(), 80, 4).await;
        // The journal's own 1,024 KiB fit; the write-ahead log does not go far beyond.
        let said = run_limited(&ordeal, 1040 + chance.below(0..400));
        assert_eq!(said.code, Some(74), "{said:?}");
        // The relay's last answers are in the journal, not in the ledger.
        let ended_early = ordeal.postbox.accepted().len();
        let found = ordeal.end().await;
        assert!(ended_early < 80, "the disk was large enough: {said:?}");
        // The room for the answers was taken beforehand, so that not one of them is unknown.
        assert_eq!((found.count(State::Sent), found.accepted), (80, 80), "{}", found.line());
        rows += found.rows.len();
        kept += usize::from(said.err.contains("is kept in"));
    }
    told(&format!(
        "F5 full disk | rows {rows} | runs with a kept answer {kept} | duplicates 0 | lost 0 | unknown 0"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_for_the_journal_sends_nothing() {
    let ordeal = Ordeal::scripted(Script::new(), 5, 1).await;
    let said = run_limited(&ordeal, 512);
    assert_eq!((said.code, ordeal.postbox.accepted().len()), (Some(74), 0), "{said:?}");
    let found = ordeal.end().await;
    assert_eq!(found.count(State::Sent), 5, "{}", found.line());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_dies_just_after_the_journal_has_the_answer_loses_nothing() {
    if !failpoints::there() {
        return;
    }
    let ordeal = Ordeal::scripted(Script::new(), 80, 4).await;
    let mut wrapped =
        ordeal.fixture.wrapped(&["/bin/sh", "-c", "trap '' XFSZ; ulimit -f 2200; exec \"$0\" \"$@\""], &SEND);
    wrapped.env("LINKPOST_CRASH_AT", "kept:1");
    let said = ordeal.fixture.finish(wrapped);
    let kept = said.code.is_none();
    // Where the disk is full at an intent there is no answer to keep; then the run ends by itself.
    assert!(kept || said.code == Some(74), "{said:?}");
    let mut ordeal = ordeal;
    ordeal.lost = if kept { 3 } else { 0 };
    let found = ordeal.end().await;
    told(&format!("F5 dying after the journal | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_that_writes_for_a_while_is_waited_for() {
    let gate = Arc::new(Notify::new());
    let script = Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).skip(2).times(1);
    let ordeal = Ordeal::new(Postbox::sandbox(script).await, 10, 1);
    let mut run = ordeal.start();
    ordeal.postbox.relay().accepted(3).await;
    let mut other = sql(ordeal.fixture.path("linkpost.db")).await;
    other.lock().await;
    // The answer to the third mail comes, and cannot be written down yet.
    gate.notify_one();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(ordeal.postbox.accepted().len(), 3, "a mail left before the last was recorded");
    if long() {
        // Longer than the run waits: the answer goes into the journal, and the run ends.
        assert_eq!(run.wait().unwrap().code(), Some(74));
        other.close().await;
    } else {
        skipped("F7 for longer than the run waits (LINKPOST_TEST_LONG)");
        other.unlock().await;
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
    let found = ordeal.end().await;
    assert_eq!((found.count(State::Sent), found.accepted), (10, 10), "{}", found.line());
    told(&format!("F7 busy ledger | {} | duplicates 0 | lost 0", found.line()));
}
