//! Mails leave in their window alone: looked at before each, since it may close while a run is at work.

use super::{Halt, Shared};
use crate::{campaign::ZONE_COLUMN, ledger::Claim};

impl Shared {
    /// Whether a mail to this recipient may leave now.
    pub(super) fn admits(&self, claim: &Claim) -> bool {
        let Some(window) = &self.window else { return true };
        let own = claim.recipient().fields.get(ZONE_COLUMN).and_then(serde_json::Value::as_str);
        window.zone_of(own).is_some_and(|zone| window.is_open(self.parts.clock.now(), &zone))
    }

    /// Gives a claim back, and puts off all rows whose window is closed.
    pub(super) async fn put_off(&self, claim: Claim) -> Result<(), Halt> {
        self.give_back(claim).await?;
        self.put_off_closed().await
    }

    /// Puts off all rows whose window is closed until it opens.
    pub(super) async fn put_off_closed(&self) -> Result<(), Halt> {
        if let Some(window) = &self.window {
            self.parts.run.put_off(window.clone()).await?;
        }
        Ok(())
    }
}
