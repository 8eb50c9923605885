//! Tests of `ledger`: keys that are mailed once whatever the occasion, and occasions that pass by.

use linkpost::{
    audience::Row,
    ledger::{Accept, Claim, Intended, LedgerError, Outcome, Run, Skipped, State},
};

use crate::ledger::desk::{
    Desk, accepted, at, attempt, cart, claim, claim_none, claim_one, deferred, enlist, mark, row, unknown,
};

/// A run of an occasion in which keys are mailed once in the campaign.
async fn run(desk: &Desk, occasion: &str) -> Run {
    let mut run = desk.ledger().await.begin(&desk.campaign, occasion, Accept::default()).await.unwrap();
    run.plan(None, Some(String::new())).await.unwrap();
    run
}

/// A try; each occasion has tokens of its own.
async fn intend(run: &Run, claim: Claim, occasion: u8) -> Intended {
    let mut attempt = attempt(&claim);
    attempt.token.jti_hash[31] ^= occasion;
    run.intend(claim, attempt).await.unwrap()
}

async fn settle(run: &Run, occasion: u8, outcome: Outcome) -> State {
    let claim = claim_one(run).await;
    match intend(run, claim, occasion).await {
        Intended::Go(intent) => run.settle(intent, outcome).await.unwrap().state,
        Intended::Withdrawn(state) => state,
    }
}

async fn states(desk: &Desk, occasion: &str) -> Vec<String> {
    let rows = desk.ledger().await.rows(&desk.campaign, occasion, None, 0, 100).await.unwrap();
    rows.into_iter().map(|row| format!("{} {}", row.state, row.reason.unwrap_or_default())).collect()
}

#[tokio::test]
async fn a_cart_that_was_mailed_or_may_have_been_stays_out_of_later_occasions() {
    for (outcome, word) in [(accepted(), "sent"), (unknown(), "unknown")] {
        let desk = Desk::new();
        let first = run(&desk, "first").await;
        enlist(&first, vec![cart(2, "ada", "c1")]).await;
        assert_eq!(settle(&first, 1, outcome).await.name(), word);
        drop(first);
        let second = run(&desk, "second").await;
        let plan = enlist(&second, vec![cart(2, "ada", "c1"), cart(3, "ada", "c2")]).await;
        assert_eq!((plan.rows, plan.new, plan.mailed_before), (2, 1, 1), "{word}");
        assert_eq!(plan.tally.total(), 2);
        assert_eq!(states(&desk, "second").await, ["duplicate mailed on the occasion `first`", "pending "]);
    }
}

/// Refuses the first cart of a new occasion, before its body left or behind it.
async fn refuse(desk: &Desk, behind_the_body: bool, words: &str) {
    let first = run(desk, "first").await;
    enlist(&first, vec![cart(2, "ada", "c1")]).await;
    let outcome = Outcome::Rejected { reason: words.into() };
    if behind_the_body {
        assert_eq!(settle(&first, 1, outcome).await, State::Rejected);
    } else {
        let claim = claim_one(&first).await;
        first.settle(claim, outcome).await.unwrap();
    }
}

#[tokio::test]
async fn a_mailbox_that_does_not_exist_is_not_tried_on_the_next_occasion_and_the_words_are_true() {
    for behind_the_body in [false, true] {
        let desk = Desk::new();
        refuse(&desk, behind_the_body, "550 5.1.1 no such user").await;
        let second = run(&desk, "second").await;
        let plan = enlist(&second, vec![cart(2, "ada", "c1")]).await;
        assert_eq!((plan.rows, plan.new, plan.mailed_before, plan.refused_before), (1, 0, 0, 1));
        let words = "duplicate refused on the occasion `first`: 550 5.1.1 no such user";
        assert_eq!(states(&desk, "second").await, [words]);
    }
}

#[tokio::test]
async fn who_was_refused_for_another_reason_has_had_no_mail_and_may_have_one_on_the_next_occasion() {
    for behind_the_body in [false, true] {
        let desk = Desk::new();
        refuse(&desk, behind_the_body, "550 relay not permitted").await;
        let second = run(&desk, "second").await;
        let plan = enlist(&second, vec![cart(2, "ada", "c1")]).await;
        assert_eq!((plan.new, plan.mailed_before, plan.refused_before), (1, 0, 0));
        assert_eq!(settle(&second, 2, accepted()).await, State::Sent);
    }
}

#[tokio::test]
async fn a_refusal_takes_no_key_from_the_occasion_that_mailed_it() {
    for outcome in [accepted(), unknown()] {
        let desk = Desk::new();
        let (first, second) = (run(&desk, "first").await, run(&desk, "second").await);
        for run in [&first, &second] {
            enlist(run, vec![cart(2, "ada", "c1")]).await;
        }
        settle(&first, 1, outcome).await;
        let claim = claim_one(&second).await;
        second.settle(claim, Outcome::Rejected { reason: "550 no".into() }).await.unwrap();
        let third = run(&desk, "third").await;
        assert_eq!(enlist(&third, vec![cart(2, "ada", "c1")]).await.mailed_before, 1);
    }
}

#[tokio::test]
async fn a_cart_whose_answer_was_lost_is_not_mailed_by_an_occasion_that_had_it_already() {
    let desk = Desk::new();
    let (first, second) = (run(&desk, "first").await, run(&desk, "second").await);
    for run in [&first, &second] {
        enlist(run, vec![cart(2, "ada", "c1")]).await;
    }
    assert_eq!(settle(&first, 1, unknown()).await, State::Unknown);
    assert_eq!(settle(&second, 2, accepted()).await, State::Withdrawn);
    assert!(claim_none(&second).await);
}

#[tokio::test]
async fn two_occasions_that_hold_the_same_cart_mail_it_once() {
    let desk = Desk::new();
    let (first, second) = (run(&desk, "first").await, run(&desk, "second").await);
    for run in [&first, &second] {
        enlist(run, vec![cart(2, "ada", "c1"), cart(3, "bob", "c2")]).await;
    }
    let mut ours = claim(&first, 2).await.into_iter();
    let mut theirs = claim(&second, 2).await.into_iter();
    // Ada: the first occasion is quicker. Bob: the second is.
    let Intended::Go(ada) = intend(&first, ours.next().unwrap(), 1).await else { panic!() };
    let Intended::Withdrawn(state) = intend(&second, theirs.next().unwrap(), 2).await else { panic!() };
    assert_eq!(state, State::Withdrawn);
    let Intended::Go(bob) = intend(&second, theirs.next().unwrap(), 2).await else { panic!() };
    let Intended::Withdrawn(_) = intend(&first, ours.next().unwrap(), 1).await else { panic!() };
    first.settle(ada, unknown()).await.unwrap();
    second.settle(bob, accepted()).await.unwrap();
    let reason = |other| format!("withdrawn mailed on the occasion `{other}`");
    assert_eq!(states(&desk, "first").await, ["unknown no answer within 600 s", &reason("second")]);
    assert_eq!(states(&desk, "second").await, [reason("first"), "sent ".to_owned()]);
}

#[tokio::test]
async fn a_cart_that_was_put_off_is_taken_over_by_the_next_occasion_and_never_goes_twice() {
    let desk = Desk::new();
    let first = run(&desk, "first").await;
    enlist(&first, vec![cart(2, "ada", "c1")]).await;
    assert_eq!(settle(&first, 1, deferred()).await, State::Deferred);
    let second = run(&desk, "second").await;
    enlist(&second, vec![cart(2, "ada", "c1")]).await;
    assert_eq!(settle(&second, 2, accepted()).await, State::Sent);
    drop(first);
    let later = "2096-01-01T00:00:00Z";
    let mut first =
        desk.ledger_at(at(later)).await.begin(&desk.campaign, "first", Accept::default()).await.unwrap();
    first.plan(None, Some(String::new())).await.unwrap();
    assert_eq!(settle(&first, 1, accepted()).await, State::Withdrawn);
    assert!(claim_none(&first).await);
}

#[tokio::test]
async fn a_promo_goes_to_the_same_people_on_every_occasion() {
    let desk = Desk::new();
    for occasion in ["first", "second"] {
        let mut run = desk.ledger().await.begin(&desk.campaign, occasion, Accept::default()).await.unwrap();
        run.plan(None, None).await.unwrap();
        enlist(&run, vec![row(2, "ada")]).await;
        assert_eq!(settle(&run, occasion.as_bytes()[0], accepted()).await, State::Sent);
    }
}

#[tokio::test]
async fn a_survey_goes_once_to_each_and_the_next_survey_again() {
    let desk = Desk::new();
    let cases = [("a", "2026-11", 1), ("b", "2026-11", 0), ("c", "2026-12", 1)];
    for (occasion, survey, new) in cases {
        let mut run = desk.ledger().await.begin(&desk.campaign, occasion, Accept::default()).await.unwrap();
        run.plan(None, Some(survey.into())).await.unwrap();
        assert_eq!(enlist(&run, vec![row(2, "ada")]).await.new, new, "{occasion}");
        if new == 1 {
            settle(&run, occasion.as_bytes()[0], accepted()).await;
        }
    }
}

#[tokio::test]
async fn who_was_mailed_is_known_after_a_purge() {
    let desk = Desk::new();
    let first = run(&desk, "first").await;
    enlist(&first, vec![cart(2, "ada", "c1")]).await;
    settle(&first, 1, accepted()).await;
    drop(first);
    desk.ledger().await.purge(&desk.campaign, false).await.unwrap();
    let second = run(&desk, "second").await;
    assert_eq!(enlist(&second, vec![cart(2, "ada", "c1")]).await.mailed_before, 1);
}

#[tokio::test]
async fn a_due_time_passes_once_and_is_never_begun_afterwards() {
    let desk = Desk::new();
    let ledger = desk.ledger().await;
    let due = "2026-11-23T08:00Z".parse().unwrap();
    let skipped = Skipped { occasion: "2026-11-23T08:00Z".into(), due, reason: "2h late".into() };
    assert_eq!(ledger.skip(&desk.campaign, vec![skipped.clone()]).await.unwrap(), ["2026-11-23T08:00Z"]);
    assert!(ledger.skip(&desk.campaign, vec![skipped]).await.unwrap().is_empty());
    let mut run = ledger.begin(&desk.campaign, "2026-11-23T08:00Z", Accept::default()).await.unwrap();
    let error = run.plan(Some(due), None).await.unwrap_err();
    assert!(matches!(&error, LedgerError::Over { .. }), "{error}");
    assert!(error.to_string().contains("is over: 2h late"), "{error}");
}

#[tokio::test]
async fn an_occasion_that_was_begun_is_not_recorded_as_passed() {
    let desk = Desk::new();
    let run = desk.run().await;
    let ledger = desk.ledger().await;
    let skipped =
        Skipped { occasion: "once".into(), due: "2026-11-23T08:00Z".parse().unwrap(), reason: "late".into() };
    assert!(ledger.skip(&desk.campaign, vec![skipped]).await.unwrap().is_empty());
    enlist(&run, vec![row(2, "ada")]).await;
}

#[tokio::test]
async fn what_is_given_up_says_so_and_takes_no_list_any_more() {
    let desk = Desk::new();
    let first = run(&desk, "first").await;
    enlist(&first, vec![Row::clone(&row(2, "ada")), row(3, "bob")]).await;
    settle(&first, 1, accepted()).await;
    assert_eq!(first.give_up("the campaign was cancelled").await.unwrap(), 1);
    assert_eq!(states(&desk, "first").await, ["sent ", "expired the campaign was cancelled"]);
    let mut again = desk.ledger().await.begin(&desk.campaign, "first", Accept::default()).await.unwrap();
    assert!(again.plan(None, Some(String::new())).await.is_err());
    let enlistment = again.enlist().await.unwrap();
    assert!(enlistment.finish(mark()).await.is_err());
}
