//! A ledger that is an old copy, is gone, or was used on another machine.

use linkpost::sandbox::Script;

use crate::support::{fixture::Fixture, mails::relay, sql::sql};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_from_a_backup_is_refused_until_somebody_takes_the_blame() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(10);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "2"]).code, Some(75));
    let backup = std::fs::read(fixture.path("linkpost.db")).unwrap();
    assert!(!fixture.path("linkpost.db-wal").exists(), "a copy of the file alone is a whole backup");
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "3"]).code, Some(75));
    assert_eq!(relay.count(), 5);
    fixture.file("linkpost.db", &backup);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, relay.count()), (Some(78), 5), "{said:?}");
    assert!(said.err.contains("knows runs up to 1, and `linkpost.db.last-run` knows run 2"), "{said:?}");
    assert!(said.err.contains("--accept-restored-ledger"), "{said:?}");
    let verified = fixture.run(&["ledger", "verify"]);
    assert_eq!(verified.code, Some(74), "{verified:?}");
    assert!(verified.out.contains("WRONG no newer copy of it was ever used"), "{verified:?}");
    // Those three are mailed again: that is what the flag says.
    let said = fixture.run(&["send", "spring.toml", "--yes", "--accept-restored-ledger"]);
    assert_eq!((said.code, relay.count()), (Some(0), 13), "{said:?}");
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
    let mut ledger = sql(fixture.path("linkpost.db")).await;
    let epochs: Vec<i64> = ledger.values("select id from epoch order by id").await;
    assert_eq!(epochs, [1, 3], "a number is never used twice, over all copies");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_gone_is_not_simply_begun_anew() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).edit(
        "linkpost.toml",
        "[sign_in.local]",
        "[ledger]\nlast_run = \"elsewhere-last-run\"\n[sign_in.local]",
    );
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    assert!(fixture.read("elsewhere-last-run").starts_with("run 1: "));
    for suffix in ["", "-wal", "-shm"] {
        let _gone = std::fs::remove_file(fixture.path(&format!("linkpost.db{suffix}")));
    }
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, relay.count()), (Some(78), 3), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_was_used_on_another_machine_says_so_once() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let send = || fixture.run(&["send", "spring.toml", "--yes", "--limit", "1"]);
    let told =
        "the newest run on this ledger was on the machine `mailer-1`: if the ledger is in use there as well";
    assert!(!send().err.contains(told));
    let note = fixture.read("linkpost.db.last-run");
    let (_, process) = note.split_once(", process ").unwrap();
    fixture.file("linkpost.db.last-run", format!("run 1: mailer-1, process {process}"));
    let said = send();
    assert!(said.code == Some(75) && said.err.contains(told), "{said:?}");
    assert!(!send().err.contains(told));
}
