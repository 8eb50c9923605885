//! Where a message goes: a relay over SMTP, or a folder. A reply becomes an [`crate::ledger::Outcome`].

pub mod sandbox;
