//! Tests of `ledger`: rows that came to their end without a mail and wait again.

use jiff::SignedDuration;
use linkpost::{
    audience::{Address, Row},
    ledger::{Accept, Back, Intended, Outcome, PutBack, Run, Source, State, Stays},
};

use crate::ledger::desk::{
    Desk, accepted, attempt, claim_none, claim_one, deferred, enlist, intend, recipient, rejected, row, sent,
    unknown,
};

const OUR_FAULT: &str = "550 5.7.1 <user@example.com>: relaying denied";

fn refused() -> Outcome {
    Outcome::Rejected { reason: OUR_FAULT.into() }
}

fn address(user: &str) -> Address {
    Address::parse(&format!("{user}@example.com")).unwrap()
}

async fn ids(run: &Run, state: State) -> Vec<i64> {
    run.rows(state, 0, 100).await.unwrap().iter().map(|row| row.id).collect()
}

fn back(ids: &[i64]) -> Vec<PutBack> {
    ids.iter()
        .map(|id| PutBack { id: *id, source: Source::Hand, reason: "the relay was not set up".into() })
        .collect()
}

/// Puts a row of the state back.
async fn put_back(run: &Run, state: State) -> Vec<Back> {
    let ids = ids(run, state).await;
    let looked = run.look_back(&ids).await.unwrap();
    let done = run.put_back(back(&ids)).await.unwrap();
    assert_eq!(looked, done, "the look and the deed agree");
    done.into_iter().map(|(_, back)| back).collect()
}

async fn audit(desk: &Desk) -> Vec<(String, String, String, String)> {
    let all = "select source, coalesce(was, ''), state, reason from resolution order by id";
    desk.behind().await.rows(all).await
}

async fn verified(desk: &Desk) {
    let checks = desk.ledger().await.verify().await.unwrap();
    for check in checks {
        assert!(check.broken.is_empty(), "{}: {:?}", check.rule, check.broken);
    }
}

#[tokio::test]
async fn a_refused_row_is_put_back_and_its_next_try_has_another_link() {
    let desk = Desk::new();
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    enlist(&run, vec![row(2, "ada"), row(3, "robin")]).await;
    let ada = claim_one(&run).await;
    let before = intend(&run, ada).await;
    run.settle(before, refused()).await.unwrap();
    sent(&run).await;
    drop(run);

    let run = desk.run_at("2026-12-22T10:00:00Z").await;
    assert_eq!(put_back(&run, State::Rejected).await, [Back::Waits]);
    assert_eq!(
        desk.rows().await[0],
        format!("2 pending: {OUR_FAULT}"),
        "the reason is kept until there is another"
    );
    // Its time counts anew, though its first try is a month old.
    assert_eq!(run.expire(SignedDuration::from_hours(24)).await.unwrap(), 0);
    let claim = claim_one(&run).await;
    let token = claim.token().unwrap();
    assert_eq!(
        token.expires_at, token.issued_at,
        "an earlier link has no life left, so none of its kind is built"
    );
    assert_eq!((token.generation, claim.attempts()), (1, 1));
    assert!(claim.is_untried() && claim.again().is_some() && claim.first_date().is_none());
    let mut next = attempt(&claim);
    next.token.generation = 2;
    next.token.jti_hash[0] ^= 1;
    let Intended::Go(intent) = run.intend(claim, next).await.unwrap() else { panic!() };
    assert_eq!(run.settle(intent, accepted()).await.unwrap().state, State::Sent);
    assert!(claim_none(&run).await);
    let told = ("hand".into(), "rejected".into(), "pending".into(), "the relay was not set up".into());
    assert_eq!(audit(&desk).await, [told]);
    verified(&desk).await;
}

#[tokio::test]
async fn who_has_a_mail_or_may_have_one_or_waits_is_never_put_back() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(
        &run,
        vec![row(2, "ada"), row(3, "bob"), row(4, "cem"), row(5, "dan"), row(6, "eve"), row(7, "ada")],
    )
    .await;
    sent(&run).await;
    let bob = claim_one(&run).await;
    let intent = intend(&run, bob).await;
    run.settle(intent, unknown()).await.unwrap();
    let cem = claim_one(&run).await;
    let _sending = intend(&run, cem).await;
    let dan = claim_one(&run).await;
    run.settle(dan, deferred()).await.unwrap();
    let before = desk.rows().await;
    for state in
        [State::Sent, State::Unknown, State::Sending, State::Deferred, State::Pending, State::Duplicate]
    {
        assert_eq!(put_back(&run, state).await, [Back::Stays(Stays::State(state))], "{state}");
    }
    assert_eq!(desk.rows().await, before);
    assert!(audit(&desk).await.is_empty());
}

#[tokio::test]
async fn a_row_goes_back_only_while_its_person_is_on_the_list_and_wants_mails() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob")]).await;
    let claim = claim_one(&run).await;
    run.settle(claim, refused()).await.unwrap();
    desk.ledger().await.suppress(&address("ada"), "asked").await.unwrap();
    assert_eq!(put_back(&run, State::Rejected).await, [Back::Stays(Stays::Suppressed)]);
    desk.ledger().await.suppress(&address("bob"), "asked").await.unwrap();
    assert!(claim_none(&run).await);
    assert_eq!(put_back(&run, State::Suppressed).await, [Back::Stays(Stays::Suppressed)]);

    desk.behind().await.run("delete from suppression").await;
    assert_eq!(
        put_back(&run, State::Suppressed).await,
        [Back::Waits],
        "the address is not on the list any more"
    );
    enlist(&run, vec![row(2, "bob")]).await;
    assert_eq!(put_back(&run, State::Rejected).await, [Back::Stays(Stays::LeftTheList)]);
    let was: Vec<_> = audit(&desk).await.into_iter().map(|(_, was, ..)| was).collect();
    assert_eq!(was, ["suppressed"]);
}

#[tokio::test]
async fn whoever_used_the_link_of_a_mail_that_was_given_up_has_it() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada")]).await;
    let claim = claim_one(&run).await;
    let intent = intend(&run, claim).await;
    run.settle(intent, unknown()).await.unwrap();
    // Signed in before a person decided that the mail never arrived.
    let used = "update recipient set redeemed_at = 1, state = 'rejected', reason = 'given up'";
    desk.behind().await.run(used).await;
    assert_eq!(put_back(&run, State::Rejected).await, [Back::Stays(Stays::LinkUsed)]);
}

#[tokio::test]
async fn two_users_of_one_mailbox_are_never_both_put_back() {
    let desk = Desk::new();
    let run = desk.run().await;
    let team = |line, user| Row::Good(recipient(line, user, "team@example.com"));
    enlist(&run, vec![team(2, "ada")]).await;
    let claim = claim_one(&run).await;
    run.settle(claim, rejected()).await.unwrap();
    // Bob stands before Ada now, so the mailbox is his.
    enlist(&run, vec![team(2, "bob"), team(3, "ada")]).await;
    assert_eq!(put_back(&run, State::Rejected).await, [Back::Stays(Stays::MailboxTaken)]);
    let claim = claim_one(&run).await;
    run.settle(claim, rejected()).await.unwrap();
    assert_eq!(
        put_back(&run, State::Rejected).await,
        [Back::Waits, Back::Stays(Stays::MailboxTaken)],
        "of two that were refused the first has it"
    );
    let claim = claim_one(&run).await;
    let intent = intend(&run, claim).await;
    run.settle(intent, unknown()).await.unwrap();
    assert_eq!(put_back(&run, State::Rejected).await, [Back::Stays(Stays::MailboxTaken)]);
    verified(&desk).await;
}

#[tokio::test]
async fn a_key_that_another_occasion_mailed_meanwhile_is_not_mailed_again() {
    for refused_first in [true, false] {
        let desk = Desk::new();
        let mut first = desk.ledger().await.begin(&desk.campaign, "first", Accept::default()).await.unwrap();
        let mut second =
            desk.ledger().await.begin(&desk.campaign, "second", Accept::default()).await.unwrap();
        for run in [&mut first, &mut second] {
            run.plan(None, Some(String::new())).await.unwrap();
            enlist(run, vec![row(2, "ada")]).await;
        }
        let (ours, theirs) = (claim_one(&first).await, claim_one(&second).await);
        if refused_first {
            first.settle(ours, refused()).await.unwrap();
            let intent = intend(&second, theirs).await;
            second.settle(intent, unknown()).await.unwrap();
        } else {
            let intent = intend(&second, theirs).await;
            second.settle(intent, unknown()).await.unwrap();
            first.settle(ours, refused()).await.unwrap();
        }
        let stays = Back::Stays(Stays::MailedOn("second".into()));
        assert_eq!(put_back(&first, State::Rejected).await, [stays]);
        assert!(claim_none(&first).await);
    }
}

#[tokio::test]
async fn what_is_put_back_has_its_time_anew_on_a_scheduled_occasion_too() {
    let desk = Desk::new();
    let due = "2026-11-22T09:00:00Z".parse().unwrap();
    let day = SignedDuration::from_hours(24);
    let mut run = desk.run_at("2026-11-22T10:00:00Z").await;
    run.plan(Some(due), None).await.unwrap();
    enlist(&run, vec![row(2, "ada"), row(3, "bob")]).await;
    let claim = claim_one(&run).await;
    run.settle(claim, refused()).await.unwrap();
    drop(run);
    let run = desk.run_at("2026-11-24T10:00:00Z").await;
    assert_eq!(put_back(&run, State::Rejected).await, [Back::Waits]);
    assert_eq!(
        (run.expire(day).await.unwrap(), run.expire_untried(day).await.unwrap()),
        (0, 1),
        "Bob alone is too late"
    );
    drop(run);
    let run = desk.run_at("2026-11-25T10:00:01Z").await;
    assert_eq!(run.expire_untried(day).await.unwrap(), 1, "a day after that so is Ada");
    assert_eq!(put_back(&run, State::Expired).await, [Back::Waits, Back::Waits]);
}

#[tokio::test]
async fn rows_of_another_occasion_are_left_alone() {
    let desk = Desk::new();
    let first = desk.ledger().await.begin(&desk.campaign, "first", Accept::default()).await.unwrap();
    enlist(&first, vec![row(2, "ada")]).await;
    let claim = claim_one(&first).await;
    first.settle(claim, refused()).await.unwrap();
    let refused = ids(&first, State::Rejected).await;
    let second = desk.ledger().await.begin(&desk.campaign, "second", Accept::default()).await.unwrap();
    assert!(second.put_back(back(&refused)).await.unwrap().is_empty());
    assert_eq!(ids(&first, State::Rejected).await, refused);
}

fn moved(line: u64, user: &str, mailbox: &str) -> Row {
    Row::Good(recipient(line, user, &format!("{mailbox}@example.com")))
}

#[tokio::test]
async fn an_address_that_was_corrected_after_a_refusal_is_tried_with_a_new_link_and_another_name_is_not() {
    let desk = Desk::new();
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    enlist(&run, vec![row(2, "ada"), row(3, "robin")]).await;
    for _ in 0..2 {
        let claim = claim_one(&run).await;
        let intent = intend(&run, claim).await;
        run.settle(intent, rejected()).await.unwrap();
    }
    drop(run);
    let run = desk.run_at("2026-12-22T10:00:00Z").await;
    let mut named = recipient(3, "robin", "ROBIN@example.com");
    named.name = Some("Robin".into());
    let plan = enlist(&run, vec![moved(2, "ada", "ada.l"), Row::Good(named)]).await;
    assert_eq!((plan.rows, plan.corrected, plan.changed_after_end), (2, 1, 1));
    assert_eq!(desk.rows().await, ["2 pending", "3 rejected: 550 5.1.1 no such user"]);
    assert_eq!(run.expire(SignedDuration::from_hours(24)).await.unwrap(), 0);
    let claim = claim_one(&run).await;
    assert_eq!(claim.recipient().address.to_string(), "ada.l@example.com");
    let token = claim.token().unwrap();
    assert_eq!((token.generation, token.expires_at), (1, token.issued_at));
    run.release(vec![claim]).await.unwrap();
    // The same list once more changes nothing.
    let plan = enlist(&run, vec![moved(2, "ada", "ada.l")]).await;
    assert_eq!((plan.corrected, plan.unchanged), (0, 1));
    verified(&desk).await;
}

#[tokio::test]
async fn a_corrected_address_is_not_tried_where_it_is_somebody_elses_or_its_person_has_a_mail_or_wants_none()
{
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "cem"), row(5, "dan")]).await;
    sent(&run).await;
    for _ in 0..2 {
        let claim = claim_one(&run).await;
        run.settle(claim, refused()).await.unwrap();
    }
    let used = "update recipient set redeemed_at = 1 where user_id = 'cem'";
    desk.behind().await.run(used).await;
    desk.ledger().await.suppress(&address("dan"), "asked").await.unwrap();
    assert!(claim_none(&run).await);
    // Ada has her mail at the mailbox that Bob has now.
    let list =
        vec![row(2, "ada"), moved(3, "bob", "ada"), moved(4, "cem", "cem.new"), moved(5, "dan", "dan.new")];
    let plan = enlist(&run, list).await;
    assert_eq!((plan.corrected, plan.duplicates, plan.changed_after_end), (0, 1, 2));
    assert!(claim_none(&run).await);
}

#[tokio::test]
async fn a_corrected_address_of_a_key_that_is_mailed_once_goes_on_one_occasion_only() {
    for mailed_elsewhere in [true, false] {
        let desk = Desk::new();
        let mut first = desk.ledger().await.begin(&desk.campaign, "first", Accept::default()).await.unwrap();
        let mut second =
            desk.ledger().await.begin(&desk.campaign, "second", Accept::default()).await.unwrap();
        for run in [&mut first, &mut second] {
            run.plan(None, Some(String::new())).await.unwrap();
        }
        enlist(&first, vec![row(2, "ada")]).await;
        let claim = claim_one(&first).await;
        first.settle(claim, rejected()).await.unwrap();
        // There is no such mailbox: the next occasion leaves it out, and tries another one.
        assert_eq!(enlist(&second, vec![row(2, "ada")]).await.refused_before, 1);
        assert_eq!(enlist(&second, vec![moved(2, "ada", "ada.l")]).await.new, 1);
        if mailed_elsewhere {
            sent(&second).await;
        }
        let plan = enlist(&first, vec![moved(2, "ada", "ada.new")]).await;
        let corrected = u64::from(!mailed_elsewhere);
        assert_eq!((plan.corrected, plan.changed_after_end), (corrected, 1 - corrected));
        assert_eq!(claim_none(&first).await, mailed_elsewhere);
    }
}

#[tokio::test]
async fn what_a_person_sends_again_of_the_unknown_has_its_time_anew() {
    use linkpost::ledger::{Decision, Resolution};
    let desk = Desk::new();
    let run = desk.run_at("2026-11-22T10:00:00Z").await;
    enlist(&run, vec![row(2, "ada")]).await;
    let claim = claim_one(&run).await;
    let intent = intend(&run, claim).await;
    run.settle(intent, unknown()).await.unwrap();
    drop(run);
    let run = desk.run_at("2026-12-22T10:00:00Z").await;
    let id = run.unknown(0, 1).await.unwrap()[0].id;
    let (decision, source, reason) = (Decision::Pending, Source::Hand, "the relay lost its disk".to_owned());
    run.resolve(vec![Resolution { id, decision, source, reason }]).await.unwrap();
    assert_eq!(run.expire(SignedDuration::from_hours(24)).await.unwrap(), 0);
    let claim = claim_one(&run).await;
    assert_eq!(
        claim.token().unwrap().expires_at,
        1_763_900_000,
        "the link stays the one that may have arrived"
    );
    assert_eq!(audit(&desk).await[0].1, "unknown");
}
