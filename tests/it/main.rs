//! The one integration test binary: a file per thing the user does or the machine suffers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one event among many")]

mod audience;
mod clerk;
mod cli;
mod delivery;
mod email;
mod fault;
mod judged;
mod ledger;
mod leftovers;
mod mistakes;
mod mounted;
mod packaging;
mod readme;
mod reference;
mod sandbox;
mod smtp;
mod sources;
mod support;
mod tidy;
mod token;
mod web;
