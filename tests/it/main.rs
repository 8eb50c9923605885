//! The one integration test binary: a file per thing the user does or the machine suffers.
//!
//! Where the test for something is:
//!
//! - a verb of the program: `cli`, a file or folder of its name; its words where people err: `mistakes`;
//! - lists: what a file says `audience`, where it comes from `sources`, how it is booked `ledger::list`, a list that changes
//!   under an occasion `cli::due::list_under_way` and under hurt runs `fault::changing_list`, slips in it `mistakes::list`;
//! - relays: the conversation `smtp`, several of them `delivery::failover`, one that goes away `delivery::outage`, whose
//!   fault a refusal is `delivery::refusals`, one that does harm `fault::bad_relay`, none at all `mistakes::relay`; our own
//!   relay of rehearsals is in `sandbox`;
//! - the ledger: what the books allow `ledger`, a disk or a program in the way `fault::storage`, copies `fault::copies`, two
//!   runs at once `fault::overlap`, wrong clocks `fault::clocks`;
//! - a room of `src` otherwise: the folder of its name; programs that are not ours and judge: `judged`;
//! - the repository itself: `tidy`, `readme`, `reference`, `packaging`.
//!
//! [`support`] says which of its worlds a test wants.

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
