//! The due times of a campaign: which occasion is due at a time, which come next, and why something is not due.
//!
//! Pure: a schedule, a time and what the ledger remembers go in, a [`Decision`] comes out. Nothing here reads a clock
//! or a file.
//!
//! Across a change of the clocks: a cron time that the change leaves out is due right after it, on the same day; one
//! that comes twice is due once, the first time. Cron lines with `*` or `/` in the minutes or hours follow the clock
//! on the wall: what falls into the gap is left out, and the doubled hour has them twice. `every` in hours and less
//! counts real time; in days and more it keeps the time on the clock.

mod advice;
mod cron;
mod decide;
mod refusal;
mod timing;
mod window;

pub use advice::ClosedOut;
pub use cron::CronLine;
pub use decide::{Act, Decision, History, Idle, Open, Skip, Why};
pub use refusal::{Doubt, TimingError};
pub use timing::Timing;
pub use window::{Hours, Window, WindowError, WindowZone, weekdays, zone};

use jiff::{
    SignedDuration, Timestamp,
    fmt::friendly::{Designator, Spacing, SpanPrinter},
    tz::TimeZone,
};

/// A span in words for people: `2 hours`.
pub const SPAN: SpanPrinter =
    SpanPrinter::new().designator(Designator::Verbose).spacing(Spacing::BetweenUnitsAndDesignators);

/// The number of due times that are looked at to find the newest: a week of minutes.
const MOST_MISSED: usize = 10_080;

/// The `[schedule]` of a campaign, valid by construction.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The due times.
    pub timing: Timing,
    /// The zone of the due times, and of dates in the names of lists.
    pub zone: TimeZone,
    /// Nothing is due before.
    pub from: Option<Timestamp>,
    /// Nothing is due from here on.
    pub until: Option<Timestamp>,
    /// The fate of an occasion that could not begin in time.
    pub late: Late,
    /// Whether it runs at all.
    pub status: ScheduleStatus,
    /// The hours in which mails may leave; `None`: all.
    pub window: Option<Window>,
}

/// The fate of an occasion that could not begin in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It begins up to so much later, and is skipped after that.
    Skip(SignedDuration),
    /// The newest is caught up with, however late.
    CatchUp,
}

impl Late {
    /// The default, where the file says nothing.
    pub const USUAL: SignedDuration = SignedDuration::from_hours(1);
}

/// Whether a schedule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleStatus {
    /// It runs.
    Active,
    /// Due times pass by until it is active again.
    Paused,
    /// It never runs again; what waits is given up.
    Cancelled,
}

impl Schedule {
    /// The first due time after `after`.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let from = self.from.map_or(after, |from| after.max(before(from)));
        self.timing.next_after(from, &self.zone).filter(|due| self.until.is_none_or(|until| *due < until))
    }

    /// The due times after `after`, in order.
    pub fn dues_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after), |due| self.next_after(*due))
    }

    /// The newest due time up to `now` and later than `after`.
    fn newest(&self, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.dues_after(after).take_while(|due| *due <= now).last()
    }

    /// The occasion that a run by hand belongs to: that of the newest due time, however late.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> Option<Timestamp> {
        if let Timing::Once(due) = self.timing {
            return Some(due);
        }
        // Schedules differ: look back further and further, up to a leap year's day and its neighbours.
        [2, 48, 24 * 35, 24 * 370, 24 * 366 * 9].into_iter().find_map(|hours| {
            let back = now.checked_sub(SignedDuration::from_hours(hours)).ok()?;
            self.newest(back, now)
        })
    }

    /// The name of a due time's occasion in the ledger, `2026-11-23T08:00Z`: in UTC, where no hour comes twice.
    /// `named` is the campaign file's own occasion, which a schedule with a single time keeps.
    #[must_use]
    pub fn occasion(&self, due: Timestamp, named: &str) -> String {
        match self.timing {
            Timing::Once(_) => named.to_owned(),
            Timing::Cron(_) | Timing::Every { .. } => {
                let utc = due.to_zoned(TimeZone::UTC);
                let seconds = if utc.second() == 0 { "%Y-%m-%dT%H:%MZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
                utc.strftime(seconds).to_string()
            }
        }
    }

    /// A due time for people: `Mon 2026-11-23 09:00 Europe/Berlin`.
    #[must_use]
    pub fn time_in_words(&self, due: Timestamp) -> String {
        let zone = self.zone.iana_name().map(ToOwned::to_owned);
        let local = due.to_zoned(self.zone.clone());
        let seconds = if local.second() == 0 { "%a %Y-%m-%d %H:%M" } else { "%a %Y-%m-%d %H:%M:%S" };
        // Where an hour comes twice the offset says which.
        let offset = local.strftime("%:z").to_string();
        match zone {
            Some(zone) if zone == "UTC" => format!("{} UTC", local.strftime(seconds)),
            Some(zone) => format!("{} {zone} ({offset})", local.strftime(seconds)),
            None => format!("{} {offset}", local.strftime(seconds)),
        }
    }

    /// The whole schedule for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let zone = self.zone.iana_name().unwrap_or("its own offset");
        let mut words = match &self.timing {
            Timing::Once(due) => self.time_in_words(*due),
            Timing::Cron(cron) => format!("{}, {zone}", cron.in_words()),
            Timing::Every { step, .. } => {
                let since = self.timing.anchor().map(|at| self.time_in_words(at)).unwrap_or_default();
                format!("every {} since {since}", SPAN.span_to_string(step))
            }
        };
        if let Some(window) = &self.window {
            words.push_str("; mails leave ");
            words.push_str(&window.in_words());
        }
        words
    }
}

/// The instant before, so that an exclusive search includes `time`.
fn before(time: Timestamp) -> Timestamp {
    time.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
}
