//! Tests of `ledger`: what a list does to the books.

use linkpost::{
    audience::Row,
    ledger::{SameBy, State},
};

use crate::ledger::desk::{Desk, bad, cart, claim, enlist, mark, recipient, row, sent};

#[tokio::test]
async fn every_row_of_a_list_has_one_state_and_the_sum_is_the_row_count() {
    let desk = Desk::new();
    let run = desk.run().await;
    assert_eq!(run.mark().await.unwrap(), None);
    let mut enlistment = run.enlist().await.unwrap();
    let first = enlistment.add(vec![row(2, "ada"), bad(3), row(4, "bob")]).await.unwrap();
    let twin = Row::Good(recipient(6, "eve", "BOB@EXAMPLE.com"));
    let second = enlistment.add(vec![row(5, "ada"), twin, row(7, "eve"), row(8, "eve")]).await.unwrap();
    let plan = enlistment.finish(mark()).await.unwrap();
    assert_eq!(first, []);
    let found: Vec<_> = second.iter().map(|twin| (twin.line, twin.first_line, twin.by)).collect();
    assert_eq!(found, [(5, Some(2), SameBy::Key), (6, Some(4), SameBy::Mailbox), (8, Some(7), SameBy::Key)]);
    assert_eq!((plan.rows, plan.new, plan.duplicates, plan.invalid, plan.withdrawn), (7, 3, 3, 1, 0));
    assert_eq!(plan.tally, run.tally().await.unwrap());
    assert_eq!(plan.tally.total(), 7);
    assert_eq!(
        desk.rows().await,
        [
            "2 pending",
            "3 invalid: E-mail: expected an address, found `ada`",
            "4 pending",
            "5 duplicate: the same recipient as line 2",
            "6 duplicate: the same mailbox as line 4",
            "7 pending",
            "8 duplicate: the same recipient as line 7",
        ]
    );
    let mark = run.mark().await.unwrap().unwrap();
    assert_eq!((mark.rows, mark.tried, mark.list_digest, mark.content_digest), (7, false, [1; 32], [2; 32]));
}

#[tokio::test]
async fn the_same_list_in_another_order_changes_nothing() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), bad(4)]).await;
    sent(&run).await;
    let plan = enlist(&run, vec![bad(2), row(3, "bob"), row(4, "ada")]).await;
    assert_eq!((plan.rows, plan.unchanged, plan.invalid, plan.new), (3, 2, 1, 0));
    let rows = desk.rows().await;
    assert_eq!(rows, ["2 invalid: E-mail: expected an address, found `ada`", "3 pending", "4 sent"]);
    assert!(run.mark().await.unwrap().unwrap().tried);
}

#[tokio::test]
async fn an_edited_list_changes_what_waits_and_never_what_was_mailed() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve"), row(5, "kim")]).await;
    sent(&run).await;
    // ada was mailed and moves; bob moves; eve leaves; joe is new; a stranger asks for the mailbox that ada was mailed at
    let edited = vec![
        Row::Good(recipient(2, "ada", "ada@example.org")),
        Row::Good(recipient(3, "bob", "bob@example.org")),
        row(4, "joe"),
        Row::Good(recipient(5, "zoe", "ada@example.com")),
        row(6, "kim"),
    ];
    let plan = enlist(&run, edited).await;
    assert_eq!((plan.changed_after_sent, plan.changed, plan.new, plan.unchanged), (1, 1, 1, 1));
    assert_eq!((plan.duplicates, plan.withdrawn, plan.rows), (1, 1, 5));
    assert_eq!(
        desk.rows().await,
        [
            "2 sent",
            "3 pending",
            "4 withdrawn (gone): not in the list any more",
            "4 pending",
            "5 duplicate: the same mailbox as line 2",
            "6 pending",
        ]
    );
    let books = desk.ledger().await.books(&desk.campaign).await.unwrap();
    assert_eq!(books.len(), 1);
    assert_eq!((books[0].tally.total(), books[0].gone.0.get(State::Withdrawn)), (5, 1));
    assert_eq!(books[0].list.as_ref().unwrap().rows, 5);
    let addresses: Vec<_> =
        claim(&run, 9).await.iter().map(|claim| claim.recipient().address.to_string()).collect();
    assert_eq!(addresses, ["bob@example.org", "joe@example.com", "kim@example.com"]);
}

#[tokio::test]
async fn a_mailbox_that_was_mailed_from_an_earlier_list_gets_no_second_mail() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada")]).await;
    sent(&run).await;
    let mut enlistment = run.enlist().await.unwrap();
    let twins = enlistment.add(vec![Row::Good(recipient(2, "zoe", "Ada@example.com"))]).await.unwrap();
    assert_eq!((twins[0].first_line, twins[0].by), (None, SameBy::Mailbox));
    let plan = enlistment.finish(mark()).await.unwrap();
    assert_eq!((plan.duplicates, plan.tally.total()), (1, 1));
    assert!(claim(&run, 9).await.is_empty());
}

#[tokio::test]
async fn a_row_that_is_back_waits_again_and_one_user_may_have_two_carts() {
    let desk = Desk::new();
    let run = desk.run().await;
    let plan = enlist(&run, vec![cart(2, "ada", "c1"), cart(3, "ada", "c2"), cart(4, "ada", "c1")]).await;
    assert_eq!((plan.new, plan.duplicates), (2, 1));
    let plan = enlist(&run, vec![cart(2, "ada", "c2")]).await;
    assert_eq!((plan.unchanged, plan.withdrawn), (1, 1));
    let plan = enlist(&run, vec![cart(2, "ada", "c2"), cart(3, "ada", "c1")]).await;
    assert_eq!((plan.unchanged, plan.returned, plan.withdrawn, plan.tally.get(State::Pending)), (1, 1, 0, 2));
}

#[tokio::test]
async fn an_abandoned_or_dropped_list_changes_nothing() {
    let desk = Desk::new();
    let run = desk.run().await;
    enlist(&run, vec![row(2, "ada"), bad(3)]).await;
    let before = desk.rows().await;
    let mut enlistment = run.enlist().await.unwrap();
    enlistment.add(vec![row(2, "bob"), row(3, "bob")]).await.unwrap();
    let plan = enlistment.abandon().await.unwrap();
    assert_eq!((plan.new, plan.duplicates, plan.withdrawn, plan.tally.total()), (1, 1, 1, 2));
    assert_eq!(desk.rows().await, before);
    let mut enlistment = run.enlist().await.unwrap();
    enlistment.add(vec![row(2, "bob")]).await.unwrap();
    drop(enlistment);
    run.release(Vec::new()).await.unwrap();
    assert_eq!(desk.rows().await, before);
}
