//! Putting rows back that came to their end without a mail: refused, expired, suppressed. Each is written down beside
//! the row, for good. Who has a mail, or may have one, is not put back: that is what [`Resolution`](super::Resolution)
//! is for.

use std::collections::HashMap;

use super::unknown::{self, Source, Written};
use crate::{
    audience::Address,
    ledger::{
        rules::{Event, LedgerError, State, kept, next, printable},
        run::Run,
        store::{Connection, Row, Sql, differs, json, values},
        tries::mail_once::{self, Elsewhere},
        writer::RunCore,
    },
};

/// Rows per statement.
const BATCH: usize = 500;

/// A row that shall wait for its turn again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// The row: [`RowView::id`](crate::ledger::RowView::id).
    pub id: i64,
    /// The source of the decision.
    pub source: Source,
    /// The reason, for the audit trail.
    pub reason: String,
}

/// The answer to putting a row back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// It waits for its turn; its next try has a new link.
    Waits,
    /// It stays as it is.
    Stays(Stays),
}

/// The reason why a row is not put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// Its state knows no way back: it has a mail or may have one, it waits already, or it is no person's row.
    State(State),
    /// The current list does not have it.
    LeftTheList,
    /// Somebody signed in with its link, so its mail arrived.
    LinkUsed,
    /// Its address is on the suppression list.
    Suppressed,
    /// Another user's mail goes to the same mailbox, or has gone there.
    MailboxTaken,
    /// Its key has had its mail on this other occasion.
    MailedOn(String),
}

/// All that decides about a row.
pub(in crate::ledger) const FACTS: Sql = differs!("put_back_facts");

/// The reason stays until there is another.
pub(in crate::ledger) const PUT_BACK: Sql = differs!("put_back");

/// As if no list had been taken in with these bytes.
const READ_AGAIN: Sql =
    Sql::shared("update occasion set list_digest = ?2 where id = ?1 and list_digest is not null");

/// The facts of a row that decide.
struct Facts {
    id: i64,
    state: State,
    /// The reason to stay, as far as the row itself shows.
    stays: Option<Stays>,
    /// Of a key that is mailed once, whatever the occasion.
    once: bool,
    key: String,
    user_id: String,
    address: Option<Address>,
}

impl Run {
    /// The answers that [`put_back`](Self::put_back) would give now. Changes nothing; rows of another occasion are
    /// left out.
    pub async fn look_back(&self, rows: &[i64]) -> Result<Vec<(i64, Back)>, LedgerError> {
        let mut connection = self.ledger.readers.get().await?;
        Ok(decide_all(&mut connection, self.core.occasion, rows)
            .await?
            .into_iter()
            .map(|(facts, back)| (facts.id, back))
            .collect())
    }

    /// Lets rows that came to their end without a mail wait for their turn again, each with a new link, and writes down
    /// who decided and why. Returns what became of each; rows of another occasion are left out.
    pub async fn put_back(&self, rows: Vec<PutBack>) -> Result<Vec<(i64, Back)>, LedgerError> {
        self.start(|connection, run, now| {
            Box::pin(async move { put_back(connection, run, &rows, now).await })
        })
        .await
    }

    /// Lets the next run read the list again even if nothing about it has changed: each row with a problem is looked
    /// at anew, and mailed if the problem is gone.
    pub async fn read_again(&self) -> Result<(), LedgerError> {
        self.start(|connection, run, _| {
            Box::pin(async move {
                connection.execute(READ_AGAIN, values![run.occasion, &[0; 32]]).await?;
                Ok(())
            })
        })
        .await
    }
}

async fn put_back(
    connection: &mut Connection,
    run: &RunCore,
    rows: &[PutBack],
    now: i64,
) -> Result<Vec<(i64, Back)>, LedgerError> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let decided = decide_all(connection, run.occasion, &ids).await?;
    let asked: HashMap<_, _> = rows.iter().map(|row| (row.id, row)).collect();
    let written: Vec<_> = decided
        .iter()
        .filter(|(_, back)| *back == Back::Waits)
        .filter_map(|(facts, _)| Some((facts, *asked.get(&facts.id)?)))
        .map(|(facts, row)| Written {
            id: facts.id,
            state: State::Pending,
            was: facts.state,
            source: row.source.name(),
            reason: match &facts.address {
                Some(address) => kept(&row.reason, address),
                None => printable(&row.reason),
            },
        })
        .collect();
    for written in written.chunks(BATCH) {
        let values = json(written);
        let moved: Vec<i64> = connection.all(PUT_BACK, values![&values, now]).await?;
        if moved.len() != written.len() {
            return Err(LedgerError::broken(format!(
                "{} of {} rows would have been put back, so none was",
                moved.len(),
                written.len()
            )));
        }
        unknown::audit(connection, run.epoch, &values, now).await?;
    }
    Ok(decided.into_iter().map(|(facts, back)| (facts.id, back)).collect())
}

/// Decides about rows of one occasion, in the order of their numbers.
async fn decide_all(
    connection: &mut Connection,
    occasion: i64,
    rows: &[i64],
) -> Result<Vec<(Facts, Back)>, LedgerError> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows.dedup();
    let mut decided: Vec<(Facts, Back)> = Vec::with_capacity(rows.len());
    // Whose mails go to a mailbox once these rows wait again.
    let mut goes_to: HashMap<String, String> = HashMap::new();
    for batch in rows.chunks(BATCH) {
        let all = connection.rows(FACTS, values![occasion, json(batch)]).await?;
        let mut facts = all.iter().map(Facts::read).collect::<Result<Vec<_>, _>>()?;
        facts.sort_unstable_by_key(|facts| facts.id);
        let keys: Vec<_> = facts.iter().filter(|facts| facts.once).map(|facts| facts.key.as_str()).collect();
        let elsewhere = mail_once::elsewhere(connection, occasion, &keys).await?;
        for one in facts {
            let other = elsewhere.get(&one.key);
            let mailbox = one.address.as_ref().map(Address::canonical).unwrap_or_default();
            let rival = goes_to.get(&mailbox).is_some_and(|user| *user != one.user_id);
            let back = decide(&one, rival, other);
            if back == Back::Waits {
                goes_to.entry(mailbox).or_insert_with(|| one.user_id.clone());
            }
            decided.push((one, back));
        }
    }
    Ok(decided)
}

/// Decides about one row. `rival`: another user's row that is put back as well has its mailbox.
fn decide(facts: &Facts, rival: bool, elsewhere: Option<&Elsewhere>) -> Back {
    let stays = match (&facts.stays, rival, elsewhere) {
        (Some(stays), _, _) => stays.clone(),
        (None, true, _) => Stays::MailboxTaken,
        (None, false, Some(Elsewhere::Mailed(occasion))) => Stays::MailedOn(occasion.clone()),
        (None, false, Some(Elsewhere::NoMailbox { .. }) | None) => return Back::Waits,
    };
    Back::Stays(stays)
}

impl Facts {
    fn read(row: &Row) -> Result<Self, LedgerError> {
        let state = row.get("state")?;
        let stays = [
            (next(state, Event::Retry, false).is_none(), Stays::State(state)),
            (!row.get::<bool>("listed")?, Stays::LeftTheList),
            (row.get("used")?, Stays::LinkUsed),
            (row.get("suppressed")?, Stays::Suppressed),
            (row.get("taken")?, Stays::MailboxTaken),
        ];
        Ok(Self {
            id: row.get("id")?,
            state,
            stays: stays.into_iter().find(|(holds, _)| *holds).map(|(_, stays)| stays),
            once: row.get("once")?,
            key: row.text("key")?,
            user_id: row.text("user_id")?,
            address: row.get("address")?,
        })
    }
}
