//! linkpost sends e-mail campaigns with single-use sign-in links: nobody twice, nobody silently skipped.
//!
//! The rooms in reading order. Each uses only the rooms that the table of arrows in `ARCHITECTURE.md` grants it, and no
//! file imports what leads back to it: a test holds both.
//!
//! The path of a mail: [`pipeline`] is the product on one screen.
//!
//! - [`campaign`]: what goes to whom and when, from a file; [`schedule`] knows when.
//! - [`sources`]: the files of the list, fresh and whole; [`audience`]: the people on it, row by row.
//! - [`occasion`]: one occasion of a campaign, from its files to its end.
//! - [`ledger`]: the only place with memory; who may send what, and what became of it.
//! - [`token`]: the secret in each link.
//! - [`email`]: words and bytes; [`message`] is what it hands on.
//! - [`delivery`]: the SMTP conversation with the relays, and the outbox of a preview.
//! - [`pacing`]: how fast, how many, and what the relays think of us.
//! - [`replies`]: whose fault a refusal is, of a relay or of a token service.
//!
//! The way back: [`web`] is the pages behind the links; [`doctor`] visits them as machines do.
//! [`feedback`] reads what a relay's log says of a mail whose answer was lost.
//!
//! For looking at: [`sandbox`] is a relay of our own on loopback; `gallery` shows mails in a browser.
//!
//! Around it:
//!
//! - [`cli`] and [`commands`]: a verb per file or folder; [`console`]: what the verbs share.
//! - [`settings`]: `linkpost.toml`, the environment, secrets.
//! - [`ui`]: everything that is printed.
//! - [`problem`], [`exit`], [`clock`], [`toml_file`], [`private_file`], [`scratch`]: one shape for mistakes,
//!   what exit codes mean, the time, strict TOML, files that nobody else may read, folders that are gone at the end.
//! - [`hash`]: SHA-256; [`digits`]: numbers as people read them.
//! - `tls`: whom the system trusts; [`https`], [`ping`]: requests to services, and the monitor that is told how the ticks end.
//! - `failpoint`: where a test lets the program die; empty in a release.

pub mod audience;
pub mod campaign;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod console;
pub mod delivery;
pub mod digits;
pub mod doctor;
pub mod email;
pub mod exit;
mod failpoint;
pub mod feedback;
mod gallery;
pub mod hash;
pub mod https;
pub mod ledger;
pub mod message;
pub mod occasion;
pub mod pacing;
pub mod ping;
pub mod pipeline;
pub mod private_file;
pub mod problem;
pub mod replies;
pub mod sandbox;
pub mod schedule;
pub mod scratch;
pub mod settings;
pub mod sources;
mod tls;
pub mod token;
pub mod toml_file;
pub mod ui;
pub mod web;
