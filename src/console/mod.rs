//! What the verbs share: between the core, which knows no words, and the person at the terminal or the log of cron.
//!
//! - `arguments`: the options that several verbs understand, as data; `command_line`: the commands that are printed.
//! - `failure`, `causes`: how a verb fails, and what each cause of the core is as an exit code with a remedy.
//! - `files`: the files that a command names; `name_owner`: whose a campaign's name is; `list_files`: the list of
//!   a campaign, found and moved away; `books`: the books that a verb is about.
//! - `list_news`, `run_news`, `clerk`, `times`: what the core reports, in words.
//! - `deliver`, `signals`: a run with its progress in view, until a signal ends it.

mod arguments;
pub(crate) mod books;
mod causes;
pub(crate) mod clerk;
pub(crate) mod command_line;
pub(crate) mod deliver;
mod failure;
pub(crate) mod files;
pub(crate) mod list_files;
pub(crate) mod list_news;
pub(crate) mod name_owner;
pub(crate) mod run_news;
pub(crate) mod signals;
pub(crate) mod times;

pub(crate) use arguments::Accepted;
pub(crate) use arguments::spelled;
pub use arguments::{AcceptArgs, Global, ListArgs, WhomArgs};
pub(crate) use causes::{OWN_OCCASION, changed_words};
pub use failure::Failure;
