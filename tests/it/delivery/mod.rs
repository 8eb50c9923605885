//! Several relays, relays that go away, and whose fault their refusals are. The conversation itself is in `smtp`.

mod outage;
mod refusals;
mod relays;
