//! Relays and services whose quota is used up.

use super::{project::Occasion, target::Target};
use crate::{
    delivery::Delivery,
    ledger::{Ledger, LedgerError, Rest, Run},
    settings::SignIn,
};

/// Those of a campaign's relays, and its token service, that rest now.
pub struct Rests {
    ours: Vec<Rest>,
    /// The one without which nothing can be sent.
    hinders: Option<Rest>,
}

impl Rests {
    /// Finds them in the ledger; a rehearsal has none.
    pub async fn find(ledger: &Ledger, occasion: &Occasion, target: &Target) -> Result<Self, LedgerError> {
        if target.is_rehearsal() {
            return Ok(Self { ours: Vec::new(), hinders: None });
        }
        let relays: Vec<_> = occasion.settings.relays.iter().map(|relay| relay.smtp.name()).collect();
        let clerk = matches!(occasion.settings.sign_in, SignIn::Clerk(_));
        let mut ours = ledger.rests().await?;
        ours.retain(|rest| relays.contains(&rest.name) || (clerk && rest.name == Rest::TOKEN_SERVICE));
        let rest_of = |name: &str| ours.iter().find(|rest| rest.name == name);
        let service = rest_of(Rest::TOKEN_SERVICE);
        // The first relay to open again is the first to send.
        let all = !relays.is_empty() && relays.iter().all(|name| rest_of(name).is_some());
        let hinders = service.or_else(|| ours.iter().find(|_| all)).cloned();
        Ok(Self { ours, hinders })
    }

    /// The one without which nothing can be sent.
    #[must_use]
    pub fn hinders(&self) -> Option<&Rest> {
        self.hinders.as_ref()
    }

    /// Leaves the relays that rest alone where others go on.
    pub fn leave_alone(&self, delivery: &Delivery) {
        for rest in &self.ours {
            let _others_go_on = delivery.rest(&rest.name);
        }
    }

    /// Notes that mails leave again.
    pub async fn end(&self, run: &Run) -> Result<(), LedgerError> {
        for rest in &self.ours {
            run.wake(&rest.name).await?;
        }
        Ok(())
    }
}
