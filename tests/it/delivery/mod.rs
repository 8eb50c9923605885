//! Several relays, relays that go away, and whose fault their refusals are. The conversation itself is in `smtp`.

mod failover;
mod outage;
mod refusals;
