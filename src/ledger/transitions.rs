//! Holds the SQL to the state machine: every statement that moves a row, on a row of every state.

use serde_json::json;

use super::{
    decisions::{put_back, unknown},
    list::{batch, enlistment},
    rules::{Event, State, next},
    run::{claims, start},
    store::{Connection, Sql, Value, values},
    tries::{intention, mail_once, release, settlement},
};

const NOW: i64 = 1_000_000;

/// A ledger with one row of the given state, held by epoch 1, its first try under way or over.
async fn one_row(state: State, deferred_before: bool) -> Connection {
    let mut connection = Connection::in_memory().await;
    for statement in [
        "insert into occasion (id, campaign, occasion, generation) values (1, 'spring', 'once', 1)",
        "insert into epoch (id, occasion_id, host, pid, started_at) values (1, 1, 'mailer', 1, 0), (2, 1, 'mailer', 2, 1)",
        "insert into suppression (address, reason, since) values ('Ada@example.com', 'asked', 0)",
    ] {
        connection.execute(Sql::shared(statement), &[]).await.unwrap();
    }
    let key = (!matches!(state, State::Invalid | State::Duplicate)).then_some("ada");
    let row = "
        insert into recipient (id, occasion_id, key, line, user_id, address, fields, seen, state, epoch, attempts,
            next_attempt_at, first_try_at, changed_at)
        values (7, 1, ?1, 2, 'ada', 'ada@example.com', '{}', 1, ?2, 1, ?3, ?4, 1, 1)";
    let tries = i64::from(matches!(state, State::Sending | State::Unknown));
    let due = (deferred_before || state == State::Deferred).then_some(1);
    connection.execute(Sql::shared(row), values![key, state.name(), tries, due]).await.unwrap();
    connection
}

/// Runs the statement that an event stands for.
async fn happen(connection: &mut Connection, state: State, event: Event, deferred_before: bool) {
    let outcome = |name: &str| {
        let attempt = if state == State::Claimed { None } else { Some(1) };
        json!([{ "id": 7, "epoch": 1, "attempt": attempt, "state": name, "due": null, "at": NOW }])
            .to_string()
    };
    let requeued = |state: State, deferred_before: bool| {
        let attempt = if state == State::Claimed { None } else { Some(1) };
        let (name, due) = if deferred_before { ("deferred", Some(NOW)) } else { ("pending", None) };
        json!([{ "id": 7, "epoch": 1, "attempt": attempt, "state": name, "due": due, "at": NOW, "requeued": true }])
            .to_string()
    };
    let decided = |name: &str| json!([{ "id": 7, "state": name, "reason": "looked it up" }]).to_string();
    let (sql, values): (Sql, Vec<Value<'_>>) = match event {
        Event::Claim => {
            connection.execute(Sql::shared("delete from suppression"), &[]).await.unwrap();
            (claims::TAKE, values![1, 2, NOW, 9].to_vec())
        }
        Event::Release => (release::RELEASE, values!["[[7, 1]]", NOW].to_vec()),
        Event::Intend => {
            (intention::INTEND, values![r#"[{ "id": 7, "epoch": 1, "attempt": 1 }]"#, NOW].to_vec())
        }
        Event::Accepted => (settlement::SETTLE, values![outcome("sent")].to_vec()),
        Event::Rejected => (settlement::SETTLE, values![outcome("rejected")].to_vec()),
        Event::Deferred => (settlement::SETTLE, values![outcome("deferred")].to_vec()),
        Event::Requeue => (settlement::SETTLE, values![requeued(state, deferred_before)].to_vec()),
        Event::Unknown => (settlement::SETTLE, values![outcome("unknown")].to_vec()),
        Event::Recover => {
            connection.execute(start::RECOVER_CLAIMED, values![1, 1, NOW]).await.unwrap();
            (start::RECOVER_SENDING, values![1, 1, "lost", NOW].to_vec())
        }
        Event::Expire => (claims::EXPIRE, values![1, NOW, "too late", NOW].to_vec()),
        Event::Withdraw => (enlistment::WITHDRAW, values![1, 2, NOW].to_vec()),
        Event::Return => (batch::CHANGE, values![r#"[{ "id": 7, "line": 3 }]"#, 2, NOW].to_vec()),
        Event::Suppress if state == State::Claimed => {
            (intention::SUPPRESS, values![r#"[{ "id": 7, "epoch": 1 }]"#, NOW].to_vec())
        }
        Event::ResolveSent => (unknown::RESOLVE, values![decided("sent"), 1, NOW].to_vec()),
        Event::ResolvePending => (unknown::RESOLVE, values![decided("pending"), 1, NOW].to_vec()),
        Event::ResolveRejected => (unknown::RESOLVE, values![decided("rejected"), 1, NOW].to_vec()),
        Event::Taken => {
            let other = "update occasion set once_in = '' where id = 1;
                insert into occasion (id, campaign, occasion, once_in) values (2, 'spring', 'earlier', '');
                insert into recipient (id, occasion_id, key, line, seen, state, changed_at)
                    values (8, 2, 'ada', 2, 1, 'sent', 1);
                insert into mailed (campaign, once_in, key_hash, recipient_id) values ('spring', '', x'ad', 8)";
            connection.script(other.to_owned()).await;
            (mail_once::TAKEN, values![r#"[{ "id": 7, "epoch": 1, "key_hash": "ad" }]"#, NOW].to_vec())
        }
        Event::Correct => (batch::CORRECT, values![r#"[{ "id": 7, "line": 3 }]"#, 2, NOW].to_vec()),
        Event::Retry => (put_back::PUT_BACK, values![r#"[{ "id": 7 }]"#, NOW].to_vec()),
        Event::Suppress => (enlistment::SUPPRESS, values![1, NOW].to_vec()),
    };
    connection.execute(sql, &values).await.unwrap();
}

#[tokio::test]
async fn the_sql_moves_a_row_as_the_state_machine_says_and_never_else() {
    for state in State::ALL {
        for event in Event::ALL {
            for deferred_before in [false, true] {
                if state == State::Claimed && matches!(event, Event::Accepted | Event::Unknown) {
                    continue; // refused before any SQL: a claim was never handed over
                }
                let mut connection = one_row(state, deferred_before).await;
                happen(&mut connection, state, event, deferred_before).await;
                let found: String = connection
                    .one(Sql::shared("select state from recipient where id = 7"), &[])
                    .await
                    .unwrap();
                let expected = next(state, event, deferred_before).unwrap_or(state);
                assert_eq!(
                    found,
                    expected.name(),
                    "{state} on {event:?}, deferred before: {deferred_before}"
                );
            }
        }
    }
}

/// Two statements say so, one for rows that a person puts back and one for those that the list corrects.
#[tokio::test]
async fn a_row_that_waits_anew_begins_again_in_the_same_way_whoever_wants_it() {
    type Anew = (Option<i64>, Option<i64>, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>, i64);

    let mut after = Vec::new();
    for event in [Event::Retry, Event::Correct] {
        let mut connection = one_row(State::Expired, false).await;
        let tried = "update recipient set deferrals = 3, held_until = 4, first_date = 5, jti_hash = x'01', revoked_at = null";
        connection.execute(Sql::shared(tried), &[]).await.unwrap();
        happen(&mut connection, State::Expired, event, false).await;
        let columns = "select next_attempt_at, held_until, deferrals, first_try_at, first_date, revoked_at, again_at, changed_at
            from recipient where state = 'pending'";
        after.push(connection.one::<Anew>(Sql::shared(columns), &[]).await.unwrap());
    }
    let anew = (None, None, 0, None, None, Some(NOW), Some(NOW), NOW);
    assert_eq!(after, [anew, anew]);
}

#[tokio::test]
async fn a_foreign_epoch_moves_nothing() {
    let foreign = json!([{ "id": 7, "epoch": 2, "attempt": 1, "state": "sent", "at": NOW }]).to_string();
    let claimed =
        json!([{ "id": 7, "epoch": 2, "attempt": null, "state": "rejected", "at": NOW }]).to_string();
    for state in State::ALL {
        for (sql, values) in [
            (settlement::SETTLE, values![&foreign].to_vec()),
            (settlement::SETTLE, values![&claimed].to_vec()),
            (intention::INTEND, values![&foreign, NOW].to_vec()),
            (intention::SUPPRESS, values![&foreign, NOW].to_vec()),
            (release::RELEASE, values!["[[7, 2]]", NOW].to_vec()),
        ] {
            let mut connection = one_row(state, false).await;
            connection.execute(sql, &values).await.unwrap();
            let found: String =
                connection.one(Sql::shared("select state from recipient"), &[]).await.unwrap();
            assert_eq!(found, state.name());
        }
    }
}

/// A run that lost its lock may come to try a row again under its own epoch: what it learns late of the earlier try
/// says nothing about this one.
#[tokio::test]
async fn another_try_of_the_same_epoch_moves_nothing() {
    for attempt in [0, 2] {
        let late =
            json!([{ "id": 7, "epoch": 1, "attempt": attempt, "state": "deferred", "at": NOW }]).to_string();
        let again = json!([{ "id": 7, "epoch": 1, "attempt": attempt }]).to_string();
        for (state, (sql, values)) in [
            (State::Sending, (settlement::SETTLE, values![&late].to_vec())),
            (State::Unknown, (settlement::SETTLE, values![&late].to_vec())),
            (State::Claimed, (intention::INTEND, values![&again, NOW].to_vec())),
        ] {
            let mut connection = one_row(state, false).await;
            connection.execute(sql, &values).await.unwrap();
            let found: String =
                connection.one(Sql::shared("select state from recipient"), &[]).await.unwrap();
            assert_eq!(found, state.name(), "{attempt}");
        }
    }
}

#[tokio::test]
async fn the_end_of_a_token_is_that_of_its_next_try_and_not_of_another_token() {
    for (jti, stays) in [("01", true), ("02", false)] {
        let mut connection = one_row(State::Claimed, false).await;
        let before =
            "update recipient set jti_hash = x'01', redeemed_at = 5, redeemed_by = x'0b', revoked_at = 6";
        connection.execute(Sql::shared(before), &[]).await.unwrap();
        let intent = json!([{ "id": 7, "epoch": 1, "attempt": 1, "jti_hash": jti }]).to_string();
        connection.execute(intention::INTEND, values![intent, NOW]).await.unwrap();
        let end = "select redeemed_at, redeemed_by, revoked_at from recipient where state = 'sending'";
        let found: (Option<i64>, Option<Vec<u8>>, Option<i64>) =
            connection.one(Sql::shared(end), &[]).await.unwrap();
        assert_eq!(found, if stays { (Some(5), Some(vec![0x0b]), Some(6)) } else { (None, None, None) });
    }
}
