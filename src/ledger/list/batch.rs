//! A batch of a list: two look-ups, a decision per row in memory, three set-based statements.
//!
//! `json_each` is the outer table of each join, and every inner look-up uses an index: the other way round `SQLite`
//! reads the JSON once per row of the ledger. The plans are pinned in the tests.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::plan::{Duplicate, Plan};
use crate::{
    audience::{Recipient, Row, RowProblem},
    campaign::ZONE_COLUMN,
    ledger::{
        rules::{Known, LedgerError, Rival, SameBy, State, Verdict, decide, printable},
        store::{Connection, Digest, Sql, differs, json, values},
        tries::mail_once::{self, Elsewhere},
    },
};

/// Rows per statement.
const BATCH: usize = 500;

/// The list being taken in.
#[derive(Debug)]
pub(in crate::ledger) struct List {
    pub(in crate::ledger) occasion: i64,
    pub(in crate::ledger) generation: i64,
    pub(in crate::ledger) now: i64,
}

pub(in crate::ledger) const BY_KEY: Sql = differs!("list_by_key");

/// The holders of a mailbox: only those that this list has shown or that were mailed. A line only where this list has
/// it. Left to itself `SQLite` takes `key is not null` for a range and reads the whole list for each mailbox.
pub(in crate::ledger) const BY_MAILBOX: Sql = differs!("list_by_mailbox");

const ADD: Sql = differs!("list_add");

/// A row that waits takes what the list says now. One that is back starts anew.
pub(in crate::ledger) const CHANGE: Sql = differs!("list_change");

/// A row that came to its end without a mail takes the address that the list has now, and waits as one that was put
/// back.
pub(in crate::ledger) const CORRECT: Sql = differs!("list_correct");

pub(in crate::ledger) const SEE: Sql = differs!("list_see");

/// A row of the ledger under a key of the list.
struct Found {
    id: i64,
    seen_on: Option<u64>,
    state: State,
    /// `None` once this list has shown the key.
    row_hash: Option<Digest>,
    /// Canonical.
    mailbox: String,
    /// Whether its person is known to have a mail, whatever the state: of another occasion, or since the link was used.
    mailed: bool,
}

/// Somebody who holds a mailbox.
struct Holder {
    user_id: String,
    line: Option<u64>,
}

/// A row as it is written.
#[derive(Serialize)]
struct Written {
    id: Option<i64>,
    key: Option<String>,
    line: u64,
    user_id: Option<String>,
    address: Option<String>,
    name: Option<String>,
    fields: Option<String>,
    zone: Option<String>,
    row_hash: Option<Digest>,
    state: State,
    reason: Option<String>,
}

/// The changes that a batch comes to.
#[derive(Default)]
struct Writes {
    add: Vec<Written>,
    change: Vec<Written>,
    correct: Vec<Written>,
    see: Vec<(i64, u64)>,
}

/// Adds rows to the list, inside the enlistment's transaction.
pub(in crate::ledger) async fn add(
    connection: &mut Connection,
    list: &List,
    rows: Vec<Row>,
    plan: &mut Plan,
) -> Result<Vec<Duplicate>, LedgerError> {
    let mut duplicates = Vec::new();
    let mut rows = rows.into_iter();
    loop {
        let batch: Vec<Row> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(duplicates);
        }
        add_batch(connection, list, batch, plan, &mut duplicates).await?;
    }
}

async fn add_batch(
    connection: &mut Connection,
    list: &List,
    batch: Vec<Row>,
    plan: &mut Plan,
    duplicates: &mut Vec<Duplicate>,
) -> Result<(), LedgerError> {
    let mut keys = Vec::new();
    let mut mailboxes = Vec::new();
    for row in &batch {
        if let Row::Good(recipient) = row {
            keys.push(recipient.key.0.as_str());
            mailboxes.push(recipient.address.canonical());
        }
    }
    keys.sort_unstable();
    keys.dedup();
    mailboxes.sort_unstable();
    mailboxes.dedup();
    let mut found = by_key(connection, list, &json(&keys)).await?;
    let mut holders = by_mailbox(connection, list, &json(&mailboxes)).await?;
    let elsewhere = mail_once::elsewhere(connection, list.occasion, &keys).await?;

    let mut writes = Writes::default();
    for row in batch {
        plan.rows += 1;
        match row {
            Row::Bad(problem) => {
                plan.invalid += 1;
                writes.add.push(invalid(&problem));
            }
            Row::Good(recipient) => {
                let other = elsewhere.get(&recipient.key.0).filter(|other| other.is_about(&recipient));
                match (other, found.get_mut(&recipient.key.0)) {
                    (Some(other), None) => {
                        match other {
                            Elsewhere::Mailed(_) => plan.mailed_before += 1,
                            Elsewhere::NoMailbox { .. } => plan.refused_before += 1,
                        }
                        writes.add.push(stays_out(good(recipient), other));
                        continue;
                    }
                    // Where this occasion has the row already, the intent decides.
                    (Some(Elsewhere::Mailed(_)), Some(known)) => known.mailed = true,
                    (Some(Elsewhere::NoMailbox { .. }) | None, _) => {}
                }
                decide_row(recipient, &mut found, &mut holders, &mut writes, plan, duplicates);
            }
        }
    }
    let List { occasion, generation, now } = *list;
    if !writes.add.is_empty() {
        connection.execute(ADD, values![occasion, json(&writes.add), generation, now]).await?;
    }
    for (statement, rows) in [(CHANGE, &writes.change), (CORRECT, &writes.correct)] {
        if !rows.is_empty() {
            connection.execute(statement, values![json(rows), generation, now]).await?;
        }
    }
    if !writes.see.is_empty() {
        connection.execute(SEE, values![json(&writes.see), generation]).await?;
    }
    Ok(())
}

/// Decides about one good row and notes what it comes to, for the statements and for the rows after it.
fn decide_row(
    recipient: Recipient,
    found: &mut HashMap<String, Found>,
    holders: &mut HashMap<String, Vec<Holder>>,
    writes: &mut Writes,
    plan: &mut Plan,
    duplicates: &mut Vec<Duplicate>,
) {
    let line = recipient.line;
    let key = recipient.key.0.clone();
    let user_id = recipient.user_id.clone();
    let mailbox = recipient.address.canonical();
    let written = good(recipient);
    let before = found.get(&key);
    let known = before.map(|before| Known {
        seen_on: before.seen_on,
        state: before.state,
        same: written.row_hash == before.row_hash,
        corrected: before.mailbox != mailbox && !before.mailed,
    });
    // A user may have two carts: only another user's row makes a mailbox taken.
    let rival = holders
        .get(&mailbox)
        .and_then(|all| all.iter().find(|holder| holder.user_id != user_id))
        .map(|holder| Rival { line: holder.line });
    let id = before.map(|before| before.id);
    let held_at = before.map(|before| before.mailbox.clone());
    let verdict = decide(known.as_ref(), rival);
    // The mailbox that the row holds from now on: its own, unless it stays as it was.
    let holds = match verdict {
        Verdict::New => {
            plan.new += 1;
            writes.add.push(written);
            mailbox
        }
        Verdict::Changed | Verdict::Returned => {
            if verdict == Verdict::Changed {
                plan.changed += 1;
            } else {
                plan.returned += 1;
            }
            writes.change.push(Written { id, ..written });
            mailbox
        }
        Verdict::Corrected => {
            plan.corrected += 1;
            writes.correct.push(Written { id, ..written });
            mailbox
        }
        Verdict::Unchanged | Verdict::ChangedAfterSent | Verdict::ChangedAfterEnd => {
            match verdict {
                Verdict::ChangedAfterSent => plan.changed_after_sent += 1,
                Verdict::ChangedAfterEnd => plan.changed_after_end += 1,
                Verdict::New
                | Verdict::Changed
                | Verdict::Returned
                | Verdict::Corrected
                | Verdict::Unchanged
                | Verdict::Duplicate(..) => plan.unchanged += 1,
            }
            writes.see.extend(id.map(|id| (id, line)));
            held_at.unwrap_or(mailbox)
        }
        Verdict::Duplicate(by, first_line) => {
            plan.duplicates += 1;
            duplicates.push(Duplicate { line, first_line, by });
            writes.add.push(duplicate(written, by, first_line));
            return;
        }
    };
    note(found, holders, key, id, line, holds, user_id);
}

/// Notes what the rows after this one in the batch have to know.
fn note(
    found: &mut HashMap<String, Found>,
    holders: &mut HashMap<String, Vec<Holder>>,
    key: String,
    id: Option<i64>,
    line: u64,
    mailbox: String,
    user_id: String,
) {
    let all = holders.entry(mailbox.clone()).or_default();
    match all.iter_mut().find(|holder| holder.user_id == user_id) {
        Some(holder) => holder.line = holder.line.or(Some(line)),
        None => all.push(Holder { user_id, line: Some(line) }),
    }
    // Its state and hash are never asked again: a key that this list has shown is a duplicate.
    let shown = Found {
        id: id.unwrap_or_default(),
        seen_on: Some(line),
        state: State::Pending,
        row_hash: None,
        mailbox,
        mailed: false,
    };
    found.insert(key, shown);
}

async fn by_key(
    connection: &mut Connection,
    list: &List,
    keys: &str,
) -> Result<HashMap<String, Found>, LedgerError> {
    type FoundRow = (i64, String, i64, i64, State, Digest, String, bool);
    let rows: Vec<FoundRow> = connection.all(BY_KEY, values![list.occasion, keys]).await?;
    let found = rows.into_iter().map(|(id, key, line, seen, state, row_hash, address, mailed)| {
        let seen_on = (seen == list.generation).then(|| u64::try_from(line).unwrap_or_default());
        let mailbox = address.to_ascii_lowercase();
        (key, Found { id, seen_on, state, row_hash: Some(row_hash), mailbox, mailed })
    });
    Ok(found.collect())
}

async fn by_mailbox(
    connection: &mut Connection,
    list: &List,
    mailboxes: &str,
) -> Result<HashMap<String, Vec<Holder>>, LedgerError> {
    let rows: Vec<(String, String, Option<i64>)> =
        connection.all(BY_MAILBOX, values![list.occasion, mailboxes, list.generation]).await?;
    let mut holders: HashMap<String, Vec<Holder>> = HashMap::new();
    for (address, user_id, line) in rows {
        let line = line.and_then(|line| u64::try_from(line).ok());
        holders.entry(address.to_ascii_lowercase()).or_default().push(Holder { user_id, line });
    }
    Ok(holders)
}

fn good(recipient: Recipient) -> Written {
    let row_hash = Some(row_hash(&recipient));
    Written {
        id: None,
        key: Some(recipient.key.0),
        line: recipient.line,
        user_id: Some(recipient.user_id),
        address: Some(recipient.address.to_string()),
        name: recipient.name,
        fields: Some(json(&recipient.fields)),
        zone: recipient.fields.get(ZONE_COLUMN).and_then(Value::as_str).map(str::to_owned),
        row_hash,
        state: State::Pending,
        reason: None,
    }
}

/// A row that shows in the books and is never mailed; what would fill a template is not kept.
fn duplicate(written: Written, by: SameBy, first_line: Option<u64>) -> Written {
    let what = match by {
        SameBy::Key => "the same recipient",
        SameBy::Mailbox => "the same mailbox",
    };
    let reason = match first_line {
        Some(line) => format!("{what} as line {line}"),
        None => format!("{what} as a row that was mailed from an earlier list"),
    };
    let state = State::Duplicate;
    Written { key: None, name: None, fields: None, zone: None, state, reason: Some(reason), ..written }
}

/// A row that stays out for what another occasion has made of its key.
fn stays_out(written: Written, other: &Elsewhere) -> Written {
    let reason = Some(match other {
        Elsewhere::Mailed(occasion) => format!("mailed on the occasion `{occasion}`"),
        Elsewhere::NoMailbox { occasion, words, .. } => {
            printable(format!("refused on the occasion `{occasion}`: {words}"))
        }
    });
    Written { key: None, name: None, fields: None, zone: None, state: State::Duplicate, reason, ..written }
}

fn invalid(problem: &RowProblem) -> Written {
    let reason = match &problem.column {
        Some(column) => printable(format!("{column}: {}", problem.what.message)),
        None => printable(&problem.what.message),
    };
    Written {
        id: None,
        key: None,
        line: problem.line,
        user_id: None,
        address: None,
        name: None,
        fields: None,
        zone: None,
        row_hash: None,
        state: State::Invalid,
        reason: Some(reason),
    }
}

/// SHA-256 of what a mail is made from. Neither the line nor the order of the columns changes it.
fn row_hash(recipient: &Recipient) -> Digest {
    let fields: BTreeMap<_, _> = recipient.fields.iter().collect();
    Digest::of(&json(&(&recipient.user_id, recipient.address.to_string(), &recipient.name, fields)))
}
