//! The rules that rest on how `SQLite` keeps programs apart, each as a test with its name: one write lock, the lock of
//! an occasion, a ledger that is a file. A database on which two transactions write side by side has to keep them by
//! other means.
//!
//! | Rule | What it rests on |
//! |---|---|
//! | [`a_suppression_is_seen_by_the_intent_or_comes_after_it`] | the write lock |
//! | [`two_occasions_never_both_take_a_key`] | the write lock |
//! | [`a_token_is_open_or_spent_and_never_between`] | the write lock |
//! | [`two_claims_never_take_one_row`] | the write lock |
//! | [`of_two_intents_for_a_row_one_goes`] | the write lock |
//! | [`a_due_time_that_passes_is_recorded_by_one`] | the write lock, and the lock of the occasion |
//! | [`every_other_epoch_of_an_occasion_is_dead_when_a_run_begins`] | the lock of the occasion |
//! | [`a_ledger_that_is_being_made_is_whole_for_whoever_finds_it`] | a file that is there, and the lock on its schema |
//!
//! Where it is the write lock, one program is in the midst of a transaction that has looked, and another wants to write
//! what would make the look untrue: it has to wait, and then it sees what the first has done.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Map;

use super::{
    calendar::{Skipped, occasions},
    handle::{Ledger, Options},
    links::{Redeemed, Redemption, TokenStatus, redeem},
    rules::{Claim, LedgerError, State, StorageCause, TokenRecord, Try},
    run::{Accept, Selection, claims},
    store::{Connection, Location, Sql},
    suppression::{Whom, Wish, put},
    tries::{Intention, intention},
};
use crate::{
    audience::{Address, Cells, Recipient, RecipientKey},
    campaign::CampaignId,
    clock::Clock,
};

const NOW: i64 = 1_000_000;

/// Two programs with a ledger of two occasions that mail a key once: one row each for the same key, and a third that
/// waits. Nobody waits for the lock: who does not get it has an error.
struct Two {
    first: Connection,
    second: Connection,
    folder: tempfile::TempDir,
}

impl Two {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = place(&folder);
        at.create().unwrap();
        let open = async || at.connect(Clock::System, Duration::ZERO).await.unwrap().0;
        let (mut first, second) = (open().await, open().await);
        let rows = "
            insert into occasion (id, campaign, occasion, generation, once_in)
                values (1, 'spring', 'one', 1, ''), (2, 'spring', 'two', 1, '');
            insert into epoch (id, occasion_id, host, pid, started_at) values (1, 1, 'a', 1, 0), (2, 2, 'b', 2, 0);
            insert into recipient (id, occasion_id, key, line, user_id, address, fields, seen, state, epoch, changed_at)
                values (7, 1, 'ada', 2, 'ada', 'ada@example.com', '{}', 1, 'claimed', 1, 0),
                    (8, 2, 'ada', 2, 'ada', 'ada@example.com', '{}', 1, 'claimed', 2, 0),
                    (9, 1, 'bob', 3, 'bob', 'bob@example.com', '{}', 1, 'pending', null, 0);
            insert into sign_in_token (id, user_id, jti_hash, kid, issued_at, expires_at, created_at, updated_at)
                values ('sit_1', 'ada', zeroblob(32), 'k', 0, 2000, 0, 0)";
        first.script(rows.to_owned()).await;
        Self { first, second, folder }
    }

    /// The second cannot begin while the first is at it; then the first is done.
    async fn second_waits(&mut self) {
        let Err(LedgerError::Storage { cause, .. }) = self.second.begin().await else {
            panic!("two transactions write at once");
        };
        assert_eq!(cause, StorageCause::Locked);
        self.first.end(Ok(())).await.unwrap();
    }
}

fn place(folder: &tempfile::TempDir) -> Location {
    folder.path().join("ledger.db").into()
}

/// The intent for Ada's row of an occasion.
fn intention(id: i64, epoch: i64) -> Intention {
    let recipient = Recipient {
        line: 2,
        key: RecipientKey("ada".to_owned()),
        user_id: "ada".to_owned(),
        address: Address::parse("ada@example.com").unwrap(),
        name: None,
        fields: Map::new(),
        cells: Cells::default(),
    };
    let token = TokenRecord {
        jti_hash: [u8::try_from(id).unwrap(); 32],
        kid: "k".to_owned(),
        issued_at: 0,
        expires_at: 1,
        generation: 1,
    };
    let attempt = Try {
        token,
        message_id: format!("<{id}@example.com>"),
        message_sha256: [0; 32],
        date: Timestamp::UNIX_EPOCH,
        unsubscribe_id: format!("u{id}"),
    };
    let claim = Claim {
        id,
        recipient,
        attempts: 0,
        deferrals: 0,
        token: None,
        first_date: None,
        untried: true,
        again: None,
    };
    Intention::new(&claim, attempt, epoch, true)
}

async fn suppress(connection: &mut Connection) {
    connection
        .transaction(async |connection| {
            let whom = Whom::Address(Address::parse("ada@example.com").unwrap());
            put(connection, &whom, &Wish { reason: "asked".to_owned(), since: NOW, mail: None }).await
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_suppression_is_seen_by_the_intent_or_comes_after_it() {
    let mut two = Two::new().await;
    two.first.begin().await.unwrap();
    let staying = intention::intend(&mut two.first, &[&intention(7, 1)], NOW).await.unwrap();
    assert!(staying.is_empty(), "{staying:?}");
    two.second_waits().await;
    suppress(&mut two.second).await;

    let mut two = Two::new().await;
    suppress(&mut two.second).await;
    two.first.begin().await.unwrap();
    let staying = intention::intend(&mut two.first, &[&intention(7, 1)], NOW).await.unwrap();
    assert_eq!(staying.into_iter().collect::<Vec<_>>(), [(7, State::Suppressed)]);
}

#[tokio::test]
async fn two_occasions_never_both_take_a_key() {
    let mut two = Two::new().await;
    two.first.begin().await.unwrap();
    assert!(intention::intend(&mut two.first, &[&intention(7, 1)], NOW).await.unwrap().is_empty());
    two.second_waits().await;
    two.second.begin().await.unwrap();
    let staying = intention::intend(&mut two.second, &[&intention(8, 2)], NOW).await.unwrap();
    assert_eq!(staying.into_iter().collect::<Vec<_>>(), [(8, State::Withdrawn)]);
}

#[tokio::test]
async fn a_token_is_open_or_spent_and_never_between() {
    let redemption =
        |by| Redemption { jti_hash: [0; 32], user_id: "ada".to_owned(), by: [by; 32], given: None };
    let mut two = Two::new().await;
    two.first.begin().await.unwrap();
    assert_eq!(redeem::redeem(&mut two.first, &redemption(1), NOW).await.unwrap(), Redeemed::Now);
    two.second_waits().await;
    two.second.begin().await.unwrap();
    let late = redeem::redeem(&mut two.second, &redemption(2), NOW).await.unwrap();
    assert_eq!(late, Redeemed::Refused(TokenStatus::Used));
}

#[tokio::test]
async fn two_claims_never_take_one_row() {
    let all = Selection::default();
    let mut two = Two::new().await;
    two.first.begin().await.unwrap();
    assert_eq!(claims::claim(&mut two.first, 1, 1, &all, 9, NOW).await.unwrap().len(), 1);
    two.second_waits().await;
    two.second.begin().await.unwrap();
    assert_eq!(claims::claim(&mut two.second, 1, 1, &all, 9, NOW).await.unwrap().len(), 0);
}

/// Within a program, [`Group`](super::writer) looks for two of them; between programs the lock does.
#[tokio::test]
async fn of_two_intents_for_a_row_one_goes() {
    let mut two = Two::new().await;
    two.first.begin().await.unwrap();
    assert!(intention::intend(&mut two.first, &[&intention(7, 1)], NOW).await.unwrap().is_empty());
    two.second_waits().await;
    two.second.begin().await.unwrap();
    let staying = intention::intend(&mut two.second, &[&intention(7, 1)], NOW).await.unwrap();
    assert_eq!(staying.into_iter().collect::<Vec<_>>(), [(7, State::Sending)]);
    two.second.end(Ok(())).await.unwrap();
    let tries = "select count(*) from attempts where recipient_id = 7";
    assert_eq!(two.first.one::<i64>(Sql::shared(tries), &[]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_due_time_that_passes_is_recorded_by_one() {
    let campaign = CampaignId::parse("spring").unwrap();
    let due = Timestamp::UNIX_EPOCH;
    let skipped = [Skipped { occasion: "three".to_owned(), due, reason: "late".to_owned() }];
    let mut two = Two::new().await;
    two.first.begin().await.unwrap();
    assert_eq!(occasions::skip(&mut two.first, &campaign, &skipped, NOW).await.unwrap(), ["three"]);
    two.second_waits().await;
    two.second.begin().await.unwrap();
    assert!(occasions::skip(&mut two.second, &campaign, &skipped, NOW).await.unwrap().is_empty());
}

/// While the lock of the occasion is held no other run looks, so any other epoch is dead.
#[tokio::test]
async fn every_other_epoch_of_an_occasion_is_dead_when_a_run_begins() {
    let Two { first, second, folder } = Two::new().await;
    drop((first, second));
    let at = place(&folder);
    let open = async || Ledger::open_existing(&at, Clock::System, &Options::default()).await.unwrap();
    let (one, other, campaign) = (open().await, open().await, CampaignId::parse("spring").unwrap());
    let run = one.begin(&campaign, "one", Accept::default()).await.unwrap();
    assert_eq!(run.recovered().released, 1, "what epoch 1 held");
    let claimed = run.claim(&Selection::default(), 9).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert!(matches!(other.begin(&campaign, "one", Accept::default()).await, Err(LedgerError::Busy { .. })));
    run.release(claimed).await.unwrap();
    drop(run);
    assert_eq!(other.begin(&campaign, "one", Accept::default()).await.unwrap().recovered().released, 0);
}

/// One program has made the file and no table yet, and the others come: as one that makes it, and as those that only
/// use what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_being_made_is_whole_for_whoever_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = place(&folder);
    let options = Options::default();
    assert!(Ledger::find(&at, Clock::System, &options).await.unwrap().is_none());
    assert!(!at.is_there(), "a look makes none");
    at.create().unwrap();
    let open = |finds: bool| {
        let (at, options) = (at.clone(), options.clone());
        tokio::spawn(async move {
            if finds {
                Ledger::find(&at, Clock::System, &options).await.map(Option::unwrap)
            } else {
                Ledger::open(&at, Clock::System, &options).await
            }
        })
    };
    for opened in [false, true, true, false].map(open) {
        let ledger = opened.await.unwrap().unwrap();
        assert!(ledger.verify().await.unwrap().iter().all(|check| check.broken.is_empty()));
    }
}
