//! The writes of every mail: intents, outcomes, claims given back, notes about Clerk's tokens. They share a commit.

pub(super) mod clerk_notes;
pub(super) mod intention;
pub(super) mod mail_once;
pub(super) mod release;
pub(super) mod settlement;

pub use clerk_notes::{Asked, LiveToken, Question, TokenEnd, TokenKind, hash_of};
pub(super) use clerk_notes::{Note, Noted};
pub(super) use intention::Intention;
pub(super) use settlement::Settlement;
