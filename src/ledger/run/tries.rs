//! A run's steps with a claim: the try before a body leaves, the outcome after it.

use std::sync::Arc;

use super::handle::Run;
use crate::{
    audience::RecipientKey,
    ledger::{
        rules::{Claim, Held, Intended, Intent, LedgerError, Outcome, State, Try},
        tries::{Intention, Settlement},
        writer::Grouped,
    },
};

/// A settled row, for the reporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The line in the list.
    pub line: u64,
    /// The recipient's key. Personal where the list has no user ids.
    pub key: RecipientKey,
    /// The state now.
    pub state: State,
    /// The reason, for every state but `sent`: printable, at most 1 KiB, the recipient's address masked.
    pub reason: Option<String>,
}

impl Run {
    /// Records a try. When this returns [`Intended::Go`] it is on disk, and the body may leave; in no other case.
    pub async fn intend(&self, claim: Claim, attempt: Try) -> Result<Intended, LedgerError> {
        let intention = Intention::new(&claim, attempt, self.core.epoch, self.once);
        let run = Arc::clone(&self.core);
        let staying =
            self.ledger.requests.grouped(|answer| Grouped::Intend { run, intention, answer }).await?;
        Ok(staying.map_or(Intended::Go(Intent { claim }), Intended::Withdrawn))
    }

    /// Records what became of a recipient. When this returns it is on disk.
    ///
    /// On [`LedgerError::Storage`] the outcome is in the journal where that was possible, and the run starts nothing
    /// new. A claim, which never left, can only be rejected or deferred.
    pub async fn settle(&self, held: impl Into<Held>, outcome: Outcome) -> Result<Settled, LedgerError> {
        let held = held.into();
        let now = self.ledger.clock.now().as_millisecond();
        let settlement = Settlement::new(&held, &outcome, self.core.epoch, self.once, now)?;
        let recipient = &held.claim().recipient;
        let settled = Settled {
            line: recipient.line,
            key: recipient.key.clone(),
            state: settlement.state,
            reason: settlement.reason.clone(),
        };
        let run = Arc::clone(&self.core);
        self.ledger.requests.grouped(|answer| Grouped::Settle { run, settlement, answer }).await?;
        Ok(settled)
    }
}
