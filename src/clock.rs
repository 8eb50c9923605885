//! The only reader of the wall clock.
//!
//! Wall time goes into `Date`, `iat`, `exp` and the ledger. Waiting is another matter: every wait uses tokio's
//! monotonic clock, so a clock that jumps neither hurries nor delays a mail.

use jiff::Timestamp;

/// Where the time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that always shows the same time, for tests and for answering "what if".
    Stopped(Timestamp),
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Self::System => Timestamp::now(),
            Self::Stopped(time) => *time,
        }
    }
}
