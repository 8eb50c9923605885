//! Relays and services whose quota is used up: a schedule comes back when it opens, a person may try before.

use crate::{
    commands::{Failure, news},
    ledger::{Ledger, Rest, Run},
    occasion::{Occasion, Target},
    settings::SignIn,
    ui::Ui,
};

/// Those of a campaign's relays, and its token service, that rest now.
pub(super) struct Rests {
    ours: Vec<Rest>,
    /// The one without which nothing can be sent.
    hinders: Option<Rest>,
}

impl Rests {
    pub(super) async fn find(ledger: &Ledger, occasion: &Occasion, target: &Target) -> Result<Self, Failure> {
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

    /// Whether a schedule has nothing to send now, and says so. A relay that rests is left alone where another one goes
    /// on; by hand it is tried.
    pub(super) fn hold(&self, ui: &Ui, target: &Target, by_schedule: bool) -> bool {
        if !by_schedule {
            return false;
        }
        if let Some(Rest { until, reason, .. }) = &self.hinders {
            ui.remark(format_args!("{reason}: nothing is sent before {}", news::clock_time(*until)));
            return true;
        }
        for rest in &self.ours {
            let _others_go_on = target.delivery.rest(&rest.name);
        }
        false
    }

    /// Mails leave again.
    pub(super) async fn end(&self, run: &Run) -> Result<(), Failure> {
        for rest in &self.ours {
            run.wake(&rest.name).await?;
        }
        Ok(())
    }
}
