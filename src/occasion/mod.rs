//! One occasion of a campaign, from its files to its end: what to send, where to, by which list.
//!
//! Nothing here prints: what happens is returned or emitted as data, and the commands make words of it.
//!
//! - `project`: the campaign file and the settings, and an occasion of them; `issuers`: who makes its tokens.
//! - `target`: where a run sends to; `rehearsal` and [`ledgers`]: what rehearsals have of their own.
//! - [`find`], `look`: finding the list, and whether it is to be taken in.
//! - `obstacle`: why it does not go on.

pub mod find;
mod issuers;
pub mod ledgers;
mod look;
mod obstacle;
mod project;
mod rehearsal;
mod target;

pub use issuers::{clerk_issuer, harmless_keys, message_keys};
pub use look::{Before, Look};
pub use obstacle::Obstacle;
pub use project::{Advice, Occasion, Project};
pub use rehearsal::rehearse;
pub use target::{Target, is_live, keys, relays};
