//! Two runs, an old copy of the ledger, a clock that jumps, a ledger that was tampered with.

use std::time::{Duration, Instant};

use linkpost::{
    clock::Clock,
    ledger::{Accept, LedgerError},
    sandbox::{Act, Script, Step},
};

use crate::{
    ledger::desk::{Desk, OCCASION, at, enlist, row, sent},
    support::{
        fixture::Fixture,
        mails::relay,
        sql::{sql, unchecked},
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_run_ends_within_a_second_and_says_who_is_first() {
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let relay = relay(Script::new().at(Step::Dot, Act::Hold(std::sync::Arc::clone(&gate))).times(4)).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let mut first = fixture.spawn(&["send", "spring.toml", "--yes"]);
    relay.accepted(1).await;
    for verb in [&["send", "spring.toml", "--yes"][..], &["resolve", "spring.toml", "--log", "people.csv"]] {
        let began = Instant::now();
        let said = fixture.run(verb);
        assert_eq!(said.code, Some(75), "{said:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        for part in [host.trim(), &format!("process {}", first.id()), "since 20"] {
            assert!(said.err.contains(part), "{part}: {said:?}");
        }
    }
    for _ in 0..4 {
        gate.notify_one();
        tokio::task::yield_now().await;
    }
    drop(relay);
    first.wait().unwrap();
}

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

#[tokio::test]
async fn a_clock_behind_the_ledger_is_refused_unless_it_is_said_to_be_right() {
    let desk = Desk::new();
    drop(desk.run_at("2026-11-22T10:00:00Z").await);
    let ledger = desk.ledger_at(at("2025-11-22T10:00:00Z")).await;
    let error = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::Refused { hint, .. } if hint.contains("--accept-clock")),
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
    let jumped = || Clock::System.jumped(then, since).as_secs();
    assert!(jumped().abs() < 60);
    tokio::time::advance(Duration::from_hours(2)).await;
    assert!((-7260..=-7140).contains(&jumped()), "{}", jumped());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_names_each_rule_that_is_broken() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(4);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    let good = fixture.run(&["ledger", "verify"]);
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(!good.out.contains("WRONG") && good.out.lines().count() >= 13, "{good:?}");
    let clean = std::fs::read(fixture.path("linkpost.db")).unwrap();
    let check = async |damage: &str, rule: &str| {
        for suffix in ["-wal", "-shm"] {
            let _gone = std::fs::remove_file(fixture.path(&format!("linkpost.db{suffix}")));
        }
        fixture.file("linkpost.db", &clean);
        let mut ledger = unchecked(fixture.path("linkpost.db")).await;
        ledger.run(damage).await;
        ledger.close().await;
        let said = fixture.run(&["ledger", "verify"]);
        assert_eq!(said.code, Some(74), "{damage}: {said:?}");
        assert!(said.out.contains(&format!("WRONG {rule}")), "{damage}: {said:?}");
    };
    check("update recipient set seen = 0 where id = 1", "every row of the list has one row").await;
    check(
        "update attempts set recipient_id = 2, n = 9 where recipient_id = 1",
        "nobody's mail was taken twice",
    )
    .await;
    check("update recipient set state = 'pending' where id = 1", "what was taken is not sent again").await;
    check("update attempts set outcome = 'deferred' where id = 1", "what counts as sent was taken").await;
    check("delete from attempts where id = 1", "every try is on record").await;
    check("update attempts set outcome = null where id = 1", "every try has an outcome").await;
    check("update attempts set message_id = '<x>'", "a mail has the same Message-ID").await;
    check("update recipient set address = 'PERSON1@example.com'", "no mailbox got the links of two").await;
    check("update recipient set next_attempt_at = 1 where id = 1", "what is put off has a time").await;
    check("update recipient set state = 'rejected' where id = 1", "whatever was not sent says why").await;
    check("update recipient set state = 'sending', epoch = null where id = 1", "whoever holds a row").await;
    check("delete from epoch", "nothing refers to a row that is not there").await;
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
