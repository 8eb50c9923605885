//! How fast mails leave and how many in an hour or a day, and what the relays' answers say about us.
//!
//! [`Pace`] is the rate, [`Caps`] the most mails in a moving window, [`Reputation`] the reasons to go slower or to stop.

mod caps;
mod rate;
mod reputation;

pub use caps::{Cap, Caps, Slot};
pub use rate::Pace;
pub use reputation::{Misunderstood, Reaction, Reputation};
