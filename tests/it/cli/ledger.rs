//! `ledger verify`: each rule that the books keep, and the one that somebody broke.

use linkpost::sandbox::Script;

use crate::support::{fixture::Fixture, mails::relay, sql::unchecked};

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
