//! The plans by which `SQLite` runs the set-based statements: the JSON outside, an index inside. Pinned, because the
//! other way round every statement still gives the right answer and a long list takes hours.

use super::{
    books::{purge, tally},
    calendar::occasions,
    decisions::put_back,
    list::batch,
    run::claims,
    store::{Connection, Sql},
    tries::{intention, release, settlement},
};

/// The steps that read a table, in order.
async fn plan(connection: &mut Connection, sql: Sql) -> Vec<String> {
    let steps = connection.steps_of(sql).await;
    let is_read = |step: &String| {
        step.starts_with("SCAN j") || step.starts_with("SCAN recipient") || step.starts_with("SEARCH")
    };
    steps.into_iter().filter(is_read).collect()
}

#[tokio::test]
async fn the_json_is_the_outer_table_and_an_index_finds_the_rows() {
    let mut connection = Connection::in_memory().await;
    let json = "SCAN j VIRTUAL TABLE INDEX 1:";
    let by_id = "SEARCH recipient USING INTEGER PRIMARY KEY (rowid=?)";
    let suppressed = "SEARCH s USING COVERING INDEX sqlite_autoindex_suppression_1 (address=?)";
    let by_key = "SEARCH r USING INDEX sqlite_autoindex_recipient_1 (occasion_id=? AND key=?)";
    let by_mailbox = "SEARCH r USING INDEX recipient_mailbox (occasion_id=? AND address=?)";
    let by_try = "SEARCH attempts USING COVERING INDEX sqlite_autoindex_attempts_1 (recipient_id=? AND n=?)";
    let user = "SEARCH u USING PRIMARY KEY (user_id=?)";
    let asked = [suppressed, user, suppressed, user, suppressed, suppressed, user];
    let named_mailbox = "SEARCH a USING INDEX recipient_mailbox (occasion_id=? AND address=?)";
    let named_user = "SEARCH u USING INDEX recipient_user (occasion_id=? AND user_id=?)";
    let pending = "SEARCH recipient USING COVERING INDEX recipient_turn (occasion_id=? AND state=?)";
    let deferred = "SEARCH recipient USING INDEX recipient_turn (occasion_id=? AND state=?)";
    let due = "SEARCH d EXISTS USING COVERING INDEX recipient_due (occasion_id=? AND next_attempt_at<?)";
    let one = "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)";
    let cases: [(Sql, &[&str]); 20] = [
        (batch::BY_KEY, &[json, by_key]),
        (batch::BY_MAILBOX, &[json, by_mailbox]),
        (batch::CHANGE, &[json, by_id]),
        (batch::CORRECT, &[json, by_id]),
        (batch::SEE, &[json, by_id]),
        (settlement::SETTLE, &[json, by_id]),
        (settlement::SETTLE_ATTEMPTS, &[json, by_try]),
        (intention::SUPPRESS, &[json, by_id, suppressed, user, suppressed]),
        (intention::INTEND, &[json, by_id]),
        (intention::ADD_ATTEMPTS, &[json]),
        (intention::STATES, &[json, one]),
        (claims::TAKE, &[&[by_id, pending, deferred, due][..], &asked].concat()),
        (claims::TAKE_NAMED, &[&[by_id, json, named_mailbox, json, named_user, one][..], &asked].concat()),
        (release::RELEASE, &[json, by_id]),
        (claims::NEXT_DUE, &["SEARCH recipient USING COVERING INDEX recipient_due (occasion_id=?)"]),
        (tally::COUNTS, &["SEARCH recipient USING COVERING INDEX recipient_turn (occasion_id=?)"]),
        (
            occasions::UNDECIDED,
            &[
                "SEARCH o USING INDEX sqlite_autoindex_occasion_1 (campaign=?)",
                "SEARCH r USING COVERING INDEX recipient_turn (occasion_id=? AND state=?)",
            ],
        ),
        (purge::EMPTY, &[json, by_id]),
        (put_back::PUT_BACK, &[json, by_id]),
        (
            put_back::FACTS,
            &[
                json,
                one,
                "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH t USING INDEX clerk_token_recipient (recipient_id=?)",
                suppressed,
                user,
                "SEARCH m USING INDEX recipient_mailbox (occasion_id=? AND address=?)",
            ],
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(plan(&mut connection, sql).await, expected, "{sql:?}");
    }
}
