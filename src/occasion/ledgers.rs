//! The ledger of the real campaigns and that of the rehearsals, and how much may leave by it.

use super::rehearsal;
use crate::{
    clock::Clock,
    ledger::{self, Ledger, LedgerError, Location},
    pacing::{Caps, Pace},
    settings::Settings,
};

/// The ledger of the real campaigns, or that of the rehearsals.
#[must_use]
pub fn location(settings: &Settings, sandbox: bool) -> Location {
    if sandbox { rehearsal::folder(settings).join("linkpost.db").into() } else { settings.ledger.clone() }
}

/// How that ledger is used.
#[must_use]
pub fn options(settings: &Settings, sandbox: bool) -> ledger::Options {
    if sandbox { ledger::Options::default() } else { settings.ledger_options.clone() }
}

/// The ledger of the real campaigns, or that of the rehearsals; it has to be there.
pub async fn existing(settings: &Settings, sandbox: bool) -> Result<Ledger, LedgerError> {
    Ledger::open_existing(&location(settings, sandbox), Clock::System, &options(settings, sandbox)).await
}

/// The ledger of the real campaigns, or that of the rehearsals; `None` where there is none yet.
pub async fn find(settings: &Settings, sandbox: bool) -> Result<Option<Ledger>, LedgerError> {
    Ledger::find(&location(settings, sandbox), Clock::System, &options(settings, sandbox)).await
}

/// The rate that the settings ask for.
#[must_use]
pub fn pace(settings: &Settings) -> Pace {
    settings.rate.map_or_else(unlimited, |rate| Pace::per_second(rate, 1))
}

/// How many mails any hour and day may hold, with those that left before.
pub async fn caps(settings: &Settings, ledger: &Ledger) -> Result<Caps, LedgerError> {
    let Some(most) = settings.caps.iter().map(|cap| cap.most).max() else { return Ok(Caps::default()) };
    let left = ledger.tries(u32::try_from(most).unwrap_or(u32::MAX)).await?;
    Ok(Caps::new(settings.caps.clone(), left))
}

/// As fast as it goes.
#[must_use]
pub fn unlimited() -> Pace {
    Pace::per_second(f64::INFINITY, 1)
}
