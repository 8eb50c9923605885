//! Occasions by the clock: begun, passed by, given up.

pub(super) mod occasions;
mod tick;

pub use occasions::Skipped;
pub use tick::{PAUSED, Tick};
