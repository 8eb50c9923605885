//! One occasion of a campaign, from its files to its end: what to send, where to, by which list.
//!
//! Nothing here prints: what happens is returned or emitted as data, and the commands make words of it.
//!
//! - `project`: the campaign file and the settings, and an occasion of them; `issuers`: who makes its tokens.
//! - `target`: where a run sends to; `rehearsal` and [`ledgers`]: what rehearsals have of their own.
//! - [`find`], `look`: finding the list, and whether it is to be taken in.
//! - [`intake`]: checking the list and booking it.
//! - `choice`: which occasion it is; `ending`: how it stands after a run; `never`: why nobody goes on with it.
//! - `planned`, `prospect`: what a tick finds of it; `turns`: the campaigns of a tick, one after the other; [`owner`]: whose its name is.
//! - `unknown`, `refused`, `rests`: mails without an answer, who gets none, and relays that rest; `limit`: how long
//!   it takes.
//! - `obstacle`: why it does not go on.

mod choice;
mod ending;
pub mod find;
pub mod intake;
mod issuers;
pub mod ledgers;
mod limit;
mod look;
mod never;
mod obstacle;
pub mod owner;
mod planned;
mod project;
mod prospect;
mod refused;
mod rehearsal;
mod rests;
mod target;
mod turns;
mod unknown;

pub use choice::{Choice, NoOccasion};
pub use ending::Ending;
pub use issuers::{clerk_issuer, harmless_keys, message_keys};
pub use limit::{Limit, Slowest};
pub use look::{Before, Look};
pub use never::Never;
pub use obstacle::Obstacle;
pub use planned::Planned;
pub use project::{Advice, Occasion, Project};
pub use prospect::Prospect;
pub use refused::{Refused, most_often};
pub use rehearsal::rehearse;
pub use rests::Rests;
pub use target::{Target, is_live, keys, relays};
pub use turns::{Turn, take_turns};
pub use unknown::{Unknown, is_named};
