//! The invariants at rest: the list, the ledger and the relay's own record tell one story.
//!
//! The ledger is asked twice, through the program (`status`) and behind its back (read-only SQL).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use linkpost::ledger::State;

use crate::support::{
    fixture::Fixture,
    postbox::Accepted,
    sql::{Sql, read_only, sql},
};

/// How every token begins: `{"typ":"emai` in base64url. Looked for in all that a run leaves behind.
const TOKEN: &str = "eyJ0eXAiOiJlbWFp";
/// The same, once more in base64: an encoded mail that somebody kept.
const ENCODED: [&str; 3] = ["ZXlKMGVYQWlPaUpsYldGc", "V5SjBlWEFpT2lKbGJXRn", "leUowZVhBaU9pSmxiV0Zw"];

/// What the faults so far allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    /// I-6: kills × connections, and answers that were lost on purpose.
    pub(crate) unknown: usize,
    /// I-7: the last run had no faults, so nothing waits. Without it rows may be deferred or pending.
    pub(crate) quiet: bool,
}

/// One row as `status --rows` shows it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) address: String,
    pub(crate) state: String,
    pub(crate) message_id: String,
    pub(crate) reason: String,
    /// Whether the current list has it.
    pub(crate) listed: bool,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    pub(crate) accepted: usize,
}

impl Found {
    /// How many rows are in a state, those that left the list included.
    pub(crate) fn count(&self, state: State) -> usize {
        self.rows.iter().filter(|row| row.state == state.name()).count()
    }

    /// The counts for the table of faults.
    pub(crate) fn line(&self) -> String {
        let states = State::ALL.into_iter().map(|state| (state.name(), self.count(state)));
        let states: Vec<_> = states
            .filter(|(_, number)| *number > 0)
            .map(|(name, number)| format!("{name} {number}"))
            .collect();
        format!("rows {} | accepted {} | {}", self.rows.len(), self.accepted, states.join(", "))
    }
}

/// Holds the campaign `spring` to I-1 … I-9. `exit` is the last run's; `None` where it was killed.
pub(crate) async fn check(
    fixture: &Fixture,
    accepted: &[Accepted],
    exit: Option<i32>,
    allowed: Allowed,
) -> Found {
    let rows = rows(fixture);
    let found = Found { accepted: accepted.len(), rows };
    let story = || found.line();

    let mut mailboxes = BTreeSet::new();
    let mut mails = BTreeMap::new();
    for mail in accepted {
        assert!(mailboxes.insert(&mail.recipient), "I-1: {} was mailed twice; {}", mail.recipient, story());
        assert!(mails.insert(&mail.message_id, mail).is_none(), "I-1: {}; {}", mail.message_id, story());
    }

    let listed = lines(&fixture.path("people.csv"));
    let booked: Vec<_> = found.rows.iter().filter(|row| row.listed).map(|row| row.line).collect();
    assert_eq!(listed, booked.iter().copied().collect(), "I-2: the list and the books; {}", story());
    assert_eq!(listed.len(), booked.len(), "I-2: a line is booked twice; {}", story());
    assert_eq!(listed.len(), books(fixture), "I-2: the sum of the books; {}", story());

    let mut ledger = Ledger::open(fixture).await;
    for row in &found.rows {
        let (line, state) = (row.line, row.state.as_str());
        match (state, mails.remove(&row.message_id)) {
            ("sent", Some(mail)) => {
                assert_eq!(mail.recipient, row.address, "I-3: the mail of line {line} went to another");
                if let Some(queue_id) = &mail.queue_id {
                    let reply = ledger.reply(&row.message_id).await;
                    assert!(reply.contains(queue_id.as_str()), "I-3: line {line}: `{reply}`, not {queue_id}");
                }
            }
            ("sent", None) => panic!("I-3: line {line} is sent, and the relay has no mail; {}", story()),
            ("unknown", Some(mail)) => {
                assert_eq!(mail.recipient, row.address, "I-4: the mail of line {line} went to another");
            }
            (_, None) => {}
            (state, Some(_)) => panic!("I-4, I-5: line {line} is {state}, and has a mail; {}", story()),
        }
        let explained = ["sent", "pending", "claimed", "sending"].contains(&state) || !row.reason.is_empty();
        assert!(explained, "line {line} is {state} without a reason");
    }
    assert!(mails.is_empty(), "I-4: mails of which the books know nothing: {mails:?}; {}", story());

    let unknown = found.count(State::Unknown);
    assert!(unknown <= allowed.unknown, "I-6: {unknown} unknown, {} allowed; {}", allowed.unknown, story());
    let waiting = |states: &[State]| states.iter().map(|state| found.count(*state)).sum::<usize>();
    if exit.is_some() {
        assert_eq!(waiting(&[State::Claimed, State::Sending]), 0, "at rest nobody is held; {}", story());
    }
    let all = [State::Pending, State::Claimed, State::Sending, State::Deferred];
    // More refused or expired mails than a person expects: 2 % of them.
    let many = waiting(&[State::Rejected, State::Expired]) * 50 > found.rows.len();
    if allowed.quiet {
        assert_eq!(waiting(&all), 0, "I-7: rows still wait; {}", story());
        let expected = if unknown > 0 || many { 3 } else { 0 };
        assert_eq!(exit, Some(expected), "I-9: the exit code; {}", story());
    }
    if let Some(exit @ (0 | 3 | 75)) = exit {
        let expected = if waiting(&all) > 0 {
            75
        } else if unknown > 0 || many {
            3
        } else {
            0
        };
        assert_eq!(exit, expected, "I-9: the exit code; {}", story());
    }
    ledger.check().await;
    no_token_at_rest(fixture.path(".").as_path());
    found
}

/// Every row, through the program.
pub(crate) fn rows(fixture: &Fixture) -> Vec<Row> {
    let mut rows = Vec::new();
    for state in State::ALL {
        let arguments = ["status", "spring.toml", "--show-addresses", "--rows", state.name()];
        let said = fixture.run(&arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
        for record in csv::Reader::from_reader(said.out.as_bytes()).into_records() {
            let record = record.unwrap();
            let cell = |at: usize| record[at].to_owned();
            rows.push(Row {
                line: cell(0).parse().unwrap(),
                address: cell(2),
                state: cell(3),
                message_id: cell(5),
                reason: cell(6),
                listed: cell(7) == "yes",
            });
        }
    }
    rows
}

/// The sum of the books, through the program.
fn books(fixture: &Fixture) -> usize {
    let said = fixture.run(&["status", "spring.toml", "--json"]);
    let books: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let sum: u64 = books["books"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(books["rows"], sum, "I-2: {books}");
    usize::try_from(sum).unwrap()
}

/// The lines on which the records of a list begin.
fn lines(list: &Path) -> BTreeSet<usize> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(list).unwrap();
    let line = |record: csv::StringRecord| usize::try_from(record.position().unwrap().line()).unwrap();
    reader.records().map(|record| line(record.unwrap())).collect()
}

/// The ledger behind the program's back.
pub(crate) struct Ledger(Sql);

impl Ledger {
    /// Opens it for reading.
    pub(crate) async fn open(fixture: &Fixture) -> Self {
        Self(read_only(fixture.path("linkpost.db")).await)
    }

    /// The relay's words about a message.
    async fn reply(&mut self, message_id: &str) -> String {
        let query = "select coalesce(reply, '') from recipient where message_id = ?1";
        self.0.value_of(query, message_id).await
    }

    /// Lets everything that is deferred be due: time passes.
    pub(crate) async fn let_time_pass(fixture: &Fixture) {
        let query = "update recipient set next_attempt_at = 1 where state = 'deferred'";
        sql(fixture.path("linkpost.db")).await.run(query).await;
    }

    /// How many rows are in each state, whoever looks: no run, no recovery.
    pub(crate) async fn states(&mut self) -> BTreeMap<String, i64> {
        let query = "select state, count(*) from recipient group by state";
        self.0.rows::<(String, i64)>(query).await.into_iter().collect()
    }

    /// What has to be nowhere, and the database's own opinion of itself.
    async fn check(&mut self) {
        let integrity: String = self.0.value("pragma integrity_check").await;
        assert_eq!(integrity, "ok");
        for (rule, query) in [
            ("I-8: two tokens for one person", "
                select count(*) from (select recipient_id from attempts
                group by recipient_id having count(distinct jti_hash) > 1)"),
            ("a Message-ID that changed", "
                select count(*) from (select recipient_id from attempts
                group by recipient_id having count(distinct message_id) > 1)"),
            ("a count of tries that is not the number of tries", "
                select count(*) from recipient r
                where r.attempts <> (select count(*) from attempts a where a.recipient_id = r.id)"),
            ("a row that is sent, and no try that was", "
                select count(*) from recipient r where (r.state = 'sent') <>
                (1 = (select count(*) from attempts a where a.recipient_id = r.id and a.outcome = 'sent'))"),
            ("a try after one whose end nobody knows", "
                select count(*) from attempts a join attempts b on a.recipient_id = b.recipient_id and a.n < b.n
                where a.outcome is null or a.outcome in ('sent', 'unknown')"),
            ("a reference to nothing", "select count(*) from pragma_foreign_key_check"),
        ] {
            assert_eq!(self.0.value::<i64>(query).await, 0, "{rule}");
        }
    }
}

/// I-8: no file that a run leaves behind holds a token.
fn no_token_at_rest(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_token_at_rest(&path);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for needle in std::iter::once(TOKEN).chain(ENCODED) {
            assert!(!text.contains(needle), "I-8: {} holds a token", path.display());
        }
    }
}
