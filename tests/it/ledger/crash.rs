//! Tests of `ledger`: what is left when a run dies, is cancelled, or cannot write.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

use std::future::ready;

use linkpost::ledger::{Accept, Intended, LedgerError, Run, Selection, State};

use crate::ledger::desk::{
    Desk, OCCASION, accepted, attempt, claim, claim_none, claim_one, deferred, enlist, intend, rejected, row,
    unknown,
};

/// The reason of an unknown row names the run that left it.
const LEFT: &str = "never recorded the answer";

/// Makes the database refuse every row that becomes `sent`, as a full disk would.
const FAIL: &str = "create trigger full before update on recipient when new.state in ('sent', 'deferred')
    begin select raise(abort, 'disk full'); end";

#[tokio::test]
async fn a_dead_runs_claims_wait_again_and_its_sendings_are_unknown() {
    let desk = Desk::new();
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve")]).await;
    run.settle(claim_one(&run).await, deferred()).await.unwrap();
    drop(run);

    let run = desk.run_at("2026-11-22T11:00:00Z").await;
    let mut claims = claim(&run, 3).await;
    let intent = intend(&run, claims.pop().unwrap()).await;
    assert_eq!(desk.rows().await, ["2 claimed: 451 4.3.0 later", "3 claimed", "4 sending"]);
    drop((intent, claims, run));

    let run = desk.run_at("2026-11-22T12:00:00Z").await;
    let recovered = run.recovered();
    assert_eq!((recovered.released, recovered.unknown, recovered.replayed), (2, 1, 0));
    let rows = desk.rows().await;
    assert_eq!(&rows[..2], ["2 deferred: 451 4.3.0 later", "3 pending"]);
    assert!(rows[2].starts_with("4 unknown: the run that began at 2026-11-22T11:00:00Z ("), "{}", rows[2]);
    assert!(rows[2].ends_with(LEFT), "{}", rows[2]);
    let lines: Vec<_> = claim(&run, 9).await.iter().map(|claim| claim.recipient().line).collect();
    assert_eq!(lines, [2, 3], "the unknown one is never taken again");
    drop(run);
    assert_eq!(desk.run_at("2026-11-22T13:00:00Z").await.recovered().unknown, 0);
}

#[tokio::test]
async fn the_second_run_learns_at_once_who_is_at_work() {
    let desk = Desk::new();
    let ledger = desk.ledger().await;
    let run = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap();
    for ledger in [ledger, desk.ledger().await] {
        let error = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap_err();
        let LedgerError::Busy { holder } = &error else { panic!("{error}") };
        assert!(holder.contains(&format!("process {}, since 2", std::process::id())), "{holder}");
    }
    // Both have their answer while the first is still at work.
    assert_eq!(run.tally().await.unwrap().total(), 0);
    let other = desk.ledger().await;
    let elsewhere = other.begin(&desk.campaign, "another occasion", Accept::default()).await.unwrap();
    drop((run, elsewhere));
    drop(desk.run().await);
}

#[tokio::test]
async fn a_run_that_was_overtaken_can_neither_send_nor_overwrite() {
    let desk = Desk::new();
    let old = desk.run().await;
    enlist(&old, (2..7).map(|line| row(line, &format!("user{line}"))).collect()).await;
    let mut claims = claim(&old, 4).await.into_iter();
    let [first, second, third, fourth] = [(); 4].map(|()| claims.next().unwrap());
    let intent = intend(&old, fourth).await;
    // The lock is comfort: take it away, as a copied folder or a broken filesystem would.
    std::fs::remove_file(desk.path().with_file_name("ledger.db.spring.once.lock")).unwrap();
    let new = desk.run().await;
    assert_eq!((new.recovered().released, new.recovered().unknown), (3, 1));

    let words = attempt(&first);
    assert!(matches!(old.intend(first, words).await.unwrap(), Intended::Withdrawn(State::Pending)));
    assert!(matches!(old.settle(second, rejected()).await.unwrap_err(), LedgerError::Refused(_)));
    let mine = claim(&new, 9).await;
    assert_eq!(mine.len(), 4);
    assert!(matches!(old.settle(third, deferred()).await.unwrap_err(), LedgerError::Refused(_)));
    assert_eq!(new.tally().await.unwrap().get(State::Claimed), 4);
    // A late answer of the run that sent it is worth more than not knowing.
    assert_eq!(old.settle(intent, accepted()).await.unwrap().state, State::Sent);
    assert_eq!(new.tally().await.unwrap().get(State::Sent), 1);
}

/// Polls a call once, which hands it over, and drops it.
async fn hand_over<T>(call: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = call => panic!("the writer had no time to answer yet"),
        () = ready(()) => {}
    }
}

/// Waits until the writer has done what was handed over before.
async fn catch_up(run: &Run) {
    run.release(Vec::new()).await.unwrap();
    assert_eq!(run.claim(&Selection { only: vec!["nobody".into()] }, 1).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_cancelled_call_is_done_all_the_same() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob")]).await;
    let mut claims = claim(&run, 2).await;
    let intent = intend(&run, claims.remove(0)).await;
    hand_over(run.settle(intent, accepted())).await;
    catch_up(&run).await;
    assert_eq!(desk.rows().await, ["2 sent", "3 claimed"]);
    hand_over(run.release(claims)).await;
    catch_up(&run).await;
    assert_eq!(desk.rows().await, ["2 sent", "3 pending"]);
    hand_over(run.claim(&Selection::default(), 9)).await;
    assert_eq!(run.release_all().await.unwrap(), 1, "nobody has this claim");
    assert_eq!(desk.rows().await, ["2 sent", "3 pending"]);
}

#[tokio::test]
async fn many_callers_share_a_commit_and_each_gets_its_own_answer() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, (0..400).map(|n| row(n + 2, &format!("user{n}"))).collect()).await;
    let run = std::sync::Arc::new(run);
    let mut calls = tokio::task::JoinSet::new();
    for (n, claim) in (0..).zip(claim(&run, 400).await) {
        let run = std::sync::Arc::clone(&run);
        calls.spawn(async move {
            let outcome = [accepted, rejected, deferred, unknown][n % 4]();
            let line = claim.recipient().line;
            let intent = intend(&run, claim).await;
            assert_eq!(run.settle(intent, outcome).await.unwrap().line, line);
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    let tally = run.tally().await.unwrap();
    for state in [State::Sent, State::Rejected, State::Deferred, State::Unknown] {
        assert_eq!(tally.get(state), 100, "{state}");
    }
    assert_eq!(tally.total(), 400);
}

#[tokio::test]
async fn an_outcome_that_the_database_refuses_is_kept_and_entered_by_the_next_run() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve"), row(5, "kim"), row(6, "joe")]).await;
    let mut claims = claim(&run, 4).await.into_iter();
    let [ada, bob, eve, kim] = [(); 4].map(|()| claims.next().unwrap());
    let (ada, bob) = (intend(&run, ada).await, intend(&run, bob).await);
    let mut sql = desk.behind().await;
    sql.run(FAIL).await;

    let error = run.settle(ada, accepted()).await.unwrap_err();
    let LedgerError::Storage { words, .. } = &error else { panic!("{error}") };
    assert!(words.contains("disk full") && words.contains("is kept in"), "{words}");
    // The run starts nothing new, and what it still learns is kept as well.
    let words = attempt(&kim);
    let refused = [
        run.claim(&Selection::default(), 9).await.unwrap_err(),
        run.intend(kim, words).await.unwrap_err(),
        run.settle(bob, rejected()).await.unwrap_err(),
        run.settle(eve, deferred()).await.unwrap_err(),
    ];
    for error in refused {
        assert!(
            matches!(&error, LedgerError::Storage { words, .. } if words.contains("disk full")),
            "{error}"
        );
    }
    let journal = std::fs::read(desk.path().with_file_name("ledger.db.spring.once.journal")).unwrap();
    let journal = String::from_utf8(journal).unwrap();
    assert_eq!(journal.lines().filter(|line| line.contains("epoch")).count(), 3);
    assert!(!journal.contains("example.com"), "no address in the journal");
    drop(run);

    sql.run("drop trigger full").await;
    let run = desk.run().await;
    let recovered = run.recovered();
    assert_eq!((recovered.replayed, recovered.released, recovered.unknown), (3, 1, 0));
    let expected = [
        "2 sent",
        "3 rejected: 550 5.1.1 no such user",
        "4 deferred: 451 4.3.0 later",
        "5 pending",
        "6 pending",
    ];
    assert_eq!(desk.rows().await, expected);
    drop(run);
    assert_eq!(desk.run().await.recovered().replayed, 0, "entered once");
}

#[tokio::test]
async fn a_list_that_does_not_fit_on_the_disk_says_so_to_the_end() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada")]).await;
    // As SQLite does it: the transaction is gone at once, and a rollback that follows fails.
    let fail =
        "create trigger full before insert on recipient begin select raise(rollback, 'disk full'); end";
    let mut sql = desk.behind().await;
    sql.run(fail).await;
    let mut enlistment = run.enlist().await.unwrap();
    let first = enlistment.add(vec![row(2, "ada"), row(3, "bob")]).await.unwrap_err();
    assert!(first.to_string().contains("disk full"), "{first}");
    assert_eq!(enlistment.abandon().await.unwrap_err(), first);
    assert_eq!(desk.rows().await, ["2 pending"]);
}

#[tokio::test]
async fn a_refused_intent_sends_nothing_and_the_row_is_free_again() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada")]).await;
    let claim = claim_one(&run).await;
    let mut sql = desk.behind().await;
    let fail = "create trigger full before insert on attempts begin select raise(abort, 'disk full'); end";
    sql.run(fail).await;
    let words = attempt(&claim);
    assert!(matches!(run.intend(claim, words).await, Err(LedgerError::Storage { .. })));
    assert_eq!(desk.rows().await, ["2 claimed"], "the row and its try are written together or not at all");
    sql.run("drop trigger full").await;
    assert_eq!(run.release_all().await.unwrap(), 1);
    drop(run);
    let run = desk.run().await;
    assert!(!claim_none(&run).await);
}
