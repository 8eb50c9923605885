//! A tick of cron: what a campaign's schedule says, entered into the books.

use jiff::{SignedDuration, Timestamp};

use super::{
    occasions::Skipped,
    wrong_clock::{DueAgain, SLACK},
};
use crate::{
    campaign::Campaign,
    ledger::{handle::Ledger, rules::LedgerError, run::Accept},
    schedule::{Act, Schedule, Skip, Why},
};

/// The reason for which a due time passes by a paused campaign.
pub const PAUSED: &str = "the campaign was paused";

/// The result of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The occasions that a clock which was ahead had ended, and that are due again.
    pub again: Option<DueAgain>,
    /// Due times that pass without a run, reported once.
    pub skipped: Vec<Skipped>,
    /// Older occasions that were given up on the way, with the number of mails that had waited.
    pub given_up: Vec<(String, u64)>,
    /// The next step.
    pub act: Act,
    /// The next due time.
    pub next: Option<Timestamp>,
}

impl Ledger {
    /// Decides about a campaign, and records what passes by and what is given up. What is to be begun is begun by
    /// [`Ledger::begin`] under the name that [`Schedule::occasion`] gives it.
    ///
    /// [`LedgerError::Busy`] where a run of an older occasion is still at work: the new one waits for it.
    ///
    /// Refused where the clock lies more than an hour before the newest time in the ledger, unless `accept` says that it
    /// is right. What a clock that was ahead has skipped is due again.
    pub async fn tick(
        &self,
        campaign: &Campaign,
        schedule: &Schedule,
        accept: Accept,
    ) -> Result<Tick, LedgerError> {
        let now = self.inner.clock.now();
        let id = &campaign.id;
        if accept.clock {
            self.accept_clock().await?;
        } else {
            self.check_clock().await?;
        }
        let again = self.due_again(id).await?;
        let seen = self.history(id, now).await?;
        if seen.newest.is_none() && seen.since.is_none_or(|since| since.duration_since(now) > SLACK) {
            self.watch(id, schedule.floor(now)).await?;
        }
        let history = self.history(id, now).await?;
        let decision = schedule.decide(now, &history);
        let name = |due| schedule.occasion(due, &campaign.occasion);
        let mut given_up = Vec::new();
        let mut skipped = Vec::new();
        let mut passing = Vec::new();
        for skip in decision.skipped {
            let one = Skipped { occasion: name(skip.due), due: skip.due, reason: reason(skip, name) };
            if history.open.is_some_and(|open| open.due == skip.due) {
                // A run may be at it: its lock is the only way to know, and keeps the steps up to its end together. See
                // `races::a_due_time_that_passes_is_recorded_by_one`.
                let run = self.begin(id, &one.occasion, accept).await?;
                // What another program has begun or ended before the lock was ours is not ours to end, nor to tell.
                if self.history(id, now).await?.open == history.open {
                    run.give_up(&one.reason).await?;
                    skipped.push(one);
                }
            } else {
                passing.push(one);
            }
        }
        if !passing.is_empty() {
            // What another program has recorded or begun meanwhile is not ours to tell.
            let recorded = self.skip(id, passing.clone()).await?;
            skipped.extend(passing.into_iter().filter(|one| recorded.contains(&one.occasion)));
        }
        let begins = match decision.act {
            Act::Begin(due) => Some(due),
            Act::GoOn(_) | Act::Nothing(_) => None,
            Act::GiveUp(due) => {
                let occasion = name(due);
                let run = self.begin(id, &occasion, accept).await?;
                let waited = run.give_up("the campaign was cancelled").await?;
                given_up.push((occasion, waited));
                None
            }
        };
        if let Some(due) = begins {
            for occasion in self.open_before(id, due).await? {
                let why = format!("the occasion `{}` came before its mail could leave", name(due));
                let run = self.begin(id, &occasion, accept).await?;
                let waited = run.give_up(&why).await?;
                given_up.push((occasion, waited));
            }
        }
        Ok(Tick { again, skipped, given_up, act: decision.act, next: decision.next })
    }
}

/// The reason for which a due time passes, in words.
fn reason(skip: Skip, name: impl Fn(Timestamp) -> String) -> String {
    match skip.why {
        Why::Late { by, limit } => format!("{} late, and `max_late` is {}", long(by), long(limit)),
        Why::Newer(due) => format!("missed, and `{}` is newer", name(due)),
        Why::Paused => PAUSED.to_owned(),
    }
}

/// A time span without seconds, unless it has nothing else.
fn long(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    let rounded = if minutes == 0 { span } else { SignedDuration::from_mins(minutes) };
    format!("{rounded:#}")
}
