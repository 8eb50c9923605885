//! Requests that share a commit: what every mail needs, so that the price of a durable write is paid once for many.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::sync::oneshot;

use super::run_core::RunCore;
use crate::{
    failpoint,
    ledger::{
        rules::{LedgerError, State},
        store::Connection,
        tries::{Intention, Note, Noted, Settlement, clerk_notes, intention, release, settlement},
    },
};

/// The way back of an answer.
pub(in crate::ledger) type Answer<T> = oneshot::Sender<Result<T, LedgerError>>;

/// A request that is written together with others. It is data and not work, so that one statement serves them all.
pub(in crate::ledger) enum Grouped {
    Settle {
        run: Arc<RunCore>,
        settlement: Settlement,
        answer: Answer<()>,
    },
    /// Answers with nothing, or with the state that forbids it.
    Intend {
        run: Arc<RunCore>,
        intention: Intention,
        answer: Answer<Option<State>>,
    },
    Release {
        run: Arc<RunCore>,
        ids: Vec<i64>,
        answer: Answer<()>,
    },
    /// About a token that a service mints.
    Note {
        run: Arc<RunCore>,
        note: Note,
        answer: Answer<Noted>,
    },
}

/// Requests that are written together.
#[derive(Default)]
pub(in crate::ledger) struct Group {
    settles: Vec<(Arc<RunCore>, Settlement, Answer<()>)>,
    intends: Vec<(Intention, Answer<Option<State>>)>,
    releases: Vec<(i64, Vec<i64>, Answer<()>)>,
    notes: Vec<(Note, Answer<Noted>)>,
}

/// The result of writing a group.
pub(in crate::ledger) struct Written {
    settled: HashSet<i64>,
    staying: HashMap<i64, State>,
    noted: Vec<Noted>,
}

impl Group {
    /// Takes a request in, or answers it where its run may start nothing any more.
    pub(in crate::ledger) fn take(&mut self, request: Grouped) {
        match request {
            Grouped::Settle { run, settlement, answer } => match run.check_going() {
                Ok(()) => self.settles.push((run, settlement, answer)),
                Err(error) => drop(answer.send(Err(run.keep(&settlement, &error)))),
            },
            Grouped::Intend { run, intention, answer } => match run.check_going() {
                // A run that lost its lock can come to hold a row twice; of two intents for it one may go. Those of another
                // program wait for the one write lock: `races::of_two_intents_for_a_row_one_goes`.
                Ok(()) if self.intends.iter().any(|(other, _)| other.id() == intention.id()) => {
                    drop(answer.send(Ok(Some(State::Sending))));
                }
                Ok(()) => self.intends.push((intention, answer)),
                Err(error) => drop(answer.send(Err(error))),
            },
            Grouped::Release { run, ids, answer } => self.releases.push((run.epoch, ids, answer)),
            // Only a question starts something; what became of one is written whatever happened meanwhile.
            Grouped::Note { run, note: note @ Note::Ask { .. }, answer } => match run.check_going() {
                Ok(()) => self.notes.push((note, answer)),
                Err(error) => drop(answer.send(Err(error))),
            },
            Grouped::Note { note, answer, .. } => self.notes.push((note, answer)),
        }
    }

    pub(in crate::ledger) fn is_empty(&self) -> bool {
        self.settles.is_empty()
            && self.intends.is_empty()
            && self.releases.is_empty()
            && self.notes.is_empty()
    }

    /// Writes it inside the caller's transaction.
    pub(in crate::ledger) async fn write(
        &self,
        connection: &mut Connection,
        now: i64,
    ) -> Result<Written, LedgerError> {
        let settlements: Vec<_> = self.settles.iter().map(|(_, settlement, _)| settlement).collect();
        let intentions: Vec<_> = self.intends.iter().map(|(intention, _)| intention).collect();
        let held: Vec<_> =
            self.releases.iter().flat_map(|(epoch, ids, _)| ids.iter().map(|id| (*id, *epoch))).collect();
        let settled = settlement::settle(connection, &settlements).await?;
        release::release(connection, &held, now).await?;
        let staying = intention::intend(connection, &intentions, now).await?;
        let mut noted = Vec::with_capacity(self.notes.len());
        for (note, _) in &self.notes {
            noted.push(clerk_notes::note(connection, note, now).await?);
        }
        self.pass("settling", "intending");
        Ok(Written { settled, staying, noted })
    }

    /// The failpoints of what is in the group.
    fn pass(&self, settles: &str, intends: &str) {
        if !self.settles.is_empty() {
            failpoint::reach(settles);
        }
        if !self.intends.is_empty() {
            failpoint::reach(intends);
        }
    }

    /// Answers every caller with the result of its request, once it is on disk.
    pub(in crate::ledger) fn answer(self, written: Written) {
        let Written { settled, staying, noted } = written;
        self.pass("settled", "intended");
        for (_, settlement, answer) in self.settles {
            let result = if settled.contains(&settlement.id) { Ok(()) } else { Err(lost(settlement.id)) };
            let _ = answer.send(result);
        }
        for (intention, answer) in self.intends {
            let _ = answer.send(Ok(staying.get(&intention.id()).copied()));
        }
        for (_, _, answer) in self.releases {
            let _ = answer.send(Ok(()));
        }
        for ((_, answer), noted) in self.notes.into_iter().zip(noted) {
            let _ = answer.send(Ok(noted));
        }
    }

    /// Answers every caller that nothing was written; outcomes are kept in the journals of their runs.
    pub(in crate::ledger) fn fail(self, error: &LedgerError) {
        for (run, settlement, answer) in self.settles {
            let _ = answer.send(Err(run.keep(&settlement, error)));
        }
        for (_, answer) in self.intends {
            let _ = answer.send(Err(error.clone()));
        }
        for (_, _, answer) in self.releases {
            let _ = answer.send(Err(error.clone()));
        }
        for (_, answer) in self.notes {
            let _ = answer.send(Err(error.clone()));
        }
    }
}

/// The outcome of a row that the run does not hold: nothing is overwritten, and the run must not go on as if it were.
fn lost(id: i64) -> LedgerError {
    LedgerError::refused(
        format!("row {id} of the ledger is not held by this run any more, its outcome was not entered"),
        "see that only one copy of the ledger is in use, and look at its `unknown` rows",
    )
}
