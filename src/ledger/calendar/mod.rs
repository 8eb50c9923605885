//! Occasions by the clock: begun, passed by, given up.

pub(super) mod occasions;
mod tick;
mod wrong_clock;

pub use occasions::Skipped;
pub use tick::{PAUSED, Tick};
pub use wrong_clock::DueAgain;
