//! The one integration test binary: a file per thing the user does or the machine suffers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one event among many")]

mod audience;
mod clerk;
mod due;
mod due_exit;
mod due_lists;
mod due_together;
mod email;
mod explain;
mod fault;
mod go_on;
mod judged;
mod ledger;
mod ledger_crash;
mod ledger_desk;
mod ledger_file;
mod ledger_occasions;
mod ledger_promise;
mod ledger_purge;
mod ledger_retry;
mod ledger_tries;
mod ledger_windows;
mod lists;
mod mistakes;
mod model;
mod outage;
mod outbox;
mod overlap;
mod owner;
mod ping;
mod quiet;
mod readme;
mod refusals;
mod relays;
mod resolve;
mod retry;
mod sandbox;
mod schedule_year;
mod send;
mod smtp;
mod storage;
mod support;
mod tidy;
mod token;
mod web;
