//! Where lists come from: the file of the day, the newest, all new ones, or what a program prints.
//!
//! A list that is stale or still being written is refused. What is moved away is moved once everybody on it is settled.
//!
//! - `found`: a list as it was found, and whether it is fresh.
//! - `files`: finding and reading its files; `error`: why there is none.
//! - `program`: running the program that prints it; `unrunnable`: why it could not be run.
//! - `done`: moving away what is done.

mod done;
mod error;
mod files;
mod found;
mod program;
mod unrunnable;

pub use done::move_done;
pub use error::ListError;
pub use files::FoundFile;
pub use found::List;
