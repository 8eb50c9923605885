//! Tests of `ledger`: from a claim to its outcome.

use jiff::{SignedDuration, Timestamp};
use linkpost::{
    audience::{Address, Row},
    ledger::{Accept, Intended, LedgerError, Outcome, Selection, State},
};

use crate::ledger::desk::{
    Desk, OCCASION, accepted, attempt, claim, claim_none, claim_one, deferred, enlist, intend, recipient,
    rejected, row, unknown,
};

#[tokio::test]
async fn a_claim_carries_everything_that_the_list_said() {
    let desk = Desk::new();
    let run = desk.run().await;
    let expected = recipient(2, "ada", "Ada.L@example.com");
    enlist(&run, vec![Row::Good(expected.clone())]).await;
    let claim = claim_one(&run).await;
    assert_eq!(claim.recipient(), &expected);
    assert_eq!((claim.attempts(), claim.token(), claim.first_date()), (0, None, None));
    assert!(claim_none(&run).await, "claimed once");
}

#[tokio::test]
async fn every_outcome_of_an_intent_settles_its_row() {
    for (outcome, expected) in [
        (accepted(), "2 sent"),
        (rejected(), "2 rejected: 550 5.1.1 no such user"),
        (deferred(), "2 deferred: 451 4.3.0 later"),
        (unknown(), "2 unknown: no answer within 600 s"),
    ] {
        let desk = Desk::new();
        let run = desk.run().await;
        enlist(&run, vec![row(2, "ada")]).await;
        let claim = claim_one(&run).await;
        assert_eq!(desk.rows().await, ["2 claimed"]);
        let intent = intend(&run, claim).await;
        assert_eq!(desk.rows().await, ["2 sending"]);
        let settled = run.settle(intent, outcome).await.unwrap();
        assert_eq!(desk.rows().await, [expected]);
        assert_eq!((settled.line, settled.key.0.as_str()), (2, "ada"));
        assert!(expected.starts_with(&format!("2 {}", settled.state)));
        let attempts: Vec<(i64, String)> = desk.behind().await.rows("select n, outcome from attempts").await;
        assert_eq!(attempts, [(1, settled.state.to_string())]);
    }
}

#[tokio::test]
async fn a_claim_can_be_refused_or_deferred_but_never_taken() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve"), row(5, "kim")]).await;
    let mut claims = claim(&run, 4).await.into_iter();
    run.settle(claims.next().unwrap(), rejected()).await.unwrap();
    run.settle(claims.next().unwrap(), deferred()).await.unwrap();
    for outcome in [accepted(), unknown()] {
        let refused = run.settle(claims.next().unwrap(), outcome).await.unwrap_err();
        assert!(matches!(refused, LedgerError::Refused(_)), "{refused}");
    }
    let expected =
        ["2 rejected: 550 5.1.1 no such user", "3 deferred: 451 4.3.0 later", "4 claimed", "5 claimed"];
    assert_eq!(desk.rows().await, expected);
}

#[tokio::test]
async fn a_deferred_row_waits_longer_each_time_and_carries_its_token_along() {
    let desk = Desk::new();
    let mut time: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    enlist(&desk.run_at("2026-11-22T10:00:00Z").await, vec![row(2, "ada")]).await;
    for (tries, wait) in [(0, 1), (1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 120)] {
        let run = desk.run_at(&time.to_string()).await;
        let claim = claim_one(&run).await;
        assert_eq!(claim.attempts(), tries);
        assert_eq!(claim.token().is_some(), tries > 0);
        assert_eq!(claim.first_date().is_some(), tries > 0);
        let intent = intend(&run, claim).await;
        run.settle(intent, deferred()).await.unwrap();
        assert!(claim_none(&run).await, "not due yet");
        let due = run.next_due().await.unwrap().unwrap();
        let waited = due.duration_since(time);
        assert!(waited >= SignedDuration::from_mins(wait), "{waited:?} after {tries}");
        assert!(waited < SignedDuration::from_mins(2 * wait), "{waited:?} after {tries}");
        time = due;
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_parks_nobody_beyond_the_longest_wait() {
    let desk = Desk::new();
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    enlist(&run, vec![row(2, "ada")]).await;
    run.settle(claim_one(&run).await, deferred()).await.unwrap();
    drop(run);
    let far = "update recipient set next_attempt_at = 9000000000000";
    desk.behind().await.run(far).await;
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    let latest: Timestamp = "2026-11-22T14:00:00Z".parse().unwrap();
    assert_eq!(run.next_due().await.unwrap(), Some(latest));
    assert!(claim_none(&run).await);
    drop(run);
    assert_eq!(claim(&desk.run_at("2026-11-22T14:00:00Z").await, 1).await.len(), 1);
}

#[tokio::test]
async fn what_was_first_tried_too_long_ago_expires() {
    let desk = Desk::new();
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob")]).await;
    run.settle(claim_one(&run).await, deferred()).await.unwrap();
    assert_eq!(run.expire(SignedDuration::from_hours(24)).await.unwrap(), 0);
    drop(run);
    let run = desk.run_at("2026-11-23T10:00:01Z").await;
    assert_eq!(run.expire(SignedDuration::from_hours(24)).await.unwrap(), 1);
    assert_eq!(desk.rows().await, ["2 expired: not delivered within 24 h of the first try", "3 pending"]);
}

/// An occasion that was due at ten and began ten minutes later, with a mail that was tried and two that were not.
async fn begun(due: Option<&str>) -> Desk {
    let desk = Desk::new();
    let mut run = desk.run_at("2026-11-22T10:10:00Z").await;
    run.plan(due.map(|due| due.parse().unwrap()), None).await.unwrap();
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve")]).await;
    run.settle(claim_one(&run).await, deferred()).await.unwrap();
    desk
}

#[tokio::test]
async fn what_was_never_tried_expires_when_the_time_of_its_occasion_is_over() {
    let day = SignedDuration::from_hours(24);
    // The later one counts: the due time, or the beginning.
    for (due, over) in
        [("2026-11-22T10:00:00Z", "2026-11-23T10:10:00Z"), ("2026-11-22T15:00:00Z", "2026-11-23T15:00:00Z")]
    {
        let desk = begun(Some(due)).await;
        let over: Timestamp = over.parse().unwrap();
        let run = desk.run_at(&over.to_string()).await;
        assert_eq!(run.last_call(day).await.unwrap(), Some(over));
        assert_eq!(run.expire_untried(day).await.unwrap(), 0);
        drop(run);
        let run = desk.run_at(&(over + SignedDuration::from_secs(1)).to_string()).await;
        assert_eq!(run.expire_untried(day).await.unwrap(), 2);
        let reason = "expired: not sent within 24 h of its occasion's time";
        assert_eq!(
            desk.rows().await,
            ["2 deferred: 451 4.3.0 later".to_owned(), format!("3 {reason}"), format!("4 {reason}")]
        );
    }
}

#[tokio::test]
async fn what_no_schedule_wanted_waits_for_its_turn_however_long() {
    let desk = begun(None).await;
    let run = desk.run_at("2027-11-22T10:00:00Z").await;
    assert_eq!(run.last_call(SignedDuration::from_hours(1)).await.unwrap(), None);
    assert_eq!(run.expire_untried(SignedDuration::from_hours(1)).await.unwrap(), 0);
}

#[tokio::test]
async fn only_those_who_were_named_are_claimed() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve")]).await;
    let only = vec!["eve".into(), "ada@example.com".into(), "ada".into(), "nobody@example.com".into()];
    let claims = run.claim(&Selection { only }, 9).await.unwrap();
    let lines: Vec<_> = claims.iter().map(|claim| claim.recipient().line).collect();
    assert_eq!(lines, [2, 4]);
}

#[tokio::test]
async fn nobody_on_the_suppression_list_is_mailed_even_if_it_was_claimed_before() {
    let desk = Desk::new();
    let ledger = desk.ledger().await;
    let run = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap();
    ledger.suppress(&Address::parse("Eve@example.com").unwrap(), "complained").await.unwrap();
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve"), row(5, "kim")]).await;
    let ada = claim_one(&run).await;
    for name in ["ada", "bob"] {
        ledger.suppress(&Address::parse(&format!("{name}@example.com")).unwrap(), "asked").await.unwrap();
    }
    let attempt = attempt(&ada);
    assert!(matches!(run.intend(ada, attempt).await.unwrap(), Intended::Withdrawn(State::Suppressed)));
    assert_eq!(claim_one(&run).await.recipient().user_id, "kim", "a suppressed row is passed over");
    let why = "suppressed: the address is on the suppression list";
    assert_eq!(
        desk.rows().await,
        [format!("2 {why}"), format!("3 {why}"), format!("4 {why}"), "5 claimed".into()]
    );
}

#[tokio::test]
async fn claims_that_are_given_back_wait_again() {
    let desk = Desk::new();
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve")]).await;
    run.settle(claim_one(&run).await, deferred()).await.unwrap();
    drop(run);
    let run = desk.run_at("2026-11-22T11:00:00Z").await;
    let mut claims = claim(&run, 3).await;
    let lost = claims.pop().unwrap();
    run.release(claims).await.unwrap();
    assert_eq!(desk.rows().await, ["2 deferred: 451 4.3.0 later", "3 pending", "4 claimed"]);
    assert_eq!(run.release_all().await.unwrap(), 1);
    assert_eq!(desk.rows().await, ["2 deferred: 451 4.3.0 later", "3 pending", "4 pending"]);
    let attempt = attempt(&lost);
    assert!(matches!(run.intend(lost, attempt).await.unwrap(), Intended::Withdrawn(State::Pending)));
}

#[tokio::test]
async fn words_of_a_relay_are_kept_harmless() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada")]).await;
    let intent = intend(&run, claim_one(&run).await).await;
    let reason = format!("550 <ada@example.com>\u{1b}[2J\r\n{}", "x".repeat(5000));
    let settled = run.settle(intent, Outcome::Rejected { reason }).await.unwrap();
    let reason = settled.reason.unwrap();
    assert!(reason.starts_with("550 <a***@example.com>\\u{1b}[2J\\u{d}\\u{a}xxx"), "{reason}");
    assert!(reason.len() <= 1024);
}

#[tokio::test]
async fn of_two_claims_on_one_row_only_one_may_go() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada")]).await;
    let stale = claim_one(&run).await;
    // The lock is lost, another run takes the row back, and this one claims it once more.
    std::fs::remove_file(desk.folder.path().join("ledger.db.spring.once.lock")).unwrap();
    assert_eq!(desk.run().await.recovered().released, 1);
    let fresh = claim_one(&run).await;
    let (stale_try, fresh_try) = (attempt(&stale), attempt(&fresh));
    // Both are asked before the writer looks up: they share a transaction.
    let (first, second) = tokio::join!(run.intend(stale, stale_try), run.intend(fresh, fresh_try));
    assert!(matches!(first.unwrap(), Intended::Go(_)));
    assert!(matches!(second.unwrap(), Intended::Withdrawn(State::Sending)));
    assert_eq!(desk.rows().await, ["2 sending"]);
}
