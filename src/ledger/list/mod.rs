//! Taking in a list: its rows, its files, and what is remembered of it.

pub(super) mod batch;
pub(super) mod enlistment;
mod files;
mod mark;
mod plan;

pub use enlistment::Enlistment;
pub use files::{NewFile, TakenFile};
pub use mark::{ListMark, NewMark};
pub use plan::{Duplicate, Plan};
