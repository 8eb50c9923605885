//! The occasion that a send is for, and whether its campaign file lets it go out.

use jiff::Timestamp;

use crate::{campaign::Campaign, clock::Clock, schedule::ScheduleStatus};

/// The occasion of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Its due time, where it is one of the schedule's.
    pub due: Option<Timestamp>,
}

/// Why a campaign has no occasion to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOccasion {
    /// The campaign is cancelled.
    Cancelled,
    /// No due time of its schedule has come, and no occasion was named.
    NotDueYet,
}

impl Choice {
    /// Settles the occasion: the named one, else that of the due time, else that of the newest due time; without a
    /// schedule the campaign file's own.
    pub fn of(
        campaign: &Campaign,
        named: Option<&String>,
        due: Option<Timestamp>,
    ) -> Result<Self, NoOccasion> {
        let Some(schedule) = &campaign.schedule else {
            return Ok(Self { name: named.unwrap_or(&campaign.occasion).clone(), due: None });
        };
        if schedule.status == ScheduleStatus::Cancelled {
            return Err(NoOccasion::Cancelled);
        }
        let at = due.or_else(|| schedule.current(Clock::System.now()));
        let scheduled = at.map(|at| schedule.occasion(at, &campaign.occasion));
        let name = named.cloned().or_else(|| scheduled.clone()).ok_or(NoOccasion::NotDueYet)?;
        let is_scheduled = scheduled.as_ref() == Some(&name);
        Ok(Self { name, due: at.filter(|_| is_scheduled) })
    }
}
