//! The only reader of the wall clock.
//!
//! Wall time goes into `Date`, `iat`, `exp` and the ledger. Waiting is another matter: every wait uses tokio's
//! monotonic clock, so a clock that jumps neither hurries nor delays a mail.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Where the time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that always shows the same time, for tests and for answering "what if".
    Stopped(Timestamp),
    /// A clock that showed `from` at the moment `since` and goes with tokio's, which a test can hold and push.
    Steady {
        /// The time at the start.
        from: Timestamp,
        /// The start.
        since: Instant,
    },
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Self::System => Timestamp::now(),
            Self::Stopped(time) => *time,
            Self::Steady { from, since } => from.checked_add(since.elapsed()).unwrap_or(Timestamp::MAX),
        }
    }

    /// A clock that starts at `from` now.
    #[must_use]
    pub fn steady(from: Timestamp) -> Self {
        Self::Steady { from, since: Instant::now() }
    }

    /// How far this clock has run ahead of (or fallen behind) the monotonic one since it showed `then` at `since`.
    /// A clock that stands still by design has not jumped.
    #[must_use]
    pub fn jumped(&self, then: Timestamp, since: Instant) -> SignedDuration {
        match self {
            Self::System => {
                let passed = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
                self.now().duration_since(then).saturating_sub(passed)
            }
            Self::Stopped(_) | Self::Steady { .. } => SignedDuration::ZERO,
        }
    }
}
