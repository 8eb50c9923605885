//! The built program, verb by verb, and what all verbs keep: whose name a campaign is, what a printed command does, what
//! `--quiet` says.

mod check;
mod doctor;
mod due;
mod go_on;
mod keys;
mod ledger;
mod owner;
mod paused;
mod preview;
mod quiet;
mod recall;
mod resolve;
mod retry;
mod send;
mod serve;
mod status;
mod suppress;
