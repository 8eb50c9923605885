//! What a schedule wanted sent has a time as well: a mail that was never tried does not wait for ever, for a relay, a
//! window or a machine, only to leave when nobody wants it any more.

use jiff::{SignedDuration, Timestamp};

use super::{Halt, News, Shared};
use crate::ledger::{Claim, LedgerError, Run};

/// When the mails of an occasion that were never tried have had their time.
pub(super) struct Deadline {
    at: Timestamp,
    not_after: SignedDuration,
}

impl Deadline {
    /// That of the run's occasion; `None` where no schedule runs it.
    pub(super) async fn of(run: &Run, not_after: SignedDuration) -> Result<Option<Self>, LedgerError> {
        Ok(run.last_call(not_after).await?.map(|at| Self { at, not_after }))
    }
}

impl Shared {
    /// Whether a mail may still leave: a later try has a time of its own.
    pub(super) fn in_time(&self, claim: &Claim) -> bool {
        !claim.is_untried() || !self.is_over() || self.began_again(claim)
    }

    /// Ends what was never tried, once its time is over. Returns how many.
    pub(super) async fn expire_untried(&self) -> Result<u64, Halt> {
        let Some(deadline) = self.deadline.as_ref().filter(|_| self.is_over()) else { return Ok(0) };
        let rows = self.parts.run.expire_untried(deadline.not_after).await?;
        if rows > 0 {
            self.tell(News::Lapsed { rows }).await;
        }
        Ok(rows)
    }

    /// Whether a mail that was put back has its time still, which counts from then.
    fn began_again(&self, claim: &Claim) -> bool {
        let end = self
            .deadline
            .as_ref()
            .zip(claim.again())
            .and_then(|(deadline, again)| again.checked_add(deadline.not_after).ok());
        end.is_some_and(|end| self.parts.clock.now() <= end)
    }

    fn is_over(&self) -> bool {
        self.deadline.as_ref().is_some_and(|deadline| self.parts.clock.now() > deadline.at)
    }
}
