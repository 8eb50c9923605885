//! F5 to F7: the disk is full, lies, or somebody else writes; the ledger may not be written. Nothing is sent that cannot be
//! recorded, and a clean run follows.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Command, Stdio},
    sync::Arc,
};

use linkpost::{
    ledger::State,
    sandbox::{Act, SandboxRelay, Script, Step},
};
use tokio::sync::Notify;

use super::{Ordeal, SEND, failpoints, silent, told};
use crate::support::{
    chance::Chance,
    fixture::{Fixture, Said},
    long,
    mails::{counts, relay, taken},
    skipped,
    sql::sql,
    strace, wait,
};

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

/// The next run enters what the last could not, and sends the rest: everybody once, nothing unknown.
fn goes_on(fixture: &Fixture, relay: &SandboxRelay, people: usize) {
    let said = fixture.run(&SEND);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mails = taken(relay);
    assert_eq!(mails.len(), people);
    assert!(counts(&mails).values().all(|count| *count == 1));
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_in_the_middle_of_a_run_costs_no_answer() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(400);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    // No file may grow beyond 1.2 MiB: the outcome journal has its 1 MiB already, the write-ahead log soon has not.
    // Twice, since the journal of the first time is entered by the second.
    for _ in 0..2 {
        let shell = "trap '' XFSZ; ulimit -f 2400; exec \"$@\"";
        let said = fixture.finish(fixture.wrapped(&["sh", "-c", shell, "sh"], &SEND));
        assert_eq!(said.code, Some(74), "{said:?}");
        assert!(said.err.contains("the ledger") && said.err.contains("nothing is lost"), "{said:?}");
    }
    assert!((2..400).contains(&relay.count()), "{}", relay.count());
    goes_on(&fixture, &relay, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_that_writes_for_a_while_is_waited_for() {
    if !strace() {
        return;
    }
    let gate = Arc::new(Notify::new());
    let script = Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).skip(2).times(1);
    let ordeal = Ordeal::scripted(script, 10, 1).await;
    let log = ordeal.fixture.path("calls");
    let trace =
        ["strace", "-f", "-qq", "-o", log.to_str().unwrap(), "-e", "trace=recvfrom,read,clock_nanosleep"];
    let mut run = silent(ordeal.fixture.wrapped(&trace, &SEND));
    ordeal.postbox.relay().accepted(3).await;
    let mut other = sql(ordeal.fixture.path("linkpost.db")).await;
    other.lock().await;
    // The answer to the third mail comes, and cannot be written down yet: the database tries it again and again.
    gate.notify_one();
    wait::until(|| {
        let calls = fs::read_to_string(&log).unwrap_or_default();
        let since = calls.split_once("kept as 00000003").map_or("", |(_, since)| since);
        since.matches("clock_nanosleep").count() > 8
    });
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_while_another_program_holds_the_ledger_is_kept_in_the_journal() {
    let gate = Arc::new(Notify::new());
    let relay = relay(Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1)).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(5).edit(
        "linkpost.toml",
        "[sign_in.local]",
        "[sending]\nconnections = 1\n[ledger]\nbusy_timeout = \"300 ms\"\n[sign_in.local]",
    );
    let child = fixture.spawn(&SEND);
    relay.accepted(1).await;
    let mut other = sql(fixture.path("linkpost.db")).await;
    other.lock().await;
    gate.notify_one();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.contains("the outcome is kept in"), "{said}");

    // A run that begins meanwhile sends nothing and keeps the journal.
    let meanwhile = fixture.run(&SEND);
    assert_eq!((meanwhile.code, relay.count()), (Some(74), 1), "{meanwhile:?}");
    other.close().await;
    goes_on(&fixture, &relay, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_to_keep_what_was_written_stops_the_run_and_nobody_is_mailed_twice() {
    if !strace() {
        return;
    }
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(30).edit(
        "linkpost.toml",
        "[sign_in.local]",
        "[sending]\nconnections = 1\n[sign_in.local]",
    );
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    let tracing = ["strace", "-f", "-o", "strace.log", "-e", "trace=fsync,fdatasync"];
    let mut before = relay.count();
    for nth in [3, 12, 13, 14] {
        let fault = format!("inject=fsync,fdatasync:error=EIO:when={nth}+");
        let said = fixture.finish(fixture.wrapped(&[&tracing[..], &["-e", &fault]].concat(), &SEND));
        assert_eq!(said.code, Some(74), "at the {nth}th: {said:?}");
        // One connection, two commits a mail: no more than that were on their way when the disk failed.
        assert!(relay.count() - before <= nth / 2, "{} mails at the {nth}th", relay.count() - before);
        before = relay.count();
    }
    let said = fixture.run(&SEND);
    assert!(matches!(said.code, Some(0 | 3)), "{said:?}");
    let mails = taken(&relay);
    assert!(counts(&mails).values().all(|count| *count == 1));
    let unknown = fixture.run(&["status", "spring.toml", "--rows", "unknown"]).out.lines().count() - 1;
    assert!(unknown <= 4 && mails.len() + unknown >= 30, "{} mails, {unknown} unknown", mails.len());
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_may_not_be_written_is_said_to_be_so_before_anything_is_sent() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    let mode = |mode| {
        fs::set_permissions(fixture.path("linkpost.db"), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o400);
    // To root nothing is forbidden: the program runs as somebody else, who owns the folder.
    let said = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        const NOBODY: u32 = 65534;
        own(&fixture, NOBODY);
        let somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let able = fixture.wrapped(&somebody, &["--version"]).stdout(Stdio::null()).status();
        if !able.is_ok_and(|status| status.success()) {
            return skipped("nobody else may run the program here");
        }
        let said = fixture.finish(fixture.wrapped(&somebody, &SEND));
        own(&fixture, 0);
        said
    } else {
        fixture.run(&SEND)
    };
    assert_eq!((said.code, relay.count()), (Some(74), 1), "{said:?}");
    mode(0o600);
    goes_on(&fixture, &relay, 3);
}

/// Gives the fixture's files to a user.
fn own(fixture: &Fixture, user: u32) {
    let given = Command::new("chown").args(["-R", &format!("{user}:{user}")]).arg(fixture.path("")).status();
    assert!(given.unwrap().success());
}
