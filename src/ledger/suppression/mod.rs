//! People who get no mail of any campaign any more: known by their address, their user id, or a hash of either.

mod check;
mod desk;
mod entry;
mod hashes;

pub(in crate::ledger) use check::{because, suppressed};
pub(in crate::ledger) use desk::of_mail;
pub use desk::{Person, SuppressedBy, Suppression};
pub use entry::Whom;
pub(in crate::ledger) use entry::{Wish, end_all, find, put};
pub(in crate::ledger) use hashes::{hash_of_address, hash_of_user, recognise};
