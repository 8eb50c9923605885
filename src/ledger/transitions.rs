//! Holds the SQL to the state machine: every statement that moves a row, on a row of every state.

use serde_json::json;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    decisions::{put_back, unknown},
    list::{batch, enlistment},
    rules::{Event, State, next},
    run::{claims, start},
    store::schema,
    tries::{intention, mail_once, release, settlement},
};

const NOW: i64 = 1_000_000;

/// A ledger with one row of the given state, held by epoch 1, its first try under way or over.
async fn one_row(state: State, deferred_before: bool) -> SqliteConnection {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
    schema::migrate(&mut connection, std::path::Path::new("test.db")).await.unwrap();
    for statement in [
        "insert into occasion (id, campaign, occasion, generation) values (1, 'spring', 'once', 1)",
        "insert into epoch (id, occasion_id, host, pid, started_at) values (1, 1, 'mailer', 1, 0), (2, 1, 'mailer', 2, 1)",
        "insert into suppression (address, reason, since) values ('Ada@example.com', 'asked', 0)",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    let key = (!matches!(state, State::Invalid | State::Duplicate)).then_some("ada");
    sqlx::query(
        "insert into recipient (id, occasion_id, key, line, user_id, address, fields, seen, state, epoch, attempts,
            next_attempt_at, first_try_at, changed_at)
        values (7, 1, ?1, 2, 'ada', 'ada@example.com', '{}', 1, ?2, 1, ?3, ?4, 1, 1)",
    )
    .bind(key)
    .bind(state.name())
    .bind(i64::from(matches!(state, State::Sending | State::Unknown)))
    .bind((deferred_before || state == State::Deferred).then_some(1))
    .execute(&mut connection)
    .await
    .unwrap();
    connection
}

/// Runs the statement that an event stands for.
async fn happen(connection: &mut SqliteConnection, state: State, event: Event, deferred_before: bool) {
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
    let query = match event {
        Event::Claim => {
            sqlx::query("delete from suppression").execute(&mut *connection).await.unwrap();
            sqlx::query(claims::TAKE).bind(1).bind(2).bind(NOW).bind(9)
        }
        Event::Release => sqlx::query(release::RELEASE).bind("[[7, 1]]").bind(NOW),
        Event::Intend => {
            sqlx::query(intention::INTEND).bind(r#"[{ "id": 7, "epoch": 1, "attempt": 1 }]"#).bind(NOW)
        }
        Event::Accepted => sqlx::query(settlement::SETTLE).bind(outcome("sent")),
        Event::Rejected => sqlx::query(settlement::SETTLE).bind(outcome("rejected")),
        Event::Deferred => sqlx::query(settlement::SETTLE).bind(outcome("deferred")),
        Event::Requeue => sqlx::query(settlement::SETTLE).bind(requeued(state, deferred_before)),
        Event::Unknown => sqlx::query(settlement::SETTLE).bind(outcome("unknown")),
        Event::Recover => {
            let claimed = sqlx::query(start::RECOVER_CLAIMED).bind(1).bind(2).bind(NOW);
            claimed.execute(&mut *connection).await.unwrap();
            sqlx::query(start::RECOVER_SENDING).bind(1).bind(1).bind("lost").bind(NOW)
        }
        Event::Expire => sqlx::query(claims::EXPIRE).bind(1).bind(NOW).bind("too late").bind(NOW),
        Event::Withdraw => sqlx::query(enlistment::WITHDRAW).bind(1).bind(2).bind(NOW),
        Event::Return => sqlx::query(batch::CHANGE).bind(r#"[{ "id": 7, "line": 3 }]"#).bind(2).bind(NOW),
        Event::Suppress if state == State::Claimed => {
            sqlx::query(intention::SUPPRESS).bind(r#"[{ "id": 7, "epoch": 1 }]"#).bind(NOW)
        }
        Event::ResolveSent => sqlx::query(unknown::RESOLVE).bind(decided("sent")).bind(1).bind(NOW),
        Event::ResolvePending => sqlx::query(unknown::RESOLVE).bind(decided("pending")).bind(1).bind(NOW),
        Event::ResolveRejected => sqlx::query(unknown::RESOLVE).bind(decided("rejected")).bind(1).bind(NOW),
        Event::Taken => {
            let other = "update occasion set once_in = '' where id = 1;
                insert into occasion (id, campaign, occasion, once_in) values (2, 'spring', 'earlier', '');
                insert into recipient (id, occasion_id, key, line, seen, state, changed_at)
                    values (8, 2, 'ada', 2, 1, 'sent', 1);
                insert into mailed (campaign, once_in, key_hash, recipient_id) values ('spring', '', x'ad', 8)";
            sqlx::raw_sql(other).execute(&mut *connection).await.unwrap();
            sqlx::query(mail_once::TAKEN).bind(r#"[{ "id": 7, "epoch": 1, "key_hash": "ad" }]"#).bind(NOW)
        }
        Event::Correct => sqlx::query(batch::CORRECT).bind(r#"[{ "id": 7, "line": 3 }]"#).bind(2).bind(NOW),
        Event::Retry => sqlx::query(put_back::PUT_BACK).bind(r#"[{ "id": 7 }]"#).bind(NOW),
        Event::Suppress => sqlx::query(enlistment::SUPPRESS).bind(1).bind(NOW),
    };
    query.execute(connection).await.unwrap();
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
                let found: String = sqlx::query_scalar("select state from recipient where id = 7")
                    .fetch_one(&mut connection)
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

#[tokio::test]
async fn a_foreign_epoch_moves_nothing() {
    let foreign = json!([{ "id": 7, "epoch": 2, "attempt": 1, "state": "sent", "at": NOW }]).to_string();
    let claimed =
        json!([{ "id": 7, "epoch": 2, "attempt": null, "state": "rejected", "at": NOW }]).to_string();
    for state in State::ALL {
        for query in [
            sqlx::query(settlement::SETTLE).bind(&foreign),
            sqlx::query(settlement::SETTLE).bind(&claimed),
            sqlx::query(intention::INTEND).bind(&foreign).bind(NOW),
            sqlx::query(intention::SUPPRESS).bind(&foreign).bind(NOW),
            sqlx::query(release::RELEASE).bind("[[7, 2]]").bind(NOW),
        ] {
            let mut connection = one_row(state, false).await;
            query.execute(&mut connection).await.unwrap();
            let found: String =
                sqlx::query_scalar("select state from recipient").fetch_one(&mut connection).await.unwrap();
            assert_eq!(found, state.name());
        }
    }
}

/// A run that lost its lock may come to try a row again under its own epoch: what it learns late of the earlier try says
/// nothing about this one.
#[tokio::test]
async fn another_try_of_the_same_epoch_moves_nothing() {
    for attempt in [0, 2] {
        let late =
            json!([{ "id": 7, "epoch": 1, "attempt": attempt, "state": "deferred", "at": NOW }]).to_string();
        let again = json!([{ "id": 7, "epoch": 1, "attempt": attempt }]).to_string();
        for (state, query) in [
            (State::Sending, sqlx::query(settlement::SETTLE).bind(&late)),
            (State::Unknown, sqlx::query(settlement::SETTLE).bind(&late)),
            (State::Claimed, sqlx::query(intention::INTEND).bind(&again).bind(NOW)),
        ] {
            let mut connection = one_row(state, false).await;
            query.execute(&mut connection).await.unwrap();
            let found: String =
                sqlx::query_scalar("select state from recipient").fetch_one(&mut connection).await.unwrap();
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
        sqlx::query(before).execute(&mut connection).await.unwrap();
        let intent = json!([{ "id": 7, "epoch": 1, "attempt": 1, "jti_hash": jti }]).to_string();
        sqlx::query(intention::INTEND).bind(intent).bind(NOW).execute(&mut connection).await.unwrap();
        let end = "select redeemed_at, redeemed_by, revoked_at from recipient where state = 'sending'";
        let found: (Option<i64>, Option<Vec<u8>>, Option<i64>) =
            sqlx::query_as(end).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, if stays { (Some(5), Some(vec![0x0b]), Some(6)) } else { (None, None, None) });
    }
}
