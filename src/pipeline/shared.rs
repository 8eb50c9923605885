//! The state that the workers of a run share: the parts, the budget, the news, and the reasons to end.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Halt, News, Parts, deadline::Deadline};
use crate::{
    delivery::Trouble,
    ledger::{Claim, Selection},
    pacing::Reputation,
    schedule::Window,
};

/// The shortest wait for a deferred mail, or for room below a cap.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How far the wall clock may move against the monotonic one while a run goes on.
const LARGEST_JUMP: SignedDuration = SignedDuration::from_hours(1);

/// The state that the workers of a run share.
pub(super) struct Shared {
    pub(super) parts: Arc<Parts>,
    pub(super) selection: Selection,
    pub(super) window: Option<Window>,
    pub(super) deadline: Option<Deadline>,
    /// How many mails may still be claimed.
    pub(super) budget: AtomicU64,
    pub(super) reputation: Reputation,
    /// Whether the run stays until everything has come to an end.
    pub(super) wait: bool,
    /// When the next mail may leave, once the caps are reached.
    pub(super) capped: Mutex<Option<Timestamp>>,
    /// Cancelled when the run is to end, or has to.
    pub(super) halt: CancellationToken,
    pub(super) news: mpsc::Sender<News>,
    /// When the run began, by both clocks.
    pub(super) began: (Timestamp, Instant),
}

impl Shared {
    /// Reports news, and waits where the channel is full.
    pub(super) async fn report(&self, news: News) {
        // Where nobody listens any more, the run is ending.
        let _ = self.news.send(news).await;
    }

    /// Gives a claim back that was not used.
    pub(super) async fn give_back(&self, claim: Claim) -> Result<(), Halt> {
        self.budget.fetch_add(1, Ordering::Relaxed);
        Ok(self.parts.run.release(vec![claim]).await?)
    }

    /// Whether a mail may still leave.
    pub(super) fn in_time(&self, claim: &Claim) -> bool {
        self.deadline.as_ref().is_none_or(|deadline| deadline.admits(claim, self.parts.clock.now()))
    }

    /// Expires the mails that were never tried, once their time is over. Returns how many.
    pub(super) async fn expire_untried(&self) -> Result<u64, Halt> {
        let now = self.parts.clock.now();
        let Some(deadline) = self.deadline.as_ref().filter(|deadline| deadline.is_over(now)) else {
            return Ok(0);
        };
        let rows = self.parts.run.expire_untried(deadline.not_after).await?;
        if rows > 0 {
            self.report(News::Expired { rows }).await;
        }
        Ok(rows)
    }

    /// Reports once that the caps are reached. Returns whether the run has waited until there is room.
    pub(super) async fn cap(&self, until: Timestamp) -> bool {
        let first = self.capped.lock().unwrap_or_else(PoisonError::into_inner).replace(until).is_none();
        if first {
            self.report(News::Capped { until }).await;
        }
        if !self.wait {
            return false;
        }
        let wait = Duration::try_from(until.duration_since(self.parts.clock.now())).unwrap_or_default();
        tokio::select! {
            () = self.halt.cancelled() => false,
            () = sleep_until(Instant::now() + wait.max(SHORTEST_WAIT)) => {
                *self.capped.lock().unwrap_or_else(PoisonError::into_inner) = None;
                true
            }
        }
    }

    /// Reports trouble; dropped when the channel is full.
    pub(super) fn mention(&self, trouble: Trouble) {
        let _ = self.news.try_send(News::Trouble(trouble));
    }

    /// What is due, what has expired and what a link's life is are told by the wall clock, so a jump ends the run. A
    /// machine that slept looks the same.
    pub(super) fn check_clock(&self) -> Result<(), Halt> {
        let (then, since) = self.began;
        let jump = self.parts.clock.jumped(then, since);
        if jump.abs() >= LARGEST_JUMP { Err(Halt::ClockJumped(jump)) } else { Ok(()) }
    }
}

/// Takes up to `wanted` from the budget and says how much there was.
pub(super) fn take(budget: &AtomicU64, wanted: u64) -> u64 {
    let before = budget
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)))
        .unwrap_or_else(|left| left);
    before.min(wanted)
}
