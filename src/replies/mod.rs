//! Whose fault is a refusal? One room reads what relays and token services answer, and says so.
//!
//! The rules are data: [`Rules::shipped`] holds those of `rules.toml` beside this file, and a file of the user's own
//! goes in front of them ([`Rules::with`]). A rule looks at the step of the conversation, the reply code (RFC 5321
//! §4.2), the enhanced status code (RFC 3463 and its IANA registry) and the words; the first that fits decides. Words
//! that name the matter go before codes, since providers use one code for many things.
//!
//! Nothing in here decides what follows: that is for the pipeline, and for the ledger's outcomes.

mod fault;
mod file;
mod rule;
mod rules;
mod status;
mod words;

pub use fault::{Fault, Identity, Reading, Refusal, Step};
pub use rules::{Row, Rules};
pub use status::{EnhancedCode, leading};
pub use words::sameness;
