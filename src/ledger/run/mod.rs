//! A run's verbs: begin it, claim, intend, settle, give back, and what limits it.

pub(super) mod claims;
mod clerk_tokens;
mod clock;
mod handle;
mod rests;
pub(super) mod start;
mod tries;
mod windows;

pub use claims::Selection;
pub use clerk_tokens::CLERK_KID;
pub use handle::Run;
pub use rests::Rest;
pub use start::{Accept, Recovered};
pub use tries::Settled;
