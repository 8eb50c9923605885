//! A disk that is full or broken, a ledger that somebody else holds or that cannot be written: exit 74, nothing unrecorded,
//! and a clean run afterwards.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Command, Stdio},
    sync::Arc,
};

use linkpost::sandbox::{Act, SandboxRelay, Script, Step};
use tokio::sync::Notify;

use crate::support::{
    fixture::Fixture,
    judge,
    mails::{counts, relay, taken},
    skipped,
    sql::sql,
};

const SEND: [&str; 3] = ["send", "spring.toml", "--yes"];

/// The program behind another command that runs it.
fn behind(fixture: &Fixture, command: &[&str], arguments: &[&str]) -> Command {
    let mut all = Command::new(command[0]);
    all.args(&command[1..]).arg(env!("CARGO_BIN_EXE_linkpost")).args(arguments);
    all.current_dir(fixture.path("")).stdin(Stdio::null());
    all
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
        let said = fixture.finish(behind(&fixture, &["sh", "-c", shell, "sh"], &SEND));
        assert_eq!(said.code, Some(74), "{said:?}");
        assert!(said.err.contains("the ledger") && said.err.contains("nothing is lost"), "{said:?}");
    }
    assert!((2..400).contains(&relay.count()), "{}", relay.count());
    goes_on(&fixture, &relay, 400);
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
    let present =
        Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    if !judge("strace", present) {
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
        let said = fixture.finish(behind(&fixture, &[&tracing[..], &["-e", &fault]].concat(), &SEND));
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
        let able = behind(&fixture, &somebody, &["--version"]).stdout(Stdio::null()).status();
        if !able.is_ok_and(|status| status.success()) {
            return skipped("nobody else may run the program here");
        }
        let said = fixture.finish(behind(&fixture, &somebody, &SEND));
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
