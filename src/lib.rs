//! linkpost sends e-mail campaigns with single-use sign-in links: nobody twice, nobody silently skipped.
//!
//! The modules, in reading order; each depends only on those below it in the picture of `ARCHITECTURE.md`:
//!
//! - [`campaign`]: what goes to whom and when, from a file.
//! - [`audience`]: the list of people, row by row.
//! - [`ledger`]: the only place with memory; who may send what, and what became of it.
//! - [`token`]: the secret in each link.
//! - [`email`]: words and bytes.
//! - [`delivery`]: the SMTP conversation.
//! - [`problem`] and [`clock`]: one shape for mistakes, one source of time.

pub mod audience;
pub mod campaign;
pub mod clock;
pub mod delivery;
pub mod email;
pub mod ledger;
pub mod problem;
pub mod settings;
pub mod token;
pub mod toml_file;
