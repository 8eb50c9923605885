//! The built program, verb by verb, and what all verbs keep: whose name a campaign is, what a printed command does, what
//! `--quiet` says.

mod due;
mod go_on;
mod owner;
mod paused;
mod preview;
mod quiet;
mod resolve;
mod retry;
mod send;
