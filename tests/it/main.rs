//! The one integration test binary: a file per thing the user does or the machine suffers.

mod audience;
mod email;
mod ledger;
mod ledger_desk;
mod ledger_file;
mod ledger_tries;
mod outbox;
mod sandbox;
mod smtp;
mod support;
mod token;
