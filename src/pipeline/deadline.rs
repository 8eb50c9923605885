//! The deadline of mails that were never tried: a mail of a schedule does not wait for ever, for a relay, a window or a
//! machine, only to leave when nobody wants it any more.

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{Claim, LedgerError, Run};

/// The time at which the mails of an occasion that were never tried expire.
pub(super) struct Deadline {
    at: Timestamp,
    /// The time after its due time in which a mail may still leave.
    pub(super) not_after: SignedDuration,
}

impl Deadline {
    /// The deadline of the run's occasion; `None` where no schedule runs it.
    pub(super) async fn of(run: &Run, not_after: SignedDuration) -> Result<Option<Self>, LedgerError> {
        Ok(run.last_call(not_after).await?.map(|at| Self { at, not_after }))
    }

    /// Whether the mails that were never tried have expired.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now > self.at
    }

    /// Whether a mail may still leave: a later try has a time of its own, and one that was put back counts from then.
    pub(super) fn admits(&self, claim: &Claim, now: Timestamp) -> bool {
        let again = claim.again().and_then(|again| again.checked_add(self.not_after).ok());
        !claim.is_untried() || !self.is_over(now) || again.is_some_and(|end| now <= end)
    }
}
