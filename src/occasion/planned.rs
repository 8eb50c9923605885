//! A campaign with a schedule, and what its history makes of it now.

use std::time::Duration;

use jiff::Timestamp;

use super::ledgers;
use crate::{
    campaign::Campaign,
    clock::Clock,
    ledger::LedgerError,
    schedule::{Act, Decision, History, Late, Schedule},
    settings::Settings,
};

/// How long a due time waits for a campaign that is at work, where it may be late: another tick of cron would have
/// begun it by now.
const PATIENCE: Duration = Duration::from_secs(30);
/// The shortest of such waits.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// A campaign with a schedule.
pub struct Planned {
    /// What goes to whom.
    pub campaign: Campaign,
    /// When.
    pub schedule: Schedule,
    /// Who we are.
    pub settings: Settings,
    /// Whether it is rehearsed.
    pub sandbox: bool,
}

impl Planned {
    /// What is to be done at a time.
    pub async fn decide(&self, now: Timestamp) -> Result<Decision, LedgerError> {
        let Self { campaign, schedule, settings, sandbox } = self;
        let history = match ledgers::find(settings, *sandbox).await? {
            Some(ledger) => ledger.history(&campaign.id, now).await?,
            None => History::default(),
        };
        Ok(schedule.decide(now, &history))
    }

    /// Refuses a clock that lies before the newest time in the ledger.
    pub async fn check_clock(&self) -> Result<(), LedgerError> {
        match ledgers::find(&self.settings, self.sandbox).await? {
            Some(ledger) => ledger.check_clock().await,
            None => Ok(()),
        }
    }

    /// How long an occasion may wait for another campaign: a part of what it may be late.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match self.schedule.late {
            Late::Skip(limit) => (limit.unsigned_abs() / 4).clamp(SHORTEST_PATIENCE, PATIENCE),
            Late::CatchUp => PATIENCE,
        }
    }

    /// The due time of an occasion that has waited as long as it may.
    pub async fn overdue(&self) -> Option<Timestamp> {
        let now = Clock::System.now();
        match self.decide(now).await.ok()?.act {
            Act::Begin(due) if now.duration_since(due).unsigned_abs() >= self.patience() => Some(due),
            Act::Begin(_) | Act::GoOn(_) | Act::GiveUp(_) | Act::Nothing(_) => None,
        }
    }
}
