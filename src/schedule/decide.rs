//! The work of a tick of cron for one campaign.

use jiff::{SignedDuration, Timestamp};

use super::{Late, MOST_MISSED, Schedule, ScheduleStatus, Timing};

/// The occasions of a campaign as the ledger remembers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// The newest due time that was begun or skipped.
    pub newest: Option<Timestamp>,
    /// From when on due times count: since the campaign was first seen.
    pub since: Option<Timestamp>,
    /// The newest occasion that is not finished.
    pub open: Option<Open>,
}

/// An occasion that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Its due time.
    pub due: Timestamp,
    /// The time at which its list was taken in; `None`: not yet, so nobody was mailed.
    pub begun: Option<Timestamp>,
}

/// The work to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Due times that pass without a run, to be recorded, oldest first.
    pub skipped: Vec<Skip>,
    /// The work to do now.
    pub act: Act,
    /// The next due time after now.
    pub next: Option<Timestamp>,
}

/// A due time that passes without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skip {
    /// Its due time.
    pub due: Timestamp,
    /// The reason that it does not run.
    pub why: Why,
}

/// The reason that an occasion does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It could not begin in time.
    Late {
        /// The lateness that it would have had.
        by: SignedDuration,
        /// The lateness that it may have.
        limit: SignedDuration,
    },
    /// A newer one takes its place.
    Newer(Timestamp),
    /// The campaign was paused.
    Paused,
}

/// The work to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The occasion of this due time begins; what an older one has left over is given up.
    Begin(Timestamp),
    /// The occasion of this due time goes on where its last run ended.
    GoOn(Timestamp),
    /// The campaign was cancelled: what waits of this occasion is given up.
    GiveUp(Timestamp),
    /// Nothing.
    Nothing(Idle),
}

/// The reason that nothing is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Between two due times, or before the first.
    NotDue,
    /// There is no due time any more.
    Over,
    /// It is paused.
    Paused,
    /// It was cancelled.
    Cancelled,
}

impl Idle {
    /// The reason that nothing is due, in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotDue => "not due",
            Self::Over => "no due time is left",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Schedule {
    /// The work to do at `now`, given the memory of the ledger.
    #[must_use]
    pub fn decide(&self, now: Timestamp, history: &History) -> Decision {
        let next = self.next_after(now);
        let decision = |skipped, act| Decision { skipped, act, next };
        let open = history.open.filter(|open| open.due <= now);
        if self.status == ScheduleStatus::Cancelled {
            let act = open.map_or(Act::Nothing(Idle::Cancelled), |open| Act::GiveUp(open.due));
            return Decision { skipped: Vec::new(), act, next: None };
        }
        // One that was tried out by hand before its time has not begun on account of that.
        let begun = open.filter(|open| open.begun.is_some_and(|begun| begun >= open.due));
        let unbegun = open.filter(|_| begun.is_none());
        let mut missed = self.missed(now, history);
        missed.extend(unbegun.map(|open| open.due));
        missed.sort_unstable();
        missed.dedup();
        if self.status == ScheduleStatus::Paused {
            let skipped = missed.into_iter().map(|due| Skip { due, why: Why::Paused }).collect();
            return decision(skipped, Act::Nothing(Idle::Paused));
        }
        let Some(due) = missed.pop() else {
            let idle = if next.is_some() { Idle::NotDue } else { Idle::Over };
            return decision(Vec::new(), begun.map_or(Act::Nothing(idle), |open| Act::GoOn(open.due)));
        };
        let late = |due| now.duration_since(due);
        match self.late {
            Late::Skip(limit) if late(due) > limit => {
                missed.push(due);
                let too_late = |due| Skip { due, why: Why::Late { by: late(due), limit } };
                let idle = if next.is_some() { Idle::NotDue } else { Idle::Over };
                let act = begun.map_or(Act::Nothing(idle), |open| Act::GoOn(open.due));
                decision(missed.into_iter().map(too_late).collect(), act)
            }
            Late::Skip(_) | Late::CatchUp => {
                let newer = |missed| Skip { due: missed, why: Why::Newer(due) };
                decision(missed.into_iter().map(newer).collect(), Act::Begin(due))
            }
        }
    }

    /// From when on due times count for a campaign that is seen for the first time: the newest, if it is not too late.
    /// A file that is new does not make up for the past, but a single time is never passed over in silence.
    #[must_use]
    pub fn floor(&self, now: Timestamp) -> Timestamp {
        let limit = match self.late {
            Late::Skip(limit) => limit,
            Late::CatchUp => Late::USUAL,
        };
        match self.timing {
            Timing::Once(due) => {
                now.min(due).checked_sub(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MIN)
            }
            Timing::Cron(_) | Timing::Every { .. } => {
                // The newest that is not too late; those before it were due when there was no file.
                let earliest = now.checked_sub(limit).unwrap_or(Timestamp::MIN);
                self.current(now).filter(|due| *due >= earliest).map_or(now, super::before)
            }
        }
    }

    /// The due times up to `now` of which the ledger knows nothing.
    fn missed(&self, now: Timestamp, history: &History) -> Vec<Timestamp> {
        let seen = match self.timing {
            // Whoever moves a single time, and be it into the past, means it: it runs, or is told as late.
            Timing::Once(_) => history.newest,
            Timing::Cron(_) | Timing::Every { .. } => history.newest.or(history.since),
        };
        let since = seen.unwrap_or_else(|| self.floor(now));
        let mut dues: Vec<_> =
            self.dues_after(since).take_while(|due| *due <= now).take(MOST_MISSED + 1).collect();
        if dues.len() > MOST_MISSED {
            // A machine that was off for months: the last week is told one by one.
            let back = now.checked_sub(SignedDuration::from_hours(24 * 7)).unwrap_or(since);
            dues = self.dues_after(back).take_while(|due| *due <= now).collect();
        }
        dues
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn schedule(timing: Timing) -> Schedule {
        Schedule {
            timing,
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            from: None,
            until: None,
            late: Late::Skip(Late::USUAL),
            status: ScheduleStatus::Active,
            window: None,
        }
    }

    /// Each day at 09:00 UTC + 1.
    fn daily() -> Schedule {
        schedule(Timing::cron("0 9 * * *").unwrap())
    }

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}Z").parse().unwrap()
    }

    /// The decision in a line: what is skipped, and what is done.
    fn decided(schedule: &Schedule, now: &str, history: &History) -> String {
        let time = |due: Timestamp| due.strftime("%dT%H:%M").to_string();
        let decision = schedule.decide(at(now), history);
        let mut words: Vec<String> = decision
            .skipped
            .iter()
            .map(|skip| match skip.why {
                Why::Late { by, .. } => format!("skip {} late {by:#}", time(skip.due)),
                Why::Newer(newer) => format!("skip {} for {}", time(skip.due), time(newer)),
                Why::Paused => format!("skip {} paused", time(skip.due)),
            })
            .collect();
        words.push(match decision.act {
            Act::Begin(due) => format!("begin {}", time(due)),
            Act::GoOn(due) => format!("go on {}", time(due)),
            Act::GiveUp(due) => format!("give up {}", time(due)),
            Act::Nothing(idle) => format!("{idle:?}"),
        });
        words.join(", ")
    }

    fn known(newest: &str) -> History {
        History { newest: Some(at(newest)), ..History::default() }
    }

    fn open(due: &str, begun: Option<&str>) -> History {
        let open = Some(Open { due: at(due), begun: begun.map(at) });
        History { newest: Some(at(due)), open, since: None }
    }

    #[test]
    fn an_occasion_begins_at_its_time_and_up_to_an_hour_later() {
        let daily = daily();
        let before = known("22T08:00");
        assert_eq!(decided(&daily, "23T07:59", &before), "NotDue");
        assert_eq!(decided(&daily, "23T08:00", &before), "begin 23T08:00");
        assert_eq!(decided(&daily, "23T09:00", &before), "begin 23T08:00");
        assert_eq!(decided(&daily, "23T09:01", &before), "skip 23T08:00 late 1h 1m, NotDue");
    }

    #[test]
    fn a_campaign_that_is_new_does_not_make_up_for_the_past() {
        let new = History::default();
        assert_eq!(decided(&daily(), "23T08:30", &new), "begin 23T08:00");
        assert_eq!(decided(&daily(), "23T12:00", &new), "NotDue");
        let catching_up = Schedule { late: Late::CatchUp, ..daily() };
        assert_eq!(decided(&catching_up, "23T12:00", &new), "NotDue");
        let minutely = schedule(Timing::cron("* * * * *").unwrap());
        let patient = Schedule { late: Late::Skip(SignedDuration::from_hours(72)), ..minutely };
        assert_eq!(decided(&patient, "23T12:00", &new), "begin 23T12:00");
    }

    #[test]
    fn a_single_time_is_never_passed_over_in_silence() {
        let once = schedule(Timing::Once(at("23T08:00")));
        let new = History::default();
        assert_eq!(decided(&once, "23T07:00", &new), "NotDue");
        assert_eq!(decided(&once, "23T08:10", &new), "begin 23T08:00");
        assert_eq!(decided(&once, "25T08:00", &new), "skip 23T08:00 late 48h, Over");
        assert_eq!(decided(&once, "25T08:00", &known("23T08:00")), "Over");
        // Seen with a later time, which was then moved to one that had passed already.
        let seen = History { since: Some(at("23T08:05")), ..History::default() };
        assert_eq!(decided(&once, "23T08:10", &seen), "begin 23T08:00");
        assert_eq!(decided(&once, "23T10:00", &seen), "skip 23T08:00 late 2h, Over");
        assert_eq!(decided(&daily(), "23T08:10", &seen), "NotDue");
    }

    #[test]
    fn of_several_missed_the_newest_runs_and_the_others_are_told() {
        let hourly = schedule(Timing::cron("0 * * * *").unwrap());
        let slept = known("23T02:00");
        assert_eq!(
            decided(&hourly, "23T05:30", &slept),
            "skip 23T03:00 for 23T05:00, skip 23T04:00 for 23T05:00, begin 23T05:00"
        );
        let daily = daily();
        assert_eq!(
            decided(&daily, "25T20:00", &known("22T08:00")),
            "skip 23T08:00 late 60h, skip 24T08:00 late 36h, skip 25T08:00 late 12h, NotDue"
        );
        let catching_up = Schedule { late: Late::CatchUp, ..daily };
        assert_eq!(
            decided(&catching_up, "25T20:00", &known("22T08:00")),
            "skip 23T08:00 for 25T08:00, skip 24T08:00 for 25T08:00, begin 25T08:00"
        );
    }

    #[test]
    fn what_has_begun_goes_on_until_the_next_is_due() {
        let daily = daily();
        let begun = open("23T08:00", Some("23T08:01"));
        assert_eq!(decided(&daily, "23T08:02", &begun), "go on 23T08:00");
        assert_eq!(decided(&daily, "24T07:59", &begun), "go on 23T08:00");
        assert_eq!(decided(&daily, "24T08:00", &begun), "begin 24T08:00");
        assert_eq!(decided(&daily, "24T12:00", &begun), "skip 24T08:00 late 4h, go on 23T08:00");
    }

    #[test]
    fn what_could_not_take_in_its_list_is_tried_again_until_it_is_too_late() {
        let daily = daily();
        let unbegun = open("23T08:00", None);
        assert_eq!(decided(&daily, "23T08:50", &unbegun), "begin 23T08:00");
        assert_eq!(decided(&daily, "23T09:30", &unbegun), "skip 23T08:00 late 1h 30m, NotDue");
    }

    #[test]
    fn what_was_tried_out_by_hand_before_its_time_has_not_begun() {
        let once = schedule(Timing::Once(at("23T08:00")));
        let tried = open("23T08:00", Some("22T15:00"));
        assert_eq!(decided(&once, "22T16:00", &tried), "NotDue");
        assert_eq!(decided(&once, "23T08:00", &tried), "begin 23T08:00");
        assert_eq!(decided(&once, "23T19:00", &tried), "skip 23T08:00 late 11h, Over");
    }

    #[test]
    fn due_times_pass_by_a_paused_campaign() {
        let paused = Schedule { status: ScheduleStatus::Paused, ..daily() };
        assert_eq!(
            decided(&paused, "24T08:30", &known("22T08:00")),
            "skip 23T08:00 paused, skip 24T08:00 paused, Paused"
        );
        assert_eq!(decided(&paused, "24T07:00", &open("23T08:00", Some("23T08:00"))), "Paused");
    }

    #[test]
    fn a_cancelled_campaign_gives_up_what_waits() {
        let cancelled = Schedule { status: ScheduleStatus::Cancelled, ..daily() };
        assert_eq!(decided(&cancelled, "24T08:30", &known("22T08:00")), "Cancelled");
        assert_eq!(decided(&cancelled, "24T08:30", &open("23T08:00", Some("23T08:00"))), "give up 23T08:00");
    }

    #[test]
    fn nothing_is_due_before_its_beginning_and_from_its_end_on() {
        let bounded = Schedule { from: Some(at("23T08:00")), until: Some(at("25T08:00")), ..daily() };
        let dues: Vec<_> =
            bounded.dues_after(at("01T00:00")).map(|due| due.strftime("%d").to_string()).collect();
        assert_eq!(dues, ["23", "24"]);
        assert_eq!(decided(&bounded, "25T08:00", &known("24T08:00")), "Over");
    }

    #[test]
    fn a_machine_that_was_off_for_months_tells_the_last_week_of_minutes() {
        let minutely = schedule(Timing::cron("* * * * *").unwrap());
        let history = History { newest: Some("2026-03-01T00:00Z".parse().unwrap()), ..History::default() };
        let decision = minutely.decide(at("23T08:00:30"), &history);
        assert_eq!(decision.skipped.len(), 7 * 24 * 60 - 1);
        assert_eq!(decision.act, Act::Begin(at("23T08:00")));
    }

    #[test]
    fn days_before_the_last_of_a_month_are_found_in_leap_years_too() {
        let late = schedule(Timing::cron("0 9 L-3 * *").unwrap());
        let days: Vec<_> = late
            .dues_after("2028-01-01T00:00Z".parse().unwrap())
            .take(4)
            .map(|due| due.strftime("%m-%d").to_string())
            .collect();
        assert_eq!(days, ["01-28", "02-26", "03-28", "04-27"]);
    }

    #[test]
    fn a_window_that_opens_when_all_mails_have_expired_is_found() {
        let window = |days: &str, zone: &str| {
            let zone = crate::schedule::WindowZone::Fixed(crate::schedule::zone(zone).unwrap());
            let hours = crate::schedule::Hours::parse("09:00-17:00").unwrap();
            Some(crate::schedule::Window { hours, days: crate::schedule::weekdays(days).unwrap(), zone })
        };
        let day = SignedDuration::from_hours(24);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // A Monday, and a window on Saturdays.
        let once =
            Schedule { window: window("sat", "Europe/Berlin"), ..schedule(Timing::Once(at("23T08:00"))) };
        let closed = once.closed_out(at("20T00:00"), day, &berlin).unwrap();
        assert!(closed.is_all() && closed.wait == SignedDuration::from_hours(120), "{closed:?}");
        assert_eq!(once.closed_out(at("20T00:00"), SignedDuration::from_hours(120), &berlin), None);
        let daily = Schedule { window: window("mon-fri", "Europe/Berlin"), ..daily() };
        let closed = daily.closed_out(at("20T00:00"), day, &berlin).unwrap();
        assert_eq!((closed.is_all(), closed.due), (false, at("21T08:00")));
    }

    #[test]
    fn occasions_in_the_doubled_hour_have_names_of_their_own() {
        let hourly = schedule(Timing::cron("0 * * * *").unwrap());
        let names: Vec<_> = hourly
            .dues_after("2027-10-30T23:30Z".parse().unwrap())
            .take(3)
            .map(|due| format!("{} {}", hourly.occasion(due, "once"), hourly.time_in_words(due)))
            .collect();
        assert_eq!(
            names,
            [
                "2027-10-31T00:00Z Sun 2027-10-31 02:00 Europe/Berlin (+02:00)",
                "2027-10-31T01:00Z Sun 2027-10-31 02:00 Europe/Berlin (+01:00)",
                "2027-10-31T02:00Z Sun 2027-10-31 03:00 Europe/Berlin (+01:00)",
            ]
        );
        let once = schedule(Timing::Once(at("23T08:00")));
        assert_eq!(once.occasion(at("23T08:00"), "2026-11"), "2026-11");
    }

    #[test]
    fn a_run_by_hand_belongs_to_the_newest_due_time() {
        assert_eq!(daily().current(at("23T07:00")), Some(at("22T08:00")));
        let yearly = schedule(Timing::cron("0 9 29 2 *").unwrap());
        assert_eq!(yearly.current(at("23T07:00")), Some("2024-02-29T08:00Z".parse().unwrap()));
        let later = Schedule { from: Some(at("25T00:00")), ..daily() };
        assert_eq!(later.current(at("23T07:00")), None);
    }
}
