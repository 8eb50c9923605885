//! The rate of mails, their number in an hour or a day, and our standing with the relays by their answers.
//!
//! [`Pace`] is the rate, [`Caps`] the most mails in a moving window, [`Reputation`] the reasons to go slower or to stop.

mod caps;
mod rate;
mod reputation;

pub use caps::{Cap, Caps, Slot};
pub use rate::Pace;
pub use reputation::{Misunderstood, Reaction, Reputation};
