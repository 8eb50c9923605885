//! A verb per file or folder: arguments → parts → core → words for the user. What several verbs share is in
//! [`crate::console`].

pub mod check;
pub mod doctor;
pub mod due;
pub mod keys;
pub mod ledger;
pub mod preview;
pub mod purge;
pub mod recall;
pub mod resolve;
pub mod retry;
pub mod send;
pub mod serve;
pub mod status;
pub mod suppress;
