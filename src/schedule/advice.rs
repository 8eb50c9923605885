//! What is odd about a schedule: steps that are not even, times that are over, windows that open when nobody may get a
//! mail any more.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Doubt, Late, SPAN, Schedule, ScheduleStatus, Timing};

/// How many coming due times are looked at.
const LOOKED_AT: usize = 60;

/// Due times whose mails expire before the window opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedOut {
    /// The first of them.
    pub due: Timestamp,
    /// The longest that a window is closed behind one of them.
    pub wait: SignedDuration,
    /// How many they are.
    pub missed: usize,
    /// Among so many that were looked at.
    pub of: usize,
}

impl ClosedOut {
    /// Whether no due time is any good.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.missed == self.of
    }
}

impl Schedule {
    /// What is odd about its times.
    #[must_use]
    pub fn doubts(&self, now: Timestamp) -> Vec<Doubt> {
        let mut doubts = self.uneven();
        doubts.extend(self.over(now));
        doubts
    }

    /// Steps of its cron line that are not even.
    #[must_use]
    pub fn uneven(&self) -> Vec<Doubt> {
        match &self.timing {
            Timing::Cron(line) => line.uneven(),
            Timing::Once(_) | Timing::Every { .. } => Vec::new(),
        }
    }

    /// That it is never due any more.
    fn over(&self, now: Timestamp) -> Option<Doubt> {
        if self.status != ScheduleStatus::Active || self.next_after(now).is_some() {
            return None;
        }
        let (message, hint) = match (&self.timing, self.late) {
            (Timing::Once(due), Late::Skip(limit)) if now.duration_since(*due) > limit => (
                format!(
                    "the time of the schedule, {}, is over by more than `max_late` ({}): it does not begin by itself any more",
                    self.time_in_words(*due),
                    SPAN.duration_to_string(&limit)
                ),
                "set `schedule.at` to a time to come, or send it by hand",
            ),
            (Timing::Once(_), _) => return None,
            (Timing::Cron(_) | Timing::Every { .. }, _) => {
                let until = self.until.map(|until| self.time_in_words(until)).unwrap_or_default();
                (
                    format!("no due time is left before `schedule.until`, {until}"),
                    "set `until` to a time to come, or take it out",
                )
            }
        };
        Some(Doubt { message, hint: hint.to_owned() })
    }

    /// The due times, from `now` on, whose mails expire (`not_after`) before the window opens on the clock of `zone`.
    #[must_use]
    pub fn closed_out(
        &self,
        now: Timestamp,
        not_after: SignedDuration,
        zone: &TimeZone,
    ) -> Option<ClosedOut> {
        let window = self.window.as_ref()?;
        let coming: Vec<_> = match self.timing {
            Timing::Once(due) => vec![due],
            Timing::Cron(_) | Timing::Every { .. } => self.dues_after(now).take(LOOKED_AT).collect(),
        };
        let wait = |due: Timestamp| window.opens(due, zone).duration_since(due);
        let missed: Vec<_> = coming.iter().copied().filter(|due| wait(*due) > not_after).collect();
        Some(ClosedOut {
            due: *missed.first()?,
            wait: missed.iter().copied().map(wait).max()?,
            missed: missed.len(),
            of: coming.len(),
        })
    }
}
